//! Why a worker cannot start or go on. Every message is one line.

use std::path::PathBuf;

use quern_blobs::StartError;
use quern_client::{KeyError, dataset::LoadError, text::hex32};
use quern_training::StateError;
use quern_work::{Hash, task::TaskError};

use crate::{
    backend::BackendError, bench::BenchError, checkpoint::StoreError, journal::JournalError,
};

/// What ends a worker.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The key is no key: see `--key`.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The data set cannot be loaded: see `--dataset`.
    #[error(transparent)]
    Dataset(#[from] LoadError),
    /// No folder for checkpoints was given and the system names none: give one with `--data-dir`.
    #[error("neither --data-dir nor $XDG_DATA_HOME nor $HOME says where to keep checkpoints")]
    NoDataDir,
    /// Checkpoints cannot be kept or used: see `--data-dir`.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node cannot be used; lost connections end a worker only with `--no-retry`.
    #[error(transparent)]
    Node(#[from] quern_client::Error),
    /// The node's blocks would credit another account than the one whose key was given.
    #[error(
        "the node seals for {node}, but the key is of {key}: start the node with --author {key}, or give the worker its key"
    )]
    OtherAuthor {
        /// SS58 address that the node's templates name.
        node: String,
        /// SS58 address of the worker's key.
        key: String,
    },
    /// The account has no such live run; without `--no-retry` the worker waits for it.
    #[error("{author} has no live run{}: open one first", .run.map(|id| format!(" {id}")).unwrap_or_default())]
    NoRun {
        /// SS58 address of the templates' author.
        author: String,
        /// The run asked for.
        run: Option<u64>,
    },
    /// The rows on this machine are not the ones that the run's task commits to.
    #[error("{dataset} is not the data of run {run}: its root is {}, the task commits to {}", hex32(.ours), hex32(.task))]
    OtherDataset {
        /// The data set's name.
        dataset: String,
        /// The run.
        run: u64,
        /// Root of the rows loaded here.
        ours: Hash,
        /// Root on chain.
        task: Hash,
    },
    /// The task breaks a bound, so this worker cannot train it.
    #[error("run {run} cannot be trained: {reason}")]
    BadTask {
        /// The run.
        run: u64,
        /// The bound.
        reason: TaskError,
    },
    /// Exact training from the seed, or from a kept state, does not give the state that the chain holds for this run.
    #[error("run {run} after {step} steps: the state root here is {}, the chain committed {}", hex32(.ours), hex32(.chain))]
    OtherState {
        /// The run.
        run: u64,
        /// Steps done.
        step: u64,
        /// Root of the state here.
        ours: Hash,
        /// Root on chain.
        chain: Hash,
    },
    /// A task has no first state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The back-end cannot work this task, or the state does not fit it.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Claims, votes or logs cannot be kept: see `--data-dir`.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Blobs cannot be served or kept: see `--blobs-listen` and `--data-dir`.
    #[error("cannot serve blobs: {0}")]
    Blobs(#[from] StartError),
    /// Another worker uses the key from this folder: choose another `--data-dir`, or end that worker.
    #[error("another worker is training this run, or plays a role with this key: {} is locked", .0.display())]
    InUse(PathBuf),
    /// A measurement failed.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// The operating system refused a signal handler or a thread.
    #[error("the operating system refused: {0}")]
    System(#[from] std::io::Error),
}
