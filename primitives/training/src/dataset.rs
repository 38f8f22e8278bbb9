//! Labelled rows in their committed order.

use alloc::vec::Vec;
use quern_work::{
    Hash, MAX_INNER, OPERAND_MAX, OPERAND_MIN, TILE, batch,
    merkle::{Tree, rows_leaf},
    task::{self, MAX_CLASSES},
};

/// Labelled int7 rows, cut into row blocks of 16 and committed to.
#[derive(Clone, Debug)]
pub struct Dataset {
    x: Vec<i8>,
    y: Vec<u16>,
    features: usize,
    classes: u32,
    tree: Tree,
}

impl Dataset {
    /// A dataset of `x` (rows × `features`, row-major, entries in [-64, 63]) and `y` (one label below `classes` per row).
    ///
    /// Rows keep their order; shuffle them before. A last partial block of fewer than 16 rows is dropped.
    ///
    /// # Errors
    /// The first bound that does not hold.
    pub fn new(
        mut x: Vec<i8>,
        mut y: Vec<u16>,
        features: usize,
        classes: u32,
    ) -> Result<Self, DatasetError> {
        if !(1..=MAX_INNER as usize).contains(&features) {
            return Err(DatasetError::Features);
        }
        if !(2..=MAX_CLASSES).contains(&classes) {
            return Err(DatasetError::Classes);
        }
        if y.len().checked_mul(features) != Some(x.len()) {
            return Err(DatasetError::Length);
        }
        let blocks = y.len() / TILE;
        if blocks == 0 || u32::try_from(blocks).is_err() {
            return Err(DatasetError::Rows);
        }
        y.truncate(blocks * TILE);
        x.truncate(blocks * TILE * features);
        if !x
            .iter()
            .all(|value| (OPERAND_MIN..=OPERAND_MAX).contains(value))
        {
            return Err(DatasetError::FeatureOutOfRange);
        }
        if !y.iter().all(|&label| u32::from(label) < classes) {
            return Err(DatasetError::LabelOutOfRange);
        }
        let leaves = x.chunks_exact(TILE * features).zip(y.chunks_exact(TILE));
        let tree = Tree::new(
            (0..)
                .zip(leaves)
                .map(|(i, (rows, labels))| rows_leaf(i, rows, labels))
                .collect(),
        );
        Ok(Self {
            x,
            y,
            features,
            classes,
            tree,
        })
    }

    /// What a task carries of this dataset.
    pub fn commitment(&self) -> task::Dataset {
        task::Dataset {
            root: self.tree.root(),
            row_blocks: self.row_blocks(),
            features: self.features as u32,
            classes: self.classes,
        }
    }

    /// The Merkle tree over the row blocks.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// All rows, row-major rows × features.
    pub fn x(&self) -> &[i8] {
        &self.x
    }

    /// All labels.
    pub fn y(&self) -> &[u16] {
        &self.y
    }

    /// Features per row, k.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of classes.
    pub fn classes(&self) -> u32 {
        self.classes
    }

    /// Number of rows, a multiple of 16.
    pub fn rows(&self) -> usize {
        self.y.len()
    }

    /// Number of row blocks.
    pub fn row_blocks(&self) -> u32 {
        self.tree.leaves() as u32
    }

    /// Row block `index`: 16×k features, row-major, and 16 labels.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn row_block(&self, index: u32) -> (&[i8], &[u16]) {
        let (first, entries) = (index as usize * TILE, TILE * self.features);
        (
            &self.x[first * self.features..][..entries],
            &self.y[first..][..TILE],
        )
    }

    /// The batch that the chain's rule dictates for `step` of the run with this seed: `rows`×k features and `rows` labels.
    /// `rows` is rounded down to whole blocks.
    pub fn batch(&self, run_seed: &Hash, step: u64, rows: u32) -> (Vec<i8>, Vec<u16>) {
        let (mut x, mut y) = (
            Vec::with_capacity(rows as usize * self.features),
            Vec::with_capacity(rows as usize),
        );
        for slot in 0..rows / TILE as u32 {
            let (rows, labels) =
                self.row_block(batch::block(run_seed, step, slot, self.row_blocks()));
            x.extend_from_slice(rows);
            y.extend_from_slice(labels);
        }
        (x, y)
    }
}

/// Why rows are not a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// Features per row out of bounds.
    #[error("features per row must be in [1, 65536]")]
    Features,
    /// Number of classes out of bounds.
    #[error("classes must be in [2, 65535]")]
    Classes,
    /// Features and labels do not belong together.
    #[error("there must be one label per row of features")]
    Length,
    /// Too few or too many rows.
    #[error("there must be at least 16 rows and at most 2^32 blocks of 16")]
    Rows,
    /// A feature is not int7.
    #[error("features must be in [-64, 63]")]
    FeatureOutOfRange,
    /// A label names no class.
    #[error("labels must be below the number of classes")]
    LabelOutOfRange,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn dataset(rows: usize) -> Dataset {
        let x = (0..rows * 3).map(|at| (at % 128) as i8 - 64).collect();
        let y = (0..rows).map(|row| (row % 7) as u16).collect();
        Dataset::new(x, y, 3, 7).unwrap()
    }

    #[test]
    fn a_last_partial_block_is_dropped() {
        let (whole, more) = (dataset(48), dataset(63));
        assert_eq!(whole.commitment(), more.commitment());
        assert_eq!(
            (more.rows(), more.row_blocks(), more.x().len()),
            (48, 3, 144)
        );
    }

    #[test]
    fn a_batch_is_made_of_the_blocks_that_the_rule_dictates() {
        let dataset = dataset(80);
        let (x, y) = dataset.batch(&[9; 32], 4, 64);
        for slot in 0..4 {
            let (rows, labels) = dataset.row_block(batch::block(&[9; 32], 4, slot, 5));
            assert_eq!(&x[slot as usize * 48..][..48], rows);
            assert_eq!(&y[slot as usize * 16..][..16], labels);
        }
    }

    #[test]
    fn a_row_block_opens_under_the_root() {
        let dataset = dataset(80);
        let root = dataset.commitment().root;
        for block in 0..5 {
            let (rows, labels) = dataset.row_block(block);
            let path = dataset.tree().path(block as usize);
            let leaf = rows_leaf(block.into(), rows, labels);
            assert_eq!(
                quern_work::merkle::root_from_path(block, 5, leaf, &path),
                Some(root)
            );
        }
    }

    #[test]
    fn each_bound_has_its_own_error() {
        let outcome = |x, y, features, classes| Dataset::new(x, y, features, classes).unwrap_err();
        assert_eq!(outcome(vec![], vec![0; 16], 0, 2), DatasetError::Features);
        assert_eq!(outcome(vec![], vec![], 65_537, 2), DatasetError::Features);
        assert_eq!(
            outcome(vec![0; 16], vec![0; 16], 1, 1),
            DatasetError::Classes
        );
        assert_eq!(
            outcome(vec![0; 17], vec![0; 16], 1, 2),
            DatasetError::Length
        );
        assert_eq!(outcome(vec![0; 15], vec![0; 15], 1, 2), DatasetError::Rows);
        assert_eq!(
            outcome(vec![64; 16], vec![0; 16], 1, 2),
            DatasetError::FeatureOutOfRange
        );
        assert_eq!(
            outcome(vec![-65; 16], vec![0; 16], 1, 2),
            DatasetError::FeatureOutOfRange
        );
        assert_eq!(
            outcome(vec![0; 16], vec![2; 16], 1, 2),
            DatasetError::LabelOutOfRange
        );
    }
}
