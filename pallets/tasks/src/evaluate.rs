//! Who scores a task's models, and what they found.

use crate::*;
use quern_market::{Ballot, Duty, EvaluationVote, Role, seams::Draw};

/// How a task ends, and the evaluators who voted with the outcome.
pub(crate) type Ending<T> = (End, Vec<AccountIdOf<T>>);

impl<T: Config> Pallet<T> {
    /// Does what an evaluation is due for: draws evaluators, or counts a ballot that is over.
    pub(crate) fn evaluate(id: TaskId, task: &mut TaskOf<T>, now: u32) -> Option<Ending<T>> {
        let Stage::Evaluating(evaluation) = &mut task.stage else {
            return None;
        };
        match evaluation.ballot.take() {
            Some(ballot) if ballot.is_over(now) => Self::count(id, task, &ballot),
            Some(ballot) => {
                evaluation.ballot = Some(ballot);
                None
            }
            None => Self::draw_evaluators(id, task, now),
        }
    }

    /// Draws evaluators; the task fails if there are none, or too few can be had for long.
    fn draw_evaluators(id: TaskId, task: &mut TaskOf<T>, now: u32) -> Option<Ending<T>> {
        let mut excluded = task.owners();
        excluded.push(task.client.clone());
        let drawn = T::Tickets::draw(&Draw {
            role: Role::Evaluator,
            wanted: task.order.evaluators,
            seed: Self::seed(id, Role::Evaluator),
            duty: Duty::Evaluate(id),
            order: None,
            excluded: &excluded,
        });
        let Stage::Evaluating(evaluation) = &mut task.stage else {
            return None;
        };
        // With fewer than there are, whoever keeps the others busy could decide alone.
        let others = T::Tickets::others(Role::Evaluator, &excluded);
        let least = task.order.evaluators.min(others).max(1);
        if drawn.len() < least as usize {
            for (ticket, _) in drawn {
                T::Tickets::relieve(ticket, Duty::Evaluate(id));
            }
            evaluation.empty = evaluation.empty.saturating_add(1);
            let client = core::slice::from_ref(&task.client);
            let hopeless = evaluation.empty >= MAX_EMPTY_DRAWS
                || T::Tickets::others(Role::Evaluator, client) == 0;
            return hopeless.then(|| (End::Failed(None), Vec::new()));
        }
        Self::deposit_event(Event::EvaluatorsDrawn {
            task: id,
            tickets: drawn.iter().map(|(ticket, _)| *ticket).collect(),
        });
        let (commit, reveal) = (T::CommitWithin::get(), T::RevealWithin::get());
        evaluation.ballot = Some(Ballot::new(drawn, now, commit, reveal));
        evaluation.ballots = evaluation.ballots.saturating_add(1);
        evaluation.empty = 0;
        None
    }

    /// Has evaluators with the outcome paid from the emission, together no more than [`fee::emission`].
    fn reward(task: &TaskOf<T>, agreed: &[T::AccountId]) {
        let runs = task.finished().len() as u128;
        let macs = task.order.scoring_macs().saturating_mul(runs);
        let each = fee::emission(task.fee) / (agreed.len() as u128).max(1);
        for who in agreed {
            T::Voters::scored(who, macs, each);
        }
    }

    /// Counts a ballot that is over: the task's end, or `None` if evaluators are to be drawn anew.
    fn count(
        id: TaskId,
        task: &TaskOf<T>,
        ballot: &Ballot<T::AccountId, EvaluationVote>,
    ) -> Option<Ending<T>> {
        let outcome = score::outcome(ballot);
        let mut agreed = Vec::new();
        for seat in &ballot.seats {
            T::Tickets::relieve(seat.ticket, Duty::Evaluate(id));
            let deed = match (&seat.vote, &outcome) {
                (None, _) => Deed::Absent,
                (Some(_), None) => continue,
                (Some(EvaluationVote::Scores(scores)), Some(outcome)) if scores == outcome => {
                    agreed.push(seat.voter.clone());
                    Deed::Agreed
                }
                (Some(_), Some(_)) => Deed::Diverged,
            };
            T::Reputation::note(&seat.voter, deed);
        }
        Self::reward(task, &agreed);
        let ballots = match &task.stage {
            Stage::Evaluating(evaluation) => evaluation.ballots,
            _ => MAX_BALLOTS,
        };
        match outcome {
            Some(scores) => {
                let best = score::best(&scores);
                let reached = best.filter(|best| score::reaches(best.correct, &task.order));
                let end = reached.map_or(End::Failed(best), End::Completed);
                Some((end, agreed))
            }
            None if ballots < MAX_BALLOTS => None,
            None if score::is_unserved(ballot) => Some((End::Unserved, agreed)),
            None => Some((End::Failed(None), agreed)),
        }
    }
}
