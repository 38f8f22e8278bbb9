//! JSON-RPC for workers, namespace `work`.
//!
//! Numbers that may not fit a double (u128, fixed-point parameters) travel as decimal strings,
//! hashes, accounts and bytes as `0x` hex.

mod error;
mod view;

pub use error::RpcError;
pub use view::{PendingView, RulesView, RunView, StatusView, TemplateView, account, decimal};

use crate::{Authoring, Metrics, SubmitError};
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage,
    core::{RpcResult, SubscriptionResult, async_trait},
    proc_macros::rpc,
};
use polkadot_sdk::{
    sp_api::ProvideRuntimeApi,
    sp_blockchain::HeaderBackend,
    sp_core::{Bytes, H256},
    sp_runtime::{SaturatedConversion, traits::Block as BlockT},
};
use quern_api::WorkApi as RuntimeWorkApi;
use std::{marker::PhantomData, sync::Arc};
use tokio::sync::Semaphore;

/// Seals that are checked at the same time; further ones wait for their turn.
const SUBMISSIONS: usize = 4;

/// What a worker asks of a node.
#[rpc(server, namespace = "work")]
pub trait WorkApi {
    /// Sends the current template at once, then every newer one. A reader that falls behind misses
    /// templates, never the newest. Rejected with `NoAuthor` by a node that does not author.
    #[subscription(
        name = "subscribeTemplates" => "template",
        unsubscribe = "unsubscribeTemplates",
        item = TemplateView
    )]
    async fn subscribe_templates(&self) -> SubscriptionResult;

    /// Seals the template with this pre-hash by the bytes of a `SignedSeal`, imports the block
    /// and returns its hash.
    #[method(name = "submitSeal")]
    async fn submit_seal(&self, pre_hash: H256, seal: Bytes) -> Result<H256, RpcError>;

    /// Where the node and its authoring stand.
    #[method(name = "status", blocking)]
    fn status(&self) -> RpcResult<StatusView>;
}

/// The node's place in the network, for `work_status`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    /// Connected peers.
    pub peers: u64,
    /// Whether the node is far behind them.
    pub syncing: bool,
}

/// Answers [`WorkApiServer`] on a node.
pub struct Work<B, C> {
    client: Arc<C>,
    authoring: Option<Arc<dyn Authoring>>,
    metrics: Metrics,
    network: Option<Box<dyn Fn() -> Network + Send + Sync>>,
    submissions: Arc<Semaphore>,
    block: PhantomData<fn() -> B>,
}

impl<B, C> Work<B, C> {
    /// Answers from `client`, and through `authoring` where the node authors.
    pub fn new(client: Arc<C>, authoring: Option<Arc<dyn Authoring>>, metrics: Metrics) -> Self {
        Self {
            client,
            authoring,
            metrics,
            network: None,
            submissions: Arc::new(Semaphore::new(SUBMISSIONS)),
            block: PhantomData,
        }
    }

    /// Lets `work_status` tell `peers` and `syncing`.
    pub fn with_network(mut self, network: impl Fn() -> Network + Send + Sync + 'static) -> Self {
        self.network = Some(Box::new(network));
        self
    }
}

#[async_trait]
impl<B, C> WorkApiServer for Work<B, C>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B> + Send + Sync + 'static,
    C::Api: RuntimeWorkApi<B>,
{
    async fn subscribe_templates(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        let Some(authoring) = self.authoring.clone() else {
            pending.reject(RpcError::NoAuthor).await;
            return Ok(());
        };
        let sink = pending.accept().await?;
        let _subscriber = self.metrics.subscriber();
        let mut templates = authoring.templates();
        loop {
            let current = templates.borrow_and_update().clone();
            if let Some(template) = current {
                let message = SubscriptionMessage::from_json(&TemplateView::from(&*template))?;
                if sink.send(message).await.is_err() {
                    return Ok(());
                }
            }
            tokio::select! {
                changed = templates.changed() => if changed.is_err() { return Ok(()) },
                () = sink.closed() => return Ok(()),
            }
        }
    }

    async fn submit_seal(&self, pre_hash: H256, seal: Bytes) -> Result<H256, RpcError> {
        let authoring = self.authoring.clone().ok_or(RpcError::NoAuthor)?;
        let submissions = self.submissions.clone();
        // On its own, so that a worker which hangs up right after a good seal does not undo it.
        tokio::spawn(async move {
            let _turn = submissions.acquire().await;
            authoring.submit(pre_hash, seal.0).await
        })
        .await
        .unwrap_or_else(|stopped| Err(SubmitError::ImportFailed(stopped.to_string())))
        .map_err(RpcError::Submit)
    }

    fn status(&self) -> RpcResult<StatusView> {
        let info = self.client.info();
        let difficulty = self
            .client
            .runtime_api()
            .difficulty(info.best_hash)
            .map_err(RpcError::Runtime)?;
        let network = self.network.as_ref().map(|network| network());
        Ok(StatusView {
            height: info.best_number.saturated_into(),
            best: info.best_hash,
            finalised: info.finalized_number.saturated_into(),
            finalised_hash: info.finalized_hash,
            difficulty,
            author: self
                .authoring
                .as_ref()
                .map(|authoring| view::account(authoring.author())),
            templates: self.metrics.templates(),
            subscribers: self.metrics.subscribers(),
            seals_accepted: self.metrics.accepted(),
            seals_refused: self.metrics.declined(),
            peers: network.map(|network| network.peers),
            syncing: network.map(|network| network.syncing),
        })
    }
}

#[cfg(test)]
mod tests;
