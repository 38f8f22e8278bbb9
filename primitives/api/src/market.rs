//! The market as its clients and workers see it.

use alloc::vec::Vec;
use codec::{Decode, Encode};
use polkadot_sdk::sp_runtime::AccountId32;
use quern_market::{
    AuditId, Claim, Duty, Order, Preferences, Role, RunId, Score, TaskId, TicketId,
};
use quern_work::{Hash, TaskSpec};
use scale_info::TypeInfo;

/// One ticket.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct TicketInfo {
    /// The ticket's id.
    pub id: TicketId,
    /// Who owns it.
    pub owner: AccountId32,
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

/// Where a task stands.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
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

/// A miner of a task.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct MinerInfo {
    /// The assigned ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub owner: AccountId32,
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
pub struct SeatInfo {
    /// The drawn ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub voter: AccountId32,
    /// Segments to re-execute, by their index in the claim; empty for evaluators.
    pub segments: Vec<u32>,
    /// Whether its digest is in.
    pub committed: bool,
    /// Whether its vote is in.
    pub revealed: bool,
}

/// A ballot under way.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct BallotInfo {
    /// Who votes.
    pub seats: Vec<SeatInfo>,
    /// Last block for digests.
    pub commit_until: u32,
    /// Last block for votes.
    pub reveal_until: u32,
    /// Whether votes are taken in the next block.
    pub reveals: bool,
}

/// One task.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct TaskInfo {
    /// The task's id.
    pub id: TaskId,
    /// Who pays; `None` for a commons task.
    pub client: Option<AccountId32>,
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
    pub miners: Vec<MinerInfo>,
    /// Who keeps its clock.
    pub supervisor: Option<(TicketId, AccountId32)>,
    /// The evaluators' ballot.
    pub evaluation: Option<BallotInfo>,
    /// The best run and its right answers on the held-out rows, as the evaluators found them.
    pub best: Option<Score>,
}

/// One audit under way.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct AuditInfo {
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
    pub author: AccountId32,
    /// The author's ticket, which tells where the states are served.
    pub ticket: TicketId,
    /// Steps of the claim that sealed blocks, and under which weights.
    pub sealed: Vec<(u64, Hash)>,
    /// The verifiers' ballot; `None` until they are drawn.
    pub ballot: Option<BallotInfo>,
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

polkadot_sdk::sp_api::decl_runtime_apis! {
    /// Questions about the market, answered by the state they are asked at.
    pub trait MarketApi {
        /// What a ticket of this role costs at least.
        fn ticket_price(role: Role) -> u128;
        /// Live tickets of this role.
        fn pool(role: Role) -> u32;
        /// One ticket, unless it was withdrawn.
        fn ticket(id: TicketId) -> Option<TicketInfo>;
        /// The tickets of an account, by ascending id.
        fn tickets_of(owner: AccountId32) -> Vec<TicketInfo>;
        /// One task.
        fn task(id: TaskId) -> Option<TaskInfo>;
        /// At most `limit` (at most 100) tasks from id `from` downwards, the latest first.
        fn tasks(from: TaskId, limit: u32) -> Vec<TaskInfo>;
        /// One audit under way.
        fn audit(id: AuditId) -> Option<AuditInfo>;
        /// Reputation in thousandths.
        fn reputation(who: AccountId32) -> u64;
        /// The going rate, in the smallest unit per 10⁹ MACs.
        fn price_hint() -> u128;
        /// Why an order would be refused now, as a named error; and the least fee that submitting it takes.
        fn quote(order: Order) -> Result<u128, quern_market::OrderError>;
        /// What an account has staked, may do and has earned.
        fn economics(who: AccountId32) -> Economics;
    }
}
