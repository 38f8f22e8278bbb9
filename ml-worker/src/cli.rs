//! The command line of `quern-worker`.

use std::{env, num::NonZero, path::PathBuf, thread};

use clap::{Args, Parser, Subcommand};
use quern_blobs::libp2p::Multiaddr;
use quern_client::{Role, Signer, dataset::Source, text};
use quern_work::Hash;

use crate::{
    WorkerError,
    backend::{Device, Isa},
    bench,
    worker::{BlobOptions, Options},
};

/// Trains neural networks in exact integers and seals blocks with the same work.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What to do; training is the default.
    #[command(subcommand)]
    pub job: Option<Job>,
    /// The options of the default.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Job {
    /// Play one or more roles: train runs, seal blocks and claim; verify; evaluate; supervise (the default).
    Run(Box<RunArgs>),
    /// Measure products and training steps on this machine.
    Bench(bench::Options),
}

/// Options of all roles.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What to do with the key's tickets: miner, verifier, evaluator, supervisor; several with commas.
    #[arg(long = "role", value_name = "ROLES", default_value = "miner", value_delimiter = ',', value_parser = role)]
    roles: Vec<Role>,
    /// The node's websocket.
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9944", value_parser = websocket)]
    node: String,
    #[command(flatten)]
    key: KeyArgs,
    /// The rows to train on: `glyphs`, `idx:IMAGES,LABELS` with two IDX files, gzip-compressed or not, or `csv:FILE`.
    #[arg(long, value_name = "SOURCE", default_value_t = Source::Glyphs)]
    dataset: Source,
    /// The only commons run to train [default: all of the account's].
    #[arg(long, value_name = "ID")]
    run: Option<u64>,
    /// Refuse a node whose chain has another genesis hash (0x and 64 hex digits).
    #[arg(long, value_name = "HASH", value_parser = genesis)]
    genesis: Option<Hash>,
    /// What trains or executes: `auto` (the first CUDA device that can be used, else the CPU), `cpu`, or `cuda:N`.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: Device,
    /// Threads that train or execute on the CPU [default: all cores].
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZero<usize>>,
    /// Instructions that train or execute on the CPU: scalar, avx2 or avx512-vnni [default: the best this machine has].
    #[arg(long, value_name = "NAME")]
    isa: Option<Isa>,
    /// Folder for training states, claims, votes and blobs [default: $XDG_DATA_HOME/quern/worker or ~/.local/share/quern/worker].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Evaluate on the held-out rows every STEPS steps [default: every 2 seconds].
    #[arg(long, value_name = "STEPS")]
    held_out_every: Option<NonZero<u64>>,
    /// End with an error when the node or the run is not there, instead of waiting for it.
    #[arg(long)]
    no_retry: bool,
    #[command(flatten)]
    blobs: BlobArgs,
}

/// How states, traces and data are served and fetched.
#[derive(Debug, Args)]
struct BlobArgs {
    /// Where to serve blobs; port 0 takes a free one, and the same again after a restart.
    #[arg(
        long = "blobs-listen",
        value_name = "MULTIADDR",
        default_value = "/ip4/127.0.0.1/tcp/0"
    )]
    listen: Multiaddr,
    /// The address to name to others where it is not the one listened on, as behind a NAT.
    #[arg(long = "blobs-external", value_name = "MULTIADDR")]
    external: Option<Multiaddr>,
    /// Another blob node to find still others by, with /p2p/ at its end; may be given several times.
    #[arg(long = "blobs-peer", value_name = "MULTIADDR")]
    peers: Vec<Multiaddr>,
    /// Most MiB of blobs to keep.
    #[arg(long = "blobs-capacity", value_name = "MIB", default_value = "16384")]
    capacity: NonZero<u32>,
    /// Most connections that others may have open; one address of them has at most an eighth.
    #[arg(
        long = "blobs-connections",
        value_name = "COUNT",
        default_value = "256"
    )]
    connections: NonZero<u32>,
}

/// The key of the tickets, which signs everything; a miner's is that of the node's author.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct KeyArgs {
    /// Secret URI of the key: `//Name`, a mnemonic or a 0x-hex seed. Others on this machine can see it: prefer a file.
    #[arg(long, value_name = "SURI")]
    key: Option<String>,
    /// File that holds the secret URI.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The development key //Alice.
    #[arg(long)]
    dev: bool,
}

impl RunArgs {
    /// Fills in the defaults that depend on the machine, and reads the key.
    ///
    /// # Errors
    /// [`WorkerError::Key`] and [`WorkerError::NoDataDir`].
    pub fn options(self) -> Result<Options, WorkerError> {
        let signer = match (&self.key.key_file, &self.key.key) {
            (Some(file), _) => Signer::from_file(file)?,
            (None, Some(suri)) => Signer::from_suri(suri)?,
            (None, None) => Signer::from_suri("//Alice")?,
        };
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        let mut roles = self.roles;
        roles.sort_unstable();
        roles.dedup();
        Ok(Options {
            roles,
            blobs: BlobOptions {
                listen: self.blobs.listen,
                external: self.blobs.external,
                peers: self.blobs.peers,
                capacity: u64::from(self.blobs.capacity.get()) << 20,
                connections: self.blobs.connections.get(),
            },
            url: self.node,
            signer,
            dataset: self.dataset,
            run: self.run,
            genesis: self.genesis,
            data_dir: self
                .data_dir
                .or_else(default_data_dir)
                .ok_or(WorkerError::NoDataDir)?,
            device: self.device,
            threads: self.threads.map_or_else(cores, NonZero::get),
            isa: self.isa.unwrap_or_else(Isa::detect),
            held_out_every: self.held_out_every.map(NonZero::get),
            retry: !self.no_retry,
        })
    }
}

fn default_data_dir() -> Option<PathBuf> {
    let named = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = named("XDG_DATA_HOME").or_else(|| Some(named("HOME")?.join(".local/share")))?;
    Some(base.join("quern/worker"))
}

fn role(text: &str) -> Result<Role, &'static str> {
    let known = |role: &Role| format!("{role:?}").eq_ignore_ascii_case(text);
    let found = Role::ALL.into_iter().find(known);
    found.ok_or("expected miner, verifier, evaluator or supervisor")
}

fn websocket(text: &str) -> Result<String, &'static str> {
    let known = ["ws://", "wss://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    known.then(|| text.into()).ok_or("expected ws:// or wss://")
}

fn genesis(text: &str) -> Result<Hash, &'static str> {
    text::parse_hex32(text).ok_or("expected 0x and 64 hex digits")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn training_is_the_default_job() {
        let cli = parse("quern-worker --dev --threads 2").unwrap();
        assert!(cli.job.is_none());
        let options = cli.run.options().unwrap();
        assert_eq!((options.threads, options.dataset), (2, Source::Glyphs));
        let named = parse("quern-worker run --key //Bob --dataset idx:a,b").unwrap();
        assert!(matches!(named.job, Some(Job::Run(_))));
    }

    #[test]
    fn the_device_is_chosen_unless_it_is_named() {
        let device = |line| parse(line).unwrap().run.options().unwrap().device;
        assert_eq!(device("quern-worker --dev"), Device::Auto);
        assert_eq!(device("quern-worker --dev --device cpu"), Device::Cpu);
        assert_eq!(
            device("quern-worker --dev --device cuda:1"),
            Device::Cuda(1)
        );
    }

    #[test]
    fn roles_are_given_with_commas_and_mining_is_the_default() {
        let roles = |line| parse(line).unwrap().run.options().unwrap().roles;
        assert_eq!(roles("quern-worker --dev"), [Role::Miner]);
        assert_eq!(
            roles("quern-worker --dev --role verifier,miner,verifier"),
            [Role::Miner, Role::Verifier]
        );
    }

    #[test]
    fn the_connections_of_others_are_bounded_unless_a_bound_is_named() {
        let connections = |line| {
            parse(line)
                .unwrap()
                .run
                .options()
                .unwrap()
                .blobs
                .connections
        };
        assert_eq!(connections("quern-worker --dev"), 256);
        assert_eq!(connections("quern-worker --dev --blobs-connections 9"), 9);
    }

    #[test]
    fn exactly_one_key_is_needed_to_train() {
        assert!(parse("quern-worker run").is_err());
        assert!(parse("quern-worker").is_err());
        assert!(parse("quern-worker run --dev --key //Bob").is_err());
    }

    #[test]
    fn a_measurement_needs_no_key() {
        assert!(matches!(
            parse("quern-worker bench").unwrap().job,
            Some(Job::Bench(_))
        ));
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        for line in [
            "quern-worker --dev --threads 0",
            "quern-worker --dev --held-out-every 0",
            "quern-worker --dev --genesis 0x12",
            "quern-worker --dev --node http://127.0.0.1:9944",
            "quern-worker --dev --dataset mnist",
            "quern-worker --dev --isa mmx",
            "quern-worker --dev --device gpu",
            "quern-worker --dev --device cuda:",
            "quern-worker --dev --role client",
            "quern-worker --dev --role miner,",
            "quern-worker --dev --blobs-listen 127.0.0.1:0",
            "quern-worker --dev --blobs-capacity 0",
            "quern-worker --dev --blobs-connections 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
