//! One product alone, to measure it.

use quern_work::{Hash, Job, JobInput, Shape, U256, hash::xof};

use super::{
    BackendError, Isa,
    lottery::{Draws, winners},
    matrix::{OFFSET, Panels, Strips, TILE, Tile},
    pool::Pool,
    product::{Left, Words, lottery_product, product},
};

/// Random int7 operands of one shape, and the room for their product.
pub struct Trial {
    isa: Isa,
    pool: Pool,
    shape: Shape,
    a: Strips,
    b: Strips,
    left: Left,
    right: Panels,
    draws: Draws,
    words: Vec<Words>,
    product: Vec<Tile>,
}

impl Trial {
    /// Operands m×k and k×n of `shape`.
    ///
    /// # Errors
    /// If machine, threads or shape do not fit.
    pub fn new(shape: Shape, threads: usize, isa: Isa) -> Result<Self, BackendError> {
        if !isa.is_available() {
            return Err(BackendError::Isa(isa));
        }
        if !shape.is_valid() || shape.r < 4 {
            return Err(BackendError::Rank(shape.r));
        }
        let (m, n, k) = (shape.m as usize, shape.n as usize, shape.k as usize);
        Ok(Self {
            isa,
            pool: Pool::new(threads).map_err(|_| BackendError::Threads(threads))?,
            shape,
            a: random(b"a", m, k),
            b: random(b"b", k, n),
            left: Left::default(),
            right: Panels::default(),
            draws: Draws::default(),
            words: vec![Words::default(); m / TILE * (n / TILE)],
            product: vec![Tile::ZERO; m / TILE * (n / TILE)],
        })
    }

    /// The plain product: packing both operands, multiplying, writing 32-bit results.
    pub fn plain(&mut self) {
        let Self {
            isa,
            pool,
            shape,
            a,
            b,
            left,
            right,
            product: tiles,
            ..
        } = self;
        left.of_rows(*isa, pool, a);
        right.pack_columns(*isa, pool, b, OFFSET);
        let mut strips: Vec<_> = tiles.chunks_mut(shape.tiles_m() as usize).collect();
        product(*isa, pool, left, right, &mut strips, |strip, i, _, tile| {
            strip[i] = *tile
        });
    }

    /// The same product as a lottery under `pre_hash`: noise, transcripts, draws and peeling included; number of draws up to
    /// `threshold`.
    pub fn lottery(&mut self, pre_hash: Hash, threshold: U256) -> usize {
        let Self {
            isa,
            pool,
            shape,
            a,
            b,
            right,
            draws,
            words,
            product: tiles,
            ..
        } = self;
        let job = Job::new(&JobInput {
            genesis: [0; 32],
            pre_hash,
            author: [0; 32],
            run: 0,
            step: 0,
            shape: *shape,
            dataset_root: [0; 32],
            row_blocks: 1,
            weights_root: [0; 32],
        });
        right.pack_columns(*isa, pool, b, 0);
        draws.noise(*isa, pool, &job, a, right);
        let height = shape.tiles_m() as usize;
        let mut strips: Vec<_> = tiles
            .chunks_mut(height)
            .zip(words.chunks_mut(height))
            .collect();
        lottery_product(
            *isa,
            pool,
            &draws.operands(right),
            &mut strips,
            |(strip, words), i, _, tile, drawn| {
                strip[i] = *tile;
                words[i] = *drawn;
            },
        );
        winners(*isa, pool, &job, u32::MAX, threshold, words).len()
    }
}

fn random(label: &[u8], rows: usize, cols: usize) -> Strips {
    let mut strips = Strips::default();
    strips.resize(rows, cols);
    let height = strips.height();
    let mut bytes = vec![0; rows * cols];
    xof(&[0; 32], label).fill(&mut bytes);
    for (row, bytes) in bytes.chunks_exact(cols).enumerate() {
        for (col, &byte) in bytes.iter().enumerate() {
            strips.tiles_mut()[col / TILE * height + row / TILE].0[row % TILE][col % TILE] =
                byte as i8 >> 1;
        }
    }
    strips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lottery_leaves_the_plain_product_behind() {
        for isa in Isa::available() {
            let mut trial = Trial::new(
                Shape {
                    m: 48,
                    n: 80,
                    k: 333,
                    r: 16,
                },
                1,
                isa,
            )
            .expect("a shape that fits");
            trial.plain();
            let plain: Vec<_> = trial.product.iter().map(|tile| tile.0).collect();
            assert_eq!(trial.lottery([1; 32], U256::MAX), 3 * 5);
            assert!(trial.product.iter().map(|tile| tile.0).eq(plain), "{isa}");
        }
    }
}
