//! The 8-byte frames over ZeroMQ, for simulators and scripts on the same machine.
//!
//! The publishing socket sends a frame for every vote that the node counts (PREFER) and for every block that it
//! decides (ACCEPT, REJECT); a block's 16-bit name is the beginning of its id, a voter's its place among the
//! members. The pulling socket takes frames, counts them in a [`VoteAggregator`] apart from the consensus, and
//! publishes what that decides. What is no frame is counted and dropped.

use quern_snow::{EngineKind, Frame, Id, Parameters, VoteAggregator, VoteKind};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use zeromq::{PubSocket, PullSocket, Socket, SocketRecv, SocketSend};

use super::{BridgeConfig, Error, metrics::Metrics};

/// Frames that may wait to be sent; more are dropped, as subscribers may be slow.
const ROOM: usize = 4096;

/// The name of a block in frames.
fn name(id: &Id) -> u16 {
    u16::from_be_bytes([id.0[0], id.0[1]])
}

/// Sends frames of one node.
#[derive(Clone, Debug)]
pub(crate) struct Bridge {
    node: u16,
    frames: mpsc::Sender<Frame>,
}

impl Bridge {
    /// Sends a frame about `block`, by `voter` or by the node itself.
    pub(crate) fn send(&self, voter: Option<u32>, block: &Id, vote: VoteKind) {
        let frame = Frame {
            engine: EngineKind::Chain,
            node: voter
                .and_then(|v| u16::try_from(v).ok())
                .unwrap_or(self.node),
            block: name(block),
            vote,
        };
        // A full queue loses frames rather than time.
        let _ = self.frames.try_send(frame);
    }
}

/// Counts foreign frames; the frame that tells of a decision.
fn count(
    aggregator: &mut VoteAggregator,
    frame: Frame,
) -> Result<Option<Frame>, quern_snow::Error> {
    let [high, low] = frame.block.to_be_bytes();
    let mut block = Id::default();
    // Engines have blocks of their own.
    block.0[..3].copy_from_slice(&[high, low, frame.engine as u8]);
    // Only the vote that decides is answered.
    let open = aggregator.end(&block).is_none();
    let ended = aggregator.vote(frame.node.into(), block, frame.vote)?;
    let vote = match ended.filter(|_| open) {
        Some(true) => VoteKind::Accept,
        Some(false) => VoteKind::Reject,
        None => return Ok(None),
    };
    Ok(Some(Frame { vote, ..frame }))
}

/// Binds both sockets and bridges until `stop` changes.
pub(crate) async fn start(
    config: &BridgeConfig,
    node: u32,
    parameters: Parameters,
    metrics: Metrics,
    mut stop: watch::Receiver<bool>,
) -> Result<(Bridge, JoinHandle<()>), Error> {
    let failed =
        |endpoint: &str, error: zeromq::ZmqError| Error::Bridge(endpoint.into(), error.to_string());
    let (mut publish, mut pull) = (PubSocket::new(), PullSocket::new());
    let bound = publish.bind(&config.publish).await;
    bound.map_err(|error| failed(&config.publish, error))?;
    let bound = pull.bind(&config.pull).await;
    bound.map_err(|error| failed(&config.pull, error))?;
    let mut aggregator = VoteAggregator::new(parameters)?;
    let (frames, mut queue) = mpsc::channel::<Frame>(ROOM);
    let bridge = Bridge {
        node: u16::try_from(node).unwrap_or(u16::MAX),
        frames,
    };
    let task = tokio::spawn(async move {
        loop {
            let out = tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                frame = queue.recv() => frame,
                message = pull.recv() => {
                    let bytes = message.ok().filter(|message| message.len() == 1);
                    let bytes = bytes.and_then(|message| message.get(0).cloned());
                    let frame = Frame::decode(bytes.as_deref().unwrap_or_default());
                    let counted = frame.and_then(|frame| count(&mut aggregator, frame));
                    metrics.frame(if counted.is_ok() { "counted" } else { "refused" });
                    counted.ok().flatten()
                }
            };
            if let Some(frame) = out {
                let sent = publish.send(frame.encode().to_vec().into()).await;
                metrics.frame(if sent.is_ok() { "sent" } else { "lost" });
            }
        }
        let _ = publish.close().await;
        let _ = pull.close().await;
    });
    Ok((bridge, task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_deciding_frame_is_answered() {
        let mut aggregator = VoteAggregator::new(Parameters::default()).unwrap();
        for node in 0..16 {
            let frame = Frame {
                engine: EngineKind::Snowball,
                node,
                block: 7,
                vote: VoteKind::Prefer,
            };
            let answer = count(&mut aggregator, frame).unwrap();
            assert_eq!(answer.is_some(), node == 14, "node {node}");
        }
    }
}
