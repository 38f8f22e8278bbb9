//! The latest decided blocks, by number.

use std::collections::BTreeMap;

use polkadot_sdk::sp_core::H256;

/// A chain of decided blocks, accepted by polls or final, without gaps. The oldest is forgotten for a new one.
#[derive(Clone, Debug)]
pub struct Trail {
    capacity: usize,
    blocks: BTreeMap<u64, H256>,
}

impl Trail {
    /// A trail of one block.
    pub fn new(hash: H256, number: u64, capacity: usize) -> Self {
        Self {
            capacity,
            blocks: BTreeMap::from([(number, hash)]),
        }
    }

    /// Adds the block above the last one.
    pub fn push(&mut self, hash: H256, number: u64) {
        self.blocks.insert(number, hash);
        while self.blocks.len() > self.capacity.max(1) {
            self.blocks.pop_first();
        }
    }

    /// The decided block with this number, as far as it is remembered.
    pub fn at(&self, number: u64) -> Option<H256> {
        self.blocks.get(&number).copied()
    }

    /// The last decided block and its number.
    pub fn last(&self) -> Option<(H256, u64)> {
        let (number, hash) = self.blocks.last_key_value()?;
        Some((*hash, *number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut trail = Trail::new(H256([1; 32]), 1, 2);
        for n in 2..=4u8 {
            trail.push(H256([n; 32]), n.into());
        }
        assert_eq!((trail.at(2), trail.at(3)), (None, Some(H256([3; 32]))));
        assert_eq!(trail.last(), Some((H256([4; 32]), 4)));
    }
}
