//! The end of a task: its fee leaves the hold to the last unit, and its tickets are free again.

use crate::{
    fee::{Parties, Settlement, Verdict},
    *,
};
use frame::traits::tokens::{Fortitude, Precision, Restriction};
use quern_market::Duty;

impl<T: Config> Pallet<T> {
    /// Ends a task.
    pub(crate) fn end(id: TaskId, mut task: TaskOf<T>, end: End, agreed: &[T::AccountId]) {
        Agenda::<T>::remove(task.wake, id);
        Self::relieve(id, &task);
        let macs = task.order.macs();
        Demand::<T>::mutate(|demand| *demand = demand.saturating_sub(macs));
        Unfinished::<T>::mutate(|tasks| *tasks = tasks.saturating_sub(1));

        let verdict = match end {
            End::Completed(_) => Verdict::Completed,
            End::Failed(_) => Verdict::Failed,
            End::Unserved => Verdict::Unserved,
            End::Expired => Verdict::Expired { ordered: macs },
            End::Cancelled => Verdict::Cancelled,
        };
        let parties = Self::parties(id, &task, agreed);
        let settled = fee::settle(task.fee, verdict, &parties);
        Self::deposit_event(Event::Ended { task: id, end });
        Self::pay_out(id, &task.client, task.fee, settled);
        task.stage = Stage::Ended(end);
        task.vacancies = 0;
        Tasks::<T>::insert(id, task);
        if end == End::Cancelled {
            Self::forget_all_but_the_latest(id);
        }
    }

    /// A task was cancelled: the oldest one of those on record is forgotten if they are too many. It ran
    /// nothing that anybody could ask for later.
    fn forget_all_but_the_latest(id: TaskId) {
        Cancelled::<T>::mutate(|kept| {
            if kept.is_full() {
                Tasks::<T>::remove(kept.remove(0));
            }
            // There is room now.
            let _ = kept.try_push(id);
        });
    }

    /// Frees the tickets of everybody who has a duty to the task.
    fn relieve(id: TaskId, task: &TaskOf<T>) {
        for miner in &task.miners {
            T::Tickets::relieve(miner.ticket, Duty::Mine(id));
        }
        if let Some((ticket, _)) = task.supervisor {
            T::Tickets::relieve(ticket, Duty::Supervise(id));
        }
        if let Stage::Evaluating(Evaluation {
            ballot: Some(ballot),
            ..
        }) = &task.stage
        {
            for seat in &ballot.seats {
                T::Tickets::relieve(seat.ticket, Duty::Evaluate(id));
            }
        }
    }

    fn parties(id: TaskId, task: &TaskOf<T>, agreed: &[T::AccountId]) -> Parties<T::AccountId> {
        let miners = task
            .miners
            .iter()
            .map(|miner| (miner.owner.clone(), miner.macs));
        let former = task
            .former
            .iter()
            .map(|former| (former.owner.clone(), former.macs));
        Parties {
            miners: miners.chain(former).collect(),
            supervisor: task.supervisor.as_ref().map(|(_, who)| who.clone()),
            evaluators: agreed.to_vec(),
            verifiers: Verifiers::<T>::take(id).into_inner(),
        }
    }

    /// Moves the fee out of the client's hold. What can't be paid to somebody (an account that it is too
    /// little to create) goes to the pool, and what the pool can't take is burnt.
    fn pay_out(id: TaskId, client: &T::AccountId, fee: u128, settled: Settlement<T::AccountId>) {
        let reason: T::RuntimeHoldReason = HoldReason::Fee.into();
        let send = |to: &T::AccountId, amount: u128| {
            amount == 0
                || if to == client {
                    T::Currency::release(&reason, client, amount, Precision::Exact).is_ok()
                } else {
                    T::Currency::transfer_on_hold(
                        &reason,
                        client,
                        to,
                        amount,
                        Precision::Exact,
                        Restriction::Free,
                        Fortitude::Force,
                    )
                    .is_ok()
                }
        };
        let mut left = fee;
        let mut paid = 0u128;
        for (who, amount) in &settled.paid {
            if send(who, *amount) {
                paid = paid.saturating_add(*amount);
                Self::deposit_event(Event::Paid {
                    task: id,
                    who: who.clone(),
                    amount: *amount,
                });
            }
        }
        left = left.saturating_sub(paid);
        let refunded = if send(client, settled.refunded) {
            settled.refunded
        } else {
            0
        };
        left = left.saturating_sub(refunded);
        let rest = left.saturating_sub(settled.burnt);
        let pooled = if send(&T::Pool::get(), rest) { rest } else { 0 };
        let burnt = left.saturating_sub(pooled);
        let burning =
            T::Currency::burn_held(&reason, client, burnt, Precision::Exact, Fortitude::Force);
        if let Err(error) = burning {
            defensive!("tasks: a fee is not held", error);
        }
        Self::deposit_event(Event::Settled {
            task: id,
            paid,
            refunded,
            pooled,
            burnt,
        });
    }
}
