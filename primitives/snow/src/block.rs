//! What is decided.

use alloc::vec::Vec;

use blake2::{Blake2b, Digest, digest::consts::U32};
use codec::{Decode, Encode};

use crate::Id;

/// A block. Its id commits to its parent, so the same id never stands on two parents.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Block {
    /// Id of the parent.
    pub parent: Id,
    /// One more than the parent's.
    pub height: u64,
    /// What it carries; engines read and keep none of it.
    pub payload: Vec<u8>,
}

impl Block {
    /// BLAKE2b-256 of the SCALE encoding.
    pub fn id(&self) -> Id {
        Id(Blake2b::<U32>::digest(self.encode()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_commits_to_every_field() {
        let block = Block {
            parent: Id::default(),
            height: 1,
            payload: Vec::new(),
        };
        let parent = Block {
            parent: Id([1; 32]),
            ..block.clone()
        };
        let height = Block {
            height: 2,
            ..block.clone()
        };
        let payload = Block {
            payload: alloc::vec![0],
            ..block
        };
        let ids = [&block, &parent, &height, &payload].map(Block::id);
        for (i, id) in ids.iter().enumerate() {
            assert!(!ids[..i].contains(id));
        }
        assert_eq!(Block::decode(&mut &block.encode()[..]).unwrap(), block);
    }
}
