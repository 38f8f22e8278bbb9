//! Stochastic rounding of errors.

use quern_training::arithmetic::{INT8, LIM};

use super::Peaks;
use crate::backend::{
    isa::per_isa,
    matrix::{SmallTile, TILE, Tile},
};

/// Rounding of one tensor of errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    scale: Scale,
    key: u32,
}

#[derive(Clone, Copy, Debug)]
enum Scale {
    Left { by: u32, bound: i32 },
    Right { by: u32 },
    Zero,
}

impl Rounding {
    /// From `exponent` to `target`, with the tensor's key.
    pub(crate) fn new(exponent: i32, target: i32, key: u32) -> Self {
        let s = target - exponent;
        let scale = match s {
            ..=0 => {
                let by = s.unsigned_abs().min(30);
                Scale::Left {
                    by,
                    bound: LIM >> by,
                }
            }
            1..=31 => Scale::Right { by: s as u32 },
            _ => Scale::Zero,
        };
        Self { scale, key }
    }

    /// Rounds 16 neighbours of a row; `index` is the position of the first in the row-major tensor, modulo 2³².
    #[inline(always)]
    pub(crate) fn apply(self, x: &[i32; TILE], index: u32) -> [i8; TILE] {
        let mut y = [0; TILE];
        match self.scale {
            Scale::Left { by, bound } => {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = ((*x).clamp(-bound, bound) << by).clamp(-INT8, INT8) as i8;
                }
            }
            Scale::Right { by } => {
                let mask = (1_u32 << by) - 1;
                for (lane, (y, &x)) in (0_u32..).zip(y.iter_mut().zip(x)) {
                    let noise = hash32(index.wrapping_add(lane), self.key) & mask;
                    // ⌊(x + noise) / 2^s⌋ in 32 bits: whole part of x, then the carry of the fractions, both < 2^s ≤ 2³¹.
                    let carry = (x as u32 & mask).wrapping_add(noise) >> by;
                    *y = (x >> by).wrapping_add(carry as i32).clamp(-INT8, INT8) as i8;
                }
            }
            Scale::Zero => {}
        }
        y
    }
}

#[inline(always)]
fn hash32(index: u32, key: u32) -> u32 {
    let mut h = index.wrapping_mul(0x9E37_79B1).wrapping_add(key);
    h ^= h >> 16;
    h = h.wrapping_mul(0x7FEB_352D);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846C_A68B);
    h ^ (h >> 16)
}

per_isa! {
    /// Rounds the error of a hidden layer's output where that output was positive; it is 0 elsewhere.
    /// `index` is the position of the tile's first entry in a row-major tensor of `cols` columns, modulo 2³².
    pub(crate) fn round_error(
        sums: &Tile,
        positive: &SmallTile,
        rounding: Rounding,
        index: u32,
        cols: u32,
        error: &mut SmallTile,
        peaks: &mut Peaks,
    ) {
        let mut index = index;
        for ((sums, positive), error) in sums.0.iter().zip(&positive.0).zip(&mut error.0) {
            let mut masked = [0; TILE];
            for lane in 0..TILE {
                masked[lane] = sums[lane] & i32::from(positive[lane]);
                peaks[lane] = peaks[lane].max(masked[lane].unsigned_abs());
            }
            *error = rounding.apply(&masked, index);
            index = index.wrapping_add(cols);
        }
    }
}

#[cfg(test)]
mod tests {
    use quern_training::arithmetic::quantise_sr;

    use super::*;

    #[test]
    fn rounding_is_the_definition_s_for_every_shift() {
        let x = [
            0,
            1,
            -1,
            5,
            -7,
            1000,
            -1000,
            LIM,
            -LIM,
            i32::MAX,
            i32::MIN + 1,
            1 << 30,
            -(1 << 30),
            77_777,
            -77_777,
            3,
        ];
        for target in -40..40 {
            let rounded = Rounding::new(-3, target, 0xDEAD_BEEF).apply(&x, u32::MAX - 5);
            let expected: [i8; TILE] = std::array::from_fn(|lane| {
                quantise_sr(
                    x[lane],
                    (u32::MAX - 5).wrapping_add(lane as u32),
                    -3,
                    target,
                    0xDEAD_BEEF,
                )
            });
            assert_eq!(rounded, expected, "to exponent {target}");
        }
    }
}
