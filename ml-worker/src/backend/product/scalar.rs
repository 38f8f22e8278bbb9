//! Kernels in plain code.

use super::{Noised, Words};
use crate::backend::matrix::{Line, OFFSET, Panels, Tile};

/// Tiles of one left panel and the right panels from `first` on.
pub(super) fn multiply(left: &[Line], right: &Panels, first: usize, tiles: &mut [Tile]) {
    for (j, tile) in (first..).zip(tiles) {
        *tile = Tile::ZERO;
        accumulate(left, right.panel(j), tile);
    }
}

/// Peeled tiles and transcripts of left panel `i` and the right panels from `first` on.
pub(super) fn draw(
    operands: &Noised<'_>,
    i: usize,
    first: usize,
    tiles: &mut [Tile],
    words: &mut [Words],
) {
    let per_chunk = operands.rank / 4;
    let left = operands.left.panel(i);
    for ((j, tile), words) in (first..).zip(tiles).zip(words) {
        *tile = Tile::ZERO;
        *words = Words::default();
        let right = operands.right.panel(j);
        let drawn = per_chunk * operands.chunks;
        let chunks = left[..drawn]
            .chunks_exact(per_chunk)
            .zip(right[..drawn].chunks_exact(per_chunk));
        for (chunk, (left, right)) in chunks.enumerate() {
            accumulate(left, right, tile);
            let word = &mut words[chunk % 16];
            *word = tile
                .0
                .as_flattened()
                .iter()
                .fold(word.rotate_left(13), |xor, &sum| xor ^ sum as u32);
        }
        accumulate(&left[drawn..], &right[drawn..], tile);
        for (left, right) in operands
            .left_factors
            .panel(i)
            .iter()
            .zip(operands.right_factors.panel(j))
        {
            accumulate_pairs(left, right, tile);
        }
    }
}

fn accumulate(left: &[Line], right: &[Line], tile: &mut Tile) {
    for (left, right) in left.iter().zip(right) {
        for (a, sums) in left.0.as_chunks::<4>().0.iter().zip(&mut tile.0) {
            let a = a.map(|byte| i32::from(byte as i8));
            for (b, sum) in right.0.as_chunks::<4>().0.iter().zip(sums) {
                let b = b.map(|byte| i32::from((byte ^ OFFSET) as i8));
                *sum = sum.wrapping_add(a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]);
            }
        }
    }
}

fn accumulate_pairs(left: &Line, right: &Line, tile: &mut Tile) {
    let pairs = |line: &Line| {
        line.words()
            .map(|word| [word as i16, (word >> 16) as i16].map(i32::from))
    };
    let right = pairs(right);
    for (a, sums) in pairs(left).iter().zip(&mut tile.0) {
        for (b, sum) in right.iter().zip(sums) {
            *sum = sum.wrapping_add((a[0] * b[0]).wrapping_add(a[1] * b[1]));
        }
    }
}
