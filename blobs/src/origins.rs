use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

/// Bounds the incoming connections of one origin, from their first byte on: of an IPv4 address, or of the IPv6
/// addresses that share their first 64 bits. This machine itself may have any number.
pub(crate) struct Origins {
    most: usize,
    open: HashMap<ConnectionId, IpAddr>,
}

/// One origin has too many connections.
#[derive(Debug, thiserror::Error)]
#[error("{0} connections of {1} are open already")]
struct Crowded(usize, IpAddr);

impl Origins {
    /// At most `most` connections of each.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            open: HashMap::new(),
        }
    }
}

/// Where an address is, if it names an IP that is not this machine.
fn origin(address: &Multiaddr) -> Option<IpAddr> {
    let ip = address.iter().find_map(|protocol| match protocol {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip).to_canonical()),
        _ => None,
    })?;
    match ip {
        _ if ip.is_loopback() => None,
        IpAddr::V4(_) => Some(ip),
        IpAddr::V6(ip) => Some(IpAddr::V6(Ipv6Addr::from_bits(
            ip.to_bits() & (u128::MAX << 64),
        ))),
    }
}

impl NetworkBehaviour for Origins {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let Some(origin) = origin(remote) else {
            return Ok(());
        };
        if self.open.values().filter(|&&open| open == origin).count() >= self.most {
            return Err(ConnectionDenied::new(Crowded(self.most, origin)));
        }
        self.open.insert(connection, origin);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.open.remove(&closed.connection_id),
            FromSwarm::ListenFailure(failed) => self.open.remove(&failed.connection_id),
            _ => None,
        };
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use libp2p::{
        core::ConnectedPoint,
        swarm::{ConnectionClosed, ListenError, ListenFailure},
    };

    use super::*;

    /// Whether the connection with this number may come in from there.
    fn comes(origins: &mut Origins, number: usize, from: &str) -> bool {
        let (local, remote) = (Multiaddr::empty(), from.parse().unwrap());
        let connection = ConnectionId::new_unchecked(number);
        origins
            .handle_pending_inbound_connection(connection, &local, &remote)
            .is_ok()
    }

    #[test]
    fn one_address_has_its_part_of_the_connections_and_leaves_the_others_theirs() {
        let mut origins = Origins::new(2);
        assert!(comes(&mut origins, 0, "/ip4/203.0.113.7/tcp/1"));
        assert!(comes(&mut origins, 1, "/ip4/203.0.113.7/tcp/2"));
        assert!(!comes(&mut origins, 2, "/ip4/203.0.113.7/tcp/3"));
        assert!(!comes(&mut origins, 3, "/ip6/::ffff:203.0.113.7/tcp/4"));
        assert!(comes(&mut origins, 4, "/ip4/203.0.113.8/tcp/1"));
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_together() {
        let mut origins = Origins::new(1);
        assert!(comes(&mut origins, 0, "/ip6/2001:db8:0:1::1/tcp/1"));
        assert!(!comes(&mut origins, 1, "/ip6/2001:db8:0:1:ffff::2/tcp/1"));
        assert!(comes(&mut origins, 2, "/ip6/2001:db8:0:2::1/tcp/1"));
    }

    #[test]
    fn connections_of_this_machine_are_not_counted() {
        let mut origins = Origins::new(1);
        for number in 0..5 {
            assert!(comes(&mut origins, number, "/ip4/127.0.0.1/tcp/1"));
            assert!(comes(&mut origins, number, "/ip6/::1/tcp/1"));
        }
    }

    #[test]
    fn a_connection_that_ends_or_fails_makes_room() {
        let (mut origins, from) = (Origins::new(1), "/ip4/203.0.113.7/tcp/1");
        let (local_addr, send_back_addr) = (Multiaddr::empty(), from.parse().unwrap());
        assert!(comes(&mut origins, 0, from) && !comes(&mut origins, 1, from));
        origins.on_swarm_event(FromSwarm::ListenFailure(ListenFailure {
            local_addr: &local_addr,
            send_back_addr: &send_back_addr,
            error: &ListenError::Aborted,
            connection_id: ConnectionId::new_unchecked(0),
            peer_id: None,
        }));
        assert!(comes(&mut origins, 2, from) && !comes(&mut origins, 3, from));
        origins.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: PeerId::random(),
            connection_id: ConnectionId::new_unchecked(2),
            endpoint: &ConnectedPoint::Listener {
                local_addr,
                send_back_addr,
            },
            cause: None,
            remaining_established: 0,
        }));
        assert!(comes(&mut origins, 4, from));
    }
}
