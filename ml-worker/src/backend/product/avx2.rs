//! Kernels for AVX2: `vpmaddwd` on pairs of i16, which cannot overflow with entries in [-32 767, 32 767].

use std::arch::x86_64::*;

use super::{Noised, Words};
use crate::backend::matrix::{Line, Panels, TILE, Tile};

/// Rows of a tile that fit the registers: 2 sums each, beside 2 of the right side and 1 of the left.
const ROWS: usize = 4;

type Sums = [[__m256i; 2]; ROWS];

/// Tiles of one wide left panel and the wide right panels from `first` on.
#[target_feature(enable = "avx2")]
pub(super) fn multiply(left: &[Line], right: &Panels, first: usize, tiles: &mut [Tile]) {
    for (j, tile) in (first..).zip(tiles) {
        for (quarter, rows) in tile.0.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let sums = [[_mm256_setzero_si256(); 2]; ROWS];
            store(accumulate(sums, left, right.panel(j), ROWS * quarter), rows);
        }
    }
}

/// Peeled tiles and transcripts of left panel `i` and the right panels from `first` on.
#[target_feature(enable = "avx2")]
pub(super) fn draw(
    operands: &Noised<'_>,
    left: &[Line],
    right: &Panels,
    i: usize,
    first: usize,
    tiles: &mut [Tile],
    words: &mut [Words],
) {
    let per_chunk = operands.rank / 2;
    let drawn = per_chunk * operands.chunks;
    for ((j, tile), words) in (first..).zip(tiles).zip(words) {
        let right = right.panel(j);
        let mut folded = [_mm256_setzero_si256(); 16];
        for (quarter, rows) in tile.0.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let first_row = ROWS * quarter;
            let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
            let mut lanes = [_mm256_setzero_si256(); 16];
            let chunks = left[..drawn]
                .chunks_exact(per_chunk)
                .zip(right[..drawn].chunks_exact(per_chunk));
            for (chunk, (left, right)) in chunks.enumerate() {
                sums = accumulate(sums, left, right, first_row);
                let lane = &mut lanes[chunk % 16];
                *lane = _mm256_or_si256(_mm256_slli_epi32(*lane, 13), _mm256_srli_epi32(*lane, 19));
                for sum in sums.as_flattened() {
                    *lane = _mm256_xor_si256(*lane, *sum);
                }
            }
            sums = accumulate(sums, &left[drawn..], &right[drawn..], first_row);
            sums = accumulate(
                sums,
                operands.left_factors.panel(i),
                operands.right_factors.panel(j),
                first_row,
            );
            store(sums, rows);
            for (folded, lane) in folded.iter_mut().zip(lanes) {
                *folded = _mm256_xor_si256(*folded, lane);
            }
        }
        *words = folded.map(|folded| {
            let mut lanes = [0_u32; 8];
            // SAFETY: `lanes` is 32 writable bytes.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), folded) };
            lanes.into_iter().fold(0, |xor, lane| xor ^ lane)
        });
    }
}

/// Adds the products of rows `first_row..` of `left` with all lines of `right`.
#[inline]
#[target_feature(enable = "avx2")]
fn accumulate(mut sums: Sums, left: &[Line], right: &[Line], first_row: usize) -> Sums {
    assert!(first_row + ROWS <= TILE);
    for (left, right) in left.iter().zip(right) {
        // SAFETY: a line is 64 readable bytes aligned to 64, and `first_row + row` is one of its 16 lanes.
        unsafe {
            let halves: *const __m256i = right.0.as_ptr().cast();
            let right = [_mm256_load_si256(halves), _mm256_load_si256(halves.add(1))];
            let lanes: *const i32 = left.0.as_ptr().cast();
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = _mm256_set1_epi32(*lanes.add(first_row + row));
                sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(left, right[0]));
                sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(left, right[1]));
            }
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(sums: Sums, rows: &mut [[i32; TILE]; ROWS]) {
    for (row, sums) in rows.iter_mut().zip(sums) {
        let halves: *mut __m256i = row.as_mut_ptr().cast();
        // SAFETY: a row is 64 writable bytes.
        unsafe {
            _mm256_storeu_si256(halves, sums[0]);
            _mm256_storeu_si256(halves.add(1), sums[1]);
        }
    }
}
