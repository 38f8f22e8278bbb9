//! Who trains a task, and who keeps its clock.

use crate::{miner::Miner, *};
use quern_market::{Duty, Role, seams::Draw};

impl<T: Config> Pallet<T> {
    /// Draws miners for the seats that are free, if any, and with the first ones a supervisor.
    pub(crate) fn assign(id: TaskId, task: &mut TaskOf<T>, now: u32) {
        let wanted = task.wanted();
        if wanted == 0 {
            return;
        }
        let first = task.stage == Stage::Open;
        let mut excluded = task.owners();
        excluded.extend(task.supervisor.iter().map(|(_, who)| who.clone()));
        let drawn = T::Tickets::draw(&Draw {
            role: Role::Miner,
            wanted,
            seed: Self::seed(id, Role::Miner),
            duty: Duty::Mine(id),
            order: Some(&task.order),
            excluded: &excluded,
        });
        task.assign(&drawn, now);
        if drawn.is_empty() {
            task.give_up_vacancies();
            return;
        }
        if first {
            let mut interested = task.owners();
            interested.push(task.client.clone());
            let drawn = T::Tickets::draw(&Draw {
                role: Role::Supervisor,
                wanted: 1,
                seed: Self::seed(id, Role::Supervisor),
                duty: Duty::Supervise(id),
                order: None,
                excluded: &interested,
            });
            task.supervisor = drawn.into_iter().next();
        }
        Self::deposit_event(Event::Assigned {
            task: id,
            miners: drawn.into_iter().map(|(ticket, _)| ticket).collect(),
            supervisor: task.supervisor.as_ref().map(|(ticket, _)| *ticket),
        });
    }

    /// Last block in which a miner is on time; `None` if it waits for nobody but others.
    pub(crate) fn due(miner: &Miner<T::AccountId>) -> Option<u32> {
        let audited = miner.progress.run().is_some_and(T::Runs::under_audit);
        miner.due(Self::pace()).filter(|_| !audited)
    }

    /// Whether a miner is late now; not while a claim of its run is being audited.
    fn lateness(miner: &Miner<T::AccountId>) -> Lateness {
        match Self::due(miner) {
            Some(_) => miner.lateness(Self::pace(), Self::now()),
            None => Lateness::OnTime,
        }
    }

    /// Vacates the seat of a late miner on the word of `who`.
    pub(crate) fn dismiss(
        id: TaskId,
        task: &mut TaskOf<T>,
        ticket: TicketId,
        who: &T::AccountId,
    ) -> DispatchResult {
        let miner = task.miners.iter().find(|miner| miner.ticket == ticket);
        let miner = miner.ok_or(Error::<T>::NotAssigned)?;
        let supervisor = task.supervisor.as_ref().map(|(_, supervisor)| supervisor);
        let absent = match Self::lateness(miner) {
            Lateness::OnTime => Err(Error::<T>::NotLate),
            Lateness::Late if supervisor == Some(who) => Ok(None),
            Lateness::Late => Err(Error::<T>::NotTheSupervisor),
            Lateness::VeryLate => Ok(supervisor.filter(|supervisor| *supervisor != who).cloned()),
        }?;
        let late = task.vacate(ticket).ok_or(Error::<T>::TooManyReplaced)?;
        // One of whom nothing was accepted may have waited for the client's data in vain.
        let slashed = if late.accepted > 0 {
            let reporter = (late.owner != *who).then_some(who);
            T::Tickets::slash(ticket, LATE, reporter)
        } else {
            0
        };
        T::Tickets::relieve(ticket, Duty::Mine(id));
        T::Reputation::note(&late.owner, Deed::Absent);
        if let Some(supervisor) = absent {
            T::Reputation::note(&supervisor, Deed::Absent);
        }
        Self::deposit_event(Event::Replaced {
            task: id,
            ticket,
            slashed,
        });
        Ok(())
    }
}
