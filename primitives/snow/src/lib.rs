//! Snow-family consensus as pure state machines: no network, no clock, no global randomness.
//!
//! A node asks `k` validators, drawn by stake, which block they prefer; `αp` equal answers move its own preference,
//! `αc` of them `β` times in a row decide. The layers, in the order in which a vote passes through them:
//!
//! | module | noun |
//! | --- | --- |
//! | [`sampler`] | who is asked: stake units without replacement |
//! | [`frame`] | the 8-byte vote of simulators and local bridges |
//! | [`handler`] | a veto, or less weight, for single votes |
//! | [`poll`] | one question to `k` slots; the first-in-first-out set of them |
//! | [`bag`] | counted answers |
//! | [`engine`] | polls, sampler, handler and statistics around one consensus core |
//! | [`chain`] | the topological Snowman over a tree of blocks |
//! | [`dag`] | Avalanche over a DAG of vertices that carry transactions |
//! | [`flat`] | one n-ary instance over rival blocks |
//! | [`tree`] | one binary instance for every bit in which rival ids differ |
//! | [`snowball`], [`snowflake`] | the instances themselves |
//! | [`aggregator`] | the one-round quorum counter, which is no consensus |
//! | [`parameters`], [`block`], [`vertex`], [`history`], [`stats`], [`error`] | what all of them share |
//!
//! Nothing here panics on input, and memory is bounded by [`Parameters::max_outstanding_items`].
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod aggregator;
pub mod bag;
pub mod block;
pub mod chain;
pub mod dag;
pub mod engine;
pub mod error;
pub mod flat;
pub mod frame;
pub mod handler;
pub mod history;
pub mod id;
mod ledger;
pub mod parameters;
pub mod poll;
mod rivals;
pub mod sampler;
pub mod snowball;
pub mod snowflake;
pub mod stats;
mod streaks;
pub mod tree;
pub mod vertex;

pub use aggregator::VoteAggregator;
pub use bag::Bag;
pub use block::Block;
pub use chain::Chain;
pub use dag::Dag;
pub use engine::{Core, Decided, Engine, PollRequest};
pub use error::Error;
pub use flat::Flat;
pub use frame::{EngineKind, Frame, VoteKind};
pub use handler::{AcceptAll, VoteHandler};
pub use id::Id;
pub use parameters::Parameters;
pub use poll::{PollSet, Vote};
pub use sampler::Sampler;
pub use snowball::{BinarySnowball, Snowball};
pub use snowflake::{Snowflake, Threshold};
pub use stats::Stats;
pub use tree::Tree;
pub use vertex::{Frontier, Output, Transaction, Vertex};
