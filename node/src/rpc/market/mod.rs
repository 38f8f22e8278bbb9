//! The market, as JSON: namespace `market`.

mod view;

pub use view::{
    AuditView, BallotView, ClaimView, MinerView, OrderView, PreferencesView, ScoreView, SeatView,
    SupervisorView, TaskView, TicketView,
};

use super::AccountParam;
use jsonrpsee::proc_macros::rpc;
use polkadot_sdk::{
    sc_client_api::HeaderBackend, sp_api::ProvideRuntimeApi, sp_core::H256,
    sp_runtime::traits::Block as BlockT,
};
use quern_api::market::MarketApi as RuntimeMarketApi;
use quern_market::{AuditId, Role, TaskId, TicketId};
use quern_pouw::rpc::RpcError;
use std::{marker::PhantomData, sync::Arc};

/// Tasks in one answer, unless the caller says how many.
const TASKS: u32 = 20;

/// What programs ask of the market. Every answer is from the state of the best block.
#[rpc(server, namespace = "market")]
pub trait MarketApi {
    /// One ticket, unless it was withdrawn.
    #[method(name = "ticket", blocking)]
    fn ticket(&self, id: TicketId) -> Result<Option<TicketView>, RpcError>;

    /// The tickets of an account, by ascending id.
    #[method(name = "ticketsOf", blocking)]
    fn tickets_of(&self, owner: AccountParam) -> Result<Vec<TicketView>, RpcError>;

    /// What a ticket of this role costs at least, in the smallest unit.
    #[method(name = "ticketPrice", blocking)]
    fn ticket_price(&self, role: Role) -> Result<String, RpcError>;

    /// One task.
    #[method(name = "task", blocking)]
    fn task(&self, id: TaskId) -> Result<Option<TaskView>, RpcError>;

    /// At most `limit` (by default 20, at most 100) tasks from id `from` (by default the latest)
    /// downwards, the latest first.
    #[method(name = "tasks", blocking)]
    fn tasks(&self, from: Option<TaskId>, limit: Option<u32>) -> Result<Vec<TaskView>, RpcError>;

    /// One audit under way.
    #[method(name = "audit", blocking)]
    fn audit(&self, id: AuditId) -> Result<Option<AuditView>, RpcError>;

    /// An account's reputation in thousandths.
    #[method(name = "reputation", blocking)]
    fn reputation(&self, account: AccountParam) -> Result<u64, RpcError>;

    /// The going rate, in the smallest unit per 10⁹ MACs.
    #[method(name = "priceHint", blocking)]
    fn price_hint(&self) -> Result<String, RpcError>;
}

/// Answers [`MarketApiServer`] from a client's best state.
pub struct Market<B, C> {
    client: Arc<C>,
    block: PhantomData<fn() -> B>,
}

impl<B, C> Market<B, C> {
    /// Answers from `client`.
    pub fn new(client: Arc<C>) -> Self {
        Self {
            client,
            block: PhantomData,
        }
    }
}

impl<B, C> MarketApiServer for Market<B, C>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B> + Send + Sync + 'static,
    C::Api: RuntimeMarketApi<B>,
{
    fn ticket(&self, id: TicketId) -> Result<Option<TicketView>, RpcError> {
        let found = self.client.runtime_api().ticket(self.best(), id);
        Ok(found
            .map_err(RpcError::Runtime)?
            .as_ref()
            .map(TicketView::from))
    }

    fn tickets_of(&self, owner: AccountParam) -> Result<Vec<TicketView>, RpcError> {
        let found = self.client.runtime_api().tickets_of(self.best(), owner.0);
        Ok(found
            .map_err(RpcError::Runtime)?
            .iter()
            .map(TicketView::from)
            .collect())
    }

    fn ticket_price(&self, role: Role) -> Result<String, RpcError> {
        let price = self.client.runtime_api().ticket_price(self.best(), role);
        Ok(price.map_err(RpcError::Runtime)?.to_string())
    }

    fn task(&self, id: TaskId) -> Result<Option<TaskView>, RpcError> {
        let found = self.client.runtime_api().task(self.best(), id);
        Ok(found
            .map_err(RpcError::Runtime)?
            .as_ref()
            .map(TaskView::from))
    }

    fn tasks(&self, from: Option<TaskId>, limit: Option<u32>) -> Result<Vec<TaskView>, RpcError> {
        let (from, limit) = (from.unwrap_or(TaskId::MAX), limit.unwrap_or(TASKS));
        let found = self.client.runtime_api().tasks(self.best(), from, limit);
        Ok(found
            .map_err(RpcError::Runtime)?
            .iter()
            .map(TaskView::from)
            .collect())
    }

    fn audit(&self, id: AuditId) -> Result<Option<AuditView>, RpcError> {
        let found = self.client.runtime_api().audit(self.best(), id);
        Ok(found
            .map_err(RpcError::Runtime)?
            .as_ref()
            .map(AuditView::from))
    }

    fn reputation(&self, account: AccountParam) -> Result<u64, RpcError> {
        let score = self.client.runtime_api().reputation(self.best(), account.0);
        score.map_err(RpcError::Runtime)
    }

    fn price_hint(&self) -> Result<String, RpcError> {
        let rate = self.client.runtime_api().price_hint(self.best());
        Ok(rate.map_err(RpcError::Runtime)?.to_string())
    }
}

impl<B, C> Market<B, C>
where
    B: BlockT<Hash = H256>,
    C: HeaderBackend<B>,
{
    fn best(&self) -> H256 {
        self.client.info().best_hash
    }
}

#[cfg(test)]
mod tests;
