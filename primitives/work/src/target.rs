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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 1 with 32 fractional bits.
    const ONE: u64 = 1 << 32;

    #[test]
    fn without_difficulty_every_draw_wins() {
        assert!(
            wins(U256::MAX, 0, 1) && wins(U256::MAX, 1, 1) && wins(U256::MAX, 1 << 13, 1 << 14)
        );
    }

    #[test]
    fn the_threshold_itself_wins_and_the_next_draw_does_not() {
        let threshold = threshold(u128::MAX, 256 * 784);
        assert!(wins(threshold, u128::MAX, 256 * 784));
        assert!(!wins(threshold + 1, u128::MAX, 256 * 784));
    }

    #[test]
    fn the_allowance_is_at_least_one_and_saturates() {
        assert_eq!(allowance(0, 0, 512, 1_000_000), 1);
        assert_eq!(allowance(ONE / 2, 0, 512, 1_000_000), 256);
        assert_eq!(allowance(ONE, ONE / 1000, 512, 1_000_000), 512 + 999);
        assert_eq!(allowance(u64::MAX, u64::MAX, u32::MAX, u64::MAX), u32::MAX);
    }

    proptest! {
        #[test]
        fn twice_the_work_behind_a_draw_wins_twice_as_often(difficulty in (1_u128 << 40).., macs in 1_u64..1 << 25) {
            prop_assert_eq!(threshold(difficulty, 2 * macs), threshold(difficulty, macs) * 2);
        }

        #[test]
        fn more_difficulty_never_raises_the_threshold(difficulty in 0..u128::MAX, macs: u64) {
            prop_assert!(threshold(difficulty + 1, macs) <= threshold(difficulty, macs));
        }
    }
}
