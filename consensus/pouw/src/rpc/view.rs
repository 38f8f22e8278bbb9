//! The JSON that workers read.

use crate::Template;
use polkadot_sdk::{sp_core::H256, sp_runtime::AccountId32};
use quern_api::{PendingClaim, RunInfo, WorkRules};
use quern_work::TaskSpec;
use serde::{Serialize, Serializer};
use std::fmt::Display;

/// A block that waits for its seal.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateView {
    /// Number of the block.
    pub number: u64,
    /// Hash of its parent.
    pub parent: H256,
    /// Hash of its header without the seal; names the template.
    pub pre_hash: H256,
    /// Hash of the genesis block.
    pub genesis: H256,
    /// The 32 bytes of its author's account.
    pub author: H256,
    /// Expected MACs of the block.
    #[serde(serialize_with = "decimal")]
    pub difficulty: u128,
    /// The rules of draws and windows.
    pub rules: RulesView,
    /// The author's runs, by ascending id.
    pub runs: Vec<RunView>,
}

impl From<&Template> for TemplateView {
    fn from(template: &Template) -> Self {
        Self {
            number: template.number,
            parent: template.parent,
            pre_hash: template.pre_hash,
            genesis: template.genesis,
            author: account(&template.author),
            difficulty: template.difficulty,
            rules: RulesView::from(&template.rules),
            runs: template.runs.iter().map(RunView::from).collect(),
        }
    }
}

/// The rules of draws and windows.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesView {
    /// Rank of the noise.
    pub noise_rank: u32,
    /// A step may be at most this far past the last claimed one.
    pub max_ahead: u64,
    /// Expected MACs of a share.
    #[serde(serialize_with = "decimal")]
    pub share_difficulty: u128,
    /// Tiles that may win per batch row, Q32.32.
    #[serde(serialize_with = "decimal")]
    pub omega_b: u64,
    /// Tiles that may win per model parameter, Q32.32.
    #[serde(serialize_with = "decimal")]
    pub omega_m: u64,
    /// MACs that a voter may be asked to execute for one ballot.
    #[serde(serialize_with = "decimal")]
    pub max_vote_macs: u64,
    /// Bytes that a voter may be asked to fetch for one ballot.
    #[serde(serialize_with = "decimal")]
    pub max_vote_bytes: u64,
}

impl From<&WorkRules> for RulesView {
    fn from(rules: &WorkRules) -> Self {
        Self {
            noise_rank: rules.noise_rank,
            max_ahead: rules.max_ahead,
            share_difficulty: rules.share_difficulty,
            omega_b: rules.omega_b,
            omega_m: rules.omega_m,
            max_vote_macs: rules.max_vote_macs,
            max_vote_bytes: rules.max_vote_bytes,
        }
    }
}

/// A run that the author may mine.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// The run's id.
    pub id: u64,
    /// The task it executes.
    pub task: u32,
    /// Seed of initialisation, batches and rounding.
    pub seed: H256,
    /// What is trained.
    pub spec: TaskSpec,
    /// The ticket it was opened with.
    pub ticket: u64,
    /// Steps it is to have; none for a run that has no end.
    pub steps: Option<u64>,
    /// Steps accepted by audits; the window opens here.
    pub accepted: u64,
    /// Steps covered by the last revealed claim; the window ends `maxAhead` steps later.
    pub committed: u64,
    /// State root after `accepted` steps.
    pub state_root: Option<H256>,
    /// The claim under way.
    pub pending: Option<PendingView>,
    /// The latest step that sealed a block.
    pub last_sealed: Option<u64>,
    /// MACs credited.
    #[serde(serialize_with = "decimal")]
    pub macs: u128,
    /// Blocks sealed.
    pub seals: u64,
    /// Shares accepted.
    pub shares: u64,
    /// Step and tile ordinal of the latest share.
    pub last_share: Option<(u64, u32)>,
    /// Worker shares that wait for an audit.
    #[serde(serialize_with = "decimal")]
    pub vesting: u128,
}

impl From<&RunInfo> for RunView {
    fn from(run: &RunInfo) -> Self {
        Self {
            id: run.id,
            task: run.task,
            seed: H256(run.seed),
            spec: run.spec.clone(),
            ticket: run.ticket,
            steps: run.steps,
            accepted: run.accepted,
            committed: run.committed,
            state_root: run.state_root.map(H256),
            pending: run.pending.as_ref().map(PendingView::from),
            last_sealed: run.last_sealed,
            macs: run.macs,
            seals: run.seals,
            shares: run.shares,
            last_share: run.last_share,
            vesting: run.vesting,
        }
    }
}

/// A run's claim under way.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PendingView {
    /// Its commitment is on chain.
    Committed {
        /// Digest of the claim and its salt.
        commitment: H256,
        /// Block of the commitment.
        at: u32,
    },
    /// It is revealed and being audited.
    Revealed {
        /// The audit.
        audit: u64,
        /// Steps the claim covers.
        to: u64,
    },
}

impl From<&PendingClaim> for PendingView {
    fn from(pending: &PendingClaim) -> Self {
        match *pending {
            PendingClaim::Committed { commitment, at } => Self::Committed {
                commitment: H256(commitment),
                at,
            },
            PendingClaim::Revealed { audit, to } => Self::Revealed { audit, to },
        }
    }
}

/// Where a node and its authoring stand.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// Number of the best block.
    pub height: u64,
    /// Hash of the best block.
    pub best: H256,
    /// Number of the finalised block.
    pub finalised: u64,
    /// Hash of the finalised block.
    pub finalised_hash: H256,
    /// Expected MACs of the next block.
    #[serde(serialize_with = "decimal")]
    pub difficulty: u128,
    /// The 32 bytes of the author's account; none on a node that does not author.
    pub author: Option<H256>,
    /// Templates built since the node started.
    pub templates: u64,
    /// Workers that receive templates.
    pub subscribers: u64,
    /// Workers' seals that became blocks since the node started.
    pub seals_accepted: u64,
    /// Workers' seals that did not.
    pub seals_refused: u64,
    /// Connected peers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<u64>,
    /// Whether the node is far behind its peers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syncing: Option<bool>,
}

/// An account as its 32 bytes.
pub fn account(account: &AccountId32) -> H256 {
    let bytes: &[u8; 32] = account.as_ref();
    H256(*bytes)
}

/// Serialises a number that may not fit a double as a decimal string.
pub fn decimal<T: Display, S: Serializer>(number: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}
