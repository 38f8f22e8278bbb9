use super::*;
use crate::{
    HeaviestChain, Inherents,
    testing::{
        Chain, TestBackend, TestBlock, TestClient, TestHeader, header, refused_as, signed_seal,
    },
};
use futures::{
    channel::mpsc::{self, UnboundedSender},
    future::{Ready, ready},
};
use polkadot_sdk::{
    sc_consensus::{BlockCheckParams, BlockImport},
    sp_runtime::DigestItem,
};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Imports into a [`Chain`], or fails when told to.
struct Importing {
    chain: Arc<Chain>,
    events: UnboundedSender<()>,
    failing: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl BlockImport<TestBlock> for Importing {
    type Error = ConsensusError;

    async fn check_block(
        &self,
        _: BlockCheckParams<TestBlock>,
    ) -> Result<ImportResult, ConsensusError> {
        Ok(ImportResult::imported(false))
    }

    async fn import_block(
        &self,
        mut block: BlockImportParams<TestBlock>,
    ) -> Result<ImportResult, ConsensusError> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(ConsensusError::ClientImport("told to fail".into()));
        }
        assert_eq!(block.origin, BlockOrigin::Own);
        assert!(matches!(block.state_action, StateAction::ApplyChanges(_)));
        let work = block.remove_intermediate::<PowIntermediate<u128>>(INTERMEDIATE_KEY)?;
        self.chain
            .import(block.post_header(), work.difficulty.unwrap() >> 64);
        self.events.unbounded_send(()).ok();
        Ok(ImportResult::imported(true))
    }
}

/// Proposes empty blocks, each with another pre-hash.
#[derive(Clone, Default)]
struct Proposing {
    proposed: Arc<AtomicU8>,
    parent: Option<TestHeader>,
}

impl Environment<TestBlock> for Proposing {
    type Proposer = Self;
    type CreateProposer = Ready<Result<Self, ConsensusError>>;
    type Error = ConsensusError;

    fn init(&mut self, parent: &TestHeader) -> Self::CreateProposer {
        ready(Ok(Self {
            proposed: self.proposed.clone(),
            parent: Some(parent.clone()),
        }))
    }
}

impl Proposer<TestBlock> for Proposing {
    type Error = ConsensusError;
    type Proposal = Ready<Result<Proposal<TestBlock>, ConsensusError>>;

    fn propose(self, arguments: ProposeArgs<TestBlock>) -> Self::Proposal {
        let parent = self.parent.unwrap();
        let nonce = DigestItem::Other(vec![self.proposed.fetch_add(1, Ordering::Relaxed)]);
        let items = arguments.inherent_digests.logs.into_iter().chain([nonce]);
        let header = header(parent.number + 1, parent.hash(), items);
        let block = TestBlock::new(header, Vec::new());
        ready(Ok(Proposal {
            block,
            storage_changes: Default::default(),
        }))
    }
}

#[derive(Clone, Default)]
struct Syncing(Arc<AtomicBool>);

impl SyncOracle for Syncing {
    fn is_major_syncing(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn is_offline(&self) -> bool {
        false
    }
}

const NEVER: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(10);
const OFTEN: Duration = Duration::from_millis(5);

/// A seal that the scripted runtime accepts and the next block can record.
fn good() -> Vec<u8> {
    signed_seal(0, 1)
}

struct Case {
    chain: Arc<Chain>,
    desk: Arc<dyn Authoring>,
    templates: watch::Receiver<Option<Arc<Template>>>,
    events: UnboundedSender<()>,
    failing: Arc<AtomicBool>,
    syncing: Syncing,
    metrics: Metrics,
}

fn case(interval: Duration) -> Case {
    let chain = Arc::new(Chain::new());
    let client = TestClient::new(&chain);
    let metrics = Metrics::new(None).unwrap();
    let (events, received) = mpsc::unbounded();
    let failing = Arc::new(AtomicBool::new(false));
    let syncing = Syncing::default();
    let import = Importing {
        chain: chain.clone(),
        events: events.clone(),
        failing: failing.clone(),
    };
    let config = AuthoringConfig {
        author: AccountId32::new([1; 32]),
        interval,
        build_time: DEFAULT_BUILD_TIME,
    };
    let parts = AuthoringParts {
        client: client.clone(),
        select_chain: HeaviestChain::<TestBackend, TestBlock>::new(chain.backend()),
        block_import: Box::new(import) as BoxBlockImport<TestBlock>,
        work: UsefulWork::new(client.clone(), metrics.clone()),
        environment: Proposing::default(),
        inherents: Inherents::new(client),
        sync_oracle: syncing.clone(),
        justification_link: (),
        metrics: metrics.clone(),
    };
    let (desk, task) = assemble(config, parts, received.boxed());
    tokio::spawn(task);
    let templates = desk.templates();
    Case {
        chain,
        desk,
        templates,
        events,
        failing,
        syncing,
        metrics,
    }
}

impl Case {
    /// The next template that is published.
    async fn next(&mut self) -> Arc<Template> {
        let published = async {
            self.templates.changed().await.unwrap();
            self.templates.borrow_and_update().clone().unwrap()
        };
        tokio::time::timeout(PATIENCE, published).await.unwrap()
    }

    async fn submit(&self, template: &Template, seal: &[u8]) -> Result<H256, &'static str> {
        self.desk
            .submit(template.pre_hash, seal.to_vec())
            .await
            .map_err(|error| error.name())
    }
}

#[tokio::test]
async fn a_good_seal_makes_its_template_a_block() {
    let mut case = case(NEVER);
    let template = case.next().await;
    assert_eq!(
        (template.number, template.parent),
        (1, case.chain.genesis())
    );
    let hash = case.submit(&template, &good()).await.unwrap();
    let sealed = case.chain.header(hash);
    assert_eq!(digest::seal(&sealed), Ok(Some(&good()[..])));
    assert_eq!(digest::author(&sealed), Ok(template.author.clone()));
    assert_eq!(case.metrics.accepted(), 1);
}

#[tokio::test]
async fn a_new_best_block_is_built_on_at_once() {
    let mut case = case(NEVER);
    let template = case.next().await;
    let hash = case.submit(&template, &good()).await.unwrap();
    assert_eq!(case.next().await.parent, hash);
}

#[tokio::test]
async fn an_unchanged_best_block_gets_a_fresh_template_every_interval() {
    let mut case = case(OFTEN);
    let older = case.next().await;
    let newer = case.next().await;
    assert_eq!(older.parent, newer.parent);
    assert_ne!(older.pre_hash, newer.pre_hash);
    assert!(case.submit(&older, &good()).await.is_ok());
}

#[tokio::test]
async fn an_event_that_leaves_the_best_block_builds_nothing() {
    let mut case = case(NEVER);
    case.next().await;
    for _ in 0..10 {
        case.events.unbounded_send(()).unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(case.metrics.templates(), 1);
}

#[tokio::test]
async fn a_template_on_a_superseded_parent_is_stale() {
    let mut case = case(NEVER);
    let template = case.next().await;
    let heavier = case.chain.grow(case.chain.genesis(), 1);
    case.events.unbounded_send(()).unwrap();
    assert_eq!(case.next().await.parent, heavier);
    assert_eq!(case.submit(&template, &good()).await, Err("StaleTemplate"));
}

#[tokio::test]
async fn a_template_of_another_node_is_unknown() {
    let mut case = case(NEVER);
    let mut template = (*case.next().await).clone();
    template.pre_hash = H256::repeat_byte(9);
    assert_eq!(
        case.submit(&template, &good()).await,
        Err("UnknownTemplate")
    );
    assert_eq!(case.metrics.declined(), 1);
}

#[tokio::test]
async fn a_refused_seal_leaves_the_template_open() {
    let mut case = case(NEVER);
    let template = case.next().await;
    for refusal in [SealError::AboveTarget, SealError::BadSignature] {
        assert_eq!(
            case.submit(&template, &refused_as(refusal)).await,
            Err(refusal.name())
        );
    }
    assert!(case.submit(&template, &good()).await.is_ok());
}

#[tokio::test]
async fn a_parent_is_given_one_block() {
    let mut case = case(OFTEN);
    let first = case.next().await;
    let second = case.next().await;
    assert_eq!(first.parent, second.parent);
    let seal = good();
    let (one, other) = tokio::join!(case.submit(&first, &seal), case.submit(&second, &seal));
    assert!(one.is_ok());
    assert_eq!(other, Err("StaleTemplate"));
}

#[tokio::test]
async fn a_failed_import_leaves_the_other_templates_open() {
    let mut case = case(OFTEN);
    let first = case.next().await;
    let second = case.next().await;
    case.failing.store(true, Ordering::Relaxed);
    assert_eq!(case.submit(&first, &good()).await, Err("ImportFailed"));
    case.failing.store(false, Ordering::Relaxed);
    assert_eq!(case.submit(&first, &good()).await, Err("StaleTemplate"));
    assert!(case.submit(&second, &good()).await.is_ok());
}

#[tokio::test]
async fn bytes_beyond_any_seal_are_refused_unlooked_at() {
    let mut case = case(NEVER);
    let template = case.next().await;
    let large = vec![0; MAX_SIGNED_SEAL_BYTES + 1];
    assert_eq!(case.submit(&template, &large).await, Err("TooLarge"));
}

#[tokio::test]
async fn a_syncing_node_offers_no_template() {
    let mut case = case(OFTEN);
    let template = case.next().await;
    case.syncing.0.store(true, Ordering::Relaxed);
    case.templates.wait_for(Option::is_none).await.unwrap();
    assert_eq!(case.submit(&template, &good()).await, Err("StaleTemplate"));
    case.syncing.0.store(false, Ordering::Relaxed);
    assert!(case.templates.wait_for(Option::is_some).await.is_ok());
}
