//! Runs: how one is opened, and whose it is.

use crate::*;
use frame::traits::tokens::Precision;
use quern_api::PendingClaim;
use quern_market::{Role, seams};
use quern_work::hash::{self, Context};

impl<T: Config> Pallet<T> {
    /// Opens a run whose seed follows from the parent block and the run's id.
    pub(crate) fn insert_run(
        task: TaskId,
        ticket: TicketId,
        owner: T::AccountId,
        deposit: u128,
    ) -> Result<RunId, DispatchError> {
        let spec = T::Tasks::spec(task).ok_or(Error::<T>::UnknownTask)?;
        ensure!(
            T::Tickets::owner(ticket).as_ref() == Some(&owner),
            Error::<T>::NotTheTicketsOwner
        );
        ensure!(
            T::Tickets::licenses(ticket, Role::Miner),
            Error::<T>::NotAMinersTicket
        );
        let id = NextRun::<T>::get();
        RunsOf::<T>::try_mutate(&owner, |runs| runs.try_push(id))
            .map_err(|_| Error::<T>::TooManyRuns)?;
        T::Tasks::open(task, ticket, id)?;
        let seed = hash::derive(Context::RUN, &[&Luck::<T>::get(), &id.to_le_bytes()]);
        let steps = T::Tasks::steps(task);
        let length = (spec.segment, steps);
        Runs::<T>::insert(id, Run::new(task, owner, ticket, seed, length, deposit));
        Endless::<T>::mutate(|runs| *runs = runs.saturating_add(steps.is_none().into()));
        NextRun::<T>::put(id.saturating_add(1));
        Ok(id)
    }

    /// Closes a run and returns its deposit.
    pub(crate) fn remove_run(id: RunId, run: &Run<T::AccountId>) -> DispatchResult {
        let last = run.steps.is_none() && Endless::<T>::get() <= 1;
        ensure!(!last, Error::<T>::LastRun);
        ensure!(T::Rewards::vesting(id) == 0, Error::<T>::StillVesting);
        // A commitment alone binds nobody; an audit must not lose its claim.
        ensure!(!run.has_claim(u32::MAX, 0), Error::<T>::ClaimPending);
        let reason = HoldReason::Run.into();
        T::Currency::release(&reason, &run.owner, run.deposit, Precision::Exact)?;
        Runs::<T>::remove(id);
        RunsOf::<T>::mutate(&run.owner, |runs| runs.retain(|other| *other != id));
        Endless::<T>::mutate(|runs| {
            *runs = runs.saturating_sub(u32::from(run.steps.is_none()));
        });
        Self::unseal(id);
        T::Tasks::closed(run.task, id);
        Ok(())
    }

    /// The run, if `owner` owns it and its ticket is live: there is stake to lose for a false claim.
    pub(crate) fn staked(run: RunId, owner: &T::AccountId) -> Result<Run<T::AccountId>, Error<T>> {
        let found = Self::owned(run, owner)?;
        let staked = T::Tickets::licenses(found.ticket, Role::Miner);
        ensure!(staked, Error::<T>::NotAMinersTicket);
        Ok(found)
    }

    /// The run, if `owner` owns it.
    pub(crate) fn owned(run: RunId, owner: &T::AccountId) -> Result<Run<T::AccountId>, Error<T>> {
        let found = Runs::<T>::get(run).ok_or(Error::<T>::UnknownRun)?;
        ensure!(found.owner == *owner, Error::<T>::NotTheAuthor);
        Ok(found)
    }

    /// The block being executed.
    pub(crate) fn now() -> u32 {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }
}

impl<T: Config> seams::Runs for Pallet<T> {
    fn under_audit(run: RunId) -> bool {
        let pending = Runs::<T>::get(run).and_then(|run| run.pending);
        matches!(pending, Some(PendingClaim::Revealed { .. }))
    }
}
