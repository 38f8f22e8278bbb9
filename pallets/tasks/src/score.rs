//! What a ballot of evaluators says, free of storage.

use alloc::vec::Vec;
use frame::prelude::{BoundedVec, ConstU32};
use quern_market::{
    Ballot, EvaluationVote, Order, RunId, Score,
    order::{MAX_WORKERS, MILLION},
};
use quern_work::TILE;

/// Right answers of every finished run, by ascending run.
pub type Scores = BoundedVec<Score, ConstU32<MAX_WORKERS>>;

/// Whether a vote speaks of exactly these runs, with no more right answers than there are rows.
pub fn is_about(vote: &EvaluationVote, runs: &[RunId], order: &Order) -> bool {
    match vote {
        EvaluationVote::NotServed => true,
        EvaluationVote::Scores(scores) => {
            let voted: Vec<RunId> = scores.iter().map(|score| score.run).collect();
            let rows = held_out_rows(order);
            voted == runs && scores.iter().all(|score| u64::from(score.correct) <= rows)
        }
    }
}

/// The scores that a ballot [decides](decided) on.
pub fn outcome<AccountId: PartialEq>(ballot: &Ballot<AccountId, EvaluationVote>) -> Option<Scores> {
    match decided(ballot)? {
        EvaluationVote::Scores(scores) => Some(scores.clone()),
        EvaluationVote::NotServed => None,
    }
}

/// Whether a ballot [decides](decided) that it was not served what scoring takes.
pub fn is_unserved<AccountId: PartialEq>(ballot: &Ballot<AccountId, EvaluationVote>) -> bool {
    decided(ballot) == Some(&EvaluationVote::NotServed)
}

/// What at least two thirds of the revealed votes say, if at least half of the seats, and one, have revealed.
fn decided<AccountId: PartialEq>(
    ballot: &Ballot<AccountId, EvaluationVote>,
) -> Option<&EvaluationVote> {
    let revealed = ballot.votes().count();
    if revealed == 0 || 2 * revealed < ballot.seats.len() {
        return None;
    }
    ballot.votes().map(|(_, vote)| vote).find(|vote| {
        let same = ballot.votes().filter(|(_, other)| other == vote).count();
        3 * same >= 2 * revealed
    })
}

/// The run with most right answers; of several the one with the lowest id.
pub fn best(scores: &[Score]) -> Option<Score> {
    scores.iter().copied().reduce(|best, score| {
        if score.correct > best.correct {
            score
        } else {
            best
        }
    })
}

/// Whether so many right answers on the held-out rows reach the order's target.
pub fn reaches(correct: u32, order: &Order) -> bool {
    let wanted = u128::from(order.target) * u128::from(held_out_rows(order));
    u128::from(correct) * u128::from(MILLION) >= wanted
}

fn held_out_rows(order: &Order) -> u64 {
    u64::from(order.held_out.row_blocks) * TILE as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::order;
    use proptest::{collection::vec, prelude::*};

    fn scores(correct: &[u32]) -> EvaluationVote {
        let scores: Vec<Score> = (7..)
            .zip(correct)
            .map(|(run, correct)| Score {
                run,
                correct: *correct,
            })
            .collect();
        EvaluationVote::Scores(scores.try_into().unwrap())
    }

    /// A ballot in which these votes are revealed, and so many more seats are silent.
    fn ballot(votes: &[EvaluationVote], silent: usize) -> Ballot<u8, EvaluationVote> {
        let voters = (0..votes.len() + silent).map(|i| (i as u64, i as u8));
        let mut ballot = Ballot::new(voters, 0, 10, 10);
        for (seat, vote) in ballot.seats.iter_mut().zip(votes) {
            seat.commitment = Some([0; 32]);
            seat.vote = Some(vote.clone());
        }
        ballot
    }

    #[test]
    fn two_thirds_of_the_revealed_votes_make_an_outcome() {
        let (right, wrong) = (scores(&[5]), scores(&[6]));
        let EvaluationVote::Scores(expected) = &right else {
            unreachable!()
        };
        let agree = [wrong.clone(), right.clone(), right.clone()];
        assert_eq!(outcome(&ballot(&agree, 0)).as_ref(), Some(expected));
        let split = [right.clone(), wrong];
        assert_eq!(outcome(&ballot(&split, 0)), None);
        let unserved = [EvaluationVote::NotServed, EvaluationVote::NotServed, right];
        assert_eq!(outcome(&ballot(&unserved, 0)), None);
        assert!(is_unserved(&ballot(&unserved, 0)));
        assert!(!is_unserved(&ballot(&unserved[1..], 0)));
        assert!(!is_unserved(&ballot(&unserved[..1], 2)));
    }

    #[test]
    fn half_of_the_seats_must_have_revealed() {
        let right = [scores(&[5])];
        assert!(outcome(&ballot(&right, 0)).is_some());
        assert!(outcome(&ballot(&right, 1)).is_some());
        assert!(outcome(&ballot(&right, 2)).is_none());
        assert!(outcome(&ballot(&[], 0)).is_none());
        assert!(outcome(&ballot(&[], 3)).is_none());
    }

    #[test]
    fn the_best_run_has_most_right_answers_and_the_lowest_id() {
        let score = |run, correct| Score { run, correct };
        assert_eq!(best(&[]), None);
        let scores = [score(2, 5), score(3, 9), score(4, 9)];
        assert_eq!(best(&scores), Some(score(3, 9)));
    }

    #[test]
    fn a_target_is_reached_exactly_at_its_share_of_the_rows() {
        let mut order = order();
        order.held_out.row_blocks = 4;
        order.target = 750_000;
        assert!(reaches(48, &order) && !reaches(47, &order));
        order.target = 750_001;
        assert!(!reaches(48, &order));
        order.target = 0;
        assert!(reaches(0, &order));
    }

    #[test]
    fn a_vote_names_every_finished_run_once_and_possible_answers() {
        let mut order = order();
        order.held_out.row_blocks = 1;
        assert!(is_about(&scores(&[16, 3]), &[7, 8], &order));
        assert!(is_about(&EvaluationVote::NotServed, &[7, 8], &order));
        assert!(!is_about(&scores(&[17, 3]), &[7, 8], &order));
        assert!(!is_about(&scores(&[16]), &[7, 8], &order));
        assert!(!is_about(&scores(&[16, 3]), &[7], &order));
        assert!(!is_about(&scores(&[1, 3]), &[8, 7], &order));
    }

    proptest! {
        #[test]
        fn at_most_one_outcome_is_possible(
            votes in vec(0..3u32, 0..9),
            silent in 0..9usize,
            turn in 0..9usize,
        ) {
            let votes: Vec<_> = votes.iter().map(|correct| scores(&[*correct])).collect();
            let mut turned = votes.clone();
            turned.rotate_left(turn.checked_rem(votes.len()).unwrap_or(0));
            let silent = silent.min(9 - votes.len());
            prop_assert_eq!(outcome(&ballot(&votes, silent)), outcome(&ballot(&turned, silent)));
        }
    }
}
