//! What an author says a run reached.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quern_work::{
    Hash, TaskSpec,
    hash::{Context, derive},
    merkle::{Tree, leaf},
};
use scale_info::TypeInfo;

use crate::RunId;

/// Most segments of one claim: the author serves the states at all their starts until the audit ends.
pub const MAX_SEGMENTS: u32 = 64;

const COMMITMENT: Context = Context::new("quern/v1/claim");
const RESULT: Context = Context::new("quern/v1/segment-result");

/// "After the steps `[from, to)` the run's state has this root."
#[derive(
    Clone, Debug, Decode, DecodeWithMemTracking, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo,
)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// First step: where the last accepted claim ended.
    pub from: u64,
    /// Steps covered, a whole number of segments after `from`.
    pub to: u64,
    /// State root after `to` steps.
    pub state_root: Hash,
    /// Root of the trace: the blob of the [`SegmentResult`]s' digests.
    pub trace_root: Hash,
    /// Root of the starts: the blob of the state roots at the segments' starts, 32 bytes each, cut into
    /// chunks of 32 bytes. It says under which roots the author serves those states.
    pub starts_root: Hash,
    /// Right answers over the training batches of the last segment, each before its update.
    pub metric: u32,
}

impl Claim {
    /// What is committed to before the claim is revealed.
    pub fn commitment(&self, author: &[u8; 32], salt: &Hash) -> Hash {
        derive(COMMITMENT, &[author, &self.encode(), salt])
    }

    /// Number of segments, if the claim covers 1 to [`MAX_SEGMENTS`] whole ones.
    pub fn segments(&self, segment: u32) -> Option<u32> {
        let steps = self.to.checked_sub(self.from)?;
        let segment = u64::from(segment);
        if segment == 0 || !self.from.is_multiple_of(segment) || !steps.is_multiple_of(segment) {
            return None;
        }
        let count = u32::try_from(steps / segment).ok()?;
        (1..=MAX_SEGMENTS).contains(&count).then_some(count)
    }
}

/// What executing one segment gives.
///
/// A claim's trace is the blob of its segments' [digests](SegmentResult::digest), 32 bytes each, cut into
/// chunks of 32 bytes: the author serves it, but not what the digests stand for. The state at a
/// segment's start is served to whoever audits it; `steps_root` is not, and only executing the
/// segment gives it, so nobody can vote for a claim without having done its work.
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
pub struct SegmentResult {
    /// State root at the segment's start.
    pub start_root: Hash,
    /// State root at the segment's end.
    pub state_root: Hash,
    /// Root of the [`steps_tree`] of the `weights_root`s that its steps began with.
    pub steps_root: Hash,
    /// Right answers over its batches, each before its update.
    pub correct: u32,
}

impl SegmentResult {
    /// What stands for the result in the trace.
    pub fn digest(&self) -> Hash {
        derive(RESULT, &[&self.encode()])
    }

    /// The trace's leaf for segment `index` of the claim.
    pub fn leaf(&self, index: u32) -> Hash {
        leaf(index.into(), &self.digest())
    }
}

/// The tree over the weights roots of a segment's steps, in order: each can be opened by itself.
///
/// # Panics
/// If there are none.
pub fn steps_tree(weights_roots: &[Hash]) -> Tree {
    tree(weights_roots)
}

/// The tree over a trace: the digests of a claim's segments, in order.
///
/// # Panics
/// If there are none.
pub fn trace_tree(digests: &[Hash]) -> Tree {
    tree(digests)
}

fn tree(hashes: &[Hash]) -> Tree {
    Tree::new((0..).zip(hashes).map(|(i, hash)| leaf(i, hash)).collect())
}

/// MACs of training `steps` steps: three products a layer and row, saturating.
pub fn training_macs(spec: &TaskSpec, steps: u64) -> u128 {
    (3 * u128::from(spec.parameters()))
        .saturating_mul(spec.batch.into())
        .saturating_mul(steps.into())
}

/// Bytes that a verifier fetches to execute `segments` segments again: all rows, and a state a segment;
/// saturating.
pub fn audit_bytes(spec: &TaskSpec, segments: u64) -> u64 {
    let states = segments.saturating_mul(spec.state_bytes());
    spec.dataset.bytes().saturating_add(states)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use hex_literal::hex;
    use proptest::prelude::*;
    use quern_work::merkle::root_from_path;

    fn claim() -> Claim {
        Claim {
            run: 7,
            from: 16,
            to: 32,
            state_root: [1; 32],
            trace_root: [2; 32],
            starts_root: [3; 32],
            metric: 4,
        }
    }

    fn result() -> SegmentResult {
        SegmentResult {
            start_root: [1; 32],
            state_root: [2; 32],
            steps_root: [3; 32],
            correct: 4,
        }
    }

    // The digests are those of an independent BLAKE3 over bytes laid out by hand.

    #[test]
    fn a_claims_commitment_is_the_golden_one() {
        assert_eq!(
            claim().commitment(&[5; 32], &[6; 32]),
            hex!("cff293cb1d586ea02c57fb14c64501375e64fc3fd8dc9ef76385a381041dc1e0")
        );
    }

    #[test]
    fn the_digests_of_a_trace_are_the_golden_ones() {
        assert_eq!(
            result().digest(),
            hex!("19c5bf204f02dc51d6f515167fd124c48feb79fd645113e95f72b89c5de3ca1b")
        );
        for tree in [steps_tree, trace_tree] {
            assert_eq!(
                tree(&[[1; 32], [2; 32], [3; 32]]).root(),
                hex!("00505d6653fdc0a404bb9c056b0cbaa8693fd4bd190c65cfa5da85900c637556")
            );
        }
    }

    #[test]
    fn a_commitment_is_bound_to_author_salt_and_every_part_of_the_claim() {
        let digest = claim().commitment(&[5; 32], &[6; 32]);
        assert_ne!(claim().commitment(&[6; 32], &[6; 32]), digest);
        assert_ne!(claim().commitment(&[5; 32], &[5; 32]), digest);
        let changes: [fn(&mut Claim); 7] = [
            |claim| claim.run += 1,
            |claim| claim.from += 1,
            |claim| claim.to += 1,
            |claim| claim.state_root[0] ^= 1,
            |claim| claim.trace_root[0] ^= 1,
            |claim| claim.starts_root[0] ^= 1,
            |claim| claim.metric += 1,
        ];
        for change in changes {
            let mut other = claim();
            change(&mut other);
            assert_ne!(other.commitment(&[5; 32], &[6; 32]), digest);
        }
    }

    #[test]
    fn a_claim_has_one_to_so_many_whole_segments() {
        let segments = |from, to, segment| {
            Claim {
                from,
                to,
                ..claim()
            }
            .segments(segment)
        };
        assert_eq!(segments(16, 32, 8), Some(2));
        assert_eq!(segments(0, 512, 8), Some(MAX_SEGMENTS));
        assert_eq!(segments(0, 520, 8), None);
        assert_eq!(segments(16, 16, 8), None);
        assert_eq!(segments(32, 16, 8), None);
        assert_eq!(segments(12, 20, 8), None);
        assert_eq!(segments(16, 20, 8), None);
        assert_eq!(segments(16, 32, 0), None);
        assert_eq!(segments(0, u64::MAX, 1), None);
    }

    proptest! {
        #[test]
        fn segments_cover_the_claim_exactly(from: u64, to: u64, segment: u32) {
            if let Some(count) = (Claim { from, to, ..claim() }).segments(segment) {
                prop_assert_eq!(u64::from(count) * u64::from(segment), to - from);
            }
        }

        #[test]
        fn whole_segments_are_counted(first in 0..1000u64, count in 1..=MAX_SEGMENTS, segment in 1..5000u32) {
            let from = first * u64::from(segment);
            let to = from + u64::from(count) * u64::from(segment);
            prop_assert_eq!((Claim { from, to, ..claim() }).segments(segment), Some(count));
        }

        #[test]
        fn every_segment_opens_under_its_index_alone(
            count in 1..=MAX_SEGMENTS,
            index in 0..MAX_SEGMENTS,
            other in 0..MAX_SEGMENTS,
        ) {
            prop_assume!(index < count);
            let results: Vec<SegmentResult> = (0..count)
                .map(|correct| SegmentResult { correct, ..result() })
                .collect();
            let digests: Vec<Hash> = results.iter().map(SegmentResult::digest).collect();
            let tree = trace_tree(&digests);
            let path = tree.path(index as usize);
            let leaf = results[index as usize].leaf(other);
            let opens = root_from_path(other, count, leaf, &path) == Some(tree.root());
            prop_assert_eq!(opens, index == other);
        }

        #[test]
        fn a_claim_decodes_to_itself_and_from_nothing_shorter(cut in 0..124usize) {
            let bytes = claim().encode();
            prop_assert_eq!(bytes.len(), Claim::max_encoded_len());
            prop_assert_eq!(Claim::decode(&mut &bytes[..]), Ok(claim()));
            prop_assert!(Claim::decode(&mut &bytes[..cut]).is_err());
        }
    }
}
