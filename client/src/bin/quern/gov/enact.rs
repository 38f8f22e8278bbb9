//! `quern gov enact`.

use super::act;
use crate::{Failure, Signing, report::Report};
use quern_client::{
    Client,
    governance::{Action, UpgradeError},
    text,
};
use serde_json::json;
use std::{fs, path::Path};

pub(super) async fn enact(
    client: &Client,
    runtime: &Path,
    signing: &Signing,
) -> Result<Report, Failure> {
    let code = fs::read(runtime)
        .map_err(|reason| format!("cannot read {}: {reason}", runtime.display()))?;
    // Asked first: a megabyte that the chain refuses costs its fee.
    let hash = client.expect_authorised(&code).await?;
    let before = client.runtime_version(None).await?;
    let included = act(client, signing, Action::ApplyUpgrade { code }).await?;
    let refused = |event: &&quern_client::Event| event.name == "RejectedInvalidAuthorizedUpgrade";
    if let Some(event) = included.events.iter().find(refused) {
        let reason = event.field("error").unwrap_or("InvalidVersion");
        return Err(UpgradeError::Version(reason.to_owned()).into());
    }
    let header = client.header(included.block).await?;
    let number = header.map(|header| header.number);
    let (block, hash) = (text::hex32(&included.block), text::hex32(&hash));
    Ok(Report::new(json!({
        "block": block,
        "number": number,
        "codeHash": hash,
        "from": before.spec_version,
    }))?
    .line("block", block)
    .line("runtime", hash)
    .maybe(
        "in force from",
        number.map(|number| format!("block {}", number + 1)),
    ))
}
