//! Content-addressed blobs over libp2p: model states, datasets, traces and models never go on chain, they are fetched
//! by their root and checked chunk by chunk.
//!
//! A [`Blob`] is named by the Merkle root over its chunks and by its shape (length, bytes of a chunk). Leaf i is
//! [`merkle::leaf`](quern_work::merkle::leaf) of i and chunk i, so the root of a dataset's row blocks, of a state's
//! 64 KiB chunks or of a trace's digests *is* the blob's address.
//!
//! In the order in which a fetch uses them:
//!
//! | module | noun |
//! | --- | --- |
//! | `blob` | root and shape, the bounds of shapes |
//! | `store` | one folder per blob: content, verified chunks, leaves; capacity and eviction |
//! | `fetch` | whom to ask for which chunks, and whom to leave |
//! | `wire` | the two messages and their strict codec |
//! | `proof` | that neighbouring chunks belong to a root |
//! | `node` | the libp2p task: connections, Kademlia, answers |
//! | `key` | the node's identity |
//! | `origins` | how many connections one address may have |
//! | `foreign` | which provider records of others are kept |
//! | `limits` | every bound |
//!
//! # Protocol
//! Nodes speak TCP, Noise and Yamux. `/quern/blobs/1` is one request and one response a stream: a root with its shape
//! and a range of chunks; the chunks with one range proof, "missing", or "busy". A response carries at most
//! 1 MiB of chunks. `/quern/kad/1` is Kademlia with provider records only, keyed by the root's 32 bytes; a provider
//! repeats its records every 10 minutes and others drop them after an hour. Values are not stored.
//!
//! A fetch asks the given contacts first, then, when none of them is left, whoever the Kademlia table names. It reads
//! from up to four peers at a time. A chunk is written only after its proof opened to the root; a peer whose answer is
//! wrong, malformed, oversized or late is left for the rest of this fetch and its range goes to another. A busy peer is
//! asked again after 100 ms, 200 ms, …, eight times in a row at most.
//!
//! # Bounds
//! Public ones are in [`limits`]. Lengths are checked before anything is allocated for them; requests per peer and in
//! all, connections of others (in all and per address) and own ones, streams, provider records (in all and per peer),
//! stored bytes and both directions' rates are bounded. What exceeds the upload rate or the number of requests is
//! answered with "busy"; a request for what is not here takes nothing of the rate.
//!
//! # Store
//! `data_dir/blobs/ROOT/` holds `shape`, `data`, `bitmap` (chunks verified so far), and once whole `leaves` instead of
//! the bitmap; `pinned` marks what must not be evicted. A killed process goes on from the bitmap. Reading a blob whole
//! re-checks its root, serving a chunk re-checks its leaf; damage turns the blob back into a partial one with the
//! chunks that still match, and the next fetch repairs it. When the capacity is reached, the least recently used
//! unpinned blobs go.

mod blob;
mod config;
mod error;
mod fetch;
mod foreign;
mod key;
pub mod limits;
mod node;
mod origins;
mod proof;
mod store;
mod wire;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Weak},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use parking_lot::Mutex;
use quern_work::Hash;
use tokio::{sync::mpsc, task};

pub use blob::{Blob, ShapeError};
pub use config::Config;
pub use error::{Failures, FetchError, SourceError, StartError, StoreError};
pub use libp2p;
pub use wire::{PROTOCOL, WireError};

use limits::MAX_RESPONSE;
use node::Command;
use store::Store;

/// A running blob node. Clones are the same node; it ends with the last one or at [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    commands: mpsc::Sender<Command>,
    store: Arc<Store>,
    download: DefaultDirectRateLimiter,
    peer: PeerId,
    address: Multiaddr,
    timeout: Duration,
    /// One fetch of a blob at a time: the next one finds what the first stored.
    fetching: Mutex<HashMap<Hash, Weak<tokio::sync::Mutex<()>>>>,
}

impl Blobs {
    /// Opens the store, listens, and enters the Kademlia table. Within a tokio runtime.
    ///
    /// # Errors
    /// If the folder cannot be used, or the address not be listened on.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let store = {
            let (data_dir, capacity) = (config.data_dir.clone(), config.capacity);
            Arc::new(blocking(move || Store::open(data_dir, capacity)).await?)
        };
        let (node, peer, address) = node::Node::start(&config, Arc::clone(&store)).await?;
        let (commands, receiver) = mpsc::channel(64);
        tokio::spawn(node.run(receiver));
        Ok(Self(Arc::new(Inner {
            commands,
            store,
            download: limiter(config.download),
            peer,
            address,
            timeout: config.timeout,
            fetching: Mutex::default(),
        })))
    }

    /// The node's full address with `/p2p/…`: its contact.
    pub fn address(&self) -> String {
        self.0.address.to_string()
    }

    /// Stores `bytes` in chunks of `chunk` bytes, pins them, and tells the Kademlia table that this node has them.
    ///
    /// # Errors
    /// If the shape is out of bounds, there is no room, or the disk fails.
    pub async fn publish(&self, chunk: u32, bytes: Vec<u8>) -> Result<Blob, StoreError> {
        let store = Arc::clone(&self.0.store);
        let blob = blocking(move || store.publish(chunk, &bytes)).await?;
        self.command(Command::Provide(blob.root)).await;
        Ok(blob)
    }

    /// Takes the pin off and stops announcing the blob; it stays until its room is needed. Whether it was pinned.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn unpin(&self, root: Hash) -> Result<bool, StoreError> {
        let store = Arc::clone(&self.0.store);
        let was = blocking(move || store.unpin(&root)).await?;
        self.command(Command::Withdraw(root)).await;
        Ok(was)
    }

    /// Whether the blob is stored whole.
    pub fn has(&self, root: &Hash) -> bool {
        self.0.store.has(root)
    }

    /// The blob's content: from the store, else from the contacts in `from`, else from whom the Kademlia table names.
    /// `progress` is told the bytes that are there and the bytes in all. What is fetched is stored, unpinned. Dropping
    /// the future ends the fetch and keeps what was fetched.
    ///
    /// # Errors
    /// If nobody serves all of it, or it cannot be stored.
    pub async fn fetch(
        &self,
        blob: &Blob,
        from: &[String],
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Vec<u8>, FetchError> {
        let turn = {
            let mut fetching = self.0.fetching.lock();
            fetching.retain(|_, turn| turn.strong_count() > 0);
            let turn = fetching.get(&blob.root).and_then(Weak::upgrade);
            turn.unwrap_or_else(|| {
                let turn = Arc::default();
                fetching.insert(blob.root, Arc::downgrade(&turn));
                turn
            })
        };
        let _turn = turn.lock().await;
        fetch::fetch(&self.0, *blob, from, &mut progress).await
    }

    /// Ends the node: connections close, fetches fail, the folder stays. Returns when it has ended.
    pub async fn shutdown(&self) {
        self.command(Command::Shutdown).await;
        self.0.commands.closed().await;
    }

    /// A node that has ended needs no command any more.
    async fn command(&self, command: Command) {
        let _ = self.0.commands.send(command).await;
    }
}

/// Runs what waits for the disk or hashes much where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is ending, and this future with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Lets `rate` KiB a second pass, and after a pause at least one full response at once.
fn limiter(rate: NonZeroU32) -> DefaultDirectRateLimiter {
    RateLimiter::direct(Quota::per_second(rate).allow_burst(rate.max(cost(MAX_RESPONSE))))
}

/// KiB that `bytes` count as.
fn cost(bytes: usize) -> NonZeroU32 {
    NonZeroU32::new(bytes.div_ceil(1_024) as u32).unwrap_or(NonZeroU32::MIN)
}

/// The peer that an address ends in, and the address without it.
fn split(mut address: Multiaddr) -> Option<(PeerId, Multiaddr)> {
    match address.pop()? {
        Protocol::P2p(peer) => Some((peer, address)),
        _ => None,
    }
}
