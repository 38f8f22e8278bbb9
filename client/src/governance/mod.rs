//! Governance: the chain's parameters, referenda about them and about the runtime, votes.
//!
//! In the order of use:
//!
//! 1. [`Parameter`]: what a referendum may change, with its bounds; [`Client::parameters`](crate::Client::parameters).
//! 2. [`Proposal`] becomes a [`Motion`], that is a call, an origin and the track that decides on it;
//!    [`Client::motion`](crate::Client::motion).
//! 3. [`Action`]: what an account signs: submit, place the deposit, vote, enact, unlock.
//! 4. [`Referendum`]: how far one has come; [`Client::referendum`](crate::Client::referendum). [`Track`] says what it needs.
//! 5. [`hint`]: what to do about an error that the chain names.

mod action;
mod hint;
mod metadata;
mod motion;
mod parameter;
mod referendum;
mod tally;
mod track;
mod upgrade;
mod value;
mod vote;

pub use action::{Action, Bounded};
pub use hint::hint;
pub use motion::{Motion, Proposal, ProposalError};
pub use parameter::{Parameter, ParameterError, Unit};
pub use referendum::{Referendum, Stage};
pub use tally::Tally;
pub use track::{Curve, Track};
pub use upgrade::{UpgradeError, code_hash};
pub use vote::Voting;

/// The number of a referendum.
pub type ReferendumId = u32;
/// The number of a track.
pub type TrackId = u16;
