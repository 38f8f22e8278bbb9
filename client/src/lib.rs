//! Typed access to a Quern chain over JSON-RPC.
//!
//! A [`Client`] is one websocket to one node. What it gives, in the order a worker meets it:
//!
//! 1. [`Header`]: blocks as the node knows them; author, seal and pre-hash are found in the digest by engine id.
//! 2. [`Template`]: the block the node would like sealed next, with the author's runs; [`Client::submit_seal`]
//!    answers with the block's hash or a named [`SealRefusal`].
//! 3. [`RunInfo`], [`WorkRules`], [`market`]: what the chain's runtime says, asked through runtime API calls.
//! 4. [`Call`], [`Submitted`], [`Included`]: signed extrinsics, from the pool to the block, with the
//!    runtime's own error names.
//! 5. [`governance`]: parameters, referenda, votes and upgrades.
//!
//! Besides the chain: [`dataset`] (rows, and the blobs they are served as), [`spec`] (what a client orders), [`model`] and
//! [`onnx`] (what a client gets).
//!
//! Calls and events are encoded against the metadata of the runtime in force, fetched once per runtime version, so a
//! runtime upgrade needs no new client as long as the names stay.

mod account;
mod call;
mod client;
pub mod dataset;
mod error;
mod extrinsic;
pub mod governance;
mod header;
mod key;
pub mod market;
pub mod model;
mod nonce;
pub mod onnx;
mod run;
mod runtime;
mod seal;
mod session;
pub mod spec;
mod status;
mod submitted;
mod template;
pub mod text;

pub use account::{Balance, Hold};
pub use call::Call;
pub use client::{Client, RuntimeVersion};
pub use error::{Error, PoolError, SealRefusal};
pub use extrinsic::{Event, Included};
pub use header::{DigestItem, Header, POW_ENGINE_ID};
pub use key::{KeyError, Signer, parse_account, ss58};
pub use market::{
    AuditInfo, BallotInfo, Economics, MinerInfo, SeatInfo, TaskInfo, TaskStage, TicketInfo,
};
pub use model::{Model, ModelError};
pub use run::{PendingClaim, Run, RunInfo, WorkRules};
pub use session::SessionKeys;
pub use spec::{Spec, SpecError};
pub use status::Status;
pub use submitted::Submitted;
pub use template::{Template, Templates};

pub use quern_market::{
    AuditId, AuditVote, Claim, Duty, EvaluationVote, Executed, Order, OrderError, Preferences,
    Role, RunId, Score, SegmentResult, TaskId, TicketId,
};
pub use quern_work::{
    Hash, SealError, SealSignature, SignedSeal, TaskError, WorkSeal,
    task::{Dataset as DatasetCommitment, TaskSpec},
};

/// An account: the 32 bytes of an sr25519 public key.
pub type Account = [u8; 32];
