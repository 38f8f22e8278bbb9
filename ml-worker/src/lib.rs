//! The native worker: trains runs in exact integers, draws for the block lottery with the same products, hands seals and shares
//! to a node, claims what it has trained, and checks what others claim.
//!
//! Of a miner, data flow one way, from the node's templates to its RPC:
//!
//! 1. [`link`] keeps a connection to the node and publishes the newest template;
//! 2. [`trainer`], on a thread of its own, works on one [`course`] at a time: it asks its [`window`] what to do next, has the
//!    [`backend`] do it, and keeps states and the [`trace`] of what came out in a [`checkpoint::Store`];
//! 3. [`submitter`] hands seals and shares to the node, in order;
//! 4. [`miner`] opens runs and brings them to the trainer; a [`claimant`] per run decides by [`claim`] what to claim of the trace, and
//!    serves what the claim's audit takes; the [`keeper`] looks after what runs leave.
//!
//! The other roles' [`duties`] are done by [`verifier`] and [`evaluator`], which [`gather`], [`execute`] or score and then [`vote`],
//! and by [`supervisor`]. All roles meet the world behind two seams, [`chain`] and [`shelf`] (blobs, and through it [`data`]), and keep
//! what must not be forgotten in a [`journal`].
//!
//! [`display`] shows what all of them report; [`worker`] wires these together; [`cli`] is the command line.

pub mod backend;
pub mod bench;
pub mod chain;
pub mod checkpoint;
pub mod claim;
pub mod claimant;
pub mod cli;
pub mod course;
pub mod data;
pub mod display;
pub mod duties;
mod error;
pub mod evaluator;
pub mod execute;
pub mod gather;
pub mod journal;
pub mod keeper;
pub mod link;
pub mod miner;
pub mod shelf;
pub mod submitter;
pub mod supervisor;
pub mod trace;
pub mod trainer;
pub mod verifier;
pub mod vote;
pub mod window;
pub mod worker;
#[cfg(test)]
mod world;

pub use error::WorkerError;
