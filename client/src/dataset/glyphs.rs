//! The built-in data set: ten kinds of 28×28 digit shapes, drawn by integer geometry from a fixed stream.
//!
//! A digit is a few straight strokes and arcs of ellipses. Every row bends, scales, rotates and shifts its digit, draws it with
//! its own thickness and brightness, adds a stray stroke to every second picture, and finishes with pixel noise. The class
//! of a pixel's neighbourhood therefore moves from row to row, and no weighted sum of pixels separates the classes.
//!
//! The commitment of these rows is part of a chain's genesis, so the same bytes must come out on every machine: integers only,
//! one BLAKE3 stream per row, and a golden test on the root. Any change here is a new data set.

use std::{num::NonZero, thread};

use super::Rows;

/// Pixels along each side of a picture.
pub const SIDE: usize = 28;
/// Rows that are committed and trained on.
pub const TRAINING_ROWS: usize = 20_000;
/// Rows kept apart for evaluation; they follow the training rows in the stream.
pub const HELD_OUT_ROWS: usize = 2_000;
/// Number of classes: the digits 0 to 9.
pub const CLASSES: u32 = 10;

/// Derive-key context of the generator's key.
const CONTEXT: &str = "quern/v1/glyphs";
/// Fixed-point units per pixel.
const PIXEL: i32 = 256;
/// Fixed-point units per design unit at full size: a digit is 96 design units, hence 18 pixels, tall.
const UNIT: i32 = 48;
/// Fractional bits of the rotation's sine and cosine.
const TURN_BITS: u32 = 14;

/// A stroke in design units: the digit's box is x in [-32, 32], y in [-48, 48], y pointing down.
#[derive(Clone, Copy)]
enum Stroke {
    /// A straight line between two points.
    Line((i32, i32), (i32, i32)),
    /// Part of an ellipse about `centre` with half-axes `radii`; angles in sixteenths of a turn, clockwise from the right.
    Arc {
        centre: (i32, i32),
        radii: (i32, i32),
        from: usize,
        to: usize,
    },
}
use Stroke::Line;

const fn arc(centre: (i32, i32), radii: (i32, i32), from: usize, to: usize) -> Stroke {
    Stroke::Arc {
        centre,
        radii,
        from,
        to,
    }
}

/// Cosines of the sixteenths of a turn, times 128; the sine is the same table a quarter turn later.
const COSINES: [i32; 16] = [
    128, 118, 91, 49, 0, -49, -91, -118, -128, -118, -91, -49, 0, 49, 91, 118,
];

/// Two ways of writing each digit.
const DIGITS: [[&[Stroke]; 2]; CLASSES as usize] = [
    [
        &[arc((0, 0), (26, 45), 0, 16)],
        &[arc((0, 0), (20, 46), 0, 16), Line((12, -30), (-12, 30))],
    ],
    [
        &[Line((-16, -28), (2, -46)), Line((2, -46), (2, 46))],
        &[
            Line((-14, -32), (2, -46)),
            Line((2, -46), (2, 46)),
            Line((-18, 46), (22, 46)),
        ],
    ],
    [
        &[
            arc((0, -22), (24, 24), 8, 18),
            Line((17, -5), (-26, 46)),
            Line((-26, 46), (28, 46)),
        ],
        &[
            arc((-2, -24), (22, 22), 9, 19),
            Line((6, -4), (-22, 36)),
            arc((-10, 38), (14, 8), 8, 14),
            Line((-4, 32), (28, 44)),
        ],
    ],
    [
        &[
            arc((-2, -23), (22, 22), 9, 20),
            arc((-2, 23), (25, 24), 12, 23),
        ],
        &[
            Line((-24, -44), (22, -44)),
            Line((22, -44), (-4, -8)),
            arc((-4, 19), (27, 27), 12, 23),
        ],
    ],
    [
        &[
            Line((12, -46), (-28, 16)),
            Line((-28, 16), (28, 16)),
            Line((12, -46), (12, 46)),
        ],
        &[
            Line((-18, -44), (-24, 8)),
            Line((-24, 8), (26, 8)),
            Line((14, -40), (8, 46)),
        ],
    ],
    [
        &[
            Line((24, -44), (-18, -44)),
            Line((-18, -44), (-22, -6)),
            arc((-2, 16), (26, 29), 10, 23),
        ],
        &[
            Line((26, -44), (-14, -42)),
            Line((-14, -42), (-16, -8)),
            arc((-16, 18), (40, 27), 12, 21),
        ],
    ],
    [
        &[
            arc((0, 20), (24, 26), 0, 16),
            arc((16, 14), (40, 60), 8, 12),
        ],
        &[arc((0, 22), (22, 24), 0, 16), Line((-21, 18), (6, -46))],
    ],
    [
        &[Line((-26, -44), (26, -44)), Line((26, -44), (-8, 46))],
        &[
            Line((-26, -42), (24, -44)),
            Line((24, -44), (-6, 46)),
            Line((-10, 2), (22, 2)),
        ],
    ],
    [
        &[
            arc((0, -23), (20, 22), 0, 16),
            arc((0, 23), (25, 24), 0, 16),
        ],
        &[
            arc((0, -25), (16, 20), 0, 16),
            arc((0, 20), (19, 26), 0, 16),
        ],
    ],
    [
        &[
            arc((0, -20), (24, 26), 0, 16),
            arc((-16, -14), (40, 60), 0, 4),
        ],
        &[arc((-2, -22), (22, 24), 0, 16), Line((20, -20), (14, 46))],
    ],
];

/// Draws the training rows, then the held-out rows; a fraction of a second, shared out over the machine's cores.
pub(super) fn rows() -> Rows {
    const ROWS: usize = TRAINING_ROWS + HELD_OUT_ROWS;
    let key = blake3::derive_key(CONTEXT, b"");
    let share = ROWS.div_ceil(thread::available_parallelism().map_or(1, NonZero::get));
    let mut features = vec![0; ROWS * SIDE * SIDE];
    let mut labels = vec![0; ROWS];
    thread::scope(|scope| {
        let shares = features
            .chunks_mut(share * SIDE * SIDE)
            .zip(labels.chunks_mut(share));
        for (index, (features, labels)) in shares.enumerate() {
            let key = &key;
            scope.spawn(move || {
                for (i, (row, label)) in features
                    .chunks_exact_mut(SIDE * SIDE)
                    .zip(labels)
                    .enumerate()
                {
                    let (class, picture) = draw(&mut Stream::new(key, (index * share + i) as u64));
                    *label = class;
                    for (feature, grey) in row.iter_mut().zip(picture) {
                        *feature = (grey >> 2) as i8;
                    }
                }
            });
        }
    });
    Rows {
        features,
        labels,
        width: SIDE * SIDE,
        classes: CLASSES,
    }
}

/// The random choices of one row.
struct Stream(blake3::OutputReader);

impl Stream {
    fn new(key: &[u8; 32], row: u64) -> Self {
        Self(
            blake3::Hasher::new_keyed(key)
                .update(&row.to_le_bytes())
                .finalize_xof(),
        )
    }

    /// An integer in `[low, high]`, from the next four bytes.
    fn between(&mut self, low: i32, high: i32) -> i32 {
        let mut word = [0; 4];
        self.0.fill(&mut word);
        let span = (high - low + 1) as u64;
        low + ((u64::from(u32::from_le_bytes(word)) * span) >> 32) as i32
    }
}

/// One picture: its class and its grey bytes, row by row.
fn draw(stream: &mut Stream) -> (u16, [u8; SIDE * SIDE]) {
    let class = stream.between(0, CLASSES as i32 - 1) as usize;
    let variant = stream.between(0, 1) as usize;
    let pose = Pose::random(stream);
    let mut picture = Canvas {
        grey: [0; SIDE * SIDE],
        radius: stream.between(170, 400),
        ink: stream.between(150, 255),
    };
    for stroke in DIGITS[class][variant] {
        for (a, b) in segments(stroke) {
            picture.line(pose.place(a), pose.place(b));
        }
    }
    if stream.between(0, 1) == 1 {
        let start = (stream.between(0, 28 * PIXEL), stream.between(0, 28 * PIXEL));
        let end = (
            start.0 + stream.between(-6 * PIXEL, 6 * PIXEL),
            start.1 + stream.between(-6 * PIXEL, 6 * PIXEL),
        );
        picture.ink = stream.between(100, 220);
        picture.line(start, end);
    }
    let loudness = stream.between(8, 72);
    let mut noise = [0; SIDE * SIDE];
    stream.0.fill(&mut noise);
    for (grey, noise) in picture.grey.iter_mut().zip(noise) {
        let sway = ((i32::from(noise) - 128) * loudness) >> 7;
        *grey = (i32::from(*grey) + sway).clamp(0, 255) as u8;
    }
    (class as u16, picture.grey)
}

/// The straight pieces of a stroke, in 256ths of a design unit.
fn segments(stroke: &Stroke) -> Vec<((i32, i32), (i32, i32))> {
    match *stroke {
        Line(a, b) => vec![((a.0 << 8, a.1 << 8), (b.0 << 8, b.1 << 8))],
        Stroke::Arc {
            centre,
            radii,
            from,
            to,
        } => {
            let at = |k: usize| {
                (
                    (centre.0 << 8) + radii.0 * COSINES[k % 16] * 2,
                    (centre.1 << 8) + radii.1 * COSINES[(k + 12) % 16] * 2,
                )
            };
            (from..to).map(|k| (at(k), at(k + 1))).collect()
        }
    }
}

/// How one row deforms and places its digit.
struct Pose {
    /// Size along x and y, in 256ths.
    scale: (i32, i32),
    /// Sideways lean per unit of height, in 256ths.
    lean: i32,
    /// Bow of the vertical and of the horizontal strokes, in design units at the edge of the box.
    bow: (i32, i32),
    /// Cosine and sine of the rotation, with [`TURN_BITS`] fractional bits.
    turn: (i32, i32),
    /// Place of the digit's centre, in fixed-point pixels.
    centre: (i32, i32),
}

impl Pose {
    fn random(stream: &mut Stream) -> Self {
        // with t = tan(angle / 2): cos = (1 - t²) / (1 + t²), sin = 2t / (1 + t²); 256ths, so up to ±24.8°
        let t = stream.between(-56, 56);
        let one = 1 << 16;
        Self {
            scale: (stream.between(170, 285), stream.between(190, 275)),
            lean: stream.between(-56, 56),
            bow: (stream.between(-7, 7), stream.between(-5, 5)),
            turn: (
                (((one - t * t) as i64) << TURN_BITS).div_euclid((one + t * t) as i64) as i32,
                (((2 * t * 256) as i64) << TURN_BITS).div_euclid((one + t * t) as i64) as i32,
            ),
            centre: (
                14 * PIXEL + stream.between(-4 * PIXEL, 4 * PIXEL),
                14 * PIXEL + stream.between(-3 * PIXEL, 3 * PIXEL),
            ),
        }
    }

    /// A point in 256ths of a design unit (|x|, |y| < 2¹⁴) to fixed-point pixels. Every product stays below 2³⁰.
    fn place(&self, (x, y): (i32, i32)) -> (i32, i32) {
        let bent_x = x + ((self.lean * y) >> 8) + ((((y >> 6) * (y >> 6)) * self.bow.0) >> 7);
        let bent_y = y + ((((x >> 6) * (x >> 6)) * self.bow.1) >> 6);
        let wide = (((bent_x * self.scale.0) >> 8) * UNIT) >> 8;
        let tall = (((bent_y * self.scale.1) >> 8) * UNIT) >> 8;
        (
            self.centre.0 + ((wide * self.turn.0 - tall * self.turn.1) >> TURN_BITS),
            self.centre.1 + ((wide * self.turn.1 + tall * self.turn.0) >> TURN_BITS),
        )
    }
}

/// A picture being drawn with one pen.
struct Canvas {
    grey: [u8; SIDE * SIDE],
    /// Half the pen's thickness, in fixed-point pixels.
    radius: i32,
    /// Brightness of the pen's centre.
    ink: i32,
}

impl Canvas {
    /// Draws a straight line between two points in fixed-point pixels; the brighter of old and new ink stays.
    fn line(&mut self, a: (i32, i32), b: (i32, i32)) {
        let reach = self.radius + PIXEL / 2;
        let (xs, ys) = (pixels(a.0, b.0, reach), pixels(a.1, b.1, reach));
        for y in ys {
            for x in xs.clone() {
                let centre = (x as i32 * PIXEL + PIXEL / 2, y as i32 * PIXEL + PIXEL / 2);
                let cover = (reach - distance(centre, a, b)).clamp(0, PIXEL);
                let ink = ((cover * self.ink) >> 8) as u8;
                let grey = &mut self.grey[y * SIDE + x];
                *grey = (*grey).max(ink);
            }
        }
    }
}

/// Pixel indices whose centres may lie within `reach` of the span between two coordinates.
fn pixels(a: i32, b: i32, reach: i32) -> std::ops::Range<usize> {
    let edge = |v: i32| (v.div_euclid(PIXEL)).clamp(0, SIDE as i32) as usize;
    edge(a.min(b) - reach)..edge(a.max(b) + reach + PIXEL)
}

/// Distance of a point from the segment `a`–`b`, rounded down, all in fixed-point pixels.
fn distance(p: (i32, i32), a: (i32, i32), b: (i32, i32)) -> i32 {
    let wide = |(x, y): (i32, i32)| (i64::from(x), i64::from(y));
    let (p, a, b) = (wide(p), wide(a), wide(b));
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (px, py) = (p.0 - a.0, p.1 - a.1);
    let length2 = dx * dx + dy * dy;
    let along = (px * dx + py * dy).clamp(0, length2);
    let (ex, ey) = if length2 == 0 {
        (px, py)
    } else {
        (
            px - (along * dx).div_euclid(length2),
            py - (along * dy).div_euclid(length2),
        )
    };
    (ex * ex + ey * ey).isqrt() as i32
}

#[cfg(test)]
mod tests {
    use crate::dataset::Source;

    #[test]
    fn the_commitment_is_the_one_that_genesis_names() {
        let loaded = Source::Glyphs.load().unwrap();
        let commitment = loaded.training.commitment();
        assert_eq!(
            hex::encode(commitment.root),
            "8ecd89a34e3b92928c66eef0024dd36f139d08902bcf23cd478a1c893df2a925"
        );
        assert_eq!(
            (
                commitment.row_blocks,
                commitment.features,
                commitment.classes
            ),
            (1250, 784, 10)
        );
        assert_eq!(
            hex::encode(loaded.held_out.commitment().root),
            "7ba5927b83cf4ac609610f93d86f21ee3e998ffb780374d2f85941cc22c1a998"
        );
    }
}
