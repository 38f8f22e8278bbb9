//! Runs and the rules they are worked by, as the chain's runtime tells them.

use crate::{Account, text};
use codec::{Decode, Encode, Input};
use quern_market::{AuditId, TicketId};
use quern_work::{Hash, task::TaskSpec};
use serde::{Deserialize, Serialize};

/// One worker's execution of a task, as a template shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The run's number.
    pub id: u64,
    /// The task it executes.
    pub task: u32,
    /// The seed of its weights and batches.
    #[serde(with = "text::hash")]
    pub seed: Hash,
    /// What the task asks for.
    pub spec: TaskSpec,
    /// The ticket it was opened with.
    pub ticket: TicketId,
    /// Steps it is to have; none for a run of a commons task, which has no end.
    pub steps: Option<u64>,
    /// Steps accepted by audits: the first step of the window.
    pub accepted: u64,
    /// Steps covered by the last revealed claim: the window ends [`WorkRules::max_ahead`] steps later.
    pub committed: u64,
    /// State root after [`Run::accepted`] steps; none before the first accepted claim.
    #[serde(with = "text::maybe_hash")]
    pub state_root: Option<Hash>,
    /// The claim under way.
    pub pending: Option<PendingClaim>,
    /// The last step that sealed a block.
    pub last_sealed: Option<u64>,
    /// Multiply–accumulates credited.
    #[serde(with = "text::decimal")]
    pub macs: u128,
    /// Blocks sealed.
    pub seals: u64,
    /// Shares credited.
    pub shares: u64,
    /// Step and tile ordinal of the last share: the next one must be greater.
    pub last_share: Option<(u64, u32)>,
    /// Worker shares that wait for an audit.
    #[serde(with = "text::decimal")]
    pub vesting: u128,
}

/// A run's claim under way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PendingClaim {
    /// Its commitment is on chain.
    Committed {
        /// Digest of the claim and its salt.
        #[serde(with = "text::hash")]
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

/// A run and whose it is: what the runtime tells. A closed run is gone from the chain's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// The account that works the run.
    #[serde(with = "text::hash")]
    pub owner: Account,
    /// The run.
    #[serde(flatten)]
    pub run: Run,
}

impl Decode for RunInfo {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        let (id, task, owner) = Decode::decode(input)?;
        let run = Run {
            id,
            task,
            seed: Decode::decode(input)?,
            spec: Decode::decode(input)?,
            ticket: Decode::decode(input)?,
            steps: Decode::decode(input)?,
            accepted: Decode::decode(input)?,
            committed: Decode::decode(input)?,
            state_root: Decode::decode(input)?,
            pending: Decode::decode(input)?,
            last_sealed: Decode::decode(input)?,
            macs: Decode::decode(input)?,
            seals: Decode::decode(input)?,
            shares: Decode::decode(input)?,
            last_share: Decode::decode(input)?,
            vesting: Decode::decode(input)?,
        };
        Ok(Self { owner, run })
    }
}

/// The rules every seal and share is checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkRules {
    /// Rank of the noise.
    pub noise_rank: u32,
    /// Steps past the last committed one that may be worked.
    pub max_ahead: u64,
    /// Multiply–accumulates one share stands for.
    #[serde(with = "text::decimal")]
    pub share_difficulty: u128,
    /// Tiles allowed per batch row, Q32.32.
    #[serde(with = "text::decimal")]
    pub omega_b: u64,
    /// Tiles allowed per parameter, Q32.32.
    #[serde(with = "text::decimal")]
    pub omega_m: u64,
    /// Multiply–accumulates that a voter may be asked to execute for one ballot.
    #[serde(with = "text::decimal")]
    pub max_vote_macs: u64,
    /// Bytes that a voter may be asked to fetch for one ballot.
    #[serde(with = "text::decimal")]
    pub max_vote_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tests::{RUN_JSON, run};

    #[test]
    fn a_run_reads_from_the_runtimes_bytes() {
        let expected = run();
        for (told, pending) in [
            (None, None),
            (
                Some(quern_api::PendingClaim::Committed {
                    commitment: [6; 32],
                    at: 7,
                }),
                Some(PendingClaim::Committed {
                    commitment: [6; 32],
                    at: 7,
                }),
            ),
            (
                Some(quern_api::PendingClaim::Revealed { audit: 8, to: 192 }),
                Some(PendingClaim::Revealed { audit: 8, to: 192 }),
            ),
        ] {
            let bytes = quern_api::RunInfo {
                id: expected.id,
                task: expected.task,
                owner: [5; 32].into(),
                seed: expected.seed,
                spec: expected.spec.clone(),
                ticket: expected.ticket,
                steps: expected.steps,
                accepted: expected.accepted,
                committed: expected.committed,
                state_root: expected.state_root,
                pending: told,
                last_sealed: expected.last_sealed,
                macs: expected.macs,
                seals: expected.seals,
                shares: expected.shares,
                last_share: expected.last_share,
                vesting: expected.vesting,
            }
            .encode();
            let mut rest = bytes.as_slice();
            let run = Run {
                pending,
                ..expected.clone()
            };
            let owner = [5; 32];
            assert_eq!(RunInfo::decode(&mut rest).unwrap(), RunInfo { owner, run });
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_run_info_is_flat_in_json() {
        let info = RunInfo {
            owner: [5; 32],
            run: run(),
        };
        let json = serde_json::to_value(&info).unwrap();
        let plain: serde_json::Value = serde_json::from_str(RUN_JSON).unwrap();
        for (key, value) in plain.as_object().unwrap() {
            assert_eq!(&json[key], value, "{key}");
        }
        assert_eq!(json["owner"], format!("0x{}", "05".repeat(32)));
        assert_eq!(serde_json::from_value::<RunInfo>(json).unwrap(), info);
    }
}
