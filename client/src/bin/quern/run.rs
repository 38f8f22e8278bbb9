//! `quern run show`, `open` and `close`.

use crate::{
    Failure,
    report::{Report, tokens},
};
use quern_client::{Account, Call, Client, Included, RunInfo, Signer, ss58, text};
use serde_json::json;

pub(crate) async fn show(client: &Client, id: u64) -> Result<Report, Failure> {
    let info = client.run(id, None).await?;
    let info = info.ok_or_else(|| format!("there is no run {id}: never opened, or closed"))?;
    Ok(describe(&info)?)
}

pub(crate) async fn list(client: &Client, author: Option<Account>) -> Result<Report, Failure> {
    let author = match author {
        Some(author) => author,
        None => client
            .status()
            .await?
            .author
            .ok_or("the node has no author: give a run or --author")?,
    };
    let runs = client.runs_of(&author, None).await?;
    let mut report = Report::new(&runs)?;
    if runs.is_empty() {
        report = report.line("runs", format!("{} has none", ss58(&author)));
    }
    for info in &runs {
        report = report.below(describe(info)?);
    }
    Ok(report)
}

pub(crate) async fn open(
    client: &Client,
    signer: &Signer,
    task: u32,
    finalised: bool,
) -> Result<Report, Failure> {
    let included = carry_out(client, signer, &Call::OpenRun { task }, finalised).await?;
    let run = included
        .events
        .iter()
        .find(|event| event.name == "RunOpened")
        .and_then(|event| event.field("run")?.parse::<u64>().ok());
    Ok(Report::new(json!({
        "block": text::hex32(&included.block),
        "run": run,
    }))?
    .line("block", text::hex32(&included.block))
    .maybe("opened run", run))
}

pub(crate) async fn close(
    client: &Client,
    signer: &Signer,
    run: u64,
    finalised: bool,
) -> Result<Report, Failure> {
    let included = carry_out(client, signer, &Call::CloseRun { run }, finalised).await?;
    Ok(Report::new(json!({
        "block": text::hex32(&included.block),
        "run": run,
    }))?
    .line("block", text::hex32(&included.block))
    .line("closed run", run))
}

async fn carry_out(
    client: &Client,
    signer: &Signer,
    call: &Call,
    finalised: bool,
) -> Result<Included, quern_client::Error> {
    let submitted = client.submit(call, signer).await?;
    if finalised {
        submitted.finalised().await
    } else {
        submitted.in_block().await
    }
}

fn describe(info: &RunInfo) -> Result<Report, serde_json::Error> {
    let run = &info.run;
    let sizes: Vec<String> = run.spec.sizes().iter().map(u32::to_string).collect();
    let last_share = run
        .last_share
        .map(|(step, ordinal)| format!("step {step}, tile {ordinal}"));
    Ok(Report::new(info)?
        .line("run", run.id)
        .line("task", run.task)
        .line(
            "network",
            format!("{}, batch {}", sizes.join("-"), run.spec.batch),
        )
        .line("dataset", text::hex32(&run.spec.dataset.root))
        .line("owner", ss58(&info.owner))
        .line("committed", format!("{} steps", run.committed))
        .maybe("state root", run.state_root.as_ref().map(text::hex32))
        .maybe(
            "last sealed",
            run.last_sealed.map(|step| format!("step {step}")),
        )
        .line("seals", run.seals)
        .line("shares", run.shares)
        .maybe("last share", last_share)
        .line("MACs", run.macs)
        .line("vesting", tokens(run.vesting)))
}
