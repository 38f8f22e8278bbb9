//! What a draw is worth: difficulty counts multiply–accumulates.

use crate::U256;

/// Largest winning draw: `⌊(2²⁵⁶ - 1) / difficulty⌋ · tile_macs`, saturating.
///
/// `difficulty` is the expected number of MACs per win (0 is taken as 1); `tile_macs` the MACs behind one draw. So a
/// draw wins with probability `tile_macs / difficulty`, whatever the shape.
pub fn threshold(difficulty: u128, tile_macs: u64) -> U256 {
    (U256::MAX / U256::from(difficulty.max(1))).saturating_mul(tile_macs.into())
}

/// Whether `draw` meets the target.
pub fn wins(draw: U256, difficulty: u128, tile_macs: u64) -> bool {
    draw <= threshold(difficulty, tile_macs)
}

/// Number of tiles of a product that may win, in ordinal order: `max(1, ⌊ω_B·m + ω_M·parameters⌋)`, saturating.
///
/// The limited-nonce rule (arXiv 2001.09244). `omega_b` and `omega_m` are fixed-point with 32 fractional bits.
pub fn allowance(omega_b: u64, omega_m: u64, m: u32, parameters: u64) -> u32 {
    let rows = u128::from(omega_b) * u128::from(m);
    let weights = u128::from(omega_m) * u128::from(parameters);
    u32::try_from(rows.saturating_add(weights) >> 32)
        .unwrap_or(u32::MAX)
        .max(1)
}
