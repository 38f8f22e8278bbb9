//! The JSON-RPC modules that this node serves beside those that every Substrate node serves
//! (`author`, `chain`, `state`, `system`, `chainHead`, `transaction`, …).

use crate::service::{Block, FullBackend, FullClient, FullPool};
use jsonrpsee::RpcModule;
use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
use polkadot_sdk::{
    pallet_transaction_payment_rpc,
    sc_consensus_grandpa::{
        FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState,
    },
    sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer},
    sc_rpc::SubscriptionTaskExecutor,
    sc_transaction_pool_api::TransactionPool,
    substrate_frame_rpc_system::{System, SystemApiServer},
};
use quern_node::rpc::{Identity, Market, MarketApiServer, Quern, QuernApiServer, Vitals};
use quern_pouw::{
    Authoring, Metrics,
    rpc::{Network, Work, WorkApiServer},
};
use quern_runtime::{BlockNumber, Hash};
use quern_snow_finality::{
    Snow,
    rpc::{SnowApiServer, SnowRpc},
};
use std::{error::Error, sync::Arc};

/// What the GRANDPA module reads.
pub(crate) struct GrandpaDeps {
    /// The round the local voter is in.
    pub(crate) voter_state: SharedVoterState,
    /// Who votes.
    pub(crate) authority_set: SharedAuthoritySet<Hash, BlockNumber>,
    /// Justifications as they are made.
    pub(crate) justifications: GrandpaJustificationStream<Block>,
    /// Finality proofs of older blocks.
    pub(crate) proofs: Arc<FinalityProofProvider<FullBackend, Block>>,
}

/// What the modules read.
pub(crate) struct Deps {
    /// The chain.
    pub(crate) client: Arc<FullClient>,
    /// Transactions that wait for a block.
    pub(crate) pool: Arc<FullPool>,
    /// Finality.
    pub(crate) grandpa: GrandpaDeps,
    /// The template builder; `None` if this node makes none.
    pub(crate) templates: Option<Arc<dyn Authoring>>,
    /// What the seal engine counts.
    pub(crate) metrics: Metrics,
    /// The state of the network, now.
    pub(crate) network: Arc<dyn Fn() -> Network + Send + Sync>,
    /// Who this node is.
    pub(crate) identity: Identity,
    /// Its pulse.
    pub(crate) vitals: Arc<Vitals>,
    /// Its Snow; `None` if it was started without.
    pub(crate) snow: Option<Snow>,
}

/// Our modules, merged into one.
///
/// # Errors
/// Two modules that serve a method of the same name.
pub(crate) fn module(
    deps: &Deps,
    executor: SubscriptionTaskExecutor,
) -> Result<RpcModule<()>, Box<dyn Error + Send + Sync>> {
    let Deps {
        client,
        pool,
        grandpa,
        templates,
        metrics,
        network,
        identity,
        vitals,
        snow,
    } = deps;
    let mut module = RpcModule::new(());
    module.merge(System::new(client.clone(), pool.clone()).into_rpc())?;
    module.merge(TransactionPayment::new(client.clone()).into_rpc())?;
    module.merge(
        Grandpa::new(
            executor,
            grandpa.authority_set.clone(),
            grandpa.voter_state.clone(),
            grandpa.justifications.clone(),
            grandpa.proofs.clone(),
        )
        .into_rpc(),
    )?;
    let of_work = network.clone();
    module.merge(
        Work::new(client.clone(), templates.clone(), metrics.clone())
            .with_network(move || of_work())
            .into_rpc(),
    )?;
    module.merge(Market::<Block, _>::new(client.clone()).into_rpc())?;
    module.merge(SnowRpc::<Block, _>::new(client.clone(), snow.clone()).into_rpc())?;
    let pool = pool.clone();
    let waiting = move || {
        let status = pool.status();
        status.ready + status.future
    };
    module.merge(
        Quern::<Block, _>::new(
            client.clone(),
            identity.clone(),
            metrics.clone(),
            network.clone(),
            Arc::new(waiting),
            vitals.clone(),
        )
        .into_rpc(),
    )?;
    Ok(module)
}
