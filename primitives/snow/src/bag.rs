//! Counted answers.

use alloc::vec::Vec;

use crate::Id;

/// Votes by block. Of a poll's size, so a list is faster than a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bag {
    counts: Vec<(Id, u32)>,
}

impl Bag {
    /// An empty bag.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `count` further votes for `id`, saturating; none leave no trace.
    pub fn add(&mut self, id: Id, count: u32) {
        if count == 0 {
            return;
        }
        match self.counts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, votes)) => *votes = votes.saturating_add(count),
            None => self.counts.push((id, count)),
        }
    }

    /// All blocks with votes, in the order in which the first vote came.
    pub fn iter(&self) -> impl Iterator<Item = (Id, u32)> + '_ {
        self.counts.iter().copied()
    }

    /// All votes.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The block with most votes and their number; of equals the one that came first.
    pub fn mode(&self) -> Option<(Id, u32)> {
        self.iter()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }
}

impl FromIterator<(Id, u32)> for Bag {
    fn from_iter<T: IntoIterator<Item = (Id, u32)>>(votes: T) -> Self {
        let mut bag = Self::new();
        votes.into_iter().for_each(|(id, count)| bag.add(id, count));
        bag
    }
}
