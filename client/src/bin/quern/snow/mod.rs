//! `quern snow`: the laboratory of Snow consensus. None of it needs a chain.

mod live;
mod model;
mod results;
mod simulate;

use crate::{Failure, report::Report};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Largest configuration file.
const MAX_CONFIGURATION: u64 = 1 << 20;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Simulate a network of nodes in virtual time.
    Simulate(Box<simulate::Simulate>),
    /// Print how likely a wrong decision is and how long a right one takes, by a first-order model.
    Bounds(model::Bounds),
    /// Score the nodes of a simulation again, from its recorded votes.
    Score {
        /// The folder that the simulation wrote.
        folder: PathBuf,
        /// Modified z-score from which a value is an anomaly [default: as simulated].
        #[arg(long)]
        z: Option<f64>,
        /// Isolation score from which a node is suspect [default: as simulated].
        #[arg(long)]
        isolation: Option<f64>,
    },
    /// Draw the plots of a simulation again.
    Plot {
        /// The folder that the simulation wrote.
        folder: PathBuf,
    },
    /// Run one node over real sockets, until Ctrl-C.
    Node {
        /// Its TOML file: key, addresses, members with their stakes.
        #[arg(long)]
        config: PathBuf,
    },
    /// Run a cluster of nodes on the loopback: submit blocks, wait for decisions, stop.
    Cluster(live::Cluster),
}

pub(crate) async fn run(command: &Command) -> Result<Report, Failure> {
    match command {
        Command::Simulate(arguments) if arguments.is_one() => simulate::one(arguments),
        Command::Simulate(arguments) => simulate::many(arguments),
        Command::Bounds(arguments) => model::bounds(arguments),
        Command::Score {
            folder,
            z,
            isolation,
        } => results::score_again(folder, *z, *isolation),
        Command::Plot { folder } => results::plot_again(folder),
        Command::Node { config } => live::node(config).await,
        Command::Cluster(arguments) => live::cluster(arguments).await,
    }
}

/// A file's text, if it is no larger than configurations are.
fn read_configuration(path: &Path) -> Result<String, Failure> {
    let failed = |reason: io::Error| format!("cannot read {}: {reason}", path.display());
    let mut text = String::new();
    let file = fs::File::open(path).map_err(failed)?;
    let read = file.take(MAX_CONFIGURATION + 1).read_to_string(&mut text);
    if read.map_err(failed)? as u64 > MAX_CONFIGURATION {
        return Err(format!("{} is larger than 1 MiB", path.display()).into());
    }
    Ok(text)
}

/// A bar on standard error; nothing where that is no terminal.
fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} {elapsed}");
    bar.set_style(style.unwrap_or(ProgressStyle::default_bar()));
    bar.set_message(what);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arguments, Command as Any};
    use clap::Parser;

    /// What a command line says.
    pub(super) fn parse(arguments: &[&str]) -> Result<Command, clap::Error> {
        let all = [&["quern", "snow"], arguments].concat();
        Arguments::try_parse_from(all).map(|arguments| match arguments.command {
            Any::Snow(command) => command,
            _ => unreachable!("all of them begin with snow"),
        })
    }
}
