//! Proofs that a run of neighbouring chunks belongs to a root.
//!
//! A range proof is the paths of the first and the last chunk ([`merkle`]) without what follows from the chunks
//! between them: from the bottom up, on every level the node left of the range if the range begins at a right child,
//! then the node right of it if the range ends at a left child that has a sibling. For one chunk it is the chunk's
//! path. Its length follows from position, number and count, and exactly that length is accepted.

use quern_work::{
    Hash,
    merkle::{self, Tree},
};

/// The proof of `count` leaves from `first` on; `None` if the tree has no such leaves.
pub(crate) fn prove(tree: &Tree, first: u32, count: u32) -> Option<Vec<Hash>> {
    let (mut first, mut width) = (first as usize, tree.leaves());
    let mut last = first.checked_add(count.checked_sub(1)? as usize)?;
    if last >= width {
        return None;
    }
    let mut left = tree.path(first).into_iter();
    let mut right = tree.path(last).into_iter();
    let mut proof = Vec::new();
    while width > 1 {
        // A path has an element on every level where its node has a sibling, needed here or not.
        let before = has_sibling(first, width).then(|| left.next()).flatten();
        let after = has_sibling(last, width).then(|| right.next()).flatten();
        proof.extend(before.filter(|_| first % 2 == 1));
        proof.extend(after.filter(|_| last.is_multiple_of(2)));
        (first, last, width) = (first / 2, last / 2, width.div_ceil(2));
    }
    Some(proof)
}

fn has_sibling(index: usize, width: usize) -> bool {
    index % 2 == 1 || index + 1 < width
}

/// Root that `proof` implies for the neighbouring `leaves` from `first` on, of `total`; `None` if they do not fit.
pub(crate) fn root(total: u32, first: u32, leaves: Vec<Hash>, proof: &[Hash]) -> Option<Hash> {
    let (mut first, mut width) = (first as usize, total as usize);
    if leaves.is_empty() || first.checked_add(leaves.len())? > width {
        return None;
    }
    let mut proof = proof.iter().copied();
    let mut nodes = leaves;
    while width > 1 {
        let last = first + nodes.len() - 1;
        if first % 2 == 1 {
            nodes.insert(0, proof.next()?);
        }
        if last.is_multiple_of(2) && last + 1 < width {
            nodes.push(proof.next()?);
        }
        nodes = nodes
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => merkle::node(left, right),
                odd => odd[0],
            })
            .collect();
        (first, width) = (first / 2, width.div_ceil(2));
    }
    proof.next().is_none().then_some(nodes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(count: u32) -> (Tree, Vec<Hash>) {
        let leaves: Vec<Hash> = (0..count)
            .map(|index| merkle::leaf(index.into(), &index.to_le_bytes()))
            .collect();
        (Tree::new(leaves.clone()), leaves)
    }

    #[test]
    fn every_range_opens_at_its_place_and_at_no_other() {
        for total in 1..=20_u32 {
            let (tree, leaves) = tree(total);
            for first in 0..total {
                for count in 1..=total - first {
                    let proof = prove(&tree, first, count).unwrap();
                    let range = leaves[first as usize..][..count as usize].to_vec();
                    for claimed in 0..total + 2 {
                        let opens =
                            root(total, claimed, range.clone(), &proof) == Some(tree.root());
                        assert_eq!(opens, claimed == first, "{first}+{count} of {total}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_proof_of_one_chunk_is_its_path() {
        let (tree, _) = tree(21);
        for index in 0..21 {
            assert_eq!(prove(&tree, index, 1).unwrap(), tree.path(index as usize));
        }
    }

    #[test]
    fn a_proof_of_another_length_is_refused() {
        let (tree, leaves) = tree(11);
        let mut proof = prove(&tree, 3, 4).unwrap();
        proof.push([0; 32]);
        assert_eq!(root(11, 3, leaves[3..7].to_vec(), &proof), None);
        proof.truncate(proof.len() - 2);
        assert_eq!(root(11, 3, leaves[3..7].to_vec(), &proof), None);
    }

    #[test]
    fn there_is_no_proof_of_leaves_that_do_not_exist() {
        let (tree, leaves) = tree(4);
        assert_eq!(prove(&tree, 0, 0), None);
        assert_eq!(prove(&tree, 2, 3), None);
        assert_eq!(prove(&tree, u32::MAX, u32::MAX), None);
        assert_eq!(root(4, 0, vec![], &[]), None);
        assert_eq!(root(4, 2, leaves, &[]), None);
    }
}
