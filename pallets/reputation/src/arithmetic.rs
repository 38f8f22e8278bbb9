//! How reputation decays and what it is worth, free of storage.

use frame::prelude::Permill;
use quern_market::seams::Deed;

use crate::clock::HALF_LIFE;

/// A reputation of one, in thousandths.
pub const ONE: u64 = 1_000;

/// Least reputation for a quorum seat, in thousandths.
pub const QUALIFIED: u64 = 2 * ONE;

/// One, as a fixed-point number of 63 fractional bits.
const UNIT: u128 = 1 << 63;

/// `ROOTS[i]` = 2^(−2^−(i+1)), rounded down: what remains after half a half-life, a quarter of it, …
const ROOTS: [u128; 32] = {
    let mut roots = [0; 32];
    let mut last = UNIT / 2;
    let mut i = 0;
    while i < roots.len() {
        last = (last * UNIT).isqrt();
        roots[i] = last;
        i += 1;
    }
    roots
};

/// What remains of `milli` after `age` on the [clock](crate::Clock), rounded down: milli · 2^(−age/2³²).
///
/// Each bit of the part of a half-life contributes one factor. Neighbouring units of the clock differ by
/// 1.6·10⁻¹⁰ and the factors' errors add up to less than 10⁻¹⁷, so that what remains never grows with time.
/// Exact after whole half-lives.
pub fn decayed(milli: u64, age: u64) -> u64 {
    // A u32, and below a half-life.
    let (halvings, part) = ((age / HALF_LIFE) as u32, age % HALF_LIFE);
    let remaining = (0..)
        .zip(ROOTS)
        .filter(|(i, _)| (part >> (31 - i)) & 1 == 1)
        .fold(UNIT, |product, (_, root)| (product * root) >> 63);
    // Both factors of the product are at most 2⁶⁴ and 2⁶³.
    (u128::from(milli) * remaining)
        .checked_shr(halvings.saturating_add(63))
        .and_then(|milli| u64::try_from(milli).ok())
        .unwrap_or(0)
}

/// Reputation after a deed.
pub fn after(milli: u64, deed: Deed) -> u64 {
    let moved = match deed {
        Deed::Accepted => 1_000,
        Deed::Rejected => -3_000,
        Deed::Agreed => 400,
        Deed::Diverged => -2_000,
        Deed::Absent => -500,
        Deed::Equivocated => -10_000,
    };
    milli.saturating_add_signed(moved)
}

/// Reputation between two entries of [`FACTORS`], in thousandths.
const SPACING: u64 = 250;

/// ln(1 + r)/ln 11 in parts per million, for r = 0, ¼, ½, … 10.
const FACTORS: [u32; 41] = [
    0, 93_058, 169_092, 233_378, 289_065, 338_184, 382_123, 421_870, 458_157, 491_537, 522_443,
    551_215, 578_130, 603_412, 627_249, 649_797, 671_188, 691_535, 710_935, 729_473, 747_222,
    764_246, 780_602, 796_341, 811_508, 826_142, 840_280, 853_954, 867_194, 880_027, 892_477,
    904_566, 916_314, 927_740, 938_862, 949_694, 960_253, 970_550, 980_600, 990_413, 1_000_000,
];

/// The factor on chances and rewards: min(1, ln(1 + r)/ln 11), straight between the table's entries.
pub fn factor(milli: u64) -> Permill {
    let entry = |index: u64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| FACTORS.get(index).copied())
            .unwrap_or(1_000_000)
    };
    let index = milli / SPACING;
    let (low, high) = (entry(index), entry(index.saturating_add(1)));
    let rest = u64::from(high - low) * (milli % SPACING) / SPACING;
    // At most high - low, a u32.
    Permill::from_parts(low + rest as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use proptest::prelude::*;

    /// What remains after `blocks` blocks of a clock with this half-life.
    fn decayed(milli: u64, blocks: u32, half_life: u32) -> u64 {
        super::decayed(milli, Clock::new(half_life).hand(blocks))
    }

    /// Seven days of blocks, one every six seconds.
    const WEEK: u32 = 100_800;

    #[test]
    fn a_half_life_leaves_exactly_half() {
        assert_eq!(decayed(8_000, 0, WEEK), 8_000);
        assert_eq!(decayed(8_000, WEEK, WEEK), 4_000);
        assert_eq!(decayed(8_001, 3 * WEEK, WEEK), 1_000);
        assert_eq!(decayed(u64::MAX, WEEK, WEEK), u64::MAX / 2);
        assert_eq!(decayed(u64::MAX, 64 * 7, 7), 0);
        assert_eq!(decayed(u64::MAX, u32::MAX, 1), 0);
    }

    #[test]
    fn half_a_half_life_leaves_the_square_root_of_a_half() {
        assert_eq!(decayed(1_000_000_000_000, WEEK / 2, WEEK), 707_106_781_186);
        assert_eq!(decayed(1_000_000_000_000, WEEK / 4, WEEK), 840_896_415_253);
        assert_eq!(
            decayed(1_000_000_000_000, 3 * WEEK / 4, WEEK),
            594_603_557_501
        );
    }

    #[test]
    fn a_half_life_of_zero_is_one_block() {
        assert_eq!(decayed(8, 2, 0), 2);
    }

    #[test]
    fn deeds_add_up_and_nobody_falls_below_nothing() {
        let all = [
            (Deed::Accepted, 12_000),
            (Deed::Rejected, 8_000),
            (Deed::Agreed, 11_400),
            (Deed::Diverged, 9_000),
            (Deed::Absent, 10_500),
            (Deed::Equivocated, 1_000),
        ];
        for (deed, left) in all {
            assert_eq!(after(11_000, deed), left);
        }
        assert_eq!(after(2_999, Deed::Rejected), 0);
        assert_eq!(after(u64::MAX, Deed::Accepted), u64::MAX);
    }

    #[test]
    fn the_table_is_the_logarithm() {
        for (index, entry) in (0..).zip(FACTORS) {
            let exact = (1.0 + f64::from(index) / 4.0).ln() / 11f64.ln() * 1e6;
            assert!((exact - f64::from(entry)).abs() <= 0.5);
        }
    }

    #[test]
    fn the_factor_reaches_one_at_ten_and_stays_there() {
        assert_eq!(factor(0), Permill::zero());
        assert_eq!(factor(125), Permill::from_parts(46_529));
        assert_eq!(factor(2_000), Permill::from_parts(458_157));
        assert!(factor(9_999) < Permill::one());
        assert_eq!(factor(10_000), Permill::one());
        assert_eq!(factor(u64::MAX), Permill::one());
    }

    proptest! {
        #[test]
        fn what_remains_never_grows_with_time(
            milli in any::<u64>(),
            blocks in 0..u32::MAX,
            half_life in 1..u32::MAX,
        ) {
            let (sooner, later) =
                (decayed(milli, blocks, half_life), decayed(milli, blocks + 1, half_life));
            prop_assert!(later <= sooner && sooner <= milli);
        }

        #[test]
        fn what_remains_never_grows_across_a_half_life(
            milli in any::<u64>(),
            halvings in 1..60u32,
            half_life in 2..1_000_000u32,
        ) {
            let at = halvings * half_life;
            let around = [at - 1, at, at + 1].map(|blocks| decayed(milli, blocks, half_life));
            prop_assert!(around.is_sorted_by(|sooner, later| sooner >= later));
            prop_assert_eq!(around[1], milli >> halvings);
        }

        #[test]
        fn who_has_more_keeps_more(
            milli in 0..u64::MAX,
            blocks in any::<u32>(),
            half_life in 1..u32::MAX,
        ) {
            prop_assert!(decayed(milli, blocks, half_life) <= decayed(milli + 1, blocks, half_life));
        }

        #[test]
        fn decaying_twice_loses_two_thousandths_at_most(
            milli in 0..1_000_000_000u64,
            first in 0..10 * WEEK,
            second in 0..10 * WEEK,
        ) {
            let once = decayed(milli, first + second, WEEK);
            let twice = decayed(decayed(milli, first, WEEK), second, WEEK);
            prop_assert!(twice <= once + 1 && once <= twice + 2);
        }

        #[test]
        fn the_factor_never_falls_with_reputation(milli in 0..12_000u64) {
            prop_assert!(factor(milli) <= factor(milli + 1));
        }
    }
}
