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
