//! Kernels for AVX-512 VNNI: `vpdpbusd` on groups of four u8×i8.
//!
//! The right side is stored as `b + 128`, so a line of the left side adds `128·Σa` too much; its negation comes with
//! the left side. All sums are modulo 2³², and the true ones fit.

// Loops count rows and panels: registers cannot be iterated over.
#![allow(clippy::needless_range_loop)]

use std::{arch::x86_64::*, mem::MaybeUninit};

use super::{Noised, Words};
use crate::backend::matrix::{Line, Panels, TILE, Tile};

/// Groups between a load and the prefetch beside it: two right panels and one left panel fill most of the nearest cache, so a part
/// comes from the next.
const AHEAD: usize = 16;

/// Rows per pass: with two right panels 16 sums, enough to hide the latency of both multipliers.
const ROWS: usize = 8;

/// Tiles of one left panel and the right panels from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn multiply(
    left: &[Line],
    sums: &[i32; TILE],
    right: &Panels,
    first: usize,
    tiles: &mut [Tile],
) {
    match tiles {
        [tile] => multiply_rows::<TILE, 1>(left, sums, [right.panel(first)], 0, [tile]),
        [one, two] => {
            let right = [right.panel(first), right.panel(first + 1)];
            multiply_rows::<ROWS, 2>(left, sums, right, 0, [&mut *one, &mut *two]);
            multiply_rows::<ROWS, 2>(left, sums, right, ROWS, [one, two]);
        }
        _ => unreachable!("one or two right panels"),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn multiply_rows<const M: usize, const N: usize>(
    left: &[Line],
    offsets: &[i32; TILE],
    right: [&[Line]; N],
    first_row: usize,
    mut tiles: [&mut Tile; N],
) {
    let mut sums = [[_mm512_setzero_si512(); N]; M];
    for (sums, &offset) in sums.iter_mut().zip(&offsets[first_row..]) {
        *sums = [_mm512_set1_epi32(offset); N];
    }
    let groups = left.len();
    for right in right {
        assert!(right.len() == groups && first_row + M <= TILE);
    }
    // SAFETY: all panels have `groups` groups and a panel has 16 rows.
    sums = unsafe { Sides::new(left, right, first_row).accumulate(sums, groups) };
    store(sums, first_row, &mut tiles);
}

/// Peeled tiles and transcripts of left panel `i` and the right panels from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn draw(
    operands: &Noised<'_>,
    i: usize,
    first: usize,
    tiles: &mut [Tile],
    words: &mut [Words],
) {
    match (tiles, words) {
        ([tile], [words]) => draw_panels::<1>(operands, i, first, [tile], [words]),
        ([one, two], [first_words, second_words]) => {
            draw_panels::<2>(operands, i, first, [one, two], [first_words, second_words]);
        }
        _ => unreachable!("one or two right panels"),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn draw_panels<const N: usize>(
    operands: &Noised<'_>,
    i: usize,
    first: usize,
    mut tiles: [&mut Tile; N],
    words: [&mut Words; N],
) {
    let per_chunk = operands.rank / 4;
    let drawn = per_chunk * operands.chunks;
    let left = operands.left.panel(i);
    let left_factors = operands.left_factors.panel(i);
    let (mut right, mut right_factors) = ([&[][..]; N], [&[][..]; N]);
    for j in 0..N {
        right[j] = operands.right.panel(first + j);
        right_factors[j] = operands.right_factors.panel(first + j);
    }
    let offsets = &operands.left_sums[i * (operands.chunks + 1)..][..operands.chunks + 1];
    let (rest, factors) = (left.len() - drawn, left_factors.len());
    assert!(drawn <= left.len() && operands.chunks >= 16);
    for j in 0..N {
        assert!(right[j].len() == left.len() && right_factors[j].len() == factors);
    }

    let mut folded = [[_mm512_setzero_si512(); 16]; N];
    for first_row in [0, ROWS] {
        let mut lanes = [[MaybeUninit::<__m512i>::uninit(); 16]; N];
        let mut sums = [[_mm512_setzero_si512(); N]; ROWS];
        let mut sides = Sides::new(left, right, first_row);
        for (chunk, offsets) in offsets[..operands.chunks].iter().enumerate() {
            // SAFETY: `chunks · per_chunk` groups are within every side.
            sums = unsafe { sides.accumulate(sums, per_chunk) };
            sums = add_offsets(sums, offsets, first_row);
            for j in 0..N {
                let lane = &mut lanes[j][chunk % 16];
                let before = if chunk < 16 {
                    _mm512_setzero_si512()
                } else {
                    // SAFETY: written 16 chunks ago.
                    _mm512_rol_epi32(unsafe { lane.assume_init() }, 13)
                };
                let xor = xor3(sums[0][j], sums[1][j], sums[2][j]);
                let xor = xor3(xor, sums[3][j], sums[4][j]);
                let xor = xor3(xor, sums[5][j], sums[6][j]);
                lane.write(xor3(xor, sums[7][j], before));
            }
        }
        // SAFETY: `rest` groups are left of every side, and the sides of the factors have `factors` groups.
        sums = unsafe { sides.accumulate(sums, rest) };
        sums = add_offsets(sums, &offsets[operands.chunks], first_row);
        // SAFETY: as above.
        sums = unsafe {
            Sides::new(left_factors, right_factors, first_row).accumulate_pairs(sums, factors)
        };
        store(sums, first_row, &mut tiles);
        for j in 0..N {
            for word in 0..16 {
                // SAFETY: the first 16 chunks wrote all of them.
                let lane = unsafe { lanes[j][word].assume_init() };
                folded[j][word] = if first_row == 0 {
                    lane
                } else {
                    _mm512_xor_si512(folded[j][word], lane)
                };
            }
        }
    }
    for (words, folded) in words.into_iter().zip(folded) {
        // SAFETY: 16 words are 64 writable bytes.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), xor_lanes(folded)) };
    }
}

/// Where a kernel stands in its panels.
struct Sides<const N: usize> {
    /// The lane of the first row, in the current group.
    left: *const i32,
    right: [*const __m512i; N],
}

impl<const N: usize> Sides<N> {
    #[inline(always)]
    fn new(left: &[Line], right: [&[Line]; N], first_row: usize) -> Self {
        let mut pointers = [std::ptr::null(); N];
        for j in 0..N {
            pointers[j] = right[j].as_ptr().cast();
        }
        Self {
            left: left.as_ptr().cast::<i32>().wrapping_add(first_row),
            right: pointers,
        }
    }

    /// Adds the products of the next `groups` groups of M rows with all lines of each right panel.
    ///
    /// # Safety
    /// Every panel has that many groups left, and M rows from the first one on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn accumulate<const M: usize>(
        &mut self,
        mut sums: [[__m512i; N]; M],
        groups: usize,
    ) -> [[__m512i; N]; M] {
        for _ in 0..groups {
            let mut right = [_mm512_setzero_si512(); N];
            for j in 0..N {
                // SAFETY: the caller's promise; lines are aligned to 64.
                unsafe {
                    right[j] = _mm512_load_si512(self.right[j]);
                    _mm_prefetch::<_MM_HINT_T0>(self.right[j].wrapping_add(AHEAD).cast());
                    self.right[j] = self.right[j].add(1);
                }
            }
            for row in 0..M {
                // SAFETY: the caller's promise.
                let left = _mm512_set1_epi32(unsafe { *self.left.add(row) });
                for j in 0..N {
                    sums[row][j] = _mm512_dpbusd_epi32(sums[row][j], right[j], left);
                }
            }
            _mm_prefetch::<_MM_HINT_T0>(self.left.wrapping_add(AHEAD * TILE).cast());
            self.left = self.left.wrapping_add(TILE);
        }
        sums
    }

    /// As [`Self::accumulate`], for lines of pairs of i16.
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn accumulate_pairs<const M: usize>(
        &mut self,
        mut sums: [[__m512i; N]; M],
        groups: usize,
    ) -> [[__m512i; N]; M] {
        for _ in 0..groups {
            let mut right = [_mm512_setzero_si512(); N];
            for j in 0..N {
                // SAFETY: the caller's promise; lines are aligned to 64.
                unsafe {
                    right[j] = _mm512_load_si512(self.right[j]);
                    _mm_prefetch::<_MM_HINT_T0>(self.right[j].wrapping_add(AHEAD).cast());
                    self.right[j] = self.right[j].add(1);
                }
            }
            for row in 0..M {
                // SAFETY: the caller's promise.
                let left = _mm512_set1_epi32(unsafe { *self.left.add(row) });
                for j in 0..N {
                    sums[row][j] = _mm512_dpwssd_epi32(sums[row][j], right[j], left);
                }
            }
            _mm_prefetch::<_MM_HINT_T0>(self.left.wrapping_add(AHEAD * TILE).cast());
            self.left = self.left.wrapping_add(TILE);
        }
        sums
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn add_offsets<const N: usize>(
    mut sums: [[__m512i; N]; ROWS],
    offsets: &[i32; TILE],
    first_row: usize,
) -> [[__m512i; N]; ROWS] {
    for row in 0..ROWS {
        let offset = _mm512_set1_epi32(offsets[first_row + row]);
        for j in 0..N {
            sums[row][j] = _mm512_add_epi32(sums[row][j], offset);
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn store<const M: usize, const N: usize>(
    sums: [[__m512i; N]; M],
    first_row: usize,
    tiles: &mut [&mut Tile; N],
) {
    for row in 0..M {
        for j in 0..N {
            // SAFETY: a row of a tile is 64 writable bytes aligned to 64.
            unsafe {
                _mm512_store_si512(
                    tiles[j].0[first_row + row].as_mut_ptr().cast(),
                    sums[row][j],
                )
            };
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32(a, b, c, 0x96)
}

/// Lane w of the result is the XOR of all lanes of vector w.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn xor_lanes(v: [__m512i; 16]) -> __m512i {
    let fold2 = |a, b| _mm512_xor_si512(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let fold4 = |a, b| _mm512_xor_si512(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let quads: [__m512i; 4] = std::array::from_fn(|i| {
        fold4(
            fold2(v[4 * i], v[4 * i + 1]),
            fold2(v[4 * i + 2], v[4 * i + 3]),
        )
    });
    let halves = |a, b| {
        _mm512_xor_si512(
            _mm512_shuffle_i32x4(a, b, 0x44),
            _mm512_shuffle_i32x4(a, b, 0xee),
        )
    };
    let (low, high) = (halves(quads[0], quads[1]), halves(quads[2], quads[3]));
    _mm512_xor_si512(
        _mm512_shuffle_i32x4(low, high, 0x88),
        _mm512_shuffle_i32x4(low, high, 0xdd),
    )
}
