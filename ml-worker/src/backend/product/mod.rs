//! Exact integer products, one 16×16 tile at a time.
//!
//! The right panels stay in the nearest cache while all left panels pass by. A finished tile goes straight to its
//! consumer, so no i32 matrix is written that the training step does not keep.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use super::{
    Isa,
    matrix::{Line, OFFSET, Panels, Strips, TILE, Tile, offset_sums},
    pool::Pool,
};

/// Right panels that a kernel multiplies at once.
const PAIR: usize = 2;

/// The signed side of a product, broadcast entry by entry.
#[derive(Default)]
pub(crate) struct Left {
    panels: Panels,
    /// What the right side's offset adds to each line, negated.
    sums: Vec<[i32; TILE]>,
}

impl Left {
    /// The rows of `matrix` as lines.
    pub(crate) fn of_rows(&mut self, isa: Isa, pool: &Pool, matrix: &Strips) {
        self.panels.pack_rows(isa, pool, matrix, 0);
        self.sum(isa, pool);
    }

    /// The columns of `matrix` as lines.
    pub(crate) fn of_columns(&mut self, isa: Isa, pool: &Pool, matrix: &Strips) {
        self.panels.pack_columns(isa, pool, matrix, 0);
        self.sum(isa, pool);
    }

    fn sum(&mut self, isa: Isa, pool: &Pool) {
        self.sums.resize(self.panels.panels(), [0; TILE]);
        let panels = &self.panels;
        pool.each(&mut self.sums, |p, sums| {
            *sums = offset_sums(isa, panels.panel(p))
        });
    }
}

/// The transcript of a tile's running sums, as the lottery defines it.
pub(crate) type Words = [u32; 16];

/// Multiplies every line of `left` with every line of `right` (stored with [`OFFSET`]) and gives each tile to `sink`
/// with the output of its right panel and the indices (left panel, right panel), left panels ascending.
pub(crate) fn product<T: Send>(
    isa: Isa,
    pool: &Pool,
    left: &Left,
    right: &Panels,
    outputs: &mut [T],
    sink: impl Fn(&mut T, usize, usize, &Tile) + Sync,
) {
    assert!(
        left.panels.groups() == right.groups() && outputs.len() == right.panels(),
        "sides of one product"
    );
    let wide = Wide::of(isa, pool, &left.panels, right);
    pool.chunks(outputs, PAIR, |pair, outputs| {
        let first = PAIR * pair;
        let mut tiles = [Tile::ZERO; PAIR];
        let tiles = &mut tiles[..outputs.len()];
        for i in 0..left.panels.panels() {
            match &wide {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: wide panels are made for AVX2 only, which the machine has.
                Some(wide) => unsafe {
                    avx2::multiply(wide.left.panel(i), &wide.right, first, tiles)
                },
                #[cfg(target_arch = "x86_64")]
                None if isa == Isa::Avx512Vnni => {
                    // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
                    unsafe {
                        avx512::multiply(left.panels.panel(i), &left.sums[i], right, first, tiles)
                    }
                }
                _ => scalar::multiply(left.panels.panel(i), right, first, tiles),
            }
            for ((offset, output), tile) in outputs.iter_mut().enumerate().zip(&*tiles) {
                sink(output, i, first + offset, tile);
            }
        }
    });
}

/// Operands of a lottery product: both sides noised, and the factors of the noise.
pub(crate) struct Noised<'a> {
    /// m noised lines.
    pub(crate) left: &'a Panels,
    /// For every left panel, the negated offset sums of every chunk and of the rest after the last chunk.
    pub(crate) left_sums: &'a [[i32; TILE]],
    /// n noised lines, stored with [`OFFSET`].
    pub(crate) right: &'a Panels,
    /// m lines of pairs of i16.
    pub(crate) left_factors: &'a Panels,
    /// n lines of pairs of i16, negated: what to add to the noised product to peel the noise off.
    pub(crate) right_factors: &'a Panels,
    /// Columns per chunk, a multiple of 4.
    pub(crate) rank: usize,
    /// Whole chunks, at least 16.
    pub(crate) chunks: usize,
}

/// As [`product`], with the noise peeled off and the transcript of every tile.
pub(crate) fn lottery_product<T: Send>(
    isa: Isa,
    pool: &Pool,
    operands: &Noised<'_>,
    outputs: &mut [T],
    sink: impl Fn(&mut T, usize, usize, &Tile, &Words) + Sync,
) {
    let wide = Wide::of(isa, pool, operands.left, operands.right);
    pool.chunks(outputs, PAIR, |pair, outputs| {
        let first = PAIR * pair;
        let mut tiles = [Tile::ZERO; PAIR];
        let mut words = [Words::default(); PAIR];
        let (tiles, words) = (&mut tiles[..outputs.len()], &mut words[..outputs.len()]);
        for i in 0..operands.left.panels() {
            match &wide {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: wide panels are made for AVX2 only, which the machine has.
                Some(wide) => unsafe {
                    avx2::draw(
                        operands,
                        wide.left.panel(i),
                        &wide.right,
                        i,
                        first,
                        tiles,
                        words,
                    )
                },
                #[cfg(target_arch = "x86_64")]
                None if isa == Isa::Avx512Vnni => {
                    // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
                    unsafe { avx512::draw(operands, i, first, tiles, words) }
                }
                _ => scalar::draw(operands, i, first, tiles, words),
            }
            for (((offset, output), tile), words) in
                outputs.iter_mut().enumerate().zip(&*tiles).zip(&*words)
            {
                sink(output, i, first + offset, tile, words);
            }
        }
    });
}

/// Both sides as pairs of i16, for instruction sets that multiply those: every group of a panel becomes two lines.
struct Wide {
    left: Panels,
    right: Panels,
}

impl Wide {
    fn of(isa: Isa, pool: &Pool, left: &Panels, right: &Panels) -> Option<Self> {
        (isa == Isa::Avx2).then(|| Self {
            left: widen(isa, pool, left, 0),
            right: widen(isa, pool, right, OFFSET),
        })
    }
}

fn widen(isa: Isa, pool: &Pool, narrow: &Panels, flip: u8) -> Panels {
    let mut wide = Panels::default();
    wide.resize(TILE * narrow.panels(), 8 * narrow.groups());
    let narrow = narrow.lines();
    let size = 2 * narrow.len().div_ceil(16).max(1);
    pool.chunks(wide.lines_mut(), size, |i, wide| {
        widen_lines(isa, &narrow[i * size / 2..], flip, wide)
    });
    wide
}

super::isa::per_isa! {
    fn widen_lines(narrow: &[Line], flip: u8, wide: &mut [Line]) {
        let flip = u32::from_le_bytes([flip; 4]);
        for (narrow, wide) in narrow.iter().zip(wide.as_chunks_mut::<2>().0) {
            let words = narrow.words().map(|word| word ^ flip);
            // Bytes 0 and 2 of a lane, then bytes 1 and 3: any pairing will do, as long as both sides use it.
            let spread = |high: u32, low: u32| (high as i32 >> 24) as u16 as u32 | ((low as i32 >> 24) as u32) << 16;
            wide[0] = Line::from_words(&words.map(|word| spread(word << 24, word << 8)));
            wide[1] = Line::from_words(&words.map(|word| spread(word << 16, word)));
        }
    }
}
