use std::time::Duration;

use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    connection_limits::{self, ConnectionLimits},
    core::upgrade::Version,
    identity::Keypair,
    noise,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};

use super::{
    Error, NodeConfig,
    wire::{Codec, PROTOCOL},
};

/// Requests of one peer at a time on one connection.
const MAX_STREAMS: usize = 256;

/// What runs on every connection.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) exchange: request_response::Behaviour<Codec>,
}

/// Connections of a node, none of them made yet.
pub(crate) fn swarm(key: Keypair, config: &NodeConfig) -> Result<Swarm<Behaviour>, Error> {
    fn transport(error: impl ToString) -> Error {
        Error::Transport(error.to_string())
    }
    // Two connections may come about when both sides call at once.
    let most = 2 * config.members.len() as u32 + 8;
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(most))
        .with_max_established_incoming(Some(most))
        .with_max_established_per_peer(Some(2));
    let exchange = request_response::Config::default()
        .with_request_timeout(config.timeout)
        .with_max_concurrent_streams(MAX_STREAMS);
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
        .with_behaviour(|_| Behaviour {
            limits: connection_limits::Behaviour::new(limits),
            exchange: request_response::Behaviour::new(
                [(PROTOCOL, ProtocolSupport::Full)],
                exchange,
            ),
        })
        .map_err(transport)?
        // Members stay connected while both are there, and a request doesn't wait for the protocol's name to come back.
        .with_swarm_config(|swarm| {
            swarm
                .with_idle_connection_timeout(Duration::from_secs(u64::from(u32::MAX)))
                .with_substream_upgrade_protocol_override(Version::V1Lazy)
        })
        .build();
    Ok(swarm)
}

/// Listens; the first address that this gives.
pub(crate) async fn listen(
    swarm: &mut Swarm<Behaviour>,
    address: &Multiaddr,
) -> Result<Multiaddr, Error> {
    let failed = |why: String| Error::Listen(address.clone(), why);
    let begun = swarm.listen_on(address.clone());
    begun.map_err(|error| failed(error.to_string()))?;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => return Ok(address),
            SwarmEvent::ListenerClosed {
                reason: Err(error), ..
            }
            | SwarmEvent::ListenerError { error, .. } => return Err(failed(error.to_string())),
            _ => {}
        }
    }
}
