//! Master weights: quantisation before a step, update after it.

use quern_training::arithmetic::LIM;

use super::{
    Peaks,
    shift::{Shift, rsh},
};
use crate::backend::{
    isa::per_isa,
    matrix::{SmallTile, TILE, Tile},
};

per_isa! {
    /// Rounds weights to operands, clamped to ±`limit`.
    pub(crate) fn quantise(weights: &[Tile], shift: Shift, limit: i32, operand: &mut [SmallTile]) {
        for (weights, operand) in weights.iter().zip(operand) {
            for (weights, operand) in weights.0.iter().zip(&mut operand.0) {
                let shifted = shift.apply(weights);
                for lane in 0..TILE {
                    operand[lane] = shifted[lane].max(-limit).min(limit) as i8;
                }
            }
        }
    }
}

per_isa! {
    /// Momentum 7/8, the learning rate and all exponents in `shift`; `peaks` takes in the new weights.
    pub(crate) fn update(weights: &mut Tile, momentum: &mut Tile, gradient: &Tile, shift: Shift, peaks: &mut Peaks) {
        for ((w, v), gradient) in weights.0.iter_mut().zip(&mut momentum.0).zip(&gradient.0) {
            update_row(w, v, gradient, shift, peaks);
        }
    }
}

per_isa! {
    /// As [`update`], for the biases of 16 columns.
    pub(crate) fn update_bias(bias: &mut [i32; TILE], momentum: &mut [i32; TILE], gradient: &[i32; TILE], shift: Shift) {
        update_row(bias, momentum, gradient, shift, &mut [0; TILE]);
    }
}

#[inline(always)]
fn update_row(
    w: &mut [i32; TILE],
    v: &mut [i32; TILE],
    gradient: &[i32; TILE],
    shift: Shift,
    peaks: &mut Peaks,
) {
    let step = shift.apply(gradient);
    for lane in 0..TILE {
        v[lane] = v[lane]
            .wrapping_sub(rsh(v[lane], 3))
            .wrapping_add(step[lane])
            .clamp(-LIM, LIM);
        w[lane] = w[lane].wrapping_sub(v[lane]).clamp(-LIM, LIM);
        peaks[lane] = peaks[lane].max(w[lane].unsigned_abs());
    }
}

per_isa! {
    /// Largest magnitudes of weights.
    pub(crate) fn weight_peaks(weights: &[Tile], peaks: &mut Peaks) {
        for tile in weights {
            for row in &tile.0 {
                for lane in 0..TILE {
                    peaks[lane] = peaks[lane].max(row[lane].unsigned_abs());
                }
            }
        }
    }
}

per_isa! {
    /// Sums of the 16 columns of a strip.
    pub(crate) fn column_sums(strip: &[SmallTile]) -> [i32; TILE] {
        let mut sums = [0_i32; TILE];
        for tile in strip {
            for row in &tile.0 {
                for lane in 0..TILE {
                    sums[lane] = sums[lane].wrapping_add(i32::from(row[lane]));
                }
            }
        }
        sums
    }
}
