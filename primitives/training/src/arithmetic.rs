//! The scalar arithmetic of a training step.
//!
//! # Why nothing overflows
//! - Sums of products have at most 65 536 terms. Operands are in [-127, 127], features in [-128, 127] at worst, first-layer
//!   weights in [-63, 63]; so every sum is at most `128·127·65 536 = 1 065 353 216 < 2³⁰`, and a sum that meets a bias at
//!   most `127²·65 536 + LIM = 2 130 771 967 < 2³¹`.
//! - [`lsh`] saturates before it shifts, so its result is within ±[`LIM`].
//! - [`update_value`]: `|v - rsh(v, 3)| + |u| ≤ 939 524 096 + 1 073 741 823 < 2³¹`, `|w - v| ≤ 2³¹ - 2`.
//! - [`softmax_gradient`]: see there.

/// Bound of master weights and momentum, ±(2³⁰ - 1).
pub const LIM: i32 = (1 << 30) - 1;

/// Fraction bits of master weights and momentum: real = integer · 2⁻²⁴.
pub const FRACTION: i32 = 24;

/// Exponent of the input features.
pub const FEATURE_EXPONENT: i32 = -6;

/// Exponent of the softmax gradient.
pub const GRADIENT_EXPONENT: i32 = -16;

/// Largest magnitude of an 8-bit operand; -128 does not occur.
pub const INT8: i32 = 127;

/// Rounding right shift, halves up: `⌊x / 2^s + 1/2⌋`; 0 for s > 31.
pub fn rsh(x: i32, s: u32) -> i32 {
    match s {
        0 => x,
        // |x >> s| ≤ 2³⁰: the carry cannot overflow.
        1..=31 => (x >> s) + ((x >> (s - 1)) & 1),
        _ => 0,
    }
}

/// Saturating left shift: `x · 2^s` within ±[`LIM`]. A value that does not fit becomes the largest multiple of `2^s` within
/// the bound; from s = 30 on that is 0.
pub fn lsh(x: i32, s: u32) -> i32 {
    let s = s.min(30);
    x.clamp(-(LIM >> s), LIM >> s) << s
}

/// `x · 2^s`: saturated ([`lsh`]) for s ≥ 0, rounded ([`rsh`]) for s < 0.
pub fn shift(x: i32, s: i32) -> i32 {
    if s >= 0 {
        lsh(x, s.unsigned_abs())
    } else {
        rsh(x, s.unsigned_abs())
    }
}

/// Number of bits of a magnitude.
pub fn bits(magnitude: u32) -> u32 {
    u32::BITS - magnitude.leading_zeros()
}

/// Largest magnitude; 0 for no values.
pub fn peak(values: &[i32]) -> u32 {
    values
        .iter()
        .map(|value| value.unsigned_abs())
        .max()
        .unwrap_or(0)
}

/// Exponent that brings values of magnitude `peak` and exponent `exponent` into 7 bits and a sign.
pub fn fitting_exponent(peak: u32, exponent: i32) -> i32 {
    exponent + bits(peak).saturating_sub(7) as i32
}

/// Counter hash of entry `index` under `key`.
pub fn hash32(index: u32, key: u32) -> u32 {
    let mut h = index.wrapping_mul(0x9E37_79B1).wrapping_add(key);
    h ^= h >> 16;
    h = h.wrapping_mul(0x7FEB_352D);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846C_A68B);
    h ^ (h >> 16)
}

/// `x · 2^exponent` at exponent `target`, rounded to nearest and clamped to ±127.
pub fn quantise(x: i32, exponent: i32, target: i32) -> i8 {
    shift(x, exponent - target).clamp(-INT8, INT8) as i8
}

/// `x · 2^exponent` at exponent `target`, rounded stochastically and clamped to ±127.
///
/// `index` is the entry's position in its row-major tensor, modulo 2³².
pub fn quantise_sr(x: i32, index: u32, exponent: i32, target: i32, key: u32) -> i8 {
    let s = target - exponent;
    let rounded = match s {
        ..=0 => lsh(x, s.unsigned_abs()),
        1..=31 => {
            let noise = i64::from(hash32(index, key)) & ((1 << s) - 1);
            // In 64 bits: |x| + 2³¹ may exceed 31 bits. The shift brings it back: |(x + noise) >> s| ≤ 2³¹ / 2.
            ((i64::from(x) + noise) >> s) as i32
        }
        _ => 0,
    };
    rounded.clamp(-INT8, INT8) as i8
}

/// Gradient of softmax–cross-entropy for one row, `softmax(z · 2^exponent) - onehot(label)`, at exponent
/// [`GRADIENT_EXPONENT`]. Entries are in [-65 536, 65 536]. `logits` and `out` have one entry per class, `label` is below.
///
/// Base-2 exponentials by a quadratic in 16-bit fixed point: `2^-f ≈ 1 - 0.672 f + 0.172 f²` for f in [0, 1).
///
/// Bounds: the distance to the maximum is `d < 2³²`, `t = d · 47 274 < 2^47.6`, `t << 14 < 2^61.6`. The largest logit has
/// d = 0 and so 65 536, hence the sum lies in [65 536, classes · 65 536] and each quotient in [0, 65 536].
pub fn softmax_gradient(logits: &[i32], exponent: i32, label: u16, out: &mut [i32]) {
    /// log2(e) · 2¹⁵.
    const LOG2_E: i64 = 47_274;
    /// Anything from here on is 2^-(2²⁴), zero.
    const FAR: i64 = 1 << 40;
    let largest = i64::from(logits.iter().copied().max().unwrap_or(0));
    for (&logit, p) in logits.iter().zip(out.iter_mut()) {
        let t = (largest - i64::from(logit)) * LOG2_E;
        let t = match exponent + 1 {
            s @ ..=-1 => t >> s.unsigned_abs().min(62),
            s @ 0..=14 => t << s,
            _ if t > 0 => FAR,
            _ => 0,
        };
        let t = t.min(FAR);
        let (n, f) = (t >> 16, t & 0xFFFF);
        let power = 65_536 - ((44_040 * f) >> 16) + ((11_272 * ((f * f) >> 16)) >> 16);
        *p = if n <= 16 { (power >> n) as i32 } else { 0 };
    }
    let sum: i64 = out.iter().map(|&p| i64::from(p)).sum();
    for p in out.iter_mut() {
        *p = ((i64::from(*p) << 16) / sum) as i32;
    }
    if let Some(p) = out.get_mut(usize::from(label)) {
        *p -= 65_536;
    }
}

/// One parameter's update with momentum 7/8: `v ← v - v/8 + gradient · 2^s`, `w ← w - v`, both clamped to ±[`LIM`].
pub fn update_value(w: &mut i32, v: &mut i32, gradient: i32, s: i32) {
    *v = (*v - rsh(*v, 3) + shift(gradient, s)).clamp(-LIM, LIM);
    *w = (*w - *v).clamp(-LIM, LIM);
}

/// [`update_value`] for whole tensors of one length. The learning rate is part of the shift `s`.
pub fn update(w: &mut [i32], v: &mut [i32], gradient: &[i32], s: i32) {
    for ((w, v), &gradient) in w.iter_mut().zip(v).zip(gradient) {
        update_value(w, v, gradient, s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::{collection::vec, prelude::*};

    /// `⌊x / 2^s + 1/2⌋` in wide integers.
    fn rounded(x: i32, s: u32) -> i128 {
        if s == 0 {
            x.into()
        } else {
            (i128::from(x) + (1 << (s - 1))) >> s
        }
    }

    proptest! {
        #[test]
        fn a_right_shift_rounds_halves_up(x: i32, s in 0_u32..64) {
            prop_assert_eq!(i128::from(rsh(x, s)), if s > 31 { 0 } else { rounded(x, s) });
        }

        #[test]
        fn a_left_shift_multiplies_or_saturates(x: i32, s in 0_u32..64) {
            let largest = if s < 30 { i128::from(LIM >> s << s) } else { 0 };
            prop_assert_eq!(i128::from(lsh(x, s)), (i128::from(x) << s).clamp(-largest, largest));
        }

        #[test]
        fn stochastic_rounding_gives_one_of_the_two_neighbours(x: i32, index: u32, s in -40..40_i32, key: u32) {
            let rounded = i128::from(quantise_sr(x, index, 0, s, key));
            if (1..=31).contains(&s) {
                let below = (i128::from(x) >> s).clamp(-127, 127);
                prop_assert!(rounded == below || rounded == (below + 1).min(127));
            } else if s > 31 {
                prop_assert_eq!(rounded, 0);
            } else {
                prop_assert_eq!(rounded, i128::from(lsh(x, s.unsigned_abs())).clamp(-127, 127));
            }
        }

        #[test]
        fn quantising_rounds_to_nearest_and_clamps(x: i32, exponent in -40..40_i32, target in -40..40_i32) {
            let quantised = i32::from(quantise(x, exponent, target));
            prop_assert_eq!(quantised, shift(x, exponent - target).clamp(-127, 127));
        }

        #[test]
        fn an_update_stays_within_its_bounds(w in -LIM..=LIM, v in -LIM..=LIM, gradient: i32, s in -70_000..2000_i32) {
            let (mut w, mut v) = (w, v);
            update_value(&mut w, &mut v, gradient, s);
            prop_assert!((-LIM..=LIM).contains(&w) && (-LIM..=LIM).contains(&v));
        }

        #[test]
        fn a_softmax_gradient_is_a_distribution_less_its_label(
            logits in vec(any::<i32>(), 2..50), exponent in -500..500_i32, label: prop::sample::Index,
        ) {
            let label = label.index(logits.len());
            let mut gradient = vec![0; logits.len()];
            softmax_gradient(&logits, exponent, label as u16, &mut gradient);
            gradient[label] += 65_536;
            prop_assert!(gradient.iter().all(|p| (0..=65_536).contains(p)));
            let sum: i32 = gradient.iter().sum();
            prop_assert!((65_536 - logits.len() as i32..=65_536).contains(&sum), "{}", sum);
            let largest = logits.iter().max();
            let likeliest = gradient.iter().max();
            prop_assert!(logits.iter().zip(&gradient).all(|(z, p)| Some(z) != largest || Some(p) == likeliest));
        }
    }

    #[test]
    fn stochastic_rounding_is_right_on_average() {
        let mean = |x: i32| {
            (0..4096)
                .map(|index| i32::from(quantise_sr(x, index, 0, 8, 7)))
                .sum::<i32>()
        };
        // 4096 roundings of x / 256 add up to 16 x, give or take.
        for x in [-1000, -3, 0, 77, 5000] {
            assert!((mean(x) - 16 * x).abs() < 150, "{x}: {}", mean(x));
        }
    }

    #[test]
    fn a_momentum_at_its_bound_does_not_overflow() {
        for sign in [-1, 1] {
            let (mut w, mut v) = (-sign * LIM, sign * LIM);
            update_value(&mut w, &mut v, sign * i32::MAX, 0);
            assert_eq!((w, v), (-sign * LIM, sign * LIM));
        }
    }

    #[test]
    fn the_fitting_exponent_leaves_seven_bits() {
        assert_eq!(fitting_exponent(127, -3), -3);
        assert_eq!(fitting_exponent(128, -3), -2);
        assert_eq!(fitting_exponent(i32::MAX.unsigned_abs(), 0), 24);
    }
}
