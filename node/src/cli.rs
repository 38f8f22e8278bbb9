//! What may be asked for on the command line.

use crate::chain_spec;
use clap::{Args, Parser, Subcommand as Subcommands};
use polkadot_sdk::{sp_core::H256, sp_runtime::AccountId32};
use quern_pouw::DEFAULT_INTERVAL;
use sc_cli::SubstrateCli;
use sc_service::ChainSpec;
use std::{path::PathBuf, str::FromStr, time::Duration};

/// A Quern node.
#[derive(Debug, Parser)]
#[command(
    mut_arg("network_backend", |arg| arg.default_value("libp2p")),
    // The SDK's own defaults (1 GiB each) are meant for states of many gigabytes.
    mut_arg("database_cache_size", |arg| arg.default_value("128")),
    mut_arg("trie_cache_size", |arg| arg.default_value("67108864")),
)]
pub struct Cli {
    /// What to do; running a node is the default.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,

    /// Options of a running node.
    #[command(flatten)]
    pub run: sc_cli::RunCmd,

    /// Make block templates that pay this account, for workers to seal.
    ///
    /// The account is an SS58 address or `0x` and 64 hex digits. With `--dev` it is Alice unless
    /// given. Without an author the node makes no templates.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_author)]
    author: Option<AccountId32>,

    /// Renew the block template after this many seconds, also when the best block stays the same.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = DEFAULT_INTERVAL.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    template_interval: u64,

    /// Take no part in Snow, whatever the chain says.
    ///
    /// The node neither asks nor answers which block is preferred, and its GRANDPA votes wait for nothing. Too many
    /// such validators, and Snow accepts nothing; finality goes on without it.
    #[arg(long)]
    no_snow: bool,
}

impl Cli {
    /// Whom block templates pay; `None` if this node makes none.
    pub fn author(&self) -> Option<AccountId32> {
        let alice = || polkadot_sdk::sp_keyring::Sr25519Keyring::Alice.to_account_id();
        self.author
            .clone()
            .or_else(|| self.run.shared_params.is_dev().then(alice))
    }

    /// Whether the node takes part in Snow where the chain has it on.
    pub const fn snow(&self) -> bool {
        !self.no_snow
    }

    /// The longest time a template may stand.
    pub const fn template_interval(&self) -> Duration {
        Duration::from_secs(self.template_interval)
    }
}

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

/// Everything but running a node.
#[derive(Debug, Subcommands)]
pub enum Subcommand {
    /// Generate, inspect and insert keys
    #[command(subcommand)]
    Key(sc_cli::KeySubcommand),

    /// Print the chain spec of a chain, with a boot node
    BuildSpec(sc_cli::BuildSpecCmd),

    /// Print or write the chain spec of a chain
    ExportChainSpec(sc_cli::ExportChainSpecCmd),

    /// Check the seal of a block of the database and execute it, once more
    CheckBlock(sc_cli::CheckBlockCmd),

    /// Write blocks to a file
    ExportBlocks(sc_cli::ExportBlocksCmd),

    /// Read blocks from a file
    ImportBlocks(sc_cli::ImportBlocksCmd),

    /// Remove the whole chain from the disk
    PurgeChain(sc_cli::PurgeChainCmd),

    /// Take back the latest blocks that are not final
    Revert(sc_cli::RevertCmd),

    /// Print best, finalised and genesis block of the database
    ChainInfo(sc_cli::ChainInfoCmd),

    /// Try a runtime upgrade on the state of a live chain, before anybody votes on it
    ///
    /// Fetches the state over RPC into memory and runs the new runtime's migrations on it, with all the checks that the
    /// migrations and the pallets bring. Nothing is sent to the chain. Ends with status 1, and the name of the reason, if
    /// the upgrade must not be enacted.
    TryRuntime(TryRuntime),
}

/// What is tried, and on which state.
#[derive(Debug, Args)]
pub struct TryRuntime {
    /// The websocket of a node that follows the chain
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9944")]
    pub uri: String,

    /// The hash of the block whose state is taken [default: the last finalised one]
    #[arg(long, value_name = "HASH")]
    pub at: Option<H256>,

    /// The new runtime, built with the `try-runtime` feature
    #[arg(long, value_name = "FILE")]
    pub runtime: PathBuf,
}

fn parse_author(text: &str) -> Result<AccountId32, String> {
    AccountId32::from_str(text)
        .map_err(|_| "expected an SS58 address or 0x and 64 hex digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sc_cli::{CliConfiguration, arg_enums::NetworkBackendType};

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    const ALICE_HEX: &str = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["quern-node"][..], args].concat())
    }

    #[test]
    fn the_author_is_an_address_or_hex() {
        let ss58 = parse(&["--author", ALICE]).unwrap().author();
        assert!(ss58.is_some());
        assert_eq!(parse(&["--author", ALICE_HEX]).unwrap().author(), ss58);
    }

    #[test]
    fn a_bad_author_is_refused() {
        for bad in ["", "0x", "alice", &ALICE_HEX[..64], &ALICE[..47]] {
            let error = parse(&["--author", bad]).unwrap_err().to_string();
            assert!(error.contains("SS58 address"), "{error}");
        }
    }

    #[test]
    fn alice_is_the_author_on_dev_only() {
        let alice = parse(&["--author", ALICE]).unwrap().author();
        assert_eq!(parse(&["--dev"]).unwrap().author(), alice);
        assert_eq!(parse(&[]).unwrap().author(), None);
        let other = format!("0x{}", "01".repeat(32));
        assert_eq!(
            parse(&["--dev", "--author", &other]).unwrap().author(),
            Some(AccountId32::new([1; 32]))
        );
    }

    #[test]
    fn an_upgrade_is_tried_on_the_last_finalised_state_unless_told_otherwise() {
        let told = |more: &[&str]| {
            let arguments = [&["try-runtime", "--runtime", "new.wasm"], more].concat();
            match parse(&arguments).unwrap().subcommand {
                Some(Subcommand::TryRuntime(told)) => told,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told(&[]).at, None);
        assert_eq!(told(&[]).uri, "ws://127.0.0.1:9944");
        let hash = format!("0x{}", "07".repeat(32));
        assert_eq!(told(&["--at", &hash]).at, Some(H256([7; 32])));
        assert!(parse(&["try-runtime"]).is_err(), "a runtime must be named");
    }

    #[test]
    fn a_node_takes_part_in_snow_unless_told_otherwise() {
        assert!(parse(&[]).unwrap().snow());
        assert!(!parse(&["--no-snow"]).unwrap().snow());
    }

    #[test]
    fn a_template_stands_between_a_second_and_an_hour() {
        assert_eq!(parse(&[]).unwrap().template_interval(), DEFAULT_INTERVAL);
        for bad in ["0", "3601", "-1", "soon"] {
            assert!(parse(&["--template-interval", bad]).is_err());
        }
    }

    #[test]
    fn our_defaults_replace_the_sdk_ones_and_give_way_to_flags() {
        let plain = parse(&[]).unwrap();
        assert!(matches!(
            plain.run.network_params.network_backend,
            NetworkBackendType::Libp2p
        ));
        assert_eq!(plain.run.database_cache_size().unwrap(), Some(128));
        assert_eq!(plain.run.trie_cache_maximum_size().unwrap(), Some(64 << 20));
        let other = parse(&["--network-backend", "litep2p", "--db-cache", "64"]).unwrap();
        assert!(matches!(
            other.run.network_params.network_backend,
            NetworkBackendType::Litep2p
        ));
        assert_eq!(other.run.database_cache_size().unwrap(), Some(64));
    }
}
