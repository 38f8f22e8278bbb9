//! Layouts of matrices.
//!
//! - *Strips* hold an i8 matrix in columns of 16: strip j is `[rows][16]`. A 16×16 tile is 256 contiguous bytes, and a
//!   strip belongs to one task.
//! - *Panels* hold one side of a product, 16 lines each: panel p is `[inner / 4][16 lines][4]`, four inner indices of a
//!   line side by side in the 32 bits that one lane multiplies.
//!
//! Lines, columns and inner indices beyond the true sizes are zero.

use super::{Isa, isa::per_isa, pool::Pool};

/// Lines of a panel, rows and columns of a tile.
pub(crate) const TILE: usize = 16;

/// Offset that makes the right operand unsigned for `vpdpbusd`.
pub(crate) const OFFSET: u8 = 0x80;

/// 64 bytes on their own cache line: 16 lanes of 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; 64]);

    /// The lanes as 32-bit words.
    #[inline(always)]
    pub(crate) fn words(&self) -> [u32; 16] {
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(self.0.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        words
    }

    /// A line of these lanes.
    #[inline(always)]
    pub(crate) fn from_words(words: &[u32; 16]) -> Self {
        let mut line = Self::ZERO;
        for (word, bytes) in words.iter().zip(line.0.as_chunks_mut().0) {
            *bytes = word.to_le_bytes();
        }
        line
    }
}

/// 16×16 entries, row-major.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Tile(pub(crate) [[i32; TILE]; TILE]);

impl Tile {
    pub(crate) const ZERO: Self = Self([[0; TILE]; TILE]);
}

/// 16×16 entries of i8, row-major: one tile of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct SmallTile(pub(crate) [[i8; TILE]; TILE]);

impl SmallTile {
    pub(crate) const ZERO: Self = Self([[0; TILE]; TILE]);
}

/// An i8 matrix in strips. Rows are padded with zeros to a multiple of 16.
#[derive(Default)]
pub(crate) struct Strips {
    rows: usize,
    cols: usize,
    tiles: Vec<SmallTile>,
}

impl Strips {
    /// Takes these sizes. What was stored keeps its place only if the sizes did not change.
    pub(crate) fn resize(&mut self, rows: usize, cols: usize) {
        if (self.rows, self.cols) != (rows, cols) {
            (self.rows, self.cols) = (rows, cols);
            self.tiles.clear();
            self.tiles
                .resize(rows.div_ceil(TILE) * cols.div_ceil(TILE), SmallTile::ZERO);
        }
    }

    /// Tiles per strip.
    pub(crate) fn height(&self) -> usize {
        self.rows.div_ceil(TILE)
    }

    /// Columns, without padding.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// All tiles, strip by strip.
    pub(crate) fn tiles_mut(&mut self) -> &mut [SmallTile] {
        &mut self.tiles
    }

    /// The tiles of strip `j`.
    pub(crate) fn strip(&self, j: usize) -> &[SmallTile] {
        &self.tiles[j * self.height()..][..self.height()]
    }

    /// The strips.
    pub(crate) fn strips(&self) -> impl Iterator<Item = &[SmallTile]> {
        self.tiles.chunks_exact(self.height())
    }
}

/// One side of a product.
#[derive(Default)]
pub(crate) struct Panels {
    panels: usize,
    groups: usize,
    lines: Vec<Line>,
}

impl Panels {
    /// Takes these sizes: `lines` of `inner` entries.
    pub(crate) fn resize(&mut self, lines: usize, inner: usize) {
        (self.panels, self.groups) = (lines.div_ceil(TILE), inner.div_ceil(4));
        self.lines.resize(self.panels * self.groups, Line::ZERO);
    }

    /// Number of panels.
    pub(crate) fn panels(&self) -> usize {
        self.panels
    }

    /// Lines of 64 bytes per panel: a quarter of the inner dimension, rounded up.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Panel `p`.
    pub(crate) fn panel(&self, p: usize) -> &[Line] {
        &self.lines[p * self.groups..][..self.groups]
    }

    /// All lines, panel by panel.
    pub(crate) fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines
    }

    /// All lines, panel by panel.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Packs the columns of `matrix` as lines: the inner dimension runs down its rows. Every byte is XORed with `flip`.
    pub(crate) fn pack_columns(&mut self, isa: Isa, pool: &Pool, matrix: &Strips, flip: u8) {
        self.resize(matrix.cols, matrix.rows);
        let groups = self.groups;
        pool.chunks(&mut self.lines, groups, |p, panel| {
            pack_strip(isa, matrix.strip(p), flip, panel)
        });
    }

    /// Packs the rows of `matrix` as lines: the inner dimension runs along its columns. Every byte is XORed with `flip`.
    pub(crate) fn pack_rows(&mut self, isa: Isa, pool: &Pool, matrix: &Strips, flip: u8) {
        self.resize(matrix.rows, matrix.cols);
        let groups = self.groups;
        pool.chunks(&mut self.lines, groups, |p, panel| {
            pack_rows(isa, matrix, p, flip, panel)
        });
    }
}

/// Packs rows 16·p to 16·p + 15 of `matrix` as panel p.
pub(crate) fn pack_rows(isa: Isa, matrix: &Strips, p: usize, flip: u8, panel: &mut [Line]) {
    for (strip, lines) in matrix.strips().zip(panel.chunks_mut(4)) {
        pack_tile_rows(isa, &strip[p], flip, lines);
    }
}

/// Packs one strip as the panel of its columns.
pub(crate) fn pack_strip(isa: Isa, strip: &[SmallTile], flip: u8, panel: &mut [Line]) {
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512Vnni {
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
        return unsafe { avx512::pack_strip(strip, flip, panel) };
    }
    pack_strip_portable(isa, strip, flip, panel);
}

/// Packs the rows of one tile as up to four groups of a panel.
fn pack_tile_rows(isa: Isa, tile: &SmallTile, flip: u8, lines: &mut [Line]) {
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512Vnni {
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
        return unsafe { avx512::pack_tile_rows(tile, flip, lines) };
    }
    pack_tile_rows_portable(isa, tile, flip, lines);
}

per_isa! {
    fn pack_strip_portable(strip: &[SmallTile], flip: u8, panel: &mut [Line]) {
        let rows = strip.iter().flat_map(|tile| tile.0.as_chunks::<4>().0);
        for (line, rows) in panel.iter_mut().zip(rows) {
            for (lane, bytes) in line.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *bytes = [rows[0][lane] as u8, rows[1][lane] as u8, rows[2][lane] as u8, rows[3][lane] as u8].map(|byte| byte ^ flip);
            }
        }
    }
}

per_isa! {
    fn pack_tile_rows_portable(tile: &SmallTile, flip: u8, lines: &mut [Line]) {
        for (group, line) in lines.iter_mut().enumerate() {
            for (row, bytes) in tile.0.iter().zip(line.0.as_chunks_mut::<4>().0) {
                *bytes = row.as_chunks::<4>().0[group].map(|byte| byte as u8 ^ flip);
            }
        }
    }
}

/// Sums of the 16 lines of a panel of i8, times -128: what the right operand's offset adds to a product, negated.
///
/// With at most 65 536 entries in [-127, 127] it is below 2³¹ in magnitude.
pub(crate) fn offset_sums(isa: Isa, panel: &[Line]) -> [i32; TILE] {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
        Isa::Avx512Vnni => unsafe { avx512::offset_sums(panel) },
        // Other kernels take both sides signed.
        _ => [0; TILE],
    }
}

/// Writes the 16 lines of a panel (without offset) one after the other: `rows` is 16 × k.
pub(crate) fn unpack(isa: Isa, panel: &[Line], k: usize, rows: &mut [u8]) {
    assert!(
        panel.len() == k.div_ceil(4) && rows.len() == TILE * k,
        "a panel of 16 lines"
    );
    #[cfg(target_arch = "x86_64")]
    let done = if isa == Isa::Avx512Vnni {
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
        unsafe { avx512::unpack(panel, k, rows) }
    } else {
        0
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    let _ = isa;
    for (lane, row) in rows.chunks_exact_mut(k).enumerate() {
        for (bytes, line) in row[done..].chunks_mut(4).zip(&panel[done / 4..]) {
            let count = bytes.len();
            bytes.copy_from_slice(&line.0[4 * lane..][..count]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512 {
    use super::{Line, OFFSET, SmallTile};
    use std::arch::x86_64::*;

    /// Four rows of 16 bytes become 16 lanes of 4 bytes: gather dwords by column, then bytes within each quarter.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn pack_strip(strip: &[SmallTile], flip: u8, panel: &mut [Line]) {
        let by_column = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(
            0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
        ));
        let flip = _mm512_set1_epi8(flip as i8);
        for (tile, lines) in strip.iter().zip(panel.chunks_mut(4)) {
            for (rows, line) in tile.0.as_chunks::<4>().0.iter().zip(lines) {
                // SAFETY: `rows` and `line` are 64 readable and writable bytes, aligned to 64.
                unsafe {
                    let rows = _mm512_load_si512(rows.as_ptr().cast());
                    let packed =
                        _mm512_shuffle_epi8(_mm512_permutexvar_epi32(by_column, rows), bytes);
                    _mm512_store_si512(line.0.as_mut_ptr().cast(), _mm512_xor_si512(packed, flip));
                }
            }
        }
    }

    /// 16 rows of 4 dwords become 4 groups of 16 dwords.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn pack_tile_rows(tile: &SmallTile, flip: u8, lines: &mut [Line]) {
        let by_column = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let flip = _mm512_set1_epi8(flip as i8);
        let mut quarters = [_mm512_setzero_si512(); 4];
        for (quarter, rows) in quarters.iter_mut().zip(tile.0.as_chunks::<4>().0) {
            // SAFETY: `rows` is 64 readable bytes, aligned to 64.
            let rows = unsafe { _mm512_load_si512(rows.as_ptr().cast()) };
            *quarter = _mm512_xor_si512(_mm512_permutexvar_epi32(by_column, rows), flip);
        }
        let [a, b, c, d] = quarters;
        let (ab_low, ab_high) = (
            _mm512_shuffle_i32x4(a, b, 0x44),
            _mm512_shuffle_i32x4(a, b, 0xee),
        );
        let (cd_low, cd_high) = (
            _mm512_shuffle_i32x4(c, d, 0x44),
            _mm512_shuffle_i32x4(c, d, 0xee),
        );
        let groups = [
            _mm512_shuffle_i32x4(ab_low, cd_low, 0x88),
            _mm512_shuffle_i32x4(ab_low, cd_low, 0xdd),
            _mm512_shuffle_i32x4(ab_high, cd_high, 0x88),
            _mm512_shuffle_i32x4(ab_high, cd_high, 0xdd),
        ];
        for (line, group) in lines.iter_mut().zip(groups) {
            // SAFETY: `line` is 64 writable bytes, aligned to 64.
            unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), group) };
        }
    }

    /// A multiply–accumulate with ones sums the four bytes of every lane.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn offset_sums(panel: &[Line]) -> [i32; 16] {
        let ones = _mm512_set1_epi8(1);
        let mut sums = [_mm512_setzero_si512(); 4];
        for lines in panel.chunks(4) {
            for (sum, line) in sums.iter_mut().zip(lines) {
                // SAFETY: a line is 64 readable bytes, aligned to 64.
                *sum = _mm512_dpbusd_epi32(*sum, ones, unsafe {
                    _mm512_load_si512(line.0.as_ptr().cast())
                });
            }
        }
        let sum = _mm512_add_epi32(
            _mm512_add_epi32(sums[0], sums[1]),
            _mm512_add_epi32(sums[2], sums[3]),
        );
        let mut out = [0; 16];
        let negated = _mm512_sub_epi32(
            _mm512_setzero_si512(),
            _mm512_slli_epi32(sum, OFFSET.trailing_zeros()),
        );
        // SAFETY: `out` is 64 writable bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), negated) };
        out
    }

    /// Transposes whole blocks of 16 lines of 16 lanes; returns the number of entries written to the front of every row.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn unpack(panel: &[Line], k: usize, rows: &mut [u8]) -> usize {
        let blocks = k / 64;
        assert!(rows.len() == 16 * k && panel.len() >= 16 * blocks);
        for block in 0..blocks {
            let mut lines = [_mm512_setzero_si512(); 16];
            for (vector, line) in lines.iter_mut().zip(&panel[16 * block..]) {
                // SAFETY: a line is 64 readable bytes, aligned to 64.
                *vector = unsafe { _mm512_load_si512(line.0.as_ptr().cast()) };
            }
            for (lane, vector) in transpose(lines).into_iter().enumerate() {
                // SAFETY: `64 · block + 64 ≤ k` bytes of row `lane` of 16 rows of k.
                unsafe {
                    _mm512_storeu_si512(rows.as_mut_ptr().add(lane * k + 64 * block).cast(), vector)
                };
            }
        }
        64 * blocks
    }

    /// Transposes 16×16 lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(crate) fn transpose(v: [__m512i; 16]) -> [__m512i; 16] {
        // Within quarters: quad[q][c] holds lanes 4·quarter + c of vectors 4q to 4q+3.
        let mut quads = [[_mm512_setzero_si512(); 4]; 4];
        for q in 0..4 {
            let (ab, ab_high) = (
                _mm512_unpacklo_epi32(v[4 * q], v[4 * q + 1]),
                _mm512_unpackhi_epi32(v[4 * q], v[4 * q + 1]),
            );
            let (cd, cd_high) = (
                _mm512_unpacklo_epi32(v[4 * q + 2], v[4 * q + 3]),
                _mm512_unpackhi_epi32(v[4 * q + 2], v[4 * q + 3]),
            );
            quads[q] = [
                _mm512_unpacklo_epi64(ab, cd),
                _mm512_unpackhi_epi64(ab, cd),
                _mm512_unpacklo_epi64(ab_high, cd_high),
                _mm512_unpackhi_epi64(ab_high, cd_high),
            ];
        }
        // Among quarters: a 4×4 transposition for every c.
        let mut out = [_mm512_setzero_si512(); 16];
        for c in 0..4 {
            let (low, low_high) = (
                _mm512_shuffle_i32x4(quads[0][c], quads[1][c], 0x44),
                _mm512_shuffle_i32x4(quads[0][c], quads[1][c], 0xee),
            );
            let (high, high_high) = (
                _mm512_shuffle_i32x4(quads[2][c], quads[3][c], 0x44),
                _mm512_shuffle_i32x4(quads[2][c], quads[3][c], 0xee),
            );
            out[c] = _mm512_shuffle_i32x4(low, high, 0x88);
            out[4 + c] = _mm512_shuffle_i32x4(low, high, 0xdd);
            out[8 + c] = _mm512_shuffle_i32x4(low_high, high_high, 0x88);
            out[12 + c] = _mm512_shuffle_i32x4(low_high, high_high, 0xdd);
        }
        out
    }
}
