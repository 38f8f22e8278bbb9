use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{Multiaddr, PeerId};
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use crate::{
    Blob, Failures, FetchError, Inner, SourceError, StoreError, blocking, cost,
    limits::{BUSY_WAIT, MAX_BUSY, MAX_CONTACT, MAX_SOURCES, PARALLEL_SOURCES, PIPELINE},
    node::Command,
    split,
    store::{Opened, Partial},
    wire::{Request, Response},
};

/// First chunk and number of chunks.
type Span = (u32, u32);

/// Fetches what the store lacks of the blob.
pub(crate) async fn fetch(
    node: &Inner,
    blob: Blob,
    from: &[String],
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Vec<u8>, FetchError> {
    blob.check()?;
    // A second time only if the disk lost what was verified before.
    for _ in 0..2 {
        let store = Arc::clone(&node.store);
        let partial = match blocking(move || store.begin(&blob)).await? {
            Opened::Whole(bytes) => {
                progress(blob.len, blob.len);
                return Ok(bytes);
            }
            Opened::Partial(partial) => Arc::new(partial),
        };
        Fetch::new(node, Arc::clone(&partial), from)
            .run(progress)
            .await?;
        if let Some(bytes) = blocking(move || partial.finish()).await? {
            return Ok(bytes);
        }
    }
    Err(FetchError::Damaged(blob))
}

/// One who may have the blob.
struct Source {
    /// How the error names it.
    name: String,
    addresses: Vec<Multiaddr>,
    in_flight: usize,
    /// Times in a row it was to be asked again later.
    busy: u32,
}

/// What became of a request.
enum Outcome {
    /// The chunks are verified and written.
    Kept,
    /// The peer may be asked again later: it is busy, or the connection ended, as idle ones do.
    Later(SourceError),
    /// The peer is of no use.
    Useless(SourceError),
    /// The disk fails.
    Disk(StoreError),
    /// The node has ended.
    Stopped,
}

/// Who else may have the blob, from the Kademlia table.
enum Lookup {
    NotYet,
    Running(mpsc::Receiver<PeerId>),
    Over,
}

struct Fetch<'a> {
    node: &'a Inner,
    partial: Arc<Partial>,
    /// What nobody was asked for yet, or nobody served.
    wanted: VecDeque<Span>,
    /// Whom to ask next.
    candidates: VecDeque<(PeerId, Source)>,
    sources: HashMap<PeerId, Source>,
    seen: HashSet<PeerId>,
    failures: Failures,
    answers: FuturesUnordered<BoxFuture<'a, (PeerId, Span, Outcome)>>,
    lookup: Lookup,
}

impl<'a> Fetch<'a> {
    fn new(node: &'a Inner, partial: Arc<Partial>, from: &[String]) -> Self {
        let mut fetch = Self {
            node,
            wanted: partial.missing().into(),
            partial,
            candidates: VecDeque::new(),
            sources: HashMap::new(),
            seen: HashSet::new(),
            failures: Failures::default(),
            answers: FuturesUnordered::new(),
            lookup: Lookup::NotYet,
        };
        for contact in from {
            fetch.add_contact(contact);
        }
        fetch
    }

    fn add_contact(&mut self, contact: &str) {
        let name: String = contact.chars().take(MAX_CONTACT).collect();
        let address = (contact.len() <= MAX_CONTACT)
            .then(|| contact.parse().ok())
            .flatten();
        match address.and_then(split) {
            Some((peer, _)) if peer == self.node.peer => {
                self.failures.0.push((name, SourceError::Own));
            }
            Some((peer, address)) => self.add(peer, name, vec![address]),
            None => self.failures.0.push((name, SourceError::Contact)),
        }
    }

    fn add(&mut self, peer: PeerId, name: String, addresses: Vec<Multiaddr>) {
        if self.seen.len() < MAX_SOURCES && self.seen.insert(peer) {
            let source = Source {
                name,
                addresses,
                in_flight: 0,
                busy: 0,
            };
            self.candidates.push_back((peer, source));
        }
    }

    /// Asks until nothing is missing or nobody is left.
    async fn run(mut self, progress: &mut (dyn FnMut(u64, u64) + Send)) -> Result<(), FetchError> {
        let blob = *self.partial.blob();
        let mut verified = self.partial.verified();
        progress(verified, blob.len);
        loop {
            self.ask();
            if self.answers.is_empty() {
                if self.wanted.is_empty() {
                    return Ok(());
                }
                match self.lookup {
                    Lookup::NotYet => {
                        self.look_up(blob).await;
                        continue;
                    }
                    Lookup::Running(_) => {}
                    Lookup::Over => return Err(FetchError::Exhausted(blob, self.failures)),
                }
            }
            tokio::select! {
                Some((peer, span, outcome)) = self.answers.next() => {
                    if self.on_outcome(peer, span, outcome)? {
                        verified += blob.bytes(span.0, span.1).map_or(0, |range| range.end - range.start);
                        progress(verified, blob.len);
                    }
                }
                found = next(&mut self.lookup) => match found {
                    Some(peer) => self.add(peer, peer.to_string(), Vec::new()),
                    None => self.lookup = Lookup::Over,
                },
            }
        }
    }

    async fn look_up(&mut self, blob: Blob) {
        let (found, lookup) = mpsc::channel(MAX_SOURCES);
        let root = blob.root;
        let command = Command::FindProviders { root, found };
        // If the node has ended, the channel is closed and the lookup over.
        let _ = self.node.commands.send(command).await;
        self.lookup = Lookup::Running(lookup);
    }

    /// Fills the sources and their pipelines.
    fn ask(&mut self) {
        while self.sources.len() < PARALLEL_SOURCES
            && let Some((peer, source)) = self.candidates.pop_front()
        {
            self.sources.insert(peer, source);
        }
        loop {
            // The idlest first, so that many share the work of a small blob.
            let idlest = self
                .sources
                .iter_mut()
                .filter(|(_, source)| source.in_flight < PIPELINE && source.busy == 0)
                .min_by_key(|(_, source)| source.in_flight);
            let Some((&peer, source)) = idlest else {
                return;
            };
            let Some(span) = self.wanted.pop_front() else {
                return;
            };
            source.in_flight += 1;
            let addresses = source.addresses.clone();
            self.send(peer, addresses, span, Duration::ZERO);
        }
    }

    fn send(&self, peer: PeerId, addresses: Vec<Multiaddr>, span: Span, delay: Duration) {
        let (node, partial) = (self.node, Arc::clone(&self.partial));
        self.answers.push(Box::pin(async move {
            time::sleep(delay).await;
            (
                peer,
                span,
                exchange(node, peer, addresses, partial, span).await,
            )
        }));
    }

    /// Draws the consequences; whether the chunks are there.
    fn on_outcome(
        &mut self,
        peer: PeerId,
        span: Span,
        outcome: Outcome,
    ) -> Result<bool, FetchError> {
        let source = self.sources.get_mut(&peer);
        match (outcome, source) {
            (Outcome::Disk(error), _) => return Err(error.into()),
            (Outcome::Stopped, _) => return Err(FetchError::Stopped),
            (Outcome::Kept, source) => {
                if let Some(source) = source {
                    source.in_flight -= 1;
                    source.busy = 0;
                }
                return Ok(true);
            }
            (Outcome::Later(_), Some(source)) if source.busy < MAX_BUSY => {
                let delay = BUSY_WAIT * (1 << source.busy);
                source.busy += 1;
                let addresses = source.addresses.clone();
                self.send(peer, addresses, span, delay);
            }
            (Outcome::Later(why) | Outcome::Useless(why), _) => self.leave(peer, span, why),
        }
        Ok(false)
    }

    /// Gives the range to others, and asks the peer for nothing more.
    fn leave(&mut self, peer: PeerId, span: Span, why: SourceError) {
        self.wanted.push_front(span);
        if let Some(source) = self.sources.remove(&peer) {
            tracing::debug!(%peer, %why, "source left");
            self.failures.0.push((source.name, why));
        }
    }
}

/// The next provider; never any as long as nobody looks for them.
async fn next(lookup: &mut Lookup) -> Option<PeerId> {
    match lookup {
        Lookup::Running(found) => found.recv().await,
        Lookup::NotYet | Lookup::Over => std::future::pending().await,
    }
}

/// Asks one peer for one range and keeps what it proves.
async fn exchange(
    node: &Inner,
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    partial: Arc<Partial>,
    span: Span,
) -> Outcome {
    let request = Request {
        blob: *partial.blob(),
        first: span.0,
        count: span.1,
    };
    // No response is larger than what the limiter lets pass at once.
    let _ = node.download.until_n_ready(cost(request.payload())).await;
    let (answer, answered) = oneshot::channel();
    let command = Command::Ask {
        peer,
        addresses,
        request,
        answer,
    };
    if node.commands.send(command).await.is_err() {
        return Outcome::Stopped;
    }
    // The node times requests; this covers connecting too.
    let answer = match time::timeout(2 * node.timeout, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => return Outcome::Stopped,
        Err(_) => Err(SourceError::Silent),
    };
    match answer {
        Ok(Response::Chunks { proof, data }) => {
            match blocking(move || partial.keep(span, &proof, &data)).await {
                Ok(true) => Outcome::Kept,
                Ok(false) => Outcome::Useless(SourceError::BadChunk),
                Err(error) => Outcome::Disk(error),
            }
        }
        Ok(Response::Missing) => Outcome::Useless(SourceError::Missing),
        Ok(Response::Busy) => Outcome::Later(SourceError::Busy),
        Err(why @ SourceError::Closed) => Outcome::Later(why),
        Err(why) => Outcome::Useless(why),
    }
}
