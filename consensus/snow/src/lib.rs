//! Snow beside GRANDPA: validators ask each other which block they prefer, and accept blocks a moment after they are
//! deep enough. What they have accepted is a soft finality; GRANDPA's is the hard one.
//!
//! # The parts, in the order in which a block meets them
//!
//! 1. [`Worker`] sees it imported, and feeds it to the [`Gadget`], the state machine that knows no network;
//! 2. [`Branches`] hold it until it is [`branches::DEPTH`] deep; then `quern_snow::Chain` decides on it and its siblings;
//! 3. polls ask members of the [`Electorate`], GRANDPA's authority set, drawn by weight, over the [`protocol`]; [`Peers`]
//!    tell which peer speaks for which member, because every answer in [`message`] is signed;
//! 4. an accepted block joins the [`Trail`], goes to the readers of [`rpc`], and is what [`SnowRule`] lets GRANDPA vote for;
//! 5. GRANDPA finalises it. If GRANDPA finalises anything else, Snow follows.
//!
//! Snow can delay GRANDPA by at most [`gadget::MAX_LAG`] blocks at a time, and can neither stop nor fork it.

pub mod branches;
pub mod electorate;
pub mod gadget;
pub mod message;
mod metrics;
pub mod peers;
pub mod protocol;
pub mod rpc;
mod rule;
mod shared;
pub mod trail;
mod worker;

#[cfg(test)]
mod testing;

pub use branches::{BranchError, Branches, Link};
pub use electorate::Electorate;
pub use gadget::Gadget;
pub use peers::Peers;
pub use rule::SnowRule;
pub use shared::{Accepted, Snow};
pub use trail::Trail;
pub use worker::{Parts, Worker};

/// Target of the log lines.
const LOG_TARGET: &str = "snow";
