use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use libp2p::{PeerId, identity::Keypair, multiaddr::multiaddr};
use quern_snow::{Id, Parameters};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::Serialize;
use tokio::{sync::mpsc, time};

use super::{Error, Key, Member, NodeConfig, handle::Handle, node::Decision};

/// Most nodes of a cluster: they share one process.
const MAX_NODES: u32 = 64;

/// Most blocks that a cluster is given, and most rivals at one height.
const MAX_BLOCKS: u32 = 100_000;

/// Most seconds that a run may take: a day.
const MAX_TIMEOUT: u64 = 86_400;

/// Stake of every node.
const STAKE: u64 = 100;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What a cluster is, and what it is given to do.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// How many nodes, all of the same stake.
    pub nodes: u32,
    /// Heights to be decided, one after the other.
    pub blocks: u32,
    /// Blocks at each height, submitted by different nodes at once.
    pub rivals: u32,
    /// Makes the keys and the payloads. What the network does is not the seed's.
    pub seed: u64,
    /// For the whole run: one second to a day.
    pub timeout: Duration,
    /// The consensus parameters, the defaults if none.
    pub parameters: Option<Parameters>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            nodes: 5,
            blocks: 10,
            rivals: 1,
            seed: 0,
            timeout: Duration::from_secs(60),
            parameters: None,
        }
    }
}

/// What a cluster did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterReport {
    /// How many nodes.
    pub nodes: u32,
    /// Blocks submitted.
    pub submitted: u64,
    /// Blocks that every node accepted.
    pub accepted: u64,
    /// Blocks that the first node rejected.
    pub rejected: u64,
    /// Whether no two nodes accepted different blocks at one height.
    pub agreement: bool,
    /// Blocks submitted and neither accepted by every node nor rejected.
    pub undecided: u64,
    /// Milliseconds from submission to acceptance on a node: half of all were faster.
    pub p50_ms: f64,
    /// The same: 99 of 100 were faster.
    pub p99_ms: f64,
    /// Votes counted, by all nodes.
    pub votes: u64,
    /// Polls ended, by all nodes.
    pub polls: u64,
}

/// A running cluster.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Handle>,
    pub(crate) decisions: mpsc::UnboundedReceiver<Decision>,
}

impl Cluster {
    /// Starts the nodes and lets them find each other.
    pub(crate) async fn start(
        count: u32,
        parameters: Parameters,
        seed: u64,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let mut seeds = vec![[0; 32]; count as usize];
        seeds.iter_mut().for_each(|seed| rng.fill_bytes(seed));
        let member = |seed: &[u8; 32]| {
            let key = Keypair::ed25519_from_bytes(*seed);
            let key = key.map_err(|error| Error::Transport(error.to_string()))?;
            Ok(Member {
                peer: key.public().to_peer_id(),
                address: None,
                stake: STAKE,
            })
        };
        let members: Vec<Member> = seeds.iter().map(member).collect::<Result<_, Error>>()?;
        let peers: Vec<PeerId> = members.iter().map(|member| member.peer).collect();
        let (sender, decisions) = mpsc::unbounded_channel();
        let mut nodes = Vec::new();
        for seed in seeds {
            let config = NodeConfig {
                key: Key::Seed(seed),
                listen: multiaddr!(Ip4([127, 0, 0, 1]), Tcp(0_u16)),
                http: None,
                parameters,
                genesis: Id::default(),
                timeout: TIMEOUT,
                members: members.clone(),
                bridge: None,
            };
            nodes.push(Handle::start(config, Some(sender.clone())).await?);
        }
        for node in &nodes {
            for (peer, other) in peers.iter().zip(&nodes) {
                node.meet(*peer, other.address().clone()).await?;
            }
        }
        let cluster = Self { nodes, decisions };
        loop {
            let mut together = 0;
            for node in &cluster.nodes {
                together += usize::from(node.status().await?.connected == cluster.nodes.len());
            }
            if together == cluster.nodes.len() {
                return Ok(cluster);
            }
            if Instant::now() >= deadline {
                let all = cluster.nodes.len();
                cluster.stop().await;
                return Err(Error::Apart(together, all));
            }
            time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(self) {
        for node in self.nodes {
            node.stop().await;
        }
    }
}

/// What the nodes of a run have decided so far.
#[derive(Default)]
struct Tally {
    /// Accepted blocks of each node, in order.
    accepted: BTreeMap<u32, Vec<Id>>,
    rejected: u64,
    times: Vec<Duration>,
}

impl Tally {
    fn note(&mut self, decision: Decision, submitted: &HashMap<Id, Instant>) {
        for id in &decision.accepted {
            if let Some(at) = submitted.get(id) {
                self.times.push(decision.at.saturating_duration_since(*at));
            }
        }
        if decision.voter == 0 {
            self.rejected += decision.rejected as u64;
        }
        let accepted = self.accepted.entry(decision.voter).or_default();
        accepted.extend(decision.accepted);
    }

    /// The height that all of `nodes` have reached.
    fn height(&self, nodes: u32) -> usize {
        let reached = (0..nodes).map(|node| self.accepted.get(&node).map_or(0, Vec::len));
        reached.min().unwrap_or(0)
    }

    fn agreement(&self) -> bool {
        let longest = self.accepted.values().max_by_key(|line| line.len());
        let longest = longest.map_or(&[][..], Vec::as_slice);
        self.accepted.values().all(|line| longest.starts_with(line))
    }

    /// Milliseconds below which `part` of all times are.
    fn quantile(&mut self, part: f64) -> f64 {
        self.times.sort_unstable();
        let last = self.times.len().saturating_sub(1);
        let place = (last as f64 * part).round() as usize;
        let time = self.times.get(place).copied().unwrap_or_default();
        time.as_secs_f64() * 1000.0
    }
}

/// Starts the nodes on the loopback interface, gives them blocks height by height, waits for decisions or the
/// timeout, and stops all. `progress` hears the heights that every node has decided, and how many there will be.
///
/// # Errors
/// Options out of bounds; whatever keeps a node from starting or the nodes from finding each other.
pub async fn run_cluster(
    options: ClusterOptions,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<ClusterReport, Error> {
    for (field, value, most) in [
        ("nodes", options.nodes.into(), MAX_NODES.into()),
        ("blocks", options.blocks.into(), MAX_BLOCKS.into()),
        ("rivals", options.rivals.into(), options.nodes.into()),
        ("timeout", options.timeout.as_secs(), MAX_TIMEOUT),
    ] {
        if !(1..=most).contains(&value) {
            return Err(Error::Options(field, value, most));
        }
    }
    let parameters = options.parameters.unwrap_or_default();
    let deadline = Instant::now() + options.timeout;
    let mut cluster = Cluster::start(options.nodes, parameters, options.seed, deadline).await?;
    let mut rng = ChaCha12Rng::seed_from_u64(options.seed);
    let mut submitted = HashMap::new();
    let mut tally = Tally::default();
    let mut parent = Id::default();
    'heights: for height in 0..options.blocks {
        for rival in 0..options.rivals {
            let node = ((height + rival) % options.nodes) as usize;
            let mut payload = vec![0; 32];
            rng.fill_bytes(&mut payload);
            let at = Instant::now();
            match cluster.nodes[node].submit(payload, Some(parent)).await {
                Ok(id) => {
                    submitted.insert(id, at);
                }
                // The rivals before it were faster.
                Err(Error::Snow(quern_snow::Error::UnknownParent(_))) => {}
                Err(error) => {
                    cluster.stop().await;
                    return Err(error);
                }
            }
        }
        while tally.height(options.nodes) <= height as usize {
            match time::timeout_at(deadline.into(), cluster.decisions.recv()).await {
                Ok(Some(decision)) => tally.note(decision, &submitted),
                Ok(None) | Err(_) => break 'heights,
            }
        }
        if let Some(accepted) = tally
            .accepted
            .get(&0)
            .and_then(|line| line.get(height as usize))
        {
            parent = *accepted;
        }
        progress(u64::from(height) + 1, options.blocks.into());
    }
    let (mut votes, mut polls) = (0, 0);
    for node in &cluster.nodes {
        let status = node.status().await?;
        votes += status.votes;
        polls += status.polls;
    }
    cluster.stop().await;
    let accepted = tally.height(options.nodes) as u64;
    Ok(ClusterReport {
        nodes: options.nodes,
        submitted: submitted.len() as u64,
        accepted,
        rejected: tally.rejected,
        agreement: tally.agreement(),
        undecided: (submitted.len() as u64).saturating_sub(accepted + tally.rejected),
        p50_ms: tally.quantile(0.5),
        p99_ms: tally.quantile(0.99),
        votes,
        polls,
    })
}
