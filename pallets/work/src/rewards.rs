//! What the pallet asks of the one that keeps worker shares.

use core::ops::Range;
use frame::prelude::DispatchResult;
use quern_market::RunId;

/// Where worker shares vest.
pub trait WorkRewards<AccountId> {
    /// The last block's worker share vests on this segment of the run.
    fn vest(run: RunId, owner: &AccountId, segment: u64);

    /// Pays out what vests on these segments.
    fn release(run: RunId, owner: &AccountId, segments: Range<u64>) -> DispatchResult;

    /// Burns all that vests on the run.
    fn burn(run: RunId, owner: &AccountId);

    /// Gives all that vests on the run to `to`; what `to` can't take is burnt.
    fn forfeit(run: RunId, owner: &AccountId, to: &AccountId);

    /// What still vests on the run.
    fn vesting(run: RunId) -> u128;

    /// Puts a worker share aside, as the end of a block does.
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare();
}
