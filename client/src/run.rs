//! Runs and the rules they are worked by, as the chain's runtime tells them.

use crate::{Account, text};
use codec::{Decode, Encode, Input};
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
    /// Steps checkpointed so far: the first step of the window.
    pub committed: u64,
    /// State root after [`Run::committed`] steps; none before the first checkpoint.
    #[serde(with = "text::maybe_hash")]
    pub state_root: Option<Hash>,
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
    /// Balance that vests at the next checkpoint.
    #[serde(with = "text::decimal")]
    pub vesting: u128,
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

/// The runtime's layout of a run.
#[derive(Encode, Decode)]
struct Layout {
    id: u64,
    task: u32,
    owner: Account,
    seed: Hash,
    spec: TaskSpec,
    committed: u64,
    state_root: Option<Hash>,
    last_sealed: Option<u64>,
    macs: u128,
    seals: u64,
    shares: u64,
    last_share: Option<(u64, u32)>,
    vesting: u128,
}

impl Decode for RunInfo {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        let layout = Layout::decode(input)?;
        Ok(Self {
            owner: layout.owner,
            run: Run {
                id: layout.id,
                task: layout.task,
                seed: layout.seed,
                spec: layout.spec,
                committed: layout.committed,
                state_root: layout.state_root,
                last_sealed: layout.last_sealed,
                macs: layout.macs,
                seals: layout.seals,
                shares: layout.shares,
                last_share: layout.last_share,
                vesting: layout.vesting,
            },
        })
    }
}

/// The rules every seal and share is checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkRules {
    /// Rank of the noise.
    pub noise_rank: u32,
    /// Steps past the last checkpoint that may be worked.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tests::{RUN_JSON, run};

    #[test]
    fn a_run_reads_from_the_runtimes_bytes() {
        let expected = run();
        let bytes = Layout {
            id: expected.id,
            task: expected.task,
            owner: [5; 32],
            seed: expected.seed,
            spec: expected.spec.clone(),
            committed: expected.committed,
            state_root: expected.state_root,
            last_sealed: expected.last_sealed,
            macs: expected.macs,
            seals: expected.seals,
            shares: expected.shares,
            last_share: expected.last_share,
            vesting: expected.vesting,
        }
        .encode();
        let read = RunInfo::decode(&mut bytes.as_slice()).unwrap();
        assert_eq!(
            read,
            RunInfo {
                owner: [5; 32],
                run: expected
            }
        );
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
