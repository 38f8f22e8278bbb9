//! The check that every node makes, in about a millisecond and without a GPU.

use crate::{
    Hash, Job, JobInput, OPERAND_MAX, OPERAND_MIN, SealError, Shape, TILE, Transcript, WorkSeal,
    batch, merkle, target,
};

/// What the chain knows about a seal's block and run, at the parent's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Genesis hash of the chain.
    pub genesis: Hash,
    /// Hash of the header without its seal.
    pub pre_hash: Hash,
    /// Account that the block's pre-runtime digest names.
    pub author: Hash,
    /// Seed of the run.
    pub run_seed: Hash,
    /// Dimensions of the run's lottery product.
    pub shape: Shape,
    /// Merkle root of the dataset.
    pub dataset_root: Hash,
    /// Row blocks of the dataset.
    pub row_blocks: u32,
    /// Expected MACs per win.
    pub difficulty: u128,
    /// Number of tiles that may win, in ordinal order.
    pub allowance: u32,
}

/// Checks a seal against its terms, cheapest rule first. Total: any seal and any terms give an answer.
///
/// Whether the run is live, the author's, and open at this step is the caller's to check before.
///
/// # Errors
/// The first rule that does not hold, from [`SealError::TileOutOfRange`] on. A shape that is not valid has no tiles.
pub fn verify(seal: &WorkSeal, terms: &Terms) -> Result<(), SealError> {
    let shape = &terms.shape;
    let (i, j) = seal.tile;
    let ensure = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
    ensure(
        shape.is_valid() && i < shape.tiles_m() && j < shape.tiles_n(),
        SealError::TileOutOfRange,
    )?;
    ensure(
        shape.ordinal(seal.tile) < terms.allowance.into(),
        SealError::BeyondAllowance,
    )?;

    let k = shape.k as usize;
    ensure(
        seal.a_rows.len() == TILE * k && seal.b_rows.len() == TILE * k,
        SealError::BadLength,
    )?;
    ensure(
        in_range(&seal.a_rows) && in_range(&seal.b_rows),
        SealError::OperandOutOfRange,
    )?;

    let block = batch::block(&terms.run_seed, seal.step, i, terms.row_blocks);
    let leaf = || merkle::rows_leaf(block.into(), &seal.a_rows, &seal.labels);
    let opens = opens(
        block,
        terms.row_blocks,
        leaf,
        &seal.a_path,
        &terms.dataset_root,
    );
    ensure(opens, SealError::NotTheBatch)?;

    let leaf = || merkle::rows_leaf(j.into(), &seal.b_rows, &[]);
    let opens = self::opens(j, shape.tiles_n(), leaf, &seal.b_path, &seal.weights_root);
    ensure(opens, SealError::NotTheWeights)?;

    let job = Job::new(&JobInput {
        genesis: terms.genesis,
        pre_hash: terms.pre_hash,
        author: terms.author,
        run: seal.run,
        step: seal.step,
        shape: *shape,
        dataset_root: terms.dataset_root,
        row_blocks: terms.row_blocks,
        weights_root: seal.weights_root,
    });
    let (mut a, mut bt) = (seal.a_rows.clone(), seal.b_rows.clone());
    job.noise_a().add_to(i * TILE as u32, &mut a);
    job.noise_b().add_to(j * TILE as u32, &mut bt);
    let draw = job.draw(&Transcript::of_tile(&a, &bt, k, shape.r as usize));
    ensure(
        target::wins(draw, terms.difficulty, shape.tile_macs()),
        SealError::AboveTarget,
    )
}

/// Whether every entry is int7.
fn in_range(rows: &[i8]) -> bool {
    rows.iter()
        .all(|value| (OPERAND_MIN..=OPERAND_MAX).contains(value))
}

/// Whether `path` opens the leaf at `index` of `count` under `root`. The leaf is hashed only if the path's length fits.
fn opens(index: u32, count: u32, leaf: impl FnOnce() -> Hash, path: &[Hash], root: &Hash) -> bool {
    merkle::path_len(index, count) == Some(path.len())
        && merkle::root_from_path(index, count, leaf(), path).as_ref() == Some(root)
}
