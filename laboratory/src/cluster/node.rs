use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    request_response::{self, OutboundRequestId},
    swarm::{SwarmEvent, dial_opts::DialOpts},
};
use quern_snow::{Block, Chain, Core, Decided, Engine, Id, Sampler, Stats, Vote};
use rand::{SeedableRng, rngs::OsRng};
use rand_chacha::ChaCha12Rng;
use serde::Serialize;
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use super::{
    Error, Member, NodeConfig,
    bodies::Bodies,
    metrics::Metrics,
    network::{Behaviour, BehaviourEvent},
    wire::{MAX_PAYLOAD, Request, Response},
};

/// Between two attempts to reach members that are away.
const REDIAL: Duration = Duration::from_secs(1);

/// How a node stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Whether enough stake is connected for a poll to succeed.
    pub healthy: bool,
    /// Its peer id.
    pub peer: String,
    /// Members connected, itself among them.
    pub connected: usize,
    /// All members.
    pub members: usize,
    /// The last accepted block.
    pub accepted: String,
    /// Its height.
    pub height: u64,
    /// The preferred block.
    pub preferred: String,
    /// Blocks that are not decided yet.
    pub processing: u64,
    /// Votes counted.
    pub votes: u64,
    /// Polls ended.
    pub polls: u64,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Not decided yet.
    Processing,
    /// Accepted.
    Accepted,
    /// Rejected.
    Rejected,
    /// Never heard of, or forgotten.
    Unknown,
}

/// What a node decided, for whoever listens.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) voter: u32,
    pub(crate) at: Instant,
    pub(crate) accepted: Vec<Id>,
    pub(crate) rejected: usize,
}

/// What handles and HTTP ask of the node's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Learn where a member is.
    Meet(PeerId, Multiaddr),
    /// Make a block and hand it to all members.
    Submit {
        payload: Vec<u8>,
        /// The preferred block if none.
        parent: Option<Id>,
        reply: oneshot::Sender<Result<Id, Error>>,
    },
    Look {
        id: Id,
        reply: oneshot::Sender<Fate>,
    },
    Status(oneshot::Sender<Status>),
    Stop,
}

/// A request that is out.
enum Asked {
    Query { poll: u64, voter: u32 },
    Fetch(Id),
    Put,
}

/// The task that owns connections and engine.
pub(crate) struct Node {
    swarm: Swarm<Behaviour>,
    engine: Engine<Chain>,
    rng: ChaCha12Rng,
    started: Instant,
    own: u32,
    members: Vec<Member>,
    voters: HashMap<PeerId, u32>,
    connected: HashSet<u32>,
    /// Last accepted block of every member, as far as it has told.
    lasts: Vec<Option<Id>>,
    asked: HashMap<OutboundRequestId, Asked>,
    /// Open polls, the oldest first.
    opened: VecDeque<(u64, Instant)>,
    bodies: Bodies,
    /// Blocks whose parents are on their way, by parent.
    waiting: HashMap<Id, Vec<Id>>,
    fetching: HashSet<Id>,
    /// Blocks that a member did not give in time, and the member.
    lost: Vec<(Id, u32)>,
    added: HashMap<Id, Instant>,
    pub(crate) metrics: Metrics,
    seen: Stats,
    pub(crate) decisions: Option<mpsc::UnboundedSender<Decision>>,
    #[cfg(feature = "zeromq")]
    pub(crate) bridge: Option<super::bridge::Bridge>,
}

impl Node {
    pub(crate) fn new(
        config: &NodeConfig,
        own: u32,
        mut swarm: Swarm<Behaviour>,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let stakes: Vec<u64> = config.members.iter().map(|member| member.stake).collect();
        let chain = Chain::new(config.parameters, config.genesis, 0)?;
        let engine = Engine::new(chain, Sampler::new(&stakes)?)?;
        let voters = config.members.iter().zip(0..);
        let voters: HashMap<_, _> = voters.map(|(member, voter)| (member.peer, voter)).collect();
        for member in &config.members {
            if let Some(address) = &member.address {
                swarm.add_peer_address(member.peer, address.clone());
            }
        }
        let rng = ChaCha12Rng::from_rng(OsRng);
        Ok(Self {
            swarm,
            engine,
            rng: rng.map_err(|error| Error::Transport(error.to_string()))?,
            started: Instant::now(),
            own,
            lasts: vec![None; config.members.len()],
            members: config.members.clone(),
            voters,
            connected: HashSet::from([own]),
            asked: HashMap::new(),
            opened: VecDeque::new(),
            // Undecided blocks, as many decided ones, and as many that wait.
            bodies: Bodies::new(4 * config.parameters.max_outstanding_items as usize),
            waiting: HashMap::new(),
            fetching: HashSet::new(),
            lost: Vec::new(),
            added: HashMap::new(),
            metrics,
            seen: Stats::default(),
            decisions: None,
            #[cfg(feature = "zeromq")]
            bridge: None,
        })
    }

    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut redial = time::interval(REDIAL);
        let mut first = true;
        loop {
            let eager = self.eager();
            tokio::select! {
                command = commands.recv() => match command {
                    None | Some(Command::Stop) => break,
                    Some(command) => self.obey(command),
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                _ = redial.tick() => {
                    self.redial(std::mem::take(&mut first));
                    self.fetch_lost();
                }
                _ = tokio::task::yield_now(), if eager => {}
            }
            self.drive();
            self.measure();
        }
    }

    /// Whether polls can reach enough stake.
    fn healthy(&self) -> bool {
        let stake = |voter: &u32| self.members[*voter as usize].stake;
        // The sampler was made of all stakes, so their sum fits.
        let reached = self.connected.iter().map(stake).sum();
        let total = self.members.iter().map(|member| member.stake).sum();
        self.engine.core().parameters().suffices(reached, total)
    }

    /// There is something to ask, and nobody's answer is awaited.
    fn eager(&self) -> bool {
        self.opened.is_empty() && self.engine.core().processing() > 0 && self.healthy()
    }

    /// Opens polls about the preferred block, as many at a time as the parameters allow.
    fn drive(&mut self) {
        if self.engine.core().processing() == 0 || !self.healthy() {
            return;
        }
        for _ in 0..self.engine.core().parameters().concurrent_polls {
            if !self.open() {
                return;
            }
        }
    }

    fn open(&mut self) -> bool {
        let tip = self.engine.preference();
        let now = self.started.elapsed();
        let Ok(request) = self.engine.poll(&tip, now, &mut self.rng) else {
            return false;
        };
        self.opened.push_back((request.poll, Instant::now()));
        let mut at_once = Vec::new();
        for (voter, _) in request.voters {
            if voter == self.own {
                at_once.push((voter, Some(tip)));
            } else if self.connected.contains(&voter) {
                let poll = request.poll;
                self.send(voter, Request::Query(tip), Asked::Query { poll, voter });
            } else {
                at_once.push((voter, self.lasts[voter as usize]));
            }
        }
        for (voter, choice) in at_once {
            self.vote(request.poll, voter, choice);
        }
        true
    }

    fn send(&mut self, voter: u32, request: Request, asked: Asked) {
        let peer = self.members[voter as usize].peer;
        let exchange = &mut self.swarm.behaviour_mut().exchange;
        self.asked
            .insert(exchange.send_request(&peer, request), asked);
    }

    fn vote(&mut self, poll: u64, voter: u32, choice: Option<Id>) {
        let vote = Vote {
            poll,
            voter,
            choice,
        };
        match self.engine.process_vote(&vote, self.started.elapsed()) {
            Ok(decided) => {
                #[cfg(feature = "zeromq")]
                if let (Some(bridge), Some(choice)) = (&self.bridge, &choice) {
                    bridge.send(Some(voter), choice, quern_snow::VoteKind::Prefer);
                }
                self.on_decided(decided);
            }
            Err(quern_snow::Error::UnknownPoll(_)) => self.metrics.late_vote(),
            Err(error) => tracing::debug!(%error, "vote refused"),
        }
        while let Some((poll, opened)) = self.opened.front()
            && self.engine.missing(*poll).is_err()
        {
            self.metrics.poll_ended(opened.elapsed());
            self.opened.pop_front();
        }
    }

    fn on_decided(&mut self, decided: Decided) {
        if decided.accepted.is_empty() {
            return;
        }
        for id in &decided.accepted {
            tracing::info!(%id, "block accepted");
            if let Some(added) = self.added.remove(id) {
                self.metrics.accepted(added.elapsed());
            }
        }
        for id in &decided.rejected {
            self.added.remove(id);
        }
        #[cfg(feature = "zeromq")]
        if let Some(bridge) = &self.bridge {
            let ends = [
                (&decided.accepted, quern_snow::VoteKind::Accept),
                (&decided.rejected, quern_snow::VoteKind::Reject),
            ];
            for (ids, vote) in ends {
                ids.iter().for_each(|id| bridge.send(None, id, vote));
            }
        }
        // What waits at a height that is decided can stand on nothing any more.
        let (height, bodies) = (self.engine.core().last_height(), &self.bodies);
        self.waiting.retain(|_, blocks| {
            blocks.retain(|id| bodies.get(id).is_some_and(|block| block.height > height));
            !blocks.is_empty()
        });
        if let Some(decisions) = &self.decisions {
            let _ = decisions.send(Decision {
                voter: self.own,
                at: Instant::now(),
                rejected: decided.rejected.len(),
                accepted: decided.accepted,
            });
        }
    }

    /// Adds a block that `from` gave, or asks it for the parent.
    fn take(&mut self, block: Block, from: u32) {
        let mut ready = vec![block];
        while let Some(block) = ready.pop() {
            let id = block.id();
            match self.engine.add(&block) {
                Ok(_) => {
                    self.bodies.insert(id, block);
                    self.added.insert(id, Instant::now());
                    for child in self.waiting.remove(&id).unwrap_or_default() {
                        ready.extend(self.bodies.remove(&child));
                    }
                }
                Err(quern_snow::Error::UnknownParent(parent)) => self.hold(id, parent, block, from),
                Err(error) => tracing::debug!(%error, "block not added"),
            }
        }
    }

    /// Keeps a block until its parent is there.
    fn hold(&mut self, id: Id, parent: Id, block: Block, from: u32) {
        let next = self.engine.core().last_height().saturating_add(1);
        if block.height <= next || self.bodies.get(&id).is_some() {
            return;
        }
        let waiting: usize = self.waiting.values().map(Vec::len).sum();
        if waiting >= self.engine.core().parameters().max_outstanding_items as usize {
            // They can be fetched again; what somebody made up must not stay in their way.
            for id in std::mem::take(&mut self.waiting).into_values().flatten() {
                self.bodies.remove(&id);
            }
        }
        self.bodies.insert(id, block);
        self.waiting.entry(parent).or_default().push(id);
        self.fetch(parent, from);
    }

    /// Asks `voter` for a block, unless it is known or asked for.
    fn fetch(&mut self, id: Id, voter: u32) {
        let core = self.engine.core();
        let room = core.parameters().max_outstanding_items as usize;
        let known = core.is_accepted(&id) || core.is_rejected(&id);
        if known || self.bodies.get(&id).is_some() || self.fetching.len() >= room {
            return;
        }
        if self.fetching.insert(id) {
            self.send(voter, Request::Fetch(id), Asked::Fetch(id));
        }
    }

    /// Asks others for what a member did not give in time.
    fn fetch_lost(&mut self) {
        for (id, silent) in std::mem::take(&mut self.lost) {
            let mut others = self.connected.iter().filter(|voter| **voter != self.own);
            let another = others.clone().find(|voter| **voter != silent);
            if let Some(voter) = another.or_else(|| others.next()).copied() {
                self.fetch(id, voter);
            }
        }
    }

    fn submit(&mut self, payload: Vec<u8>, parent: Option<Id>) -> Result<Id, Error> {
        if payload.len() > MAX_PAYLOAD {
            return Err(Error::Payload(payload.len()));
        }
        let parent = parent.unwrap_or_else(|| self.engine.preference());
        let height = match self.bodies.get(&parent) {
            Some(block) => block.height,
            None => self.engine.core().last_height(),
        };
        let block = Block {
            parent,
            height: height.saturating_add(1),
            payload,
        };
        let id = self.engine.add(&block)?;
        self.added.insert(id, Instant::now());
        for voter in 0..self.members.len() as u32 {
            if voter != self.own && self.connected.contains(&voter) {
                self.send(voter, Request::Put(block.clone()), Asked::Put);
            }
        }
        self.bodies.insert(id, block);
        Ok(id)
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Meet(peer, address) => {
                if let Some(voter) = self.voters.get(&peer) {
                    self.members[*voter as usize].address = Some(address.clone());
                    self.swarm.add_peer_address(peer, address);
                    self.redial(true);
                }
            }
            Command::Submit {
                payload,
                parent,
                reply,
            } => {
                let _ = reply.send(self.submit(payload, parent));
            }
            Command::Look { id, reply } => {
                let core = self.engine.core();
                let _ = reply.send(if core.is_processing(&id) {
                    Fate::Processing
                } else if core.is_accepted(&id) {
                    Fate::Accepted
                } else if core.is_rejected(&id) {
                    Fate::Rejected
                } else {
                    Fate::Unknown
                });
            }
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            // The loop ends before.
            Command::Stop => {}
        }
    }

    fn status(&self) -> Status {
        let (core, stats) = (self.engine.core(), self.engine.stats());
        Status {
            healthy: self.healthy(),
            peer: self.swarm.local_peer_id().to_string(),
            connected: self.connected.len(),
            members: self.members.len(),
            accepted: core.last_accepted().to_string(),
            height: core.last_height(),
            preferred: core.preference().to_string(),
            processing: stats.processing,
            votes: stats.votes,
            polls: stats.polls,
        }
    }

    fn measure(&mut self) {
        let now = self.engine.stats();
        if now != self.seen {
            self.metrics.advance(&self.seen, &now);
            self.seen = now;
        }
        let height = self.engine.core().last_height();
        self.metrics.standing(height, self.connected.len());
    }

    /// Calls members that are away; at `first` only those behind itself in the list, as the others call.
    fn redial(&mut self, first: bool) {
        for (member, voter) in self.members.iter().zip(0..) {
            let calls = voter > self.own || (!first && voter < self.own);
            if calls && member.address.is_some() && !self.connected.contains(&voter) {
                // Refused while an attempt is under way.
                let _ = self.swarm.dial(DialOpts::peer_id(member.peer).build());
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => match self.voters.get(&peer_id) {
                Some(voter) => {
                    self.connected.insert(*voter);
                }
                None => {
                    let _ = self.swarm.disconnect_peer_id(peer_id);
                }
            },
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                if let Some(voter) = self.voters.get(&peer_id) {
                    self.connected.remove(voter);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Exchange(event)) => self.on_exchange(event),
            _ => {}
        }
    }

    fn on_exchange(&mut self, event: request_response::Event<Request, Response>) {
        use request_response::{Event, Message};
        match event {
            Event::Message {
                peer,
                message:
                    Message::Request {
                        request, channel, ..
                    },
            } => {
                // Without an answer the stream is closed.
                let Some(voter) = self.voters.get(&peer).copied() else {
                    return;
                };
                let response = self.answer(request, voter);
                let exchange = &mut self.swarm.behaviour_mut().exchange;
                let _ = exchange.send_response(channel, response);
            }
            Event::Message {
                peer,
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
            } => {
                let voter = self.voters.get(&peer).copied();
                if let (Some(asked), Some(voter)) = (self.asked.remove(&request_id), voter) {
                    self.on_response(asked, response, voter);
                }
            }
            Event::OutboundFailure {
                peer, request_id, ..
            } => match self.asked.remove(&request_id) {
                Some(Asked::Query { poll, voter }) => {
                    self.vote(poll, voter, self.lasts[voter as usize]);
                }
                Some(Asked::Fetch(id)) => {
                    self.fetching.remove(&id);
                    self.lost
                        .extend(self.voters.get(&peer).map(|voter| (id, *voter)));
                }
                Some(Asked::Put) | None => {}
            },
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    fn answer(&mut self, request: Request, voter: u32) -> Response {
        match request {
            Request::Query(id) => {
                self.fetch(id, voter);
                let core = self.engine.core();
                Response::Chits {
                    preferred: core.preference(),
                    accepted: core.last_accepted(),
                    height: core.last_height(),
                }
            }
            Request::Fetch(id) => Response::Block(self.bodies.get(&id).cloned()),
            Request::Put(block) => {
                self.take(block, voter);
                Response::Taken
            }
        }
    }

    fn on_response(&mut self, asked: Asked, response: Response, voter: u32) {
        match (asked, response) {
            (
                Asked::Query { poll, .. },
                Response::Chits {
                    preferred,
                    accepted,
                    height,
                },
            ) => {
                self.lasts[voter as usize] = Some(accepted);
                if height >= self.engine.core().last_height() {
                    self.fetch(preferred, voter);
                }
                self.vote(poll, voter, Some(preferred));
            }
            (Asked::Fetch(id), response) => {
                self.fetching.remove(&id);
                match response {
                    Response::Block(Some(block)) if block.id() == id => self.take(block, voter),
                    _ => tracing::debug!(%id, "block not given"),
                }
            }
            (Asked::Put, _) => {}
            // An answer to something else: it abstains.
            (Asked::Query { poll, .. }, _) => self.vote(poll, voter, None),
        }
    }
}
