//! Polls, sampler, handler and statistics around one consensus core.

use alloc::vec::Vec;
use core::time::Duration;

use rand::{CryptoRng, Rng};

use crate::{AcceptAll, Bag, Error, Id, Parameters, PollSet, Sampler, Stats, Vote, VoteHandler};

/// What a poll decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Blocks or vertices accepted, parents first.
    pub accepted: Vec<Id>,
    /// Blocks or vertices rejected.
    pub rejected: Vec<Id>,
    /// Transactions of a DAG and whether they were accepted.
    pub transactions: Vec<(Id, bool)>,
    /// Whether something got αp votes.
    pub successful: bool,
}

/// A consensus core: blocks in, polls in, decisions out.
pub trait Core {
    /// What is added.
    type Block;
    /// What a voter answers: one block, or all vertices that it prefers.
    type Choice: Clone + Eq;
    /// Its parameters.
    fn parameters(&self) -> &Parameters;
    /// Adds a block.
    ///
    /// # Errors
    /// The block is known, its parent is not, its height is wrong, or too many are processing.
    fn add(&mut self, block: &Self::Block) -> Result<Id, Error>;
    /// Takes in the votes of one poll. Votes for decided or unknown blocks don't count.
    ///
    /// # Errors
    /// More than `k` votes.
    fn record_poll(&mut self, votes: &Bag<Self::Choice>) -> Result<Decided, Error>;
    /// What to answer when asked.
    fn preference(&self) -> Self::Choice;
    /// Whether `id` is accepted and still remembered.
    fn is_accepted(&self, id: &Id) -> bool;
    /// Whether `id` is neither accepted nor rejected yet.
    fn is_processing(&self, id: &Id) -> bool;
    /// Blocks that are processing.
    fn processing(&self) -> usize;
}

/// A poll to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollRequest {
    /// The number that answers must name.
    pub poll: u64,
    /// The block that it asks about.
    pub block: Id,
    /// Whom to ask, and how many slots each fills.
    pub voters: Vec<(u32, u32)>,
}

/// A core with its polls.
#[derive(Clone, Debug)]
pub struct Engine<C: Core, H = AcceptAll> {
    core: C,
    handler: H,
    sampler: Sampler,
    polls: PollSet<C::Choice>,
    stats: Stats,
}

impl<C: Core> Engine<C> {
    /// An engine that counts every vote in full.
    ///
    /// # Errors
    /// Parameters out of bounds, less stake than `k`.
    pub fn new(core: C, sampler: Sampler) -> Result<Self, Error> {
        Self::with_handler(core, sampler, AcceptAll)
    }
}

impl<C: Core, H: VoteHandler<C::Choice>> Engine<C, H> {
    /// An engine whose votes pass through `handler`.
    ///
    /// # Errors
    /// Parameters out of bounds, less stake than `k`.
    pub fn with_handler(core: C, sampler: Sampler, handler: H) -> Result<Self, Error> {
        let parameters = *core.parameters();
        if sampler.total() < u64::from(parameters.k) {
            return Err(Error::TooLittleStake(sampler.total()));
        }
        Ok(Self {
            core,
            handler,
            sampler,
            polls: PollSet::new(parameters)?,
            stats: Stats::default(),
        })
    }

    /// The core, to read.
    pub fn core(&self) -> &C {
        &self.core
    }

    /// Adds a block.
    ///
    /// # Errors
    /// As [`Core::add`].
    pub fn add(&mut self, block: &C::Block) -> Result<Id, Error> {
        self.core.add(block)
    }

    /// Opens a poll about a processing block at `now`; whom to ask.
    ///
    /// # Errors
    /// The block is not processing, or `concurrent_polls` are open.
    pub fn poll<R: Rng + CryptoRng>(
        &mut self,
        block: &Id,
        now: Duration,
        rng: &mut R,
    ) -> Result<PollRequest, Error> {
        if !self.core.is_processing(block) {
            return Err(Error::NotProcessing(*block));
        }
        let voters = self.sampler.draw(self.core.parameters().k, rng)?;
        let poll = self.polls.open(&voters, now)?;
        Ok(PollRequest {
            poll,
            block: *block,
            voters,
        })
    }

    /// Counts an answer that came at `now`; what the polls that it ended decided.
    ///
    /// # Errors
    /// The poll is not open, the voter was not asked or has answered.
    pub fn process_vote(
        &mut self,
        vote: &Vote<C::Choice>,
        now: Duration,
    ) -> Result<Decided, Error> {
        let slots = self.polls.slots(vote)?;
        let weight = self.handler.weigh(vote, slots);
        self.polls.vote(vote, weight)?;
        self.stats.votes = self.stats.votes.saturating_add(1);
        self.end_polls(now)
    }

    /// Voters whose answers to `poll` are still to come.
    ///
    /// # Errors
    /// The poll is not open.
    pub fn missing(&self, poll: u64) -> Result<Vec<u32>, Error> {
        self.polls.missing(poll)
    }

    /// Ends a poll that has timed out at `now`: whoever has not answered abstains. What this decided.
    ///
    /// # Errors
    /// The poll is not open.
    pub fn cancel(&mut self, poll: u64, now: Duration) -> Result<Decided, Error> {
        self.polls.cancel(poll)?;
        self.end_polls(now)
    }

    fn end_polls(&mut self, now: Duration) -> Result<Decided, Error> {
        let mut all = Decided::default();
        while let Some((bag, opened)) = self.polls.take() {
            let decided = self.record_poll(&bag)?;
            self.stats.latency = self
                .stats
                .latency
                .saturating_add(now.saturating_sub(opened));
            all.accepted.extend(decided.accepted);
            all.rejected.extend(decided.rejected);
            all.transactions.extend(decided.transactions);
            all.successful |= decided.successful;
        }
        Ok(all)
    }

    /// Takes in the votes of a poll made elsewhere.
    ///
    /// # Errors
    /// More than `k` votes.
    pub fn record_poll(&mut self, votes: &Bag<C::Choice>) -> Result<Decided, Error> {
        let decided = self.core.record_poll(votes)?;
        let count = |counter: &mut u64, n: usize| *counter = counter.saturating_add(n as u64);
        count(&mut self.stats.polls, 1);
        count(&mut self.stats.successful, usize::from(decided.successful));
        count(&mut self.stats.accepted, decided.accepted.len());
        count(&mut self.stats.rejected, decided.rejected.len());
        Ok(decided)
    }

    /// What to answer when asked.
    pub fn preference(&self) -> C::Choice {
        self.core.preference()
    }

    /// Whether `id` is accepted and still remembered.
    pub fn is_accepted(&self, id: &Id) -> bool {
        self.core.is_accepted(id)
    }

    /// What it has done.
    pub fn stats(&self) -> Stats {
        Stats {
            processing: self.core.processing() as u64,
            ..self.stats
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{Block, Chain};

    /// Counts no vote of voter 0.
    struct Veto;

    impl VoteHandler for Veto {
        fn weigh(&mut self, vote: &Vote, slots: u32) -> u32 {
            if vote.voter == 0 { 0 } else { slots }
        }
    }

    #[test]
    fn a_vetoed_vote_is_an_abstention_and_statistics_tell() {
        let parameters = Parameters {
            k: 3,
            alpha_preference: 2,
            alpha_confidence: 3,
            beta: 1,
            concurrent_polls: 1,
            max_outstanding_items: 9,
        };
        let chain = Chain::new(parameters, Id::default(), 0).unwrap();
        let stakes = Sampler::new(&[1; 3]).unwrap();
        let mut engine = Engine::with_handler(chain, stakes, Veto).unwrap();
        let block = Block {
            parent: Id::default(),
            height: 1,
            payload: Vec::new(),
        };
        let id = engine.add(&block).unwrap();
        let mut rng = StdRng::seed_from_u64(0);
        let second = Duration::from_secs(1);
        let unknown = Id([9; 32]);
        let refused = engine.poll(&unknown, second, &mut rng);
        assert_eq!(refused, Err(Error::NotProcessing(unknown)));
        let request = engine.poll(&id, second, &mut rng).unwrap();
        assert_eq!(engine.poll(&id, second, &mut rng), Err(Error::TooManyPolls));
        for (voter, _) in request.voters {
            let vote = Vote {
                poll: request.poll,
                voter,
                choice: Some(id),
            };
            engine.process_vote(&vote, second * 3).unwrap();
        }
        let stats = engine.stats();
        assert_eq!((stats.votes, stats.polls, stats.successful), (3, 1, 1));
        assert_eq!((stats.accepted, stats.processing), (0, 1));
        assert_eq!(stats.mean_latency(), second * 2);
        assert!(!engine.is_accepted(&id) && engine.preference() == id);
    }

    #[test]
    fn less_stake_than_slots_is_refused() {
        let chain = Chain::new(Parameters::default(), Id::default(), 0).unwrap();
        let refused = Engine::new(chain, Sampler::new(&[19]).unwrap());
        assert!(matches!(refused, Err(Error::TooLittleStake(19))));
    }
}
