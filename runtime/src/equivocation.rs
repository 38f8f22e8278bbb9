//! What becomes of validators that vote for two chains at once.
//!
//! Whoever sees two votes of one key in one round reports them: a node that makes blocks by an unsigned
//! extrinsic of its own block, anybody else by a signed one. GRANDPA's pallet checks the votes, and that the
//! session of the proof belongs to the set that they are of; Tickets knows whose the key was then, and
//! punishes.

use crate::{
    AccountId, Grandpa, Hash, Runtime, RuntimeCall, Tickets, UncheckedExtrinsic,
    configs::SessionLength, parameters::tickets::Unbonding,
};
use alloc::vec::Vec;
use pallet_tickets::seats::Key;
use polkadot_sdk::{
    frame_support::{traits::Get, weights::Weight},
    frame_system::offchain::{CreateBare, CreateTransactionBase},
    pallet_grandpa::{self, EquivocationOffence, EquivocationReportSystem, TimeSlot},
    pallet_session, sp_consensus_grandpa,
    sp_runtime::{Perbill, Permill},
    sp_staking::offence::{Offence, OffenceError, ReportOffence},
};

/// Takes reports, as GRANDPA's pallet has them checked.
pub type Reports = EquivocationReportSystem<Runtime, Convictions, Tickets, Longevity>;

/// Two votes of one key.
pub type Votes = sp_consensus_grandpa::EquivocationProof<Hash, crate::BlockNumber>;

/// Who voted in the session of two votes.
pub type Seats = pallet_tickets::Seats<AccountId>;

/// Sessions for which a vote can be reported after its own: two fewer than a stake unbonds for, since who
/// retires validates until the end of the next session. That one at least.
pub struct ReportWithin;

impl Get<u32> for ReportWithin {
    fn get() -> u32 {
        let sessions = Unbonding::get() / SessionLength::get();
        sessions.saturating_sub(2).max(1)
    }
}

/// Sets of validators of which it is remembered when they voted: one a session for as long as stakes can
/// ever unbond.
pub struct RememberedSets;

impl Get<u64> for RememberedSets {
    fn get() -> u64 {
        (crate::parameters::YEAR / SessionLength::get()).into()
    }
}

/// Blocks for which a report may wait in a pool.
pub struct Longevity;

impl Get<u64> for Longevity {
    fn get() -> u64 {
        u64::from(ReportWithin::get()) * u64::from(SessionLength::get())
    }
}

/// Who votes in the session that begins, each with its key.
pub struct Voters;

impl Get<Vec<(Key, AccountId)>> for Voters {
    fn get() -> Vec<(Key, AccountId)> {
        pallet_session::QueuedKeys::<Runtime>::get()
            .into_iter()
            .map(|(who, keys)| (keys.grandpa.into_inner().into(), who))
            .collect()
    }
}

/// Has who voted for two chains convicted. Reporters get nothing: the first might be the validator itself.
pub struct Convictions;

impl ReportOffence<AccountId, AccountId, EquivocationOffence<AccountId>> for Convictions {
    fn report_offence(
        _: Vec<AccountId>,
        offence: EquivocationOffence<AccountId>,
    ) -> Result<(), OffenceError> {
        let part = |convicts| {
            let part = offence.slash_fraction(convicts);
            Permill::from_rational(part.deconstruct(), Perbill::one().deconstruct())
        };
        let set = offence.time_slot.set_id;
        if Tickets::convict(set, &offence.offender, part) {
            Ok(())
        } else {
            Err(OffenceError::DuplicateReport)
        }
    }

    fn is_known_offence(offenders: &[AccountId], slot: &TimeSlot) -> bool {
        let mut offenders = offenders.iter();
        offenders.all(|who| Tickets::is_convicted(slot.set_id, who))
    }
}

/// The SDK's weight of a report, and that of the conviction.
pub struct ReportWeight;

impl pallet_grandpa::WeightInfo for ReportWeight {
    fn report_equivocation(validators: u32, nominators: u32) -> Weight {
        <() as pallet_grandpa::WeightInfo>::report_equivocation(validators, nominators)
            .saturating_add(Tickets::conviction_weight())
    }

    fn note_stalled() -> Weight {
        <() as pallet_grandpa::WeightInfo>::note_stalled()
    }
}

/// Proves whose this key is in the present session.
pub fn prove(key: sp_consensus_grandpa::AuthorityId) -> Option<Seats> {
    use polkadot_sdk::frame_support::traits::KeyOwnerProofSystem;
    <Tickets as KeyOwnerProofSystem<_>>::prove((sp_consensus_grandpa::KEY_TYPE, key))
}

/// Hands a report to the pool of the node that asks.
pub fn submit(votes: Votes, seats: Seats) -> Option<()> {
    Grandpa::submit_unsigned_equivocation_report(votes, seats)
}

impl<C> CreateTransactionBase<C> for Runtime
where
    RuntimeCall: From<C>,
{
    type Extrinsic = UncheckedExtrinsic;
    type RuntimeCall = RuntimeCall;
}

impl<C> CreateBare<C> for Runtime
where
    RuntimeCall: From<C>,
{
    fn create_bare(call: RuntimeCall) -> UncheckedExtrinsic {
        UncheckedExtrinsic::new_bare(call)
    }
}
