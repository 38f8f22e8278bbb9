use std::collections::{HashMap, VecDeque};

use quern_snow::{Block, Id};

/// The latest blocks, whole; the oldest is forgotten for a new one.
#[derive(Debug)]
pub(crate) struct Bodies {
    capacity: usize,
    order: VecDeque<Id>,
    blocks: HashMap<Id, Block>,
}

impl Bodies {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            order: VecDeque::new(),
            blocks: HashMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, id: Id, block: Block) {
        if self.blocks.contains_key(&id) {
            return;
        }
        while self.order.len() >= self.capacity {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.blocks.remove(&oldest);
        }
        self.order.push_back(id);
        self.blocks.insert(id, block);
    }

    pub(crate) fn get(&self, id: &Id) -> Option<&Block> {
        self.blocks.get(id)
    }

    /// Forgets a block; its place in the order goes when its turn comes.
    pub(crate) fn remove(&mut self, id: &Id) -> Option<Block> {
        self.blocks.remove(id)
    }
}
