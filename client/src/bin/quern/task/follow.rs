//! Following a task from block to block, with its progress on the terminal.

use crate::Failure;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use quern_client::{Client, Error, TaskId, TaskInfo, TaskStage};
use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

/// Pause before a lost node is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Follows a task that has been seen in the chain until it ended, on a new connection where one is lost. `on` is told of the
/// task after every block.
///
/// # Errors
/// When the node follows another chain or speaks another version, or what `on` fails with.
pub(super) async fn follow(
    client: &Client,
    id: TaskId,
    mut on: impl AsyncFnMut(&TaskInfo) -> Result<(), Failure>,
) -> Result<TaskInfo, Failure> {
    let mut display = Display::new();
    let mut client = client.clone();
    loop {
        let lost = match until_ended(&client, id, &mut display, &mut on).await {
            Ok(task) => return Ok(task),
            Err(failure) => match failure.downcast::<Error>() {
                Ok(error) if may_pass(&error) => error,
                Ok(error) => return Err(error),
                Err(failure) => return Err(failure),
            },
        };
        display.say(&format!("{lost}; trying again"));
        client = loop {
            tokio::time::sleep(PAUSE).await;
            match Client::connect(client.url()).await {
                Ok(found) => {
                    found.expect_genesis(&client.genesis_hash())?;
                    break found;
                }
                Err(error) if may_pass(&error) => {}
                Err(error) => return Err(error.into()),
            }
        };
    }
}

/// Whether trying again may help: the connection is lost, or the node has no answer for the moment.
const fn may_pass(error: &Error) -> bool {
    error.is_connection() || matches!(error, Error::Rpc { .. } | Error::UnknownBlock(_))
}

async fn until_ended(
    client: &Client,
    id: TaskId,
    display: &mut Display,
    on: &mut impl AsyncFnMut(&TaskInfo) -> Result<(), Failure>,
) -> Result<TaskInfo, Failure> {
    let mut headers = client.best_headers().await?;
    loop {
        let header = headers.next().await.unwrap_or(Err(Error::Closed))?;
        let Some(task) = client.task(id, Some(header.hash)).await? else {
            // A reorganisation has taken a new task away; it comes back with its extrinsic.
            display.missing(header.number, id);
            continue;
        };
        display.show(header.number, &task);
        on(&task).await?;
        if task.stage.is_over() {
            display.end();
            return Ok(task);
        }
    }
}

/// Where progress is shown: in place on a terminal, else as a line whenever something changed.
enum Display {
    Bar(ProgressBar),
    Lines(String),
}

impl Display {
    fn new() -> Self {
        if !stderr().is_terminal() {
            return Self::Lines(String::new());
        }
        let bar = ProgressBar::new(0);
        let style = "{bar:24} {pos}/{len} steps  {msg}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        Self::Bar(bar)
    }

    fn show(&mut self, block: u64, task: &TaskInfo) {
        let (done, all) = steps(task);
        let state = state(task);
        match self {
            Self::Bar(bar) => {
                bar.set_length(all);
                bar.set_position(done);
                bar.set_message(format!("{state}  (block {block})"));
            }
            Self::Lines(last) => {
                let line = format!("task {}: {state}, {done} of {all} steps accepted", task.id);
                if *last != line {
                    eprintln!("block {block}: {line}");
                    *last = line;
                }
            }
        }
    }

    fn missing(&mut self, block: u64, id: TaskId) {
        let line = format!("task {id} is not in this branch of the chain");
        match self {
            Self::Bar(bar) => bar.set_message(format!("{line}  (block {block})")),
            Self::Lines(last) if *last != line => {
                eprintln!("block {block}: {line}");
                *last = line;
            }
            Self::Lines(_) => {}
        }
    }

    fn say(&self, line: &str) {
        match self {
            Self::Bar(bar) => bar.println(line),
            Self::Lines(_) => eprintln!("{line}"),
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Steps accepted and ordered, over all runs.
fn steps(task: &TaskInfo) -> (u64, u64) {
    let done = task.miners.iter().map(|miner| miner.accepted).sum();
    let all = task
        .order
        .as_ref()
        .map_or(0, |order| order.steps.saturating_mul(order.workers.into()));
    (done, all)
}

/// What is going on, in a few words.
fn state(task: &TaskInfo) -> String {
    let open = task
        .miners
        .iter()
        .filter(|miner| miner.run.is_some())
        .count();
    let miners = task.miners.len();
    match task.stage {
        TaskStage::Open => "waiting for miners".into(),
        TaskStage::Assigned => format!("{miners} miners assigned"),
        TaskStage::Training => format!("training, {open} of {miners} runs open"),
        TaskStage::Evaluating => match &task.evaluation {
            None => "evaluating".into(),
            Some(ballot) => {
                let seats = ballot.seats.len();
                let revealed = ballot.seats.iter().filter(|seat| seat.revealed).count();
                format!("evaluating, {revealed} of {seats} scores in")
            }
        },
        over => over.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::task;
    use quern_client::{BallotInfo, SeatInfo};

    #[test]
    fn progress_counts_accepted_steps_of_all_runs() {
        assert_eq!(steps(&task(TaskStage::Training)), (1_024, 4_096));
    }

    #[test]
    fn every_stage_says_what_is_going_on() {
        assert_eq!(state(&task(TaskStage::Open)), "waiting for miners");
        assert_eq!(state(&task(TaskStage::Assigned)), "2 miners assigned");
        assert_eq!(
            state(&task(TaskStage::Training)),
            "training, 1 of 2 runs open"
        );
        assert_eq!(state(&task(TaskStage::Expired)), "expired");
        let mut voting = task(TaskStage::Evaluating);
        assert_eq!(state(&voting), "evaluating");
        let seat = |revealed| SeatInfo {
            ticket: 1,
            voter: [1; 32],
            segments: Vec::new(),
            committed: true,
            revealed,
        };
        voting.evaluation = Some(BallotInfo {
            seats: vec![seat(true), seat(false), seat(true)],
            commit_until: 1,
            reveal_until: 2,
            reveals: true,
        });
        assert_eq!(state(&voting), "evaluating, 2 of 3 scores in");
    }
}
