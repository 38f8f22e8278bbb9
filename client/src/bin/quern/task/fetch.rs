//! Fetching a task's model from those who trained it.

use super::{find, held_out_rows, serve::addresses};
use crate::{Failure, report::Report};
use indicatif::{ProgressBar, ProgressStyle};
use quern_blobs::{Blob, Blobs, Config};
use quern_client::{
    Client, Hash, MinerInfo, Model, RunId, TaskId, TaskInfo, dataset::Scale, model::Origin, text,
};
use quern_training::State;
use quern_work::merkle::CHUNK;
use serde_json::json;
use std::{fs, path::Path};

pub(super) async fn fetch(
    client: &Client,
    id: TaskId,
    run: Option<RunId>,
    file: &Path,
    scale: Scale,
    bootstrap: &[String],
) -> Result<Report, Failure> {
    let task = find(client, id).await?;
    let (run, miner, root) = wanted(&task, run)?;
    let contacts = contacts(client, &task, miner).await?;
    let blob = Blob {
        root,
        len: State::encoded_len(&task.spec.sizes()),
        chunk: CHUNK as u32,
    };
    // Beside the file, so that an interrupted fetch goes on from there; gone when it is done.
    let mut parts = file.as_os_str().to_owned();
    parts.push(".parts");
    let mut config = Config::new(&parts);
    config.bootstrap = addresses(bootstrap)?;
    let blobs = Blobs::start(config).await?;
    let bar = ProgressBar::new(blob.len);
    let style = "{bar:24} {bytes}/{total_bytes}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
    let fetched = blobs
        .fetch(&blob, &contacts, |done, _| bar.set_position(done))
        .await;
    bar.finish_and_clear();
    blobs.shutdown().await;

    let model = model(client.genesis_hash(), &task, run, scale, &fetched?, &root)?;
    model.write(file)?;
    fs::remove_dir_all(&parts)?;
    Ok(Report::new(json!({
        "file": file.display().to_string(),
        "run": run,
        "stateRoot": text::hex32(&root),
    }))?
    .line("wrote", file.display())
    .line("run", run)
    .line("state root", text::hex32(&root)))
}

/// The run to fetch, who trained it, and its final state's root.
fn wanted(task: &TaskInfo, run: Option<RunId>) -> Result<(RunId, &MinerInfo, Hash), Failure> {
    let run = match run.or(task.best.map(|best| best.run)) {
        Some(run) => run,
        None if task.stage.is_over() => {
            return Err(format!(
                "task {} is {}, and nobody has scored its models: choose one by --run",
                task.id, task.stage
            )
            .into());
        }
        None => return Err(format!("task {} is still {}", task.id, task.stage).into()),
    };
    let mut miners = task.miners.iter();
    let miner = miners
        .find(|miner| miner.run == Some(run))
        .ok_or_else(|| format!("task {} has no run {run}", task.id))?;
    let root = miner
        .state_root
        .ok_or_else(|| format!("no steps of run {run} have been accepted"))?;
    Ok((run, miner, root))
}

/// Where a state may be served: by its miner, then by those who evaluated it, then by the other miners.
async fn contacts(
    client: &Client,
    task: &TaskInfo,
    miner: &MinerInfo,
) -> Result<Vec<String>, Failure> {
    let evaluators = task.evaluation.iter().flat_map(|ballot| &ballot.seats);
    let tickets = [miner.ticket]
        .into_iter()
        .chain(evaluators.map(|seat| seat.ticket))
        .chain(task.miners.iter().map(|miner| miner.ticket));
    let mut contacts = Vec::new();
    for ticket in tickets {
        let ticket = client.ticket(ticket, None).await?;
        if let Some(contact) = ticket.and_then(|ticket| ticket.contact())
            && !contacts.contains(&contact)
        {
            contacts.push(contact);
        }
    }
    Ok(contacts)
}

/// The model of a state's bytes, checked against its root and the task's network.
fn model(
    genesis: Hash,
    task: &TaskInfo,
    run: RunId,
    scale: Scale,
    bytes: &[u8],
    root: &Hash,
) -> Result<Model, Failure> {
    let state = State::decode(bytes)?;
    if state.root() != *root || state.sizes != task.spec.sizes() {
        return Err("what was fetched is not the task's model".into());
    }
    let score = task.best.filter(|best| best.run == run);
    let rows = score.map_or(0, |_| held_out_rows(task));
    Ok(Model {
        origin: Origin {
            genesis,
            task: task.id,
            run,
            correct: score.map_or(0, |score| score.correct),
            rows: u32::try_from(rows)?,
            name: task.name(),
        },
        scale,
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::task;
    use quern_client::TaskStage;

    #[test]
    fn the_best_run_is_wanted_unless_another_is_named() {
        let completed = task(TaskStage::Completed);
        let (run, miner, root) = wanted(&completed, None).unwrap();
        assert_eq!((run, miner.ticket, root), (8, 1, [9; 32]));
        assert!(wanted(&completed, Some(7)).is_err());
        let mut failed = task(TaskStage::Failed);
        failed.best = None;
        let refusal = wanted(&failed, None).unwrap_err().to_string();
        assert!(refusal.contains("choose one by --run"), "{refusal}");
        assert!(wanted(&failed, Some(8)).is_ok());
    }

    #[test]
    fn a_state_of_another_root_or_network_is_no_model_of_the_task() {
        let task = task(TaskStage::Completed);
        let make = |state: &State, root: &Hash| {
            model([1; 32], &task, 8, Scale::GREY, &state.encode(), root)
        };
        let state = State::initial(&task.spec.sizes(), &[2; 32]).unwrap();
        let made = make(&state, &state.root()).unwrap();
        assert_eq!((made.origin.correct, made.origin.rows), (1_900, 2_000));
        assert_eq!(made.origin.name, "digits");
        assert!(make(&state, &[3; 32]).is_err());
        let other = State::initial(&[784, 16, 10], &[2; 32]).unwrap();
        assert!(make(&other, &other.root()).is_err());
    }
}
