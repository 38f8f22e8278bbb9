//! The seed that binds a lottery product to everything it depends on.

use crate::{
    Hash, Noise, Shape, TILE, Transcript, U256,
    hash::{Context, derive, xof},
};

/// Everything a lottery product is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInput {
    /// Genesis hash of the chain.
    pub genesis: Hash,
    /// Hash of the header without its seal.
    pub pre_hash: Hash,
    /// Account that the block's pre-runtime digest names.
    pub author: Hash,
    /// The author's run.
    pub run: u64,
    /// Training step of the run.
    pub step: u64,
    /// Dimensions of the product; all of them are bound, or one commitment would open under several shapes.
    pub shape: Shape,
    /// Merkle root of the dataset.
    pub dataset_root: Hash,
    /// Row blocks of the dataset.
    pub row_blocks: u32,
    /// Merkle root of the first layer's operand at this step.
    pub weights_root: Hash,
}

/// One lottery product: the source of its noise and of its draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    hash: Hash,
    draw_key: Hash,
    shape: Shape,
}

impl Job {
    /// The job of `input`.
    pub fn new(input: &JobInput) -> Self {
        let Shape { m, n, k, r } = input.shape;
        let hash = derive(
            Context::JOB,
            &[
                &input.genesis,
                &input.pre_hash,
                &input.author,
                &input.run.to_le_bytes(),
                &input.step.to_le_bytes(),
                &m.to_le_bytes(),
                &n.to_le_bytes(),
                &k.to_le_bytes(),
                &r.to_le_bytes(),
                &(TILE as u32).to_le_bytes(),
                &(TILE as u32).to_le_bytes(),
                &input.dataset_root,
                &input.row_blocks.to_le_bytes(),
                &input.weights_root,
            ],
        );
        Self {
            hash,
            draw_key: derive(Context::DRAW, &[&hash]),
            shape: input.shape,
        }
    }

    /// The job hash, from which noise and draw keys derive.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Dimensions of the product.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Noise of the batch operand, m lines of k.
    ///
    /// # Panics
    /// If the shape is not valid.
    pub fn noise_a(&self) -> Noise {
        Noise::new(
            &derive(Context::NOISE_A, &[&self.hash]),
            self.shape.k,
            self.shape.r,
        )
    }

    /// Noise of the transposed weights operand, n lines of k.
    ///
    /// # Panics
    /// If the shape is not valid.
    pub fn noise_b(&self) -> Noise {
        Noise::new(
            &derive(Context::NOISE_B, &[&self.hash]),
            self.shape.k,
            self.shape.r,
        )
    }

    /// The draw of a tile with this transcript: uniform in `[0, 2²⁵⁶)`.
    pub fn draw(&self, transcript: &Transcript) -> U256 {
        let mut draw = [0; 32];
        xof(&self.draw_key, &transcript.to_bytes()).fill(&mut draw);
        U256::from_little_endian(&draw)
    }
}
