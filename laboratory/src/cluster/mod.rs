//! One engine over real sockets, and clusters of them on the loopback interface.
//!
//! | module | noun |
//! | --- | --- |
//! | `config`, `key` | what one node needs to know, as TOML |
//! | [`wire`] | the messages between members |
//! | `handle`, `node` | a running node, and the task that owns its connections and its engine |
//! | `network` | what runs on every connection |
//! | `bodies` | the blocks themselves; the engine keeps ids only |
//! | `metrics`, `http` | Prometheus metrics, `/health`, and blocks over HTTP |
//! | `bridge` | the 8-byte frames over ZeroMQ (feature `zeromq`) |
//! | `loopback` | a cluster in one process, and what it reports |
//!
//! Membership is fixed: everybody has the same list of members and stakes. A member that is late or away is counted
//! with its last accepted block, and polls stop while less stake is connected than could carry one. Nothing is kept
//! on disk but the key; a member that comes back fetches what it missed as far as the others still hold it.

mod bodies;
#[cfg(feature = "zeromq")]
mod bridge;
mod config;
mod error;
mod handle;
mod http;
mod key;
mod loopback;
mod metrics;
mod network;
mod node;
#[cfg(test)]
mod tests;
pub mod wire;

use std::future::Future;

pub use config::{BridgeConfig, MAX_MEMBERS, Member, NodeConfig};
pub use error::{Error, NodeConfigError};
pub use handle::Listening;
pub use key::Key;
pub use loopback::{ClusterOptions, ClusterReport, run_cluster};
pub use node::{Fate, Status};

/// Runs one node until `stop` resolves; `ready` hears where it listens.
///
/// # Errors
/// Whatever keeps the node from starting, named.
pub async fn run_node(
    config: NodeConfig,
    ready: impl FnOnce(&Listening) + Send,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let handle = handle::Handle::start(config, None).await?;
    ready(handle.listening());
    stop.await;
    handle.stop().await;
    Ok(())
}
