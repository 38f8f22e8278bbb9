//! Counted answers.

use alloc::vec::Vec;

use crate::Id;

/// Votes by choice. Of a poll's size, so a list is faster than a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bag<T = Id> {
    counts: Vec<(T, u32)>,
}

impl<T> Default for Bag<T> {
    fn default() -> Self {
        Self { counts: Vec::new() }
    }
}

impl<T: Eq> Bag<T> {
    /// An empty bag.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `count` further votes for `choice`, saturating; none leave no trace.
    pub fn add(&mut self, choice: T, count: u32) {
        if count == 0 {
            return;
        }
        match self.counts.iter_mut().find(|(known, _)| *known == choice) {
            Some((_, votes)) => *votes = votes.saturating_add(count),
            None => self.counts.push((choice, count)),
        }
    }

    /// All choices with votes, in the order in which the first vote came.
    pub fn choices(&self) -> &[(T, u32)] {
        &self.counts
    }

    /// All votes.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Votes of the choice that has most.
    pub fn lead(&self) -> u32 {
        self.counts
            .iter()
            .map(|(_, count)| *count)
            .max()
            .unwrap_or(0)
    }
}

impl<T: Copy + Eq> Bag<T> {
    /// All choices with votes, in the order in which the first vote came.
    pub fn iter(&self) -> impl Iterator<Item = (T, u32)> + '_ {
        self.counts.iter().copied()
    }

    /// The choice with most votes and their number; of equals the one that came first.
    pub fn mode(&self) -> Option<(T, u32)> {
        self.iter()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }
}

impl<T: Eq> FromIterator<(T, u32)> for Bag<T> {
    fn from_iter<I: IntoIterator<Item = (T, u32)>>(votes: I) -> Self {
        let mut bag = Self::new();
        votes
            .into_iter()
            .for_each(|(choice, count)| bag.add(choice, count));
        bag
    }
}
