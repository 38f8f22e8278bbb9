//! What holds between any two calls.

use crate::*;
use alloc::collections::BTreeMap;
use frame::{deps::sp_runtime::TryRuntimeError, traits::fungible::InspectHold};

impl<T: Config> Pallet<T> {
    /// Fees of unfinished tasks are held, exactly; the counters, the agenda and the seats fit the tasks.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let (mut unfinished, mut demand) = (0u32, 0u128);
        let (kept, mut cancelled) = (Cancelled::<T>::get(), 0);
        let mut fees = BTreeMap::<T::AccountId, u128>::new();
        for (id, task) in Tasks::<T>::iter() {
            ensure!(id < NextTask::<T>::get(), "tasks: a task from the future");
            ensure!(!Commons::<T>::contains_key(id), "tasks: an id used twice");
            let fee = fees.entry(task.client.clone()).or_default();
            if task.end() == Some(End::Cancelled) {
                ensure!(kept.contains(&id), "tasks: a cancelled task stays for ever");
                cancelled = cancelled.saturating_add(1);
            }
            if task.end().is_some() {
                ensure!(
                    !Verifiers::<T>::contains_key(id),
                    "tasks: votes of an ended task"
                );
                ensure!(
                    !Agenda::<T>::contains_key(task.wake, id),
                    "tasks: an ended task is due"
                );
                continue;
            }
            *fee = fee.saturating_add(task.fee);
            unfinished = unfinished.saturating_add(1);
            demand = demand.saturating_add(task.order.macs());
            ensure!(
                Agenda::<T>::contains_key(task.wake, id),
                "tasks: a task is never due"
            );
            let seats = (task.miners.len() as u32).saturating_add(task.vacancies);
            ensure!(
                seats <= task.order.workers,
                "tasks: more seats than workers"
            );
            let mut owners: Vec<_> = task.miners.iter().map(|miner| &miner.owner).collect();
            owners.sort();
            owners.dedup();
            ensure!(
                owners.len() == task.miners.len(),
                "tasks: an owner has two seats"
            );
        }
        ensure!(
            unfinished == Unfinished::<T>::get(),
            "tasks: miscounted tasks"
        );
        ensure!(demand == Demand::<T>::get(), "tasks: miscounted demand");
        ensure!(cancelled == kept.len(), "tasks: miscounted cancelled tasks");
        for (client, fees) in fees {
            let held = T::Currency::balance_on_hold(&HoldReason::Fee.into(), &client);
            ensure!(held == fees, "tasks: fees and holds differ");
        }
        let mut due = 0u32;
        for (block, _, ()) in Agenda::<T>::iter() {
            ensure!(
                block >= Cursor::<T>::get(),
                "tasks: a task due in a block gone by"
            );
            due = due.saturating_add(1);
        }
        ensure!(due == unfinished, "tasks: a task due twice");
        Ok(())
    }
}
