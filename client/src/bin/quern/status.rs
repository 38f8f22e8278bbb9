//! `quern status`.

use crate::{Failure, report::Report};
use quern_client::{Client, RuntimeVersion, Status, ss58, text};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    url: String,
    #[serde(with = "text::hash")]
    genesis: [u8; 32],
    runtime: RuntimeVersion,
    #[serde(flatten)]
    status: Status,
}

pub(crate) async fn status(client: &Client) -> Result<Report, Failure> {
    let status = client.status().await?;
    let runtime = client.runtime_version(None).await?;
    let version = format!("{} {}", runtime.spec_name, runtime.spec_version);
    let seals = format!(
        "{} accepted, {} refused",
        status.seals_accepted, status.seals_refused
    );
    let report = Report::new(Facts {
        url: client.url().to_owned(),
        genesis: client.genesis_hash(),
        runtime,
        status: status.clone(),
    })?;
    Ok(report
        .line("node", client.url())
        .line("runtime", version)
        .line("genesis", text::hex32(&client.genesis_hash()))
        .line(
            "height",
            format!("{}  {}", status.height, text::hex32(&status.best)),
        )
        .line(
            "finalised",
            format!(
                "{}  {}",
                status.finalised,
                text::hex32(&status.finalised_hash)
            ),
        )
        .line(
            "difficulty",
            format!("{} MACs per block", status.difficulty),
        )
        .maybe("author", status.author.as_ref().map(ss58))
        .maybe("peers", status.peers)
        .maybe(
            "sync",
            status
                .syncing
                .map(|syncing| if syncing { "catching up" } else { "idle" }),
        )
        .line("seals", seals)
        .line("templates", status.templates)
        .line("workers", status.subscribers))
}
