//! Which segments of a claim are re-executed.

use alloc::vec::Vec;
use quern_market::vote::MAX_DRAWN_SEGMENTS;
use quern_work::{Hash, hash::xof};

use crate::types::Drawn;

/// Draws `wanted` of a claim's segments, [`MAX_DRAWN_SEGMENTS`] at most: the last one, which ends in the
/// claimed state, then those that `sealed` blocks, then any.
pub fn draw(seed: &Hash, segments: u32, sealed: &[u32], wanted: u32) -> Drawn {
    let Some(last) = segments.checked_sub(1) else {
        return Drawn::new();
    };
    let wanted = wanted.clamp(1, MAX_DRAWN_SEGMENTS) as usize;
    let mut random = xof(seed, b"segments");
    let mut drawn = Vec::from([last]);
    let (first, rest): (Vec<u32>, Vec<u32>) = (0..last).partition(|index| sealed.contains(index));
    for mut pool in [first, rest] {
        while drawn.len() < wanted && !pool.is_empty() {
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            // A pool is smaller than 2³²: the bias of the remainder is below 2⁻³².
            let index = u64::from_le_bytes(bytes) % pool.len() as u64;
            drawn.push(pool.swap_remove(index as usize));
        }
    }
    drawn.sort_unstable();
    Drawn::truncate_from(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_segment_is_drawn_then_those_that_sealed_then_others() {
        for seed in 0..32 {
            assert_eq!(*draw(&[seed; 32], 9, &[3, 8], 2), [3, 8]);
            assert_eq!(*draw(&[seed; 32], 9, &[], 1), [8]);
            assert_eq!(draw(&[seed; 32], 9, &[3], 3).len(), 3);
            assert_eq!(*draw(&[seed; 32], 1, &[0], 4), [0]);
            assert_eq!(*draw(&[seed; 32], 3, &[], 4), [0, 1, 2]);
        }
        assert!(draw(&[0; 32], 0, &[], 2).is_empty());
    }

    #[test]
    fn every_sealed_segment_may_be_drawn() {
        let sealed = [1, 4, 6];
        let mut seen: Vec<u32> = (0..64)
            .flat_map(|seed| draw(&[seed; 32], 9, &sealed, 2).into_inner())
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [1, 4, 6, 8]);
    }

    proptest! {
        #[test]
        fn as_many_different_segments_as_wanted_are_drawn(
            seed: [u8; 32],
            segments in 1..=64u32,
            sealed in prop::collection::vec(0..80u32, 0..20),
            wanted in 0..9u32,
        ) {
            let drawn = draw(&seed, segments, &sealed, wanted);
            let count = wanted.clamp(1, MAX_DRAWN_SEGMENTS).min(segments);
            prop_assert_eq!(drawn.len(), count as usize);
            prop_assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(drawn.last(), Some(&(segments - 1)));
            let others = || drawn.iter().filter(|index| **index + 1 != segments);
            let left = (0..segments - 1)
                .any(|index| sealed.contains(&index) && !drawn.contains(&index));
            prop_assert!(!left || others().all(|index| sealed.contains(index)));
        }
    }
}
