//! The batch rule: nobody chooses their data.

use crate::{Hash, hash};

/// Row block that slot `slot` of step `step` must use, in `[0, row_blocks)`.
///
/// A batch of m rows has m/16 slots. `row_blocks` is at least 1; 0 is taken as 1.
pub fn block(run_seed: &Hash, step: u64, slot: u32, row_blocks: u32) -> u32 {
    let mut label = [0; 17];
    label[..5].copy_from_slice(b"batch");
    label[5..13].copy_from_slice(&step.to_le_bytes());
    label[13..].copy_from_slice(&slot.to_le_bytes());
    let mut word = [0; 8];
    hash::xof(run_seed, &label).fill(&mut word);
    (u64::from_le_bytes(word) % u64::from(row_blocks.max(1))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_block_gets_its_turn() {
        let mut seen = [0; 10];
        for step in 0..1000 {
            seen[block(&[1; 32], step, 3, 10) as usize] += 1;
        }
        assert!(
            seen.iter().all(|count| (60..140).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_dataset_of_no_or_one_block_has_block_zero() {
        assert_eq!((block(&[0; 32], 5, 5, 0), block(&[0; 32], 5, 5, 1)), (0, 0));
    }
}
