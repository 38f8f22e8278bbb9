//! Binary Merkle trees over indexed leaves.
//!
//! Leaves and nodes are hashed under separate contexts and a leaf's index is part of its hash. A last odd node moves
//! up unchanged, so the shape of a path follows from index and count alone and exactly one length is accepted.

use alloc::{vec, vec::Vec};

use crate::{
    Hash,
    hash::{Context, derive},
};

/// Bytes of one chunk of a blob.
pub const CHUNK: usize = 65_536;

/// Hash of leaf `index` with content `data`.
pub fn leaf(index: u64, data: &[u8]) -> Hash {
    derive(Context::MERKLE_LEAF, &[&index.to_le_bytes(), data])
}

/// Hash of leaf `index` whose content is `rows` (row-major operand rows), then `labels` as little-endian u16.
///
/// A row block of a dataset has 16 rows of k features and 16 labels; a neuron block of the weights has 16 rows of k
/// and no labels.
pub fn rows_leaf(index: u64, rows: &[i8], labels: &[u16]) -> Hash {
    let mut data: Vec<u8> = rows.iter().map(|&value| value as u8).collect();
    data.extend(labels.iter().flat_map(|label| label.to_le_bytes()));
    leaf(index, &data)
}

/// Hash of the inner node over `left` and `right`.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    derive(Context::MERKLE_NODE, &[left, right])
}

/// Root over the 64 KiB chunks of `data`: the content address of any blob. An empty blob has one empty chunk.
pub fn blob_root(data: &[u8]) -> Hash {
    if data.is_empty() {
        return leaf(0, data);
    }
    Tree::new(
        (0..)
            .zip(data.chunks(CHUNK))
            .map(|(index, chunk)| leaf(index, chunk))
            .collect(),
    )
    .root()
}

/// Number of hashes in the path of leaf `index` among `count` leaves; `None` if there is no such leaf.
pub fn path_len(index: u32, count: u32) -> Option<usize> {
    siblings(index, count).map(|sides| sides.filter(Option::is_some).count())
}

/// Root that `path` implies for leaf `index` of `count`; `None` if index, count and path length do not fit.
pub fn root_from_path(index: u32, count: u32, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    let mut path = path.iter();
    let mut hash = leaf;
    for side in siblings(index, count)?.flatten() {
        let sibling = path.next()?;
        hash = match side {
            Side::Left => node(sibling, &hash),
            Side::Right => node(&hash, sibling),
        };
    }
    path.next().is_none().then_some(hash)
}

/// On which side of a node its sibling lies.
enum Side {
    Left,
    Right,
}

/// Side of the sibling on each level from the leaf up to below the root, `None` where an odd node moves up alone.
fn siblings(index: u32, count: u32) -> Option<impl Iterator<Item = Option<Side>>> {
    if index >= count {
        return None;
    }
    let (mut index, mut count) = (index, count);
    Some(core::iter::from_fn(move || {
        if count <= 1 {
            return None;
        }
        let side = if index & 1 == 1 {
            Some(Side::Left)
        } else if index + 1 < count {
            Some(Side::Right)
        } else {
            None
        };
        index /= 2;
        count = count.div_ceil(2);
        Some(side)
    }))
}

/// All levels of a Merkle tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over `leaves`, which are already leaf hashes.
    ///
    /// # Panics
    /// If there are no leaves.
    pub fn new(leaves: Vec<Hash>) -> Self {
        assert!(!leaves.is_empty(), "a Merkle tree has at least one leaf");
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    odd => odd[0],
                })
                .collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// The commitment to all leaves.
    pub fn root(&self) -> Hash {
        self.levels[self.levels.len() - 1][0]
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.levels[0].len()
    }

    /// Siblings of leaf `index` from the bottom up.
    ///
    /// # Panics
    /// If there is no such leaf.
    pub fn path(&self, index: usize) -> Vec<Hash> {
        assert!(index < self.leaves(), "leaf {index} of {}", self.leaves());
        let below_root = &self.levels[..self.levels.len() - 1];
        below_root
            .iter()
            .enumerate()
            .filter_map(|(height, level)| level.get((index >> height) ^ 1).copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(count: u32) -> Tree {
        Tree::new(
            (0..count)
                .map(|index| leaf(index.into(), &index.to_le_bytes()))
                .collect(),
        )
    }

    #[test]
    fn every_path_opens_its_leaf_and_no_other() {
        for count in 1..=33_u32 {
            let tree = tree(count);
            for index in 0..count {
                let (leaf, path) = (
                    leaf(index.into(), &index.to_le_bytes()),
                    tree.path(index as usize),
                );
                assert_eq!(path_len(index, count), Some(path.len()));
                for claimed in 0..count + 2 {
                    let opens = root_from_path(claimed, count, leaf, &path) == Some(tree.root());
                    assert_eq!(
                        opens,
                        claimed == index,
                        "leaf {index} of {count} as {claimed}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_path_of_another_length_is_refused() {
        let tree = tree(11);
        for index in 0..11 {
            let mut path = tree.path(index as usize);
            path.push([0; 32]);
            assert_eq!(root_from_path(index, 11, [0; 32], &path), None);
            path.truncate(path.len() - 2);
            assert_eq!(root_from_path(index, 11, [0; 32], &path), None);
        }
    }

    #[test]
    fn the_largest_tree_has_paths_of_32_hashes() {
        assert_eq!(path_len(0, u32::MAX), Some(32));
        assert_eq!(path_len(u32::MAX - 1, u32::MAX), Some(31));
        assert_eq!(path_len(u32::MAX, u32::MAX), None);
        assert_eq!(path_len(0, 0), None);
    }

    #[test]
    fn a_blob_of_one_chunk_is_its_leaf() {
        assert_eq!(blob_root(&[]), leaf(0, &[]));
        assert_eq!(blob_root(&[7; CHUNK]), leaf(0, &[7; CHUNK]));
        assert_eq!(
            blob_root(&[7; CHUNK + 1]),
            node(&leaf(0, &[7; CHUNK]), &leaf(1, &[7]))
        );
    }

    #[test]
    fn rows_are_committed_with_their_labels() {
        assert_eq!(rows_leaf(3, &[-1, 2], &[0x0102]), leaf(3, &[0xFF, 2, 2, 1]));
    }
}
