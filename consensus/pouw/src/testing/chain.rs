//! A chain of bare headers in memory, with the total difficulties that the import would have stored.

use super::{Blockchain, TestBackend, TestBlock, TestHeader, header};
use codec::Encode;
use parking_lot::Mutex;
use polkadot_sdk::{
    sc_client_api::{AuxStore, Backend as _, NewBlockState},
    sc_consensus_pow::{POW_AUX_PREFIX, PowAux},
    sp_blockchain::HeaderBackend,
    sp_core::H256,
    sp_runtime::DigestItem,
};
use std::sync::Arc;

/// Blocks in memory. The last block grown is the client's best until [`set_best`](Self::set_best).
pub(crate) struct Chain {
    backend: Arc<TestBackend>,
    grown: Mutex<u8>,
}

impl Chain {
    /// Genesis alone, finalised.
    pub(crate) fn new() -> Self {
        let chain = Self {
            backend: Arc::new(TestBackend::new()),
            grown: Mutex::new(0),
        };
        chain.insert(header(0, H256::zero(), []), NewBlockState::Final, true);
        chain
    }

    pub(crate) fn backend(&self) -> Arc<TestBackend> {
        self.backend.clone()
    }

    pub(crate) fn blockchain(&self) -> &Blockchain {
        self.backend.blockchain()
    }

    pub(crate) fn genesis(&self) -> H256 {
        self.blockchain().info().genesis_hash
    }

    pub(crate) fn header(&self, hash: H256) -> TestHeader {
        self.blockchain().expect_header(hash).unwrap()
    }

    /// Adds a block of this difficulty, unlike any other, on `parent`.
    pub(crate) fn grow(&self, parent: H256, difficulty: u128) -> H256 {
        let mut grown = self.grown.lock();
        *grown += 1;
        let number = self.header(parent).number + 1;
        self.import(
            header(number, parent, [DigestItem::Other(vec![*grown])]),
            difficulty,
        )
    }

    /// Adds a block of this difficulty.
    pub(crate) fn import(&self, block: TestHeader, difficulty: u128) -> H256 {
        let hash = block.hash();
        let below = PowAux::<u128>::read::<_, TestBlock>(&*self.backend, &block.parent_hash);
        let mut work = PowAux {
            difficulty,
            total_difficulty: difficulty,
        };
        work.total_difficulty += below.unwrap().total_difficulty;
        let key = [&POW_AUX_PREFIX[..], hash.as_bytes()].concat();
        self.store(block, NewBlockState::Best, &key, &work.encode());
        hash
    }

    /// Adds a block and its auxiliary data, as the client does at the end of an import.
    pub(crate) fn store(&self, block: TestHeader, state: NewBlockState, key: &[u8], aux: &[u8]) {
        self.blockchain().insert_aux(&[(key, aux)], &[]).unwrap();
        self.insert(block, state, true);
    }

    /// Finalises a block, which becomes the client's best, and leaves all leaves where they are, as
    /// if none had been removed yet.
    pub(crate) fn finalise(&self, hash: H256) {
        self.insert(self.header(hash), NewBlockState::Final, false);
    }

    /// Makes a block other than genesis the client's best.
    pub(crate) fn set_best(&self, hash: H256) {
        self.blockchain().set_head(hash).unwrap();
    }

    fn insert(&self, header: TestHeader, state: NewBlockState, leaf: bool) {
        self.blockchain()
            .insert(header.hash(), header, None, None, state, leaf)
            .unwrap();
    }
}
