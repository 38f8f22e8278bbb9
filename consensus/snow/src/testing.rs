//! A chain of ten blocks, and Snow of its only validator.

use std::{
    sync::{Arc, OnceLock},
    thread::{self, ThreadId},
    time::Duration,
};

use polkadot_sdk::{
    sc_client_api::{
        HeaderBackend,
        blockchain::{BlockStatus, Info, Result},
    },
    sc_network_types::PeerId,
    sp_api::{ApiRef, ProvideRuntimeApi, mock_impl_runtime_apis},
    sp_consensus_grandpa::AuthorityPair,
    sp_core::{H256, Pair},
    sp_runtime::{
        OpaqueExtrinsic,
        generic::{self, Header},
        traits::{BlakeTwo256, Header as _},
    },
};
use quern_api::FinalityApi;
use quern_snow::Parameters;

use crate::{
    Electorate, Gadget, Link,
    gadget::{Action, Config},
};

// The macro below asks for the name `Block`.
pub(crate) type TestHeader = Header<u32, BlakeTwo256>;
pub(crate) type Block = generic::Block<TestHeader, OpaqueExtrinsic>;

/// Blocks 0 to 10 and a runtime that says whether Snow is on.
#[derive(Clone)]
pub(crate) struct TestClient {
    pub(crate) headers: Vec<TestHeader>,
    pub(crate) is_on: bool,
    /// Where the runtime was asked first.
    pub(crate) asked: Arc<OnceLock<ThreadId>>,
}

impl TestClient {
    pub(crate) fn new(is_on: bool) -> Self {
        let mut headers: Vec<TestHeader> = Vec::new();
        for number in 0..=10 {
            let parent = headers.last().map(TestHeader::hash).unwrap_or_default();
            headers.push(TestHeader::new(
                number,
                H256::zero(),
                H256::zero(),
                parent,
                Default::default(),
            ));
        }
        Self {
            headers,
            is_on,
            asked: Arc::default(),
        }
    }

    /// Snow of the chain's only validator, which has imported this many blocks and accepted all but two of them.
    pub(crate) fn gadget(&self, imported: usize) -> (Gadget, Vec<Action>) {
        let pair = AuthorityPair::from_seed(&[1; 32]);
        let parameters = Parameters::default();
        let set = Electorate::new(7, [(pair.public(), 1)], |_| true, &parameters).unwrap();
        let config = Config {
            parameters,
            genesis: self.headers[0].hash(),
            local: PeerId::random(),
        };
        let root = (self.headers[0].hash(), 0);
        let mut gadget = Gadget::new(config, set, root, [0; 32]).unwrap();
        for header in &self.headers[1..=imported] {
            let number = header.number.into();
            let link = Link {
                hash: header.hash(),
                parent: header.parent_hash,
                number,
                work: number.into(),
            };
            gadget.imported(&link).unwrap();
        }
        let actions = (0..50).flat_map(|second| gadget.tick(Duration::from_secs(second)));
        let actions = actions.collect();
        (gadget, actions)
    }
}

impl ProvideRuntimeApi<Block> for TestClient {
    type Api = Self;

    fn runtime_api(&self) -> ApiRef<'_, Self::Api> {
        self.clone().into()
    }
}

mock_impl_runtime_apis! {
    impl FinalityApi<Block> for TestClient {
        fn snow() -> bool {
            self.asked.get_or_init(|| thread::current().id());
            self.is_on
        }
    }
}

impl HeaderBackend<Block> for TestClient {
    fn header(&self, hash: H256) -> Result<Option<TestHeader>> {
        let mut headers = self.headers.iter();
        Ok(headers.find(|header| header.hash() == hash).cloned())
    }

    fn info(&self) -> Info<Block> {
        let (first, last) = (self.headers[0].hash(), self.headers[10].hash());
        Info {
            best_hash: last,
            best_number: 10,
            genesis_hash: first,
            finalized_hash: first,
            finalized_number: 0,
            finalized_state: None,
            number_leaves: 1,
            block_gap: None,
        }
    }

    fn status(&self, _: H256) -> Result<BlockStatus> {
        Ok(BlockStatus::Unknown)
    }

    fn number(&self, hash: H256) -> Result<Option<u32>> {
        Ok(self.header(hash)?.map(|header| header.number))
    }

    fn hash(&self, number: u32) -> Result<Option<H256>> {
        Ok(self.headers.get(number as usize).map(TestHeader::hash))
    }
}
