//! `quern run show`, `open` and `close`.

use crate::{
    Failure, node_author,
    report::{Report, tokens},
};
use quern_client::{
    Account, Call, Client, Duty, PendingClaim, Role, RunInfo, Signer, TaskId, TicketId, TicketInfo,
    ss58, text,
};
use serde_json::json;

pub(crate) async fn show(client: &Client, id: u64) -> Result<Report, Failure> {
    let info = client.run(id, None).await?;
    let info = info.ok_or_else(|| format!("there is no run {id}: never opened, or closed"))?;
    Ok(describe(&info)?)
}

pub(crate) async fn list(client: &Client, author: Option<Account>) -> Result<Report, Failure> {
    let author = match author {
        Some(author) => author,
        None => node_author(client).await?,
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
    task: TaskId,
    ticket: Option<TicketId>,
    finalised: bool,
) -> Result<Report, Failure> {
    let ticket = match ticket {
        Some(ticket) => ticket,
        None => ticket_for(client, signer, task).await?,
    };
    let included = client
        .carry_out(signer, &Call::OpenRun { task, ticket }, finalised)
        .await?;
    let run = included.find("Work", "RunOpened", "run");
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
    let included = client
        .carry_out(signer, &Call::CloseRun { run }, finalised)
        .await?;
    Ok(Report::new(json!({
        "block": text::hex32(&included.block),
        "run": run,
    }))?
    .line("block", text::hex32(&included.block))
    .line("closed run", run))
}

/// The signer's live miner ticket: one assigned to the task where there is such, else the first.
async fn ticket_for(client: &Client, signer: &Signer, task: TaskId) -> Result<TicketId, Failure> {
    let tickets = client.tickets_of(&signer.account(), None).await?;
    let live = |ticket: &&TicketInfo| ticket.role == Role::Miner && ticket.withdrawable.is_none();
    tickets
        .iter()
        .filter(live)
        .min_by_key(|ticket| !ticket.duties.contains(&Duty::Mine(task)))
        .map(|ticket| ticket.id)
        .ok_or_else(|| "the key has no live miner ticket: `quern ticket buy` gets one".into())
}

fn describe(info: &RunInfo) -> Result<Report, serde_json::Error> {
    let run = &info.run;
    let sizes: Vec<String> = run.spec.sizes().iter().map(u32::to_string).collect();
    let claim = run.pending.as_ref().map(|pending| match pending {
        PendingClaim::Committed { at, .. } => format!("committed to in block {at}"),
        PendingClaim::Revealed { audit, to } => {
            format!("of {to} steps, in audit {audit}")
        }
    });
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
        .line("ticket", run.ticket)
        .maybe(
            "ends after",
            run.steps.map(|steps| format!("{steps} steps")),
        )
        .line("accepted", format!("{} steps", run.accepted))
        .maybe("claim", claim)
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
