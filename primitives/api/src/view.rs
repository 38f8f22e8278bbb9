//! What a worker must know of the chain, in one answer each.

use codec::{Decode, Encode, MaxEncodedLen};
use polkadot_sdk::sp_runtime::AccountId32;
use quern_market::{AuditId, TicketId};
use quern_work::{Hash, TaskError, TaskSpec};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// The chain-wide rules of draws and windows; all zero, which admits nothing, where genesis set none.
#[derive(
    Clone,
    Debug,
    Decode,
    Default,
    Deserialize,
    Encode,
    Eq,
    MaxEncodedLen,
    PartialEq,
    Serialize,
    TypeInfo,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkRules {
    /// Rank of the noise, a genesis constant: a power of two, at least 2.
    pub noise_rank: u32,
    /// A step may be at most this far past the last committed one.
    pub max_ahead: u64,
    /// Expected MACs of a share.
    pub share_difficulty: u128,
    /// Tiles that may win per batch row, Q32.32.
    pub omega_b: u64,
    /// Tiles that may win per model parameter, Q32.32.
    pub omega_m: u64,
}

impl WorkRules {
    /// Whether a task can be mined under these rules.
    ///
    /// # Errors
    /// The first bound that does not hold; a segment longer than the window counts as out of bounds.
    pub fn admit(&self, spec: &TaskSpec) -> Result<(), TaskError> {
        spec.validate(self.noise_rank)?;
        if self.max_ahead < u64::from(spec.segment) {
            return Err(TaskError::Segment);
        }
        Ok(())
    }
}

/// One run as its worker sees it.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct RunInfo {
    /// The run's id.
    pub id: u64,
    /// The task it executes.
    pub task: u32,
    /// Who may mine it, and is paid.
    pub owner: AccountId32,
    /// Seed of initialisation, batches and rounding.
    pub seed: Hash,
    /// What is trained.
    pub spec: TaskSpec,
    /// The ticket it was opened with.
    pub ticket: TicketId,
    /// Steps it is to have; `None` for a run of a commons task, which has no end.
    pub steps: Option<u64>,
    /// Steps accepted by audits; the window opens here.
    pub accepted: u64,
    /// Steps covered by the last revealed claim; the window ends `max_ahead` steps later.
    pub committed: u64,
    /// State root after `accepted` steps; none before the first accepted claim.
    pub state_root: Option<Hash>,
    /// The claim under way.
    pub pending: Option<PendingClaim>,
    /// The latest step that sealed a block.
    pub last_sealed: Option<u64>,
    /// MACs credited by seals and shares.
    pub macs: u128,
    /// Blocks sealed.
    pub seals: u64,
    /// Shares accepted.
    pub shares: u64,
    /// Step and tile ordinal of the latest share; the next must be later.
    pub last_share: Option<(u64, u32)>,
    /// Worker shares that wait for an audit.
    pub vesting: u128,
}

/// A run's claim under way.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub enum PendingClaim {
    /// Its commitment is on chain since this block.
    Committed {
        /// Digest of the claim and its salt.
        commitment: Hash,
        /// Block of the commitment.
        at: u32,
    },
    /// It is revealed and being audited.
    Revealed {
        /// The audit.
        audit: AuditId,
        /// Steps the claim covers.
        to: u64,
    },
}
