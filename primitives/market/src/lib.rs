//! The words of the market, shared by its pallets, the worker and clients.
//!
//! | module | noun |
//! | --- | --- |
//! | [`ticket`] | who may do what: roles, preferences, duties |
//! | [`order`] | what a client pays for |
//! | [`claim`] | what an author says a run reached, and the trace that proves any part of it |
//! | [`vote`] | what auditors and evaluators answer, and the digests that hide it until all have |
//! | [`ballot`] | commit–reveal voting by a drawn quorum |
//! | [`info`] | what the runtime tells about all of these |
//! | [`seams`] | the traits through which the pallets reach each other |

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod ballot;
pub mod claim;
pub mod info;
pub mod order;
pub mod seams;
pub mod ticket;
pub mod vote;

pub use ballot::{Ballot, Seat};
pub use claim::{Claim, SegmentResult};
pub use order::{Order, OrderError};
pub use ticket::{Duty, Preferences, Role};
pub use vote::{AuditVote, EvaluationVote, Executed, Score};

/// Identifies a ticket.
pub type TicketId = u64;
/// Identifies a task.
pub type TaskId = u32;
/// Identifies a run.
pub type RunId = u64;
/// Identifies an audit.
pub type AuditId = u64;
