//! A client whose runtime answers from a script.

// The macro below asks for the name `Block`.
use super::{Blockchain, Chain, TestBlock as Block, TestHeader};
use polkadot_sdk::{
    sp_api::{ApiError, ApiRef, ProvideRuntimeApi, mock_impl_runtime_apis},
    sp_blockchain::{BlockStatus, HeaderBackend, Info, Result},
    sp_core::H256,
    sp_runtime::AccountId32,
};
use quern_api::{RunInfo, WorkApi, WorkRules};
use quern_work::{Dataset, SealError, TaskSpec};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// The seal that the scripted runtime accepts.
pub(crate) const GOOD: &[u8] = b"good";

/// The seal over which the scripted runtime traps.
pub(crate) const TRAP: &[u8] = b"trap";

/// A seal that the scripted runtime refuses under this rule.
pub(crate) fn refused_as(refusal: SealError) -> Vec<u8> {
    refusal.name().as_bytes().to_vec()
}

const REFUSALS: [SealError; 3] = [
    SealError::AboveTarget,
    SealError::NotTheAuthor,
    SealError::Malformed,
];

/// Headers of a [`Chain`], and a runtime.
pub(crate) struct TestClient {
    blockchain: Blockchain,
    runtime: TestRuntime,
}

impl TestClient {
    pub(crate) fn new(chain: &Chain) -> Arc<Self> {
        let runtime = TestRuntime {
            checks: Arc::default(),
        };
        Arc::new(Self {
            blockchain: chain.blockchain().clone(),
            runtime,
        })
    }

    /// How often the runtime was asked about a seal.
    pub(crate) fn checks(&self) -> u32 {
        self.runtime.checks.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
pub(crate) struct TestRuntime {
    checks: Arc<AtomicU32>,
}

impl ProvideRuntimeApi<Block> for TestClient {
    type Api = TestRuntime;

    fn runtime_api(&self) -> ApiRef<'_, Self::Api> {
        self.runtime.clone().into()
    }
}

mock_impl_runtime_apis! {
    impl WorkApi<Block> for TestRuntime {
        fn difficulty() -> u128 {
            u128::MAX
        }

        #[advanced]
        fn verify_seal(
            &self,
            _at: H256,
            _genesis: H256,
            _pre_hash: H256,
            _author: AccountId32,
            seal: Vec<u8>,
        ) -> std::result::Result<std::result::Result<(), SealError>, ApiError> {
            self.checks.fetch_add(1, Ordering::Relaxed);
            if seal == TRAP {
                return Err(ApiError::Application("trap".into()));
            }
            let refusal = REFUSALS.into_iter().find(|refusal| refusal.name().as_bytes() == seal);
            Ok(refusal.map_or(Ok(()), Err))
        }

        fn rules() -> WorkRules {
            WorkRules {
                noise_rank: 32,
                max_ahead: 4096,
                share_difficulty: 1 << 100,
                omega_b: 1 << 60,
                omega_m: 0,
            }
        }

        fn run(_id: u64) -> Option<RunInfo> {
            None
        }

        fn runs_of(owner: AccountId32) -> Vec<RunInfo> {
            vec![RunInfo {
                id: 0,
                task: 0,
                owner,
                seed: [7; 32],
                spec: TaskSpec {
                    dataset: Dataset { root: [8; 32], row_blocks: 500, features: 784, classes: 10 },
                    hidden: vec![1024].try_into().unwrap(),
                    batch: 512,
                    lr_shift: 3,
                    lr_every: 2000,
                    segment: 256,
                },
                committed: 256,
                state_root: Some([9; 32]),
                last_sealed: None,
                macs: 1 << 70,
                seals: 3,
                shares: 4,
                last_share: Some((255, 63)),
                vesting: 1 << 80,
            }]
        }
    }
}

impl HeaderBackend<Block> for TestClient {
    fn header(&self, hash: H256) -> Result<Option<TestHeader>> {
        self.blockchain.header(hash)
    }

    fn info(&self) -> Info<Block> {
        self.blockchain.info()
    }

    fn status(&self, hash: H256) -> Result<BlockStatus> {
        self.blockchain.status(hash)
    }

    fn number(&self, hash: H256) -> Result<Option<u64>> {
        self.blockchain.number(hash)
    }

    fn hash(&self, number: u64) -> Result<Option<H256>> {
        self.blockchain.hash(number)
    }
}
