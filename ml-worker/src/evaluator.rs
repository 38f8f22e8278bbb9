//! An evaluator's duty: score the final models of a task on its held-out rows, exactly, and vote on the scores.
//!
//! An answer is the class with the largest of the model's integer logits, the lowest class on a tie, as `quern_training` defines it.
//! A model that its miner does not serve, or that is none of this network after the last step, has no right answers: one miner
//! cannot keep the others' models from being scored. Without the held-out rows, which the client serves, there is nothing to score.

use std::sync::Arc;

use codec::Encode;
use futures::future::join_all;
use quern_client::{
    Call, Error, EvaluationVote, MinerInfo, RunId, Score, SeatInfo, TaskId, TaskInfo, TaskSpec,
    TaskStage,
};
use quern_training::{Dataset, State};
use quern_work::Hash;

use crate::{
    backend::BackendError,
    chain::Chain,
    data::Library,
    execute::Machine,
    gather::{Gathered, Obstacle, Wait},
    shelf::{self, Shelf},
    vote::{Standing, Subject},
};

/// One task, as one of its evaluators.
pub struct Evaluation<C, S> {
    /// The chain.
    pub chain: C,
    /// Where models come from.
    pub shelf: S,
    /// Where rows come from.
    pub library: Library<S>,
    /// What executes.
    pub machine: Machine,
    /// The task.
    pub id: TaskId,
}

/// What scoring takes.
pub struct Material {
    spec: TaskSpec,
    held_out: Arc<Dataset>,
    /// The final models, by ascending run; none where one is not served.
    models: Vec<(RunId, Option<State>)>,
}

impl<C: Chain, S: Shelf> Evaluation<C, S> {
    /// The final model of a miner.
    async fn model(
        &self,
        miner: &MinerInfo,
        root: Hash,
        spec: &TaskSpec,
        steps: u64,
    ) -> Result<State, Obstacle> {
        let ticket = self.chain.ticket(miner.ticket).await?;
        let contacts: Vec<String> = ticket.and_then(|t| t.contact()).into_iter().collect();
        let blob = shelf::state(spec, root);
        let mut wait = Wait::default();
        let bytes = wait.served(self.shelf.fetch(&blob, &contacts)).await?;
        let state = State::decode(&bytes).map_err(|_| Obstacle::State)?;
        let is_final = state.step == steps && state.sizes == spec.sizes();
        is_final.then_some(state).ok_or(Obstacle::State)
    }
}

/// The run of a miner whose every step was accepted, and the root of its last state.
fn finished(miner: &MinerInfo, steps: u64) -> Option<(RunId, Hash)> {
    (miner.accepted == steps)
        .then_some(miner.run)
        .flatten()
        .zip(miner.state_root)
}

impl<C: Chain, S: Shelf> Subject for Evaluation<C, S> {
    type Vote = EvaluationVote;
    type Material = Material;
    const NOT_SERVED: EvaluationVote = EvaluationVote::NotServed;

    fn id(&self) -> u64 {
        self.id.into()
    }

    fn name(&self) -> String {
        format!("evaluation-{}", self.id)
    }

    async fn standing(&self) -> Result<Standing, Error> {
        Ok(match self.chain.task(self.id).await? {
            Some(TaskInfo {
                stage: TaskStage::Evaluating,
                evaluation: Some(ballot),
                order: Some(order),
                miners,
                ..
            }) => {
                let mut models: Vec<_> = miners
                    .iter()
                    .filter_map(|miner| finished(miner, order.steps))
                    .collect();
                models.sort_unstable();
                let question = blake3::hash(&(order.held_out, models).encode());
                Standing::Ballot(ballot, question.into())
            }
            Some(TaskInfo {
                stage: TaskStage::Evaluating,
                ..
            }) => Standing::Undrawn,
            _ => Standing::Over,
        })
    }

    async fn gather(&self, _: &SeatInfo) -> Result<Gathered<Material>, Obstacle> {
        let Some(task) = self.chain.task(self.id).await? else {
            return Ok(Gathered::Nothing);
        };
        let client: Vec<String> = task.contact().into_iter().collect();
        let TaskInfo {
            order: Some(order),
            miners,
            spec,
            ..
        } = task
        else {
            return Ok(Gathered::Nothing);
        };
        let held_out = self.library.get(&order.held_out, &client);
        let held_out = Wait::default().served(held_out).await?;
        // at the same time: slow miners must not keep the attempt from ending
        let finished = miners.iter().filter_map(|miner| {
            let (run, root) = finished(miner, order.steps)?;
            let model = self.model(miner, root, &spec, order.steps);
            Some(async move { (run, model.await) })
        });
        let mut models = Vec::new();
        for (run, model) in join_all(finished).await {
            let model = match model {
                Ok(state) => Some(state),
                Err(obstacle) if obstacle.is_theirs() => {
                    tracing::debug!("{}: run {run}: {obstacle}", self.name());
                    None
                }
                Err(obstacle) => return Err(obstacle),
            };
            models.push((run, model));
        }
        models.sort_unstable_by_key(|(run, _)| *run);
        let whole = models.iter().all(|(_, model)| model.is_some());
        let material = Material {
            spec,
            held_out,
            models,
        };
        Ok(match whole {
            true => Gathered::Whole(material),
            false => Gathered::Part(material),
        })
    }

    async fn answer(
        &self,
        material: Material,
        in_time: impl FnOnce() -> bool + Send,
    ) -> Option<EvaluationVote> {
        let machine = self.machine.clone();
        let work = move || score(&machine, material);
        match self.machine.vote(in_time, work).await? {
            Ok(scores) => Some(EvaluationVote::Scores(scores.try_into().ok()?)),
            Err(reason) => {
                let name = self.name();
                tracing::error!("{name}: this machine cannot score it: {reason}");
                None
            }
        }
    }

    fn commit(&self, digest: Hash) -> Call {
        Call::CommitScores {
            task: self.id,
            digest,
        }
    }

    fn reveal(&self, vote: EvaluationVote, salt: Hash) -> Call {
        Call::RevealScores {
            task: self.id,
            vote,
            salt,
        }
    }
}

/// Right answers of every model; none of one that is not there.
fn score(machine: &Machine, material: Material) -> Result<Vec<Score>, BackendError> {
    let Material {
        spec,
        held_out,
        models,
    } = material;
    // only answers are wanted, so the held-out rows may stand for those trained on, which are not needed
    let spec = TaskSpec {
        dataset: held_out.commitment(),
        ..spec
    };
    models
        .into_iter()
        .map(|(run, state)| {
            let Some(state) = state else {
                return Ok(Score { run, correct: 0 });
            };
            let (seed, dataset) = (Hash::default(), held_out.clone());
            let mut model = machine.hardware.begin(&spec, seed, dataset, state)?;
            let correct = model.accuracy(&held_out)?.correct;
            let correct = u32::try_from(correct).unwrap_or(u32::MAX);
            Ok(Score { run, correct })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use quern_client::{BallotInfo, Order};

    use super::*;
    use crate::{
        backend::Isa,
        chain::double::{ACCOUNT, Double as ChainDouble},
        journal::Journal,
        shelf::{double::Double, publish_dataset, publish_state},
        vote::vote,
        world::{STEPS, data, held_out, spec, states},
    };

    const TASK: TaskId = 6;

    pub(crate) fn order() -> Order {
        Order {
            name: Default::default(),
            spec: spec(),
            held_out: held_out().commitment(),
            steps: STEPS,
            workers: 3,
            evaluators: 1,
            target: 500_000,
            deadline: 1000,
            gpu: false,
            contact: b"client".to_vec().try_into().unwrap(),
        }
    }

    fn miner(run: RunId, accepted: u64, root: Hash) -> MinerInfo {
        MinerInfo {
            ticket: run + 10,
            owner: [run as u8; 32],
            run: Some(run),
            accepted,
            macs: 0,
            state_root: Some(root),
            due: 0,
        }
    }

    /// A task whose runs 9 and 4 have ended, and run 5 has not.
    fn task() -> TaskInfo {
        TaskInfo {
            id: TASK,
            client: Some([1; 32]),
            spec: spec(),
            order: Some(order()),
            fee: 1,
            stage: TaskStage::Evaluating,
            submitted: 0,
            deadline: 1000,
            miners: vec![
                miner(9, STEPS, states(STEPS)[STEPS as usize].root()),
                miner(5, 4, states(4)[4].root()),
                miner(4, STEPS, final_state_of_4().root()),
            ],
            supervisor: None,
            evaluation: Some(BallotInfo {
                seats: vec![SeatInfo {
                    ticket: 4,
                    voter: ACCOUNT,
                    segments: Vec::new(),
                    committed: true,
                    revealed: false,
                }],
                commit_until: 40,
                reveal_until: 60,
                reveals: true,
            }),
            best: None,
        }
    }

    /// Another state that claims to be after the last step.
    fn final_state_of_4() -> State {
        State {
            step: STEPS,
            ..states(3)[3].clone()
        }
    }

    fn right(state: &State) -> u32 {
        let rows = held_out();
        let answers = state.predict(rows.x()).unwrap();
        answers.iter().zip(rows.y()).filter(|(a, b)| a == b).count() as u32
    }

    /// The vote of an evaluator to whom the client serves these rows and the miners these models.
    async fn evaluate(rows: &Dataset, serve: &[State]) -> EvaluationVote {
        let (chain, shelf) = (ChainDouble::new(10), Double::default());
        let mut undecided = task();
        undecided.evaluation.as_mut().unwrap().seats[0].committed = false;
        chain.world.lock().unwrap().tasks = vec![undecided];
        publish_dataset(&shelf, rows).await.unwrap();
        for state in serve {
            publish_state(&shelf, state).await.unwrap();
        }
        let evaluation = Evaluation {
            library: Library::new(shelf.clone(), Some(Arc::new(data()))),
            machine: Machine::new(1, Isa::detect()),
            chain: chain.clone(),
            shelf,
            id: TASK,
        };
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path().to_owned()).unwrap();
        let voter = {
            let chain = chain.clone();
            tokio::spawn(async move { vote(&chain, &journal, &evaluation).await })
        };
        if serve.len() < 2 {
            chain.pass(27).await;
        }
        assert!(matches!(chain.called().await, Call::CommitScores { .. }));
        chain.block(|world| world.tasks = vec![task()]);
        // a digest that is not on chain yet is sent again with every block
        let vote = loop {
            if let Call::RevealScores {
                vote, task: TASK, ..
            } = chain.called().await
            {
                break vote;
            }
        };
        voter.abort();
        vote
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_finished_run_is_scored_as_the_plain_code_answers() {
        let models = [states(STEPS)[STEPS as usize].clone(), final_state_of_4()];
        let EvaluationVote::Scores(scores) = evaluate(&held_out(), &models).await else {
            panic!("not scored")
        };
        let expected = [(4, right(&models[1])), (9, right(&models[0]))];
        let found: Vec<_> = scores.iter().map(|s| (s.run, s.correct)).collect();
        assert_eq!(found, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_model_that_is_not_served_has_no_right_answers_and_the_others_have_theirs() {
        let served = final_state_of_4();
        let EvaluationVote::Scores(scores) =
            evaluate(&held_out(), std::slice::from_ref(&served)).await
        else {
            panic!("not scored")
        };
        let found: Vec<_> = scores.iter().map(|s| (s.run, s.correct)).collect();
        assert_eq!(found, [(4, right(&served)), (9, 0)]);
        assert_ne!(right(&served), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn held_out_rows_that_are_not_served_are_said_so() {
        assert_eq!(evaluate(&data(), &[]).await, EvaluationVote::NotServed);
    }
}
