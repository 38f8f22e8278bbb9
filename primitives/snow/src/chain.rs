//! The topological Snowman over a tree of blocks.
//!
//! Every block with children owns a [`Tree`] over them. A vote for a block counts for its ancestors; a poll walks from
//! the last accepted block through the blocks with at least αp votes on their children, and what it leaves aside
//! starts again, lazily.

use alloc::{collections::BinaryHeap, vec::Vec};

use hashbrown::HashTable;

use crate::{
    Bag, Block, Core, Decided, Error, Id, Parameters,
    history::History,
    tree::{Rules, Tree},
};

/// No index.
const NONE: u32 = u32::MAX;

/// A processing block, or the last accepted one.
#[derive(Clone, Debug)]
struct Entry {
    id: Id,
    height: u64,
    tree: Option<Tree>,
    parent: u32,
    first_child: u32,
    next_sibling: u32,
    /// Votes of the poll at hand, at most `k`; 0 between polls.
    votes: u16,
    /// The tree has missed a poll.
    reset: bool,
}

/// The topological Snowman.
#[derive(Clone, Debug)]
pub struct Chain {
    parameters: Parameters,
    rules: Rules,
    entries: Vec<Entry>,
    free: Vec<u32>,
    index: HashTable<u32>,
    last: u32,
    history: History,
    /// Scratch of a poll, kept so that polls don't allocate: (height, block) still to pass on, and votes by child
    /// (parent, child, count), the highest first.
    queue: BinaryHeap<(u64, u32)>,
    passed: Vec<(u32, u32, u32)>,
    bag: Vec<(Id, u32)>,
}

fn hash(id: &Id) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = id.0;
    // Ids are digests already. Ground ids share a bucket of at most `max_outstanding_items` entries.
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Chain {
    /// A chain whose last accepted block is `genesis` at `height`.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn new(parameters: Parameters, genesis: Id, height: u64) -> Result<Self, Error> {
        let mut chain = Self {
            parameters,
            rules: Rules::new(&parameters)?,
            entries: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            last: 0,
            history: History::new(parameters.max_outstanding_items),
            queue: BinaryHeap::new(),
            passed: Vec::new(),
            bag: Vec::new(),
        };
        chain.insert(genesis, height, NONE);
        chain.history.note(genesis, true);
        Ok(chain)
    }

    fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    fn entry_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    fn find(&self, id: &Id) -> Option<u32> {
        self.index
            .find(hash(id), |i| self.entry(*i).id == *id)
            .copied()
    }

    fn insert(&mut self, id: Id, height: u64, parent: u32) -> u32 {
        let entry = Entry {
            id,
            height,
            tree: None,
            parent,
            first_child: NONE,
            next_sibling: NONE,
            votes: 0,
            reset: false,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = entry;
                index
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        let entries = &self.entries;
        self.index
            .insert_unique(hash(&id), index, |i| hash(&entries[*i as usize].id));
        index
    }

    fn remove(&mut self, index: u32) {
        let id = self.entry(index).id;
        let entries = &self.entries;
        if let Ok(found) = self
            .index
            .find_entry(hash(&id), |i| entries[*i as usize].id == id)
        {
            found.remove();
        }
        self.entry_mut(index).tree = None;
        self.free.push(index);
    }

    fn children(&self, parent: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |index: u32| (index != NONE).then_some(index);
        core::iter::successors(some(self.entry(parent).first_child), move |child| {
            some(self.entry(*child).next_sibling)
        })
    }

    /// The last accepted block.
    pub fn last_accepted(&self) -> Id {
        self.entry(self.last).id
    }

    /// Height of the last accepted block.
    pub fn last_height(&self) -> u64 {
        self.entry(self.last).height
    }

    /// Whether `id` was rejected, as far as it is remembered.
    pub fn is_rejected(&self, id: &Id) -> bool {
        self.history.get(id) == Some(false)
    }

    /// Votes passed on to every ancestor, highest blocks first.
    fn pass_on(&mut self, votes: &Bag) {
        for (id, count) in votes.iter() {
            let Some(index) = self.find(&id).filter(|index| *index != self.last) else {
                continue;
            };
            let entry = self.entry_mut(index);
            let count = u16::try_from(count).unwrap_or(u16::MAX);
            entry.votes = entry.votes.saturating_add(count);
            let height = entry.height;
            self.queue.push((height, index));
        }
        while let Some((_, index)) = self.queue.pop() {
            let entry = self.entry_mut(index);
            let (parent, votes) = (entry.parent, core::mem::take(&mut entry.votes));
            if votes == 0 {
                continue;
            }
            self.passed.push((parent, index, votes.into()));
            if parent != self.last {
                let above = self.entry_mut(parent);
                above.votes = above.votes.saturating_add(votes);
                let first = above.votes == votes;
                let height = above.height;
                if first {
                    self.queue.push((height, parent));
                }
            }
        }
    }

    /// Takes the votes on children of `parent` out of `passed`, whose end holds them.
    fn take_votes(&mut self, parent: u32, height: u64) -> u32 {
        self.bag.clear();
        let mut total = 0u32;
        while let Some(&(above, child, count)) = self.passed.last() {
            if self.entries[child as usize].height != height {
                break;
            }
            self.passed.pop();
            if above == parent {
                self.bag.push((self.entries[child as usize].id, count));
                total = total.saturating_add(count);
            }
        }
        total
    }

    /// The walk of one poll; whether anything got αp votes.
    fn walk(&mut self, decided: &mut Decided) -> bool {
        let mut current = self.last;
        let mut successful = false;
        loop {
            let height = self.entry(current).height.saturating_add(1);
            let total = self.take_votes(current, height);
            if total < self.rules.alpha_preference {
                self.entry_mut(current).reset = true;
                return successful;
            }
            let (rules, mut bag) = (self.rules, core::mem::take(&mut self.bag));
            let heaviest = bag
                .iter()
                .find(|(_, count)| *count >= rules.alpha_preference)
                .map(|(id, _)| *id);
            let entry = self.entry_mut(current);
            let missed = core::mem::take(&mut entry.reset);
            let mut preferred = None;
            if let Some(tree) = &mut entry.tree {
                successful |= tree.poll(&rules, &mut bag, missed);
                preferred = tree.finalized(&rules).then(|| tree.preference());
            }
            self.bag = bag;
            let next = heaviest.and_then(|id| self.find(&id));
            let mut child = self.entry(current).first_child;
            while child != NONE {
                let entry = self.entry_mut(child);
                entry.reset |= missed || Some(child) != next;
                child = entry.next_sibling;
            }
            let root = current == self.last;
            if root && let Some(child) = preferred.and_then(|id| self.find(&id)) {
                self.accept(child, decided);
                if next != Some(child) {
                    return successful;
                }
            }
            match next {
                Some(next) => current = next,
                None => return successful,
            }
        }
    }

    fn accept(&mut self, child: u32, decided: &mut Decided) {
        let old = self.last;
        let mut doomed: Vec<u32> = self
            .children(old)
            .filter(|sibling| *sibling != child)
            .collect();
        while let Some(index) = doomed.pop() {
            doomed.extend(self.children(index));
            let id = self.entry(index).id;
            self.history.note(id, false);
            decided.rejected.push(id);
            self.remove(index);
        }
        self.remove(old);
        let entry = self.entry_mut(child);
        entry.parent = NONE;
        entry.next_sibling = NONE;
        let id = entry.id;
        self.last = child;
        self.history.note(id, true);
        decided.accepted.push(id);
    }
}

impl Core for Chain {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn add(&mut self, block: &Block) -> Result<Id, Error> {
        let id = block.id();
        if self.find(&id).is_some() || self.history.get(&id).is_some() {
            return Err(Error::Duplicate(id));
        }
        let parent = self
            .find(&block.parent)
            .ok_or(Error::UnknownParent(block.parent))?;
        if self.entry(parent).height.checked_add(1) != Some(block.height) {
            return Err(Error::Height(id));
        }
        if self.processing() >= self.parameters.max_outstanding_items as usize {
            return Err(Error::TooManyBlocks(id));
        }
        let index = self.insert(id, block.height, parent);
        let rules = self.rules;
        let entry = self.entry_mut(parent);
        let sibling = core::mem::replace(&mut entry.first_child, index);
        match &mut entry.tree {
            Some(tree) => tree.add(&rules, id),
            None => entry.tree = Some(Tree::new(id)),
        }
        self.entry_mut(index).next_sibling = sibling;
        Ok(id)
    }

    fn record_poll(&mut self, votes: &Bag) -> Result<Decided, Error> {
        if votes.total() > u64::from(self.parameters.k) {
            return Err(Error::TooManyVotes(votes.total()));
        }
        let mut decided = Decided::default();
        self.pass_on(votes);
        decided.successful = self.walk(&mut decided);
        self.passed.clear();
        Ok(decided)
    }

    fn preference(&self) -> Id {
        let mut tip = self.entry(self.last);
        while let Some(next) = tip
            .tree
            .as_ref()
            .and_then(|tree| self.find(&tree.preference()))
        {
            tip = self.entry(next);
        }
        tip.id
    }

    fn is_accepted(&self, id: &Id) -> bool {
        self.history.get(id) == Some(true)
    }

    fn is_processing(&self, id: &Id) -> bool {
        self.find(id).is_some_and(|index| index != self.last)
    }

    fn processing(&self) -> usize {
        self.index.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn parameters(k: u32, beta: u32) -> Parameters {
        Parameters {
            k,
            alpha_preference: k,
            alpha_confidence: k,
            beta,
            concurrent_polls: 1,
            ..Parameters::default()
        }
    }

    fn child(parent: Id, height: u64, payload: u8) -> Block {
        Block {
            parent,
            height,
            payload: vec![payload],
        }
    }

    fn votes(ids: &[Id]) -> Bag {
        ids.iter().map(|id| (*id, 1)).collect()
    }

    #[test]
    fn a_vote_counts_for_ancestors_and_a_decision_rejects_the_rival_branch() {
        let mut chain = Chain::new(parameters(3, 1), Id::default(), 0).unwrap();
        let zero = chain.add(&child(Id::default(), 1, 0)).unwrap();
        let one = chain.add(&child(zero, 2, 1)).unwrap();
        let two = chain.add(&child(one, 3, 2)).unwrap();
        let three = chain.add(&child(zero, 2, 3)).unwrap();
        let four = chain.add(&child(three, 3, 4)).unwrap();
        chain.record_poll(&votes(&[zero, two, four])).unwrap();
        assert!(
            chain.is_accepted(&zero) && chain.is_processing(&one) && chain.is_processing(&four)
        );
        assert_eq!((chain.processing(), chain.preference()), (4, two));
        let decided = chain.record_poll(&votes(&[two, two, two])).unwrap();
        assert_eq!(decided.accepted, [one, two]);
        assert!(chain.is_rejected(&three) && chain.is_rejected(&four));
        assert_eq!((chain.processing(), chain.last_accepted()), (0, two));
    }

    #[test]
    fn one_poll_may_decide_and_begin_the_next() {
        let mut chain = Chain::new(parameters(1, 2), Id::default(), 0).unwrap();
        let zero = chain.add(&child(Id::default(), 1, 0)).unwrap();
        let one = chain.add(&child(zero, 2, 1)).unwrap();
        let two = chain.add(&child(one, 3, 2)).unwrap();
        chain.add(&child(zero, 2, 9)).unwrap();
        for (vote, last) in [
            (zero, Id::default()),
            (one, zero),
            (one, one),
            (two, one),
            (two, two),
        ] {
            chain.record_poll(&votes(&[vote])).unwrap();
            assert_eq!(chain.last_accepted(), last);
        }
    }

    #[test]
    fn default_parameters_decide_with_the_twentieth_poll() {
        let mut chain = Chain::new(Parameters::default(), Id::default(), 0).unwrap();
        chain.add(&child(Id::default(), 1, 0)).unwrap();
        let one = chain.add(&child(Id::default(), 1, 1)).unwrap();
        for _ in 0..20 {
            assert_eq!(chain.processing(), 2);
            chain
                .record_poll(&[(one, 15)].into_iter().collect())
                .unwrap();
        }
        assert_eq!((chain.processing(), chain.last_accepted()), (0, one));
    }

    #[test]
    fn bad_blocks_and_bags_are_refused_by_name_and_change_nothing() {
        let one_item = Parameters {
            max_outstanding_items: 1,
            ..parameters(3, 1)
        };
        let mut chain = Chain::new(one_item, Id::default(), 0).unwrap();
        let block = child(Id::default(), 1, 0);
        let id = chain.add(&block).unwrap();
        assert_eq!(chain.add(&block), Err(Error::Duplicate(id)));
        assert_eq!(
            chain.add(&child(Id([7; 32]), 1, 0)),
            Err(Error::UnknownParent(Id([7; 32])))
        );
        let high = child(id, 3, 0);
        assert_eq!(chain.add(&high), Err(Error::Height(high.id())));
        let rival = child(Id::default(), 1, 1);
        assert_eq!(chain.add(&rival), Err(Error::TooManyBlocks(rival.id())));
        assert_eq!(
            chain.record_poll(&[(id, 4)].into_iter().collect()),
            Err(Error::TooManyVotes(4))
        );
        assert_eq!((chain.processing(), chain.preference()), (1, id));
    }
}
