//! Rounded and saturated shifts of 16 lanes.

use quern_training::arithmetic::LIM;

/// A shift by 2^s, decided once for many values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shift {
    /// To the left within ±bound, at most 30.
    Left { by: u32, bound: i32 },
    /// To the right by 1 to 31, halves up.
    Right { by: u32 },
    /// Everything is shifted out.
    Zero,
    /// Nothing is.
    Keep,
}

impl Shift {
    /// Multiplication by 2^s.
    pub(crate) fn new(s: i32) -> Self {
        match s {
            0.. => {
                let by = s.unsigned_abs().min(30);
                Self::Left {
                    by,
                    bound: LIM >> by,
                }
            }
            -31..=-1 => Self::Right {
                by: s.unsigned_abs(),
            },
            _ => Self::Zero,
        }
    }

    /// Rounding right shift by `s`; 0 leaves the value alone, unlike a saturating left shift by 0.
    pub(crate) fn right(s: u32) -> Self {
        match s {
            0 => Self::Keep,
            1..=31 => Self::Right { by: s },
            _ => Self::Zero,
        }
    }

    /// `x · 2^s`.
    #[inline(always)]
    pub(crate) fn apply<const N: usize>(self, x: &[i32; N]) -> [i32; N] {
        let mut y = *x;
        match self {
            Self::Left { by, bound } => {
                for y in &mut y {
                    *y = (*y).clamp(-bound, bound) << by;
                }
            }
            Self::Right { by } => {
                for y in &mut y {
                    *y = rsh(*y, by);
                }
            }
            Self::Zero => y = [0; N],
            Self::Keep => {}
        }
        y
    }
}

/// `⌊x / 2^s + 1/2⌋` for s in [1, 31].
#[inline(always)]
pub(crate) fn rsh(x: i32, s: u32) -> i32 {
    (x >> s).wrapping_add((x >> (s - 1)) & 1)
}

#[cfg(test)]
mod tests {
    use quern_training::arithmetic::{rsh, shift};

    use super::*;

    const VALUES: [i32; 16] = [
        0,
        1,
        -1,
        2,
        -2,
        3,
        -3,
        127,
        -128,
        65_535,
        -65_536,
        LIM,
        -LIM,
        i32::MAX,
        i32::MIN + 1,
        0x1234_5678,
    ];

    #[test]
    fn every_shift_is_the_definition_s() {
        for s in -70..70 {
            assert_eq!(
                Shift::new(s).apply(&VALUES),
                VALUES.map(|x| shift(x, s)),
                "2^{s}"
            );
        }
        for s in 0..70 {
            assert_eq!(
                Shift::right(s).apply(&VALUES),
                VALUES.map(|x| rsh(x, s)),
                "2^-{s}"
            );
        }
    }
}
