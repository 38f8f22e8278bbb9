//! The market as the runtime tells it: tickets, tasks, audits, and what an account has at stake.
//!
//! The types have the layout of the runtime API's, with accounts as plain bytes; a test compares the two.

use crate::{Account, Client, Error};
use codec::{Decode, Encode};
use core::fmt;
use quern_market::{
    AuditId, Claim, Duty, Order, OrderError, Preferences, Role, RunId, Score, TaskId, TicketId,
};
use quern_work::{Hash, task::TaskSpec};

/// One ticket.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TicketInfo {
    /// The ticket's id.
    pub id: TicketId,
    /// Who owns it.
    pub owner: Account,
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

impl TicketInfo {
    /// Where its owner serves blobs; none where that is nowhere.
    #[must_use]
    pub fn contact(&self) -> Option<String> {
        contact(&self.preferences.contact)
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
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
    #[must_use]
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
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MinerInfo {
    /// The assigned ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub owner: Account,
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
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SeatInfo {
    /// The drawn ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub voter: Account,
    /// Segments to re-execute, by their index in the claim; empty for evaluators.
    pub segments: Vec<u32>,
    /// Whether its digest is in.
    pub committed: bool,
    /// Whether its vote is in.
    pub revealed: bool,
}

/// A ballot under way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
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
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaskInfo {
    /// The task's id.
    pub id: TaskId,
    /// Who pays; none for a commons task.
    pub client: Option<Account>,
    /// What is trained.
    pub spec: TaskSpec,
    /// The whole order; none for a commons task.
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
    pub supervisor: Option<(TicketId, Account)>,
    /// The evaluators' ballot.
    pub evaluation: Option<BallotInfo>,
    /// The best run and its right answers on the held-out rows, as the evaluators found them.
    pub best: Option<Score>,
}

impl TaskInfo {
    /// What the client calls it; empty for a commons task.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.order.as_ref().map(|order| order.name.as_slice());
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }

    /// Where the client serves the data; none where that is nowhere.
    #[must_use]
    pub fn contact(&self) -> Option<String> {
        contact(&self.order.as_ref()?.contact)
    }

    /// The miner whose run the evaluators found best.
    #[must_use]
    pub fn best_miner(&self) -> Option<&MinerInfo> {
        let best = self.best?.run;
        self.miners.iter().find(|miner| miner.run == Some(best))
    }

    /// The best run's right answers in parts per million of the held-out rows.
    #[must_use]
    pub fn best_millionths(&self) -> Option<u32> {
        let rows = u64::from(self.order.as_ref()?.held_out.row_blocks) * quern_work::TILE as u64;
        let millionths = u64::from(self.best?.correct) * u64::from(quern_market::order::MILLION);
        u32::try_from(millionths.checked_div(rows)?).ok()
    }
}

/// One audit under way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
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
    pub author: Account,
    /// The author's ticket, which tells where the states are served.
    pub ticket: TicketId,
    /// Steps of the claim that sealed blocks, and under which weights.
    pub sealed: Vec<(u64, Hash)>,
    /// The verifiers' ballot; none until they are drawn.
    pub ballot: Option<BallotInfo>,
    /// Draws before this one.
    pub redraws: u32,
}

/// What an account has staked, may do and has earned.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
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

/// A contact as text; none where it is empty or no text.
fn contact(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::template::tests::run;
    use quern_api::market as api;
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

    /// The client's type reads the runtime's bytes and writes the same ones again.
    fn same_layout<T: Encode + Decode>(told: impl Encode) -> T {
        let bytes = told.encode();
        let read = T::decode(&mut bytes.as_slice()).unwrap();
        assert_eq!(read.encode(), bytes);
        read
    }

    fn ballot() -> api::BallotInfo {
        api::BallotInfo {
            seats: vec![api::SeatInfo {
                ticket: 4,
                voter: [6; 32].into(),
                segments: vec![1, 63],
                committed: true,
                revealed: false,
            }],
            commit_until: 90,
            reveal_until: 95,
            reveals: true,
        }
    }

    fn told_task() -> api::TaskInfo {
        api::TaskInfo {
            id: 3,
            client: Some([5; 32].into()),
            spec: order().spec,
            order: Some(order()),
            fee: 1 << 90,
            stage: api::TaskStage::Evaluating,
            submitted: 17,
            deadline: 5_017,
            miners: vec![api::MinerInfo {
                ticket: 1,
                owner: [8; 32].into(),
                run: Some(9),
                accepted: 640,
                macs: 1 << 70,
                state_root: Some([3; 32]),
                due: 100,
            }],
            supervisor: Some((2, [4; 32].into())),
            evaluation: Some(ballot()),
            best: Some(Score {
                run: 9,
                correct: 1_900,
            }),
        }
    }

    pub(crate) fn task() -> TaskInfo {
        same_layout(told_task())
    }

    #[test]
    fn a_task_reads_from_the_runtimes_bytes() {
        let task = task();
        assert_eq!(task.name(), "digits");
        assert_eq!(
            task.contact().as_deref(),
            Some("/ip4/127.0.0.1/tcp/1/p2p/x")
        );
        assert_eq!(task.best_miner().unwrap().owner, [8; 32]);
        assert_eq!(task.best_millionths(), Some(950_000));
        assert_eq!(task.evaluation.unwrap().seats[0].voter, [6; 32]);
    }

    #[test]
    fn every_stage_has_the_runtimes_number() {
        use api::TaskStage as Told;
        for (told, read, over) in [
            (Told::Commons, TaskStage::Commons, false),
            (Told::Open, TaskStage::Open, false),
            (Told::Assigned, TaskStage::Assigned, false),
            (Told::Training, TaskStage::Training, false),
            (Told::Evaluating, TaskStage::Evaluating, false),
            (Told::Completed, TaskStage::Completed, true),
            (Told::Failed, TaskStage::Failed, true),
            (Told::Expired, TaskStage::Expired, true),
            (Told::Cancelled, TaskStage::Cancelled, true),
        ] {
            assert_eq!(same_layout::<TaskStage>(told), read);
            assert_eq!(read.is_over(), over);
            assert_eq!(read.to_string(), format!("{told:?}").to_lowercase());
        }
    }

    #[test]
    fn tickets_audits_and_economics_read_from_the_runtimes_bytes() {
        let ticket: TicketInfo = same_layout(api::TicketInfo {
            id: 1,
            owner: [2; 32].into(),
            role: Role::Evaluator,
            stake: 3,
            preferences: Preferences::any(4),
            bought: 5,
            expires: 6,
            withdrawable: Some(7),
            duties: vec![Duty::Evaluate(8), Duty::Audit(9)],
        });
        assert_eq!(
            (ticket.owner, ticket.role, ticket.contact()),
            ([2; 32], Role::Evaluator, None)
        );
        let audit: AuditInfo = same_layout(api::AuditInfo {
            id: 1,
            claim: Claim {
                run: 2,
                from: 0,
                to: 64,
                state_root: [3; 32],
                trace_root: [4; 32],
                starts_root: [5; 32],
                metric: 6,
            },
            task: 7,
            seed: [8; 32],
            spec: order().spec,
            author: [9; 32].into(),
            ticket: 10,
            sealed: vec![(11, [12; 32])],
            ballot: Some(ballot()),
            redraws: 1,
        });
        assert_eq!(
            (audit.author, audit.sealed),
            ([9; 32], vec![(11, [12; 32])])
        );
        let economics: Economics = same_layout(api::Economics {
            stake: 1,
            roles: vec![Role::Miner, Role::Supervisor],
            reputation: 2,
            earned: 3,
            vesting: 4,
        });
        assert_eq!((economics.reputation, economics.vesting), (2, 4));
    }
}
