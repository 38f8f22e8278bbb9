//! Nodes over real sockets: one, or a cluster on the loopback.

use super::{bar, read_configuration};
use crate::{Failure, report::Report};
use clap::Args;
use quern_laboratory::cluster::{ClusterOptions, Listening, NodeConfig, run_cluster, run_node};
use std::{path::Path, time::Duration};

/// What a cluster is, and what it is given to do.
#[derive(Args)]
pub(crate) struct Cluster {
    /// How many nodes, all of the same stake.
    #[arg(short, long, default_value_t = ClusterOptions::default().nodes)]
    nodes: u32,
    /// Heights to decide, one after the other.
    #[arg(long, default_value_t = ClusterOptions::default().blocks)]
    blocks: u32,
    /// Blocks at each height, submitted to different nodes at once.
    #[arg(long, default_value_t = ClusterOptions::default().rivals)]
    rivals: u32,
    /// Makes keys and payloads; what the network does is its own.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seconds for the whole run, at most 86400.
    #[arg(long, default_value_t = ClusterOptions::default().timeout.as_secs())]
    timeout: u64,
}

/// Runs a node until it is told to end.
pub(super) async fn node(path: &Path) -> Result<Report, Failure> {
    let config = NodeConfig::parse(&read_configuration(path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let mut where_to = None;
    let ready = |listening: &Listening| {
        eprintln!("listening on {}", listening.address);
        if let Some(http) = &listening.http {
            eprintln!("health and metrics on http://{http}");
        }
        where_to = Some(listening.clone());
    };
    run_node(config, ready, ended()).await?;
    let listened = where_to
        .as_ref()
        .map(|listening| listening.address.as_str());
    Ok(Report::new(&where_to)?.maybe("listened on", listened))
}

/// Resolves when the process is asked to end.
async fn ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

pub(super) async fn cluster(arguments: &Cluster) -> Result<Report, Failure> {
    let bar = bar("heights");
    let options = ClusterOptions {
        nodes: arguments.nodes,
        blocks: arguments.blocks,
        rivals: arguments.rivals,
        seed: arguments.seed,
        timeout: Duration::from_secs(arguments.timeout),
        ..ClusterOptions::default()
    };
    let ran = run_cluster(options, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })
    .await;
    bar.finish_and_clear();
    let ran = ran?;
    Ok(Report::new(&ran)?
        .line("nodes", ran.nodes)
        .line("agreement", if ran.agreement { "yes" } else { "NO" })
        .line(
            "blocks",
            format!(
                "{} submitted, {} accepted by all, {} rejected, {} undecided",
                ran.submitted, ran.accepted, ran.rejected, ran.undecided
            ),
        )
        .line(
            "time",
            format!(
                "p50 {:.1} ms, p99 {:.1} ms to acceptance",
                ran.p50_ms, ran.p99_ms
            ),
        )
        .line("polls", ran.polls)
        .line("votes", ran.votes)
        .bad_if(!ran.agreement || ran.undecided > 0))
}
