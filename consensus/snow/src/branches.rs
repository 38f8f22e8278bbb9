//! The blocks above the last accepted one, on all branches.

use std::collections::{BTreeMap, HashMap};

use polkadot_sdk::sp_core::H256;

/// Blocks that must stand on a block before it is polled: a tip may still be mined away.
pub const DEPTH: u8 = 2;

/// A block as it is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its hash.
    pub hash: H256,
    /// Its parent's hash.
    pub parent: H256,
    /// Its number.
    pub number: u64,
    /// Total difficulty up to and with it.
    pub work: u128,
}

/// Why a block was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// Its parent is neither the root nor above it: feed the parent first, or the branch is decided against.
    #[error("block {0:?} stands on no known block")]
    UnknownParent(H256),
    /// Its number is not its parent's plus one: whoever made the link is wrong.
    #[error("block {0:?} does not stand one above its parent")]
    Number(H256),
    /// As many blocks are known as may be: feed it again when some are decided.
    #[error("block {0:?} exceeds the number of undecided blocks")]
    Full(H256),
}

#[derive(Clone, Copy, Debug)]
struct Branch {
    parent: H256,
    number: u64,
    work: u128,
    /// Blocks known to stand on it, up to [`DEPTH`].
    above: u8,
}

/// A tree of blocks on one root, the last accepted block, which is not itself in it.
#[derive(Clone, Debug)]
pub struct Branches {
    root: H256,
    root_number: u64,
    capacity: usize,
    blocks: HashMap<H256, Branch>,
}

impl Branches {
    /// A bare root. At most `capacity` blocks are held.
    pub fn new(root: H256, root_number: u64, capacity: usize) -> Self {
        Self {
            root,
            root_number,
            capacity,
            blocks: HashMap::new(),
        }
    }

    /// The root.
    pub fn root(&self) -> (H256, u64) {
        (self.root, self.root_number)
    }

    /// Blocks above the root.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether the root is bare.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Whether the block is the root or above it.
    pub fn contains(&self, hash: &H256) -> bool {
        *hash == self.root || self.blocks.contains_key(hash)
    }

    /// Number of the root or a block above it.
    pub fn number(&self, hash: &H256) -> Option<u64> {
        if *hash == self.root {
            return Some(self.root_number);
        }
        self.blocks.get(hash).map(|block| block.number)
    }

    /// Parent of a block above the root.
    pub fn parent(&self, hash: &H256) -> Option<H256> {
        self.blocks.get(hash).map(|block| block.parent)
    }

    /// Takes a block in; the block that is now deep enough to be polled, if there is one. A known block changes nothing.
    ///
    /// # Errors
    /// See [`BranchError`]; nothing has changed.
    pub fn add(&mut self, link: &Link) -> Result<Option<H256>, BranchError> {
        if self.contains(&link.hash) {
            return Ok(None);
        }
        let parent = self
            .number(&link.parent)
            .ok_or(BranchError::UnknownParent(link.hash))?;
        if parent.checked_add(1) != Some(link.number) {
            return Err(BranchError::Number(link.hash));
        }
        if self.blocks.len() >= self.capacity {
            return Err(BranchError::Full(link.hash));
        }
        self.blocks.insert(
            link.hash,
            Branch {
                parent: link.parent,
                number: link.number,
                work: link.work,
                above: 0,
            },
        );
        let mut below = link.parent;
        for above in 1..=DEPTH {
            let Some(block) = self.blocks.get_mut(&below) else {
                return Ok(None);
            };
            if block.above >= above {
                return Ok(None);
            }
            block.above = above;
            if above == DEPTH {
                return Ok(Some(below));
            }
            below = block.parent;
        }
        Ok(None)
    }

    /// The blocks from above the root up to `hash`, with their numbers; none if it is not above the root.
    pub fn path(&self, hash: H256) -> Option<Vec<(u64, H256)>> {
        let mut path = Vec::new();
        let mut at = hash;
        while at != self.root {
            let block = self.blocks.get(&at)?;
            path.push((block.number, at));
            at = block.parent;
        }
        path.reverse();
        Some(path)
    }

    /// The block with this number on the branch that ends at `tip`; none at or below the root, or above the tip.
    pub fn at(&self, tip: H256, number: u64) -> Option<H256> {
        let mut hash = tip;
        loop {
            let block = self.blocks.get(&hash)?;
            if block.number == number {
                return Some(hash);
            }
            hash = block.parent;
        }
    }

    /// Makes a block the root; all that does not stand on it is forgotten.
    pub fn root_at(&mut self, root: H256, number: u64) {
        let mut kept = HashMap::new();
        for (hash, block) in self.by_number() {
            if block.parent == root || kept.contains_key(&block.parent) {
                kept.insert(hash, block);
            }
        }
        self.root = root;
        self.root_number = number;
        self.blocks = kept;
    }

    /// The most total difficulty that each block's descendants, or itself, have.
    pub fn heaviest(&self) -> HashMap<H256, u128> {
        let mut heaviest = HashMap::new();
        for (hash, block) in self.by_number().into_iter().rev() {
            let own = *heaviest
                .entry(hash)
                .and_modify(|work: &mut u128| *work = (*work).max(block.work))
                .or_insert(block.work);
            if self.blocks.contains_key(&block.parent) {
                let below = heaviest.entry(block.parent).or_insert(own);
                *below = (*below).max(own);
            }
        }
        heaviest
    }

    /// The blocks deep enough to be polled: parents first, of siblings the heavier branch first; ties by hash.
    pub fn deep(&self) -> Vec<Link> {
        let heaviest = self.heaviest();
        let mut deep: Vec<Link> = self
            .by_number()
            .into_iter()
            .filter(|(_, block)| block.above >= DEPTH)
            .map(|(hash, block)| Link {
                hash,
                parent: block.parent,
                number: block.number,
                work: heaviest.get(&hash).copied().unwrap_or(block.work),
            })
            .collect();
        deep.sort_by(|a, b| {
            a.number
                .cmp(&b.number)
                .then(b.work.cmp(&a.work))
                .then(a.hash.cmp(&b.hash))
        });
        deep
    }

    fn by_number(&self) -> Vec<(H256, Branch)> {
        let sorted: BTreeMap<(u64, H256), Branch> = self
            .blocks
            .iter()
            .map(|(hash, block)| ((block.number, *hash), *block))
            .collect();
        sorted
            .into_iter()
            .map(|((_, hash), block)| (hash, block))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(n: u8) -> H256 {
        H256([n; 32])
    }

    fn link(n: u8, parent: u8, number: u64, work: u128) -> Link {
        Link {
            hash: hash(n),
            parent: hash(parent),
            number,
            work,
        }
    }

    /// 0 ← 1 ← 2 ← 3 and 1 ← 12 ← 13 ← 14, which is heavier.
    fn forked() -> Branches {
        let mut branches = Branches::new(hash(0), 0, 100);
        for link in [
            link(1, 0, 1, 10),
            link(2, 1, 2, 20),
            link(3, 2, 3, 30),
            link(4, 3, 4, 40),
            link(12, 1, 2, 25),
            link(13, 12, 3, 45),
            link(14, 13, 4, 65),
        ] {
            branches.add(&link).unwrap();
        }
        branches
    }

    #[test]
    fn a_block_is_deep_with_the_second_block_above_it() {
        let mut branches = Branches::new(hash(0), 0, 100);
        assert_eq!(branches.add(&link(1, 0, 1, 1)), Ok(None));
        assert_eq!(branches.add(&link(2, 1, 2, 2)), Ok(None));
        assert_eq!(branches.add(&link(3, 2, 3, 3)), Ok(Some(hash(1))));
        assert_eq!(branches.add(&link(3, 2, 3, 3)), Ok(None));
        assert_eq!(branches.add(&link(13, 2, 3, 3)), Ok(None));
        assert_eq!(branches.add(&link(4, 13, 4, 4)), Ok(Some(hash(2))));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let mut branches = Branches::new(hash(0), 5, 1);
        let strange = link(2, 1, 7, 0);
        assert_eq!(
            branches.add(&strange),
            Err(BranchError::UnknownParent(hash(2)))
        );
        assert_eq!(
            branches.add(&link(1, 0, 7, 0)),
            Err(BranchError::Number(hash(1)))
        );
        branches.add(&link(1, 0, 6, 0)).unwrap();
        assert_eq!(
            branches.add(&link(9, 0, 6, 0)),
            Err(BranchError::Full(hash(9)))
        );
    }

    #[test]
    fn of_siblings_the_heavier_branch_comes_first() {
        let order: Vec<H256> = forked().deep().iter().map(|link| link.hash).collect();
        assert_eq!(order, [hash(1), hash(12), hash(2)]);
        assert_eq!(forked().heaviest()[&hash(1)], 65);
    }

    #[test]
    fn a_new_root_keeps_its_descendants_only() {
        let mut branches = forked();
        branches.root_at(hash(12), 2);
        assert_eq!((branches.root(), branches.len()), ((hash(12), 2), 2));
        assert!(branches.contains(&hash(14)) && !branches.contains(&hash(3)));
        assert_eq!(
            branches.path(hash(14)),
            Some(vec![(3, hash(13)), (4, hash(14))])
        );
        assert_eq!(branches.path(hash(3)), None);
    }

    #[test]
    fn a_branch_tells_its_block_at_every_number() {
        let branches = forked();
        assert_eq!(branches.at(hash(14), 2), Some(hash(12)));
        assert_eq!(branches.at(hash(14), 4), Some(hash(14)));
        assert_eq!(
            (branches.at(hash(14), 5), branches.at(hash(14), 0)),
            (None, None)
        );
    }

    proptest! {
        #[test]
        fn a_tree_never_exceeds_its_capacity_and_every_block_leads_to_the_root(
            parents in prop::collection::vec(0usize..40, 1..60), keep in 0usize..60,
        ) {
            let mut branches = Branches::new(hash(0), 0, 40);
            let mut known = vec![(hash(0), 0u64)];
            for (i, parent) in parents.iter().enumerate() {
                let (parent, number) = known[parent % known.len()];
                let link = Link { hash: hash(i as u8 + 1), parent, number: number + 1, work: i as u128 };
                if branches.add(&link).is_ok() {
                    known.push((link.hash, link.number));
                }
            }
            prop_assert!(branches.len() <= 40);
            for (hash, number) in &known[1..] {
                prop_assert_eq!(branches.path(*hash).unwrap().len() as u64, *number);
            }
            let (root, number) = known[keep % known.len()];
            let below: Vec<H256> = known.iter().map(|(hash, _)| *hash)
                .filter(|hash| branches.path(*hash).is_some_and(|path| path.contains(&(number, root)))).collect();
            if number > 0 {
                branches.root_at(root, number);
                for hash in below {
                    prop_assert!(branches.contains(&hash));
                }
                for (hash, _) in &known {
                    prop_assert_eq!(branches.contains(hash), branches.path(*hash).is_some());
                }
            }
        }
    }
}
