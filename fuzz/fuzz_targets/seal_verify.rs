//! Any seal under any terms gets an answer. The Merkle roots are made to fit the seal, so that every rule is reached.
#![no_main]

use libfuzzer_sys::{arbitrary, fuzz_target};
use quern_work::{Hash, SealError, Shape, TILE, Terms, WorkSeal, batch, merkle, verify};

/// Entries of the largest strips made here: k = 256.
const MOST: usize = TILE * 256;

#[derive(arbitrary::Arbitrary, Debug)]
struct Case {
    run: u64,
    step: u64,
    tile: (u32, u32),
    labels: [u16; TILE],
    rows: Vec<i8>,
    paths: [Vec<Hash>; 2],
    run_seed: Hash,
    sides: [u32; 4],
    /// Takes the shape into its bounds, so that more than the first rule is reached.
    fitting: bool,
    row_blocks: u32,
    difficulty: u128,
    allowance: u32,
}

fuzz_target!(|case: Case| {
    let [m, n, k, r] = case.sides;
    let shape = if case.fitting {
        let r = 2 << (r % 4);
        let side = |x: u32| TILE as u32 * (1 + x % 64);
        Shape {
            m: side(m),
            n: side(n),
            k: 16 * r + k % (257 - 16 * r),
            r,
        }
    } else {
        Shape { m, n, k, r }
    };
    let strip = |from: usize| -> Vec<i8> {
        let length = (TILE * shape.k as usize).min(MOST);
        case.rows
            .iter()
            .skip(from)
            .copied()
            .chain([7])
            .cycle()
            .take(length)
            .map(|x| x / 2)
            .collect()
    };
    let [a_path, b_path] = case.paths;
    let mut seal = WorkSeal {
        run: case.run,
        step: case.step,
        tile: case.tile,
        weights_root: [0; 32],
        a_rows: strip(0),
        labels: case.labels,
        a_path,
        b_rows: strip(1),
        b_path,
    };
    if case.fitting {
        seal.tile = (seal.tile.0 % shape.tiles_m(), seal.tile.1 % shape.tiles_n());
    }
    let block = batch::block(&case.run_seed, seal.step, seal.tile.0, case.row_blocks);
    let data = merkle::rows_leaf(block.into(), &seal.a_rows, &seal.labels);
    let neurons = merkle::rows_leaf(seal.tile.1.into(), &seal.b_rows, &[]);
    for (path, index, count) in [
        (&mut seal.a_path, block, case.row_blocks),
        (&mut seal.b_path, seal.tile.1, shape.tiles_n()),
    ] {
        path.resize(
            merkle::path_len(index, count).unwrap_or(path.len()),
            [1; 32],
        );
    }
    let root = |index, count, leaf, path| {
        merkle::root_from_path(index, count, leaf, path).unwrap_or_default()
    };
    let dataset_root = root(block, case.row_blocks, data, &seal.a_path);
    seal.weights_root = root(seal.tile.1, shape.tiles_n(), neurons, &seal.b_path);
    let terms = Terms {
        genesis: [0; 32],
        pre_hash: [1; 32],
        author: [2; 32],
        run_seed: case.run_seed,
        shape,
        dataset_root,
        row_blocks: case.row_blocks,
        difficulty: case.difficulty,
        allowance: case.allowance,
    };
    let outcome = verify(&seal, &terms);
    if case.fitting && case.row_blocks > 0 {
        assert!(
            matches!(
                outcome,
                Ok(()) | Err(SealError::BeyondAllowance | SealError::AboveTarget)
            ),
            "{outcome:?}"
        );
    }
});
