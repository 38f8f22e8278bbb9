//! The native worker: trains a run in exact integers, draws for the block lottery with the same products, and hands seals,
//! shares and checkpoints to a node.
//!
//! Data flows one way, from the node's templates to its RPC:
//!
//! 1. [`link`] keeps a connection to the node and publishes the newest template;
//! 2. [`trainer`], on a thread of its own, asks [`window`] what to do next, has the [`backend`] do it, and keeps states in a
//!    [`checkpoint::Store`];
//! 3. [`submitter`] hands what the trainer found to the node, in order;
//! 4. [`display`] shows what all of them report.
//!
//! [`worker`] wires these together; [`cli`] is the command line.

pub mod backend;
pub mod bench;
pub mod checkpoint;
pub mod cli;
pub mod display;
mod error;
pub mod link;
pub mod submitter;
pub mod trainer;
pub mod window;
pub mod worker;

pub use error::WorkerError;
