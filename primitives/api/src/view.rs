//! What a worker must know of the chain, in one answer each.

use codec::{Decode, Encode, MaxEncodedLen};
use polkadot_sdk::sp_runtime::AccountId32;
use quern_market::{
    AuditId, Order, OrderError, TicketId,
    claim::{audit_bytes, training_macs},
    vote::MAX_DRAWN_SEGMENTS,
};
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
    /// Rank of the noise, a genesis constant: a power of two, at least [`MIN_NOISE_RANK`].
    pub noise_rank: u32,
    /// A step may be at most this far past the last committed one.
    pub max_ahead: u64,
    /// Expected MACs of a share.
    pub share_difficulty: u128,
    /// Tiles that may win per batch row, Q32.32.
    pub omega_b: u64,
    /// Tiles that may win per model parameter, Q32.32.
    pub omega_m: u64,
    /// MACs that a voter may be asked to execute for one ballot.
    pub max_vote_macs: u64,
    /// Bytes that a voter may be asked to fetch for one ballot.
    pub max_vote_bytes: u64,
}

/// Least rank of the noise of a chain: what workers' kernels are made for.
pub const MIN_NOISE_RANK: u32 = 4;

impl WorkRules {
    /// Whether a task can be mined under these rules, and its claims audited in time.
    ///
    /// # Errors
    /// The first bound that does not hold; a segment longer than the window counts as out of bounds. A
    /// verifier is asked for as many segments as can be drawn.
    pub fn admit(&self, spec: &TaskSpec) -> Result<(), TaskError> {
        spec.validate(self.noise_rank)?;
        if self.max_ahead < u64::from(spec.segment) {
            return Err(TaskError::Segment);
        }
        let drawn = u64::from(MAX_DRAWN_SEGMENTS).saturating_mul(spec.segment.into());
        if training_macs(spec, drawn) > self.max_vote_macs.into() {
            return Err(TaskError::VoteMacs);
        }
        if audit_bytes(spec, MAX_DRAWN_SEGMENTS.into()) > self.max_vote_bytes {
            return Err(TaskError::VoteBytes);
        }
        Ok(())
    }

    /// Whether an order can be trained under these rules, and its models scored in time.
    ///
    /// # Errors
    /// The first bound that does not hold. An evaluator is asked for the models of all workers.
    pub fn admit_order(&self, order: &Order) -> Result<(), OrderError> {
        self.admit(&order.spec).map_err(OrderError::Task)?;
        order.validate(self.noise_rank)?;
        let scoring = order.scoring_macs().saturating_mul(order.workers.into());
        if scoring > self.max_vote_macs.into() {
            return Err(OrderError::ScoringMacs);
        }
        if order.scoring_bytes() > self.max_vote_bytes {
            return Err(OrderError::ScoringBytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use quern_work::Dataset;

    /// A 512-48-10 network, 25 114 parameters; segments of eight steps.
    fn order() -> Order {
        let dataset = Dataset {
            root: [1; 32],
            row_blocks: 100,
            features: 512,
            classes: 10,
        };
        Order {
            name: Default::default(),
            spec: TaskSpec {
                dataset: dataset.clone(),
                hidden: vec![48].try_into().unwrap(),
                batch: 64,
                lr_shift: 3,
                lr_every: 0,
                segment: 8,
            },
            held_out: dataset,
            steps: 800,
            workers: 2,
            evaluators: 3,
            target: 900_000,
            deadline: 1_000,
            gpu: false,
            contact: Default::default(),
        }
    }

    fn rules(max_vote_macs: u64) -> WorkRules {
        WorkRules {
            noise_rank: 32,
            max_ahead: 64,
            share_difficulty: 1,
            omega_b: 0,
            omega_m: 0,
            max_vote_macs,
            max_vote_bytes: u64::MAX,
        }
    }

    const PARAMETERS: u64 = 513 * 48 + 49 * 10;

    #[test]
    fn a_verifier_is_never_asked_for_more_than_the_limit() {
        let spec = order().spec;
        let most = 4 * 8 * 64 * 3 * PARAMETERS;
        assert_eq!(rules(most).admit(&spec), Ok(()));
        assert_eq!(rules(most - 1).admit(&spec), Err(TaskError::VoteMacs));
        let longest = TaskSpec {
            segment: 64,
            ..spec.clone()
        };
        assert_eq!(rules(most).admit(&longest), Err(TaskError::VoteMacs));
        assert_eq!(rules(8 * most).admit(&longest), Ok(()));
        let longer = TaskSpec {
            segment: 65,
            ..spec
        };
        assert_eq!(rules(u64::MAX).admit(&longer), Err(TaskError::Segment));
    }

    #[test]
    fn an_evaluator_is_never_asked_for_more_than_the_limit() {
        let held_out = |row_blocks| Order {
            held_out: Dataset {
                row_blocks,
                ..order().held_out
            },
            ..order()
        };
        let limit = 2 * 16 * PARAMETERS * 1_000;
        assert_eq!(rules(limit).admit_order(&held_out(1_000)), Ok(()));
        let refused = Err(OrderError::ScoringMacs);
        assert_eq!(rules(limit).admit_order(&held_out(1_001)), refused);
        assert_eq!(rules(limit).admit_order(&held_out(u32::MAX)), refused);
        let segment = Order {
            spec: TaskSpec {
                segment: 65,
                ..order().spec
            },
            ..order()
        };
        let refused = Err(OrderError::Task(TaskError::Segment));
        assert_eq!(rules(limit).admit_order(&segment), refused);
        let steps = Order {
            steps: 801,
            ..order()
        };
        assert_eq!(rules(limit).admit_order(&steps), Err(OrderError::Steps));
    }

    #[test]
    fn nobody_is_asked_to_fetch_more_than_the_limit() {
        let rules = |max_vote_bytes| WorkRules {
            max_vote_bytes,
            ..rules(u64::MAX)
        };
        let (row_block, state) = (16 * (512 + 2), 8 * PARAMETERS);
        let most = 100 * row_block + 4 * state;
        let spec = order().spec;
        assert_eq!(rules(most).admit(&spec), Ok(()));
        assert_eq!(rules(most - 1).admit(&spec), Err(TaskError::VoteBytes));

        let held_out = |row_blocks| Order {
            held_out: Dataset {
                row_blocks,
                ..order().held_out
            },
            ..order()
        };
        let limit = 200 * row_block + 2 * state;
        assert_eq!(rules(limit).admit_order(&held_out(200)), Ok(()));
        let refused = Err(OrderError::ScoringBytes);
        assert_eq!(rules(limit).admit_order(&held_out(201)), refused);
        assert_eq!(rules(limit).admit_order(&held_out(u32::MAX)), refused);
    }
}
