//! The lottery inside a step's first product.

mod hashing;
mod noise;
#[cfg(target_arch = "x86_64")]
mod wide;

use quern_training::Dataset;
use quern_work::{
    Hash, Job, JobInput, Shape, U256, WorkSeal, batch,
    hash::{self, Context},
    merkle::Tree,
    task,
};

use super::{
    Isa,
    matrix::{Line, Panels, Strips, TILE, pack_strip, unpack},
    pool::Pool,
    product::{Noised, Words},
};
use noise::{Batch, Factors, Weights};

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
    batch: Batch,
    weights: Weights,
    chunks: usize,
    rank: usize,
}

/// A lottery product that is committed to.
pub(crate) struct Ticket {
    job: Job,
    /// Leaf hashes of the neuron blocks, and the root of their tree.
    leaves: Vec<Hash>,
    root: Hash,
    step: u64,
}

impl Ticket {
    /// The source of the noise.
    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    /// Root of the weights that it commits to.
    pub(crate) fn root(&self) -> Hash {
        self.root
    }

    /// Commits to the packed columns of the weights, without offset, and derives the job of this step.
    pub(crate) fn new(
        isa: Isa,
        pool: &Pool,
        lottery: &Lottery,
        step: u64,
        dataset: &task::Dataset,
        weights: &Panels,
        shape: Shape,
    ) -> Self {
        let leaves = hashing::leaves(isa, pool, weights, shape.k as usize);
        let root = hashing::root(leaves.clone());
        let job = Job::new(&JobInput {
            genesis: lottery.genesis,
            pre_hash: lottery.pre_hash,
            author: lottery.author,
            run: lottery.run,
            step,
            shape,
            dataset_root: dataset.root,
            row_blocks: dataset.row_blocks,
            weights_root: root,
        });
        Self {
            job,
            leaves,
            root,
            step,
        }
    }

    /// The wins among the tiles' `words`, which come column of tiles by column of tiles.
    #[allow(clippy::too_many_arguments)]
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
        let shape = self.job.shape();
        let k = shape.k as usize;
        let seal = |tree: &Tree, (i, j): (u32, u32)| {
            let block = batch::block(run_seed, self.step, i, dataset.row_blocks());
            let (a_rows, block_labels) = dataset.row_block(block);
            let mut labels = [0; TILE];
            labels.copy_from_slice(block_labels);
            let mut panel = vec![Line::ZERO; k.div_ceil(4)];
            pack_strip(isa, operand.strip(j as usize), 0, &mut panel);
            let mut b_rows = vec![0; TILE * k];
            unpack(isa, &panel, k, &mut b_rows);
            WorkSeal {
                run: lottery.run,
                step: self.step,
                tile: (i, j),
                weights_root: self.root,
                a_rows: a_rows.to_vec(),
                labels,
                a_path: dataset.tree().path(block as usize),
                b_rows: b_rows.into_iter().map(|byte| byte as i8).collect(),
                b_path: tree.path(j as usize),
            }
        };
        let found = winners(
            isa,
            pool,
            &self.job,
            lottery.allowance,
            lottery.threshold,
            words,
        );
        if found.is_empty() {
            return Vec::new();
        }
        let tree = Tree::new(self.leaves.clone());
        found
            .into_iter()
            .map(|(tile, draw)| Win {
                draw,
                seal: seal(&tree, tile),
            })
            .collect()
    }
}

/// The commitment to the packed columns of the weights, without offset: the root of the Merkle tree over the neuron blocks of at
/// least 64 features.
pub(crate) fn commitment(isa: Isa, pool: &Pool, weights: &Panels, k: usize) -> Hash {
    hashing::root(hashing::leaves(isa, pool, weights, k))
}

/// The tiles whose draws are allowed to win and within the threshold, ascending ordinal. `words` are the tiles' transcripts, column of
/// tiles by column of tiles.
pub(crate) fn winners(
    isa: Isa,
    pool: &Pool,
    job: &Job,
    allowance: u32,
    threshold: U256,
    words: &[Words],
) -> Vec<((u32, u32), U256)> {
    let shape = job.shape();
    let tiles_m = shape.tiles_m() as usize;
    let key = hash::derive(Context::DRAW, &[&job.hash()]);
    let mut found = vec![Vec::new(); shape.tiles_n() as usize];
    pool.each(&mut found, |j, found| {
        let tile = |i: usize| (i as u32, j as u32);
        let words = &words[j * tiles_m..][..tiles_m];
        let allowed = (0..tiles_m).take_while(|&i| shape.ordinal(tile(i)) < allowance.into());
        let wins = hashing::wins(isa, &key, &words[..allowed.count()], threshold);
        found.extend(wins.into_iter().map(|(i, draw)| (tile(i), draw)));
    });
    let mut found = found.concat();
    found.sort_unstable_by_key(|(tile, _)| shape.ordinal(*tile));
    found
}

impl Draws {
    /// Adds the noise of `job` to both operands: the rows of `batch` (m×k) and the packed columns of the weights, which come
    /// without offset and leave with it.
    pub(crate) fn noise(
        &mut self,
        isa: Isa,
        pool: &Pool,
        job: &Job,
        batch: &Strips,
        weights: &mut Panels,
    ) {
        let shape = job.shape();
        (self.rank, self.chunks) = (shape.r as usize, (shape.k / shape.r) as usize);
        let a = Factors::new(&job.noise_a(), shape.m, shape.r);
        let b = Factors::new(&job.noise_b(), shape.n, shape.r);
        self.batch.noise(isa, pool, batch, &a, &b, self.chunks);
        self.weights.noise(isa, pool, weights, &b, &a);
    }

    /// The operands of the noised product with these noised weights.
    pub(crate) fn operands<'a>(&'a self, weights: &'a Panels) -> Noised<'a> {
        Noised {
            left: &self.batch.noised,
            left_sums: &self.batch.sums,
            right: weights,
            left_factors: &self.batch.factors,
            right_factors: &self.weights.factors,
            rank: self.rank,
            chunks: self.chunks,
        }
    }
}
