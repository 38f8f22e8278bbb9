//! What a gadget tells about itself.

use polkadot_sdk::{sp_consensus_grandpa::AuthorityId, sp_core::H256};
use quern_snow::{Core, Decided};

use super::Gadget;

/// Counters since Snow was switched on; all saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Authorities' votes counted, abstentions among them.
    pub votes: u64,
    /// Polls in which something got αp votes.
    pub successful: u64,
    /// The other polls.
    pub failed: u64,
    /// Blocks accepted by polls.
    pub accepted: u64,
    /// Blocks rejected by polls.
    pub rejected: u64,
    /// Times that GRANDPA finalised another block than polls had accepted.
    pub overruled: u64,
}

impl Stats {
    pub(super) fn count(&mut self, decided: &Decided) {
        let polls = if decided.successful {
            &mut self.successful
        } else {
            &mut self.failed
        };
        *polls = polls.saturating_add(1);
        self.accepted = self.accepted.saturating_add(decided.accepted.len() as u64);
        self.rejected = self.rejected.saturating_add(decided.rejected.len() as u64);
    }
}

/// Where a gadget stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The authority set.
    pub set_id: u64,
    /// Whether this node is one of its members.
    pub authority: bool,
    /// The last accepted block, by polls or finality.
    pub accepted: (H256, u64),
    /// The tip of the preferred branch.
    pub preferred: H256,
    /// Blocks that polls are to decide.
    pub processing: u64,
    /// Weight of the authorities in reach, this node's included.
    pub connected: u64,
    /// Weight of all authorities.
    pub total: u64,
    /// Whether so much is in reach that polls are sent, and the node is not far behind its peers.
    pub polling: bool,
    /// Counters.
    pub stats: Stats,
}

impl Gadget {
    /// Where it stands.
    pub fn state(&self) -> State {
        State {
            set_id: self.electorate.set_id(),
            authority: self.electorate.own_place().is_some(),
            accepted: self.branches.root(),
            preferred: self.preference(),
            processing: self.chain.processing() as u64,
            connected: self.reach(),
            total: self.electorate.total(),
            polling: self.is_polling(),
            stats: self.stats,
        }
    }

    /// The authority set.
    pub fn set_id(&self) -> u64 {
        self.electorate.set_id()
    }

    /// The key that answers are to be signed with.
    pub fn own_key(&self) -> Option<&AuthorityId> {
        self.electorate.own_key()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Blocks that polls are to decide.
    pub fn processing(&self) -> u64 {
        self.chain.processing() as u64
    }

    /// The last accepted block and its number.
    pub fn root(&self) -> (H256, u64) {
        self.branches.root()
    }

    /// Whether the block is the last accepted one, or above it and known.
    pub fn knows(&self, hash: &H256) -> bool {
        self.branches.contains(hash)
    }

    /// The tip of the preferred branch.
    pub fn preference(&self) -> H256 {
        H256(self.chain.preference().0)
    }

    /// Weight of the authorities in reach.
    pub(super) fn reach(&self) -> u64 {
        let peers = self.peers.places();
        peers
            .chain(self.electorate.own_place())
            .map(|place| self.electorate.weight(place))
            .fold(0, u64::saturating_add)
    }

    pub(super) fn is_polling(&self) -> bool {
        let parameters = &self.config.parameters;
        !self.syncing && parameters.suffices(self.reach(), self.electorate.total())
    }
}
