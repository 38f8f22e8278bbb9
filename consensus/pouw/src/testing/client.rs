//! A client whose runtime answers from a script.

// The macro below asks for the name `Block`.
use super::{Blockchain, Chain, TestBlock as Block, TestHeader};
use parking_lot::Mutex;
use polkadot_sdk::{
    sc_client_api::{AuxStore, BlockOf},
    sp_api::{ApiError, ApiRef, ProvideRuntimeApi, mock_impl_runtime_apis},
    sp_block_builder::BlockBuilder,
    sp_blockchain::{
        BlockStatus, CachedHeaderMetadata, Error, HeaderBackend, HeaderMetadata, Info, Result,
    },
    sp_core::H256,
    sp_inherents::{CheckInherentsResult, InherentData},
    sp_runtime::{AccountId32, ApplyExtrinsicResult, OpaqueExtrinsic, generic::LazyBlock},
};
use quern_api::{PendingClaim, RunInfo, WorkApi, WorkRules};
use quern_work::{Dataset, SealError, TaskSpec};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// The seal that the scripted runtime accepts.
pub(crate) const GOOD: &[u8] = b"good";

/// The seal over which the scripted runtime traps.
pub(crate) const TRAP: &[u8] = b"trap";

/// A seal that the scripted runtime refuses under this rule.
pub(crate) fn refused_as(refusal: SealError) -> Vec<u8> {
    refusal.name().as_bytes().to_vec()
}

const REFUSALS: [SealError; 4] = [
    SealError::AboveTarget,
    SealError::NotTheAuthor,
    SealError::BadSignature,
    SealError::Malformed,
];

/// Headers of a [`Chain`], and a runtime.
pub(crate) struct TestClient {
    blockchain: Blockchain,
    runtime: TestRuntime,
}

impl TestClient {
    pub(crate) fn new(chain: &Chain) -> Arc<Self> {
        Arc::new(Self {
            blockchain: chain.blockchain().clone(),
            runtime: TestRuntime::default(),
        })
    }

    /// Sets the difficulty of the children of a block.
    pub(crate) fn set_difficulty(&self, parent: H256, difficulty: u128) {
        self.runtime.difficulties.lock().insert(parent, difficulty);
    }

    /// How often the runtime was asked about a seal.
    pub(crate) fn checks(&self) -> u32 {
        self.runtime.checks.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Default)]
pub(crate) struct TestRuntime {
    checks: Arc<AtomicU32>,
    difficulties: Arc<Mutex<HashMap<H256, u128>>>,
}

impl ProvideRuntimeApi<Block> for TestClient {
    type Api = TestRuntime;

    fn runtime_api(&self) -> ApiRef<'_, Self::Api> {
        self.runtime.clone().into()
    }
}

mock_impl_runtime_apis! {
    impl WorkApi<Block> for TestRuntime {
        #[advanced]
        fn difficulty(&self, at: H256) -> std::result::Result<u128, ApiError> {
            Ok(self.difficulties.lock().get(&at).copied().unwrap_or(u128::MAX))
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
                max_vote_macs: 1 << 44,
                max_vote_bytes: 1 << 34,
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
                ticket: 5,
                steps: None,
                accepted: 256,
                committed: 512,
                state_root: Some([9; 32]),
                pending: Some(PendingClaim::Revealed { audit: 6, to: 512 }),
                last_sealed: None,
                macs: 1 << 70,
                seals: 3,
                shares: 4,
                last_share: Some((255, 63)),
                vesting: 1 << 80,
            }]
        }
    }

    impl BlockBuilder<Block> for TestRuntime {
        fn apply_extrinsic(_extrinsic: OpaqueExtrinsic) -> ApplyExtrinsicResult {
            unreachable!("blocks are proposed by a double")
        }

        fn finalize_block() -> TestHeader {
            unreachable!("blocks are proposed by a double")
        }

        fn inherent_extrinsics(_inherent: InherentData) -> Vec<OpaqueExtrinsic> {
            unreachable!("blocks are proposed by a double")
        }

        fn check_inherents(
            _block: LazyBlock<TestHeader, OpaqueExtrinsic>,
            _data: InherentData,
        ) -> CheckInherentsResult {
            CheckInherentsResult::new()
        }
    }
}

impl BlockOf for TestClient {
    type Type = Block;
}

impl AuxStore for TestClient {
    fn insert_aux<
        'a,
        'b: 'a,
        'c: 'a,
        I: IntoIterator<Item = &'a (&'c [u8], &'c [u8])>,
        D: IntoIterator<Item = &'a &'b [u8]>,
    >(
        &self,
        insert: I,
        delete: D,
    ) -> Result<()> {
        self.blockchain.insert_aux(insert, delete)
    }

    fn get_aux(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.blockchain.get_aux(key)
    }
}

impl HeaderMetadata<Block> for TestClient {
    type Error = Error;

    fn header_metadata(&self, hash: H256) -> Result<CachedHeaderMetadata<Block>> {
        self.blockchain.header_metadata(hash)
    }

    fn insert_header_metadata(&self, hash: H256, metadata: CachedHeaderMetadata<Block>) {
        self.blockchain.insert_header_metadata(hash, metadata);
    }

    fn remove_header_metadata(&self, hash: H256) {
        self.blockchain.remove_header_metadata(hash);
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
