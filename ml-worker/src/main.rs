//! The native worker's entry point.

use std::process::ExitCode;

use clap::Parser;
use quern_worker::{
    WorkerError, bench,
    cli::{Cli, Job, RunArgs},
    display::Display,
    worker,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.job {
        Some(Job::Bench(options)) => bench::run(&options).map_err(WorkerError::from),
        Some(Job::Run(run)) => train(*run),
        None => train(cli.run),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quern-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn train(run: RunArgs) -> Result<(), WorkerError> {
    let display = Display::default();
    let filter = EnvFilter::try_from_default_env()
        // a blob node that knows no others yet is as good as any, though libp2p warns of it
        .unwrap_or_else(|_| EnvFilter::new("warn,quern_worker=info,libp2p_kad=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(display.is_terminal())
        .with_writer(display.clone())
        .init();
    worker::run(run.options()?, display)
}
