//! `quern task`: paid training jobs, from the specification to the model.

mod assess;
mod fetch;
mod follow;
mod serve;

use crate::{
    Failure, Signing,
    model::score,
    parse_tokens,
    report::{Report, tokens},
};
use clap::{Args, Subcommand};
use quern_client::{
    BallotInfo, Call, Client, MinerInfo, Spec, TaskId, TaskInfo, TaskStage,
    dataset::{Scale, Source},
    ss58, text,
};
use quern_work::TILE;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong with a job and what it will cost, before money moves.
    Check {
        #[command(flatten)]
        job: Job,
        /// Who would pay: the funds are checked as well. A key, see `submit`.
        #[arg(long)]
        key: Option<String>,
    },
    /// Pay for a job, serve its data and watch it until it ended.
    Submit {
        #[command(flatten)]
        job: Job,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        blobs: BlobArgs,
    },
    /// Serve the data of a submitted job again, and watch it until it ended.
    Serve {
        /// The task.
        task: TaskId,
        #[command(flatten)]
        job: Job,
        #[command(flatten)]
        blobs: BlobArgs,
    },
    /// Watch a task until it ended.
    Watch {
        /// The task.
        task: TaskId,
    },
    /// Show a task.
    Show {
        /// The task.
        task: TaskId,
    },
    /// List the latest tasks.
    List {
        /// How many, at most 100.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// The newest to list.
        #[arg(long, default_value_t = TaskId::MAX)]
        from: TaskId,
    },
    /// Take a job back, as long as no miner has begun it.
    Cancel {
        /// The task.
        task: TaskId,
        #[command(flatten)]
        signing: Signing,
    },
    /// Fetch the model that a task has trained, and write it to a file.
    Fetch {
        /// The task.
        task: TaskId,
        /// The file to write.
        model: PathBuf,
        /// The run whose model to fetch [default: the best one].
        #[arg(long)]
        run: Option<u64>,
        /// What features are given in: the `scale` of the job's specification.
        #[arg(long, default_value_t = Scale::GREY)]
        scale: Scale,
        /// Nodes that know who else has it: addresses with /p2p/….
        #[arg(long, value_name = "ADDRESS")]
        bootstrap: Vec<String>,
    },
}

/// A job: its specification and its data.
#[derive(Args)]
pub(crate) struct Job {
    /// The specification; `docs/spec.example.toml` explains every key.
    spec: PathBuf,
    /// The rows: `glyphs`, `idx:IMAGES,LABELS` with two IDX files, or `csv:FILE`.
    #[arg(long, value_name = "SOURCE")]
    data: Source,
    /// What to pay, in QRN [default: the specification's, or the going rate].
    #[arg(long, value_name = "QRN", value_parser = parse_tokens)]
    fee: Option<u128>,
}

impl Job {
    /// The specification, with what the command line says otherwise.
    fn spec(&self) -> Result<Spec, Failure> {
        let path = &self.spec;
        let text = fs::read_to_string(path)
            .map_err(|reason| format!("cannot read {}: {reason}", path.display()))?;
        let mut spec = Spec::parse(&text)?;
        spec.market.fee = self.fee.or(spec.market.fee);
        Ok(spec)
    }
}

/// How data are served.
#[derive(Args)]
pub(crate) struct BlobArgs {
    /// Folder for the served data [default: $XDG_DATA_HOME/quern/client or ~/.local/share/quern/client].
    #[arg(long = "blobs", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Where to serve: /ip4/0.0.0.0/tcp/PORT for other machines [default: a free port of this machine's loopback, or what
    /// the task says].
    #[arg(long = "blobs-listen", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The address that others reach this machine by, where it is another one.
    #[arg(long = "blobs-external", value_name = "ADDRESS")]
    external: Option<String>,
    /// Nodes to enter the network of blobs by: addresses with /p2p/….
    #[arg(long = "blobs-bootstrap", value_name = "ADDRESS")]
    bootstrap: Vec<String>,
}

pub(crate) async fn run(url: &str, command: &Command) -> Result<Report, Failure> {
    let connect = || Client::connect(url);
    match command {
        Command::Check { job, key } => assess::check(&connect().await?, job, key.as_deref()).await,
        Command::Submit {
            job,
            signing,
            blobs,
        } => serve::submit(&connect().await?, job, signing, blobs).await,
        Command::Serve { task, job, blobs } => {
            serve::resume(&connect().await?, *task, job, blobs).await
        }
        Command::Watch { task } => {
            let client = connect().await?;
            let task = find(&client, *task).await?;
            if task.stage == TaskStage::Commons {
                return Err(format!("task {} is a commons task: it never ends", task.id).into());
            }
            let ended = follow::follow(&client, task.id, async |_| Ok(())).await?;
            Ok(outcome(&ended)?)
        }
        Command::Show { task } => Ok(describe(&find(&connect().await?, *task).await?)?),
        Command::List { limit, from } => list(&connect().await?, *from, *limit).await,
        Command::Cancel { task, signing } => cancel(&connect().await?, *task, signing).await,
        Command::Fetch {
            task,
            model,
            run,
            scale,
            bootstrap,
        } => fetch::fetch(&connect().await?, *task, *run, model, *scale, bootstrap).await,
    }
}

async fn find(client: &Client, id: TaskId) -> Result<TaskInfo, Failure> {
    let task = client.task(id, None).await?;
    task.ok_or_else(|| format!("there is no task {id}").into())
}

async fn cancel(client: &Client, task: TaskId, signing: &Signing) -> Result<Report, Failure> {
    let call = Call::CancelTask { task };
    let included = client
        .carry_out(&signing.signer()?, &call, signing.finalised)
        .await?;
    let block = text::hex32(&included.block);
    Ok(Report::new(json!({ "block": block, "task": task }))?
        .line("block", block)
        .line(
            "cancelled",
            format!("task {task}; nine tenths of the fee are free again"),
        ))
}

async fn list(client: &Client, from: TaskId, limit: u32) -> Result<Report, Failure> {
    let tasks = client.tasks(from, limit, None).await?;
    let views: Vec<Value> = tasks.iter().map(view).collect();
    let report = Report::new(views)?;
    Ok(tasks.iter().fold(report, |report, task| {
        let name = task.name();
        let text = match task.client {
            Some(_) => format!("{:<12}{:>14}  {name}", task.stage, tokens(task.fee)),
            None => task.stage.to_string(),
        };
        report.line(&format!("task {}", task.id), text)
    }))
}

fn network(task: &TaskInfo) -> String {
    let sizes: Vec<String> = task.spec.sizes().iter().map(u32::to_string).collect();
    format!("{}, batch {}", sizes.join("-"), task.spec.batch)
}

fn held_out_rows(task: &TaskInfo) -> u64 {
    let blocks = task
        .order
        .as_ref()
        .map_or(0, |order| order.held_out.row_blocks);
    u64::from(blocks) * TILE as u64
}

/// How a followed task ended; bad news if not completed.
fn outcome(task: &TaskInfo) -> Result<Report, serde_json::Error> {
    Ok(describe(task)?.bad_if(task.stage != TaskStage::Completed))
}

fn describe(task: &TaskInfo) -> Result<Report, serde_json::Error> {
    let report = Report::new(view(task))?.line("task", task.id);
    let Some(order) = &task.order else {
        return Ok(report
            .line("stage", task.stage)
            .line("network", network(task))
            .line("dataset", text::hex32(&task.spec.dataset.root)));
    };
    let target = text::decimals(order.target.into(), 4);
    let best = task.best.map(|best| {
        let rows = held_out_rows(task);
        format!("run {}: {}", best.run, score(best.correct.into(), rows))
    });
    let supervisor = task.supervisor.map(|(_, account)| ss58(&account));
    let report = report
        .line("name", task.name())
        .line("stage", task.stage)
        .maybe("client", task.client.as_ref().map(ss58))
        .line("fee", tokens(task.fee))
        .line("network", network(task))
        .line(
            "steps",
            format!("{} in each of {} runs", order.steps, order.workers),
        )
        .line(
            "target",
            format!("{target} % of {} held-out rows", held_out_rows(task)),
        )
        .line("submitted", format!("block {}", task.submitted))
        .line("deadline", format!("block {}", task.deadline))
        .line("dataset", text::hex32(&task.spec.dataset.root))
        .line("held out", text::hex32(&order.held_out.root))
        .maybe("served at", task.contact())
        .maybe("supervisor", supervisor)
        .maybe("best", best);
    Ok(task.miners.iter().fold(report, |report, miner| {
        let run = miner
            .run
            .map_or_else(|| "no run yet".into(), |run| format!("run {run}"));
        let steps = format!("{} of {} steps accepted", miner.accepted, order.steps);
        report.line("miner", format!("{}, {run}, {steps}", ss58(&miner.owner)))
    }))
}

/// A task as JSON.
fn view(task: &TaskInfo) -> Value {
    json!({
        "id": task.id,
        "name": task.name(),
        "stage": task.stage.to_string(),
        "client": task.client.as_ref().map(text::hex32),
        "fee": task.fee.to_string(),
        "spec": task.spec,
        "heldOut": task.order.as_ref().map(|order| &order.held_out),
        "steps": task.order.as_ref().map(|order| order.steps),
        "workers": task.order.as_ref().map(|order| order.workers),
        "evaluators": task.order.as_ref().map(|order| order.evaluators),
        "target": task.order.as_ref().map(|order| order.target),
        "gpu": task.order.as_ref().map(|order| order.gpu),
        "contact": task.contact(),
        "submitted": task.submitted,
        "deadline": task.deadline,
        "miners": task.miners.iter().map(miner_view).collect::<Vec<_>>(),
        "supervisor": task.supervisor.map(|(ticket, account)| json!({
            "ticket": ticket,
            "account": text::hex32(&account),
        })),
        "evaluation": task.evaluation.as_ref().map(ballot_view),
        "best": task.best.map(|best| json!({
            "run": best.run,
            "correct": best.correct,
            "rows": held_out_rows(task),
            "millionths": task.best_millionths(),
        })),
    })
}

fn miner_view(miner: &MinerInfo) -> Value {
    json!({
        "ticket": miner.ticket,
        "owner": text::hex32(&miner.owner),
        "run": miner.run,
        "accepted": miner.accepted,
        "macs": miner.macs.to_string(),
        "stateRoot": miner.state_root.as_ref().map(text::hex32),
        "due": miner.due,
    })
}

fn ballot_view(ballot: &BallotInfo) -> Value {
    let seats = ballot.seats.iter().map(|seat| {
        json!({
            "ticket": seat.ticket,
            "voter": text::hex32(&seat.voter),
            "committed": seat.committed,
            "revealed": seat.revealed,
        })
    });
    json!({
        "seats": seats.collect::<Vec<_>>(),
        "commitUntil": ballot.commit_until,
        "revealUntil": ballot.reveal_until,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use quern_client::{DatasetCommitment, Order, Score, TaskSpec};

    /// A task of two miners, of which only one has opened its run.
    pub(crate) fn task(stage: TaskStage) -> TaskInfo {
        let dataset = |row_blocks| DatasetCommitment {
            root: [row_blocks as u8; 32],
            row_blocks,
            features: 784,
            classes: 10,
        };
        let spec = TaskSpec {
            dataset: dataset(1_000),
            hidden: vec![64].try_into().unwrap(),
            batch: 128,
            lr_shift: 4,
            lr_every: 0,
            segment: 64,
        };
        let miner = |ticket: u64, run: Option<u64>| MinerInfo {
            ticket,
            owner: [ticket as u8; 32],
            run,
            accepted: run.map_or(0, |_| 1_024),
            macs: 0,
            state_root: run.map(|_| [9; 32]),
            due: 50,
        };
        TaskInfo {
            id: 3,
            client: Some([5; 32]),
            order: Some(Order {
                name: b"digits".to_vec().try_into().unwrap(),
                spec: spec.clone(),
                held_out: dataset(125),
                steps: 2_048,
                workers: 2,
                evaluators: 3,
                target: 900_000,
                deadline: 4_000,
                gpu: false,
                contact: b"/ip4/127.0.0.1/tcp/1".to_vec().try_into().unwrap(),
            }),
            spec,
            fee: 12_500_000_000_000,
            stage,
            submitted: 7,
            deadline: 4_007,
            miners: vec![miner(1, Some(8)), miner(2, None)],
            supervisor: None,
            evaluation: None,
            best: Some(Score {
                run: 8,
                correct: 1_900,
            }),
        }
    }

    #[test]
    fn only_a_completed_task_is_good_news_to_who_followed_it() {
        assert!(!outcome(&task(TaskStage::Completed)).unwrap().is_bad());
        assert!(outcome(&task(TaskStage::Failed)).unwrap().is_bad());
    }

    #[test]
    fn a_task_is_described_for_people_and_for_programs() {
        let report = describe(&task(TaskStage::Completed)).unwrap();
        let text = report.text();
        for line in [
            "fee            12.5 QRN",
            "stage          completed",
            "target         90 % of 2000 held-out rows",
            "best           run 8: 1900 of 2000 (95.00 %)",
            "run 8, 1024 of 2048 steps accepted",
            "no run yet, 0 of 2048 steps accepted",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        let json = report.json();
        assert_eq!(json["best"]["millionths"], 950_000);
        assert_eq!(json["fee"], "12500000000000");
        assert_eq!(json["spec"]["dataset"]["rowBlocks"], 1_000);
        assert_eq!(json["contact"], "/ip4/127.0.0.1/tcp/1");
    }

    #[test]
    fn a_commons_task_has_neither_client_nor_fee() {
        let commons = TaskInfo {
            client: None,
            order: None,
            miners: Vec::new(),
            best: None,
            ..task(TaskStage::Commons)
        };
        let report = describe(&commons).unwrap();
        assert!(!report.text().contains("fee"));
        assert_eq!(report.json()["steps"], Value::Null);
    }
}
