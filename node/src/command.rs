//! Does what the command line asks for.
//!
//! A command that opens the database keeps the parts it does not use until its tasks are told to
//! stop: the tasks behind those parts would otherwise report their end as a failure.

use crate::{
    chain_spec,
    check::check_block,
    cli::{Cli, Subcommand},
    service::{self, Block},
};
use polkadot_sdk::{
    sc_consensus_grandpa,
    sc_network::{
        Litep2pNetworkBackend, NetworkWorker,
        config::{NetworkBackendType, SyncMode},
    },
};
use quern_pouw::{AuthoringConfig, DEFAULT_BUILD_TIME};
use sc_cli::{CliConfiguration, Runner, SubstrateCli};
use sc_service::{ChainSpec, Configuration};
use std::fs;

/// Log directive under which the proposer keeps its two lines per template to itself. It comes first,
/// so that `--log` can take it back.
const QUIET_TEMPLATES: &str = "sc_basic_authorship=warn";

impl SubstrateCli for Cli {
    fn impl_name() -> String {
        "Quern Node".into()
    }

    fn impl_version() -> String {
        env!("SUBSTRATE_CLI_IMPL_VERSION").into()
    }

    fn description() -> String {
        env!("CARGO_PKG_DESCRIPTION").into()
    }

    fn author() -> String {
        "the Quern developers".into()
    }

    fn support_url() -> String {
        "the docs folder of the sources".into()
    }

    fn copyright_start_year() -> i32 {
        2026
    }

    fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
        Ok(Box::new(chain_spec::load(id)?))
    }
}

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
        Some(Subcommand::ExportChainSpec(cmd)) => cmd.run(cli.load_spec(&cmd.chain)?),
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
    }
}

fn run_node(mut cli: Cli) -> sc_cli::Result<()> {
    cli.run.shared_params.log.insert(0, QUIET_TEMPLATES.into());
    let runner = database_runner(&cli, &cli.run)?;
    only_full_sync(runner.config())?;
    let authoring = cli.author().map(|author| AuthoringConfig {
        author,
        interval: cli.template_interval(),
        build_time: DEFAULT_BUILD_TIME,
    });
    runner.run_node_until_exit(|config| async move {
        match config.network.network_backend {
            NetworkBackendType::Libp2p => {
                service::new_full::<NetworkWorker<_, _>>(config, authoring)
            }
            NetworkBackendType::Litep2p => {
                service::new_full::<Litep2pNetworkBackend>(config, authoring)
            }
        }
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

/// The chain with most work is found by adding up the difficulties of all its blocks, which a node
/// that skips blocks cannot do.
fn only_full_sync(config: &Configuration) -> Result<(), String> {
    match config.network.sync_mode {
        SyncMode::Full => Ok(()),
        _ => Err("only `--sync full` works: the difficulties of all blocks must be known".into()),
    }
}
