//! Benchmark of the hook.

use crate::*;
use frame::benchmarking::prelude::*;
use quern_market::seams::VoterRewards;

#[benchmarks]
mod benchmarks {
    use super::*;

    /// A block's emission, and the payment of `v` votes by as many accounts.
    #[benchmark]
    fn on_finalize(v: Linear<0, VOTES_PER_BLOCK>) {
        Emitted::<T>::put(0);
        for voter in 0..v {
            Pallet::<T>::voted(&account("voter", voter, 0));
        }

        #[block]
        {
            Pallet::<T>::on_finalize(1u32.into());
        }

        assert!(Pending::<T>::get() > 0);
        assert!(Voted::<T>::get().is_empty());
    }
}
