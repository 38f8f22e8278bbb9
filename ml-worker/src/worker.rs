//! A worker from start to end: checks everything that can be checked before the first step, then keeps the parts running.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quern_client::{
    Client, Run, Signer, Template,
    dataset::{Loaded, Source},
    ss58,
};
use quern_training::State;
use quern_work::Hash;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::{JoinError, JoinSet},
};

use crate::{
    WorkerError,
    backend::{Cpu, Isa},
    checkpoint::{self, Owner, Store},
    display::{Display, Gauges, Phase},
    link::{Feed, Link},
    submitter::Submitter,
    trainer::{Surroundings, Trainer},
};

/// Time for tasks to end when the worker does.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's websocket.
    pub url: String,
    /// The key of the node's author.
    pub signer: Signer,
    /// The rows to train on.
    pub dataset: Source,
    /// The run to train; none for the author's first one.
    pub run: Option<u64>,
    /// The chain to insist on.
    pub genesis: Option<Hash>,
    /// Where states are kept.
    pub data_dir: PathBuf,
    /// Threads that train.
    pub threads: usize,
    /// Instructions that train.
    pub isa: Isa,
    /// Steps between two evaluations besides those at checkpoints; none for every two seconds.
    pub held_out_every: Option<u64>,
    /// Whether to wait for the node and for the run.
    pub retry: bool,
}

/// Trains until the process is told to end by SIGINT or SIGTERM.
///
/// # Errors
/// Whatever stands in the way of training, each a line that says what to do.
pub fn run(options: Options, display: Display) -> Result<(), WorkerError> {
    checkpoint::probe(&options.data_dir)?;
    let data = options.dataset.load()?;
    tracing::info!(
        "{}: {} rows to train on, {} held out",
        options.dataset,
        data.training.rows(),
        data.held_out.rows()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(work(options, data, &display));
    runtime.shutdown_timeout(LAST_WORDS);
    display.finish();
    done
}

async fn work(options: Options, data: Loaded, display: &Display) -> Result<(), WorkerError> {
    let (feed_sender, mut feed) = watch::channel(Feed::default());
    let (client_sender, client) = watch::channel(None::<Client>);
    let link = Link {
        url: options.url.clone(),
        genesis: options.genesis,
        retry: options.retry,
    };
    // dropped with this function, so that the connection's task has no last words after an error's
    let mut links = JoinSet::from_iter([link.follow(feed_sender, client_sender)]);
    let gauges = Gauges::default();
    tokio::spawn(display.clone().run(gauges.clone(), feed.clone()));
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );

    let (template, run) = tokio::select! {
        Some(reason) = links.join_next() => return Err(joined(reason).into()),
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
        found = first_run(&mut feed, &options, &gauges) => found?,
    };
    let (orders, submitter) = Submitter::new(client, options.signer.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let out = Surroundings {
        feed,
        orders,
        gauges,
        stop: stop.clone(),
        runtime: Handle::current(),
    };
    let trainer = prepare(&options, data, &template, &run, out)?;
    tokio::spawn(submitter.run());
    let mut training = tokio::task::spawn_blocking(move || trainer.run());

    let told = tokio::select! {
        done = &mut training => return joined(done),
        Some(reason) = links.join_next() => Err(joined(reason).into()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    stop.store(true, Ordering::Relaxed);
    joined(training.await).and(told)
}

/// What a task returned; its panic goes on here.
fn joined<T>(task: Result<T, JoinError>) -> T {
    task.unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()))
}

/// Waits for the first template that shows the wanted run.
async fn first_run(
    feed: &mut watch::Receiver<Feed>,
    options: &Options,
    gauges: &Gauges,
) -> Result<(Arc<Template>, Run), WorkerError> {
    loop {
        let template = feed.borrow_and_update().template.clone();
        if let Some(template) = template {
            let key = options.signer.account();
            if template.author != key {
                return Err(WorkerError::OtherAuthor {
                    node: ss58(&template.author),
                    key: ss58(&key),
                });
            }
            if let Some(run) = wanted(&template.runs, options.run) {
                return Ok((template.clone(), run.clone()));
            }
            let missing = WorkerError::NoRun {
                author: ss58(&key),
                run: options.run,
            };
            if !options.retry {
                return Err(missing);
            }
            if gauges.read().phase != Phase::NoRun {
                tracing::warn!("{missing}; waiting for it");
                gauges.update(|progress| progress.phase = Phase::NoRun);
            }
        }
        if feed.changed().await.is_err() {
            // the connection task has ended, and its reason ends the worker
            std::future::pending::<()>().await;
        }
    }
}

/// The run with this number, or the first one.
fn wanted(runs: &[Run], id: Option<u64>) -> Option<&Run> {
    match id {
        Some(id) => runs.iter().find(|run| run.id == id),
        None => runs.iter().min_by_key(|run| run.id),
    }
}

/// Checks that this machine can train the run, and locks its folder.
fn prepare(
    options: &Options,
    data: Loaded,
    template: &Template,
    run: &Run,
    out: Surroundings,
) -> Result<Trainer, WorkerError> {
    let bad_task = |reason| WorkerError::BadTask {
        run: run.id,
        reason,
    };
    run.spec
        .validate(template.rules.noise_rank)
        .map_err(bad_task)?;
    let ours = data.training.commitment();
    if ours != run.spec.dataset {
        return Err(WorkerError::OtherDataset {
            dataset: options.dataset.to_string(),
            run: run.id,
            ours: ours.root,
            task: run.spec.dataset.root,
        });
    }
    let owner = Owner {
        genesis: template.genesis,
        run: run.id,
        seed: run.seed,
        spec: run.spec.clone(),
    };
    let store = Store::open(&options.data_dir, owner)?;
    let state = State::initial(&run.spec.sizes(), &run.seed)?;
    let cpu = Cpu::new(
        &run.spec,
        run.seed,
        Arc::new(data.training),
        state,
        options.threads,
        options.isa,
    )?;
    tracing::info!(
        "run {} of {}: layers {:?}, batch {}, {} threads, {}",
        run.id,
        ss58(&template.author),
        run.spec.sizes(),
        run.spec.batch,
        cpu.threads(),
        cpu.isa()
    );
    Ok(Trainer::new(
        cpu,
        store,
        data.held_out,
        options.held_out_every,
        out,
    ))
}
