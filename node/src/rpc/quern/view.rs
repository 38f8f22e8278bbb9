//! The JSON of a node's status and health, and of an account's economics.

use crate::rpc::{market::TicketView, vitals::Pulse};
use polkadot_sdk::sp_core::H256;
use quern_api::{RunInfo, market::Economics};
use quern_market::{Role, RunId, TaskId};
use quern_pouw::{Metrics, rpc::decimal};
use serde::Serialize;
use std::time::Duration;

/// Who a node is and what it does.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatusView {
    /// Its peer id in the network.
    pub node_id: String,
    /// What its operator calls it.
    pub name: String,
    /// `authority` or `full`.
    pub role: &'static str,
    /// Whom its block templates pay.
    pub author: Option<H256>,
    /// Whether workers receive its templates.
    pub mining: bool,
    /// Whether they also have a run to train.
    pub training: bool,
    /// Number of the best block.
    pub height: u64,
    /// Number of the finalised block.
    pub finalised: u64,
    /// Transactions that wait for a block.
    pub pool_size: u64,
    /// Connected peers.
    pub peers: u64,
    /// Whether it is far behind them.
    pub syncing: bool,
    /// The author's most pressing run.
    pub current_task: Option<TrainingView>,
    /// Seconds since the node started.
    pub uptime: u64,
    /// What it has counted.
    pub statistics: StatisticsView,
    /// The ticket of the current run, or else a live miner's ticket of the author.
    pub ticket: Option<TicketView>,
}

/// A task that the node's author trains.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrainingView {
    /// The task.
    pub task: TaskId,
    /// The author's run of it.
    pub run: RunId,
    /// Steps accepted by audits.
    pub accepted: u64,
    /// Steps covered by the last revealed claim.
    pub committed: u64,
    /// Steps it is to have; none without end.
    pub steps: Option<u64>,
}

impl From<&RunInfo> for TrainingView {
    fn from(run: &RunInfo) -> Self {
        Self {
            task: run.task,
            run: run.id,
            accepted: run.accepted,
            committed: run.committed,
            steps: run.steps,
        }
    }
}

/// What a node has counted since it started, and what its author's open runs have come to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatisticsView {
    /// Templates built.
    pub templates: u64,
    /// Workers that receive templates now.
    pub workers: u64,
    /// Seals that workers sent.
    pub seals_submitted: u64,
    /// Those that became blocks.
    pub seals_accepted: u64,
    /// Those that did not.
    pub seals_refused: u64,
    /// The author's open runs.
    pub runs: u64,
    /// Blocks that they sealed.
    pub blocks: u64,
    /// Shares accepted of them.
    pub shares: u64,
    /// MACs credited to them.
    #[serde(serialize_with = "decimal")]
    pub macs: u128,
}

impl StatisticsView {
    pub(super) fn new(metrics: &Metrics, runs: &[RunInfo]) -> Self {
        let sum = |of: fn(&RunInfo) -> u64| runs.iter().map(of).fold(0, u64::saturating_add);
        Self {
            templates: metrics.templates(),
            workers: metrics.subscribers(),
            seals_submitted: metrics.submitted(),
            seals_accepted: metrics.accepted(),
            seals_refused: metrics.declined(),
            runs: runs.len() as u64,
            blocks: sum(|run| run.seals),
            shares: sum(|run| run.shares),
            macs: runs.iter().fold(0, |sum, run| sum.saturating_add(run.macs)),
        }
    }
}

/// How well a node does. What has not been seen yet, or can't be seen here, is null.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthView {
    /// When the node last took its pulse, in milliseconds since 1970.
    pub last_heartbeat: Option<u64>,
    /// Mean time to answer a worker's seal since the start, in milliseconds.
    pub response_time: Option<f64>,
    /// Workers' seals that became blocks, of all answered since the start, in [0, 1].
    pub success_rate: Option<f64>,
    /// Tasks of the author that reached their target, of those of the latest hundred that ended, in
    /// [0, 1].
    pub task_completion_rate: Option<f64>,
    /// What passes through the network.
    pub bandwidth: Option<BandwidthView>,
    /// Share of all processors' time that the process uses, in percent.
    pub cpu: Option<f64>,
    /// Bytes of the process in RAM.
    pub memory: Option<u64>,
}

impl HealthView {
    pub(super) fn new(
        pulse: Pulse,
        response_time: Option<Duration>,
        success_rate: Option<f64>,
        task_completion_rate: Option<f64>,
    ) -> Self {
        Self {
            last_heartbeat: pulse.beat,
            response_time: response_time.map(|mean| 1000.0 * mean.as_secs_f64()),
            success_rate,
            task_completion_rate,
            bandwidth: pulse.traffic.map(|total| BandwidthView {
                received: total.received,
                sent: total.sent,
                received_per_second: pulse.rate.map(|rate| rate.received),
                sent_per_second: pulse.rate.map(|rate| rate.sent),
            }),
            cpu: pulse.cpu_percent,
            memory: pulse.resident,
        }
    }
}

/// Bytes that pass through the network.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BandwidthView {
    /// Received since the node started.
    pub received: u64,
    /// Sent since the node started.
    pub sent: u64,
    /// Received in a second, between the last two heartbeats.
    pub received_per_second: Option<u64>,
    /// Sent in a second, between the last two heartbeats.
    pub sent_per_second: Option<u64>,
}

/// What an account has staked, may do and has earned.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EconomicsView {
    /// Whether it has any stake.
    pub staked: bool,
    /// Stakes of all its tickets.
    #[serde(serialize_with = "decimal")]
    pub stake: u128,
    /// Roles of its live tickets, each once.
    pub roles: Vec<Role>,
    /// Reputation in thousandths.
    pub reputation: u64,
    /// Emission paid out to it so far.
    #[serde(serialize_with = "decimal")]
    pub earned: u128,
    /// Worker shares that wait for an audit.
    #[serde(serialize_with = "decimal")]
    pub vesting: u128,
}

impl From<&Economics> for EconomicsView {
    fn from(economics: &Economics) -> Self {
        Self {
            staked: economics.stake > 0,
            stake: economics.stake,
            roles: economics.roles.clone(),
            reputation: economics.reputation,
            earned: economics.earned,
            vesting: economics.vesting,
        }
    }
}
