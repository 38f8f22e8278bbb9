//! Decided blocks, the latest of them.

use alloc::collections::{BTreeMap, VecDeque};

use crate::Id;

/// The latest decided blocks and how they ended; the oldest is forgotten for a new one.
#[derive(Clone, Debug)]
pub struct History {
    capacity: usize,
    order: VecDeque<Id>,
    accepted: BTreeMap<Id, bool>,
}

impl History {
    /// An empty history of at most `capacity` blocks.
    pub fn new(capacity: u32) -> Self {
        Self {
            capacity: capacity as usize,
            order: VecDeque::new(),
            accepted: BTreeMap::new(),
        }
    }

    /// Notes the end of `id`; the first one stays.
    pub fn note(&mut self, id: Id, accepted: bool) {
        if self.accepted.contains_key(&id) {
            return;
        }
        if self.order.len() >= self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.accepted.remove(&oldest);
        }
        self.order.push_back(id);
        self.accepted.insert(id, accepted);
    }

    /// Remembered blocks, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = Id> + '_ {
        self.order.iter().rev().copied()
    }

    /// How `id` ended, as far as it is remembered.
    pub fn get(&self, id: &Id) -> Option<bool> {
        self.accepted.get(id).copied()
    }
}
