//! A network of gadgets in one thread: latency, cuts, silence and lies, and its own clock.

use std::{collections::BTreeSet, time::Duration};

use codec::Encode;
use polkadot_sdk::{
    sc_network_types::PeerId,
    sp_consensus_grandpa::{AuthorityId, AuthorityPair},
    sp_core::{H256, Pair},
};
use quern_snow::Parameters;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Action, Config, Fault, Gadget, POLL_INTERVAL};
use crate::{
    Electorate, Link,
    message::{Chits, Query, payload},
};

pub(super) const GENESIS: H256 = H256([0xee; 32]);

/// How a node answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Honest,
    /// Not at all.
    Silent,
    /// With a signature of nobody.
    Forger,
    /// With another authority's answer: it asks that one in its own name.
    Relay(usize),
    /// With bytes that are no answer.
    Babbler,
    /// Always with this block.
    Partisan(H256),
}

pub(super) struct Node {
    pub(super) gadget: Gadget,
    pub(super) pair: AuthorityPair,
    pub(super) peer: PeerId,
    pub(super) manner: Manner,
    pub(super) accepted: Vec<(u64, H256)>,
    pub(super) blamed: Vec<(PeerId, Fault)>,
    pub(super) overruled: usize,
    pub(super) asked: usize,
}

enum Message {
    Question {
        from: usize,
        to: usize,
        query: Query,
    },
    Reply {
        to: usize,
        number: u64,
        bytes: Option<Vec<u8>>,
    },
}

pub(super) struct Network {
    pub(super) nodes: Vec<Node>,
    pub(super) now: Duration,
    rng: StdRng,
    flying: Vec<(Duration, Message)>,
    /// Pairs that don't hear each other, the lower first.
    cuts: BTreeSet<(usize, usize)>,
}

pub(super) fn hash(n: u64) -> H256 {
    H256::from_low_u64_be(n)
}

/// Block `n` of a branch on block `parent` of the same or another branch. Work is given.
pub(super) fn link(n: u64, parent: u64, number: u64, work: u128) -> Link {
    Link {
        hash: hash(n),
        parent: hash(parent),
        number,
        work,
    }
}

fn pair(seed: usize) -> AuthorityPair {
    AuthorityPair::from_seed(&[seed as u8 + 1; 32])
}

/// An authority set of these nodes, as seen by one of them.
pub(super) fn electorate(set_id: u64, members: &[usize], own: Option<usize>) -> Electorate {
    let own = own.map(|own| pair(own).public());
    let members = members.iter().map(|member| (pair(*member).public(), 1));
    Electorate::new(
        set_id,
        members,
        |key: &AuthorityId| Some(key) == own.as_ref(),
        &Parameters::default(),
    )
    .unwrap()
}

impl Network {
    /// `authorities` members of set 0 and `observers` more nodes, all connected, above block 0.
    pub(super) fn new(authorities: usize, observers: usize, seed: u64) -> Self {
        let members: Vec<usize> = (0..authorities).collect();
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes: Vec<Node> = (0..authorities + observers)
            .map(|i| {
                let peer = PeerId::random();
                let config = Config {
                    parameters: Parameters::default(),
                    genesis: GENESIS,
                    local: peer,
                };
                let set = electorate(0, &members, Some(i));
                Node {
                    gadget: Gadget::new(config, set, (hash(0), 0), rng.r#gen()).unwrap(),
                    pair: pair(i),
                    peer,
                    manner: Manner::Honest,
                    accepted: Vec::new(),
                    blamed: Vec::new(),
                    overruled: 0,
                    asked: 0,
                }
            })
            .collect();
        let mut network = Self {
            nodes,
            now: Duration::ZERO,
            rng,
            flying: Vec::new(),
            cuts: BTreeSet::new(),
        };
        for a in 0..network.nodes.len() {
            for b in 0..a {
                network.connect(a, b);
            }
        }
        network
    }

    fn connect(&mut self, a: usize, b: usize) {
        let (at, peer_a, peer_b) = (self.now, self.nodes[a].peer, self.nodes[b].peer);
        self.nodes[a].gadget.connected(peer_b, at);
        self.nodes[b].gadget.connected(peer_a, at);
    }

    pub(super) fn cut(&mut self, a: usize, b: usize) {
        let (peer_a, peer_b) = (self.nodes[a].peer, self.nodes[b].peer);
        self.cuts.insert((a.min(b), a.max(b)));
        self.nodes[a].gadget.disconnected(&peer_b);
        self.nodes[b].gadget.disconnected(&peer_a);
    }

    pub(super) fn heal(&mut self) {
        for (a, b) in std::mem::take(&mut self.cuts) {
            self.connect(a, b);
        }
    }

    /// Everybody imports a block.
    pub(super) fn import(&mut self, link: &Link) {
        for i in 0..self.nodes.len() {
            self.import_at(i, link);
        }
    }

    pub(super) fn import_at(&mut self, node: usize, link: &Link) {
        self.nodes[node].gadget.imported(link).unwrap();
    }

    /// Lets GRANDPA finalise a block everywhere.
    pub(super) fn finalise(&mut self, n: u64, number: u64) {
        for i in 0..self.nodes.len() {
            let actions = self.nodes[i].gadget.finalised(hash(n), number);
            self.act(i, actions);
        }
    }

    /// Goes over to another authority set everywhere.
    pub(super) fn elect(&mut self, set_id: u64, members: &[usize], finalised: (H256, u64)) {
        let now = self.now;
        for (i, node) in self.nodes.iter_mut().enumerate() {
            let set = electorate(set_id, members, Some(i));
            node.gadget.elect(set, finalised, now);
        }
    }

    pub(super) fn run(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while self.now < until {
            self.step();
        }
    }

    pub(super) fn step(&mut self) {
        self.now += POLL_INTERVAL;
        let now = self.now;
        // A question and its reply may both arrive within one step.
        while let Some(first) = self.flying.iter().position(|(at, _)| *at <= now) {
            let (at, message) = self.flying.swap_remove(first);
            match message {
                Message::Question { from, to, query } => {
                    let Some(bytes) = self.reply(from, to, &query) else {
                        continue;
                    };
                    let at = at + self.latency();
                    let number = query.poll;
                    self.flying.push((
                        at,
                        Message::Reply {
                            to: from,
                            number,
                            bytes,
                        },
                    ));
                }
                Message::Reply { to, number, bytes } => {
                    let actions = self.nodes[to].gadget.heard(number, bytes.as_deref(), now);
                    self.act(to, actions);
                }
            }
        }
        for i in 0..self.nodes.len() {
            let actions = self.nodes[i].gadget.tick(now);
            self.act(i, actions);
        }
    }

    fn latency(&mut self) -> Duration {
        Duration::from_millis(self.rng.gen_range(1..30))
    }

    /// What the asked node sends; none for silence, a failure for a refusal.
    fn reply(&mut self, from: usize, to: usize, query: &Query) -> Option<Option<Vec<u8>>> {
        let asker = self.nodes[from].peer;
        let now = self.now;
        match self.nodes[to].manner {
            Manner::Silent => None,
            Manner::Honest => Some(self.chits(to, asker, query).map(|chits| chits.encode())),
            Manner::Babbler => Some(Some(vec![7; 100])),
            Manner::Forger => Some(self.chits(to, asker, query).map(|mut chits| {
                chits.signature = pair(99).sign(b"anything");
                chits.encode()
            })),
            Manner::Relay(victim) => {
                let relay = self.nodes[to].peer;
                Some(self.chits(victim, relay, query).map(|chits| chits.encode()))
            }
            Manner::Partisan(block) => {
                let answer = self.nodes[to].gadget.answer(asker, query, now)?;
                let answer = crate::message::Answer {
                    preferred: block,
                    preferred_at_height: block,
                    ..answer
                };
                Some(Some(self.sign(to, asker, answer).encode()))
            }
        }
    }

    fn chits(&mut self, node: usize, asker: PeerId, query: &Query) -> Option<Chits> {
        let now = self.now;
        let answer = self.nodes[node].gadget.answer(asker, query, now)?;
        Some(self.sign(node, asker, answer))
    }

    fn sign(&self, node: usize, asker: PeerId, answer: crate::message::Answer) -> Chits {
        let pair = &self.nodes[node].pair;
        Chits {
            answer,
            authority: pair.public(),
            signature: pair.sign(&payload(&GENESIS, &asker, &answer)),
        }
    }

    fn act(&mut self, node: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Ask(peer, query) => {
                    self.nodes[node].asked += 1;
                    let to = self
                        .nodes
                        .iter()
                        .position(|node| node.peer == peer)
                        .unwrap();
                    let at = self.now + self.latency();
                    let is_cut = self.cuts.contains(&(node.min(to), node.max(to)));
                    let message = if is_cut {
                        Message::Reply {
                            to: node,
                            number: query.poll,
                            bytes: None,
                        }
                    } else {
                        Message::Question {
                            from: node,
                            to,
                            query,
                        }
                    };
                    self.flying.push((at, message));
                }
                Action::Blame(peer, fault) => self.nodes[node].blamed.push((peer, fault)),
                Action::Accepted { hash, number } => {
                    self.nodes[node].accepted.push((number, hash));
                }
                Action::PollEnded { .. } => {}
                Action::Overruled { .. } => self.nodes[node].overruled += 1,
            }
        }
    }
}
