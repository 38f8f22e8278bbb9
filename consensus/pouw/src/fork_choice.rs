//! The best chain is the one that has absorbed the most work, among those that keep what is final.

use polkadot_sdk::{
    sc_client_api::Backend,
    sc_consensus_pow::PowAux,
    sp_blockchain::{
        Backend as _, Error as BlockchainError, HeaderBackend, HeaderMetadata,
        lowest_common_ancestor,
    },
    sp_consensus::{Error as ConsensusError, SelectChain},
    sp_runtime::traits::{Block as BlockT, Header, NumberFor},
};
use std::{cmp::Reverse, marker::PhantomData, sync::Arc};

/// Chooses the leaf with the most total difficulty among the descendants of the finalised block.
///
/// Of several such leaves the client's best block stays best; after that the smallest hash decides,
/// so that a restart changes nothing. Leaves are looked at rather than the client's best block,
/// because that is the finalised block itself for as long as GRANDPA has just finalised a block of
/// another branch, and its heaviest descendant is where to go on.
pub struct HeaviestChain<BE, B> {
    backend: Arc<BE>,
    block: PhantomData<fn() -> B>,
}

impl<BE, B> Clone for HeaviestChain<BE, B> {
    fn clone(&self) -> Self {
        Self {
            backend: self.backend.clone(),
            block: PhantomData,
        }
    }
}

impl<BE: Backend<B>, B: BlockT> HeaviestChain<BE, B> {
    /// Chooses among the blocks of `backend`, by the total difficulties that the import stored.
    pub fn new(backend: Arc<BE>) -> Self {
        Self {
            backend,
            block: PhantomData,
        }
    }

    /// The heaviest leaf that descends from the finalised block and is, or descends from, `base`.
    fn heaviest_on(&self, base: B::Hash) -> Result<Option<B::Hash>, ConsensusError> {
        // No leaf comes or goes while they are compared.
        let _leaves_stay = self.backend.get_import_lock().read();
        let blockchain = self.backend.blockchain();
        let info = blockchain.info();
        let mut heaviest = None;
        for leaf in blockchain.leaves().map_err(lookup)? {
            if !self.contains(leaf, info.finalized_hash)? || !self.contains(leaf, base)? {
                continue;
            }
            let work = PowAux::<u128>::read::<BE, B>(&self.backend, &leaf)?.total_difficulty;
            let rank = (work, leaf == info.best_hash, Reverse(leaf));
            if heaviest.is_none_or(|best| rank > best) {
                heaviest = Some(rank);
            }
        }
        Ok(heaviest.map(|(_, _, Reverse(leaf))| leaf))
    }

    /// Whether the chain that ends at `leaf` contains `base`.
    fn contains(&self, leaf: B::Hash, base: B::Hash) -> Result<bool, ConsensusError> {
        if leaf == base {
            return Ok(true);
        }
        let common =
            lowest_common_ancestor(self.backend.blockchain(), leaf, base).map_err(lookup)?;
        Ok(common.hash == base)
    }

    fn best(&self) -> Result<B::Header, ConsensusError> {
        let blockchain = self.backend.blockchain();
        let finalised = blockchain.info().finalized_hash;
        let best = self.heaviest_on(finalised)?.unwrap_or(finalised);
        blockchain.expect_header(best).map_err(lookup)
    }

    fn target(
        &self,
        base: B::Hash,
        max_number: Option<NumberFor<B>>,
    ) -> Result<B::Hash, ConsensusError> {
        let blockchain = self.backend.blockchain();
        let base_number = *blockchain.expect_header(base).map_err(lookup)?.number();
        if max_number.is_some_and(|max| max < base_number) {
            return Err(ConsensusError::ChainLookup(format!(
                "a finality target on block {base_number} cannot be at most {max_number:?}"
            )));
        }
        // A base that a reorganisation left behind has no heaviest leaf: voting for the base itself
        // keeps the round going, and the next one starts from what the round makes of it.
        let Some(leaf) = self.heaviest_on(base)? else {
            return Ok(base);
        };
        let mut target = blockchain.header_metadata(leaf).map_err(lookup)?;
        while max_number.is_some_and(|max| target.number > max) {
            target = blockchain.header_metadata(target.parent).map_err(lookup)?;
        }
        Ok(target.hash)
    }
}

#[async_trait::async_trait]
impl<BE: Backend<B>, B: BlockT> SelectChain<B> for HeaviestChain<BE, B> {
    async fn leaves(&self) -> Result<Vec<B::Hash>, ConsensusError> {
        self.backend.blockchain().leaves().map_err(lookup)
    }

    async fn best_chain(&self) -> Result<B::Header, ConsensusError> {
        self.best()
    }

    async fn finality_target(
        &self,
        base: B::Hash,
        max_number: Option<NumberFor<B>>,
    ) -> Result<B::Hash, ConsensusError> {
        self.target(base, max_number)
    }
}

fn lookup(error: BlockchainError) -> ConsensusError {
    ConsensusError::ChainLookup(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Chain, TestBackend, TestBlock};
    use futures::executor::block_on;
    use polkadot_sdk::sp_core::H256;

    fn on(chain: &Chain) -> HeaviestChain<TestBackend, TestBlock> {
        HeaviestChain::new(chain.backend())
    }

    fn best(chain: &Chain) -> H256 {
        block_on(on(chain).best_chain()).unwrap().hash()
    }

    fn target(chain: &Chain, base: H256, max: Option<u64>) -> H256 {
        block_on(on(chain).finality_target(base, max)).unwrap()
    }

    /// A long light branch and a short heavy one, both on genesis.
    fn forked() -> (Chain, [H256; 3], [H256; 2]) {
        let chain = Chain::new();
        let a1 = chain.grow(chain.genesis(), 10);
        let a2 = chain.grow(a1, 10);
        let a3 = chain.grow(a2, 10);
        let b1 = chain.grow(chain.genesis(), 20);
        let b2 = chain.grow(b1, 20);
        (chain, [a1, a2, a3], [b1, b2])
    }

    #[test]
    fn genesis_is_the_best_chain_of_an_empty_one() {
        let chain = Chain::new();
        assert_eq!(best(&chain), chain.genesis());
        assert_eq!(target(&chain, chain.genesis(), None), chain.genesis());
    }

    #[test]
    fn the_heaviest_chain_is_best_not_the_longest() {
        let (chain, _, [_, b2]) = forked();
        assert_eq!(best(&chain), b2);
    }

    #[test]
    fn a_heavier_chain_beside_the_finalised_block_is_not_best() {
        let (chain, [a1, _, a3], _) = forked();
        chain.finalise(a1);
        assert_eq!(best(&chain), a3);
    }

    #[test]
    fn after_a_finality_off_the_best_chain_work_goes_on_at_its_heaviest_descendant() {
        let (chain, [a1, a2, _], [_, b2]) = forked();
        assert_eq!(best(&chain), b2);
        let a3 = chain.grow(a2, 15);
        chain.finalise(a1);
        assert_eq!(chain.blockchain().info().best_hash, a1);
        assert_eq!(best(&chain), a3);
    }

    #[test]
    fn the_finalised_block_is_best_when_nothing_descends_from_it() {
        let (chain, [_, _, a3], _) = forked();
        chain.finalise(a3);
        assert_eq!(best(&chain), a3);
    }

    #[test]
    fn the_clients_best_block_stays_best_in_a_tie() {
        let chain = Chain::new();
        let one = chain.grow(chain.genesis(), 10);
        let other = chain.grow(chain.genesis(), 10);
        for hash in [one, other] {
            chain.set_best(hash);
            assert_eq!(best(&chain), hash);
        }
    }

    #[test]
    fn a_tie_beside_the_clients_best_block_is_settled_by_hash() {
        let chain = Chain::new();
        let base = chain.grow(chain.genesis(), 10);
        let one = chain.grow(base, 10);
        let other = chain.grow(base, 10);
        chain.set_best(base);
        assert_eq!(best(&chain), one.min(other));
    }

    #[test]
    fn the_finality_target_is_the_best_chain_that_contains_the_base() {
        let (chain, [a1, _, a3], [b1, b2]) = forked();
        assert_eq!(target(&chain, chain.genesis(), None), b2);
        assert_eq!(target(&chain, b1, None), b2);
        assert_eq!(target(&chain, a1, None), a3);
    }

    #[test]
    fn a_base_on_a_branch_that_finality_left_behind_is_its_own_target() {
        let (chain, [a1, ..], [b1, b2]) = forked();
        chain.finalise(a1);
        assert_eq!(target(&chain, b1, None), b1);
        assert_eq!(target(&chain, b2, None), b2);
    }

    #[test]
    fn a_base_below_the_finalised_block_leads_to_the_best_chain() {
        let (chain, [a1, a2, a3], _) = forked();
        chain.finalise(a2);
        assert_eq!(target(&chain, a1, None), a3);
        assert_eq!(target(&chain, chain.genesis(), None), a3);
    }

    #[test]
    fn the_finality_target_keeps_its_limit() {
        let (chain, [a1, a2, _], [b1, _]) = forked();
        assert_eq!(target(&chain, chain.genesis(), Some(1)), b1);
        assert_eq!(target(&chain, a1, Some(2)), a2);
        assert_eq!(target(&chain, a1, Some(1)), a1);
        assert!(block_on(on(&chain).finality_target(a2, Some(1))).is_err());
    }

    #[test]
    fn an_unknown_base_is_an_error() {
        let chain = Chain::new();
        assert!(block_on(on(&chain).finality_target(H256::repeat_byte(9), None)).is_err());
    }
}
