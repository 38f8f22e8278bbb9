//! Proof of useful work: blocks are sealed by a step of training.
//!
//! The crate is the native engine around `sc-consensus-pow`; the rules themselves live in the
//! runtime and are asked for through [`WorkApi`] at the parent's state.
//!
//! # The traits, in the order in which they act
//!
//! A block that arrives from a peer or a file passes
//!
//! 1. [`BlockImport::check_block`] of [`FinalityGate`]: a block beside the finalised chain goes no
//!    further;
//! 2. [`Verifier`] of [`SealVerifier`]: takes the seal off the header and asks the runtime whether
//!    it holds; a refusal names the rule that was broken;
//! 3. [`BlockImport::import_block`] of [`FinalityGate`]: the same question as in 1, now for every
//!    origin, and one import at a time;
//! 4. [`PowBlockImport`]: the inherents ([`Inherents`] provides ours), the seal
//!    ([`PowAlgorithm`] of [`UsefulWork`], which remembers what it has just checked), the total
//!    difficulty, and whether the block is the new best;
//! 5. GRANDPA's import, then the client.
//!
//! A block of our own starts in [`authoring()`]: [`SelectChain`] of [`HeaviestChain`] gives the
//! parent, an [`Environment`] proposes on it, the template goes out through [`rpc`], and a seal that
//! comes back enters at 3. GRANDPA's voter asks the same [`HeaviestChain`] what to finalise.
//!
//! [`BlockImport::check_block`]: polkadot_sdk::sc_consensus::BlockImport::check_block
//! [`BlockImport::import_block`]: polkadot_sdk::sc_consensus::BlockImport::import_block
//! [`Verifier`]: polkadot_sdk::sc_consensus::Verifier
//! [`PowAlgorithm`]: polkadot_sdk::sc_consensus_pow::PowAlgorithm
//! [`SelectChain`]: polkadot_sdk::sp_consensus::SelectChain
//! [`Environment`]: polkadot_sdk::sp_consensus::Environment

mod algorithm;
mod authoring;
pub mod digest;
mod fork_choice;
mod gate;
mod inherents;
mod metrics;
pub mod rpc;
mod templates;
mod verifier;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use algorithm::{CheckError, UsefulWork};
pub use authoring::{
    Authoring, AuthoringConfig, AuthoringParts, DEFAULT_BUILD_TIME, DEFAULT_INTERVAL, SubmitError,
    Template, authoring,
};
pub use fork_choice::HeaviestChain;
pub use gate::{FinalityGate, OffFinalised};
pub use inherents::Inherents;
pub use metrics::Metrics;
pub use verifier::SealVerifier;

use polkadot_sdk::{
    sc_client_api::{AuxStore, BlockOf},
    sc_consensus::{BasicQueue, BlockImport, BoxBlockImport, BoxJustificationImport},
    sc_consensus_pow::{PowAux, PowBlockImport},
    sp_api::ProvideRuntimeApi,
    sp_block_builder::BlockBuilder,
    sp_blockchain::{self, HeaderBackend, HeaderMetadata},
    sp_consensus::{Error as ConsensusError, SelectChain},
    sp_core::{H256, traits::SpawnEssentialNamed},
    sp_runtime::traits::{Block as BlockT, Zero},
    substrate_prometheus_endpoint::Registry,
};
use quern_api::WorkApi;
use std::sync::Arc;

/// Target of the engine's log lines.
const LOG_TARGET: &str = "pouw";

/// The import pipeline around an inner import `I`, for blocks `B`, with client `C` and fork choice `S`.
pub type WorkImport<B, I, C, S> =
    FinalityGate<PowBlockImport<B, I, C, S, UsefulWork<C>, Inherents<C>>, C>;

/// The import pipeline around `inner`, which is GRANDPA's import on a node and the client alone
/// where nothing is finalised.
pub fn block_import<B, I, C, S>(
    inner: I,
    client: Arc<C>,
    select_chain: S,
    work: UsefulWork<C>,
    metrics: Metrics,
) -> WorkImport<B, I, C, S>
where
    B: BlockT<Hash = H256>,
    I: BlockImport<B> + Send + Sync,
    I::Error: Into<ConsensusError>,
    S: SelectChain<B>,
    C: ProvideRuntimeApi<B>
        + HeaderBackend<B>
        + HeaderMetadata<B, Error = sp_blockchain::Error>
        + AuxStore
        + BlockOf
        + 'static,
    C::Api: WorkApi<B> + BlockBuilder<B>,
{
    let inherents = Inherents::new(client.clone());
    let pow = PowBlockImport::new(
        inner,
        client.clone(),
        work,
        Zero::zero(),
        select_chain,
        inherents,
    );
    let best = client.info().best_hash;
    if let Ok(work) = PowAux::<u128>::read::<C, B>(&client, &best) {
        metrics.best_block(work.difficulty, work.total_difficulty);
    }
    FinalityGate::new(pow, client, metrics)
}

/// The queue in which blocks from peers and files wait for verification and import.
pub fn import_queue<B, C>(
    block_import: BoxBlockImport<B>,
    justification_import: Option<BoxJustificationImport<B>>,
    work: UsefulWork<C>,
    spawner: &impl SpawnEssentialNamed,
    registry: Option<&Registry>,
) -> BasicQueue<B>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + Send + Sync + 'static,
    C::Api: WorkApi<B>,
{
    BasicQueue::new(
        SealVerifier::new(work),
        block_import,
        justification_import,
        spawner,
        registry,
    )
}
