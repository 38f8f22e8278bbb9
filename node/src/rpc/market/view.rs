//! The JSON of tickets, tasks and audits.

use polkadot_sdk::{sp_core::H256, sp_runtime::AccountId32};
use quern_api::market::{
    AuditInfo, BallotInfo, MinerInfo, SeatInfo, TaskInfo, TaskStage, TicketInfo,
};
use quern_market::{
    AuditId, Claim, Duty, Order, Preferences, Role, RunId, Score, TaskId, TicketId,
};
use quern_pouw::rpc::{account, decimal};
use quern_work::{Dataset, TaskSpec};
use serde::Serialize;

/// One ticket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketView {
    /// The ticket's id.
    pub id: TicketId,
    /// Who owns it.
    pub owner: H256,
    /// What it licenses.
    pub role: Role,
    /// Money held for it.
    #[serde(serialize_with = "decimal")]
    pub stake: u128,
    /// What its owner is willing to do.
    pub preferences: PreferencesView,
    /// Block in which it was bought.
    pub bought: u32,
    /// Block from which on it is no longer live, unless renewed.
    pub expires: u32,
    /// Once retired or expired, the block from which on its stake can be withdrawn.
    pub withdrawable: Option<u32>,
    /// What it is bound to do now.
    pub duties: Vec<Duty>,
}

impl From<&TicketInfo> for TicketView {
    fn from(ticket: &TicketInfo) -> Self {
        Self {
            id: ticket.id,
            owner: account(&ticket.owner),
            role: ticket.role,
            stake: ticket.stake,
            preferences: PreferencesView::from(&ticket.preferences),
            bought: ticket.bought,
            expires: ticket.expires,
            withdrawable: ticket.withdrawable,
            duties: ticket.duties.clone(),
        }
    }
}

/// What a ticket's owner is willing to do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreferencesView {
    /// Whether the machine has a GPU.
    pub gpu: bool,
    /// Most row blocks of a dataset.
    pub max_row_blocks: u32,
    /// Most duties at a time.
    pub concurrent: u32,
    /// Where blobs are served; empty if nowhere.
    pub contact: String,
}

impl From<&Preferences> for PreferencesView {
    fn from(preferences: &Preferences) -> Self {
        Self {
            gpu: preferences.gpu,
            max_row_blocks: preferences.max_row_blocks,
            concurrent: preferences.concurrent,
            contact: text(&preferences.contact),
        }
    }
}

/// One task.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// The task's id.
    pub id: TaskId,
    /// Who pays; none for a commons task.
    pub client: Option<H256>,
    /// What is trained.
    pub spec: TaskSpec,
    /// What else the client ordered; none for a commons task.
    pub order: Option<OrderView>,
    /// The fee as paid, before anything was burnt.
    #[serde(serialize_with = "decimal")]
    pub fee: u128,
    /// Where it stands.
    pub stage: TaskStage,
    /// Block in which it was submitted.
    pub submitted: u32,
    /// Block after which training must have ended; none for a commons task.
    pub deadline: Option<u32>,
    /// Who trains it.
    pub miners: Vec<MinerView>,
    /// Who keeps its clock.
    pub supervisor: Option<SupervisorView>,
    /// The evaluators' ballot.
    pub evaluation: Option<BallotView>,
    /// The best run, as the evaluators found it.
    pub best: Option<ScoreView>,
}

impl From<&TaskInfo> for TaskView {
    fn from(task: &TaskInfo) -> Self {
        Self {
            id: task.id,
            client: task.client.as_ref().map(account),
            spec: task.spec.clone(),
            order: task.order.as_ref().map(OrderView::from),
            fee: task.fee,
            stage: task.stage,
            submitted: task.submitted,
            deadline: (task.stage != TaskStage::Commons).then_some(task.deadline),
            miners: task.miners.iter().map(MinerView::from).collect(),
            supervisor: task.supervisor.as_ref().map(SupervisorView::from),
            evaluation: task.evaluation.as_ref().map(BallotView::from),
            best: task.best.as_ref().map(ScoreView::from),
        }
    }
}

/// What a client ordered, besides what is trained.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    /// What the client calls it.
    pub name: String,
    /// Commitment to the rows that nobody trains on.
    pub held_out: Dataset,
    /// Steps of each run.
    pub steps: u64,
    /// Runs side by side.
    pub workers: u32,
    /// Evaluators wanted.
    pub evaluators: u32,
    /// Held-out answers that must be right, in parts per million.
    pub target: u32,
    /// Whether the miners need a GPU.
    pub gpu: bool,
    /// Where the client serves the data.
    pub contact: String,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        Self {
            name: text(&order.name),
            held_out: order.held_out.clone(),
            steps: order.steps,
            workers: order.workers,
            evaluators: order.evaluators,
            target: order.target,
            gpu: order.gpu,
            contact: text(&order.contact),
        }
    }
}

/// A miner of a task.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MinerView {
    /// The assigned ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub owner: H256,
    /// The run it opened.
    pub run: Option<RunId>,
    /// Steps accepted by audits.
    pub accepted: u64,
    /// MACs accepted by audits.
    #[serde(serialize_with = "decimal")]
    pub macs: u128,
    /// State root after the accepted steps.
    pub state_root: Option<H256>,
    /// Block by which it must show progress, or be replaced.
    pub due: u32,
}

impl From<&MinerInfo> for MinerView {
    fn from(miner: &MinerInfo) -> Self {
        Self {
            ticket: miner.ticket,
            owner: account(&miner.owner),
            run: miner.run,
            accepted: miner.accepted,
            macs: miner.macs,
            state_root: miner.state_root.map(H256),
            due: miner.due,
        }
    }
}

/// Who keeps a task's clock.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SupervisorView {
    /// The assigned ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub owner: H256,
}

impl From<&(TicketId, AccountId32)> for SupervisorView {
    fn from((ticket, owner): &(TicketId, AccountId32)) -> Self {
        Self {
            ticket: *ticket,
            owner: account(owner),
        }
    }
}

/// A vote under way.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BallotView {
    /// Who votes.
    pub seats: Vec<SeatView>,
    /// Last block for digests.
    pub commit_until: u32,
    /// Last block for votes.
    pub reveal_until: u32,
    /// Whether votes are taken in the next block.
    pub reveals: bool,
}

impl From<&BallotInfo> for BallotView {
    fn from(ballot: &BallotInfo) -> Self {
        Self {
            seats: ballot.seats.iter().map(SeatView::from).collect(),
            commit_until: ballot.commit_until,
            reveal_until: ballot.reveal_until,
            reveals: ballot.reveals,
        }
    }
}

/// A voter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatView {
    /// The drawn ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub voter: H256,
    /// Segments to re-execute, by their index in the claim; empty for evaluators.
    pub segments: Vec<u32>,
    /// Whether its digest is in.
    pub committed: bool,
    /// Whether its vote is in.
    pub revealed: bool,
}

impl From<&SeatInfo> for SeatView {
    fn from(seat: &SeatInfo) -> Self {
        Self {
            ticket: seat.ticket,
            voter: account(&seat.voter),
            segments: seat.segments.clone(),
            committed: seat.committed,
            revealed: seat.revealed,
        }
    }
}

/// Right answers of a run's final model on the held-out rows.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreView {
    /// The run.
    pub run: RunId,
    /// Right answers.
    pub correct: u32,
}

impl From<&Score> for ScoreView {
    fn from(score: &Score) -> Self {
        Self {
            run: score.run,
            correct: score.correct,
        }
    }
}

/// One audit under way.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditView {
    /// The audit's id.
    pub id: AuditId,
    /// What is audited.
    pub claim: ClaimView,
    /// The task of the claim's run.
    pub task: TaskId,
    /// Seed of the claim's run.
    pub seed: H256,
    /// What the run trains.
    pub spec: TaskSpec,
    /// Who made the claim.
    pub author: H256,
    /// The author's ticket.
    pub ticket: TicketId,
    /// Steps of the claim that sealed blocks, and under which weights.
    pub sealed: Vec<(u64, H256)>,
    /// The verifiers' ballot; none until they are drawn.
    pub ballot: Option<BallotView>,
    /// Draws before this one.
    pub redraws: u32,
}

impl From<&AuditInfo> for AuditView {
    fn from(audit: &AuditInfo) -> Self {
        Self {
            id: audit.id,
            claim: ClaimView::from(&audit.claim),
            task: audit.task,
            seed: H256(audit.seed),
            spec: audit.spec.clone(),
            author: account(&audit.author),
            ticket: audit.ticket,
            sealed: audit
                .sealed
                .iter()
                .map(|(step, root)| (*step, H256(*root)))
                .collect(),
            ballot: audit.ballot.as_ref().map(BallotView::from),
            redraws: audit.redraws,
        }
    }
}

/// What a run's author says it reached.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimView {
    /// The run.
    pub run: RunId,
    /// First step.
    pub from: u64,
    /// Step after the last.
    pub to: u64,
    /// State root after `to` steps.
    pub state_root: H256,
    /// Root of the trace.
    pub trace_root: H256,
    /// Root of the state roots at the segments' starts.
    pub starts_root: H256,
    /// Right answers over the training batches of the last segment.
    pub metric: u32,
}

impl From<&Claim> for ClaimView {
    fn from(claim: &Claim) -> Self {
        Self {
            run: claim.run,
            from: claim.from,
            to: claim.to,
            state_root: H256(claim.state_root),
            trace_root: H256(claim.trace_root),
            starts_root: H256(claim.starts_root),
            metric: claim.metric,
        }
    }
}

/// Text that somebody put on the chain, whatever its bytes are.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
