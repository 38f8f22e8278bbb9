//! The state machine: events in, actions out. It knows no network, no clock and no database.
//!
//! | event | method |
//! | --- | --- |
//! | a peer comes or goes | [`Gadget::connected`], [`Gadget::disconnected`] |
//! | a block is imported | [`Gadget::imported`] |
//! | GRANDPA finalises a block | [`Gadget::finalised`] |
//! | GRANDPA's authority set changes | [`Gadget::elect`] |
//! | a peer asks | [`Gadget::answer`] |
//! | a peer answers, or fails to | [`Gadget::heard`] |
//! | time passes | [`Gadget::tick`] |
//!
//! What GRANDPA finalises is final: it moves the root, whatever polls say, and confidence starts again above it.

mod view;

#[cfg(test)]
mod network;
#[cfg(test)]
mod tests;

pub use view::{State, Stats};

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use polkadot_sdk::{sc_network_types::PeerId, sp_core::H256};
use quern_snow::{Chain, Core, Error, Id, Parameters, PollSet, Vote};
use rand::{RngCore, SeedableRng, rngs::StdRng};

use crate::{
    BranchError, Branches, Electorate, Link, Peers, Trail,
    message::{Answer, Chits, Query},
};

/// Shortest time between two polls. Twenty successful ones in a row, the default, take at least 0.4 seconds.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// Blocks by which Snow may lag behind what GRANDPA wants to vote for. Further behind it no longer holds GRANDPA back.
pub const MAX_LAG: u64 = 8;

/// What stays the same as long as the node runs.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Numbers of the engine.
    pub parameters: Parameters,
    /// The chain that signatures are for.
    pub genesis: H256,
    /// This node, as its peers know it.
    pub local: PeerId,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no answer at all.
    #[error("malformed")]
    Malformed,
    /// It answers another question.
    #[error("an answer to another question")]
    OtherQuestion,
    /// The authority has not signed it for this node.
    #[error("a forged signature")]
    Forged,
    /// It was given in another authority set: one side is about to follow. Innocent.
    #[error("another authority set")]
    OtherSet,
    /// It is signed by nobody of the set, or by this node's own key. Innocent.
    #[error("signed by a stranger")]
    Stranger,
}

impl Fault {
    /// Whether no honest node answers so.
    pub fn is_misbehaviour(self) -> bool {
        !matches!(self, Self::OtherSet | Self::Stranger)
    }
}

/// What is to be done, or has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this question; the reply goes to [`Gadget::heard`] under its number `poll`.
    Ask(PeerId, Query),
    /// The peer has answered as no honest one does.
    Blame(PeerId, Fault),
    /// Polls have accepted a block. Parents come first.
    Accepted {
        /// Its hash.
        hash: H256,
        /// Its number.
        number: u64,
    },
    /// A poll has ended.
    PollEnded {
        /// Whether something got αp votes.
        successful: bool,
        /// From its opening.
        took: Duration,
    },
    /// GRANDPA has finalised this block although polls had accepted another one of its number.
    Overruled {
        /// The final block.
        hash: H256,
        /// Its number.
        number: u64,
    },
}

/// Up to where GRANDPA is to vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Snow has nothing to say, or too little: vote as without it.
    Free,
    /// Up to this block.
    To {
        /// Its hash.
        hash: H256,
        /// Its number.
        number: u64,
    },
}

/// A question under way.
#[derive(Clone, Copy, Debug)]
struct Question {
    peer: PeerId,
    deadline: Duration,
    /// The poll and the asked authority's place; none for a greeting.
    seat: Option<(u64, u32)>,
}

/// Snow on one node: blocks, polls and peers.
#[derive(Debug)]
pub struct Gadget {
    config: Config,
    electorate: Electorate,
    peers: Peers,
    branches: Branches,
    /// Blocks of the engine, with the number of successful polls when they came in.
    admitted: HashMap<H256, u64>,
    chain: Chain,
    polls: PollSet,
    questions: BTreeMap<u64, Question>,
    /// By place, the last accepted block that was told, and its number.
    told: BTreeMap<u32, (u64, H256)>,
    trail: Trail,
    /// Number of the last block that polls accepted, or where they began.
    proven: u64,
    finalised: u64,
    next_question: u64,
    next_poll: Duration,
    syncing: bool,
    stats: Stats,
    rng: StdRng,
}

impl Gadget {
    /// Starts above a finalised block. `seed` must be unknown to others.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn new(
        config: Config,
        electorate: Electorate,
        (hash, number): (H256, u64),
        seed: [u8; 32],
    ) -> Result<Self, Error> {
        let mut rng = StdRng::from_seed(seed);
        let capacity = config.parameters.max_outstanding_items as usize;
        Ok(Self {
            electorate,
            peers: Peers::default(),
            branches: Branches::new(hash, number, capacity),
            admitted: HashMap::new(),
            chain: Chain::new(config.parameters, Id(hash.0), number)?,
            polls: PollSet::new(config.parameters)?,
            questions: BTreeMap::new(),
            told: BTreeMap::new(),
            trail: Trail::new(hash, number, capacity),
            proven: number,
            finalised: number,
            // Not from zero, so that no answer from before a restart fits.
            next_question: rng.next_u64(),
            next_poll: Duration::ZERO,
            syncing: false,
            stats: Stats::default(),
            config,
            rng,
        })
    }

    /// A peer has connected.
    pub fn connected(&mut self, peer: PeerId, now: Duration) {
        self.peers.connected(peer, now);
    }

    /// A peer has gone. Its answers to open questions fail on their own.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.peers.disconnected(peer);
    }

    /// Whether the node is far behind its peers: then it neither asks nor answers.
    pub fn set_syncing(&mut self, syncing: bool) {
        self.syncing = syncing;
    }

    /// A block was imported.
    ///
    /// # Errors
    /// See [`BranchError`].
    pub fn imported(&mut self, link: &Link) -> Result<(), BranchError> {
        if let Some(deep) = self.branches.add(link)? {
            let (parent, number) = (self.branches.parent(&deep), self.branches.number(&deep));
            if let (Some(parent), Some(number)) = (parent, number) {
                self.insert(deep, parent, number);
            }
        }
        if self.has_rivals() && self.may_prefer_the_heavier() {
            self.rebuild();
        }
        Ok(())
    }

    /// Whether polls are to decide between branches: then there are more blocks than the preferred branch has.
    fn has_rivals(&self) -> bool {
        let (_, root) = self.branches.root();
        let tip = self.branches.number(&self.preference()).unwrap_or(root);
        self.admitted.len() as u64 > tip.saturating_sub(root)
    }

    /// Whether the heaviest branch is not the preferred one, although no poll has succeeded since the two parted: the first
    /// preference among siblings is the heavier branch, and afterwards only polls move it.
    fn may_prefer_the_heavier(&self) -> bool {
        let deep = self.branches.deep();
        let tip = self.preference();
        let (mut at, mut number) = self.branches.root();
        // Of the children of a block the heaviest comes first.
        while let Some(heaviest) = deep.iter().find(|link| link.parent == at) {
            number = number.saturating_add(1);
            let preferred = self.branches.at(tip, number);
            if preferred != Some(heaviest.hash) {
                let is_fresh = |hash: &H256| {
                    let entered = self.admitted.get(hash);
                    entered == Some(&self.stats.successful)
                };
                return is_fresh(&heaviest.hash) && preferred.as_ref().is_some_and(is_fresh);
            }
            at = heaviest.hash;
        }
        false
    }

    fn insert(&mut self, hash: H256, parent: H256, number: u64) {
        match self.chain.insert_named(Id(hash.0), Id(parent.0), number) {
            Ok(()) => {
                self.admitted.insert(hash, self.stats.successful);
            }
            Err(error) => tracing::debug!(target: crate::LOG_TARGET, %error, "block not polled"),
        }
    }

    /// Begins again above the root: no confidence, no polls, and the heavier branch first.
    fn rebuild(&mut self) {
        let (root, number) = self.branches.root();
        let parameters = self.config.parameters;
        // They were valid when the gadget was made.
        if let (Ok(chain), Ok(polls)) = (
            Chain::new(parameters, Id(root.0), number),
            PollSet::new(parameters),
        ) {
            self.chain = chain;
            self.polls = polls;
        }
        for question in self.questions.values_mut() {
            question.seat = None;
        }
        self.admitted.clear();
        for link in self.branches.deep() {
            self.insert(link.hash, link.parent, link.number);
        }
    }

    /// Forgets all above a finalised block, which becomes the root.
    fn reset(&mut self, hash: H256, number: u64) {
        let capacity = self.config.parameters.max_outstanding_items as usize;
        self.branches = Branches::new(hash, number, capacity);
        self.trail = Trail::new(hash, number, capacity);
        self.proven = self.proven.min(number);
        self.finalised = number;
        self.rebuild();
    }

    /// GRANDPA has finalised a block. Blocks above it may have to be fed again.
    pub fn finalised(&mut self, hash: H256, number: u64) -> Vec<Action> {
        if number <= self.finalised {
            return Vec::new();
        }
        if self.trail.at(number) == Some(hash) {
            self.finalised = number;
            return Vec::new();
        }
        if let Some(path) = self.branches.path(hash) {
            for (number, hash) in path {
                self.trail.push(hash, number);
            }
            self.finalised = number;
            self.branches.root_at(hash, number);
            self.rebuild();
            return Vec::new();
        }
        let overruled = self.trail.last().is_some_and(|(_, last)| last >= number);
        self.reset(hash, number);
        if !overruled {
            return Vec::new();
        }
        self.stats.overruled = self.stats.overruled.saturating_add(1);
        vec![Action::Overruled { hash, number }]
    }

    /// Another authority set votes above this finalised block. What the former one has accepted above it is open again, and
    /// must be fed again.
    pub fn elect(&mut self, electorate: Electorate, (hash, number): (H256, u64), now: Duration) {
        self.electorate = electorate;
        self.peers.forget_places(now);
        self.told.clear();
        self.reset(hash, number);
    }

    /// Answers a peer's question: what this authority prefers and has accepted, to be signed. None if this node is no
    /// authority of that set, is far behind, or has been asked too often.
    pub fn answer(&mut self, asker: PeerId, query: &Query, now: Duration) -> Option<Answer> {
        let known = self.branches.number(&query.requested);
        let is_false = known.is_some_and(|number| number != query.requested_number);
        if self.syncing
            || is_false
            || query.set_id != self.electorate.set_id()
            || self.electorate.own_place().is_none()
            || !self.peers.may_ask(asker, now)
        {
            return None;
        }
        let preferred = self.preference();
        let (accepted, accepted_number) = self.branches.root();
        let number = query.requested_number;
        let decided = self.trail.at(number);
        Some(Answer {
            poll: query.poll,
            set_id: query.set_id,
            preferred,
            preferred_at_height: decided
                .or_else(|| self.branches.at(preferred, number))
                .unwrap_or(preferred),
            accepted,
            accepted_number,
        })
    }

    /// A question was answered, or could not be sent or answered.
    pub fn heard(&mut self, number: u64, reply: Option<&[u8]>, now: Duration) -> Vec<Action> {
        let Some(question) = self.questions.remove(&number) else {
            return Vec::new();
        };
        let peer = question.peer;
        let mut actions = Vec::new();
        let answer = match reply.map(|bytes| self.judge(number, bytes)) {
            Some(Ok((place, answer))) => {
                self.peers.bind(peer, place);
                let told = (answer.accepted_number, answer.accepted);
                self.told
                    .entry(place)
                    .and_modify(|last| *last = told.max(*last))
                    .or_insert(told);
                Some((place, answer))
            }
            Some(Err(fault)) => {
                self.peers.missed(&peer, now);
                if fault.is_misbehaviour() {
                    actions.push(Action::Blame(peer, fault));
                }
                None
            }
            None => {
                self.peers.missed(&peer, now);
                None
            }
        };
        if let Some((poll, place)) = question.seat {
            let choice = match answer {
                Some((from, answer)) if from == place => self.choice(&answer),
                // Late, or the peer speaks for another authority now.
                _ => self.last_told(place),
            };
            actions.extend(self.count(poll, place, choice, now));
        }
        actions
    }

    /// Whose answer this is, if it counts.
    fn judge(&self, number: u64, bytes: &[u8]) -> Result<(u32, Answer), Fault> {
        let chits = Chits::read(bytes).map_err(|_| Fault::Malformed)?;
        let answer = chits.answer;
        if answer.poll != number {
            return Err(Fault::OtherQuestion);
        }
        if answer.set_id != self.electorate.set_id() {
            return Err(Fault::OtherSet);
        }
        let place = self.electorate.place(&chits.authority);
        let place = place.filter(|place| Some(*place) != self.electorate.own_place());
        let place = place.ok_or(Fault::Stranger)?;
        if !chits.is_signed(&self.config.genesis, &self.config.local) {
            return Err(Fault::Forged);
        }
        Ok((place, answer))
    }

    /// The vote that an answer is: its tip, or what of it this node has to decide yet.
    fn choice(&self, answer: &Answer) -> Option<Id> {
        let told = [
            answer.preferred,
            answer.preferred_at_height,
            answer.accepted,
        ];
        told.map(|hash| Id(hash.0))
            .into_iter()
            .find(|id| self.chain.is_processing(id))
    }

    /// The vote of an authority that is late: its last accepted block.
    fn last_told(&self, place: u32) -> Option<Id> {
        let told = self.told.get(&place).map(|(_, hash)| Id(hash.0));
        told.filter(|id| self.chain.is_processing(id))
    }

    /// Time has passed: gives up late answers, greets peers, opens a poll.
    pub fn tick(&mut self, now: Duration) -> Vec<Action> {
        let late: Vec<u64> = self
            .questions
            .iter()
            .filter(|(_, question)| question.deadline <= now)
            .map(|(number, _)| *number)
            .collect();
        let mut actions = Vec::new();
        for number in late {
            actions.extend(self.heard(number, None, now));
        }
        for peer in self.peers.greet(now) {
            actions.push(self.ask(peer, None, now));
        }
        if self.is_polling() && self.chain.processing() > 0 && self.next_poll <= now {
            actions.extend(self.open(now));
        }
        actions
    }

    /// Opens a poll. Slots of this node answer at once, as do those of authorities out of reach.
    fn open(&mut self, now: Duration) -> Vec<Action> {
        let parameters = self.config.parameters;
        let Ok(voters) = self.electorate.draw(&parameters, &mut self.rng) else {
            return Vec::new();
        };
        // As many are open as may be: the next tick tries again.
        let Ok(poll) = self.polls.open(&voters, now) else {
            return Vec::new();
        };
        self.next_poll = now + POLL_INTERVAL;
        let mut actions = Vec::new();
        let mut at_once = Vec::new();
        for (place, _) in voters {
            if Some(place) == self.electorate.own_place() {
                at_once.push((place, Some(self.chain.preference())));
            } else if let Some(peer) = self.peers.speaker(place) {
                actions.push(self.ask(peer, Some((poll, place)), now));
            } else {
                at_once.push((place, self.last_told(place)));
            }
        }
        for (place, choice) in at_once {
            actions.extend(self.count(poll, place, choice, now));
        }
        actions
    }

    fn ask(&mut self, peer: PeerId, seat: Option<(u64, u32)>, now: Duration) -> Action {
        let number = self.next_question;
        self.next_question = number.wrapping_add(1);
        let deadline = now + PATIENCE;
        self.questions.insert(
            number,
            Question {
                peer,
                deadline,
                seat,
            },
        );
        let requested = self.preference();
        let query = Query {
            set_id: self.electorate.set_id(),
            poll: number,
            requested,
            requested_number: self.branches.number(&requested).unwrap_or_default(),
        };
        Action::Ask(peer, query)
    }

    /// Counts a vote, and takes in the polls that it ends.
    fn count(&mut self, poll: u64, voter: u32, choice: Option<Id>, now: Duration) -> Vec<Action> {
        let vote = Vote {
            poll,
            voter,
            choice,
        };
        // The poll may have ended without this vote.
        let counted = self
            .polls
            .slots(&vote)
            .and_then(|slots| self.polls.vote(&vote, slots));
        if counted.is_err() {
            return Vec::new();
        }
        self.stats.votes = self.stats.votes.saturating_add(1);
        let mut actions = Vec::new();
        while let Some((bag, opened)) = self.polls.take() {
            let Ok(decided) = self.chain.record_poll(&bag) else {
                continue;
            };
            self.stats.count(&decided);
            actions.push(Action::PollEnded {
                successful: decided.successful,
                took: now.saturating_sub(opened),
            });
            for id in decided.accepted {
                actions.extend(self.accept(H256(id.0)));
            }
        }
        actions
    }

    fn accept(&mut self, hash: H256) -> Option<Action> {
        let number = self.branches.number(&hash)?;
        self.trail.push(hash, number);
        self.proven = number;
        self.branches.root_at(hash, number);
        let branches = &self.branches;
        self.admitted
            .retain(|admitted, _| branches.parent(admitted).is_some());
        Some(Action::Accepted { hash, number })
    }

    /// Up to where GRANDPA is to vote towards `target`, which is not below `base`: to the target's highest decided
    /// ancestor, never below the base. Free once that ancestor, or what polls have accepted of it, is more than
    /// [`MAX_LAG`] blocks below the target: so finality may wait for Snow, but neither stops nor forks for it.
    pub fn limit(
        &self,
        target: (H256, u64),
        base: u64,
        parent: impl Fn(&H256) -> Option<H256>,
    ) -> Limit {
        let (mut hash, mut number) = target;
        loop {
            if number <= base || self.trail.at(number) == Some(hash) {
                // What finality has decided without polls shows how far Snow is behind.
                let reached = number.min(self.proven);
                return if target.1.saturating_sub(reached) > MAX_LAG {
                    Limit::Free
                } else {
                    Limit::To { hash, number }
                };
            }
            if target.1.saturating_sub(number) > MAX_LAG {
                return Limit::Free;
            }
            let (Some(below), Some(lower)) = (parent(&hash), number.checked_sub(1)) else {
                return Limit::Free;
            };
            (hash, number) = (below, lower);
        }
    }
}
