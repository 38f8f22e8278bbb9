//! The market as its clients and workers see it.

use alloc::vec::Vec;
use polkadot_sdk::sp_runtime::AccountId32;
use quern_market::{AuditId, Order, OrderError, Role, TaskId, TicketId, info};

pub use quern_market::info::{Economics, TaskStage};

/// One ticket.
pub type TicketInfo = info::TicketInfo<AccountId32>;
/// One task.
pub type TaskInfo = info::TaskInfo<AccountId32>;
/// A miner of a task.
pub type MinerInfo = info::MinerInfo<AccountId32>;
/// One audit under way.
pub type AuditInfo = info::AuditInfo<AccountId32>;
/// A ballot under way.
pub type BallotInfo = info::BallotInfo<AccountId32>;
/// A voter of a ballot.
pub type SeatInfo = info::SeatInfo<AccountId32>;

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
        fn quote(order: Order) -> Result<u128, OrderError>;
        /// What an account has staked, may do and has earned.
        fn economics(who: AccountId32) -> Economics;
    }
}
