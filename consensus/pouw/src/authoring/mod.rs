//! Building templates and turning seals into blocks.

use crate::{
    CheckError, LOG_TARGET, Metrics, UsefulWork, digest,
    templates::{Absent, Templates},
};
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use polkadot_sdk::{
    sc_client_api::BlockchainEvents,
    sc_consensus::{
        BlockImportParams, BoxBlockImport, ImportResult, JustificationSyncLink, StateAction,
        StorageChanges,
    },
    sc_consensus_pow::{INTERMEDIATE_KEY, PowIntermediate},
    sp_api::{ApiError, ProvideRuntimeApi},
    sp_blockchain::HeaderBackend,
    sp_consensus::{
        BlockOrigin, Environment, Error as ConsensusError, Proposal, ProposeArgs, Proposer,
        SelectChain, SyncOracle,
    },
    sp_core::H256,
    sp_inherents::{CreateInherentDataProviders, InherentDataProvider},
    sp_runtime::{
        AccountId32, Digest, SaturatedConversion,
        traits::{Block as BlockT, Header},
    },
};
use quern_api::{RunInfo, WorkApi, WorkRules};
use quern_work::{MAX_SIGNED_SEAL_BYTES, SealError};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// How often a template is rebuilt on an unchanged best block, unless configured otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(2);

/// How long a template may gather transactions, unless configured otherwise.
pub const DEFAULT_BUILD_TIME: Duration = Duration::from_millis(500);

/// What a worker needs to seal a block, besides its own run.
#[derive(Clone, Debug)]
pub struct Template {
    /// Number of the block.
    pub number: u64,
    /// Hash of its parent.
    pub parent: H256,
    /// Hash of its header without the seal; names the template.
    pub pre_hash: H256,
    /// Hash of the genesis block.
    pub genesis: H256,
    /// The author its header names.
    pub author: AccountId32,
    /// Expected MACs of the block.
    pub difficulty: u128,
    /// The rules at the parent's state.
    pub rules: WorkRules,
    /// The author's runs at the parent's state.
    pub runs: Vec<RunInfo>,
}

/// Why a seal did not become a block.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// No template has this pre-hash: another node's, or an invented one.
    #[error("this node has no template with that pre-hash")]
    UnknownTemplate,
    /// The template's time is over: fetch the current one and seal that.
    #[error("the template has been superseded")]
    StaleTemplate,
    /// The seal breaks a rule.
    #[error("{0}")]
    Refused(SealError),
    /// The seal is longer than any seal can be.
    #[error("a seal has at most {MAX_SIGNED_SEAL_BYTES} bytes")]
    TooLarge,
    /// The seal may be good, but the block could not be imported.
    #[error("the block could not be imported: {0}")]
    ImportFailed(String),
}

impl SubmitError {
    /// The error's name, as RPC and metrics carry it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UnknownTemplate => "UnknownTemplate",
            Self::StaleTemplate => "StaleTemplate",
            Self::Refused(refusal) => refusal.name(),
            Self::TooLarge => "TooLarge",
            Self::ImportFailed(_) => "ImportFailed",
        }
    }
}

impl From<Absent> for SubmitError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Stale => Self::StaleTemplate,
            Absent::Unknown => Self::UnknownTemplate,
        }
    }
}

impl From<CheckError> for SubmitError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Refused(refusal) => Self::Refused(refusal),
            error => Self::ImportFailed(error.to_string()),
        }
    }
}

/// What workers see of a node that authors blocks.
#[async_trait::async_trait]
pub trait Authoring: Send + Sync {
    /// The account that blocks of this node name as their author.
    fn author(&self) -> &AccountId32;

    /// The current template, and every newer one; none while the node is syncing. A reader that is
    /// slow sees the newest only.
    fn templates(&self) -> watch::Receiver<Option<Arc<Template>>>;

    /// Seals the template with this pre-hash, imports the block and gives its hash.
    ///
    /// `seal` is the bytes of a [`SignedSeal`](quern_work::SignedSeal). Of several templates on one parent only one
    /// becomes a block. The future should be run to its end: dropping it may lose the block.
    async fn submit(&self, pre_hash: H256, seal: Vec<u8>) -> Result<H256, SubmitError>;
}

/// How to author.
#[derive(Clone, Debug)]
pub struct AuthoringConfig {
    /// Who is named as author and owns the runs.
    pub author: AccountId32,
    /// How often a template is rebuilt on an unchanged best block.
    pub interval: Duration,
    /// How long a template may gather transactions.
    pub build_time: Duration,
}

/// What authoring stands on.
pub struct AuthoringParts<B: BlockT, C, S, E, I, O, L> {
    /// Headers, runtime and events.
    pub client: Arc<C>,
    /// Gives the parent: [`HeaviestChain`](crate::HeaviestChain).
    pub select_chain: S,
    /// Takes the blocks: [`block_import`](crate::block_import()).
    pub block_import: BoxBlockImport<B>,
    /// Difficulty and seal check.
    pub work: UsefulWork<C>,
    /// Proposes blocks from the transaction pool.
    pub environment: E,
    /// Inherent data: [`Inherents`](crate::Inherents).
    pub inherents: I,
    /// Tells when there is no point in authoring.
    pub sync_oracle: O,
    /// Told when an imported block needs a justification.
    pub justification_link: L,
    /// What is counted.
    pub metrics: Metrics,
}

/// The handle through which workers reach this node's authoring, and the task that builds its
/// templates: on every new best block, and every `interval`.
pub fn authoring<B, C, S, E, I, O, L>(
    config: AuthoringConfig,
    parts: AuthoringParts<B, C, S, E, I, O, L>,
) -> (Arc<dyn Authoring>, impl Future<Output = ()> + Send)
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B> + BlockchainEvents<B> + Send + Sync + 'static,
    C::Api: WorkApi<B>,
    S: SelectChain<B>,
    E: Environment<B> + Send + Sync + 'static,
    I: CreateInherentDataProviders<B, ()>,
    O: SyncOracle + Send + Sync,
    L: JustificationSyncLink<B> + 'static,
{
    let events = chain_events::<B>(&*parts.client);
    let (desk, task) = assemble(config, parts, events);
    (desk, task)
}

/// An item for every import and every finality, either of which can move the best chain.
fn chain_events<B: BlockT>(client: &impl BlockchainEvents<B>) -> BoxStream<'static, ()> {
    stream::select(
        client.import_notification_stream().map(drop),
        client.finality_notification_stream().map(drop),
    )
    .boxed()
}

/// Sets up the desk and its builder, which looks at the best block at every one of `events`.
fn assemble<B, C, S, E, I, O, L>(
    config: AuthoringConfig,
    parts: AuthoringParts<B, C, S, E, I, O, L>,
    events: BoxStream<'static, ()>,
) -> (Arc<Desk<B, C, L>>, impl Future<Output = ()> + Send)
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + HeaderBackend<B> + Send + Sync + 'static,
    C::Api: WorkApi<B>,
    S: SelectChain<B>,
    E: Environment<B> + Send + Sync + 'static,
    I: CreateInherentDataProviders<B, ()>,
    O: SyncOracle + Send + Sync,
    L: JustificationSyncLink<B> + 'static,
{
    let desk = Arc::new(Desk {
        author: config.author.clone(),
        work: parts.work.clone(),
        block_import: parts.block_import,
        justification_link: parts.justification_link,
        templates: Mutex::new(Templates::new()),
        published: watch::Sender::new(None),
        sealing: tokio::sync::Mutex::new(()),
        metrics: parts.metrics.clone(),
    });
    let builder = Builder {
        genesis: parts.client.info().genesis_hash,
        config,
        desk: desk.clone(),
        select_chain: parts.select_chain,
        work: parts.work,
        environment: parts.environment,
        inherents: parts.inherents,
        sync_oracle: parts.sync_oracle,
        metrics: parts.metrics,
    };
    (desk, builder.run(events))
}

/// Where templates lie and seals are handed in.
struct Desk<B: BlockT, C, L> {
    author: AccountId32,
    work: UsefulWork<C>,
    block_import: BoxBlockImport<B>,
    justification_link: L,
    templates: Mutex<Templates<H256, Build<B>>>,
    published: watch::Sender<Option<Arc<Template>>>,
    /// Held from taking a template to retiring its siblings: one parent, one block.
    sealing: tokio::sync::Mutex<()>,
    metrics: Metrics,
}

/// A template as the node keeps it.
struct Build<B: BlockT> {
    difficulty: u128,
    proposal: Proposal<B>,
}

impl<B, C, L> Desk<B, C, L>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + Send + Sync,
    C::Api: WorkApi<B>,
    L: JustificationSyncLink<B>,
{
    /// Retires templates that are not on `parent`.
    fn move_to(&self, parent: H256) {
        self.templates.lock().move_to(parent);
    }

    /// Retires all templates and offers none.
    fn close(&self) {
        self.templates.lock().retire_all();
        self.published
            .send_if_modified(|current| current.take().is_some());
    }

    /// Offers a template, unless its parent has been given a block while it was built.
    fn open(&self, template: Template, build: Build<B>) {
        let idle = |template: &Template| template.runs.is_empty();
        if idle(&template) && !self.published.borrow().as_deref().is_some_and(idle) {
            tracing::warn!(
                target: LOG_TARGET,
                "{} has no open run: its templates cannot be sealed until it opens one",
                template.author
            );
        }
        let mut templates = self.templates.lock();
        if templates.open(template.parent, template.pre_hash, build) {
            self.published.send_replace(Some(Arc::new(template)));
        }
    }

    async fn seal(&self, pre_hash: H256, seal: Vec<u8>) -> Result<H256, SubmitError> {
        if seal.len() > MAX_SIGNED_SEAL_BYTES {
            return Err(SubmitError::TooLarge);
        }
        let parent = self.templates.lock().parent_of(&pre_hash)?;
        self.work
            .check::<B>(parent, &pre_hash, &self.author, &seal)?;

        let _sealing = self.sealing.lock().await;
        let build = self.templates.lock().take(&pre_hash)?;
        let block = sealed(build, seal);
        let (hash, number) = (block.post_hash(), *block.header.number());
        let result = self
            .block_import
            .import_block(block)
            .await
            .map_err(|error| SubmitError::ImportFailed(error.to_string()))?;
        result.handle_justification::<B>(&hash, number, &self.justification_link);
        match result {
            ImportResult::Imported(_) => {
                self.templates.lock().sealed(parent);
                tracing::info!(target: LOG_TARGET, "🌾 Sealed block {number} ({hash:?})");
                Ok(hash)
            }
            other => Err(SubmitError::ImportFailed(format!("{other:?}"))),
        }
    }
}

/// The block that a template and its seal make.
fn sealed<B: BlockT<Hash = H256>>(build: Build<B>, seal: Vec<u8>) -> BlockImportParams<B> {
    let Build {
        difficulty,
        proposal,
    } = build;
    let (header, body) = proposal.block.deconstruct();
    let mut block = BlockImportParams::<B>::new(BlockOrigin::Own, header);
    block.post_digests.push(digest::seal_item(seal));
    block.post_hash = Some(block.post_header().hash());
    block.body = Some(body);
    block.state_action =
        StateAction::ApplyChanges(StorageChanges::Changes(proposal.storage_changes));
    let intermediate = PowIntermediate {
        difficulty: Some(difficulty),
    };
    block.insert_intermediate(INTERMEDIATE_KEY, intermediate);
    block
}

#[async_trait::async_trait]
impl<B, C, L> Authoring for Desk<B, C, L>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + Send + Sync,
    C::Api: WorkApi<B>,
    L: JustificationSyncLink<B>,
{
    fn author(&self) -> &AccountId32 {
        &self.author
    }

    fn templates(&self) -> watch::Receiver<Option<Arc<Template>>> {
        self.published.subscribe()
    }

    async fn submit(&self, pre_hash: H256, seal: Vec<u8>) -> Result<H256, SubmitError> {
        self.metrics.seal_submitted();
        let began = Instant::now();
        let outcome = self.seal(pre_hash, seal).await;
        self.metrics.seal_answered(began.elapsed());
        match &outcome {
            Ok(_) => self.metrics.seal_accepted(),
            Err(error) => {
                self.metrics.seal_declined();
                // The check has counted those of the rules itself.
                if !matches!(error, SubmitError::Refused(_)) {
                    self.metrics.seal_refused(error.name());
                }
                tracing::debug!(target: LOG_TARGET, "{}: {error}", error.name());
            }
        }
        outcome
    }
}

/// Why there is no new template this time.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("no best block to build on: {0}")]
    NoParent(ConsensusError),
    #[error("the runtime did not answer: {0}")]
    Runtime(#[from] ApiError),
    #[error("no inherent data: {0}")]
    Inherents(Box<dyn std::error::Error + Send + Sync>),
    #[error("no proposal: {0}")]
    Proposal(String),
}

/// Builds templates for a [`Desk`].
struct Builder<B: BlockT, C, S, E, I, O, L> {
    genesis: H256,
    config: AuthoringConfig,
    desk: Arc<Desk<B, C, L>>,
    select_chain: S,
    work: UsefulWork<C>,
    environment: E,
    inherents: I,
    sync_oracle: O,
    metrics: Metrics,
}

impl<B, C, S, E, I, O, L> Builder<B, C, S, E, I, O, L>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + Send + Sync,
    C::Api: WorkApi<B>,
    S: SelectChain<B>,
    E: Environment<B> + Send + Sync,
    I: CreateInherentDataProviders<B, ()>,
    O: SyncOracle + Send + Sync,
    L: JustificationSyncLink<B>,
{
    async fn run(mut self, mut events: BoxStream<'static, ()>) {
        let mut built_on = None;
        let mut due = Instant::now();
        loop {
            let refresh = Instant::now() >= due;
            if refresh {
                due = Instant::now() + self.config.interval;
            }
            built_on = match self.step(built_on, refresh).await {
                Ok(parent) => parent,
                Err(error) => {
                    tracing::warn!(target: LOG_TARGET, "No new block template: {error}");
                    None
                }
            };
            tokio::select! {
                event = events.next() => if event.is_none() { return },
                () = tokio::time::sleep_until(due) => {}
            }
            // One look at the best block answers all events that wait.
            while events.next().now_or_never().flatten().is_some() {}
        }
    }

    /// Builds a template if the best block is not `built_on` or if it is time to `refresh`. Gives
    /// the parent of the current template, none while syncing.
    async fn step(
        &mut self,
        built_on: Option<H256>,
        refresh: bool,
    ) -> Result<Option<H256>, BuildError> {
        if self.sync_oracle.is_major_syncing() {
            self.desk.close();
            return Ok(None);
        }
        let parent = self
            .select_chain
            .best_chain()
            .await
            .map_err(BuildError::NoParent)?;
        let hash = parent.hash();
        if built_on == Some(hash) && !refresh {
            return Ok(built_on);
        }
        self.desk.move_to(hash);
        let began = Instant::now();
        let (template, build) = self.build(&parent).await?;
        self.metrics.template_built(began.elapsed());
        tracing::debug!(
            target: LOG_TARGET,
            number = template.number,
            pre_hash = ?template.pre_hash,
            difficulty = %template.difficulty,
            "Built a block template"
        );
        self.desk.open(template, build);
        Ok(Some(hash))
    }

    async fn build(&mut self, parent: &B::Header) -> Result<(Template, Build<B>), BuildError> {
        let hash = parent.hash();
        let author = &self.config.author;
        let difficulty = self.work.difficulty_on::<B>(hash)?;
        let rules = self.work.rules_on::<B>(hash)?;
        let runs = self.work.runs_on::<B>(hash, author)?;
        let inherent_data = self
            .inherents
            .create_inherent_data_providers(hash, ())
            .await
            .map_err(BuildError::Inherents)?
            .create_inherent_data()
            .await
            .map_err(|error| BuildError::Inherents(Box::new(error)))?;
        let arguments = ProposeArgs {
            inherent_data,
            inherent_digests: Digest {
                logs: vec![digest::author_item(author)],
            },
            max_duration: self.config.build_time,
            ..ProposeArgs::default()
        };
        let proposal = propose(&mut self.environment, parent, arguments)
            .await
            .map_err(BuildError::Proposal)?;
        let header = proposal.block.header();
        let template = Template {
            number: (*header.number()).saturated_into(),
            parent: hash,
            pre_hash: header.hash(),
            genesis: self.genesis,
            author: author.clone(),
            difficulty,
            rules,
            runs,
        };
        Ok((
            template,
            Build {
                difficulty,
                proposal,
            },
        ))
    }
}

/// Has a block proposed on `parent`.
fn propose<B: BlockT, E: Environment<B>>(
    environment: &mut E,
    parent: &B::Header,
    arguments: ProposeArgs<B>,
) -> BoxFuture<'static, Result<Proposal<B>, String>> {
    environment
        .init(parent)
        .then(|proposer| async move {
            let proposer = proposer.map_err(|error| error.to_string())?;
            proposer
                .propose(arguments)
                .await
                .map_err(|error| error.to_string())
        })
        .boxed()
}

#[cfg(test)]
mod tests;
