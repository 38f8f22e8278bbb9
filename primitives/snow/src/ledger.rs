//! Accepted transactions, the latest of them, and what they spent.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use crate::{Id, vertex::Output};

/// The latest accepted transactions; the oldest is forgotten for a new one.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    capacity: usize,
    order: VecDeque<(Id, Vec<Output>)>,
    accepted: BTreeSet<Id>,
    spent: BTreeMap<Output, Id>,
}

impl Ledger {
    /// An empty ledger of at most `capacity` transactions.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            order: VecDeque::new(),
            accepted: BTreeSet::new(),
            spent: BTreeMap::new(),
        }
    }

    /// Notes that `id` was accepted and has spent `inputs`.
    pub(crate) fn note(&mut self, id: Id, inputs: Vec<Output>) {
        if self.order.len() >= self.capacity
            && let Some((oldest, inputs)) = self.order.pop_front()
        {
            self.accepted.remove(&oldest);
            for input in inputs {
                self.spent.remove(&input);
            }
        }
        self.accepted.insert(id);
        self.spent.extend(inputs.iter().map(|input| (*input, id)));
        self.order.push_back((id, inputs));
    }

    /// Whether `id` is accepted and still remembered.
    pub(crate) fn is_accepted(&self, id: &Id) -> bool {
        self.accepted.contains(id)
    }

    /// Whether a remembered transaction has spent `output`.
    pub(crate) fn is_spent(&self, output: &Output) -> bool {
        self.spent.contains_key(output)
    }
}
