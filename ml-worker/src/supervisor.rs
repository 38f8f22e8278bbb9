//! A supervisor's duty: keep a task's clock. It replaces miners that are late, and keeps a signed log of the rounds of training.
//!
//! A round is a block in which audits have accepted more of the task's runs than in the last round. Its entry in the log names every
//! run's progress; its digest goes on chain, so that anybody who is shown the log later can tell whether it was kept at the time.

use codec::Encode;
use quern_client::{Call, TaskId, TaskInfo, TaskStage, text};
use quern_work::{
    Hash,
    hash::{Context, derive},
};
use serde::{Deserialize, Serialize};

use crate::{
    chain::{Chain, Patience, Said, each_block, say},
    journal::{Journal, JournalError},
};

/// The refusal of a round that the chain has already.
const HAS_IT: &str = "Tasks::RoundOutOfOrder";

const ROUND: Context = Context::new("quern/v1/round");

/// Progress of one run of a task.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The ticket of its miner.
    pub ticket: u64,
    /// The run.
    pub run: Option<u64>,
    /// Steps accepted by audits.
    pub accepted: u64,
    /// Multiply–accumulates accepted.
    #[serde(with = "text::decimal")]
    pub macs: u128,
    /// State root after the accepted steps.
    #[serde(with = "text::maybe_hash")]
    pub state_root: Option<Hash>,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// The task.
    pub task: TaskId,
    /// The round's number, from 0.
    pub round: u32,
    /// The block in which it was seen.
    pub block: u32,
    /// Every miner's progress.
    pub progress: Vec<Progress>,
    /// [`Round::digest`].
    #[serde(with = "text::hash")]
    pub digest: Hash,
    /// The supervisor's signature of the digest, 64 bytes.
    #[serde(with = "hex::serde")]
    pub signature: Vec<u8>,
    /// Whether the digest is on chain.
    pub on_chain: bool,
}

impl Round {
    /// What stands for the entry on chain: task, round, block and progress in SCALE.
    pub fn digest(task: TaskId, round: u32, block: u32, progress: &[Progress]) -> Hash {
        derive(ROUND, &[&(task, round, block, progress).encode()])
    }
}

/// Keeps a task's clock until the task is over or somebody else's.
///
/// # Errors
/// When the log cannot be kept.
pub async fn supervise<C: Chain>(
    chain: &C,
    journal: &Journal,
    id: TaskId,
) -> Result<(), JournalError> {
    let mut blocks = each_block(chain);
    let mut patience = Patience::default();
    while let Some(height) = blocks.next().await {
        match chain.task(id).await {
            Ok(Some(task)) if !task.stage.is_over() && is_ours(&task, chain) => {
                log(chain, journal, &task, height).await?;
                for ticket in late(&task, height) {
                    if patience.is_over(height) {
                        tracing::warn!("task {id}: ticket {ticket} is late and is replaced");
                        let said = say(chain, Call::ReplaceMiner { task: id, ticket }).await;
                        patience.learn(&said, height);
                    }
                }
            }
            Ok(_) => return Ok(()),
            Err(error) => tracing::debug!("task {id}: {error}"),
        }
    }
    Ok(())
}

fn is_ours<C: Chain>(task: &TaskInfo, chain: &C) -> bool {
    let account = chain.account();
    task.supervisor.is_some_and(|(_, owner)| owner == account)
}

/// The tickets of miners that have let their time pass and have steps left.
fn late(task: &TaskInfo, height: u32) -> Vec<u64> {
    if !matches!(task.stage, TaskStage::Assigned | TaskStage::Training) {
        return Vec::new();
    }
    let steps = task.order.as_ref().map_or(0, |order| order.steps);
    let late = task
        .miners
        .iter()
        .filter(|miner| miner.due < height && miner.accepted < steps);
    late.map(|miner| miner.ticket).collect()
}

/// Logs a round if there is progress, and sees to it that the last round's digest is on chain.
async fn log<C: Chain>(
    chain: &C,
    journal: &Journal,
    task: &TaskInfo,
    height: u32,
) -> Result<(), JournalError> {
    let prefix = format!("task-{}-round-", task.id);
    let last: Option<Round> = match journal.names(&prefix).last() {
        Some(name) => journal.get(name)?,
        None => None,
    };
    let due = match &last {
        Some(round) if !round.on_chain => Some(round.clone()),
        _ => next_round(chain, task, height, last.as_ref()),
    };
    let Some(mut round) = due else {
        return Ok(());
    };
    let name = format!("{prefix}{:06}", round.round);
    if last.as_ref() != Some(&round) {
        journal.put(&name, &round)?;
    }
    // the round that ends training is in the log alone
    if task.stage != TaskStage::Training {
        return Ok(());
    }
    let call = Call::LogRound {
        task: task.id,
        round: round.round,
        digest: round.digest,
    };
    let said = say(chain, call).await;
    if said == Said::Done || said == Said::Refused(HAS_IT.into()) {
        round.on_chain = true;
        journal.put(&name, &round)?;
    }
    Ok(())
}

/// The next entry, if any run has more accepted steps than in the last one.
fn next_round<C: Chain>(
    chain: &C,
    task: &TaskInfo,
    height: u32,
    last: Option<&Round>,
) -> Option<Round> {
    let progress: Vec<Progress> = task
        .miners
        .iter()
        .map(|miner| Progress {
            ticket: miner.ticket,
            run: miner.run,
            accepted: miner.accepted,
            macs: miner.macs,
            state_root: miner.state_root,
        })
        .collect();
    let before = |now: &Progress| {
        let then = last?.progress.iter().find(|then| then.run == now.run)?;
        Some(then.accepted)
    };
    let moved = progress
        .iter()
        .any(|now| now.run.is_some() && now.accepted > before(now).unwrap_or(0));
    moved.then(|| {
        let round = last.map_or(0, |last| last.round + 1);
        let digest = Round::digest(task.id, round, height, &progress);
        Round {
            task: task.id,
            round,
            block: height,
            digest,
            signature: chain.sign(&digest).to_vec(),
            progress,
            on_chain: false,
        }
    })
}

#[cfg(test)]
mod tests {
    use quern_client::MinerInfo;

    use super::*;
    use crate::{
        chain::double::{ACCOUNT, Double},
        world::{STEPS, held_out, spec},
    };

    fn miner(ticket: u64, accepted: u64, due: u32) -> MinerInfo {
        MinerInfo {
            ticket,
            owner: [ticket as u8; 32],
            run: Some(ticket + 100),
            accepted,
            macs: u128::from(accepted),
            state_root: Some([accepted as u8; 32]),
            due,
        }
    }

    fn task() -> TaskInfo {
        TaskInfo {
            id: 7,
            client: Some([1; 32]),
            spec: spec(),
            order: Some(quern_client::Order {
                name: Default::default(),
                spec: spec(),
                held_out: held_out().commitment(),
                steps: STEPS,
                workers: 2,
                evaluators: 1,
                target: 0,
                deadline: 100,
                gpu: false,
                contact: Default::default(),
            }),
            fee: 1,
            stage: TaskStage::Training,
            submitted: 0,
            deadline: 100,
            miners: vec![miner(1, 0, 20), miner(2, 0, 30)],
            supervisor: Some((5, ACCOUNT)),
            evaluation: None,
            best: None,
        }
    }

    fn start(
        chain: &Double,
        journal: &Journal,
    ) -> tokio::task::JoinHandle<Result<(), JournalError>> {
        let (chain, journal) = (chain.clone(), journal.clone());
        tokio::spawn(async move { supervise(&chain, &journal, 7).await })
    }

    fn scene() -> (tempfile::TempDir, Journal, Double) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path().to_owned()).unwrap();
        let chain = Double::new(10);
        chain.world.lock().unwrap().tasks = vec![task()];
        (folder, journal, chain)
    }

    #[test]
    fn a_miner_is_late_after_its_block_unless_it_has_nothing_left_to_do() {
        let mut task = task();
        assert!(late(&task, 20).is_empty());
        assert_eq!(late(&task, 21), [1]);
        assert_eq!(late(&task, 31), [1, 2]);
        task.miners[0].accepted = STEPS;
        assert_eq!(late(&task, 31), [2]);
        task.stage = TaskStage::Evaluating;
        assert!(late(&task, 31).is_empty());
    }

    #[tokio::test]
    async fn a_late_miner_is_replaced() {
        let (_folder, journal, chain) = scene();
        let duty = start(&chain, &journal);
        assert!(chain.is_silent().await);
        for _ in 10..21 {
            chain.block(|_| ());
        }
        assert_eq!(
            chain.called().await,
            Call::ReplaceMiner { task: 7, ticket: 1 }
        );
        duty.abort();
    }

    #[tokio::test]
    async fn every_round_of_progress_is_logged_signed_and_its_digest_put_on_chain() {
        let (_folder, journal, chain) = scene();
        let duty = start(&chain, &journal);
        for (round, accepted) in [(0, 4), (1, 8)] {
            chain.block(|world| world.tasks[0].miners[1].accepted = accepted);
            let Call::LogRound {
                round: told,
                digest,
                ..
            } = chain.called().await
            else {
                panic!("not logged")
            };
            assert_eq!(told, round);
            assert!(chain.is_silent().await, "logged twice");
            let name = format!("task-7-round-{round:06}");
            let entry: Round = journal.get(&name).unwrap().unwrap();
            let again = Round::digest(7, round, entry.block, &entry.progress);
            assert_eq!((entry.digest, again), (digest, digest));
            assert_eq!(entry.signature, chain.sign(&digest));
            assert_eq!(entry.progress[1].accepted, accepted);
        }
        duty.abort();
    }

    #[tokio::test]
    async fn a_digest_that_did_not_arrive_is_told_by_the_next_worker() {
        let (_folder, journal, chain) = scene();
        let duty = start(&chain, &journal);
        chain.block(|world| {
            world.deaf = true;
            world.tasks[0].miners[1].accepted = 4;
        });
        assert!(chain.is_silent().await);
        duty.abort();
        chain.block(|world| world.deaf = false);
        let again = start(&chain, &journal);
        let kept: Round = journal.get("task-7-round-000000").unwrap().unwrap();
        let Call::LogRound {
            round: 0, digest, ..
        } = chain.called().await
        else {
            panic!("not told again")
        };
        assert_eq!(digest, kept.digest);
        again.abort();
    }

    #[tokio::test]
    async fn a_task_that_is_over_or_anothers_is_let_go() {
        let (_folder, journal, chain) = scene();
        let duty = start(&chain, &journal);
        chain.block(|world| world.tasks[0].stage = TaskStage::Completed);
        duty.await.unwrap().unwrap();
        chain.block(|world| {
            world.tasks[0] = task();
            world.tasks[0].supervisor = Some((5, [1; 32]));
        });
        start(&chain, &journal).await.unwrap().unwrap();
    }
}
