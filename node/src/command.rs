//! Does what the command line asks for.
//!
//! A command that opens the database keeps the parts it does not use until its tasks are told to
//! stop: the tasks behind those parts would otherwise report their end as a failure.

use crate::{
    check::check_block,
    service::{self, Block},
    try_runtime::try_runtime,
};
use polkadot_sdk::{
    sc_consensus_grandpa,
    sc_network::{
        NetworkWorker,
        config::{NetworkBackendType, SyncMode},
    },
};
use quern_node::cli::{Cli, Subcommand};
use quern_pouw::{AuthoringConfig, DEFAULT_BUILD_TIME};
use sc_cli::{CliConfiguration, LoggerBuilder, Runner, SubstrateCli};
use sc_service::Configuration;
use std::fs;

/// Log directive under which the proposer keeps its two lines per template to itself. It comes first,
/// so that `--log` can take it back.
const QUIET_TEMPLATES: &str = "sc_basic_authorship=warn";

/// Parses the command line and runs until the command is done or the node is told to stop.
///
/// # Errors
/// Whatever stopped the command, in words for the user.
pub(crate) fn run() -> sc_cli::Result<()> {
    let cli = Cli::from_args();
    match &cli.subcommand {
        None => run_node(cli),
        Some(Subcommand::Key(cmd)) => cmd.run(&cli),
        Some(Subcommand::BuildSpec(cmd)) => cli
            .create_runner(cmd)?
            .sync_run(|config| cmd.run(config.chain_spec, config.network)),
        Some(Subcommand::ExportChainSpec(cmd)) => {
            // The command has no logging options, but a genesis that cannot be built says why in the log.
            LoggerBuilder::new("warn").init()?;
            cmd.run(cli.load_spec(&cmd.chain)?)
        }
        Some(Subcommand::CheckBlock(cmd)) => database_runner(&cli, cmd)?.async_run(|config| {
            let mut parts = service::new_partial(&config)?;
            parts
                .task_manager
                .keep_alive((parts.import_queue, parts.transaction_pool));
            let check = check_block(parts.client, parts.other.work, &cmd.input);
            Ok((check, parts.task_manager))
        }),
        Some(Subcommand::ExportBlocks(cmd)) => database_runner(&cli, cmd)?.async_run(|config| {
            let mut parts = service::new_partial(&config)?;
            parts
                .task_manager
                .keep_alive((parts.import_queue, parts.transaction_pool));
            let export = cmd.run(parts.client, config.database);
            Ok((export, parts.task_manager))
        }),
        Some(Subcommand::ImportBlocks(cmd)) => database_runner(&cli, cmd)?.async_run(|config| {
            let mut parts = service::new_partial(&config)?;
            parts.task_manager.keep_alive(parts.transaction_pool);
            let import = cmd.run(parts.client, parts.import_queue);
            Ok((import, parts.task_manager))
        }),
        Some(Subcommand::PurgeChain(cmd)) => cli
            .create_runner(cmd)?
            .sync_run(|config| cmd.run(config.database)),
        Some(Subcommand::Revert(cmd)) => database_runner(&cli, cmd)?.async_run(|config| {
            let mut parts = service::new_partial(&config)?;
            parts
                .task_manager
                .keep_alive((parts.import_queue, parts.transaction_pool));
            let revert_grandpa = Box::new(|client, _, blocks| {
                sc_consensus_grandpa::revert(client, blocks)?;
                Ok(())
            });
            let revert = cmd.run(parts.client, parts.backend, Some(revert_grandpa));
            Ok((revert, parts.task_manager))
        }),
        Some(Subcommand::ChainInfo(cmd)) => {
            database_runner(&cli, cmd)?.sync_run(|config| cmd.run::<Block>(&config))
        }
        Some(Subcommand::TryRuntime(command)) => {
            // A migration says in the log why it fails.
            LoggerBuilder::new("warn").init()?;
            let tried = try_runtime(command)
                .map_err(|refusal| sc_cli::Error::Application(Box::new(refusal)))?;
            println!("{tried}");
            Ok(())
        }
    }
}

fn run_node(mut cli: Cli) -> sc_cli::Result<()> {
    cli.run.shared_params.log.insert(0, QUIET_TEMPLATES.into());
    let runner = database_runner(&cli, &cli.run)?;
    only_what_works(runner.config())?;
    let authoring = cli.author().map(|author| AuthoringConfig {
        author,
        interval: cli.template_interval(),
        build_time: DEFAULT_BUILD_TIME,
    });
    let snow = cli.snow();
    runner.run_node_until_exit(|config| async move {
        service::new_full::<NetworkWorker<_, _>>(config, authoring, snow)
            .map_err(sc_cli::Error::Service)
    })
}

/// A runner for a command that opens the database, once its folder is known to be there.
fn database_runner<C: CliConfiguration>(cli: &Cli, command: &C) -> sc_cli::Result<Runner<Cli>> {
    let runner = cli.create_runner(command)?;
    let path = &runner.config().data_path;
    fs::create_dir_all(path)
        .map_err(|error| format!("cannot use the base path: {}: {error}", path.display()))?;
    Ok(runner)
}

/// Refuses options of the SDK that this node does not serve.
///
/// The chain with most work is found by adding up the difficulties of all its blocks, which a node
/// that skips blocks cannot do. One network back-end is enough to build and to test.
fn only_what_works(config: &Configuration) -> Result<(), String> {
    if !matches!(config.network.sync_mode, SyncMode::Full) {
        return Err(
            "only `--sync full` works: the difficulties of all blocks must be known".into(),
        );
    }
    if !matches!(config.network.network_backend, NetworkBackendType::Libp2p) {
        return Err("only `--network-backend libp2p` is built into this node".into());
    }
    Ok(())
}
