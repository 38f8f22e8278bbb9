//! The finalised chain is a wall: what does not stand on it is not weighed.

use crate::{LOG_TARGET, Metrics};
use polkadot_sdk::{
    sc_client_api::AuxStore,
    sc_consensus::{BlockCheckParams, BlockImport, BlockImportParams, ImportResult},
    sc_consensus_pow::PowAux,
    sp_blockchain::{self, HeaderBackend, HeaderMetadata, lowest_common_ancestor},
    sp_consensus::Error as ConsensusError,
    sp_runtime::traits::{Block as BlockT, Header, NumberFor},
};
use std::{
    fmt::{Debug, Display},
    sync::Arc,
};
use tokio::sync::Mutex;

/// A block neither stands on the finalised block nor is one of its ancestors. However much work it
/// has absorbed, taking it would undo what is final.
#[derive(Debug, thiserror::Error)]
#[error(
    "OffFinalised: block {number} ({hash:?}) does not descend from the finalised block \
     {finalised_number} ({finalised_hash:?})"
)]
pub struct OffFinalised<H: Debug, N: Debug + Display> {
    /// Hash of the refused block.
    pub hash: H,
    /// Number of the refused block.
    pub number: N,
    /// Hash of the finalised block.
    pub finalised_hash: H,
    /// Number of the finalised block.
    pub finalised_number: N,
}

/// The outermost import: refuses blocks beside the finalised chain before their work is compared,
/// and lets one block in at a time, so that each is compared with the best block it will follow.
///
/// Clones share the turnstile.
pub struct FinalityGate<I, C> {
    inner: I,
    client: Arc<C>,
    metrics: Metrics,
    turn: Arc<Mutex<()>>,
}

impl<I: Clone, C> Clone for FinalityGate<I, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            client: self.client.clone(),
            metrics: self.metrics.clone(),
            turn: self.turn.clone(),
        }
    }
}

impl<I, C> FinalityGate<I, C> {
    /// Guards `inner` by what `client` has finalised.
    pub fn new(inner: I, client: Arc<C>, metrics: Metrics) -> Self {
        Self {
            inner,
            client,
            metrics,
            turn: Arc::default(),
        }
    }

    /// Errs with [`OffFinalised`] unless the block is on the finalised chain or descends from it.
    fn admit<B>(
        &self,
        hash: B::Hash,
        number: NumberFor<B>,
        parent: B::Hash,
    ) -> Result<(), ConsensusError>
    where
        B: BlockT,
        C: HeaderBackend<B> + HeaderMetadata<B, Error = sp_blockchain::Error>,
    {
        if on_finalised::<B, C>(&self.client, hash, number, parent).map_err(lookup)? {
            return Ok(());
        }
        let info = self.client.info();
        let refusal = OffFinalised {
            hash,
            number,
            finalised_hash: info.finalized_hash,
            finalised_number: info.finalized_number,
        };
        tracing::debug!(target: LOG_TARGET, "{refusal}");
        Err(ConsensusError::Other(Box::new(refusal)))
    }
}

fn lookup(error: sp_blockchain::Error) -> ConsensusError {
    ConsensusError::ChainLookup(error.to_string())
}

/// Whether a block, which need not be imported yet, is on the finalised chain or descends from it.
fn on_finalised<B, C>(
    client: &C,
    hash: B::Hash,
    number: NumberFor<B>,
    parent: B::Hash,
) -> Result<bool, sp_blockchain::Error>
where
    B: BlockT,
    C: HeaderBackend<B> + HeaderMetadata<B, Error = sp_blockchain::Error>,
{
    let info = client.info();
    if number <= info.finalized_number {
        return Ok(client.hash(number)? == Some(hash));
    }
    if parent == info.finalized_hash {
        return Ok(true);
    }
    // Ancestor links are cached, so this is a few steps for a block on top of the best one.
    Ok(lowest_common_ancestor(client, parent, info.finalized_hash)?.hash == info.finalized_hash)
}

#[async_trait::async_trait]
impl<B, I, C> BlockImport<B> for FinalityGate<I, C>
where
    B: BlockT,
    I: BlockImport<B> + Send + Sync,
    I::Error: Into<ConsensusError>,
    C: HeaderBackend<B> + HeaderMetadata<B, Error = sp_blockchain::Error> + AuxStore,
{
    type Error = ConsensusError;

    /// A block beside the finalised chain is one of missing state: sync lets it lie, where for an error it would give
    /// up all that it is downloading. Anybody may show such a block, which takes no seal.
    async fn check_block(&self, block: BlockCheckParams<B>) -> Result<ImportResult, Self::Error> {
        let (hash, number, parent) = (block.hash, block.number, block.parent_hash);
        let result = self.inner.check_block(block).await.map_err(Into::into)?;
        if matches!(result, ImportResult::Imported(_))
            && !on_finalised::<B, C>(&self.client, hash, number, parent).map_err(lookup)?
        {
            tracing::debug!(target: LOG_TARGET, ?hash, %number, "beside the finalised chain");
            return Ok(ImportResult::MissingState);
        }
        Ok(result)
    }

    async fn import_block(&self, block: BlockImportParams<B>) -> Result<ImportResult, Self::Error> {
        let _turn = self.turn.lock().await;
        let hash = block.post_hash();
        self.admit::<B>(hash, *block.header.number(), *block.header.parent_hash())?;
        let result = self.inner.import_block(block).await.map_err(Into::into)?;
        if let ImportResult::Imported(imported) = &result
            && imported.is_new_best
        {
            let work = PowAux::<u128>::read::<C, B>(&self.client, &hash)?;
            self.metrics
                .best_block(work.difficulty, work.total_difficulty);
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Chain, TestBlock, header};
    use futures::executor::block_on;
    use polkadot_sdk::{sp_consensus::BlockOrigin, sp_core::H256};

    /// Says yes to every block, and counts them.
    #[derive(Default)]
    struct Yes(std::sync::atomic::AtomicU32);

    #[async_trait::async_trait]
    impl BlockImport<TestBlock> for Yes {
        type Error = ConsensusError;

        async fn check_block(
            &self,
            _: BlockCheckParams<TestBlock>,
        ) -> Result<ImportResult, ConsensusError> {
            Ok(ImportResult::imported(false))
        }

        async fn import_block(
            &self,
            _: BlockImportParams<TestBlock>,
        ) -> Result<ImportResult, ConsensusError> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(ImportResult::imported(true))
        }
    }

    struct Case {
        gate: FinalityGate<Yes, crate::testing::Blockchain>,
    }

    impl Case {
        fn on(chain: &Chain) -> Self {
            let client = Arc::new(chain.blockchain().clone());
            let metrics = Metrics::new(None).unwrap();
            Self {
                gate: FinalityGate::new(Yes::default(), client, metrics),
            }
        }

        fn import(&self, header: crate::testing::TestHeader) -> Result<ImportResult, String> {
            let block = BlockImportParams::new(BlockOrigin::NetworkBroadcast, header);
            block_on(self.gate.import_block(block)).map_err(|error| error.to_string())
        }

        fn check(&self, header: &crate::testing::TestHeader) -> Result<ImportResult, String> {
            let block = BlockCheckParams {
                hash: header.hash(),
                number: header.number,
                parent_hash: header.parent_hash,
                allow_missing_state: false,
                allow_missing_parent: false,
                import_existing: false,
            };
            block_on(self.gate.check_block(block)).map_err(|error| error.to_string())
        }

        fn imported(&self) -> u32 {
            self.gate.inner.0.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    fn child(parent: H256, number: u64) -> crate::testing::TestHeader {
        header(number, parent, [])
    }

    #[test]
    fn a_block_beside_the_finalised_one_is_refused_before_its_work_is_compared() {
        let chain = Chain::new();
        let a1 = chain.grow(chain.genesis(), 1);
        let a2 = chain.grow(a1, 1);
        let b1 = chain.grow(chain.genesis(), 1_000_000);
        let b2 = chain.grow(b1, 1_000_000);
        let b3 = chain.grow(b2, 1_000_000);
        chain.finalise(a2);
        let case = Case::on(&chain);
        for (parent, number) in [(b3, 4), (b2, 3), (a1, 2), (b1, 2), (chain.genesis(), 1)] {
            let refused = child(parent, number);
            assert!(matches!(
                case.check(&refused),
                Ok(ImportResult::MissingState)
            ));
            assert!(
                case.import(refused)
                    .unwrap_err()
                    .starts_with("OffFinalised: ")
            );
        }
        assert_eq!(case.imported(), 0);
    }

    #[test]
    fn descendants_of_the_finalised_block_pass() {
        let chain = Chain::new();
        let a1 = chain.grow(chain.genesis(), 1);
        chain.finalise(a1);
        let a2 = chain.grow(a1, 1);
        let a3 = chain.grow(a2, 1);
        let fork = chain.grow(a1, 1);
        let case = Case::on(&chain);
        for (parent, number) in [(a1, 2), (a2, 3), (a3, 4), (fork, 3)] {
            let checked = case.check(&child(parent, number));
            assert!(matches!(checked, Ok(ImportResult::Imported(_))));
            assert!(case.import(child(parent, number)).is_ok());
        }
        assert_eq!(case.imported(), 4);
    }

    #[test]
    fn a_block_of_the_finalised_chain_may_be_checked_again() {
        let chain = Chain::new();
        let a1 = chain.grow(chain.genesis(), 1);
        let a2 = chain.grow(a1, 1);
        chain.finalise(a2);
        let case = Case::on(&chain);
        assert!(case.import(chain.header(a1)).is_ok());
        assert!(case.import(chain.header(a2)).is_ok());
    }

    #[test]
    fn a_block_on_an_unknown_parent_is_an_error() {
        let chain = Chain::new();
        assert!(
            Case::on(&chain)
                .import(child(H256::repeat_byte(9), 5))
                .is_err()
        );
    }
}
