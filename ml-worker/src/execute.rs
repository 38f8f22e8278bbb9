//! Exact re-execution: what a segment gives, from the state at its start.

use std::sync::Arc;

use quern_client::{SegmentResult, TaskSpec};
use quern_training::{Dataset, State};
use quern_work::Hash;
use tokio::sync::Semaphore;

use crate::{
    backend::{BackendError, Hardware, Isa, Run},
    trace::Trace,
};

/// What this machine gives to executing.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What it trains and executes with.
    pub hardware: Hardware,
    /// One execution for votes at a time.
    votes: Arc<Semaphore>,
    /// One execution for the own claims at a time: others wait for what they take.
    claims: Arc<Semaphore>,
}

impl Machine {
    /// A machine of this many threads and these instructions.
    pub fn new(threads: usize, isa: Isa) -> Self {
        Self::of(Hardware::cpu(threads, isa))
    }

    /// A machine of this hardware.
    pub fn of(hardware: Hardware) -> Self {
        Self {
            hardware,
            votes: Arc::new(Semaphore::new(1)),
            claims: Arc::new(Semaphore::new(1)),
        }
    }

    /// Does long work for a vote when it is its turn, if it is in time then.
    pub async fn vote<T: Send + 'static>(
        &self,
        in_time: impl FnOnce() -> bool + Send,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _turn = self.votes.acquire().await;
        if !in_time() {
            return None;
        }
        Some(away(work).await)
    }

    /// Does long work for a claim of this worker's own when it is its turn, whatever votes are worked on.
    pub async fn own<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _turn = self.claims.acquire().await;
        away(work).await
    }
}

/// Does long work away from the runtime's own threads.
pub(crate) async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()))
}

/// What executing one segment gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What a claim says of it.
    pub result: SegmentResult,
    /// The weights roots that its steps began with.
    pub weights_roots: Vec<Hash>,
}

/// Executes segments of one run.
pub struct Executor {
    run: Run,
    segment: u32,
}

impl Executor {
    /// An executor that stands at `state`.
    ///
    /// # Errors
    /// If machine, data, state or task do not fit.
    pub fn new(
        machine: &Machine,
        spec: &TaskSpec,
        seed: Hash,
        dataset: Arc<Dataset>,
        state: State,
    ) -> Result<Self, BackendError> {
        let run = machine.hardware.begin(spec, seed, dataset, state)?;
        Ok(Self {
            run,
            segment: spec.segment,
        })
    }

    /// Executes the segment that begins with `start`.
    ///
    /// # Errors
    /// [`BackendError::State`] if it is no state of this task's network, [`BackendError::Exhausted`], [`BackendError::Device`].
    pub fn segment(&mut self, start: &State) -> Result<Segment, BackendError> {
        self.run.restore(start)?;
        let mut trace = Trace::new(self.segment, start.step, start.root());
        let mut weights_roots = Vec::new();
        loop {
            let root = self.run.weights_root()?;
            weights_roots.push(root);
            if trace.push(root, self.run.step(None)?.correct) {
                break;
            }
        }
        let result = trace.close(self.run.state()?.root());
        Ok(Segment {
            result,
            weights_roots,
        })
    }

    /// The state after `step` steps, trained from an earlier one of this run.
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    pub fn forward(&mut self, from: &State, step: u64) -> Result<State, BackendError> {
        // states are exact: after equally many steps they are equal
        if self.run.step_number() != from.step {
            self.run.restore(from)?;
        }
        while self.run.step_number() < step {
            self.run.step(None)?;
        }
        self.run.state()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{SEED, STEPS, data, results, spec, states, weights};

    #[tokio::test]
    async fn votes_wait_for_each_other_and_claims_for_no_vote() {
        let machine = Machine::new(1, Isa::detect());
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let first = machine.vote(|| true, move || gate.recv().is_err());
        let others = async {
            let second = machine.vote(|| true, || ());
            let short = std::time::Duration::from_millis(50);
            assert!(tokio::time::timeout(short, second).await.is_err());
            let long = std::time::Duration::from_secs(10);
            let own = tokio::time::timeout(long, machine.own(|| ())).await;
            drop(open);
            assert!(own.is_ok());
        };
        let (first, ()) = tokio::join!(first, others);
        assert_eq!(first, Some(true));
    }

    #[tokio::test]
    async fn a_vote_whose_time_is_over_when_its_turn_comes_is_not_executed() {
        let machine = Machine::new(1, Isa::detect());
        assert_eq!(machine.vote(|| false, || ()).await, None);
        assert_eq!(machine.vote(|| true, || ()).await, Some(()));
    }

    #[test]
    fn every_segment_is_executed_to_the_bit() {
        let machine = Machine::new(1, Isa::detect());
        let data = Arc::new(data());
        let start = states(0)[0].clone();
        let mut executor = Executor::new(&machine, &spec(), SEED, data, start).unwrap();
        // in no order: each follows from its own start
        for index in [2, 0, 1] {
            let first = index * 4;
            let done = executor.segment(&states(STEPS)[first]).unwrap();
            assert_eq!(done.result, results()[index]);
            let roots: Vec<Hash> = (first..first + 4).map(|s| weights(s as u64)).collect();
            assert_eq!(done.weights_roots, roots);
        }
        // from where it stands, and from elsewhere
        for (from, to) in [(8, 11), (11, 12), (2, 3)] {
            let state = executor.forward(&states(STEPS)[from], to as u64).unwrap();
            assert_eq!(state, states(STEPS)[to]);
        }
    }
}
