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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{SHAPE, mined};
    use codec::Encode;
    use proptest::{array, collection::vec, prelude::*};

    /// What `change` to a valid seal and its terms leads to.
    fn changed(change: impl FnOnce(&mut WorkSeal, &mut Terms)) -> Result<(), SealError> {
        let (mut seal, mut terms) = mined();
        change(&mut seal, &mut terms);
        verify(&seal, &terms)
    }

    #[test]
    fn a_mined_seal_is_accepted() {
        assert_eq!(changed(|_, _| ()), Ok(()));
    }

    #[test]
    fn a_seal_with_any_flipped_bit_is_refused() {
        let (seal, terms) = mined();
        let mut bytes = seal.encode();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let outcome = WorkSeal::decode_strict(&bytes).and_then(|seal| verify(&seal, &terms));
            assert!(outcome.is_err(), "bit {bit} does not matter");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(
            WorkSeal::decode_strict(&bytes).and_then(|seal| verify(&seal, &terms)),
            Ok(())
        );
    }

    #[test]
    fn a_tile_outside_the_product_is_refused() {
        assert_eq!(
            changed(|seal, _| seal.tile.0 = SHAPE.tiles_m()),
            Err(SealError::TileOutOfRange)
        );
        assert_eq!(
            changed(|seal, _| seal.tile.1 = SHAPE.tiles_n()),
            Err(SealError::TileOutOfRange)
        );
        assert_eq!(
            changed(|seal, _| seal.tile = (u32::MAX, u32::MAX)),
            Err(SealError::TileOutOfRange)
        );
    }

    #[test]
    fn a_shape_that_is_not_valid_has_no_tiles() {
        for shape in [
            Shape { r: 0, ..SHAPE },
            Shape { r: 1, ..SHAPE },
            Shape { r: 3, ..SHAPE },
            Shape { r: 4, ..SHAPE },
            Shape { k: 65_537, ..SHAPE },
            Shape { m: 33, ..SHAPE },
            Shape {
                n: u32::MAX,
                ..SHAPE
            },
        ] {
            assert_eq!(
                changed(|_, terms| terms.shape = shape),
                Err(SealError::TileOutOfRange),
                "{shape:?}"
            );
        }
    }

    #[test]
    fn a_tile_beyond_the_allowance_is_refused() {
        let ordinal = |seal: &WorkSeal| u32::try_from(SHAPE.ordinal(seal.tile)).unwrap();
        assert_eq!(
            changed(|seal, terms| terms.allowance = ordinal(seal)),
            Err(SealError::BeyondAllowance)
        );
        assert_eq!(
            changed(|seal, terms| terms.allowance = ordinal(seal) + 1),
            Ok(())
        );
    }

    #[test]
    fn a_strip_of_another_length_is_refused() {
        assert_eq!(
            changed(|seal, _| seal.a_rows.push(0)),
            Err(SealError::BadLength)
        );
        assert_eq!(
            changed(|seal, _| seal.b_rows.truncate(16)),
            Err(SealError::BadLength)
        );
    }

    #[test]
    fn operands_beyond_seven_bits_are_refused() {
        assert_eq!(
            changed(|seal, _| seal.a_rows[3] = 64),
            Err(SealError::OperandOutOfRange)
        );
        assert_eq!(
            changed(|seal, _| seal.b_rows[3] = -65),
            Err(SealError::OperandOutOfRange)
        );
    }

    #[test]
    fn data_that_the_batch_rule_does_not_dictate_is_refused() {
        let refused = Err(SealError::NotTheBatch);
        assert_eq!(changed(|seal, _| seal.a_rows[0] ^= 1), refused);
        assert_eq!(changed(|seal, _| seal.labels[15] ^= 1), refused);
        assert_eq!(changed(|seal, _| seal.a_path[0][0] ^= 1), refused);
        assert_eq!(changed(|seal, _| seal.a_path.push([0; 32])), refused);
        assert_eq!(changed(|seal, _| seal.a_path.clear()), refused);
        assert_eq!(changed(|_, terms| terms.run_seed[0] ^= 1), refused);
        assert_eq!(changed(|_, terms| terms.dataset_root[0] ^= 1), refused);
        assert_eq!(changed(|_, terms| terms.row_blocks = 0), refused);
    }

    #[test]
    fn weights_that_the_root_does_not_hold_are_refused() {
        let refused = Err(SealError::NotTheWeights);
        assert_eq!(changed(|seal, _| seal.b_rows[0] ^= 1), refused);
        assert_eq!(changed(|seal, _| seal.b_path[0][0] ^= 1), refused);
        assert_eq!(changed(|seal, _| seal.b_path.push([0; 32])), refused);
        assert_eq!(changed(|seal, _| seal.weights_root[0] ^= 1), refused);
    }

    #[test]
    fn a_seal_for_another_block_author_run_or_chain_is_refused() {
        let refused = Err(SealError::AboveTarget);
        assert_eq!(changed(|_, terms| terms.pre_hash[0] ^= 1), refused);
        assert_eq!(changed(|_, terms| terms.author[0] ^= 1), refused);
        assert_eq!(changed(|_, terms| terms.genesis[0] ^= 1), refused);
        assert_eq!(changed(|seal, _| seal.run += 1), refused);
    }

    #[test]
    fn too_little_work_is_refused() {
        assert_eq!(
            changed(|_, terms| terms.difficulty *= 2),
            Err(SealError::AboveTarget)
        );
        assert_eq!(changed(|_, terms| terms.difficulty /= 2), Ok(()));
    }

    prop_compose! {
        fn any_terms()(
            hashes in array::uniform5(any::<Hash>()),
            sides in array::uniform4(any::<u32>()),
            row_blocks: u32,
            difficulty: u128,
            allowance: u32,
        ) -> Terms {
            let [genesis, pre_hash, author, run_seed, dataset_root] = hashes;
            let [m, n, k, r] = sides;
            let shape = Shape { m, n, k, r };
            Terms { genesis, pre_hash, author, run_seed, shape, dataset_root, row_blocks, difficulty, allowance }
        }
    }

    prop_compose! {
        fn any_seal()(
            run: u64,
            step: u64,
            tile: (u32, u32),
            weights_root: Hash,
            a_rows in vec(any::<i8>(), 0..700),
            labels: [u16; TILE],
            a_path in vec(any::<Hash>(), 0..4),
            b_rows in vec(any::<i8>(), 0..700),
            b_path in vec(any::<Hash>(), 0..4),
        ) -> WorkSeal {
            WorkSeal { run, step, tile, weights_root, a_rows, labels, a_path, b_rows, b_path }
        }
    }

    proptest! {
        #[test]
        fn any_seal_under_any_terms_gets_an_answer(seal in any_seal(), terms in any_terms()) {
            prop_assert!(verify(&seal, &terms).is_err());
        }

        #[test]
        fn a_seal_survives_its_encoding(seal in any_seal()) {
            prop_assert_eq!(WorkSeal::decode_strict(&seal.encode()), Ok(seal));
        }
    }
}
