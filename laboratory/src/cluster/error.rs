use std::{io, net::SocketAddr, path::PathBuf};

use libp2p::Multiaddr;

/// Why a configuration is refused; it names the field.
#[derive(Debug, thiserror::Error)]
pub enum NodeConfigError {
    /// No TOML, a missing or unknown field, or one of the wrong type.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A field whose text is no address, id or path.
    #[error("{field}: {value:?} is no {expected}")]
    Form {
        /// The field.
        field: String,
        /// What it says.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A number out of bounds.
    #[error("{field} is {value}, not {least} to {most}")]
    Bounds {
        /// The field.
        field: &'static str,
        /// What it says.
        value: u64,
        /// The least allowed.
        least: u64,
        /// The most allowed.
        most: u64,
    },
    /// A member that stands twice.
    #[error("member {0} stands twice")]
    Twice(String),
    /// The parameters or the stakes break a bound.
    #[error("{0}")]
    Snow(#[from] quern_snow::Error),
    /// The bridge is asked for, and this build has none: build with the feature `zeromq`.
    #[error("bridge: this build has no ZeroMQ")]
    NoBridge,
}

/// Why a node or a cluster did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration, before anything was started.
    #[error("configuration: {0}")]
    Config(#[from] NodeConfigError),
    /// The key's file can't be read or written.
    #[error("key {0}: {1}")]
    Key(PathBuf, io::Error),
    /// The key's file holds no key: remove it to make a new one.
    #[error("key {0}: not 32 bytes in hexadecimal")]
    BadKey(PathBuf),
    /// The node's own key is no member's: enter this peer among the members.
    #[error("peer {0} is not among the members")]
    NotMember(libp2p::PeerId),
    /// The system gives no transport, no key or no randomness.
    #[error("transport: {0}")]
    Transport(String),
    /// Metrics that cannot be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// It cannot listen there.
    #[error("listen on {0}: {1}")]
    Listen(Multiaddr, String),
    /// It cannot serve health and metrics there.
    #[error("http on {0}: {1}")]
    Http(SocketAddr, io::Error),
    /// It cannot bridge there.
    #[error("bridge on {0}: {1}")]
    Bridge(String, String),
    /// The engine refused a block or a poll.
    #[error("{0}")]
    Snow(#[from] quern_snow::Error),
    /// A payload beyond [`super::wire::MAX_PAYLOAD`].
    #[error("a payload of {0} bytes is too long")]
    Payload(usize),
    /// The node has ended.
    #[error("the node has ended")]
    Ended,
    /// The nodes of a cluster did not find each other in time.
    #[error("only {0} of {1} nodes found all others in time")]
    Apart(usize, usize),
    /// A cluster of no node, of too many, without work or time, or with too much.
    #[error("{0} is {1}, not 1 to {2}")]
    Options(&'static str, u64, u64),
}
