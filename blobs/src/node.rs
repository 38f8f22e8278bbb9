use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use governor::DefaultDirectRateLimiter;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    connection_limits::{self, ConnectionLimits},
    identify,
    identity::Keypair,
    kad::{
        self, GetProvidersOk, QueryId, QueryResult, RecordKey,
        store::{MemoryStore, MemoryStoreConfig},
    },
    multiaddr::Protocol,
    noise,
    request_response::{
        self, InboundRequestId, OutboundRequestId, ProtocolSupport, ResponseChannel,
    },
    swarm::{
        ConnectionId, NetworkBehaviour, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
    tcp, yamux,
};
use quern_work::Hash;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time,
};

use crate::{
    Config, SourceError, StartError, cost,
    foreign::Foreign,
    key, limiter,
    limits::{
        MAX_CONNECTIONS_PER_PEER, MAX_FOREIGN_RECORDS, MAX_OUTGOING, MAX_REQUESTS,
        MAX_REQUESTS_PER_PEER, MAX_STREAMS, PROVIDER_INTERVAL, PROVIDER_TTL,
    },
    origins::Origins,
    split,
    store::Store,
    wire::{Codec, PROTOCOL, Request, Response},
};

const KADEMLIA: StreamProtocol = StreamProtocol::new("/quern/kad/1");

/// How long listening addresses are gathered after the first one.
const LISTEN_PAUSE: Duration = Duration::from_millis(100);

/// Addresses that one peer may name for itself.
const MAX_ADDRESSES: usize = 8;

/// How a request ended.
pub(crate) type Answer = Result<Response, SourceError>;

/// What the handles ask of the node's task.
pub(crate) enum Command {
    /// Ask a peer, whom these addresses may help to reach.
    Ask {
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        request: Request,
        answer: oneshot::Sender<Answer>,
    },
    /// Name whoever has the blob, until the channel closes.
    FindProviders {
        root: Hash,
        found: mpsc::Sender<PeerId>,
    },
    /// Tell others that this node has the blob.
    Provide(Hash),
    /// Tell them no longer.
    Withdraw(Hash),
    /// End.
    Shutdown,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    origins: Origins,
    exchange: request_response::Behaviour<Codec>,
    kademlia: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}

/// Requests that wait for a connection, and the attempt whose failure is theirs.
struct Dial {
    attempt: ConnectionId,
    waiting: Vec<(Request, oneshot::Sender<Answer>)>,
}

/// An answer on its way out of the store.
struct Served {
    request: InboundRequestId,
    channel: ResponseChannel<Response>,
    response: Response,
}

/// The task that owns the connections.
pub(crate) struct Node {
    swarm: Swarm<Behaviour>,
    store: Arc<Store>,
    upload: Arc<DefaultDirectRateLimiter>,
    /// How long an answer may wait for the upload rate.
    patience: Duration,
    dials: HashMap<PeerId, Dial>,
    asked: HashMap<OutboundRequestId, oneshot::Sender<Answer>>,
    lookups: HashMap<QueryId, mpsc::Sender<PeerId>>,
    /// Requests whose answer has not left yet.
    serving: HashMap<InboundRequestId, PeerId>,
    answers: JoinSet<Served>,
    foreign: Foreign,
    /// Whether what was pinned before the start has been announced to a table that others are in.
    announced: bool,
}

impl Node {
    /// The node, listening, with its peer id and its full address.
    pub(crate) async fn start(
        config: &Config,
        store: Arc<Store>,
    ) -> Result<(Self, PeerId, Multiaddr), StartError> {
        let key = key::key(&config.data_dir.join("key"))?;
        let mut swarm = swarm(key, config)?;
        let peer = *swarm.local_peer_id();
        for address in &config.bootstrap {
            let (peer, address) =
                split(address.clone()).ok_or_else(|| StartError::Bootstrap(address.clone()))?;
            swarm
                .behaviour_mut()
                .kademlia
                .add_address(&peer, address.clone());
            // A node that is not up yet is found again by the table's own refreshing.
            let _ = swarm.dial(DialOpts::peer_id(peer).addresses(vec![address]).build());
        }
        let mut own = listen(&mut swarm, &config.listen).await?;
        if let Some(external) = &config.external {
            own = vec![external.clone()];
        }
        // Nobody tells a node on the loopback interface how it is reached: what it listens on is what it names.
        for address in &own {
            swarm.add_external_address(address.clone());
        }
        let mut address = own.swap_remove(0);
        if !matches!(address.iter().last(), Some(Protocol::P2p(_))) {
            address.push(Protocol::P2p(peer));
        }
        let mut node = Self {
            swarm,
            upload: Arc::new(limiter(config.upload)),
            patience: config.timeout / 2,
            dials: HashMap::new(),
            asked: HashMap::new(),
            lookups: HashMap::new(),
            serving: HashMap::new(),
            answers: JoinSet::new(),
            foreign: Foreign::default(),
            announced: false,
            store,
        };
        node.provide_pinned();
        tracing::info!(%address, "blob node started");
        Ok((node, peer, address))
    }

    /// Runs until it is told to end or nobody is left who could.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.obey(command),
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                Some(served) = self.answers.join_next() => if let Ok(served) = served {
                    self.send(served);
                },
            }
        }
        // The store is let go before the handles hear of the end.
        self.answers.shutdown().await;
        drop(self);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Ask {
                peer,
                addresses,
                request,
                answer,
            } => self.ask(peer, addresses, request, answer),
            Command::FindProviders { root, found } => {
                let kademlia = &mut self.swarm.behaviour_mut().kademlia;
                let query = kademlia.get_providers(RecordKey::new(&root));
                self.lookups.insert(query, found);
            }
            Command::Provide(root) => self.provide(&root),
            Command::Withdraw(root) => {
                let kademlia = &mut self.swarm.behaviour_mut().kademlia;
                kademlia.stop_providing(&RecordKey::new(&root));
            }
            // The loop ends before.
            Command::Shutdown => {}
        }
    }

    fn provide_pinned(&mut self) {
        for blob in self.store.pinned() {
            self.provide(&blob.root);
        }
    }

    fn provide(&mut self, root: &Hash) {
        let kademlia = &mut self.swarm.behaviour_mut().kademlia;
        if let Err(error) = kademlia.start_providing(RecordKey::new(root)) {
            tracing::warn!(root = hex::encode(root), %error, "blob not announced");
        }
    }

    fn ask(
        &mut self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        request: Request,
        answer: oneshot::Sender<Answer>,
    ) {
        if self.swarm.is_connected(&peer) {
            return self.request(&peer, request, answer);
        }
        if !self.dials.contains_key(&peer) && !self.dial(peer, addresses) {
            let _ = answer.send(Err(SourceError::Unreachable));
            return;
        }
        if let Some(dial) = self.dials.get_mut(&peer) {
            dial.waiting.push((request, answer));
        }
    }

    /// Begins to connect; whether there is any way to.
    fn dial(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> bool {
        let options = DialOpts::peer_id(peer)
            .addresses(addresses)
            .extend_addresses_through_behaviour()
            .condition(PeerCondition::Disconnected)
            .build();
        let attempt = options.connection_id();
        let begun = self.swarm.dial(options).is_ok();
        if begun {
            let waiting = Vec::new();
            self.dials.insert(peer, Dial { attempt, waiting });
        }
        begun
    }

    fn request(&mut self, peer: &PeerId, request: Request, answer: oneshot::Sender<Answer>) {
        let exchange = &mut self.swarm.behaviour_mut().exchange;
        self.asked
            .insert(exchange.send_request(peer, request), answer);
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                let dial = self.dials.remove(&peer_id);
                for (request, answer) in dial.into_iter().flat_map(|dial| dial.waiting) {
                    self.request(&peer_id, request, answer);
                }
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id: Some(peer),
                error,
            } => {
                tracing::debug!(%peer, %error, "no connection");
                if self.dials.get(&peer).map(|dial| dial.attempt) == Some(connection_id) {
                    let dial = self.dials.remove(&peer);
                    for (_, answer) in dial.into_iter().flat_map(|dial| dial.waiting) {
                        let _ = answer.send(Err(SourceError::Unreachable));
                    }
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Exchange(event)) => self.on_exchange(event),
            SwarmEvent::Behaviour(BehaviourEvent::Kademlia(event)) => self.on_kademlia(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) if info.protocols.contains(&KADEMLIA) => {
                let kademlia = &mut self.swarm.behaviour_mut().kademlia;
                for address in info.listen_addrs.into_iter().take(MAX_ADDRESSES) {
                    kademlia.add_address(&peer_id, address);
                }
            }
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
                        request_id,
                        request,
                        channel,
                    },
            } => self.serve(peer, request_id, request, channel),
            Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => {
                if let Some(answer) = self.asked.remove(&request_id) {
                    let _ = answer.send(Ok(response));
                }
            }
            Event::OutboundFailure {
                request_id, error, ..
            } => {
                if let Some(answer) = self.asked.remove(&request_id) {
                    let _ = answer.send(Err(error.into()));
                }
            }
            Event::InboundFailure { request_id, .. } | Event::ResponseSent { request_id, .. } => {
                self.serving.remove(&request_id);
            }
        }
    }

    /// Begins an answer, or says "busy" beyond the limits.
    fn serve(
        &mut self,
        peer: PeerId,
        id: InboundRequestId,
        request: Request,
        channel: ResponseChannel<Response>,
    ) {
        let of_peer = self.serving.values().filter(|&&other| other == peer);
        if self.serving.len() >= MAX_REQUESTS || of_peer.count() >= MAX_REQUESTS_PER_PEER {
            let exchange = &mut self.swarm.behaviour_mut().exchange;
            let _ = exchange.send_response(channel, Response::Busy);
            return;
        }
        self.serving.insert(id, peer);
        let (store, upload) = (Arc::clone(&self.store), Arc::clone(&self.upload));
        let patience = self.patience;
        self.answers.spawn(async move {
            Served {
                request: id,
                channel,
                response: answer(store, &upload, patience, request).await,
            }
        });
    }

    fn send(&mut self, served: Served) {
        let exchange = &mut self.swarm.behaviour_mut().exchange;
        if exchange
            .send_response(served.channel, served.response)
            .is_err()
        {
            self.serving.remove(&served.request);
        }
    }

    fn on_kademlia(&mut self, event: kad::Event) {
        match event {
            kad::Event::OutboundQueryProgressed {
                id,
                result: QueryResult::GetProviders(result),
                step,
                ..
            } => {
                if let Ok(GetProvidersOk::FoundProviders { providers, .. }) = result {
                    self.on_providers(id, providers);
                }
                if step.last {
                    self.lookups.remove(&id);
                }
            }
            kad::Event::OutboundQueryProgressed {
                result: QueryResult::Bootstrap(Ok(bootstrap)),
                ..
            } if bootstrap.num_remaining == 0 && !self.announced => {
                self.announced = true;
                self.provide_pinned();
            }
            kad::Event::InboundRequest {
                request:
                    kad::InboundRequest::AddProvider {
                        record: Some(record),
                    },
            } => {
                let store = self.swarm.behaviour_mut().kademlia.store_mut();
                self.foreign.accept(store, record, Instant::now());
            }
            _ => {}
        }
    }

    /// Passes providers on. Their addresses are known as long as the lookup lasts, so they are dialled now.
    fn on_providers(&mut self, id: QueryId, providers: HashSet<PeerId>) {
        let own = *self.swarm.local_peer_id();
        for provider in providers.into_iter().filter(|&provider| provider != own) {
            let Some(found) = self.lookups.get(&id) else {
                return;
            };
            match found.try_send(provider) {
                Ok(()) => {
                    if !self.dials.contains_key(&provider) && !self.swarm.is_connected(&provider) {
                        self.dial(provider, Vec::new());
                    }
                }
                // The fetch has enough, or has ended.
                Err(_) => {
                    self.lookups.remove(&id);
                    let kademlia = &mut self.swarm.behaviour_mut().kademlia;
                    if let Some(mut query) = kademlia.query_mut(&id) {
                        query.finish();
                    }
                }
            }
        }
    }
}

/// Looks whether the blob is here, waits for the upload rate, then reads the chunks: who asks for what is not here
/// takes nothing of the rate.
async fn answer(
    store: Arc<Store>,
    upload: &DefaultDirectRateLimiter,
    patience: Duration,
    request: Request,
) -> Response {
    let asked = Arc::clone(&store);
    if !crate::blocking(move || asked.offers(&request.blob)).await {
        return Response::Missing;
    }
    let turn = upload.until_n_ready(cost(request.payload()));
    if !matches!(time::timeout(patience, turn).await, Ok(Ok(()))) {
        return Response::Busy;
    }
    match crate::blocking(move || store.serve(&request)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(%error, "blob not served");
            Response::Missing
        }
    }
}

fn swarm(key: Keypair, config: &Config) -> Result<Swarm<Behaviour>, StartError> {
    fn transport(error: impl ToString) -> StartError {
        StartError::Transport(error.to_string())
    }
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(
            tcp::Config::default().nodelay(true),
            noise::Config::new,
            yamux::Config::default,
        )
        .map_err(transport)?
        .with_dns()
        .map_err(transport)?
        .with_behaviour(|key| behaviour(key, config))
        .map_err(transport)?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

fn behaviour(key: &Keypair, config: &Config) -> Behaviour {
    let peer = key.public().to_peer_id();
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(config.max_incoming))
        .with_max_established_incoming(Some(config.max_incoming))
        .with_max_pending_outgoing(Some(MAX_OUTGOING))
        .with_max_established_outgoing(Some(MAX_OUTGOING))
        .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER));
    let exchange = request_response::Config::default()
        .with_request_timeout(config.timeout)
        .with_max_concurrent_streams(MAX_STREAMS);
    let records = MemoryStoreConfig {
        max_records: 0,
        max_value_bytes: 0,
        // Others' records are bounded where they come in; own ones always have room.
        max_provided_keys: 2 * MAX_FOREIGN_RECORDS,
        ..MemoryStoreConfig::default()
    };
    let mut table = kad::Config::new(KADEMLIA);
    table
        .set_query_timeout(config.timeout)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_publication_interval(None)
        .set_replication_interval(None)
        .set_provider_record_ttl(Some(PROVIDER_TTL))
        .set_provider_publication_interval(Some(PROVIDER_INTERVAL));
    let mut kademlia =
        kad::Behaviour::with_config(peer, MemoryStore::with_config(peer, records), table);
    kademlia.set_mode(Some(kad::Mode::Server));
    Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        origins: Origins::new(config.max_of_one_origin()),
        exchange: request_response::Behaviour::new([(PROTOCOL, ProtocolSupport::Full)], exchange),
        kademlia,
        identify: identify::Behaviour::new(identify::Config::new(
            PROTOCOL.to_string(),
            key.public(),
        )),
    }
}

/// Listens, and returns the addresses that this gives, the one to name to others first.
async fn listen(
    swarm: &mut Swarm<Behaviour>,
    address: &Multiaddr,
) -> Result<Vec<Multiaddr>, StartError> {
    let failed = |why: String| StartError::Listen(address.clone(), why);
    swarm
        .listen_on(address.clone())
        .map_err(|error| failed(error.to_string()))?;
    let mut own = Vec::new();
    loop {
        let event = if own.is_empty() {
            swarm.select_next_some().await
        } else {
            match time::timeout(LISTEN_PAUSE, swarm.select_next_some()).await {
                Ok(event) => event,
                Err(_) => break,
            }
        };
        match event {
            SwarmEvent::NewListenAddr { address, .. } => own.push(address),
            SwarmEvent::ListenerClosed {
                reason: Err(error), ..
            }
            | SwarmEvent::ListenerError { error, .. } => return Err(failed(error.to_string())),
            _ => {}
        }
    }
    own.sort_by_key(|address| match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    });
    Ok(own)
}
