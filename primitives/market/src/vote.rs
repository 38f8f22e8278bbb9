//! What auditors and evaluators answer.

use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quern_work::{
    Hash,
    hash::{Context, derive},
    merkle::root_from_path,
};
use scale_info::TypeInfo;

use crate::{Claim, RunId, SegmentResult, claim::MAX_SEGMENTS, order::MAX_WORKERS};

/// Most segments that one auditor re-executes for one claim.
pub const MAX_DRAWN_SEGMENTS: u32 = 4;

/// Longest path in a trace: log₂ of [`MAX_SEGMENTS`].
pub const MAX_TRACE_PATH: u32 = MAX_SEGMENTS.ilog2();

const VOTE: Context = Context::new("quern/v1/vote");

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
    /// Whether the answer proves the claim on the drawn segments: every result is a leaf of the trace,
    /// the last one ends in the claimed root and metric, and no seal was false.
    pub fn agrees(&self, claim: &Claim, segments: u32, drawn: &[u32]) -> bool {
        let Self::Executed(found) = self else {
            return false;
        };
        found.len() == drawn.len()
            && found.iter().zip(drawn).all(|(executed, &index)| {
                let leaf = executed.result.leaf(index);
                let root = root_from_path(index, segments, leaf, &executed.path);
                let last = index.checked_add(1) == Some(segments);
                let ends = (executed.result.state_root, executed.result.correct)
                    == (claim.state_root, claim.metric);
                executed.false_seal.is_none() && root == Some(claim.trace_root) && (!last || ends)
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
    use crate::claim::trace_tree;
    use alloc::vec;
    use hex_literal::hex;
    use proptest::prelude::*;

    const SEGMENTS: u32 = 5;

    fn result(index: u32) -> SegmentResult {
        SegmentResult {
            start_root: [1; 32],
            state_root: [2; 32],
            steps_root: [3; 32],
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

    /// What executing these segments of the claim truly gives.
    fn executed(drawn: &[u32]) -> Vec<Executed> {
        let digests: Vec<Hash> = (0..SEGMENTS).map(|index| result(index).digest()).collect();
        let tree = trace_tree(&digests);
        drawn
            .iter()
            .map(|&index| Executed {
                result: result(index),
                path: tree.path(index as usize).try_into().unwrap(),
                false_seal: None,
            })
            .collect()
    }

    fn agrees(claim: &Claim, found: Vec<Executed>, drawn: &[u32]) -> bool {
        let vote = AuditVote::Executed(found.try_into().unwrap());
        vote.agrees(claim, SEGMENTS, drawn)
    }

    // The digests are those of an independent BLAKE3 over bytes laid out by hand.

    #[test]
    fn the_commitments_of_votes_are_the_golden_ones() {
        let commitment = |vote: &AuditVote| commitment(9, &[5; 32], vote, &[6; 32]);
        let executed = Executed {
            result: result(0),
            path: vec![[7; 32], [8; 32]].try_into().unwrap(),
            false_seal: None,
        };
        assert_eq!(
            commitment(&AuditVote::Executed(vec![executed].try_into().unwrap())),
            hex!("5deeb5b26be3ab4c8bebfd7124718ce1f8e06ace47f3ab715043af200c414b3b")
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
        assert!(!AuditVote::NotServed.agrees(&claim(), SEGMENTS, &[]));
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
        let lies: [fn(&mut Executed); 6] = [
            |found| found.false_seal = Some(17),
            |found| found.result.start_root[0] ^= 1,
            |found| found.result.state_root[0] ^= 1,
            |found| found.result.steps_root[0] ^= 1,
            |found| found.result.correct += 1,
            |found| found.path[0][0] ^= 1,
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
                let _ = vote.agrees(&claim(), segments, &drawn);
            }
        }

        #[test]
        fn a_long_vote_is_refused_whatever_its_length_says(length in 5..1_000_000u32) {
            let bytes = [&[0][..], &codec::Compact(length).encode(), &[0; 4000]].concat();
            prop_assert!(AuditVote::decode(&mut &bytes[..]).is_err());
        }
    }
}
