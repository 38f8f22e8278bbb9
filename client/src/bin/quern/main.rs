//! `quern`: looks at a Quern chain, commits data sets and opens or closes runs.

mod balance;
mod block;
mod dataset;
mod report;
mod run;
mod status;

use crate::report::Report;
use clap::{Args, Parser, Subcommand};
use quern_client::{Client, Signer};
use std::{io::Write, process::ExitCode};
use tracing_subscriber::EnvFilter;

/// What a command can fail with; printed as one line.
type Failure = Box<dyn std::error::Error>;

/// Looks at a Quern chain, commits data sets and opens or closes runs.
#[derive(Parser)]
#[command(name = "quern", version, about)]
struct Arguments {
    /// The node's websocket.
    #[arg(long, global = true, default_value = "ws://127.0.0.1:9944")]
    url: String,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// How the node and its chain are doing.
    Status,
    /// Show a block: its header, its author and its seal.
    Block {
        /// A height, a hash, `best` or `finalised`.
        #[arg(default_value = "best")]
        block: String,
    },
    /// Show what an account owns.
    Balance {
        /// An SS58 address, or 0x and 64 hex digits.
        account: String,
    },
    /// Show, open and close runs.
    #[command(subcommand)]
    Run(RunCommand),
    /// Work with data sets; no node needed.
    #[command(subcommand)]
    Dataset(DatasetCommand),
}

#[derive(Subcommand)]
enum RunCommand {
    /// Show one run, or all runs of an account: by default of the node's author.
    Show {
        /// The run.
        #[arg(conflicts_with = "author")]
        id: Option<u64>,
        /// The account whose runs to show: an SS58 address, or 0x and 64 hex digits.
        #[arg(long)]
        author: Option<String>,
    },
    /// Open a run of a task.
    Open {
        /// The task.
        task: u32,
        #[command(flatten)]
        signing: Signing,
    },
    /// Close a run.
    Close {
        /// The run.
        run: u64,
        #[command(flatten)]
        signing: Signing,
    },
}

#[derive(Subcommand)]
enum DatasetCommand {
    /// Print the commitment that a task over a data set carries.
    Commit {
        /// `glyphs`, or `idx:IMAGES,LABELS` with two IDX files, gzip-compressed or not.
        source: String,
    },
}

/// Who signs, and how long to wait.
#[derive(Args)]
struct Signing {
    /// The signing key: a file that holds it, or a secret URI (`//Alice`, a mnemonic, a 0x-hex seed).
    #[arg(long)]
    key: String,
    /// Wait until the block is final instead of best.
    #[arg(long)]
    finalised: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    match act(&arguments)
        .await
        .and_then(|report| print(&report, arguments.json))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn act(arguments: &Arguments) -> Result<Report, Failure> {
    let connect = || Client::connect(&arguments.url);
    match &arguments.command {
        Command::Status => status::status(&connect().await?).await,
        Command::Block { block } => block::block(&connect().await?, block).await,
        Command::Balance { account } => {
            let account = quern_client::parse_account(account)?;
            balance::balance(&connect().await?, &account).await
        }
        Command::Run(RunCommand::Show { id: Some(id), .. }) => {
            run::show(&connect().await?, *id).await
        }
        Command::Run(RunCommand::Show { id: None, author }) => {
            let author = author
                .as_deref()
                .map(quern_client::parse_account)
                .transpose()?;
            run::list(&connect().await?, author).await
        }
        Command::Run(RunCommand::Open { task, signing }) => {
            let signer = Signer::load(&signing.key)?;
            run::open(&connect().await?, &signer, *task, signing.finalised).await
        }
        Command::Run(RunCommand::Close { run, signing }) => {
            let signer = Signer::load(&signing.key)?;
            run::close(&connect().await?, &signer, *run, signing.finalised).await
        }
        Command::Dataset(DatasetCommand::Commit { source }) => dataset::commit(&source.parse()?),
    }
}

/// Prints a report. A reader that has gone, such as a closed pager, is no failure.
fn print(report: &Report, json: bool) -> Result<(), Failure> {
    let text = if json {
        serde_json::to_string_pretty(report.json())? + "\n"
    } else {
        report.text()
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(reason) if reason.kind() != std::io::ErrorKind::BrokenPipe => Err(reason.into()),
        _ => Ok(()),
    }
}
