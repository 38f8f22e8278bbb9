//! All blocks of a run, by number.

use std::collections::HashMap;

use quern_snow::Id;

/// The block that everybody has accepted at the beginning.
pub(crate) const GENESIS: u32 = 0;

/// One block.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: Id,
    /// What its successors spend, in a DAG.
    pub(crate) made: Id,
    pub(crate) parent: u32,
    pub(crate) height: u32,
    /// Which of the rivals at its height it is.
    pub(crate) rival: u32,
    /// Blocks that stand on it, by rival.
    pub(crate) children: Vec<u32>,
}

/// All blocks, numbered in the order in which they were issued.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    entries: Vec<Entry>,
    numbers: HashMap<Id, u32>,
}

impl Blocks {
    /// Only the block that everybody has accepted.
    pub(crate) fn new(genesis: Id) -> Self {
        let entry = Entry {
            id: genesis,
            made: genesis,
            parent: GENESIS,
            height: 0,
            rival: 0,
            children: Vec::new(),
        };
        Self {
            entries: vec![entry],
            numbers: HashMap::from([(genesis, GENESIS)]),
        }
    }

    pub(crate) fn get(&self, number: u32) -> &Entry {
        &self.entries[number as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn number(&self, id: &Id) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// Adds the next rival on `parent`; its number.
    pub(crate) fn issue(&mut self, parent: u32, id: Id, made: Id) -> u32 {
        let number = self.entries.len() as u32;
        let above = &mut self.entries[parent as usize];
        let (height, rival) = (above.height + 1, above.children.len() as u32);
        above.children.push(number);
        self.entries.push(Entry {
            id,
            made,
            parent,
            height,
            rival,
            children: Vec::new(),
        });
        self.numbers.insert(id, number);
        number
    }

    /// The block at `height` that `number` stands on or is; none if it is below.
    pub(crate) fn ancestor(&self, number: u32, height: u32) -> Option<u32> {
        let mut at = number;
        while self.get(at).height > height {
            at = self.get(at).parent;
        }
        (self.get(at).height == height).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_stands_for_each_of_its_ancestors() {
        let mut blocks = Blocks::new(Id::default());
        let mut issue = |parent: u32, name: u8| blocks.issue(parent, Id([name; 32]), Id::default());
        let one = issue(GENESIS, 1);
        let rival = issue(GENESIS, 2);
        let two = issue(one, 3);
        assert_eq!(
            (blocks.ancestor(two, 1), blocks.ancestor(two, 2)),
            (Some(one), Some(two))
        );
        assert_eq!(blocks.ancestor(rival, 2), None);
        assert_eq!((blocks.get(rival).rival, blocks.get(two).rival), (1, 0));
        assert_eq!(blocks.number(&Id([3; 32])), Some(two));
    }
}
