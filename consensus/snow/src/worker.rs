//! Carries events to the gadget and its actions out: the only part that knows network, clock and database.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use codec::Encode;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use polkadot_sdk::{
    sc_client_api::{AuxStore, BlockchainEvents},
    sc_consensus_grandpa::SharedAuthoritySet,
    sc_consensus_pow::PowAux,
    sc_keystore::LocalKeystore,
    sc_network::{
        IfDisconnected, ReputationChange,
        request_responses::{IncomingRequest, OutgoingResponse},
        service::traits::NetworkService,
    },
    sc_network_sync::{SyncEvent, SyncEventStream},
    sc_network_types::PeerId,
    sp_api::{ApiError, ApiExt, ProvideRuntimeApi},
    sp_blockchain::HeaderBackend,
    sp_consensus::SyncOracle,
    sp_consensus_grandpa::{AuthorityId, AuthorityPair, KEY_TYPE},
    sp_core::{H256, Pair},
    sp_keystore::Keystore,
    sp_runtime::{
        SaturatedConversion,
        traits::{Block as BlockT, Header, NumberFor},
    },
    substrate_prometheus_endpoint::{PrometheusError, Registry},
};
use quern_api::FinalityApi;
use quern_snow::{Error, Parameters};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Accepted, Electorate, Gadget, LOG_TARGET, Link, Snow, SnowRule,
    gadget::{Action, Config, POLL_INTERVAL},
    message::{Chits, Query, payload},
    metrics::Metrics,
    protocol::Protocol,
};

/// How often sync state and authority set are looked at, beside every finality.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Answers that no honest node gives.
const MISBEHAVIOUR: ReputationChange = ReputationChange::new(-(1 << 16), "snow: bad answer");
/// Questions that are none.
const MALFORMED: ReputationChange = ReputationChange::new(-(1 << 12), "snow: malformed question");

/// What a worker stands on.
pub struct Parts<B: BlockT, C, S> {
    /// The chain.
    pub client: Arc<C>,
    /// GRANDPA's authorities.
    pub authority_set: SharedAuthoritySet<H256, NumberFor<B>>,
    /// GRANDPA's keys; none on a node that only follows.
    pub keystore: Option<Arc<LocalKeystore>>,
    /// Peers to ask.
    pub network: Arc<dyn NetworkService>,
    /// Who is connected, and whether the node is far behind.
    pub sync: Arc<S>,
    /// The receiving end of the protocol.
    pub protocol: Protocol,
}

type Reply = BoxFuture<'static, (u64, Option<Vec<u8>>)>;

/// The task around a gadget. It follows the chain's parameter: while Snow is off it waits, and neither asks nor answers.
pub struct Worker<B: BlockT, C, S> {
    parts: Parts<B, C, S>,
    snow: Snow,
    metrics: Option<Metrics>,
    parameters: Parameters,
    genesis: H256,
    started: Instant,
    connected: BTreeSet<PeerId>,
    replies: FuturesUnordered<Reply>,
    /// The finalised block at which the chain's parameter was read, and the parameter.
    mode: Option<(H256, bool)>,
    /// An authority set that cannot be polled.
    refused: Option<u64>,
    /// What answers were last signed with.
    pair: Option<AuthorityPair>,
}

impl<B, C, S> Worker<B, C, S>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B> + BlockchainEvents<B> + AuxStore + 'static,
    C::Api: FinalityApi<B>,
    S: SyncEventStream + SyncOracle + 'static,
{
    /// A worker with the default parameters of the engine.
    ///
    /// # Errors
    /// The registry has metrics of the same names.
    pub fn new(
        parts: Parts<B, C, S>,
        registry: Option<&Registry>,
    ) -> Result<Self, PrometheusError> {
        let genesis = parts.client.info().genesis_hash;
        Ok(Self {
            parts,
            snow: Snow::default(),
            metrics: registry.map(Metrics::new).transpose()?,
            parameters: Parameters::default(),
            genesis,
            started: Instant::now(),
            connected: BTreeSet::new(),
            replies: FuturesUnordered::new(),
            mode: None,
            refused: None,
            pair: None,
        })
    }

    /// What it shares with the RPC.
    pub fn snow(&self) -> Snow {
        self.snow.clone()
    }

    /// The rule for GRANDPA's voter.
    pub fn rule(&self) -> SnowRule {
        SnowRule::new(self.snow.clone())
    }

    /// Works until the node stops.
    pub async fn run(mut self) {
        let mut imports = self.parts.client.import_notification_stream();
        let mut finality = self.parts.client.finality_notification_stream();
        let mut peers = self.parts.sync.event_stream("snow-peers");
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.follow();
        loop {
            let is_on = self.mode.is_some_and(|(_, is_on)| is_on);
            tokio::select! {
                import = imports.next() => match import {
                    Some(import) if !self.parts.sync.is_major_syncing() => self.feed(import.hash),
                    Some(_) => {}
                    None => return,
                },
                finalised = finality.next() => match finalised {
                    Some(_) => self.follow(),
                    None => return,
                },
                event = peers.next() => match event {
                    Some(event) => self.peer(event),
                    None => return,
                },
                question = self.parts.protocol.inbox.next() => match question {
                    Some(question) => self.answer(question),
                    None => return,
                },
                Some((number, reply)) = self.replies.next(), if !self.replies.is_empty() => {
                    let now = self.now();
                    self.act(|gadget| gadget.heard(number, reply.as_deref(), now));
                },
                _ = polls.tick(), if is_on => {
                    let now = self.now();
                    self.act(|gadget| gadget.tick(now));
                },
                _ = looks.tick() => self.follow(),
            }
            self.measure();
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Follows finality, the chain's parameter and the authority set.
    fn follow(&mut self) {
        let info = self.parts.client.info();
        let finalised = (info.finalized_hash, info.finalized_number.saturated_into());
        let is_on = match self.mode {
            Some((at, is_on)) if at == finalised.0 => is_on,
            last => match self.is_on(finalised.0) {
                Ok(is_on) => is_on,
                Err(error) => {
                    tracing::warn!(target: LOG_TARGET, %error, "the runtime does not tell whether Snow is on");
                    last.is_some_and(|(_, is_on)| is_on)
                }
            },
        };
        let was_on = self.mode.is_some_and(|(_, is_on)| is_on);
        self.mode = Some((finalised.0, is_on));
        if !is_on {
            if was_on {
                tracing::info!(target: LOG_TARGET, number = finalised.1, "Snow is off");
                self.snow.switch(None);
            }
            self.refused = None;
            return;
        }
        let now = self.now();
        self.act(|gadget| gadget.finalised(finalised.0, finalised.1));
        let set_id = self.snow.with(|gadget| gadget.set_id());
        let current = self.parts.authority_set.set_id();
        if set_id != Some(current) && self.refused != Some(current) {
            self.elect(finalised, now);
        }
        let syncing = self.parts.sync.is_major_syncing();
        self.snow.with(|gadget| gadget.set_syncing(syncing));
        if !syncing {
            self.feed(info.best_hash);
        }
    }

    /// Whether the chain has Snow on in the state of this block. A runtime that does not know Snow has it off.
    fn is_on(&self, at: H256) -> Result<bool, ApiError> {
        let api = self.parts.client.runtime_api();
        if api.has_api::<dyn FinalityApi<B>>(at)? {
            api.snow(at)
        } else {
            Ok(false)
        }
    }

    /// Begins with the authority set of now, or goes over to it.
    fn elect(&mut self, finalised: (H256, u64), now: Duration) {
        let electorate = match self.electorate() {
            Ok(electorate) => electorate,
            Err((set_id, error)) => {
                tracing::error!(target: LOG_TARGET, set_id, %error, "this authority set cannot be polled");
                self.refused = Some(set_id);
                self.snow.switch(None);
                return;
            }
        };
        let (set_id, members) = (electorate.set_id(), electorate.len());
        let authority = electorate.own_place().is_some();
        tracing::info!(
            target: LOG_TARGET, set_id, members, authority, number = finalised.1, "Snow votes with this authority set"
        );
        let mut electorate = Some(electorate);
        self.snow.with(|gadget| {
            if let Some(electorate) = electorate.take() {
                gadget.elect(electorate, finalised, now);
            }
        });
        let Some(electorate) = electorate else {
            return;
        };
        let config = Config {
            parameters: self.parameters,
            genesis: self.genesis,
            local: self.parts.network.local_peer_id(),
        };
        match Gadget::new(config, electorate, finalised, rand::random()) {
            Ok(mut gadget) => {
                for peer in &self.connected {
                    gadget.connected(*peer, now);
                }
                self.snow.switch(Some(gadget));
            }
            Err(error) => {
                tracing::error!(target: LOG_TARGET, %error, "Snow cannot start");
                self.refused = Some(set_id);
            }
        }
    }

    /// GRANDPA's authority set, or its number and why it cannot be polled.
    fn electorate(&self) -> Result<Electorate, (u64, Error)> {
        let set = &self.parts.authority_set;
        let (set_id, voters) = loop {
            let set_id = set.set_id();
            let voters = set.current_authorities();
            // Both are of one set unless it changed in between.
            if set.set_id() == set_id {
                break (set_id, voters);
            }
        };
        let members = voters
            .iter()
            .map(|(id, info)| (id.clone(), info.weight().get()));
        Electorate::new(set_id, members, |id| self.has_key(id), &self.parameters)
            .map_err(|error| (set_id, error))
    }

    fn has_key(&self, id: &AuthorityId) -> bool {
        let bytes: &[u8] = id.as_ref();
        let key = [(bytes.to_vec(), KEY_TYPE)];
        let keystore = self.parts.keystore.as_ref();
        keystore.is_some_and(|keystore| keystore.has_keys(&key))
    }

    /// Feeds a block to the gadget, and what of its ancestors the gadget does not know.
    fn feed(&self, tip: H256) {
        self.snow.with(|gadget| {
            let limit = self.parameters.max_outstanding_items as usize;
            let (_, root) = gadget.root();
            let mut links = Vec::new();
            let mut at = tip;
            while !gadget.knows(&at) {
                match self.link(at) {
                    Some(link) if link.number > root => {
                        at = link.parent;
                        links.push(link);
                    }
                    // Beside what is decided, or pruned meanwhile.
                    _ => return,
                }
                if links.len() > limit {
                    // Too far above the root: the lowest of the best chain are decided first.
                    links = self.lowest(root, limit);
                    break;
                }
            }
            for link in links.iter().rev() {
                if let Err(error) = gadget.imported(link) {
                    tracing::debug!(target: LOG_TARGET, %error, "block not taken in");
                    return;
                }
            }
        });
    }

    /// The best chain's blocks above this number, at most `limit` of them, the highest first.
    fn lowest(&self, root: u64, limit: usize) -> Vec<Link> {
        let numbers = (root.saturating_add(1)..).take(limit);
        let hashes = numbers.map_while(|number| {
            let hash = self.parts.client.hash(number.saturated_into());
            hash.ok().flatten()
        });
        let mut links: Vec<Link> = hashes.map_while(|hash| self.link(hash)).collect();
        links.reverse();
        links
    }

    fn link(&self, hash: H256) -> Option<Link> {
        let header = self.parts.client.header(hash).ok().flatten()?;
        let work = PowAux::<u128>::read::<C, B>(&self.parts.client, &hash).ok()?;
        Some(Link {
            hash,
            parent: *header.parent_hash(),
            number: (*header.number()).saturated_into(),
            work: work.total_difficulty,
        })
    }

    fn peer(&mut self, event: SyncEvent) {
        let now = self.now();
        match event {
            SyncEvent::PeerConnected { peer_id, .. } => {
                self.connected.insert(peer_id);
                self.snow.with(|gadget| gadget.connected(peer_id, now));
            }
            SyncEvent::PeerDisconnected(peer) => {
                self.connected.remove(&peer);
                self.snow.with(|gadget| gadget.disconnected(&peer));
            }
        }
    }

    /// Answers a question, or drops it, which refuses it.
    fn answer(&mut self, question: IncomingRequest) {
        let result = match Query::read(&question.payload) {
            Ok(query) => match self.chits(question.peer, &query) {
                Some(chits) => OutgoingResponse {
                    result: Ok(chits.encode()),
                    reputation_changes: Vec::new(),
                    sent_feedback: None,
                },
                None => return,
            },
            Err(_) => OutgoingResponse {
                result: Err(()),
                reputation_changes: vec![MALFORMED],
                sent_feedback: None,
            },
        };
        // The asker may have gone.
        let _ = question.pending_response.send(result);
    }

    fn chits(&mut self, asker: PeerId, query: &Query) -> Option<Chits> {
        let now = self.now();
        let (answer, authority) = self.snow.with(|gadget| {
            let authority = gadget.own_key()?.clone();
            Some((gadget.answer(asker, query, now)?, authority))
        })??;
        let payload = payload(&self.genesis, &asker, &answer);
        let signature = self.pair(&authority)?.sign(&payload);
        Some(Chits {
            answer,
            authority,
            signature,
        })
    }

    /// The pair of a key. The keystore derives it anew, from words, whenever it is asked: much more than an answer may cost.
    fn pair(&mut self, authority: &AuthorityId) -> Option<&AuthorityPair> {
        if self
            .pair
            .as_ref()
            .is_none_or(|pair| pair.public() != *authority)
        {
            let keystore = self.parts.keystore.as_ref()?;
            self.pair = keystore.key_pair::<AuthorityPair>(authority).ok()?;
        }
        self.pair.as_ref()
    }

    /// Lets the gadget take in an event, and does what follows from it.
    fn act(&mut self, event: impl FnOnce(&mut Gadget) -> Vec<Action>) {
        for action in self.snow.with(event).unwrap_or_default() {
            match action {
                Action::Ask(peer, query) => self.ask(peer, query),
                Action::Blame(peer, fault) => {
                    tracing::debug!(target: LOG_TARGET, %peer, %fault, "bad answer");
                    self.parts.network.report_peer(peer, MISBEHAVIOUR);
                }
                Action::Accepted { hash, number } => {
                    tracing::debug!(target: LOG_TARGET, number, ?hash, "accepted");
                    self.snow.tell(Accepted { hash, number });
                }
                Action::PollEnded { took, .. } => {
                    if let Some(metrics) = &self.metrics {
                        metrics.poll_ended(took);
                    }
                }
                Action::Overruled { hash, number } => {
                    tracing::warn!(target: LOG_TARGET, number, ?hash, "GRANDPA finalised another block than Snow accepted");
                }
            }
        }
    }

    fn ask(&self, peer: PeerId, query: Query) {
        let network = self.parts.network.clone();
        let protocol = self.parts.protocol.name.clone();
        self.replies.push(Box::pin(async move {
            let reply = network
                .request(
                    peer,
                    protocol,
                    query.encode(),
                    None,
                    IfDisconnected::ImmediateError,
                )
                .await;
            (query.poll, reply.ok().map(|(bytes, _)| bytes))
        }));
    }

    fn measure(&mut self) {
        if let Some(metrics) = &mut self.metrics {
            metrics.follow(
                self.snow
                    .with(|gadget| (gadget.stats(), gadget.processing())),
            );
        }
    }
}
