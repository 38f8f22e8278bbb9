//! The topological Snowman over a tree of blocks.
//!
//! Every bit of every id is a Snowflake instance, and a vote for a block counts for its ancestors. What a poll does is
//! the same as walking from the last accepted block through all instances with at least αp votes and starting all
//! others again, but nothing is walked: `Streaks` (`streaks.rs`) holds the confidence of the whole preferred path in a
//! few steps, and everything beside that path has none. A poll looks at the blocks voted for, at what leads from them
//! to the preferred path, and, when the preference turns, at the old and the new way.

use alloc::vec::Vec;

use hashbrown::HashTable;

use crate::{
    Bag, Block, Core, Decided, Error, Id, Parameters,
    history::History,
    rivals::{Branch, Forks},
    streaks::{Place, Streaks, behind},
};

/// No index.
const NONE: u32 = u32::MAX;

/// A processing block, or the last accepted one.
#[derive(Clone, Debug)]
struct Entry {
    id: Id,
    height: u64,
    below: Option<Branch>,
    parent: u32,
    /// On the preferred path.
    preferred: bool,
}

/// Votes for a processing block.
#[derive(Clone, Copy, Debug)]
struct Ballot {
    /// Where the block and the preferred path part: behind the block if it stands on the path.
    parts: Place,
    block: u32,
    count: u32,
    /// It leaves the path at a fork, and its votes are for that fork's other side.
    leaves: bool,
}

/// The topological Snowman.
#[derive(Clone, Debug)]
pub struct Chain {
    parameters: Parameters,
    entries: Vec<Entry>,
    free: Vec<u32>,
    index: HashTable<u32>,
    forks: Forks,
    /// The last accepted block.
    last: u32,
    /// The end of the preferred path.
    tip: u32,
    /// Bits of the next block that are decided.
    decided: u16,
    streaks: Streaks,
    history: History,
    /// Scratch of a poll, kept so that polls don't allocate.
    ballots: Vec<Ballot>,
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
        parameters.validate()?;
        let mut chain = Self {
            parameters,
            entries: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            forks: Forks::default(),
            last: 0,
            tip: 0,
            decided: 0,
            streaks: Streaks::default(),
            history: History::new(parameters.max_outstanding_items),
            ballots: Vec::new(),
        };
        chain.insert(Entry {
            id: genesis,
            height,
            below: None,
            parent: NONE,
            preferred: true,
        });
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

    fn insert(&mut self, entry: Entry) -> u32 {
        let hashed = hash(&entry.id);
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
            .insert_unique(hashed, index, |i| hash(&entries[*i as usize].id));
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
        self.free.push(index);
    }

    /// The preferred child.
    fn next(&self, index: u32) -> Option<u32> {
        let below = self.entry(index).below?;
        Some(self.forks.preferred(below))
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

    /// The first place that is not decided.
    fn start(&self) -> Place {
        (self.last_height().saturating_add(1), self.decided)
    }

    /// Where `block` parts from the preferred path, and whether at a fork.
    fn parting(&self, block: u32) -> (Place, bool) {
        if self.entry(block).preferred {
            return (behind(self.entry(block).height), false);
        }
        let mut off = block;
        let mut above = self.entry(off).parent;
        while !self.entry(above).preferred {
            off = above;
            above = self.entry(off).parent;
        }
        let on = self.next(above).unwrap_or(off);
        let (off, on) = (self.entry(off), self.entry(on));
        ((off.height, off.id.first_difference(&on.id)), true)
    }

    /// Collects the ballots for processing blocks. One that alone has αc votes on the preferred path settles the poll:
    /// the others are too few to turn it or to carry it further.
    fn collect(&mut self, votes: &Bag) -> Option<Place> {
        self.ballots.clear();
        for (id, count) in votes.iter() {
            let Some(block) = self.find(&id).filter(|block| *block != self.last) else {
                continue;
            };
            let entry = self.entry(block);
            if entry.preferred && count >= self.parameters.alpha_confidence {
                return Some(behind(entry.height));
            }
            self.ballots.push(Ballot {
                parts: (0, 0),
                block,
                count,
                leaves: false,
            });
        }
        None
    }

    /// The fork whose other side has αp votes. There is at most one, as αp is more than half of `k`.
    fn turning(&self) -> Option<Place> {
        let leaving = |ballot: &&Ballot| ballot.leaves;
        self.ballots
            .chunk_by(|a, b| a.parts == b.parts)
            .find(|same| {
                let votes = same.iter().filter(leaving);
                votes.map(|ballot| u64::from(ballot.count)).sum::<u64>()
                    >= u64::from(self.parameters.alpha_preference)
            })
            .and_then(|same| same.first())
            .map(|ballot| ballot.parts)
    }

    /// Turns the preference at a fork for which `block` stands on the other side.
    fn turn(&mut self, (height, bit): Place, block: u32) {
        let mut above = block;
        while self.entry(above).height >= height {
            above = self.entry(above).parent;
        }
        let mut old = self.next(above);
        while let Some(index) = old {
            self.entry_mut(index).preferred = false;
            old = self.next(index);
        }
        if let Some(below) = self.entry(above).below {
            self.forks.turn(below, bit);
        }
        self.tip = above;
        while let Some(index) = self.next(self.tip) {
            self.entry_mut(index).preferred = true;
            self.tip = index;
        }
        self.streaks.interrupt((height, bit));
    }

    /// Moves the preference and the confidence; whether anything got αp votes.
    fn count(&mut self, votes: &Bag) -> bool {
        let start = self.start();
        if let Some(reach) = self.collect(votes) {
            self.streaks.poll(reach);
            return true;
        }
        for i in 0..self.ballots.len() {
            let (parts, leaves) = self.parting(self.ballots[i].block);
            let ballot = &mut self.ballots[i];
            (ballot.parts, ballot.leaves) = (parts, leaves);
        }
        // What lacks a decided bit cannot win any more.
        self.ballots.retain(|ballot| ballot.parts >= start);
        self.ballots.sort_unstable_by_key(|ballot| ballot.parts);
        while let Some(place) = self.turning() {
            let leaves = |ballot: &Ballot| ballot.leaves && ballot.parts == place;
            if let Some(block) = self.ballots.iter().find(|b| leaves(b)).map(|b| b.block) {
                self.turn(place, block);
            }
            for i in 0..self.ballots.len() {
                let ballot = self.ballots[i];
                let (parts, leaves) = if leaves(&ballot) {
                    self.parting(ballot.block)
                } else {
                    (ballot.parts.min(place), false)
                };
                self.ballots[i] = Ballot {
                    parts,
                    leaves,
                    ..ballot
                };
            }
            self.ballots.sort_unstable_by_key(|ballot| ballot.parts);
        }
        // Before the place where a ballot parts it agrees with the path, and so do those that part later.
        let (mut agree, mut reach) = (0u64, start);
        for ballot in self.ballots.iter().rev() {
            if ballot.parts <= start {
                break;
            }
            agree += u64::from(ballot.count);
            if agree >= u64::from(self.parameters.alpha_confidence) {
                reach = ballot.parts;
                break;
            }
        }
        self.streaks.poll(reach);
        agree >= u64::from(self.parameters.alpha_preference)
    }

    /// Accepts what is decided.
    fn decide(&mut self, decided: &mut Decided) {
        while let Some(child) = self.next(self.last) {
            let start = self.start();
            match self.streaks.unsettled(start, self.parameters.beta) {
                Some(place) if place < behind(start.0) => {
                    self.decided = place.1;
                    return;
                }
                _ => self.accept(child, decided),
            }
        }
    }

    fn accept(&mut self, child: u32, decided: &mut Decided) {
        let old = self.last;
        let mut doomed: Vec<Branch> = self.entry(old).below.into_iter().collect();
        while let Some(branch) = doomed.pop() {
            match branch {
                Branch::Fork(fork) => doomed.extend(self.forks.remove(fork)),
                Branch::Block(block) if block == child => {}
                Branch::Block(block) => {
                    let Entry { id, below, .. } = *self.entry(block);
                    doomed.extend(below);
                    self.history.note(id, false);
                    decided.rejected.push(id);
                    self.remove(block);
                }
            }
        }
        self.remove(old);
        self.last = child;
        self.decided = 0;
        let entry = self.entry_mut(child);
        entry.parent = NONE;
        let id = entry.id;
        self.history.note(id, true);
        decided.accepted.push(id);
    }

    /// Adds a block that is named elsewhere: by its own hash, its parent's, and one more than the parent's height.
    ///
    /// # Errors
    /// As [`Core::add`].
    pub fn insert_named(&mut self, id: Id, parent: Id, height: u64) -> Result<(), Error> {
        if self.find(&id).is_some() || self.history.get(&id).is_some() {
            return Err(Error::Duplicate(id));
        }
        let parent = self.find(&parent).ok_or(Error::UnknownParent(parent))?;
        let above = self.entry(parent);
        let below = above.below;
        if above.height.checked_add(1) != Some(height) {
            return Err(Error::Height(id));
        }
        if self.processing() >= self.parameters.max_outstanding_items as usize {
            return Err(Error::TooManyBlocks(id));
        }
        let preferred = parent == self.tip;
        let index = self.insert(Entry {
            id,
            height,
            below: None,
            parent,
            preferred,
        });
        if preferred {
            self.tip = index;
            self.streaks.interrupt((height, 0));
        }
        let below = match below {
            None => Branch::Block(index),
            Some(root) => {
                let entries = &self.entries;
                self.forks
                    .add(root, index, &id, |block| &entries[block as usize].id)
            }
        };
        self.entry_mut(parent).below = Some(below);
        Ok(())
    }
}

impl Core for Chain {
    type Block = Block;
    type Choice = Id;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn add(&mut self, block: &Block) -> Result<Id, Error> {
        let id = block.id();
        self.insert_named(id, block.parent, block.height)?;
        Ok(id)
    }

    fn record_poll(&mut self, votes: &Bag) -> Result<Decided, Error> {
        if votes.total() > u64::from(self.parameters.k) {
            return Err(Error::TooManyVotes(votes.total()));
        }
        let mut decided = Decided::default();
        if self.tip != self.last {
            decided.successful = self.count(votes);
            self.decide(&mut decided);
        }
        Ok(decided)
    }

    fn preference(&self) -> Id {
        self.entry(self.tip).id
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
