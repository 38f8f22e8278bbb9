//! Noise and draws of a step's first product.

use std::sync::Arc;

use quern_work::{Hash, JobInput, Shape, TILE, U256};

use super::{
    accelerator::{Accelerator, Buffer},
    control::Control,
    matrix::{Matrix, Noised, Side, multiply},
};
use crate::backend::DeviceError;

/// Bytes of a row of factors for each 32 of the rank: three digits of the gathered sums, and the dense factor.
const FACTORS: usize = 128;

/// Threads of a block where nothing else decides.
const THREADS: u32 = 128;

/// Bytes of a draw within the threshold: the tile's ordinal and the draw.
const WIN: usize = 36;

/// Blocks of `THREADS` for so many items.
fn blocks(items: usize) -> [u32; 2] {
    [items.div_ceil(THREADS as usize) as u32, 1]
}

/// Bytes that a job's hash is taken of; the last 32 are the weights root.
fn job_bytes(input: &JobInput) -> Vec<u8> {
    let Shape { m, n, k, r } = input.shape;
    let side = (TILE as u32).to_le_bytes();
    [
        &input.genesis[..],
        &input.pre_hash,
        &input.author,
        &input.run.to_le_bytes(),
        &input.step.to_le_bytes(),
        &m.to_le_bytes(),
        &n.to_le_bytes(),
        &k.to_le_bytes(),
        &r.to_le_bytes(),
        &side,
        &side,
        &input.dataset_root,
        &input.row_blocks.to_le_bytes(),
        &input.weights_root,
    ]
    .concat()
}

/// Room for the commitment to the first layer's operand.
pub(crate) struct Commitment {
    chunks: Buffer,
    leaves: Buffer,
    tree: Buffer,
    count: usize,
    chunks_of_leaf: usize,
}

impl Commitment {
    /// Room for `n` rows of `k`.
    pub(crate) fn new(
        device: &Arc<dyn Accelerator>,
        n: usize,
        k: usize,
    ) -> Result<Self, DeviceError> {
        let count = n / TILE;
        let chunks_of_leaf = (8 + TILE * k).div_ceil(1024);
        Ok(Self {
            chunks: Buffer::new(device, 32 * count * chunks_of_leaf)?,
            leaves: Buffer::new(device, 32 * count)?,
            tree: Buffer::new(device, 32 * count)?,
            count,
            chunks_of_leaf,
        })
    }

    /// Commits to `weights`; the root goes to `control`.
    pub(crate) fn commit(
        &self,
        device: &dyn Accelerator,
        weights: &Matrix,
        keys: &Buffer,
        control: &Control,
    ) -> Result<(), DeviceError> {
        let (k, count) = (weights.cols() as u64, self.count as u64);
        let (chunks, leaves, tree) = (
            self.chunks.address(),
            self.leaves.address(),
            self.tree.address(),
        );
        let keys = keys.address();
        let hash = [
            weights.address(),
            weights.ld() as u64,
            k,
            count,
            keys,
            chunks,
        ];
        // SAFETY: the room was measured for these weights.
        unsafe {
            device.launch(
                "leaf_chunks",
                [(self.count * self.chunks_of_leaf).div_ceil(32) as u32, 1],
                32,
                0,
                &hash,
            )?;
            let join = [chunks, k, keys, leaves, tree];
            device.launch("leaves", [self.count as u32, 1], 32, 0, &join)?;
            let root = [tree, count, keys, control.address()];
            device.launch("root", [1, 1], 256, 0, &root)
        }
    }

    /// The leaves that were committed to.
    pub(crate) fn leaves(&self) -> Result<Vec<Hash>, DeviceError> {
        let bytes = self.leaves.read(0, 32 * self.count)?;
        Ok(bytes.as_chunks().0.to_vec())
    }
}

/// One operand's noise.
struct Noise {
    /// The noised operand.
    noised: Matrix,
    /// The sparse factor: pairs of rows, and the matrix itself.
    pairs: Buffer,
    sparse: Matrix,
    /// The dense factor.
    dense: Buffer,
    /// The factors by which it is peeled off: sums gathered with the other operand's sparse factor, and the dense one.
    factors: Matrix,
}

impl Noise {
    fn new(
        device: &Arc<dyn Accelerator>,
        lines: usize,
        k: usize,
        rank: usize,
    ) -> Result<Self, DeviceError> {
        Ok(Self {
            noised: Matrix::new(device, lines, k)?,
            pairs: Buffer::new(device, 4 * k)?,
            sparse: Matrix::new(device, rank, k)?,
            dense: Buffer::new(device, lines * rank)?,
            factors: Matrix::new(device, lines, rank.div_ceil(32) * FACTORS)?,
        })
    }

    /// Makes both factors from the seed at `seed`.
    fn factors(&self, device: &dyn Accelerator, seed: u64, rank: usize) -> Result<(), DeviceError> {
        let (lines, k) = (self.noised.rows(), self.noised.cols());
        let dense = [
            seed,
            lines as u64,
            rank as u64,
            self.dense.address(),
            self.factors.address(),
            self.factors.ld() as u64,
        ];
        let sparse = [
            seed,
            k as u64,
            rank as u64,
            self.pairs.address(),
            self.sparse.address(),
            self.sparse.ld() as u64,
        ];
        self.sparse.buffer().clear()?;
        // SAFETY: the room was measured for these sizes.
        unsafe {
            let streamed = blocks((lines * rank).div_ceil(64));
            device.launch("dense", streamed, THREADS, 0, &dense)?;
            device.launch("sparse", blocks(k.div_ceil(16)), THREADS, 0, &sparse)
        }
    }

    /// Adds the noise to `operand`.
    fn add(
        &self,
        device: &dyn Accelerator,
        operand: &Matrix,
        rank: usize,
    ) -> Result<(), DeviceError> {
        let (lines, k) = (self.noised.rows(), self.noised.cols());
        let arguments = [
            operand.address(),
            self.noised.address(),
            operand.ld() as u64,
            k as u64,
            self.pairs.address(),
            self.dense.address(),
            rank as u64,
        ];
        let shared = 4 * rank as u32;
        // SAFETY: operand and noised operand have the same sizes.
        unsafe { device.launch("noise", [(lines / 4) as u32, 1], 256, shared, &arguments) }
    }

    /// Gathers the sums of `operand`'s rows by the rows of `sparse` for the peeling.
    fn gather(
        &self,
        device: &dyn Accelerator,
        operand: &Matrix,
        sparse: &Matrix,
        control: &Control,
    ) -> Result<(), DeviceError> {
        let (factors, ld) = (self.factors.address(), self.factors.ld() as u64);
        let arguments = [factors, ld, control.address()];
        let (operand, sparse) = (Side::from(operand), Side::from(sparse));
        // SAFETY: a row of factors has room for all of the rank.
        unsafe { multiply(device, "digits", operand, sparse, None, &arguments) }
    }
}

/// Room for a lottery product.
pub(crate) struct Room {
    pub(crate) shape: Shape,
    batch: Noise,
    weights: Noise,
    input: Buffer,
    words: Buffer,
    threshold: Buffer,
    wins: Buffer,
}

impl Room {
    /// Room for products of this shape.
    pub(crate) fn new(device: &Arc<dyn Accelerator>, shape: Shape) -> Result<Self, DeviceError> {
        let (m, n) = (shape.m as usize, shape.n as usize);
        let (k, r) = (shape.k as usize, shape.r as usize);
        let tiles = m / TILE * (n / TILE);
        Ok(Self {
            shape,
            batch: Noise::new(device, m, k, r)?,
            weights: Noise::new(device, n, k, r)?,
            input: Buffer::new(device, 256)?,
            words: Buffer::new(device, 64 * tiles)?,
            threshold: Buffer::new(device, 32)?,
            wins: Buffer::new(device, WIN * tiles)?,
        })
    }

    /// Takes the job and the threshold of the next products. A copy from the host waits for the kernels before it, so this comes
    /// before a step's first.
    pub(crate) fn begin(&self, input: &JobInput, threshold: U256) -> Result<(), DeviceError> {
        self.input.write(0, &job_bytes(input))?;
        self.threshold.write(0, &threshold.to_little_endian())
    }

    /// Makes the noise of the job, whose weights root is the one in `control`, and adds it to both operands.
    pub(crate) fn noise(
        &self,
        device: &dyn Accelerator,
        keys: &Buffer,
        control: &Control,
        batch: &Matrix,
        weights: &Matrix,
    ) -> Result<(), DeviceError> {
        let rank = self.shape.r as usize;
        let job = [self.input.address(), keys.address(), control.address()];
        // SAFETY: the input is as long as whole blocks.
        unsafe { device.launch("job", [1, 1], 32, 0, &job)? };
        let seeds = control.noise_seeds();
        self.batch.factors(device, seeds[0], rank)?;
        self.weights.factors(device, seeds[1], rank)?;
        self.batch.add(device, batch, rank)?;
        self.weights.add(device, weights, rank)?;
        // C = A'·B' - A·E_B - E_A·B': the batch as it is, the weights with their noise.
        let (sparse_a, sparse_b) = (&self.batch.sparse, &self.weights.sparse);
        self.batch.gather(device, batch, sparse_b, control)?;
        let noised = &self.weights.noised;
        self.weights.gather(device, noised, sparse_a, control)
    }

    /// The noised product, peeled again; kernel `epilogue` makes of the sums what its `arguments` say.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and what they name has room for the product.
    pub(crate) unsafe fn multiply(
        &self,
        device: &dyn Accelerator,
        control: &Control,
        epilogue: &str,
        arguments: &[u64],
    ) -> Result<(), DeviceError> {
        let noised = Noised {
            rank: self.shape.r,
            chunks: self.shape.k / self.shape.r,
            left: self.batch.factors.address(),
            right: self.weights.factors.address(),
            ld: self.batch.factors.ld(),
            control: control.address(),
            words: self.words.address(),
        };
        let (a, b) = (&self.batch.noised, &self.weights.noised);
        // SAFETY: the caller's promise.
        unsafe {
            multiply(
                device,
                epilogue,
                a.into(),
                b.into(),
                Some(noised),
                arguments,
            )
        }
    }

    /// Draws for the first tiles up to `allowance`; those within the threshold are counted in `control` and kept.
    pub(crate) fn draw(
        &self,
        device: &dyn Accelerator,
        control: &Control,
        allowance: u32,
    ) -> Result<(), DeviceError> {
        let tiles = self.shape.tiles_m() * self.shape.tiles_n();
        let count = tiles.min(allowance);
        if count == 0 {
            return Ok(());
        }
        let arguments = [
            self.words.address(),
            count.into(),
            self.threshold.address(),
            control.address(),
            self.wins.address(),
        ];
        // SAFETY: there is room for as many wins as there are tiles.
        unsafe { device.launch("draws", blocks(count as usize), THREADS, 0, &arguments) }
    }

    /// The `count` kept draws and their tiles' ordinals, ascending.
    pub(crate) fn winners(&self, count: u32) -> Result<Vec<(u32, U256)>, DeviceError> {
        let bytes = self.wins.read(0, WIN * count as usize)?;
        let win = |bytes: &[u8; WIN]| {
            let ordinal = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            (ordinal, U256::from_little_endian(&bytes[4..]))
        };
        let mut wins: Vec<_> = bytes.as_chunks().0.iter().map(win).collect();
        wins.sort_unstable();
        Ok(wins)
    }
}
