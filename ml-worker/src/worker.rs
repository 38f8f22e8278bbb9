//! A worker from start to end: checks everything that can be checked before the first step, then keeps the parts running.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quern_blobs::{Blobs, Config, StartError, StoreError, libp2p::Multiaddr};
use quern_client::{
    Client, Role, Signer,
    dataset::{Loaded, Source},
    ss58,
};
use quern_work::Hash;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
};

use crate::{
    WorkerError,
    backend::{BackendError, Device, Hardware, Isa},
    chain::Node,
    checkpoint,
    course::Show,
    data::Library,
    display::{Display, Gauges},
    duties::{Office, announce},
    execute::Machine,
    journal::Journal,
    link::{Ends, Feed, Link},
    miner::Miner,
    submitter::Submitter,
    trainer::{Surroundings, Trainer},
};

/// Time for tasks to end when the worker does.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs on their way to the trainer.
const ARRIVALS: usize = 4;

/// The journal's entry of where blobs were served last.
const LISTENED: &str = "listened";

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's websocket.
    pub url: String,
    /// The key of the tickets; a miner's is the key of the node's author.
    pub signer: Signer,
    /// What to do, each role once.
    pub roles: Vec<Role>,
    /// The rows of the commons.
    pub dataset: Source,
    /// The only commons run to train; none for all of the account's.
    pub run: Option<u64>,
    /// The chain to insist on.
    pub genesis: Option<Hash>,
    /// Where states, claims, votes and blobs are kept.
    pub data_dir: PathBuf,
    /// What trains.
    pub device: Device,
    /// Threads that train.
    pub threads: usize,
    /// Instructions that train.
    pub isa: Isa,
    /// Steps between two evaluations; none for every two seconds.
    pub held_out_every: Option<u64>,
    /// Whether to wait for the node and for the run.
    pub retry: bool,
    /// How blobs are served.
    pub blobs: BlobOptions,
}

/// How blobs are served and fetched.
#[derive(Clone, Debug)]
pub struct BlobOptions {
    /// Where to listen.
    pub listen: Multiaddr,
    /// The address to name to others, where that is another one.
    pub external: Option<Multiaddr>,
    /// Nodes to find others by.
    pub peers: Vec<Multiaddr>,
    /// Most bytes kept.
    pub capacity: u64,
    /// Most connections that others may have open.
    pub connections: u32,
}

impl Options {
    fn plays(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Where what belongs to this key on this chain is kept.
    fn own_folder(&self, genesis: &Hash) -> PathBuf {
        let account = hex::encode(self.signer.account());
        self.data_dir
            .join(&hex::encode(genesis)[..16])
            .join(format!("account-{}", &account[..16]))
    }
}

/// Plays its roles until the process is told to end by SIGINT or SIGTERM.
///
/// # Errors
/// Whatever stands in the way, each a line that says what to do.
pub fn run(options: Options, display: Display) -> Result<(), WorkerError> {
    checkpoint::probe(&options.data_dir)?;
    let data = if options.plays(Role::Miner) || options.plays(Role::Verifier) {
        let data = options.dataset.load()?;
        tracing::info!(
            "{}: {} rows to train on, {} held out",
            options.dataset,
            data.training.rows(),
            data.held_out.rows()
        );
        Some(data)
    } else {
        None
    };
    let hardware =
        Hardware::open(options.device, options.threads, options.isa).map_err(BackendError::from)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(work(options, hardware, data, &display));
    runtime.shutdown_timeout(LAST_WORDS);
    display.finish();
    done
}

/// What the connection tells.
struct Line {
    feed: watch::Receiver<Feed>,
    client: watch::Receiver<Option<Client>>,
    blocks: watch::Receiver<u32>,
}

async fn work(
    options: Options,
    hardware: Hardware,
    data: Option<Loaded>,
    display: &Display,
) -> Result<(), WorkerError> {
    let (feed_sender, feed) = watch::channel(Feed::default());
    let (client_sender, client) = watch::channel(None::<Client>);
    let (block_sender, blocks) = watch::channel(0);
    let link = Link {
        url: options.url.clone(),
        genesis: options.genesis,
        retry: options.retry,
        templates: options.plays(Role::Miner),
    };
    // dropped with this function, so that the connection's task has no last words after an error's
    let mut links = JoinSet::from_iter([link.follow(Ends {
        feed: feed_sender,
        client: client_sender,
        blocks: block_sender,
    })]);
    let gauges = Gauges::default();
    let roles = options.roles.clone();
    tokio::spawn(display.clone().run(gauges.clone(), feed.clone(), roles));
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );

    let mut line = Line {
        feed,
        client,
        blocks,
    };
    let genesis = tokio::select! {
        Some(reason) = links.join_next() => return Err(joined(reason).into()),
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
        found = first_contact(&mut line, &options) => found?,
    };
    let folder = options.own_folder(&genesis);
    let journal = Journal::open(folder.join("journal"))?;
    let blobs = serve(&options.blobs, &folder, &journal).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut parts = start(
        &options, hardware, data, line, gauges, genesis, journal, &blobs, &stop,
    );

    let told = tokio::select! {
        Some(done) = parts.roles.join_next() => joined(done),
        Some(done) = parts.training.join_next() => joined(done),
        Some(reason) = links.join_next() => Err(joined(reason).into()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    stop.store(true, Ordering::Relaxed);
    let mut ended = told;
    while let Some(done) = parts.training.join_next().await {
        ended = ended.and(joined(done));
    }
    blobs.shutdown().await;
    ended
}

/// What a task returned; its panic goes on here.
fn joined<T>(task: Result<T, JoinError>) -> T {
    task.unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()))
}

/// Waits for the node, and for a miner's first template, and gives the chain's genesis hash.
async fn first_contact(line: &mut Line, options: &Options) -> Result<Hash, WorkerError> {
    let client = match line.client.wait_for(Option::is_some).await {
        Ok(client) => client.clone(),
        Err(_) => None,
    };
    let Some(client) = client else {
        // the connection's task has ended, and its reason ends the worker
        return std::future::pending().await;
    };
    if options.plays(Role::Miner) {
        let shown = line.feed.wait_for(|feed| feed.template.is_some()).await;
        let author = shown
            .ok()
            .and_then(|feed| feed.template.as_ref().map(|t| t.author));
        let Some(author) = author else {
            return std::future::pending().await;
        };
        let key = options.signer.account();
        if author != key {
            return Err(WorkerError::OtherAuthor {
                node: ss58(&author),
                key: ss58(&key),
            });
        }
    }
    Ok(client.genesis_hash())
}

/// Starts to serve blobs: where it was done last, if the port is left to chance and that one is free, since tickets name it.
async fn serve(
    options: &BlobOptions,
    folder: &Path,
    journal: &Journal,
) -> Result<Blobs, WorkerError> {
    let config = |listen: Multiaddr| Config {
        capacity: options.capacity,
        listen,
        external: options.external.clone(),
        bootstrap: options.peers.clone(),
        max_incoming: options.connections,
        ..Config::new(folder)
    };
    let last: Option<(String, String)> = journal.get(LISTENED)?;
    let wanted = options.listen.to_string();
    let again = last.filter(|(asked, _)| *asked == wanted);
    let again = again.and_then(|(_, got)| got.parse().ok());
    let started = match again {
        Some(again) => match Blobs::start(config(again)).await {
            Err(StartError::Listen(..)) => Blobs::start(config(options.listen.clone())).await,
            started => started,
        },
        None => Blobs::start(config(options.listen.clone())).await,
    };
    let blobs = match started {
        Err(StartError::Store(StoreError::Locked(lock))) => return Err(WorkerError::InUse(lock)),
        started => started?,
    };
    if options.external.is_none() {
        let address = blobs.address();
        let got = address.split("/p2p/").next().unwrap_or(&address);
        journal.put(LISTENED, &(wanted, got))?;
    }
    tracing::info!("serving blobs at {}", blobs.address());
    Ok(blobs)
}

/// The running parts.
struct Parts {
    roles: JoinSet<Result<(), WorkerError>>,
    training: JoinSet<Result<(), WorkerError>>,
}

#[allow(clippy::too_many_arguments)]
fn start(
    options: &Options,
    hardware: Hardware,
    data: Option<Loaded>,
    line: Line,
    gauges: Gauges,
    genesis: Hash,
    journal: Journal,
    blobs: &Blobs,
    stop: &Arc<AtomicBool>,
) -> Parts {
    let chain = Node::new(line.client.clone(), line.blocks, options.signer.clone());
    let (training_rows, held_out) = match data {
        Some(data) => (Some(Arc::new(data.training)), Some(Arc::new(data.held_out))),
        None => (None, None),
    };
    let library = Library::new(blobs.clone(), training_rows);
    let machine = Machine::of(hardware);
    let mut parts = Parts {
        roles: JoinSet::new(),
        training: JoinSet::new(),
    };
    let (announcing, roles, contact) = (chain.clone(), options.roles.clone(), blobs.address());
    tokio::spawn(async move { announce(&announcing, &roles, &contact).await });

    if options.plays(Role::Miner) {
        let (orders, submitter) = Submitter::new(line.client, options.signer.clone());
        tokio::spawn(submitter.run());
        let (courses, arrivals) = mpsc::channel(ARRIVALS);
        let trainer = Trainer::new(
            arrivals,
            Surroundings {
                feed: line.feed,
                orders,
                gauges: gauges.clone(),
                stop: stop.clone(),
                runtime: Handle::current(),
                only: options.run,
            },
        );
        parts.training.spawn_blocking(move || trainer.run());
        let miner = Miner {
            chain: chain.clone(),
            genesis,
            shelf: blobs.clone(),
            library: library.clone(),
            data_name: options.dataset.to_string(),
            machine: machine.clone(),
            journal: journal.clone(),
            data_dir: options.data_dir.clone(),
            gauges: gauges.clone(),
            courses,
            show: held_out.map(|held_out| Show {
                held_out,
                every: options.held_out_every,
            }),
            only: options.run,
            retry: options.retry,
        };
        parts.roles.spawn(miner.mine());
    }
    if options.roles.iter().any(|role| *role != Role::Miner) {
        let office = Office {
            chain,
            shelf: blobs.clone(),
            library,
            machine,
            journal,
            gauges,
            roles: options.roles.clone(),
        };
        parts
            .roles
            .spawn(async move { office.attend().await.map_err(WorkerError::from) });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> BlobOptions {
        BlobOptions {
            listen: "/ip4/127.0.0.1/tcp/0".parse().unwrap(),
            external: None,
            peers: Vec::new(),
            capacity: 1 << 20,
            connections: 8,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_restarted_worker_serves_where_its_tickets_say_unless_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path().join("journal")).unwrap();
        let options = options();
        let start = || serve(&options, folder.path(), &journal);
        let first = start().await.unwrap();
        let address = first.address();
        let refusal = start().await.err().unwrap();
        assert!(matches!(refusal, WorkerError::InUse(_)), "{refusal}");
        first.shutdown().await;
        drop(first);
        let again = start().await.unwrap();
        assert_eq!(again.address(), address);
        again.shutdown().await;
        drop(again);
        let port = address.split('/').nth(4).unwrap();
        let _taken = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
        assert_ne!(start().await.unwrap().address(), address);
    }
}
