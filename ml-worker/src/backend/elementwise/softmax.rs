//! Softmax and its gradient.

use super::{Peaks, error::Rounding};
use crate::backend::{
    isa::per_isa,
    matrix::{SmallTile, TILE, Tile},
};

/// Logits of a batch, strip by strip of 16 classes like the tiles of [`Strips`](crate::backend::matrix::Strips).
pub(crate) struct Logits<'a> {
    pub(crate) tiles: &'a [Tile],
    /// Tiles per strip.
    pub(crate) height: usize,
    pub(crate) classes: usize,
    pub(crate) exponent: i32,
}

/// What a batch's logits say about its labels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Score {
    /// Rows whose most likely class is the label; the lowest class wins a tie.
    pub(crate) correct: u32,
    /// Sum over the rows of the cross-entropy, nats. For display.
    pub(crate) loss: f64,
}

/// log2(e) · 2¹⁵.
const LOG2_E: u64 = 47_274;
/// Anything from here on is 2^-(2²⁴), zero.
const FAR: u64 = 1 << 40;
/// One, in 16-bit fixed point.
const ONE: i32 = 1 << 16;

/// The powers of one row.
struct Row<'a> {
    powers: &'a mut [[u32; TILE]],
    /// Distance of the largest logit from the label's.
    distance: u32,
    /// Whether the label's class is the first with the largest logit.
    correct: bool,
    sum: u32,
}

impl Logits<'_> {
    /// Powers of row `row`, `2^-(distance to the largest)` in 16-bit fixed point, and their sum in [65 536, 2³²).
    #[inline(always)]
    fn row<'p>(&self, row: usize, label: usize, powers: &'p mut [[u32; TILE]]) -> Row<'p> {
        let z = |strip: usize| &self.tiles[strip * self.height + row / TILE].0[row % TILE];
        let lanes = |strip: usize| (self.classes - strip * TILE).min(TILE);
        let strips = powers.len();
        let mut largest = i32::MIN;
        for strip in 0..strips {
            for &z in &z(strip)[..lanes(strip)] {
                largest = largest.max(z);
            }
        }
        let best = (0..self.classes).find(|class| z(class / TILE)[class % TILE] == largest);

        let s = self.exponent + 1;
        let (right, left, far) = match s {
            ..=-1 => (s.unsigned_abs().min(62), 0, 0),
            0..=14 => (0, s.unsigned_abs(), 0),
            _ => (0, 0, FAR),
        };
        let mut sum = 0_u32;
        for (strip, powers) in powers.iter_mut().enumerate() {
            let z = z(strip);
            for lane in 0..TILE {
                let t = u64::from(largest.wrapping_sub(z[lane]) as u32) * LOG2_E;
                let t = (t >> right) << left;
                let t = (t | if t > 0 { far } else { 0 }).min(FAR);
                let (n, f) = (t >> 16, t as u32 & 0xFFFF);
                // f < 2¹⁶, so all products are below 2³².
                let power = 65_536_u32
                    .wrapping_sub(44_040_u32.wrapping_mul(f) >> 16)
                    .wrapping_add(11_272_u32.wrapping_mul(f.wrapping_mul(f) >> 16) >> 16);
                // At most 65 536: shifted by 17 it is gone.
                powers[lane] = power >> n.min(17) as u32;
            }
            for power in &mut powers[lanes(strip)..] {
                *power = 0;
            }
            for &power in &*powers {
                sum = sum.wrapping_add(power);
            }
        }
        let distance = largest.wrapping_sub(z(label / TILE)[label % TILE]) as u32;
        Row {
            powers,
            distance,
            correct: best == Some(label),
            sum,
        }
    }
}

impl Row<'_> {
    /// Adds this row to `score`.
    fn count(&self, exponent: i32, score: &mut Score) {
        score.correct += u32::from(self.correct);
        score.loss += f64::from(self.distance) * f64::from(exponent).exp2()
            + (f64::from(self.sum) / f64::from(ONE)).ln();
    }
}

per_isa! {
    /// Counts the rows that `labels` has.
    pub(crate) fn score(logits: &Logits<'_>, labels: &[u16]) -> Score {
        let mut score = Score::default();
        let mut powers = vec![[0; TILE]; logits.classes.div_ceil(TILE)];
        for (row, &label) in labels.iter().enumerate() {
            logits.row(row, label.into(), &mut powers).count(logits.exponent, &mut score);
        }
        score
    }
}

per_isa! {
    /// The rounded gradient of the cross-entropy of every row, `softmax - onehot`, into `errors`, strip by strip.
    pub(crate) fn softmax_errors(
        logits: &Logits<'_>,
        labels: &[u16],
        rounding: Rounding,
        errors: &mut [SmallTile],
        peaks: &mut Peaks,
    ) -> Score {
        let mut score = Score::default();
        let mut powers = vec![[0; TILE]; logits.classes.div_ceil(TILE)];
        for (row, &label) in labels.iter().enumerate() {
            let label = usize::from(label);
            let result = logits.row(row, label, &mut powers);
            result.count(logits.exponent, &mut score);
            // p · 2¹⁶ ≤ 2³² and sum < 2³²: both exact, and a quotient below an integer is below it by at least 2⁻³²,
            // more than half a unit in the last place of a number up to 2¹⁶. So truncation gives the integer quotient.
            let sum = f64::from(result.sum);
            for (strip, powers) in result.powers.iter().enumerate() {
                let mut gradient = [0; TILE];
                for lane in 0..TILE {
                    gradient[lane] = (f64::from(powers[lane]) * f64::from(ONE) / sum) as i32;
                }
                if label / TILE == strip {
                    gradient[label % TILE] -= ONE;
                }
                for lane in 0..TILE {
                    peaks[lane] = peaks[lane].max(gradient[lane].unsigned_abs());
                }
                let index = (row * logits.classes + strip * TILE) as u32;
                errors[strip * logits.height + row / TILE].0[row % TILE] = rounding.apply(&gradient, index);
            }
        }
        score
    }
}
