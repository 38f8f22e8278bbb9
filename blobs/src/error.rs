use std::{fmt, io, path::PathBuf};

use libp2p::{Multiaddr, request_response::OutboundFailure};

use crate::{Blob, blob::ShapeError, wire::WireError};

/// Why a blob node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key's file holds no key: restore it, or remove it to get another peer id.
    #[error("{0} holds no key")]
    Key(PathBuf),
    /// The transport cannot be set up.
    #[error("no transport: {0}")]
    Transport(String),
    /// Choose another address to listen on.
    #[error("cannot listen on {0}: {1}")]
    Listen(Multiaddr, String),
    /// A bootstrap address must end in `/p2p/…`.
    #[error("the bootstrap address {0} names no peer")]
    Bootstrap(Multiaddr),
}

/// Why the store refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The shape is out of bounds.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Another process uses the folder.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// Nothing unpinned is left to evict: unpin blobs or raise the capacity.
    #[error("no room for {0:?}: {1} of {2} bytes are in use and cannot be evicted")]
    Full(Blob, u64, u64),
    /// A blob with this root is stored, and has another length or chunk size.
    #[error("{0:?} is not the shape of the blob with that root, {1:?}")]
    OtherShape(Blob, Blob),
    /// The disk.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
}

/// Why a blob could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The shape is out of bounds: no such blob exists.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The store has no room, or the disk fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Everyone who might have it was tried; what was fetched is kept, so that a later fetch goes on from there.
    #[error("nobody served all of {0:?}{1}")]
    Exhausted(Blob, Failures),
    /// Twice what was stored did not match the root: the disk is damaged.
    #[error("{0:?} does not survive on this disk")]
    Damaged(Blob),
    /// The node was shut down.
    #[error("the blob node was shut down")]
    Stopped,
}

/// Whom a fetch left, and why: the contact as it was given, or the peer id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures(pub Vec<(String, SourceError)>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(who, why)| write!(f, "; {who}: {why}"))
    }
}

/// Why a fetch left a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The contact is not a multiaddress that ends in `/p2p/…`.
    #[error("not a contact")]
    Contact,
    /// The contact is this node's own.
    #[error("this node itself")]
    Own,
    /// No connection.
    #[error("unreachable")]
    Unreachable,
    /// No answer in time.
    #[error("no answer in time")]
    Silent,
    /// The connection ended before the answer.
    #[error("connection closed")]
    Closed,
    /// The peer does not speak the blob protocol.
    #[error("does not serve blobs")]
    Protocol,
    /// The answer is no message.
    #[error("bad answer: {0}")]
    Wire(#[from] WireError),
    /// The stream failed.
    #[error("stream failed: {0}")]
    Stream(String),
    /// The chunks do not belong to the root.
    #[error("served chunks that do not match the root")]
    BadChunk,
    /// The peer does not have the blob.
    #[error("does not have it")]
    Missing,
    /// The peer was busy for too long.
    #[error("busy")]
    Busy,
}

impl From<OutboundFailure> for SourceError {
    fn from(failure: OutboundFailure) -> Self {
        match failure {
            OutboundFailure::DialFailure => Self::Unreachable,
            OutboundFailure::Timeout => Self::Silent,
            OutboundFailure::ConnectionClosed => Self::Closed,
            OutboundFailure::UnsupportedProtocols => Self::Protocol,
            OutboundFailure::Io(error) => match error.get_ref().and_then(|e| e.downcast_ref()) {
                Some(&wire) => Self::Wire(wire),
                None => Self::Stream(error.to_string()),
            },
        }
    }
}
