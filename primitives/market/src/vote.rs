//! What auditors and evaluators answer.

use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quern_work::{
    Hash,
    hash::{Context, derive},
    merkle::{leaf, root_from_path},
};
use scale_info::TypeInfo;

use crate::{AuditId, Claim, RunId, SegmentResult, claim::MAX_SEGMENTS, order::MAX_WORKERS};

/// Most segments that one auditor re-executes for one claim.
pub const MAX_DRAWN_SEGMENTS: u32 = 4;

/// Longest path in a trace: log₂ of [`MAX_SEGMENTS`].
pub const MAX_TRACE_PATH: u32 = MAX_SEGMENTS.ilog2();

/// Longest path to a step of a segment: log₂ of the most steps that one can have.
pub const MAX_STEP_PATH: u32 = 32;

const VOTE: Context = Context::new("quern/v1/vote");
const STEP: Context = Context::new("quern/v1/vote-step");

/// What an auditor found in one drawn segment.
#[derive(
    Clone, Debug, Decode, DecodeWithMemTracking, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo,
)]
pub struct Executed {
    /// What executing it gave.
    pub result: SegmentResult,
    /// Path of its leaf in the claim's trace, as the author served it.
    pub path: BoundedVec<Hash, ConstU32<MAX_TRACE_PATH>>,
    /// A step of the segment that sealed a block under other weights than it has.
    pub false_seal: Option<u64>,
    /// Weights root with which the step began that the auditor is [asked](Question::step) for.
    pub step_root: Hash,
    /// Path of its leaf under the result's `steps_root`.
    pub step_path: BoundedVec<Hash, ConstU32<MAX_STEP_PATH>>,
}

/// What one auditor of one ballot is asked for, besides the results of the drawn segments: to open one step
/// of each.
///
/// Revealed votes are public, and a claim without an outcome is voted on again. Results alone could then be
/// copied; but every auditor of every ballot is asked for other steps, which only executing tells.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The audit.
    pub audit: AuditId,
    /// Its ballots before this one.
    pub redraws: u32,
    /// The auditor's account.
    pub voter: &'a [u8; 32],
}

impl Question<'_> {
    /// The step, of the `steps` of a claim's segment, that is to be opened; 0 of none.
    pub fn step(&self, segment: u32, steps: u32) -> u32 {
        let parts: [&[u8]; 4] = [
            &self.audit.to_le_bytes(),
            &self.redraws.to_le_bytes(),
            self.voter,
            &segment.to_le_bytes(),
        ];
        let [a, b, c, d, e, f, g, h, ..] = derive(STEP, &parts);
        let random = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        // Below a u32; the bias is below 2⁻³².
        random.checked_rem(steps.into()).unwrap_or(0) as u32
    }
}

/// An auditor's answer.
#[derive(
    Clone, Debug, Decode, DecodeWithMemTracking, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo,
)]
pub enum AuditVote {
    /// The drawn segments, in the order drawn.
    Executed(BoundedVec<Executed, ConstU32<MAX_DRAWN_SEGMENTS>>),
    /// The author did not serve what executing them takes.
    NotServed,
}

impl AuditVote {
    /// Whether the answer proves the claim on the drawn segments: every result is a leaf of the trace and
    /// opens the step asked for, the last one ends in the claimed root and metric, and no seal was false.
    pub fn agrees(
        &self,
        claim: &Claim,
        segments: u32,
        drawn: &[u32],
        question: Question<'_>,
    ) -> bool {
        let Self::Executed(found) = self else {
            return false;
        };
        let length = claim.to.saturating_sub(claim.from);
        let steps = length.checked_div(segments.into()).unwrap_or(0);
        let Ok(steps) = u32::try_from(steps) else {
            return false;
        };
        found.len() == drawn.len()
            && found.iter().zip(drawn).all(|(executed, &index)| {
                let result = &executed.result;
                let root = root_from_path(index, segments, result.leaf(index), &executed.path);
                let step = question.step(index, steps);
                let opened = leaf(step.into(), &executed.step_root);
                let opened = root_from_path(step, steps, opened, &executed.step_path);
                let last = index.checked_add(1) == Some(segments);
                let ends = (result.state_root, result.correct) == (claim.state_root, claim.metric);
                executed.false_seal.is_none()
                    && root == Some(claim.trace_root)
                    && opened == Some(result.steps_root)
                    && (!last || ends)
            })
    }
}

/// Right answers of one run's final model on the held-out rows.
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
pub struct Score {
    /// The run.
    pub run: RunId,
    /// Right answers.
    pub correct: u32,
}

/// An evaluator's answer.
#[derive(
    Clone, Debug, Decode, DecodeWithMemTracking, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo,
)]
pub enum EvaluationVote {
    /// All finished runs, by ascending id.
    Scores(BoundedVec<Score, ConstU32<MAX_WORKERS>>),
    /// A model, or the held-out rows, were not served.
    NotServed,
}

/// The digest that commits `account` to a vote on a subject (an audit or a task) until it is revealed.
pub fn commitment<V: Encode>(subject: u64, account: &[u8; 32], vote: &V, salt: &Hash) -> Hash {
    let vote: Vec<u8> = vote.encode();
    derive(VOTE, &[&subject.to_le_bytes(), account, &vote, salt])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{steps_tree, trace_tree};
    use alloc::vec;
    use hex_literal::hex;
    use proptest::prelude::*;

    const SEGMENTS: u32 = 5;

    /// Steps of each segment.
    const STEPS: u32 = 8;

    const QUESTION: Question<'_> = Question {
        audit: 9,
        redraws: 1,
        voter: &[5; 32],
    };

    /// Weights roots of a segment's steps.
    fn roots(index: u32) -> Vec<Hash> {
        (0..STEPS)
            .map(|step| [(index * STEPS + step) as u8; 32])
            .collect()
    }

    fn result(index: u32) -> SegmentResult {
        SegmentResult {
            start_root: [1; 32],
            state_root: [2; 32],
            steps_root: steps_tree(&roots(index)).root(),
            correct: 4 + index,
        }
    }

    fn claim() -> Claim {
        let digests: Vec<Hash> = (0..SEGMENTS).map(|index| result(index).digest()).collect();
        Claim {
            run: 7,
            from: 16,
            to: 56,
            state_root: [2; 32],
            trace_root: trace_tree(&digests).root(),
            starts_root: [3; 32],
            metric: 4 + SEGMENTS - 1,
        }
    }

    /// What executing these segments of the claim truly gives to whom this is asked.
    fn answer(drawn: &[u32], question: Question<'_>) -> Vec<Executed> {
        let digests: Vec<Hash> = (0..SEGMENTS).map(|index| result(index).digest()).collect();
        let tree = trace_tree(&digests);
        drawn
            .iter()
            .map(|&index| {
                let step = question.step(index, STEPS) as usize;
                Executed {
                    result: result(index),
                    path: tree.path(index as usize).try_into().unwrap(),
                    false_seal: None,
                    step_root: roots(index)[step],
                    step_path: steps_tree(&roots(index)).path(step).try_into().unwrap(),
                }
            })
            .collect()
    }

    fn executed(drawn: &[u32]) -> Vec<Executed> {
        answer(drawn, QUESTION)
    }

    fn agrees(claim: &Claim, found: Vec<Executed>, drawn: &[u32]) -> bool {
        let vote = AuditVote::Executed(found.try_into().unwrap());
        vote.agrees(claim, SEGMENTS, drawn, QUESTION)
    }

    // The digests are those of an independent BLAKE3 over bytes laid out by hand.

    #[test]
    fn the_commitments_of_votes_are_the_golden_ones() {
        let commitment = |vote: &AuditVote| commitment(9, &[5; 32], vote, &[6; 32]);
        let result = SegmentResult {
            start_root: [1; 32],
            state_root: [2; 32],
            steps_root: [3; 32],
            correct: 4,
        };
        let executed = Executed {
            result,
            path: vec![[7; 32], [8; 32]].try_into().unwrap(),
            false_seal: None,
            step_root: [10; 32],
            step_path: vec![[11; 32]].try_into().unwrap(),
        };
        assert_eq!(
            commitment(&AuditVote::Executed(vec![executed].try_into().unwrap())),
            hex!("467c04f15327146f9d041e42fd1eee8c7bc955d35de53d5dc425bd2c476b1ce0")
        );
        assert_eq!(
            commitment(&AuditVote::NotServed),
            hex!("65c8c0ab72327389a8935fea58bdefdd0d471cdec2178e6b1b2ed169bd7835b2")
        );
        let score = Score {
            run: 10,
            correct: 11,
        };
        let scores = EvaluationVote::Scores(vec![score].try_into().unwrap());
        assert_eq!(
            super::commitment(9, &[5; 32], &scores, &[6; 32]),
            hex!("e811e9a445bbc9e2e041795ac213523a779428514c6043a083caf72d8be96665")
        );
    }

    #[test]
    fn the_steps_asked_for_are_the_golden_ones() {
        assert_eq!([256, 1_000].map(|steps| QUESTION.step(2, steps)), [3, 587]);
        assert_eq!([0, 1].map(|steps| QUESTION.step(2, steps)), [0, 0]);
    }

    #[test]
    fn another_voters_or_another_ballots_vote_does_not_answer() {
        let others = [
            Question {
                voter: &[6; 32],
                ..QUESTION
            },
            Question {
                redraws: 2,
                ..QUESTION
            },
            Question {
                audit: 10,
                ..QUESTION
            },
        ];
        let drawn = [0, 1, 2, 4];
        for other in others {
            let asked = |question: Question<'_>| drawn.map(|index| question.step(index, STEPS));
            assert_ne!(asked(other), asked(QUESTION));
            assert!(!agrees(&claim(), answer(&drawn, other), &drawn));
            let vote = AuditVote::Executed(answer(&drawn, other).try_into().unwrap());
            assert!(vote.agrees(&claim(), SEGMENTS, &drawn, other));
        }
    }

    #[test]
    fn a_commitment_is_bound_to_subject_voter_vote_and_salt() {
        let vote = AuditVote::NotServed;
        let digest = commitment(9, &[5; 32], &vote, &[6; 32]);
        assert_ne!(commitment(8, &[5; 32], &vote, &[6; 32]), digest);
        assert_ne!(commitment(9, &[6; 32], &vote, &[6; 32]), digest);
        assert_ne!(commitment(9, &[5; 32], &vote, &[5; 32]), digest);
        let other = AuditVote::Executed(BoundedVec::new());
        assert_ne!(commitment(9, &[5; 32], &other, &[6; 32]), digest);
    }

    #[test]
    fn true_results_agree_and_data_that_were_not_served_do_not() {
        for drawn in [&[0, 4][..], &[4], &[1, 2, 3], &[3, 1]] {
            assert!(agrees(&claim(), executed(drawn), drawn));
        }
        assert!(!AuditVote::NotServed.agrees(&claim(), SEGMENTS, &[], QUESTION));
    }

    #[test]
    fn other_segments_than_those_drawn_do_not_agree() {
        let claim = claim();
        assert!(!agrees(&claim, executed(&[1]), &[2]));
        assert!(!agrees(&claim, executed(&[1]), &[1, 2]));
        assert!(!agrees(&claim, executed(&[1, 2]), &[1]));
        assert!(!agrees(&claim, executed(&[2, 1]), &[1, 2]));
        assert!(!agrees(&claim, executed(&[1]), &[u32::MAX]));
    }

    #[test]
    fn a_false_seal_or_another_result_does_not_agree() {
        let lies: [fn(&mut Executed); 8] = [
            |found| found.false_seal = Some(17),
            |found| found.result.start_root[0] ^= 1,
            |found| found.result.state_root[0] ^= 1,
            |found| found.result.steps_root[0] ^= 1,
            |found| found.result.correct += 1,
            |found| found.path[0][0] ^= 1,
            |found| found.step_root[0] ^= 1,
            |found| found.step_path[0][0] ^= 1,
        ];
        for lie in lies {
            let mut found = executed(&[1, 4]);
            lie(&mut found[0]);
            assert!(!agrees(&claim(), found, &[1, 4]));
        }
    }

    #[test]
    fn the_last_segment_must_end_in_the_claimed_root_and_metric() {
        let lies: [fn(&mut Claim); 2] = [
            |claim| claim.state_root = [9; 32],
            |claim| claim.metric += 1,
        ];
        for lie in lies {
            let mut claim = claim();
            lie(&mut claim);
            assert!(agrees(&claim, executed(&[1]), &[1]));
            assert!(!agrees(&claim, executed(&[1, 4]), &[1, 4]));
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_decode_to_a_vote_that_encodes_to_them_or_to_none(
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
            drawn in prop::collection::vec(any::<u32>(), 0..5),
            segments: u32,
        ) {
            let mut input = &bytes[..];
            if let Ok(vote) = AuditVote::decode(&mut input) {
                prop_assert_eq!(vote.encode(), &bytes[..bytes.len() - input.len()]);
                let _ = vote.agrees(&claim(), segments, &drawn, QUESTION);
            }
        }

        #[test]
        fn a_long_vote_is_refused_whatever_its_length_says(length in 5..1_000_000u32) {
            let bytes = [&[0][..], &codec::Compact(length).encode(), &[0; 4000]].concat();
            prop_assert!(AuditVote::decode(&mut &bytes[..]).is_err());
        }
    }
}
