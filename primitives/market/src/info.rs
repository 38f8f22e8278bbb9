//! The market as its clients and workers see it: what the runtime tells about tickets, tasks, audits and accounts.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use codec::{Decode, Encode};
use quern_work::{Hash, TILE, TaskSpec};
use scale_info::TypeInfo;
use serde::Serialize;

use crate::{
    AuditId, Claim, Duty, Order, Preferences, Role, RunId, Score, TaskId, TicketId, order::MILLION,
};

/// One ticket.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct TicketInfo<AccountId> {
    /// The ticket's id.
    pub id: TicketId,
    /// Who owns it.
    pub owner: AccountId,
    /// What it licenses.
    pub role: Role,
    /// Money held for it.
    pub stake: u128,
    /// What its owner is willing to do.
    pub preferences: Preferences,
    /// Block in which it was bought.
    pub bought: u32,
    /// Block from which on it is no longer live, unless renewed.
    pub expires: u32,
    /// Once retired or expired, the block from which on its stake can be withdrawn.
    pub withdrawable: Option<u32>,
    /// What it is bound to do now.
    pub duties: Vec<Duty>,
}

impl<AccountId> TicketInfo<AccountId> {
    /// Where its owner serves blobs; `None` where that is nowhere.
    pub fn contact(&self) -> Option<String> {
        contact(&self.preferences.contact)
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, Serialize, TypeInfo)]
#[serde(rename_all = "camelCase")]
pub enum TaskStage {
    /// Without a client and without an end.
    Commons,
    /// Waits for miners.
    Open,
    /// Miners are assigned; none has opened its run yet.
    Assigned,
    /// At least one run is open.
    Training,
    /// Runs have ended; evaluators score them.
    Evaluating,
    /// The target was reached.
    Completed,
    /// The target was missed, or nobody could score the models.
    Failed,
    /// The deadline passed before any run ended.
    Expired,
    /// The client took it back before training began.
    Cancelled,
}

impl TaskStage {
    /// Whether nothing more will happen.
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Expired | Self::Cancelled
        )
    }
}

impl fmt::Display for TaskStage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Commons => "commons",
            Self::Open => "open",
            Self::Assigned => "assigned",
            Self::Training => "training",
            Self::Evaluating => "evaluating",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A miner of a task.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct MinerInfo<AccountId> {
    /// The assigned ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub owner: AccountId,
    /// The run it opened.
    pub run: Option<RunId>,
    /// Steps accepted by audits.
    pub accepted: u64,
    /// MACs accepted by audits.
    pub macs: u128,
    /// State root after the accepted steps.
    pub state_root: Option<Hash>,
    /// Block by which it must show progress, or be replaced.
    pub due: u32,
}

/// A voter of a ballot.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct SeatInfo<AccountId> {
    /// The drawn ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub voter: AccountId,
    /// Segments to re-execute, by their index in the claim; empty for evaluators.
    pub segments: Vec<u32>,
    /// Whether its digest is in.
    pub committed: bool,
    /// Whether its vote is in.
    pub revealed: bool,
}

/// A ballot under way.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct BallotInfo<AccountId> {
    /// Who votes.
    pub seats: Vec<SeatInfo<AccountId>>,
    /// Last block for digests.
    pub commit_until: u32,
    /// Last block for votes.
    pub reveal_until: u32,
    /// Whether votes are taken in the next block.
    pub reveals: bool,
}

/// One task.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct TaskInfo<AccountId> {
    /// The task's id.
    pub id: TaskId,
    /// Who pays; `None` for a commons task.
    pub client: Option<AccountId>,
    /// What is trained.
    pub spec: TaskSpec,
    /// The whole order; `None` for a commons task.
    pub order: Option<Order>,
    /// The fee as paid, before anything was burnt.
    pub fee: u128,
    /// Where it stands.
    pub stage: TaskStage,
    /// Block in which it was submitted.
    pub submitted: u32,
    /// Block after which training must have ended; `u32::MAX` for a commons task.
    pub deadline: u32,
    /// Who trains it; empty for a commons task.
    pub miners: Vec<MinerInfo<AccountId>>,
    /// Who keeps its clock.
    pub supervisor: Option<(TicketId, AccountId)>,
    /// The evaluators' ballot.
    pub evaluation: Option<BallotInfo<AccountId>>,
    /// The best run and its right answers on the held-out rows, as the evaluators found them.
    pub best: Option<Score>,
}

impl<AccountId> TaskInfo<AccountId> {
    /// What the client calls it; empty for a commons task.
    pub fn name(&self) -> String {
        let name = self.order.as_ref().map(|order| order.name.as_slice());
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }

    /// Where the client serves the data; `None` where that is nowhere.
    pub fn contact(&self) -> Option<String> {
        contact(&self.order.as_ref()?.contact)
    }

    /// The best run's right answers in parts per million of the held-out rows.
    pub fn best_millionths(&self) -> Option<u32> {
        let rows = u64::from(self.order.as_ref()?.held_out.row_blocks) * TILE as u64;
        let millionths = u64::from(self.best?.correct) * u64::from(MILLION);
        u32::try_from(millionths.checked_div(rows)?).ok()
    }
}

/// One audit under way.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct AuditInfo<AccountId> {
    /// The audit's id.
    pub id: AuditId,
    /// What is audited.
    pub claim: Claim,
    /// The task of the claim's run.
    pub task: TaskId,
    /// Seed of the claim's run.
    pub seed: Hash,
    /// What the run trains.
    pub spec: TaskSpec,
    /// Who made the claim.
    pub author: AccountId,
    /// The author's ticket, which tells where the states are served.
    pub ticket: TicketId,
    /// Steps of the claim that sealed blocks, and under which weights.
    pub sealed: Vec<(u64, Hash)>,
    /// The verifiers' ballot; `None` until they are drawn.
    pub ballot: Option<BallotInfo<AccountId>>,
    /// Draws before this one.
    pub redraws: u32,
}

/// What an account has staked, may do and has earned.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct Economics {
    /// Stakes of all its tickets.
    pub stake: u128,
    /// Roles of its live tickets, each once.
    pub roles: Vec<Role>,
    /// Reputation in thousandths.
    pub reputation: u64,
    /// Emission paid out to it so far: author's, worker's and voter's shares.
    pub earned: u128,
    /// Worker shares that wait for an audit.
    pub vesting: u128,
}

/// A contact as text; `None` where it is empty or no text.
fn contact(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_work::Dataset;

    fn order() -> Order {
        let dataset = Dataset {
            root: [8; 32],
            row_blocks: 1000,
            features: 784,
            classes: 10,
        };
        Order {
            name: b"digits".to_vec().try_into().unwrap(),
            held_out: Dataset {
                row_blocks: 125,
                ..dataset.clone()
            },
            spec: TaskSpec {
                dataset,
                hidden: [1024].to_vec().try_into().unwrap(),
                batch: 512,
                lr_shift: 4,
                lr_every: 1000,
                segment: 64,
            },
            steps: 640,
            workers: 2,
            evaluators: 3,
            target: 950_000,
            deadline: 5_000,
            gpu: false,
            contact: Default::default(),
        }
    }

    fn task() -> TaskInfo<u8> {
        let miner = |owner, run| MinerInfo {
            ticket: 1,
            owner,
            run,
            accepted: 0,
            macs: 0,
            state_root: None,
            due: 100,
        };
        TaskInfo {
            id: 3,
            client: Some(5),
            spec: order().spec,
            order: Some(order()),
            fee: 1,
            stage: TaskStage::Completed,
            submitted: 17,
            deadline: 5_017,
            miners: [miner(6, None), miner(7, Some(9))].to_vec(),
            supervisor: None,
            evaluation: None,
            best: Some(Score {
                run: 9,
                correct: 1_900,
            }),
        }
    }

    #[test]
    fn a_score_is_in_millionths_of_the_held_out_rows() {
        // 1900 of 125 blocks of 16 rows.
        assert_eq!(task().best_millionths(), Some(950_000));
        let commons = TaskInfo {
            order: None,
            ..task()
        };
        assert_eq!(commons.best_millionths(), None);
    }

    #[test]
    fn a_contact_is_text_or_none() {
        let contact = |bytes: &[u8]| {
            let order = Order {
                contact: bytes.to_vec().try_into().unwrap(),
                ..order()
            };
            TaskInfo {
                order: Some(order),
                ..task()
            }
            .contact()
        };
        assert_eq!(contact(b"/dns4/x").as_deref(), Some("/dns4/x"));
        assert_eq!(contact(b""), None);
        assert_eq!(contact(&[0xFF]), None);
        assert_eq!(task().name(), "digits");
    }

    #[test]
    fn four_stages_are_over() {
        use TaskStage::*;
        let running = [Commons, Open, Assigned, Training, Evaluating];
        assert!(running.iter().all(|stage| !stage.is_over()));
        let over = [Completed, Failed, Expired, Cancelled];
        assert!(over.iter().all(|stage| stage.is_over()));
        assert_eq!(format!("{Cancelled:>10}"), " cancelled");
    }
}
