//! A small valid seal, mined for the tests.

use alloc::vec::Vec;

use crate::{
    Hash, Job, JobInput, Shape, TILE, Terms, U256, WorkSeal, batch,
    hash::{Context, derive, xof},
    merkle::{Tree, rows_leaf},
    product,
};

/// 37 is no multiple of the rank, so the last column counts for no draw.
pub(crate) const SHAPE: Shape = Shape {
    m: 32,
    n: 48,
    k: 37,
    r: 2,
};

const ROW_BLOCKS: u32 = 5;
const STEPS: u64 = 200;

/// `count` entries in [-64, 63].
pub(crate) fn operand(label: &str, count: usize) -> Vec<i8> {
    let mut bytes = alloc::vec![0; count];
    xof(&derive(Context::new("quern/test"), &[]), label.as_bytes()).fill(&mut bytes);
    bytes
        .into_iter()
        .map(|byte| (byte & 127) as i8 - 64)
        .collect()
}

/// The best of all draws of some steps, and terms under which it just wins: a random draw wins once in some 1200.
pub(crate) fn mined() -> (WorkSeal, Terms) {
    let (k, n) = (SHAPE.k as usize, SHAPE.n as usize);
    let x = operand("x", ROW_BLOCKS as usize * TILE * k);
    let labels: Vec<u16> = (0..ROW_BLOCKS as u16 * TILE as u16).collect();
    let data = Tree::new(
        (0..)
            .zip(x.chunks(TILE * k).zip(labels.chunks(TILE)))
            .map(|(i, (x, y))| rows_leaf(i, x, y))
            .collect(),
    );
    let bt = operand("bt", n * k);
    let weights = Tree::new(
        (0..)
            .zip(bt.chunks(TILE * k))
            .map(|(j, rows)| rows_leaf(j, rows, &[]))
            .collect(),
    );
    let named = |name: &str| derive(Context::new("quern/test"), &[name.as_bytes()]);
    let mut terms = Terms {
        genesis: named("genesis"),
        pre_hash: named("pre-hash"),
        author: named("author"),
        run_seed: named("run"),
        shape: SHAPE,
        dataset_root: data.root(),
        row_blocks: ROW_BLOCKS,
        difficulty: 0,
        allowance: SHAPE.tiles_m() * SHAPE.tiles_n(),
    };
    let block_of = |step, slot| batch::block(&terms.run_seed, step, slot, ROW_BLOCKS) as usize;
    let draws = (0..STEPS).flat_map(|step| {
        let a: Vec<i8> = (0..SHAPE.tiles_m())
            .flat_map(|slot| {
                x[block_of(step, slot) * TILE * k..][..TILE * k]
                    .iter()
                    .copied()
            })
            .collect();
        let (_, draws) = product(&a, &bt, &job(&terms, 7, step, weights.root()));
        (0..)
            .zip(draws)
            .map(move |(ordinal, draw)| (draw, step, ordinal))
            .collect::<Vec<(U256, u64, u32)>>()
    });
    let Some((draw, step, ordinal)) = draws.min() else {
        unreachable!("there are steps")
    };
    let (i, j) = (ordinal / SHAPE.tiles_n(), ordinal % SHAPE.tiles_n());
    let block = block_of(step, i);
    let seal = WorkSeal {
        run: 7,
        step,
        tile: (i, j),
        weights_root: weights.root(),
        a_rows: x[block * TILE * k..][..TILE * k].to_vec(),
        labels: core::array::from_fn(|row| labels[block * TILE + row]),
        a_path: data.path(block),
        b_rows: bt[j as usize * TILE * k..][..TILE * k].to_vec(),
        b_path: weights.path(j as usize),
    };
    terms.difficulty = (U256::MAX / (draw / U256::from(SHAPE.tile_macs()) + 1)).as_u128();
    (seal, terms)
}

/// The job of a step under `terms`.
pub(crate) fn job(terms: &Terms, run: u64, step: u64, weights_root: Hash) -> Job {
    Job::new(&JobInput {
        genesis: terms.genesis,
        pre_hash: terms.pre_hash,
        author: terms.author,
        run,
        step,
        shape: terms.shape,
        dataset_root: terms.dataset_root,
        row_blocks: terms.row_blocks,
        weights_root,
    })
}
