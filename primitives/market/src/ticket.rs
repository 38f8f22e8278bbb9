//! Roles, and what a ticket's holder is willing and bound to do.

use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

use crate::{AuditId, Order, TaskId};

/// Most bytes of an address at which a holder serves blobs.
pub const MAX_CONTACT: u32 = 128;

/// Most duties of one ticket at a time.
pub const MAX_DUTIES: u32 = 16;

/// Where a holder serves blobs: a multiaddress in text form, with the peer id at its end.
pub type Contact = BoundedVec<u8, ConstU32<MAX_CONTACT>>;

/// What a ticket licenses.
#[derive(
    Clone,
    Copy,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Deserialize,
    Encode,
    Eq,
    MaxEncodedLen,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    TypeInfo,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Trains tasks and seals blocks with them.
    Miner,
    /// Keeps a task's clock, and votes on finality.
    Supervisor,
    /// Re-executes samples of claims.
    Verifier,
    /// Scores final models on held-out rows.
    Evaluator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Miner,
        Self::Supervisor,
        Self::Verifier,
        Self::Evaluator,
    ];
}

/// What a holder is willing to do.
#[derive(
    Clone,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Deserialize,
    Encode,
    Eq,
    MaxEncodedLen,
    PartialEq,
    Serialize,
    TypeInfo,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preferences {
    /// Whether the holder's machine has a GPU.
    pub gpu: bool,
    /// Most row blocks of a dataset.
    pub max_row_blocks: u32,
    /// Most duties at a time, in [1, [`MAX_DUTIES`]].
    pub concurrent: u32,
    /// Where the holder serves blobs; empty if nowhere.
    #[serde(default)]
    pub contact: Contact,
}

impl Preferences {
    /// Any task, this many at a time, no GPU.
    pub fn any(concurrent: u32) -> Self {
        Self {
            gpu: false,
            max_row_blocks: u32::MAX,
            concurrent,
            contact: Contact::new(),
        }
    }

    /// How well the holder fits an order, in percent; `None` if not at all.
    ///
    /// A machine that has what is needed fits fully; one with a GPU that the order does not ask for
    /// fits by half, so that it stays free for those who do.
    pub fn fit(&self, order: &Order) -> Option<u32> {
        if order.spec.dataset.row_blocks > self.max_row_blocks || (order.gpu && !self.gpu) {
            return None;
        }
        Some(if self.gpu == order.gpu { 100 } else { 50 })
    }
}

/// What a ticket's holder is bound to do now.
#[derive(
    Clone,
    Copy,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Encode,
    Eq,
    MaxEncodedLen,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    TypeInfo,
)]
#[serde(rename_all = "camelCase")]
pub enum Duty {
    /// Train this task.
    Mine(TaskId),
    /// Keep this task's clock.
    Supervise(TaskId),
    /// Vote on this audit.
    Audit(AuditId),
    /// Score this task's models.
    Evaluate(TaskId),
}
