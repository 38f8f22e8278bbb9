//! Kernels for AVX-512 VNNI: `vpdpbusd` on groups of four u8×i8.
//!
//! The right side is stored as `b + 128`, so a line of the left side adds `128·Σa` too much; its negation comes with
//! the left side. All sums are modulo 2³², and the true ones fit.

use std::arch::x86_64::*;

use super::{Noised, Words};
use crate::backend::matrix::{Line, Panels, TILE, Tile};

/// Rows per pass: with two right panels 16 sums, enough to hide the latency of both multipliers.
const ROWS: usize = 8;

/// Tiles of one left panel and the right panels from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn multiply(left: &[Line], sums: &[i32; TILE], right: &Panels, first: usize, tiles: &mut [Tile]) {
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
    tiles: [&mut Tile; N],
) {
    let mut sums = [[_mm512_setzero_si512(); N]; M];
    for (sums, &offset) in sums.iter_mut().zip(&offsets[first_row..]) {
        *sums = [_mm512_set1_epi32(offset); N];
    }
    store(accumulate(sums, left, right, first_row), first_row, tiles);
}

/// Peeled tiles and transcripts of left panel `i` and the right panels from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn draw(operands: &Noised<'_>, i: usize, first: usize, tiles: &mut [Tile], words: &mut [Words]) {
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
    let right: [_; N] = std::array::from_fn(|j| operands.right.panel(first + j));
    let left_factors = operands.left_factors.panel(i);
    let right_factors: [_; N] = std::array::from_fn(|j| operands.right_factors.panel(first + j));
    let offsets = &operands.left_sums[i * (operands.chunks + 1)..][..operands.chunks + 1];

    let mut folded = [[_mm512_setzero_si512(); 16]; N];
    for first_row in [0, ROWS] {
        let mut sums = [[_mm512_setzero_si512(); N]; ROWS];
        let mut lanes = [[_mm512_setzero_si512(); 16]; N];
        for (chunk, offsets) in offsets[..operands.chunks].iter().enumerate() {
            let columns = chunk * per_chunk..(chunk + 1) * per_chunk;
            sums = accumulate(sums, &left[columns.clone()], right.map(|right| &right[columns.clone()]), first_row);
            sums = add_offsets(sums, offsets, first_row);
            for (j, lanes) in lanes.iter_mut().enumerate() {
                let lane = &mut lanes[chunk % 16];
                let mut xor = xor3(_mm512_rol_epi32(*lane, 13), sums[0][j], sums[1][j]);
                xor = xor3(xor, sums[2][j], sums[3][j]);
                let other = xor3(sums[4][j], sums[5][j], sums[6][j]);
                *lane = xor3(xor, other, sums[7][j]);
            }
        }
        sums = accumulate(sums, &left[drawn..], right.map(|right| &right[drawn..]), first_row);
        sums = add_offsets(sums, &offsets[operands.chunks], first_row);
        sums = accumulate_pairs(sums, left_factors, right_factors, first_row);
        store(sums, first_row, tiles.each_mut().map(|tile| &mut **tile));
        for (folded, lane) in folded.as_flattened_mut().iter_mut().zip(lanes.as_flattened()) {
            *folded = _mm512_xor_si512(*folded, *lane);
        }
    }
    for (words, folded) in words.into_iter().zip(folded) {
        // SAFETY: 16 words are 64 writable bytes.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), xor_lanes(folded)) };
    }
}

/// Adds the products of rows `first_row..` of `left` with all lines of each `right`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn accumulate<const M: usize, const N: usize>(
    mut sums: [[__m512i; N]; M],
    left: &[Line],
    right: [&[Line]; N],
    first_row: usize,
) -> [[__m512i; N]; M] {
    let groups = left.len();
    assert!(first_row + M <= TILE && right.iter().all(|right| right.len() == groups));
    for group in 0..groups {
        // SAFETY: `group` is within every side, a line is 64 readable bytes aligned to 64, and `first_row + row` is
        // one of its 16 lanes.
        unsafe {
            let right = right.map(|right| _mm512_load_si512(right.as_ptr().add(group).cast()));
            let lanes = left.as_ptr().add(group).cast::<i32>().add(first_row);
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = _mm512_set1_epi32(*lanes.add(row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm512_dpbusd_epi32(*sum, right, left);
                }
            }
        }
    }
    sums
}

/// As [`accumulate`], for lines of pairs of i16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn accumulate_pairs<const M: usize, const N: usize>(
    mut sums: [[__m512i; N]; M],
    left: &[Line],
    right: [&[Line]; N],
    first_row: usize,
) -> [[__m512i; N]; M] {
    let groups = left.len();
    assert!(first_row + M <= TILE && right.iter().all(|right| right.len() == groups));
    for group in 0..groups {
        // SAFETY: as in `accumulate`.
        unsafe {
            let right = right.map(|right| _mm512_load_si512(right.as_ptr().add(group).cast()));
            let lanes = left.as_ptr().add(group).cast::<i32>().add(first_row);
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = _mm512_set1_epi32(*lanes.add(row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm512_dpwssd_epi32(*sum, right, left);
                }
            }
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn add_offsets<const N: usize>(
    mut sums: [[__m512i; N]; ROWS],
    offsets: &[i32; TILE],
    first_row: usize,
) -> [[__m512i; N]; ROWS] {
    for (sums, &offset) in sums.iter_mut().zip(&offsets[first_row..]) {
        let offset = _mm512_set1_epi32(offset);
        for sum in sums {
            *sum = _mm512_add_epi32(*sum, offset);
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn store<const M: usize, const N: usize>(sums: [[__m512i; N]; M], first_row: usize, mut tiles: [&mut Tile; N]) {
    for (row, sums) in (first_row..).zip(sums) {
        for (tile, sum) in tiles.iter_mut().zip(sums) {
            // SAFETY: a row of a tile is 64 writable bytes aligned to 64.
            unsafe { _mm512_store_si512(tile.0[row].as_mut_ptr().cast(), sum) };
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
        fold4(fold2(v[4 * i], v[4 * i + 1]), fold2(v[4 * i + 2], v[4 * i + 3]))
    });
    let halves = |a, b| _mm512_xor_si512(_mm512_shuffle_i32x4(a, b, 0x44), _mm512_shuffle_i32x4(a, b, 0xee));
    let (low, high) = (halves(quads[0], quads[1]), halves(quads[2], quads[3]));
    _mm512_xor_si512(_mm512_shuffle_i32x4(low, high, 0x88), _mm512_shuffle_i32x4(low, high, 0xdd))
}
