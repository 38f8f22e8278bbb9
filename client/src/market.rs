//! The market as the runtime tells it: tickets, tasks, audits, and what an account has at stake.

use crate::{Account, Client, Error};
use codec::Encode;
use quern_market::{AuditId, Order, OrderError, Role, TaskId, TicketId, info};
use quern_work::Hash;

pub use quern_market::info::{Economics, TaskStage};

/// One ticket.
pub type TicketInfo = info::TicketInfo<Account>;
/// One task.
pub type TaskInfo = info::TaskInfo<Account>;
/// A miner of a task.
pub type MinerInfo = info::MinerInfo<Account>;
/// One audit under way.
pub type AuditInfo = info::AuditInfo<Account>;
/// A ballot under way.
pub type BallotInfo = info::BallotInfo<Account>;
/// A voter of a ballot.
pub type SeatInfo = info::SeatInfo<Account>;

/// Questions about the market at block `at`, by default the best one.
impl Client {
    /// What a ticket of this role costs at least.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn ticket_price(&self, role: Role, at: Option<Hash>) -> Result<u128, Error> {
        self.state_call("MarketApi_ticket_price", &role.encode(), at)
            .await
    }

    /// Live tickets of this role.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn pool(&self, role: Role, at: Option<Hash>) -> Result<u32, Error> {
        self.state_call("MarketApi_pool", &role.encode(), at).await
    }

    /// One ticket; none when it was never bought, or is withdrawn.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn ticket(
        &self,
        id: TicketId,
        at: Option<Hash>,
    ) -> Result<Option<TicketInfo>, Error> {
        self.state_call("MarketApi_ticket", &id.encode(), at).await
    }

    /// The tickets of an account, by ascending id.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn tickets_of(
        &self,
        owner: &Account,
        at: Option<Hash>,
    ) -> Result<Vec<TicketInfo>, Error> {
        self.state_call("MarketApi_tickets_of", owner, at).await
    }

    /// One task.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn task(&self, id: TaskId, at: Option<Hash>) -> Result<Option<TaskInfo>, Error> {
        self.state_call("MarketApi_task", &id.encode(), at).await
    }

    /// At most `limit` (at most 100) tasks from id `from` downwards, the latest first.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn tasks(
        &self,
        from: TaskId,
        limit: u32,
        at: Option<Hash>,
    ) -> Result<Vec<TaskInfo>, Error> {
        self.state_call("MarketApi_tasks", &(from, limit).encode(), at)
            .await
    }

    /// One audit under way.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn audit(&self, id: AuditId, at: Option<Hash>) -> Result<Option<AuditInfo>, Error> {
        self.state_call("MarketApi_audit", &id.encode(), at).await
    }

    /// An account's reputation in thousandths.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn reputation(&self, who: &Account, at: Option<Hash>) -> Result<u64, Error> {
        self.state_call("MarketApi_reputation", who, at).await
    }

    /// The going rate, in the smallest unit per 10⁹ MACs.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn price_hint(&self, at: Option<Hash>) -> Result<u128, Error> {
        self.state_call("MarketApi_price_hint", &[], at).await
    }

    /// The least fee that submitting an order takes. The outer error is the connection's, the inner one says why the
    /// chain would refuse the order.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn quote(
        &self,
        order: &Order,
        at: Option<Hash>,
    ) -> Result<Result<u128, OrderError>, Error> {
        self.state_call("MarketApi_quote", &order.encode(), at)
            .await
    }

    /// What an account has staked, may do and has earned.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn economics(&self, who: &Account, at: Option<Hash>) -> Result<Economics, Error> {
        self.state_call("MarketApi_economics", who, at).await
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::template::tests::run;
    use codec::Decode;
    use quern_market::Score;
    use quern_work::task::Dataset;

    pub(crate) fn order() -> Order {
        let spec = run().spec;
        Order {
            name: b"digits".to_vec().try_into().unwrap(),
            held_out: Dataset {
                root: [7; 32],
                row_blocks: 125,
                ..spec.dataset
            },
            spec,
            steps: 640,
            workers: 2,
            evaluators: 3,
            target: 950_000,
            deadline: 5_000,
            gpu: false,
            contact: b"/ip4/127.0.0.1/tcp/1/p2p/x".to_vec().try_into().unwrap(),
        }
    }

    /// A task, its accounts made from bytes.
    fn told<AccountId>(account: impl Fn([u8; 32]) -> AccountId) -> info::TaskInfo<AccountId> {
        info::TaskInfo {
            id: 3,
            client: Some(account([5; 32])),
            spec: order().spec,
            order: Some(order()),
            fee: 1 << 90,
            stage: TaskStage::Evaluating,
            submitted: 17,
            deadline: 5_017,
            miners: vec![info::MinerInfo {
                ticket: 1,
                owner: account([8; 32]),
                run: Some(9),
                accepted: 640,
                macs: 1 << 70,
                state_root: Some([3; 32]),
                due: 100,
            }],
            supervisor: Some((2, account([4; 32]))),
            evaluation: Some(info::BallotInfo {
                seats: vec![info::SeatInfo {
                    ticket: 4,
                    voter: account([6; 32]),
                    segments: vec![1, 63],
                    committed: true,
                    revealed: false,
                }],
                commit_until: 90,
                reveal_until: 95,
                reveals: true,
            }),
            best: Some(Score {
                run: 9,
                correct: 1_900,
            }),
        }
    }

    pub(crate) fn task() -> TaskInfo {
        told(|account| account)
    }

    #[test]
    fn a_task_reads_from_the_runtimes_bytes() {
        let bytes = told(subxt::utils::AccountId32).encode();
        assert_eq!(TaskInfo::decode(&mut bytes.as_slice()), Ok(task()));
    }
}
