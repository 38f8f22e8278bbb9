//! Wires the parts of a node together: client, transaction pool, GRANDPA, Snow, the seal engine, network
//! and RPC.
//!
//! A block passes, from outside in: the finality gate (refuses what does not descend from the
//! finalised block), the proof-of-work import (seal, total difficulty), GRANDPA's import (authority
//! changes, justifications), the client.

use crate::modules;
use polkadot_sdk::{
    sc_basic_authorship::ProposerFactory,
    sc_client_api::HeaderBackend,
    sc_consensus::{BasicQueue, BoxBlockImport},
    sc_consensus_grandpa::{
        self, FinalityProofProvider, GrandpaParams, GrandpaPruningFilter, LinkHalf,
        SharedVoterState, VotingRulesBuilder,
    },
    sc_executor::WasmExecutor,
    sc_network::{
        NetworkBackend, NetworkStateInfo, NetworkStatusProvider, config::FullNetworkConfiguration,
    },
    sc_telemetry::{Telemetry, TelemetryWorker},
    sc_transaction_pool::{Builder as PoolBuilder, TransactionPoolHandle},
    sc_transaction_pool_api::OffchainTransactionPoolFactory,
    sp_consensus::SyncOracle,
    sp_io::SubstrateHostFunctions,
    sp_keystore::KeystorePtr,
    sp_runtime::traits::Block as BlockT,
};
use quern_node::rpc::{
    Identity, Traffic,
    vitals::{self, Vitals},
};
use quern_pouw::{AuthoringConfig, AuthoringParts, Inherents, Metrics, UsefulWork, rpc::Network};
use quern_runtime::RuntimeApi;
use quern_snow_finality::{Parts, Worker, protocol::protocol};
use sc_service::{
    BuildNetworkParams, Configuration, Error, PartialComponents, SpawnTasksParams, TFullBackend,
    TFullClient, TaskManager,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use quern_runtime::opaque::Block;

/// Runs the WASM runtime; there is no native one.
pub(crate) type Executor = WasmExecutor<SubstrateHostFunctions>;
/// The chain's database and runtime.
pub(crate) type FullClient = TFullClient<Block, RuntimeApi, Executor>;
/// The database.
pub(crate) type FullBackend = TFullBackend<Block>;
/// Transactions that wait for a block.
pub(crate) type FullPool = TransactionPoolHandle<Block, FullClient>;
type SelectChain = quern_pouw::HeaviestChain<FullBackend, Block>;

/// Blocks between two justifications that GRANDPA makes, keeps and imports while it syncs.
const JUSTIFICATION_PERIOD: u32 = 32;
/// How long a GRANDPA message is expected to travel through the network.
const GOSSIP_DURATION: Duration = Duration::from_millis(333);
/// Messages that telemetry may queue.
const TELEMETRY_BUFFER: usize = 16;

/// What a node has before it joins the network; enough for the commands that only need the database.
pub(crate) type Partial =
    PartialComponents<FullClient, FullBackend, SelectChain, BasicQueue<Block>, FullPool, Engine>;

/// Our own parts of [`Partial`].
pub(crate) struct Engine {
    /// Where blocks sealed here go; those of peers go the same way through the import queue.
    block_import: BoxBlockImport<Block>,
    /// Checks seals.
    pub(crate) work: UsefulWork<FullClient>,
    metrics: Metrics,
    grandpa: LinkHalf<Block, FullClient, SelectChain>,
    telemetry: Option<Telemetry>,
}

/// Opens the database and builds the parts that need no network.
///
/// # Errors
/// The database, the keystore or the genesis state cannot be opened or built.
pub(crate) fn new_partial(config: &Configuration) -> Result<Partial, Error> {
    let telemetry = telemetry(config)?;
    let telemetry_handle = telemetry.as_ref().map(|(_, telemetry)| telemetry.handle());
    let executor: Executor = sc_service::new_wasm_executor(&config.executor);
    let (client, backend, keystore_container, task_manager) =
        sc_service::new_full_parts::<Block, RuntimeApi, _>(
            config,
            telemetry_handle.clone(),
            executor,
            vec![Arc::new(GrandpaPruningFilter)],
        )?;
    let client = Arc::new(client);
    let telemetry = telemetry.map(|(worker, telemetry)| {
        task_manager
            .spawn_handle()
            .spawn("telemetry", None, worker.run());
        telemetry
    });
    let registry = config.prometheus_registry();
    let transaction_pool = PoolBuilder::new(
        task_manager.spawn_essential_handle(),
        client.clone(),
        config.role.is_authority().into(),
    )
    .with_options(config.transaction_pool.clone())
    .with_prometheus(registry)
    .build();

    let select_chain = SelectChain::new(backend.clone());
    let (grandpa_import, grandpa) = sc_consensus_grandpa::block_import(
        client.clone(),
        JUSTIFICATION_PERIOD,
        &client,
        select_chain.clone(),
        telemetry_handle,
    )?;
    let metrics = Metrics::new(registry)?;
    let work = UsefulWork::new(client.clone(), metrics.clone());
    let block_import = quern_pouw::block_import(
        grandpa_import.clone(),
        client.clone(),
        select_chain.clone(),
        work.clone(),
        metrics.clone(),
    );
    let import_queue = quern_pouw::import_queue(
        Box::new(block_import.clone()),
        Some(Box::new(grandpa_import)),
        work.clone(),
        &task_manager.spawn_essential_handle(),
        registry,
    );

    Ok(Partial {
        client,
        backend,
        task_manager,
        keystore_container,
        select_chain,
        import_queue,
        transaction_pool: Arc::new(transaction_pool),
        other: Engine {
            block_import: Box::new(block_import),
            work,
            metrics,
            grandpa,
            telemetry,
        },
    })
}

fn telemetry(config: &Configuration) -> Result<Option<(TelemetryWorker, Telemetry)>, Error> {
    config
        .telemetry_endpoints
        .clone()
        .filter(|endpoints| !endpoints.is_empty())
        .map(|endpoints| {
            let worker = TelemetryWorker::new(TELEMETRY_BUFFER)?;
            let telemetry = worker.handle().new_telemetry(endpoints);
            Ok((worker, telemetry))
        })
        .transpose()
}

/// Starts a node; it runs until the returned task manager is dropped or an essential task ends.
/// With `authoring` it makes block templates, with `snow` it takes part in Snow where the chain has it on.
///
/// # Errors
/// Whatever keeps a part from starting: a taken port, a key that cannot be read, a broken database.
pub(crate) fn new_full<N: NetworkBackend<Block, <Block as BlockT>::Hash>>(
    config: Configuration,
    authoring: Option<AuthoringConfig>,
    snow: bool,
) -> Result<TaskManager, Error> {
    let Partial {
        client,
        backend,
        mut task_manager,
        import_queue,
        keystore_container,
        select_chain,
        transaction_pool,
        other:
            Engine {
                block_import,
                work,
                metrics,
                grandpa,
                mut telemetry,
            },
    } = new_partial(&config)?;
    let started = Instant::now();
    let registry = config.prometheus_registry().cloned();
    let telemetry_handle = telemetry.as_ref().map(Telemetry::handle);

    let mut net_config =
        FullNetworkConfiguration::<_, _, N>::new(&config.network, registry.clone());
    let net_metrics = N::register_notification_metrics(registry.as_ref());
    let grandpa_protocol = sc_consensus_grandpa::protocol_standard_name(
        &client.info().genesis_hash,
        &config.chain_spec,
    );
    let (grandpa_peers, grandpa_notifications) =
        sc_consensus_grandpa::grandpa_peers_set_config::<_, N>(
            grandpa_protocol.clone(),
            net_metrics.clone(),
            net_config.peer_store_handle(),
        );
    net_config.add_notification_protocol(grandpa_peers);
    let snow_protocol = snow.then(|| {
        let (protocol, inbox) = protocol::<Block, N>(client.info().genesis_hash);
        net_config.add_request_response_protocol(protocol);
        inbox
    });
    let (network, system_rpc_tx, tx_handler_controller, sync_service, _bitswap) =
        sc_service::build_network(BuildNetworkParams {
            config: &config,
            net_config,
            client: client.clone(),
            transaction_pool: transaction_pool.clone(),
            spawn_handle: task_manager.spawn_handle(),
            spawn_essential_handle: task_manager.spawn_essential_handle(),
            import_queue,
            block_announce_validator_builder: None,
            warp_sync_config: None,
            block_relay: None,
            metrics: net_metrics,
            gap_sync_body_policy: None,
        })?;

    let templates = authoring.map(|authoring| {
        let (handle, task) = quern_pouw::authoring(
            authoring,
            AuthoringParts {
                client: client.clone(),
                select_chain,
                block_import,
                work,
                environment: ProposerFactory::new(
                    task_manager.spawn_handle(),
                    client.clone(),
                    transaction_pool.clone(),
                    registry.as_ref(),
                    telemetry_handle.clone(),
                ),
                inherents: Inherents::new(client.clone()),
                sync_oracle: sync_service.clone(),
                justification_link: sync_service.clone(),
                metrics: metrics.clone(),
            },
        );
        task_manager
            .spawn_essential_handle()
            .spawn("authoring", Some("quern"), task);
        handle
    });

    let pulse = Arc::new(Vitals::default());
    let counters = network.clone();
    let traffic = move || {
        let network = counters.clone();
        async move {
            let status = network.status().await.ok()?;
            Some(Traffic {
                received: status.total_bytes_inbound,
                sent: status.total_bytes_outbound,
            })
        }
    };
    task_manager.spawn_handle().spawn(
        "vitals",
        Some("quern"),
        vitals::watch(pulse.clone(), traffic),
    );

    // Without a keystore GRANDPA and Snow only follow the votes of others.
    let keystore = config
        .role
        .is_authority()
        .then(|| keystore_container.local_keystore());
    let snow = snow_protocol
        .map(|protocol| {
            let parts = Parts {
                client: client.clone(),
                authority_set: grandpa.shared_authority_set().clone(),
                keystore: keystore.clone(),
                network: network.clone(),
                sync: sync_service.clone(),
                protocol,
            };
            Worker::new(parts, registry.as_ref())
        })
        .transpose()?;
    let snow_rule = snow.as_ref().map(Worker::rule);

    let voter_state = SharedVoterState::empty();
    let rpc_deps = modules::Deps {
        client: client.clone(),
        pool: transaction_pool.clone(),
        grandpa: modules::GrandpaDeps {
            voter_state: voter_state.clone(),
            authority_set: grandpa.shared_authority_set().clone(),
            justifications: grandpa.justification_stream(),
            proofs: FinalityProofProvider::new_for_service(
                backend.clone(),
                Some(grandpa.shared_authority_set().clone()),
            ),
        },
        identity: Identity {
            node_id: network.local_peer_id().to_base58(),
            name: config.network.node_name.clone(),
            authority: config.role.is_authority(),
            author: templates
                .as_ref()
                .map(|templates| templates.author().clone()),
            started,
        },
        vitals: pulse,
        snow: snow.as_ref().map(Worker::snow),
        templates,
        metrics,
        network: {
            let sync_service = sync_service.clone();
            Arc::new(move || Network {
                peers: sync_service.num_connected_peers() as u64,
                syncing: sync_service.is_major_syncing(),
            })
        },
    };

    let votes = (!config.disable_grandpa).then(|| sc_consensus_grandpa::Config {
        gossip_duration: GOSSIP_DURATION,
        justification_generation_period: JUSTIFICATION_PERIOD,
        observer_enabled: false,
        local_role: config.role,
        name: Some(config.network.node_name.clone()),
        keystore: keystore.map(|keystore| keystore as KeystorePtr),
        telemetry: telemetry_handle.clone(),
        protocol_name: grandpa_protocol,
    });

    sc_service::spawn_tasks(SpawnTasksParams {
        config,
        client,
        backend,
        task_manager: &mut task_manager,
        keystore: keystore_container.keystore(),
        transaction_pool: transaction_pool.clone(),
        rpc_builder: Box::new(move |executor| Ok(modules::module(&rpc_deps, executor)?)),
        network: network.clone(),
        system_rpc_tx,
        tx_handler_controller,
        sync_service: sync_service.clone(),
        telemetry: telemetry.as_mut(),
        tracing_execute_block: None,
    })?;

    // Its tasks would report its end as a failure if it ended before they are told to stop.
    task_manager.keep_alive(transaction_pool.clone());

    if let Some(snow) = snow {
        task_manager
            .spawn_handle()
            .spawn("snow", Some("quern"), snow.run());
    }

    if let Some(config) = votes {
        let mut rules = VotingRulesBuilder::default();
        if let Some(rule) = snow_rule {
            rules = rules.add(rule);
        }
        let voter = sc_consensus_grandpa::run_grandpa_voter(GrandpaParams {
            config,
            link: grandpa,
            network,
            sync: sync_service,
            notification_service: grandpa_notifications,
            voting_rule: rules.build(),
            prometheus_registry: registry,
            shared_voter_state: voter_state,
            telemetry: telemetry_handle,
            offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(transaction_pool),
        })?;
        task_manager
            .spawn_essential_handle()
            .spawn_blocking("grandpa-voter", None, voter);
    }
    Ok(task_manager)
}
