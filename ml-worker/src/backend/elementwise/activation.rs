//! Bias, ReLU and quantisation of a hidden layer's output.

use quern_training::arithmetic::INT8;

use super::{Peaks, shift::Shift};
use crate::backend::{
    isa::per_isa,
    matrix::{SmallTile, TILE, Tile},
};

per_isa! {
    /// From the sums of a tile to the next layer's input, and which outputs were positive (0 or -1).
    /// `shift` leads from the output's exponent to the input's.
    pub(crate) fn activate(
        sums: &Tile,
        bias: &[i32; TILE],
        shift: Shift,
        input: &mut SmallTile,
        positive: &mut SmallTile,
        peaks: &mut Peaks,
    ) {
        for ((sums, input), positive) in sums.0.iter().zip(&mut input.0).zip(&mut positive.0) {
            let mut z = [0; TILE];
            for lane in 0..TILE {
                z[lane] = sums[lane].wrapping_add(bias[lane]).max(0);
                positive[lane] = -i8::from(z[lane] > 0);
                peaks[lane] = peaks[lane].max(z[lane] as u32);
            }
            let z = shift.apply(&z);
            for lane in 0..TILE {
                input[lane] = z[lane].min(INT8) as i8;
            }
        }
    }
}

per_isa! {
    /// Adds the bias of each column.
    pub(crate) fn add_bias(sums: &Tile, bias: &[i32; TILE], out: &mut Tile) {
        for (sums, out) in sums.0.iter().zip(&mut out.0) {
            for lane in 0..TILE {
                out[lane] = sums[lane].wrapping_add(bias[lane]);
            }
        }
    }
}
