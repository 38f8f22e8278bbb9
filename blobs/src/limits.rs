//! What one message, one peer and one blob may be at most.

use std::time::Duration;

/// Most content bytes in one response: 1 MiB. A chunk is at most as large.
pub const MAX_PAYLOAD: u32 = 1 << 20;

/// Smallest chunk, in bytes: a digest.
pub const MIN_CHUNK: u32 = 32;

/// Most chunks of one blob.
pub const MAX_CHUNKS: u32 = 1 << 20;

/// Most bytes of one blob: 16 GiB.
pub const MAX_LEN: u64 = 1 << 34;

/// Most hashes in one range proof: two on each of at most 32 levels.
pub const MAX_PROOF: usize = 64;

/// Most bytes of a response's body: tag, number of hashes, the proof and the payload.
pub const MAX_RESPONSE: usize = 2 + MAX_PROOF * 32 + MAX_PAYLOAD as usize;

/// Most requests of one peer that are answered at the same time; the peer is told "busy" for others.
pub const MAX_REQUESTS_PER_PEER: usize = 8;

/// Most requests answered at the same time, of all peers together.
pub const MAX_REQUESTS: usize = 64;

/// Connections that this node opens itself, at the same time.
pub(crate) const MAX_OUTGOING: u32 = 256;

/// Connections to one peer, both ways.
pub(crate) const MAX_CONNECTIONS_PER_PEER: u32 = 3;

/// Streams of one connection, both ways.
pub(crate) const MAX_STREAMS: usize = 32;

/// Peers from which one fetch reads at the same time.
pub(crate) const PARALLEL_SOURCES: usize = 4;

/// Requests of one fetch that wait for the same peer.
pub(crate) const PIPELINE: usize = 2;

/// Peers that one fetch tries before it gives up.
pub(crate) const MAX_SOURCES: usize = 64;

/// Times in a row that one peer may be busy, or close the connection, before a fetch leaves it.
pub(crate) const MAX_BUSY: u32 = 8;

/// First wait for a busy peer; each further one is twice as long.
pub(crate) const BUSY_WAIT: Duration = Duration::from_millis(100);

/// How long a provider record is kept by those who were told.
pub(crate) const PROVIDER_TTL: Duration = Duration::from_secs(3_600);

/// How often a provider repeats its records.
pub(crate) const PROVIDER_INTERVAL: Duration = Duration::from_secs(600);

/// Provider records of others that are kept.
pub(crate) const MAX_FOREIGN_RECORDS: usize = 65_536;

/// Provider records kept of one peer.
pub(crate) const MAX_FOREIGN_RECORDS_PER_PEER: usize = 4_096;

/// What a blob counts towards the capacity besides its content, in bytes: its folder.
pub(crate) const FOLDER_COST: u64 = 4_096;

/// Longest contact that is read, in bytes.
pub(crate) const MAX_CONTACT: usize = 256;
