//! The pipeline as a whole, over an import that stores what it is given.

use super::*;
use crate::testing::{
    Chain, TestBackend, TestBlock, TestClient, TestHeader, header, refused_as, signed_seal,
};
use futures::executor::block_on;
use polkadot_sdk::{
    sc_client_api::NewBlockState,
    sc_consensus::{
        BlockCheckParams, BlockImportError, BlockImportParams, ForkChoiceStrategy, ImportResult,
        IncomingBlock, import_single_block,
    },
    sc_consensus_pow::{INTERMEDIATE_KEY, PowIntermediate},
    sp_consensus::BlockOrigin,
    sp_runtime::AccountId32,
};
use quern_work::SealError;

/// Stores headers, aux data and the choice of best block, as the client does.
struct Storing(Arc<Chain>);

#[async_trait::async_trait]
impl BlockImport<TestBlock> for Storing {
    type Error = ConsensusError;

    async fn check_block(
        &self,
        _: BlockCheckParams<TestBlock>,
    ) -> Result<ImportResult, ConsensusError> {
        Ok(ImportResult::imported(false))
    }

    async fn import_block(
        &self,
        block: BlockImportParams<TestBlock>,
    ) -> Result<ImportResult, ConsensusError> {
        let best = block.fork_choice == Some(ForkChoiceStrategy::Custom(true));
        let state = if best {
            NewBlockState::Best
        } else {
            NewBlockState::Normal
        };
        let (key, work) = &block.auxiliary[0];
        self.0
            .store(block.post_header(), state, key, work.as_ref().unwrap());
        Ok(ImportResult::imported(best))
    }
}

type Pipeline = WorkImport<TestBlock, Storing, TestClient, HeaviestChain<TestBackend, TestBlock>>;

struct Node {
    chain: Arc<Chain>,
    client: Arc<TestClient>,
    import: Pipeline,
    verifier: SealVerifier<TestBlock, TestClient>,
}

fn node() -> Node {
    let chain = Arc::new(Chain::new());
    let client = TestClient::new(&chain);
    let metrics = Metrics::new(None).unwrap();
    let work = UsefulWork::new(client.clone(), metrics.clone());
    let import = block_import(
        Storing(chain.clone()),
        client.clone(),
        HeaviestChain::new(chain.backend()),
        work.clone(),
        metrics,
    );
    Node {
        chain,
        client,
        import,
        verifier: SealVerifier::new(work),
    }
}

/// A block on `parent` with this seal.
fn sealed(number: u64, parent: H256, seal: Vec<u8>) -> TestHeader {
    let author = digest::author_item(&AccountId32::new([1; 32]));
    header(number, parent, [author, digest::seal_item(seal)])
}

/// A seal that the scripted runtime accepts; different steps make different blocks.
fn good(step: u64) -> Vec<u8> {
    signed_seal(0, step)
}

impl Node {
    /// Brings a block in as a peer would.
    fn receive(&mut self, header: TestHeader) -> Result<H256, BlockImportError> {
        let hash = header.hash();
        let block = IncomingBlock {
            hash,
            header: Some(header),
            body: Some(Vec::new()),
            indexed_body: None,
            justifications: None,
            origin: None,
            allow_missing_state: false,
            skip_execution: false,
            import_existing: false,
            state: None,
        };
        let origin = BlockOrigin::NetworkBroadcast;
        block_on(import_single_block(
            &mut self.import,
            origin,
            block,
            &self.verifier,
        ))?;
        Ok(hash)
    }

    fn best(&self) -> H256 {
        self.client.info().best_hash
    }
}

#[test]
fn a_heavier_branch_becomes_best_though_it_is_shorter() {
    let mut node = node();
    let genesis = node.chain.genesis();
    node.client.set_difficulty(genesis, 10);
    let mut long = genesis;
    for number in 1..=3 {
        long = node.receive(sealed(number, long, good(number))).unwrap();
        node.client.set_difficulty(long, 1);
        assert_eq!(node.best(), long);
    }
    let short = node.receive(sealed(1, genesis, good(10))).unwrap();
    assert_eq!(node.best(), long);
    node.client.set_difficulty(short, 5);
    let short = node.receive(sealed(2, short, good(11))).unwrap();
    assert_eq!(node.best(), short);
}

#[test]
fn of_two_equal_branches_the_first_seen_stays_best() {
    let mut node = node();
    let genesis = node.chain.genesis();
    let first = node.receive(sealed(1, genesis, good(1))).unwrap();
    node.receive(sealed(1, genesis, good(2))).unwrap();
    assert_eq!(node.best(), first);
}

#[test]
fn the_runtime_is_asked_once_about_the_seal_of_a_block() {
    let mut node = node();
    node.receive(sealed(1, node.chain.genesis(), good(1)))
        .unwrap();
    assert_eq!(node.client.checks(), 1);
}

#[test]
fn the_work_of_a_block_beside_the_finalised_chain_is_not_looked_at() {
    let mut node = node();
    let genesis = node.chain.genesis();
    let final_block = node.receive(sealed(1, genesis, good(1))).unwrap();
    node.chain.finalise(final_block);
    let checks = node.client.checks();
    let error = node.receive(sealed(1, genesis, good(2))).unwrap_err();
    // Sync lets such a block lie.
    assert!(matches!(error, BlockImportError::MissingState));
    assert_eq!(node.client.checks(), checks);
    assert_eq!(node.best(), final_block);
}

#[test]
fn a_refused_seal_is_held_against_the_peer_by_the_name_of_the_rule() {
    let mut node = node();
    let genesis = node.chain.genesis();
    for refusal in [
        SealError::AboveTarget,
        SealError::NotTheAuthor,
        SealError::BadSignature,
        SealError::Malformed,
    ] {
        match node.receive(sealed(1, genesis, refused_as(refusal))) {
            Err(BlockImportError::VerificationFailed(_, error)) => {
                assert!(error.starts_with(refusal.name()), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(node.best(), genesis);
}

#[test]
fn a_block_of_our_own_is_not_spared_the_check() {
    let node = node();
    let seal = refused_as(SealError::AboveTarget);
    let author = digest::author_item(&AccountId32::new([1; 32]));
    let mut block =
        BlockImportParams::new(BlockOrigin::Own, header(1, node.chain.genesis(), [author]));
    block.post_digests.push(digest::seal_item(seal));
    block.insert_intermediate(
        INTERMEDIATE_KEY,
        PowIntermediate {
            difficulty: Some(1_u128),
        },
    );
    let error = block_on(node.import.import_block(block)).unwrap_err();
    assert!(error.to_string().contains("AboveTarget: "), "{error}");
}
