use std::net::SocketAddr;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use quern_snow::Id;
use serde::Serialize;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

#[cfg(test)]
use super::Fate;
use super::{
    Error, NodeConfig, http,
    metrics::Metrics,
    network::{listen, swarm},
    node::{Command, Decision, Node, Status},
};

/// Commands that may wait.
const COMMANDS: usize = 256;

/// Where a node listens.
#[derive(Clone, Debug, Serialize)]
pub struct Listening {
    /// Its peer id, which the others list among their members.
    pub peer: String,
    /// Its address, with `/p2p/…`.
    pub address: String,
    /// The address of health and metrics.
    pub http: Option<String>,
}

/// A running node.
pub(crate) struct Handle {
    listening: Listening,
    address: Multiaddr,
    commands: mpsc::Sender<Command>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Handle {
    /// Starts a node; `decisions` hears what it decides.
    pub(crate) async fn start(
        config: NodeConfig,
        decisions: Option<mpsc::UnboundedSender<Decision>>,
    ) -> Result<Self, Error> {
        config.check()?;
        let key = config.key.pair()?;
        let peer = key.public().to_peer_id();
        let own = config
            .members
            .iter()
            .position(|member| member.peer == peer)
            .ok_or(Error::NotMember(peer))?;
        let mut swarm = swarm(key, &config)?;
        let address = listen(&mut swarm, &config.listen).await?;
        let address = address.with(Protocol::P2p(peer));
        let metrics = Metrics::new()?;
        let (commands, queue) = mpsc::channel(COMMANDS);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let mut served = None;
        if let Some(address) = config.http {
            let http = http::serve(address, commands.clone(), metrics.clone(), stopped.clone());
            let (bound, task) = http.await.map_err(|error| Error::Http(address, error))?;
            served = Some(bound);
            tasks.push(task);
        }
        let mut node = Node::new(&config, own as u32, swarm, metrics)?;
        node.decisions = decisions;
        #[cfg(feature = "zeromq")]
        if let Some(bridge) = &config.bridge {
            let metrics = node.metrics.clone();
            let parameters = config.parameters;
            let started =
                super::bridge::start(bridge, own as u32, parameters, metrics, stopped).await?;
            node.bridge = Some(started.0);
            tasks.push(started.1);
        }
        tasks.push(tokio::spawn(node.run(queue)));
        tracing::info!(%address, "snow node started");
        Ok(Self {
            listening: Listening {
                peer: peer.to_string(),
                address: address.to_string(),
                http: served.map(|bound: SocketAddr| bound.to_string()),
            },
            address,
            commands,
            stop,
            tasks,
        })
    }

    pub(crate) fn listening(&self) -> &Listening {
        &self.listening
    }

    pub(crate) fn address(&self) -> &Multiaddr {
        &self.address
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)
    }

    /// Tells the node where a member is.
    pub(crate) async fn meet(&self, peer: PeerId, address: Multiaddr) -> Result<(), Error> {
        let sent = self.commands.send(Command::Meet(peer, address)).await;
        sent.map_err(|_| Error::Ended)
    }

    /// Makes a block on `parent`.
    pub(crate) async fn submit(&self, payload: Vec<u8>, parent: Option<Id>) -> Result<Id, Error> {
        self.ask(|reply| Command::Submit {
            payload,
            parent,
            reply,
        })
        .await?
    }

    pub(crate) async fn status(&self) -> Result<Status, Error> {
        self.ask(Command::Status).await
    }

    #[cfg(test)]
    pub(crate) async fn look(&self, id: Id) -> Result<Fate, Error> {
        self.ask(|reply| Command::Look { id, reply }).await
    }

    /// Ends everything and waits for it.
    pub(crate) async fn stop(self) {
        let _ = self.commands.send(Command::Stop).await;
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}
