//! Tasks, as runs see them.

use crate::*;
use quern_market::{Duty, seams::TaskBook};

impl<T: Config> TaskBook<T::AccountId> for Pallet<T> {
    fn spec(task: TaskId) -> Option<TaskSpec> {
        Commons::<T>::get(task).or_else(|| Tasks::<T>::get(task).map(|task| task.order.spec))
    }

    fn steps(task: TaskId) -> Option<u64> {
        Tasks::<T>::get(task).map(|task| task.order.steps)
    }

    fn open(task: TaskId, ticket: TicketId, run: RunId) -> DispatchResult {
        if Commons::<T>::contains_key(task) {
            let licensed = T::Tickets::licenses(ticket, Role::Miner);
            ensure!(licensed, Error::<T>::NotAMinersTicket);
            return Ok(());
        }
        let mut paid = Tasks::<T>::get(task).ok_or(Error::<T>::UnknownTask)?;
        ensure!(paid.is_training(), Error::<T>::NotTraining);
        let now = Self::now();
        ensure!(paid.open(ticket, run, now), Error::<T>::NotAssigned);
        Self::keep(task, paid, now);
        Ok(())
    }

    fn accepted(
        task: TaskId,
        run: RunId,
        to: u64,
        macs: u128,
        state_root: Hash,
        verifiers: &[T::AccountId],
    ) {
        let now = Self::now();
        let Some(mut paid) = Tasks::<T>::get(task) else {
            return;
        };
        if !paid.accept(run, to, macs, state_root, now) {
            return;
        }
        if paid.is_training() {
            Self::keep(task, paid, now);
        } else {
            Self::keep_for_draw(task, paid, now);
        }
        Verifiers::<T>::mutate(task, |counts| {
            for verifier in verifiers {
                match counts.iter_mut().find(|(who, _)| who == verifier) {
                    Some((_, votes)) => *votes = votes.saturating_add(1),
                    // Those beyond the bound have their share of emission, but none of this fee.
                    None => drop(counts.try_push((verifier.clone(), 1))),
                }
            }
        });
    }

    fn rejected(task: TaskId, run: RunId) {
        let Some(mut paid) = Tasks::<T>::get(task).filter(Task::is_training) else {
            return;
        };
        // Unless as many were replaced as may be.
        let Some(miner) = paid.seat_of(run).and_then(|ticket| paid.vacate(ticket)) else {
            return;
        };
        T::Tickets::relieve(miner.ticket, Duty::Mine(task));
        Self::keep_for_draw(task, paid, Self::now());
        Self::deposit_event(Event::Replaced {
            task,
            ticket: miner.ticket,
            slashed: 0,
        });
    }

    fn lapsed(task: TaskId, run: RunId) {
        let Some(mut paid) = Tasks::<T>::get(task) else {
            return;
        };
        if paid.is_training() {
            paid.lapse(run, Self::now());
            Tasks::<T>::insert(task, paid);
        }
    }

    fn closed(task: TaskId, run: RunId) {
        let Some(mut paid) = Tasks::<T>::get(task) else {
            return;
        };
        if paid.is_training() {
            let now = Self::now();
            paid.close(run, now);
            Self::keep(task, paid, now);
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(spec: TaskSpec, owner: &T::AccountId, ticket: TicketId) -> TaskId {
        benchmarking::seated::<T>(spec, owner, ticket)
    }
}
