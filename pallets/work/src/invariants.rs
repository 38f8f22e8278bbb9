//! What holds between any two calls.

use crate::*;
use frame::{deps::sp_runtime::TryRuntimeError, traits::fungible::InspectHold};
use quern_api::PendingClaim;

impl<T: Config> Pallet<T> {
    /// Every run is filed under its owner, has a task, and its deposit is held; what has sealed is on
    /// record, and claims are where the run says they are.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let mut endless = 0u32;
        for (id, run) in Runs::<T>::iter() {
            endless = endless.saturating_add(run.steps.is_none().into());
            ensure!(
                T::Tasks::spec(run.task).is_some(),
                "work: a run without a task"
            );
            ensure!(id < NextRun::<T>::get(), "work: a run from the future");
            ensure!(
                RunsOf::<T>::get(&run.owner).contains(&id),
                "work: an unfiled run"
            );
            let audited = match run.pending {
                Some(PendingClaim::Revealed { to, .. }) => to,
                _ => run.accepted,
            };
            ensure!(
                run.accepted <= audited && audited == run.committed,
                "work: committed steps that no claim under audit covers"
            );
            ensure!(
                run.steps.is_none_or(|end| run.committed <= end),
                "work: a claim past the run's end"
            );
            ensure!(
                Sealed::<T>::iter_key_prefix(id)
                    .all(|step| step >= run.accepted && run.paid.contains(&step)),
                "work: a seal on record that never earned, or was audited"
            );
        }
        ensure!(
            Sealed::<T>::iter_keys().all(|(run, _)| Runs::<T>::contains_key(run)),
            "work: seals of no run"
        );
        ensure!(
            endless == Endless::<T>::get(),
            "work: runs without end are miscounted"
        );
        let mut filed = 0u32;
        for (owner, runs) in RunsOf::<T>::iter() {
            filed = filed.saturating_add(runs.len() as u32);
            let deposits = runs
                .iter()
                .filter_map(Runs::<T>::get)
                .fold(0u128, |sum, run| sum.saturating_add(run.deposit));
            ensure!(
                T::Currency::balance_on_hold(&HoldReason::Run.into(), &owner) == deposits,
                "work: deposits and holds differ"
            );
        }
        ensure!(
            filed == Runs::<T>::count(),
            "work: filed runs and runs differ"
        );
        Ok(())
    }
}
