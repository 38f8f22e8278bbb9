//! JSON-RPC for whoever wants soft finality, namespace `snow`.

#[cfg(test)]
mod tests;

use std::{marker::PhantomData, sync::Arc};

use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage,
    core::{RpcResult, SubscriptionResult, async_trait},
    proc_macros::rpc,
    types::{ErrorObject, ErrorObjectOwned},
};
use polkadot_sdk::{
    sp_api::{ApiError, ApiExt, ProvideRuntimeApi},
    sp_blockchain::HeaderBackend,
    sp_core::H256,
    sp_runtime::traits::Block as BlockT,
};
use quern_api::FinalityApi;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use crate::{Accepted, Snow, gadget::State};

/// What may be asked of Snow.
#[rpc(server, namespace = "snow")]
pub trait SnowApi {
    /// How the chain finalises, and where this node's Snow stands.
    #[method(name = "state", blocking)]
    fn state(&self) -> RpcResult<StateView>;

    /// Sends the last accepted block at once, then every block that polls accept. A reader that falls behind misses
    /// blocks, never the newest. Rejected with `NotRunning` by a node that was started without Snow.
    #[subscription(
        name = "subscribeAccepted" => "accepted",
        unsubscribe = "unsubscribeAccepted",
        item = AcceptedView
    )]
    async fn subscribe_accepted(&self) -> SubscriptionResult;
}

/// Why a request was turned down.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The node was started with `--no-snow`: ask another one.
    #[error("this node was started without Snow")]
    NotRunning,
    /// The runtime did not tell how the chain finalises: try again, or look into the node's log.
    #[error("the runtime did not answer: {0}")]
    Runtime(ApiError),
}

impl RpcError {
    /// JSON-RPC error code.
    pub fn code(&self) -> i32 {
        match self {
            Self::NotRunning => 8201,
            Self::Runtime(_) => 8202,
        }
    }

    /// The error's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotRunning => "NotRunning",
            Self::Runtime(_) => "RuntimeFailed",
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let message = format!("{}: {error}", error.name());
        ErrorObject::owned(error.code(), message, Some(error.name()))
    }
}

/// How a chain finalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Mode {
    /// GRANDPA alone.
    #[serde(rename = "grandpa")]
    Grandpa,
    /// GRANDPA votes for what Snow has accepted.
    #[serde(rename = "grandpa+snow")]
    GrandpaAndSnow,
}

/// Where Snow stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateView {
    /// How the chain finalises, in the state of the last finalised block.
    pub mode: Mode,
    /// Whether this node runs Snow.
    pub running: bool,
    /// Its engine, while it runs.
    pub engine: Option<EngineView>,
}

/// Where this node's engine stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineView {
    /// Number of the authority set that votes.
    pub set_id: u64,
    /// Whether this node is a member.
    pub authority: bool,
    /// Number of the last accepted block.
    pub accepted: u64,
    /// Its hash.
    pub accepted_hash: H256,
    /// Tip of the preferred branch.
    pub preferred: H256,
    /// Blocks that polls are to decide.
    pub processing: u64,
    /// Weight of the authorities in reach, in decimal.
    pub connected_stake: String,
    /// Weight of all authorities, in decimal.
    pub total_stake: String,
    /// Whether enough is in reach for polls.
    pub polling: bool,
    /// Polls in which something got αp votes.
    pub polls_ok: u64,
    /// The others.
    pub polls_failed: u64,
    /// Votes counted.
    pub votes: u64,
    /// Blocks accepted by polls.
    pub blocks_accepted: u64,
    /// Blocks rejected by polls.
    pub blocks_rejected: u64,
    /// Times that GRANDPA finalised another block than polls had accepted.
    pub overruled: u64,
}

impl From<State> for EngineView {
    fn from(state: State) -> Self {
        Self {
            set_id: state.set_id,
            authority: state.authority,
            accepted: state.accepted.1,
            accepted_hash: state.accepted.0,
            preferred: state.preferred,
            processing: state.processing,
            connected_stake: state.connected.to_string(),
            total_stake: state.total.to_string(),
            polling: state.polling,
            polls_ok: state.stats.successful,
            polls_failed: state.stats.failed,
            votes: state.stats.votes,
            blocks_accepted: state.stats.accepted,
            blocks_rejected: state.stats.rejected,
            overruled: state.stats.overruled,
        }
    }
}

/// An accepted block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AcceptedView {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: H256,
}

impl From<Accepted> for AcceptedView {
    fn from(Accepted { hash, number }: Accepted) -> Self {
        Self { number, hash }
    }
}

/// Answers [`SnowApiServer`] on a node.
pub struct SnowRpc<B, C> {
    client: Arc<C>,
    /// None on a node that was started without Snow.
    snow: Option<Snow>,
    block: PhantomData<fn() -> B>,
}

impl<B, C> SnowRpc<B, C> {
    /// Answers from the chain and from this node's Snow, if it has one.
    pub fn new(client: Arc<C>, snow: Option<Snow>) -> Self {
        Self {
            client,
            snow,
            block: PhantomData,
        }
    }
}

impl<B, C> SnowRpc<B, C>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B>,
    C::Api: FinalityApi<B>,
{
    fn mode(&self) -> Result<Mode, ApiError> {
        let at = self.client.info().finalized_hash;
        let api = self.client.runtime_api();
        let is_on = api.has_api::<dyn FinalityApi<B>>(at)? && api.snow(at)?;
        Ok(if is_on {
            Mode::GrandpaAndSnow
        } else {
            Mode::Grandpa
        })
    }
}

#[async_trait]
impl<B, C> SnowApiServer for SnowRpc<B, C>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B> + Send + Sync + 'static,
    C::Api: FinalityApi<B>,
{
    fn state(&self) -> RpcResult<StateView> {
        let mode = self.mode().map_err(RpcError::Runtime)?;
        let engine = self.snow.as_ref().and_then(Snow::state);
        Ok(StateView {
            mode,
            running: engine.is_some(),
            engine: engine.map(EngineView::from),
        })
    }

    async fn subscribe_accepted(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        let Some(snow) = self.snow.clone() else {
            pending.reject(RpcError::NotRunning).await;
            return Ok(());
        };
        let mut blocks = snow.accepted();
        let last = snow.state().map(|state| AcceptedView {
            number: state.accepted.1,
            hash: state.accepted.0,
        });
        let sink = pending.accept().await?;
        let mut next = last;
        loop {
            if let Some(block) = next {
                let message = SubscriptionMessage::from_json(&block)?;
                if sink.send(message).await.is_err() {
                    return Ok(());
                }
            }
            next = tokio::select! {
                block = blocks.recv() => match block {
                    Ok(block) => Some(block.into()),
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = sink.closed() => return Ok(()),
            };
        }
    }
}
