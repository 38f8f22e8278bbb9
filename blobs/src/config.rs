use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use libp2p::{Multiaddr, multiaddr::multiaddr};

/// How a blob node stores, listens and shares.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the blobs and of the node's key; one process at a time.
    pub data_dir: PathBuf,
    /// Most bytes stored, pinned blobs included.
    pub capacity: u64,
    /// Where to listen; port 0 takes a free one.
    pub listen: Multiaddr,
    /// The address to name to others, without `/p2p/…`, where it differs from the listening one (behind a NAT).
    pub external: Option<Multiaddr>,
    /// Nodes to enter the Kademlia table by, with `/p2p/…`.
    pub bootstrap: Vec<Multiaddr>,
    /// Most KiB sent a second, in chunks.
    pub upload: NonZeroU32,
    /// Most KiB fetched a second, in chunks.
    pub download: NonZeroU32,
    /// Most connections that others may have open at the same time; one address of them has at most an eighth. What
    /// this node opens itself is bounded apart, so that no crowd keeps it from fetching.
    pub max_incoming: u32,
    /// How long a request may take, from its first byte to the answer's last.
    pub timeout: Duration,
}

impl Config {
    /// A node in `data_dir` that listens on a free port of the loopback interface; at most 16 GiB, 256
    /// connections of others and 128 MiB/s each way.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        const RATE: NonZeroU32 = NonZeroU32::new(128 << 10).expect("not zero");
        Self {
            data_dir: data_dir.into(),
            capacity: 16 << 30,
            listen: multiaddr!(Ip4([127, 0, 0, 1]), Tcp(0_u16)),
            external: None,
            bootstrap: Vec::new(),
            upload: RATE,
            download: RATE,
            max_incoming: 256,
            timeout: Duration::from_secs(20),
        }
    }

    /// Connections that one address may have open.
    pub(crate) fn max_of_one_origin(&self) -> usize {
        (self.max_incoming / 8).max(1) as usize
    }
}
