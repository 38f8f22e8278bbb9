//! The node itself, as JSON: namespace `quern`.

mod view;

pub use view::{
    BandwidthView, EconomicsView, HealthView, NodeStatusView, StatisticsView, TrainingView,
};

use super::{
    AccountParam,
    market::TicketView,
    vitals::{Vitals, processors},
};
use jsonrpsee::proc_macros::rpc;
use polkadot_sdk::{
    sc_client_api::HeaderBackend,
    sp_api::ProvideRuntimeApi,
    sp_core::H256,
    sp_runtime::{AccountId32, SaturatedConversion, traits::Block as BlockT},
};
use quern_api::{
    RunInfo, WorkApi as RuntimeWorkApi,
    market::{MarketApi as RuntimeMarketApi, TaskInfo, TaskStage, TicketInfo},
};
use quern_market::{Role, TaskId};
use quern_pouw::{
    Metrics,
    rpc::{Network, RpcError, account},
};
use std::{marker::PhantomData, sync::Arc, time::Instant};

/// Latest tasks of the chain that the completion rate looks at.
const TASKS: u32 = 100;

/// What programs ask of a node about itself.
#[rpc(server, namespace = "quern")]
pub trait QuernApi {
    /// Who the node is and what it does.
    #[method(name = "status", blocking)]
    fn status(&self) -> Result<NodeStatusView, RpcError>;

    /// How well it does, all of it measured.
    #[method(name = "health", blocking)]
    fn health(&self) -> Result<HealthView, RpcError>;

    /// What an account has staked, may do and has earned.
    #[method(name = "economics", blocking)]
    fn economics(&self, account: AccountParam) -> Result<EconomicsView, RpcError>;
}

/// Who a node is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its peer id in the network.
    pub node_id: String,
    /// What its operator calls it.
    pub name: String,
    /// Whether it votes on finality when its session keys are drawn.
    pub authority: bool,
    /// Whom its block templates pay; none on a node that makes none.
    pub author: Option<AccountId32>,
    /// When it started.
    pub started: Instant,
}

/// Answers [`QuernApiServer`] on a node.
pub struct Quern<B, C> {
    client: Arc<C>,
    identity: Identity,
    metrics: Metrics,
    network: Arc<dyn Fn() -> Network + Send + Sync>,
    pool: Arc<dyn Fn() -> usize + Send + Sync>,
    vitals: Arc<Vitals>,
    block: PhantomData<fn() -> B>,
}

impl<B, C> Quern<B, C> {
    /// Answers from `client`, the engine's `metrics`, and what `network` and `pool` (waiting
    /// transactions) say when they are asked.
    pub fn new(
        client: Arc<C>,
        identity: Identity,
        metrics: Metrics,
        network: Arc<dyn Fn() -> Network + Send + Sync>,
        pool: Arc<dyn Fn() -> usize + Send + Sync>,
        vitals: Arc<Vitals>,
    ) -> Self {
        Self {
            client,
            identity,
            metrics,
            network,
            pool,
            vitals,
            block: PhantomData,
        }
    }
}

impl<B, C> QuernApiServer for Quern<B, C>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B> + Send + Sync + 'static,
    C::Api: RuntimeMarketApi<B> + RuntimeWorkApi<B>,
{
    fn status(&self) -> Result<NodeStatusView, RpcError> {
        let info = self.client.info();
        let (runs, tickets) = match &self.identity.author {
            Some(author) => (
                self.client
                    .runtime_api()
                    .runs_of(info.best_hash, author.clone())
                    .map_err(RpcError::Runtime)?,
                self.client
                    .runtime_api()
                    .tickets_of(info.best_hash, author.clone())
                    .map_err(RpcError::Runtime)?,
            ),
            None => Default::default(),
        };
        let current = current(&runs);
        let network = (self.network)();
        let mining = self.metrics.subscribers() > 0;
        Ok(NodeStatusView {
            node_id: self.identity.node_id.clone(),
            name: self.identity.name.clone(),
            role: if self.identity.authority {
                "authority"
            } else {
                "full"
            },
            author: self.identity.author.as_ref().map(account),
            mining,
            training: mining && current.is_some(),
            height: info.best_number.saturated_into(),
            finalised: info.finalized_number.saturated_into(),
            pool_size: (self.pool)() as u64,
            peers: network.peers,
            syncing: network.syncing,
            current_task: current.map(TrainingView::from),
            uptime: self.identity.started.elapsed().as_secs(),
            statistics: StatisticsView::new(&self.metrics, &runs),
            ticket: licence(&tickets, current).map(TicketView::from),
        })
    }

    fn health(&self) -> Result<HealthView, RpcError> {
        let best = self.client.info().best_hash;
        let completion = match &self.identity.author {
            Some(author) => {
                let latest = self
                    .client
                    .runtime_api()
                    .tasks(best, TaskId::MAX, TASKS)
                    .map_err(RpcError::Runtime)?;
                completion(&latest, author)
            }
            None => None,
        };
        let (accepted, declined) = (self.metrics.accepted(), self.metrics.declined());
        Ok(HealthView::new(
            self.vitals.pulse(processors()),
            self.metrics.mean_answer(),
            rate(accepted, accepted + declined),
            completion,
        ))
    }

    fn economics(&self, account: AccountParam) -> Result<EconomicsView, RpcError> {
        let best = self.client.info().best_hash;
        self.client
            .runtime_api()
            .economics(best, account.0)
            .map(|economics| EconomicsView::from(&economics))
            .map_err(RpcError::Runtime)
    }
}

/// The run that is most pressing: paid tasks end, commons don't; of several, the latest opened.
fn current(runs: &[RunInfo]) -> Option<&RunInfo> {
    runs.iter().max_by_key(|run| (run.steps.is_some(), run.id))
}

/// The ticket that the current run was opened with, or else a live miner's.
fn licence<'a>(tickets: &'a [TicketInfo], current: Option<&RunInfo>) -> Option<&'a TicketInfo> {
    let used = |ticket: &&TicketInfo| Some(ticket.id) == current.map(|run| run.ticket);
    let live = |ticket: &&TicketInfo| ticket.role == Role::Miner && ticket.withdrawable.is_none();
    tickets
        .iter()
        .find(used)
        .or_else(|| tickets.iter().find(live))
}

/// Of the tasks that `miner` was assigned and that have ended, how many reached their target. A task
/// that its client took back counts as neither.
fn completion(tasks: &[TaskInfo], miner: &AccountId32) -> Option<f64> {
    let ended = |stages: &[TaskStage]| {
        tasks
            .iter()
            .filter(|task| stages.contains(&task.stage))
            .filter(|task| task.miners.iter().any(|found| found.owner == *miner))
            .count() as u64
    };
    let completed = ended(&[TaskStage::Completed]);
    rate(
        completed,
        completed + ended(&[TaskStage::Failed, TaskStage::Expired]),
    )
}

/// `part / whole`; none of nothing.
fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
