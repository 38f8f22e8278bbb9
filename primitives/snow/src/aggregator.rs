//! The one-round quorum counter: what a naive client expects, and no consensus.

use alloc::collections::BTreeMap;

use crate::{Error, Id, Parameters, VoteKind, history::History};

/// Counts distinct voters by block; a voter's last vote wins. `αc` voters for a block accept it, `αc` against it
/// reject it: one round, no repeated sampling. Twice αc voters a block are the most it keeps.
#[derive(Clone, Debug)]
pub struct VoteAggregator {
    parameters: Parameters,
    open: BTreeMap<Id, BTreeMap<u32, bool>>,
    history: History,
}

impl VoteAggregator {
    /// A counter without blocks.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn new(parameters: Parameters) -> Result<Self, Error> {
        parameters.validate()?;
        let history = History::new(parameters.max_outstanding_items);
        Ok(Self {
            parameters,
            open: BTreeMap::new(),
            history,
        })
    }

    /// Counts a vote; how the block ended, once it has. Votes on decided blocks change nothing.
    ///
    /// # Errors
    /// A new block beyond `max_outstanding_items`.
    pub fn vote(&mut self, voter: u32, block: Id, vote: VoteKind) -> Result<Option<bool>, Error> {
        if let Some(accepted) = self.history.get(&block) {
            return Ok(Some(accepted));
        }
        let full = self.open.len() >= self.parameters.max_outstanding_items as usize;
        if full && !self.open.contains_key(&block) {
            return Err(Error::TooManyBlocks(block));
        }
        let votes = self.open.entry(block).or_default();
        let favours = vote != VoteKind::Reject;
        votes.insert(voter, favours);
        let same = votes.values().filter(|other| **other == favours).count();
        if same < self.parameters.alpha_confidence as usize {
            return Ok(None);
        }
        self.open.remove(&block);
        self.history.note(block, favours);
        Ok(Some(favours))
    }

    /// Whether `block` was accepted, as far as it is remembered.
    pub fn is_accepted(&self, block: &Id) -> bool {
        self.history.get(block) == Some(true)
    }

    /// How `block` ended, as far as it is remembered.
    pub fn end(&self, block: &Id) -> Option<bool> {
        self.history.get(block)
    }

    /// Blocks without an end.
    pub fn processing(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_distinct_voters_accept_and_one_voter_twenty_times_does_not() {
        let mut counter = VoteAggregator::new(Parameters::default()).unwrap();
        let (block, other) = (Id([1; 32]), Id([2; 32]));
        for voter in 0..20 {
            counter.vote(voter, block, VoteKind::Prefer).unwrap();
            assert_eq!(counter.vote(7, other, VoteKind::Prefer), Ok(None));
        }
        assert!(counter.is_accepted(&block) && !counter.is_accepted(&other));
        assert_eq!(counter.vote(1, block, VoteKind::Reject), Ok(Some(true)));
    }

    #[test]
    fn the_last_vote_of_a_voter_wins() {
        let mut counter = VoteAggregator::new(Parameters::default()).unwrap();
        let block = Id([1; 32]);
        for voter in 0..14 {
            counter.vote(voter, block, VoteKind::Prefer).unwrap();
        }
        assert_eq!(counter.vote(0, block, VoteKind::Reject), Ok(None));
        assert_eq!(counter.vote(14, block, VoteKind::Accept), Ok(None));
        assert_eq!(counter.vote(0, block, VoteKind::Prefer), Ok(Some(true)));
    }

    #[test]
    fn blocks_beyond_the_bound_are_refused() {
        let parameters = Parameters {
            max_outstanding_items: 1,
            ..Parameters::default()
        };
        let mut counter = VoteAggregator::new(parameters).unwrap();
        counter.vote(0, Id([1; 32]), VoteKind::Prefer).unwrap();
        let block = Id([2; 32]);
        assert_eq!(
            counter.vote(0, block, VoteKind::Prefer),
            Err(Error::TooManyBlocks(block))
        );
    }
}
