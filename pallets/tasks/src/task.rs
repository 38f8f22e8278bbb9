//! A paid task's life, free of storage.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame::prelude::{BoundedVec, ConstU32};
use quern_market::{
    Ballot, EvaluationVote, Order, RunId, Score, TicketId,
    order::{MAX_EVALUATORS, MAX_WORKERS},
};
use quern_work::Hash;
use scale_info::TypeInfo;

use crate::miner::{Former, MAX_FORMER, Miner, Progress};

/// Blocks between two attempts to draw, while nobody is there to be drawn.
pub const RETRY: u32 = 10;

/// Most ballots of one task: the first, and two more if it has no outcome.
pub const MAX_BALLOTS: u32 = 3;

/// Most draws of evaluators in a row that find too few.
pub const MAX_EMPTY_DRAWS: u32 = 30;

/// Blocks from what makes a draw necessary to the draw: its randomness is of a seal that does not exist before.
pub const DRAW_AFTER: u32 = 2;

/// Cancelled tasks that stay on record: the latest.
pub const MAX_CANCELLED: u32 = 64;

/// Most verifiers that share a task's fee: the first to agree.
pub const MAX_VERIFIERS: u32 = 32;

const _: () = assert!(MAX_EVALUATORS <= quern_market::ballot::MAX_SEATS);

/// A task that a client pays for.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Task<AccountId> {
    /// Who pays.
    pub client: AccountId,
    /// What for.
    pub order: Order,
    /// Held from the client until the end.
    pub fee: u128,
    /// Block of the submission.
    pub submitted: u32,
    /// Last block of the training.
    pub deadline: u32,
    /// Where it stands.
    pub stage: Stage<AccountId>,
    /// Who trains it; no owner twice.
    pub miners: BoundedVec<Miner<AccountId>, ConstU32<MAX_WORKERS>>,
    /// Seats of replaced miners that wait for another.
    pub vacancies: u32,
    /// Replaced miners.
    pub former: BoundedVec<Former<AccountId>, ConstU32<MAX_FORMER>>,
    /// Who keeps its clock.
    pub supervisor: Option<(TicketId, AccountId)>,
    /// The supervisor's next round.
    pub round: u32,
    /// Block in which it is looked at next.
    pub wake: u32,
}

/// Where a task stands.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub enum Stage<AccountId> {
    /// Waits for miners.
    Open,
    /// Miners are assigned; none has opened its run yet.
    Assigned,
    /// At least one run was opened.
    Training,
    /// Runs have ended; evaluators score them.
    Evaluating(Evaluation<AccountId>),
    /// Over.
    Ended(End),
}

/// How a task ended.
#[derive(
    Clone,
    Copy,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Encode,
    Eq,
    MaxEncodedLen,
    PartialEq,
    TypeInfo,
)]
pub enum End {
    /// The target was reached, best by this run.
    Completed(Score),
    /// The target was missed, best by this run; or nobody could score the models.
    Failed(Option<Score>),
    /// Nobody could score the models, since the client did not serve the held-out rows.
    Unserved,
    /// The deadline passed before any run ended.
    Expired,
    /// The client took it back before training began.
    Cancelled,
}

/// Evaluators at work.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Evaluation<AccountId> {
    /// The ballot under way; `None` until evaluators are drawn.
    pub ballot: Option<Ballot<AccountId, EvaluationVote>>,
    /// Ballots so far.
    pub ballots: u32,
    /// Draws in a row that found too few.
    pub empty: u32,
}

impl<AccountId: Clone + PartialEq> Task<AccountId> {
    /// A task submitted in block `now`.
    pub fn new(client: AccountId, order: Order, fee: u128, now: u32) -> Self {
        Self {
            client,
            fee,
            submitted: now,
            deadline: now.saturating_add(order.deadline),
            stage: Stage::Open,
            miners: BoundedVec::new(),
            vacancies: 0,
            former: BoundedVec::new(),
            supervisor: None,
            round: 0,
            wake: now.saturating_add(DRAW_AFTER),
            order,
        }
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        match self.stage {
            Stage::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Whether miners are assigned and may train.
    pub fn is_training(&self) -> bool {
        matches!(self.stage, Stage::Assigned | Stage::Training)
    }

    /// Whether no run was opened yet.
    pub fn can_be_cancelled(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Assigned)
    }

    /// Miners to be drawn now.
    pub fn wanted(&self) -> u32 {
        match self.stage {
            Stage::Open => self.order.workers,
            Stage::Assigned | Stage::Training => self.vacancies,
            Stage::Evaluating(_) | Stage::Ended(_) => 0,
        }
    }

    /// Owners of its miners' tickets, replaced ones too.
    pub fn owners(&self) -> Vec<AccountId> {
        let miners = self.miners.iter().map(|miner| miner.owner.clone());
        let former = self.former.iter().map(|former| former.owner.clone());
        miners.chain(former).collect()
    }

    /// Open → Assigned with these miners, if any; later they take vacant seats.
    pub fn assign(&mut self, drawn: &[(TicketId, AccountId)], now: u32) {
        let wanted = self.wanted();
        let mut seated = 0;
        for (ticket, owner) in drawn {
            let miner = Miner {
                ticket: *ticket,
                owner: owner.clone(),
                progress: Progress::Waiting,
                since: now,
                accepted: 0,
                macs: 0,
                state_root: None,
            };
            if seated < wanted && self.miners.try_push(miner).is_ok() {
                seated += 1;
            }
        }
        if seated > 0 && self.stage == Stage::Open {
            self.stage = Stage::Assigned;
        } else {
            self.vacancies = self.vacancies.saturating_sub(seated);
        }
    }

    /// Assigned → Training: a waiting miner opens its run. `false`, and nothing changed, unless the ticket
    /// is one's.
    pub fn open(&mut self, ticket: TicketId, run: RunId, now: u32) -> bool {
        let training = self.is_training();
        let miner = self
            .miners
            .iter_mut()
            .find(|miner| miner.ticket == ticket && miner.progress == Progress::Waiting);
        let Some(miner) = miner.filter(|_| training) else {
            return false;
        };
        miner.progress = Progress::Running(run);
        miner.since = now;
        self.stage = Stage::Training;
        true
    }

    /// Training → Evaluating with the last seat's last claim: credits a run with its steps before `to`.
    /// `false`, and nothing changed, unless it is an assigned miner's.
    pub fn accept(&mut self, run: RunId, to: u64, macs: u128, root: Hash, now: u32) -> bool {
        let training = self.is_training();
        let most = self.order.macs() / u128::from(self.order.workers.max(1));
        let miner = self
            .miners
            .iter_mut()
            .find(|miner| miner.progress == Progress::Running(run));
        let Some(miner) = miner.filter(|_| training) else {
            return false;
        };
        miner.accepted = to;
        miner.macs = miner.macs.saturating_add(macs).min(most);
        miner.state_root = Some(root);
        miner.since = now;
        if to >= self.order.steps {
            miner.progress = Progress::Finished(run);
        }
        if self.is_trained() {
            self.evaluate();
        }
        true
    }

    /// A claim of a run was audited without an outcome in block `now`: the time for the next begins anew.
    pub fn lapse(&mut self, run: RunId, now: u32) {
        let mut miners = self.miners.iter_mut();
        if let Some(miner) = miners.find(|miner| miner.progress == Progress::Running(run)) {
            miner.since = now;
        }
    }

    /// A run was closed: an unfinished one leaves its seat at once to be replaced.
    pub fn close(&mut self, run: RunId, now: u32) {
        let miner = self
            .miners
            .iter_mut()
            .find(|miner| miner.progress == Progress::Running(run));
        if let Some(miner) = miner {
            miner.progress = Progress::Left;
            miner.since = now;
        }
    }

    /// The ticket of the assigned miner that trains in this run.
    pub fn seat_of(&self, run: RunId) -> Option<TicketId> {
        let mut miners = self.miners.iter();
        let miner = miners.find(|miner| miner.progress == Progress::Running(run));
        miner.map(|miner| miner.ticket)
    }

    /// Vacates the seat of this ticket; what was accepted stays credited. `None`, and nothing changed,
    /// if the ticket has no seat or too many have been replaced.
    pub fn vacate(&mut self, ticket: TicketId) -> Option<Miner<AccountId>> {
        let at = self
            .miners
            .iter()
            .position(|miner| miner.ticket == ticket)?;
        let miner = self.miners.get(at)?;
        let former = Former {
            owner: miner.owner.clone(),
            macs: miner.macs,
        };
        self.former.try_push(former).ok()?;
        self.vacancies = self.vacancies.saturating_add(1);
        Some(self.miners.remove(at))
    }

    /// Gives vacant seats up, if some runs are finished and none can be any more.
    pub fn give_up_vacancies(&mut self) {
        if self.is_training() && !self.miners.is_empty() && self.all_finished() {
            self.evaluate();
        }
    }

    /// Whether the deadline doesn't matter in block `now`: it has not passed, or training is over.
    pub fn has_time(&self, now: u32) -> bool {
        now <= self.deadline || !(self.stage == Stage::Open || self.is_training())
    }

    /// Training is over after the deadline: → Evaluating if a run has ended. Otherwise `false`.
    pub fn close_training(&mut self) -> bool {
        let any = !self.finished().is_empty();
        if any {
            self.evaluate();
        }
        any
    }

    /// The evaluators' ballot.
    pub fn ballot(&mut self) -> Option<&mut Ballot<AccountId, EvaluationVote>> {
        match &mut self.stage {
            Stage::Evaluating(evaluation) => evaluation.ballot.as_mut(),
            _ => None,
        }
    }

    /// The finished runs, ascending.
    pub fn finished(&self) -> Vec<RunId> {
        let finished = |miner: &Miner<AccountId>| match miner.progress {
            Progress::Finished(run) => Some(run),
            _ => None,
        };
        let mut runs: Vec<RunId> = self.miners.iter().filter_map(finished).collect();
        runs.sort_unstable();
        runs
    }

    /// The block after `now` in which something happens to the task by itself; what could not be drawn is
    /// tried again after `retry` blocks.
    pub fn next_wake(&self, now: u32, retry: u32) -> u32 {
        let retry = now.saturating_add(retry);
        let end = self.deadline.saturating_add(1);
        let at = match &self.stage {
            Stage::Open => retry.min(end),
            Stage::Assigned | Stage::Training if self.vacancies > 0 => retry.min(end),
            Stage::Assigned | Stage::Training => end,
            Stage::Evaluating(evaluation) => match &evaluation.ballot {
                None if evaluation.empty == 0 => now.saturating_add(DRAW_AFTER),
                None => retry,
                Some(ballot) if ballot.is_over(now) => now,
                Some(ballot) if now <= ballot.commit_until => ballot.commit_until.saturating_add(1),
                Some(ballot) => ballot.reveal_until.saturating_add(1),
            },
            Stage::Ended(_) => u32::MAX,
        };
        at.max(now.saturating_add(1))
    }

    fn all_finished(&self) -> bool {
        let done = |miner: &Miner<AccountId>| matches!(miner.progress, Progress::Finished(_));
        self.miners.iter().all(done)
    }

    /// Whether every seat's run has ended.
    fn is_trained(&self) -> bool {
        self.vacancies == 0 && self.all_finished()
    }

    fn evaluate(&mut self) {
        self.vacancies = 0;
        self.stage = Stage::Evaluating(Evaluation {
            ballot: None,
            ballots: 0,
            empty: 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        miner::{Lateness, Pace},
        mock::order,
    };
    use alloc::vec;

    const PACE: Pace = Pace {
        start: 10,
        progress: 30,
    };

    /// A task of two miners, tickets 5 and 6, assigned in block 2.
    fn assigned() -> Task<u8> {
        let order = Order {
            workers: 2,
            ..order()
        };
        let mut task = Task::new(1, order, 100, 1);
        task.assign(&[(5, 50), (6, 60)], 2);
        task
    }

    fn steps() -> u64 {
        order().steps
    }

    #[test]
    fn a_task_without_miners_stays_open_and_tries_again() {
        let mut task = Task::new(1u8, order(), 100, 1);
        task.assign(&[], 2);
        assert_eq!((&task.stage, task.next_wake(2, RETRY)), (&Stage::Open, 12));
        assert_eq!(task.wanted(), order().workers);
        task.assign(&[(5, 50)], 12);
        assert_eq!((&task.stage, task.vacancies), (&Stage::Assigned, 0));
        assert_eq!(task.next_wake(12, RETRY), task.deadline + 1);
    }

    #[test]
    fn only_an_assigned_miner_that_waits_opens_a_run() {
        let mut task = assigned();
        assert!(!task.open(7, 1, 3));
        assert_eq!(task.stage, Stage::Assigned);
        assert!(task.open(5, 1, 3) && !task.open(5, 2, 3));
        assert_eq!(task.stage, Stage::Training);
        task.stage = Stage::Ended(End::Expired);
        assert!(!task.open(6, 2, 3));
    }

    #[test]
    fn evaluation_begins_when_every_seat_has_finished() {
        let mut task = assigned();
        assert!(task.open(5, 9, 3) && task.open(6, 8, 3));
        assert!(!task.accept(7, steps(), 1, [0; 32], 4));
        assert!(task.accept(9, steps(), 1, [1; 32], 4));
        assert!(!task.accept(9, steps(), 1, [1; 32], 4));
        assert!(task.is_training());
        assert!(task.accept(8, steps() - 1, 1, [2; 32], 5));
        assert!(task.accept(8, steps(), 1, [3; 32], 6));
        assert!(matches!(task.stage, Stage::Evaluating(_)));
        assert_eq!(task.finished(), [8, 9]);
        assert_eq!(task.miners[1].macs, 2);
        assert_eq!(task.next_wake(6, RETRY), 8);
    }

    #[test]
    fn no_miner_is_credited_with_more_than_its_run() {
        let mut task = assigned();
        task.open(5, 9, 3);
        task.accept(9, 1, u128::MAX, [0; 32], 4);
        assert_eq!(task.miners[0].macs, task.order.macs() / 2);
    }

    #[test]
    fn a_miner_is_late_after_its_time_and_very_late_after_twice_that() {
        let mut task = assigned();
        let lateness = |task: &Task<u8>, now| task.miners[0].lateness(PACE, now);
        assert_eq!(lateness(&task, 12), Lateness::OnTime);
        assert_eq!(lateness(&task, 13), Lateness::Late);
        assert_eq!(lateness(&task, 22), Lateness::Late);
        assert_eq!(lateness(&task, 23), Lateness::VeryLate);
        task.open(5, 9, 20);
        assert_eq!(lateness(&task, 50), Lateness::OnTime);
        assert_eq!(lateness(&task, 51), Lateness::Late);
        assert_eq!(lateness(&task, 81), Lateness::VeryLate);
        task.close(9, 40);
        assert_eq!(lateness(&task, 41), Lateness::Late);
        assert_eq!(lateness(&task, 51), Lateness::VeryLate);
        assert!(!task.accept(9, steps(), 1, [0; 32], 42));
    }

    #[test]
    fn a_finished_miner_is_never_late_even_if_its_run_is_closed() {
        let mut task = assigned();
        task.open(5, 9, 3);
        task.accept(9, steps(), 1, [0; 32], 4);
        task.close(9, 5);
        assert_eq!(task.miners[0].lateness(PACE, u32::MAX), Lateness::OnTime);
        assert_eq!(task.miners[0].progress.run(), Some(9));
    }

    #[test]
    fn a_replaced_miner_keeps_its_credit_and_its_seat_waits_for_another() {
        let mut task = assigned();
        task.open(5, 9, 3);
        task.accept(9, 1, 70, [0; 32], 4);
        assert_eq!(task.vacate(7), None);
        assert_eq!(task.vacate(5).map(|miner| miner.owner), Some(50));
        assert_eq!((task.vacancies, task.wanted()), (1, 1));
        assert_eq!(
            task.former[0],
            Former {
                owner: 50,
                macs: 70
            }
        );
        assert_eq!(task.owners(), vec![60, 50]);
        task.assign(&[(7, 70), (8, 80)], 40);
        assert_eq!((task.vacancies, task.miners.len()), (0, 2));
        assert_eq!(task.miners[1].ticket, 7);
    }

    #[test]
    fn vacant_seats_are_given_up_only_when_all_others_have_finished() {
        let mut task = assigned();
        task.open(5, 9, 3);
        task.vacate(6);
        task.give_up_vacancies();
        assert!(task.is_training());
        task.accept(9, steps(), 1, [0; 32], 4);
        assert!(task.is_training(), "a seat is vacant");
        task.give_up_vacancies();
        assert!(matches!(task.stage, Stage::Evaluating(_)));
        let mut empty = assigned();
        empty.vacate(5);
        empty.vacate(6);
        empty.give_up_vacancies();
        assert!(empty.is_training());
    }

    #[test]
    fn no_more_miners_are_replaced_than_are_remembered() {
        let mut task = assigned();
        for ticket in 0..u64::from(MAX_FORMER) {
            task.vacate(task.miners[0].ticket).unwrap();
            task.assign(&[(100 + ticket, 0)], 3);
        }
        let last = task.miners[0].ticket;
        assert_eq!(task.vacate(last), None);
        assert_eq!(task.miners.len(), 2);
    }

    #[test]
    fn the_deadline_leads_to_evaluation_if_a_run_has_ended() {
        let mut task = assigned();
        task.open(5, 9, 3);
        assert!(!task.close_training());
        assert!(task.is_training());
        task.accept(9, steps(), 1, [0; 32], 4);
        assert!(task.close_training());
        assert!(matches!(task.stage, Stage::Evaluating(_)));
    }

    #[test]
    fn a_ballot_is_looked_at_when_digests_and_when_votes_are_due() {
        let mut task = assigned();
        task.evaluate();
        let ballot = Ballot::new([(1, 1), (2, 2)], 10, 5, 5);
        task.stage = Stage::Evaluating(Evaluation {
            ballot: Some(ballot),
            ballots: 1,
            empty: 0,
        });
        assert_eq!(task.next_wake(10, RETRY), 16);
        let Stage::Evaluating(Evaluation {
            ballot: Some(ballot),
            ..
        }) = &mut task.stage
        else {
            unreachable!()
        };
        ballot.commit(&1, 11, [0; 32]).unwrap();
        assert_eq!(task.next_wake(16, RETRY), 21);
        assert_eq!(task.next_wake(21, RETRY), 22);
    }
}
