//! The lottery inside a step's first product.

mod hashing;
mod noise;

use quern_training::Dataset;
use quern_work::{
    Hash, Job, JobInput, Shape, U256, WorkSeal, batch,
    hash::{self, Context},
    merkle::Tree,
};

use super::{
    Isa,
    matrix::{Line, Strips, TILE, pack_strip, unpack},
    pool::Pool,
    product::{Noised, Words},
};
use noise::{Factors, Side};

/// What the draws of a step depend on beside the run: one block template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lottery {
    /// Genesis hash of the chain.
    pub genesis: Hash,
    /// Hash of the header without its seal.
    pub pre_hash: Hash,
    /// Account that the block's pre-runtime digest names.
    pub author: Hash,
    /// The author's run that is being trained.
    pub run: u64,
    /// Rank of the noise on this chain, a power of two from 4; 16 times it is at most the number of features.
    pub noise_rank: u32,
    /// Number of tiles that may win, in ordinal order.
    pub allowance: u32,
    /// The largest draw worth reporting.
    pub threshold: U256,
}

/// A draw within the threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Win {
    /// The draw.
    pub draw: U256,
    /// Its proof.
    pub seal: WorkSeal,
}

/// The noised operands of a step.
#[derive(Default)]
pub(crate) struct Draws {
    batch: Side,
    weights: Side,
    chunks: usize,
    rank: usize,
    step: u64,
    job: Option<Job>,
    tree: Option<Tree>,
}

impl Draws {
    /// Commits to the weights, derives the job and adds its noise to both operands.
    ///
    /// `batch` (m×k) comes as packed rows, `operand` is k×n.
    pub(crate) fn prepare(
        &mut self,
        isa: Isa,
        pool: &Pool,
        lottery: &Lottery,
        step: u64,
        dataset: &Dataset,
        batch: &Strips,
        operand: &Strips,
        shape: Shape,
    ) {
        let commitment = dataset.commitment();
        let tree = commit(isa, pool, operand, shape);
        let job = Job::new(&JobInput {
            genesis: lottery.genesis,
            pre_hash: lottery.pre_hash,
            author: lottery.author,
            run: lottery.run,
            step,
            shape,
            dataset_root: commitment.root,
            row_blocks: commitment.row_blocks,
            weights_root: tree.root(),
        });
        self.step = step;
        (self.rank, self.chunks) = (shape.r as usize, (shape.k / shape.r) as usize);
        let (noise_a, noise_b) = (job.noise_a(), job.noise_b());
        let (a, b) = (Factors::new(&noise_a, shape.m, shape.r), Factors::new(&noise_b, shape.n, shape.r));
        self.batch.noise_batch(isa, pool, batch, &a, &b, self.chunks);
        self.weights.noise_weights(isa, pool, operand, &b, &a);
        (self.job, self.tree) = (Some(job), Some(tree));
    }

    /// The operands of the noised product.
    pub(crate) fn operands(&self) -> Noised<'_> {
        Noised {
            left: &self.batch.noised,
            left_sums: &self.batch.sums,
            right: &self.weights.noised,
            left_factors: &self.batch.factors,
            right_factors: &self.weights.factors,
            rank: self.rank,
            chunks: self.chunks,
        }
    }

    /// The wins among the tiles' `words`, column of tiles by column of tiles of `shape.tiles_m()` each.
    pub(crate) fn wins(
        &self,
        isa: Isa,
        pool: &Pool,
        lottery: &Lottery,
        run_seed: &Hash,
        dataset: &Dataset,
        operand: &Strips,
        words: &[Words],
    ) -> Vec<Win> {
        let (Some(job), Some(tree)) = (&self.job, &self.tree) else { return Vec::new() };
        let shape = job.shape();
        let (tiles_m, tiles_n) = (shape.tiles_m(), shape.tiles_n());
        let key = hash::derive(Context::DRAW, &[&job.hash()]);
        let mut found = vec![Vec::new(); tiles_n as usize];
        pool.each(&mut found, |j, found| {
            let allowed = (0..tiles_m).map(|i| (i, j as u32)).filter(|&tile| shape.ordinal(tile) < lottery.allowance.into());
            let words = &words[j * tiles_m as usize..][..allowed.clone().count()];
            let draws = hashing::draws(&key, words);
            found.extend(allowed.zip(draws).filter(|(_, draw)| *draw <= lottery.threshold));
        });
        let mut found = found.concat();
        found.sort_unstable_by_key(|(tile, _)| shape.ordinal(*tile));
        let seal = |(i, j): (u32, u32)| {
            let mut b_rows = vec![0; TILE * shape.k as usize];
            neuron_block(isa, operand, j as usize, shape.k as usize, &mut b_rows);
            let block = batch::block(run_seed, self.step, i, dataset.row_blocks());
            let (a_rows, labels) = dataset.row_block(block);
            let mut row_labels = [0; TILE];
            row_labels.copy_from_slice(labels);
            WorkSeal {
                run: lottery.run,
                step: self.step,
                tile: (i, j),
                weights_root: tree.root(),
                a_rows: a_rows.to_vec(),
                labels: row_labels,
                a_path: dataset.tree().path(block as usize),
                b_rows: b_rows.into_iter().map(|byte| byte as i8).collect(),
                b_path: tree.path(j as usize),
            }
        };
        found.into_iter().map(|(tile, draw)| Win { draw, seal: seal(tile) }).collect()
    }
}

/// The Merkle tree over the neuron blocks of `operand` (k×n).
fn commit(isa: Isa, pool: &Pool, operand: &Strips, shape: Shape) -> Tree {
    let k = shape.k as usize;
    // Index and rows, as `merkle::leaf` concatenates them. A valid shape has k ≥ 32: more than one chunk only from k = 64 on,
    // which rank 4 implies.
    let leaves = hashing::leaves(pool, shape.tiles_n() as usize, 8 + TILE * k, |j, message| {
        message[..8].copy_from_slice(&(j as u64).to_le_bytes());
        neuron_block(isa, operand, j, k, &mut message[8..]);
    });
    Tree::new(leaves)
}

/// Writes neuron block `j`, 16 rows of the transposed operand, as bytes.
fn neuron_block(isa: Isa, operand: &Strips, j: usize, k: usize, rows: &mut [u8]) {
    let mut panel = vec![Line::ZERO; k.div_ceil(4)];
    pack_strip(isa, operand.strip(j), 0, &mut panel);
    unpack(isa, &panel, k, rows);
}
