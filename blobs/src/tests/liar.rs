use std::{io, time::Duration};

use async_trait::async_trait;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::{
    StreamProtocol, SwarmBuilder,
    multiaddr::{Protocol, multiaddr},
    noise,
    request_response::{self, Event, Message, ProtocolSupport},
    swarm::SwarmEvent,
    tcp, yamux,
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::PROTOCOL;

/// A peer that answers every request with the bytes it is told to, or with silence.
pub(super) struct Liar {
    pub(super) contact: String,
    task: JoinHandle<()>,
}

impl Liar {
    /// `lie` gets the request's 52 bytes; `None` is silence.
    pub(super) async fn start(
        mut lie: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(
                tcp::Config::default(),
                noise::Config::new,
                yamux::Config::default,
            )
            .unwrap()
            .with_behaviour(|_| {
                request_response::Behaviour::<Raw>::new(
                    [(PROTOCOL, ProtocolSupport::Full)],
                    request_response::Config::default(),
                )
            })
            .unwrap()
            .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        swarm
            .listen_on(multiaddr!(Ip4([127, 0, 0, 1]), Tcp(0_u16)))
            .unwrap();
        let peer = *swarm.local_peer_id();
        let (sender, contact) = oneshot::channel();
        let task = tokio::spawn(async move {
            let (mut sender, mut silent) = (Some(sender), Vec::new());
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::NewListenAddr { address, .. } => {
                        if let Some(sender) = sender.take() {
                            let contact = address.with(Protocol::P2p(peer)).to_string();
                            sender.send(contact).unwrap();
                        }
                    }
                    SwarmEvent::Behaviour(Event::Message {
                        message:
                            Message::Request {
                                request, channel, ..
                            },
                        ..
                    }) => match lie(&request) {
                        Some(answer) => {
                            let _ = swarm.behaviour_mut().send_response(channel, answer);
                        }
                        None => silent.push(channel),
                    },
                    _ => {}
                }
            }
        });
        Self {
            contact: contact.await.unwrap(),
            task,
        }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone, Default)]
struct Raw;

#[async_trait]
impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = vec![0; 52];
        io.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = Vec::new();
        io.take(1 << 22).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }
}
