//! `quern`: looks at a Quern chain, buys tickets, pays for training, uses what was trained, and governs.

mod account;
mod block;
mod dataset;
mod gov;
mod key;
mod model;
mod report;
mod run;
#[cfg(feature = "snow")]
mod snow;
mod status;
mod task;
mod ticket;

use crate::report::Report;
use clap::{Args, Parser, Subcommand};
use quern_client::{Account, Client, KeyError, Signer, spec::TOKEN_DECIMALS, text};
use std::{io::Write, path::PathBuf, process::ExitCode};
use tracing_subscriber::EnvFilter;

/// What a command can fail with; printed as one line.
type Failure = Box<dyn std::error::Error>;

/// Looks at a Quern chain, buys tickets, pays for training and uses what was trained.
#[derive(Parser)]
#[command(name = "quern", version)]
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
    /// Show what an account owns, has staked and is worth to others.
    #[command(alias = "balance")]
    Account {
        /// An SS58 address, or 0x and 64 hex digits [default: the node's author].
        account: Option<String>,
    },
    /// Send QRN to an account.
    Send {
        /// How much, in QRN.
        #[arg(value_name = "QRN", value_parser = parse_tokens)]
        amount: u128,
        /// To whom: an SS58 address, or 0x and 64 hex digits.
        to: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Let the node vote on finality for an account: make its session keys and enter them.
    ///
    /// The node must run with `--validator` and answer `unsafe` calls, as it does on its own machine. The account votes once it
    /// is chosen, by a supervisor's ticket; entering the keys holds 1 QRN.
    Validate {
        #[command(flatten)]
        signing: Signing,
    },
    /// Make and look at keys; no node needed.
    #[command(subcommand)]
    Key(key::Command),
    /// Buy and manage licences to mine, supervise, verify and evaluate.
    #[command(subcommand)]
    Ticket(ticket::Command),
    /// Pay for training, watch it, and fetch the model.
    #[command(subcommand)]
    Task(Box<task::Command>),
    /// Classify rows with a model; no node needed.
    Predict {
        /// The model file.
        model: PathBuf,
        /// The rows: a CSV file of features alone or an IDX file of pictures; or, to see how many answers are right, rows
        /// with labels: `glyphs`, `idx:IMAGES,LABELS` or `csv:FILE`.
        input: String,
        /// The column of a CSV file that holds the labels: its name or its number from 0 on.
        #[arg(long)]
        label: Option<String>,
    },
    /// Look at model files and convert them; no node needed.
    #[command(subcommand)]
    Model(model::Command),
    /// Govern: parameters, proposals, votes and upgrades.
    #[command(subcommand)]
    Gov(Box<gov::Command>),
    /// Show, open and close runs.
    #[command(subcommand)]
    Run(RunCommand),
    /// Work with data sets; no node needed.
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// The laboratory of Snow consensus; no node needed.
    #[cfg(feature = "snow")]
    #[command(subcommand)]
    Snow(snow::Command),
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
        /// The miner ticket to open it with: by default one of the key's own.
        #[arg(long)]
        ticket: Option<u64>,
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
        /// `glyphs`, `idx:IMAGES,LABELS` with two IDX files, gzip-compressed or not, or `csv:FILE`.
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

impl Signing {
    fn signer(&self) -> Result<Signer, KeyError> {
        Signer::load(&self.key)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let answered = match act(&arguments).await {
        Ok(report) => print(&report, arguments.json).map(|()| report.is_bad()),
        Err(failure) => Err(failure),
    };
    match answered {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::FAILURE,
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
        Command::Account { account } => {
            let account = account.as_deref().map(quern_client::parse_account);
            let account = account.transpose()?;
            account::show(&connect().await?, account).await
        }
        Command::Send {
            amount,
            to,
            signing,
        } => {
            let to = quern_client::parse_account(to)?;
            account::send(&connect().await?, to, *amount, signing).await
        }
        Command::Validate { signing } => account::validate(&connect().await?, signing).await,
        Command::Key(command) => key::run(command),
        Command::Ticket(command) => ticket::run(&connect().await?, command).await,
        Command::Gov(command) => gov::run(&connect().await?, command).await,
        Command::Task(command) => task::run(&arguments.url, command).await,
        Command::Predict {
            model,
            input,
            label,
        } => model::predict(model, input, label.as_deref()),
        Command::Model(command) => model::run(command),
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
        Command::Run(RunCommand::Open {
            task,
            ticket,
            signing,
        }) => {
            let signer = signing.signer()?;
            let client = connect().await?;
            run::open(&client, &signer, *task, *ticket, signing.finalised).await
        }
        Command::Run(RunCommand::Close { run, signing }) => {
            let signer = signing.signer()?;
            run::close(&connect().await?, &signer, *run, signing.finalised).await
        }
        Command::Dataset(DatasetCommand::Commit { source }) => dataset::commit(&source.parse()?),
        #[cfg(feature = "snow")]
        Command::Snow(command) => snow::run(command).await,
    }
}

/// The account that the node's blocks credit.
async fn node_author(client: &Client) -> Result<Account, Failure> {
    let author = client.status().await?.author;
    author.ok_or_else(|| "the node has no author: name an account".into())
}

/// An amount of QRN on the command line, in the smallest unit.
fn parse_tokens(text: &str) -> Result<u128, String> {
    text::parse_decimal(text, TOKEN_DECIMALS)
        .ok_or_else(|| "expected an amount of QRN such as 12.5, with at most 12 decimals".into())
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
