//! The whole lottery product in scalar code: noise, draws, peeling.
//!
//! Plainly right and slow. Fast paths are compared with it.

use alloc::{vec, vec::Vec};

use crate::{Job, Noise, TILE, Transcript, U256};

/// The plain product of `a` (m×k) and `btᵀ` (`bt`: n×k), both row-major with entries in [-64, 63], row-major m×n, and
/// one draw per tile in the order of [`Shape::ordinal`](crate::Shape::ordinal).
///
/// Noised operands are multiplied, `C' = A'·B'`, and the noise is peeled off through its factors:
/// `C = C' - A·E_B - E_A·B' = C' - (A·P_Bᵀ)·L_Bᵀ - L_A·(P_A·B')`.
///
/// With k ≤ 65 536, `|C'| ≤ 127²·k < 2³⁰`, `|(A·P_Bᵀ)·L_Bᵀ| ≤ 2·64·32·k ≤ 2²⁸` and `|L_A·(P_A·B')| ≤ 2·32·127·k < 2²⁹` in any
/// order of summation, so every intermediate fits i32.
///
/// # Panics
/// If the job's shape is not valid or an operand has another length.
pub fn product(a: &[i8], bt: &[i8], job: &Job) -> (Vec<i32>, Vec<U256>) {
    let shape = job.shape();
    let (m, n, k, r) = (
        shape.m as usize,
        shape.n as usize,
        shape.k as usize,
        shape.r as usize,
    );
    assert!(
        shape.is_valid() && a.len() == m * k && bt.len() == n * k,
        "operands of shape {shape:?}"
    );
    let (noise_a, noise_b) = (job.noise_a(), job.noise_b());
    let (mut noised_a, mut noised_bt) = (a.to_vec(), bt.to_vec());
    noise_a.add_to(0, &mut noised_a);
    noise_b.add_to(0, &mut noised_bt);

    let mut draws = Vec::with_capacity((m / TILE) * (n / TILE));
    for a in noised_a.chunks_exact(TILE * k) {
        for bt in noised_bt.chunks_exact(TILE * k) {
            draws.push(job.draw(&Transcript::of_tile(a, bt, k, r)));
        }
    }

    let dense_a: Vec<i32> = noise_a
        .dense(0, shape.m)
        .into_iter()
        .map(i32::from)
        .collect();
    let dense_b: Vec<i32> = noise_b
        .dense(0, shape.n)
        .into_iter()
        .map(i32::from)
        .collect();
    let gathered_a = gather(a, &noise_b, r);
    let gathered_b = gather(&noised_bt, &noise_a, r);
    let mut product = vec![0; m * n];
    for (i, row) in product.chunks_exact_mut(n).enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            let noised = dot(&noised_a[i * k..][..k], &noised_bt[j * k..][..k]);
            let from_b = dot(&gathered_a[i * r..][..r], &dense_b[j * r..][..r]);
            let from_a = dot(&dense_a[i * r..][..r], &gathered_b[j * r..][..r]);
            *value = noised - from_b - from_a;
        }
    }
    (product, draws)
}

/// `X·Pᵀ` (lines × r) for `x` (lines × k): each entry goes to row p of its column with its sign, to row q with the other.
fn gather(x: &[i8], noise: &Noise, r: usize) -> Vec<i32> {
    let k = noise.pairs().len();
    let mut gathered = vec![0; x.len() / k * r];
    for (line, gathered) in x.chunks_exact(k).zip(gathered.chunks_exact_mut(r)) {
        for (&value, &(p, q)) in line.iter().zip(noise.pairs()) {
            gathered[p as usize] += i32::from(value);
            gathered[q as usize] -= i32::from(value);
        }
    }
    gathered
}

/// Sum of products.
fn dot<T: Copy + Into<i32>>(a: &[T], b: &[T]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| a.into() * b.into()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JobInput, OPERAND_MAX, OPERAND_MIN, Shape, fixture::operand};
    use proptest::prelude::*;

    fn job(shape: Shape, pre_hash: [u8; 32]) -> Job {
        Job::new(&JobInput {
            genesis: [0; 32],
            pre_hash,
            author: [1; 32],
            run: 2,
            step: 3,
            shape,
            dataset_root: [4; 32],
            row_blocks: 5,
            weights_root: [6; 32],
        })
    }

    fn plain(a: &[i8], bt: &[i8], k: usize) -> Vec<i32> {
        let dot = |a: &[i8], b: &[i8]| {
            a.iter()
                .zip(b)
                .map(|(&a, &b)| i32::from(a) * i32::from(b))
                .sum()
        };
        a.chunks(k)
            .flat_map(|a| bt.chunks(k).map(move |b| dot(a, b)))
            .collect()
    }

    prop_compose! {
        /// Up to 3×3 tiles; k is a multiple of r only by chance.
        fn any_shape()(tiles: (u8, u8), log_r in 1..6, extra in 0_u32..70) -> Shape {
            let r = 1_u32 << log_r;
            Shape { m: 16 * (1 + u32::from(tiles.0 % 3)), n: 16 * (1 + u32::from(tiles.1 % 3)), k: 16 * r + extra, r }
        }
    }

    /// `count` entries: random, one extreme throughout, or extremes of both signs.
    fn entries(label: &str, count: usize, kind: u8) -> Vec<i8> {
        let random = operand(label, count);
        match kind {
            0 => random,
            1 => vec![OPERAND_MIN; count],
            2 => vec![OPERAND_MAX; count],
            _ => random
                .into_iter()
                .map(|x| if x < 0 { OPERAND_MIN } else { OPERAND_MAX })
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn the_peeled_product_is_the_plain_product(shape in any_shape(), pre_hash: [u8; 32], kinds in (0..4_u8, 0..4_u8)) {
            let k = shape.k as usize;
            let a = entries("a", shape.m as usize * k, kinds.0);
            let bt = entries("bt", shape.n as usize * k, kinds.1);
            let (product, draws) = product(&a, &bt, &job(shape, pre_hash));
            prop_assert_eq!(draws.len() as u32, shape.tiles_m() * shape.tiles_n());
            prop_assert_eq!(product, plain(&a, &bt, k));
        }
    }

    #[test]
    fn the_longest_extreme_product_is_exact() {
        let shape = Shape {
            m: 16,
            n: 16,
            k: 65_536,
            r: 4096,
        };
        let strip = |value| vec![value; 16 * 65_536];
        for (a, b) in [(OPERAND_MIN, OPERAND_MIN), (OPERAND_MIN, OPERAND_MAX)] {
            let (product, _) = product(&strip(a), &strip(b), &job(shape, [0; 32]));
            assert!(
                product
                    .iter()
                    .all(|&value| value == 65_536 * i32::from(a) * i32::from(b))
            );
        }
    }
}
