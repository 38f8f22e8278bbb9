//! The claims of one run, applied: what is decided about them is said to the chain, and what their audits take is served.

use std::{collections::BTreeSet, sync::Arc};

use quern_client::{AuditId, Call, Run, TaskId};
use quern_training::{Dataset, State};
use quern_work::Hash;
use serde::{Deserialize, Serialize};

use crate::{
    WorkerError,
    chain::{Chain, Patience, say},
    checkpoint::Store,
    claim::{Move, Record, Scene, next},
    display::Gauges,
    execute::{Executor, Machine},
    journal::Journal,
    shelf::{Shelf, ShelfError, publish_hashes, publish_state},
    trace::{SharedTrace, digests, starts},
    vote::salt,
};

/// The last state of a run of a paid task, which is served beyond the run's audits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Final {
    /// The task.
    pub task: TaskId,
    /// The run.
    pub run: u64,
    /// What is served.
    pub roots: Vec<Hash>,
    /// Block until which it is served; none while the task is under way.
    pub until: Option<u32>,
}

impl Final {
    /// Beginning of the names of all such entries.
    pub const NAMES: &str = "final-";

    /// The entry's name.
    pub fn name(run: u64) -> String {
        format!("{}{run}", Self::NAMES)
    }
}

/// Whoever claims for one run.
pub struct Claimant<C, S> {
    chain: C,
    shelf: S,
    machine: Machine,
    journal: Journal,
    gauges: Gauges,
    store: Arc<Store>,
    trace: SharedTrace,
    dataset: Arc<Dataset>,
    /// The block since which no claim is under way.
    idle_since: Option<u32>,
    patience: Patience,
}

impl<C: Chain, S: Shelf> Claimant<C, S> {
    /// A claimant for the run that `store` keeps and whose training fills `trace`.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        chain: C,
        shelf: S,
        machine: Machine,
        journal: Journal,
        gauges: Gauges,
        store: Arc<Store>,
        trace: SharedTrace,
        dataset: Arc<Dataset>,
    ) -> Self {
        Self {
            chain,
            shelf,
            machine,
            journal,
            gauges,
            store,
            trace,
            dataset,
            idle_since: None,
            patience: Patience::default(),
        }
    }

    fn name(&self) -> String {
        format!("claim-{}", self.store.owner().run)
    }

    /// Decides, and applies the decision, at the best block `height`.
    ///
    /// # Errors
    /// When the journal cannot be kept: without it no claim is safe.
    pub async fn turn(
        &mut self,
        run: &Run,
        max_ahead: u64,
        height: u32,
    ) -> Result<(), WorkerError> {
        let name = self.name();
        let record: Option<Record> = self.journal.get(&name)?;
        let commitment = record
            .as_ref()
            .map(|record| record.claim.commitment(&self.chain.account(), &record.salt));
        let idle_since = *self.idle_since.get_or_insert(height);
        let scene = Scene {
            run,
            max_ahead,
            height,
            whole: self.trace.lock().whole(),
            idle_since,
            commitment,
        };
        let decided = next(record.as_ref(), &scene);
        let speaks = matches!(decided, Move::Make(_) | Move::Commit | Move::Reveal);
        if speaks && !self.patience.is_over(height) {
            return Ok(());
        }
        match (decided, record) {
            (Move::Make(to), old) => {
                self.forget(old).await;
                if let Some(record) = self.make(run, to).await? {
                    self.commit(&record, height).await;
                }
                Ok(())
            }
            (Move::Commit, Some(record)) => {
                self.commit(&record, height).await;
                Ok(())
            }
            (Move::Reveal, Some(record)) => {
                let Record { claim, salt, .. } = record;
                let said = say(&self.chain, Call::RevealClaim { claim, salt }).await;
                self.patience.learn(&said, height);
                Ok(())
            }
            (Move::Serve(audit), record) => self.serve(audit, record).await,
            (Move::Accepted, Some(record)) => {
                tracing::info!(
                    "run {}: steps {} to {} are accepted",
                    run.id,
                    record.claim.from,
                    record.claim.to
                );
                self.gauges.update(|progress| progress.claims += 1);
                self.forget(Some(record)).await;
                self.idle_since = Some(height);
                Ok(())
            }
            (Move::Refused, Some(record)) => {
                tracing::warn!(
                    "run {}: steps {} to {} are not accepted; training goes on from step {}",
                    run.id,
                    record.claim.from,
                    record.claim.to,
                    run.accepted
                );
                self.trace.lock().truncate(run.accepted);
                self.shelf.unpin(&record.claim.state_root).await;
                self.forget(Some(record)).await;
                self.journal.remove(&Final::name(run.id));
                self.idle_since = Some(height);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Decides on a claim and serves its lists. None if its steps are not recorded.
    async fn make(&self, run: &Run, to: u64) -> Result<Option<Record>, WorkerError> {
        let made = {
            let trace = self.trace.lock();
            let claim = trace.claim(run.id, run.accepted, to);
            claim.zip(trace.between(run.accepted, to).map(<[_]>::to_vec))
        };
        let Some((claim, results)) = made else {
            return Ok(None);
        };
        let record = Record {
            served: vec![claim.trace_root, claim.starts_root],
            claim,
            salt: salt(),
            audit: None,
        };
        self.journal.put(&self.name(), &record)?;
        self.said(publish_hashes(&self.shelf, &digests(&results)).await);
        self.said(publish_hashes(&self.shelf, &starts(&results)).await);
        if run.steps == Some(to) {
            let last = Final {
                task: run.task,
                run: run.id,
                roots: vec![record.claim.state_root, run.spec.dataset.root],
                until: None,
            };
            self.journal.put(&Final::name(run.id), &last)?;
            self.publish(to).await?;
        }
        Ok(Some(record))
    }

    async fn commit(&mut self, record: &Record, height: u32) {
        let account = self.chain.account();
        let call = Call::CommitClaim {
            run: record.claim.run,
            commitment: record.claim.commitment(&account, &record.salt),
        };
        let said = say(&self.chain, call).await;
        self.patience.learn(&said, height);
    }

    /// Serves the starts of the segments that the audit's verifiers drew, and the claim's lists.
    async fn serve(&self, id: AuditId, record: Option<Record>) -> Result<(), WorkerError> {
        let audit = match self.chain.audit(id).await {
            Ok(Some(audit)) => audit,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::debug!("audit {id}: {error}");
                return Ok(());
            }
        };
        let claim = audit.claim;
        // the claim of a journal that is lost is served all the same
        let mut record = record.unwrap_or(Record {
            served: Vec::new(),
            salt: Hash::default(),
            audit: None,
            claim: claim.clone(),
        });
        let results = self
            .trace
            .lock()
            .between(claim.from, claim.to)
            .map(<[_]>::to_vec);
        let Some(results) = results else {
            return Ok(());
        };
        let known = record.audit == Some(id);
        record.audit = Some(id);
        let seats = audit.ballot.into_iter().flat_map(|ballot| ballot.seats);
        let drawn: BTreeSet<u32> = seats.flat_map(|seat| seat.segments).collect();
        let mut wanted = Vec::new();
        for index in drawn {
            if let Some(result) = results.get(index as usize)
                && !record.served.contains(&result.start_root)
            {
                record.served.push(result.start_root);
                wanted.push(claim.from + u64::from(index) * u64::from(audit.spec.segment));
            }
        }
        for root in [claim.trace_root, claim.starts_root] {
            if !record.served.contains(&root) {
                record.served.push(root);
            }
        }
        if !known {
            self.said(publish_hashes(&self.shelf, &digests(&results)).await);
            self.said(publish_hashes(&self.shelf, &starts(&results)).await);
        }
        for step in &wanted {
            self.publish(*step).await?;
        }
        // only now: a worker that is killed on the way serves all of it again
        if !known || !wanted.is_empty() {
            self.journal.put(&self.name(), &record)?;
        }
        Ok(())
    }

    /// Serves the state after so many steps.
    async fn publish(&self, step: u64) -> Result<(), WorkerError> {
        let (store, machine) = (self.store.clone(), self.machine.clone());
        let dataset = self.dataset.clone();
        let state = self
            .machine
            .work(move || state_at(&store, &machine, dataset, step))
            .await?;
        self.said(publish_state(&self.shelf, &state).await);
        Ok(())
    }

    /// Forgets a claim and serves it no longer.
    async fn forget(&self, record: Option<Record>) {
        self.journal.remove(&self.name());
        for root in record.into_iter().flat_map(|record| record.served) {
            self.shelf.unpin(&root).await;
        }
    }

    /// What cannot be served is said; the audit will have to be lost, or the disk be emptied.
    fn said<T>(&self, published: Result<T, ShelfError>) {
        if let Err(error) = published {
            tracing::warn!("run {}: cannot serve: {error}", self.store.owner().run);
        }
    }
}

/// The state after so many steps: a kept one, or trained again from the nearest one before.
fn state_at(
    store: &Store,
    machine: &Machine,
    dataset: Arc<Dataset>,
    step: u64,
) -> Result<State, WorkerError> {
    let owner = store.owner();
    let nearest = match store.newest(|kept| kept <= step) {
        Some(state) => state,
        None => State::initial(&owner.spec.sizes(), &owner.seed)?,
    };
    if nearest.step == step {
        return Ok(nearest);
    }
    let mut executor = Executor::new(machine, &owner.spec, owner.seed, dataset, nearest)?;
    Ok(executor.forward(step)?)
}

#[cfg(test)]
mod tests {
    use quern_client::{AuditInfo, BallotInfo, PendingClaim, SeatInfo};

    use super::*;
    use crate::{
        backend::Isa,
        chain::double::{ACCOUNT, Double as ChainDouble},
        checkpoint::Owner,
        claim::tests::run,
        shelf::double::Double,
        trace::Trace,
        world::{SEED, SEGMENT, STEPS, data, results, spec, states, trace},
    };

    struct Scene {
        _folder: tempfile::TempDir,
        chain: ChainDouble,
        shelf: Double,
        journal: Journal,
        store: Arc<Store>,
        trace: SharedTrace,
        run: Run,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let owner = Owner {
                genesis: [1; 32],
                run: 2,
                seed: SEED,
                spec: spec(),
            };
            let store = Arc::new(Store::open(folder.path(), owner).unwrap());
            // not every start is kept: the others are trained again
            store.save(&states(4)[4], &trace()).unwrap();
            let mut paid = run(0, None);
            paid.steps = Some(STEPS);
            Self {
                journal: Journal::open(folder.path().join("journal")).unwrap(),
                chain: ChainDouble::new(50),
                shelf: Double::default(),
                trace: SharedTrace::new(trace()),
                store,
                run: paid,
                _folder: folder,
            }
        }

        /// A worker that has just started.
        fn claimant(&self) -> Claimant<ChainDouble, Double> {
            Claimant::new(
                self.chain.clone(),
                self.shelf.clone(),
                Machine::new(1, Isa::detect()),
                self.journal.clone(),
                Gauges::default(),
                self.store.clone(),
                self.trace.clone(),
                Arc::new(data()),
            )
        }

        /// One turn of a worker that has just started and is killed afterwards, and what it said.
        async fn turn(&self) -> Option<Call> {
            let height = *self.chain.height.borrow();
            self.claimant().turn(&self.run, 1000, height).await.unwrap();
            self.chain.world.lock().unwrap().calls.pop()
        }

        fn audited(&self, segments: &[u32]) -> AuditInfo {
            AuditInfo {
                id: 7,
                claim: trace().claim(2, 0, STEPS).unwrap(),
                task: 0,
                seed: SEED,
                spec: spec(),
                author: ACCOUNT,
                ticket: 3,
                sealed: Vec::new(),
                ballot: Some(BallotInfo {
                    seats: vec![SeatInfo {
                        ticket: 9,
                        voter: [1; 32],
                        segments: segments.to_vec(),
                        committed: false,
                        revealed: false,
                    }],
                    commit_until: 90,
                    reveal_until: 99,
                    reveals: false,
                }),
                redraws: 0,
            }
        }

        fn serves(&self, root: Hash) -> bool {
            self.shelf.blobs.lock().unwrap().contains_key(&root)
        }
    }

    #[tokio::test]
    async fn a_worker_killed_at_every_moment_reveals_what_it_committed_to() {
        let mut scene = Scene::new();
        let Some(Call::CommitClaim { run: 2, commitment }) = scene.turn().await else {
            panic!("not committed")
        };
        // the commitment was lost: the very same goes out again
        assert_eq!(
            scene.turn().await,
            Some(Call::CommitClaim { run: 2, commitment })
        );
        scene.run.pending = Some(PendingClaim::Committed { commitment, at: 50 });
        for _ in 0..2 {
            let Some(Call::RevealClaim { claim, salt }) = scene.turn().await else {
                panic!("not revealed")
            };
            assert_eq!(claim.commitment(&ACCOUNT, &salt), commitment);
            assert_eq!(Some(claim), trace().claim(2, 0, STEPS));
        }
    }

    #[tokio::test]
    async fn lists_and_the_final_state_are_served_from_the_commitment_on() {
        let scene = Scene::new();
        scene.turn().await;
        let claim = trace().claim(2, 0, STEPS).unwrap();
        for root in [claim.trace_root, claim.starts_root, claim.state_root] {
            assert!(scene.serves(root));
        }
        assert!(!scene.serves(results()[1].start_root));
        let last: Final = scene.journal.get("final-2").unwrap().unwrap();
        assert_eq!(last.roots[0], claim.state_root);
    }

    #[tokio::test]
    async fn drawn_starts_are_served_until_the_audit_has_ended() {
        let mut scene = Scene::new();
        scene.turn().await;
        scene.run.pending = Some(PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        });
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[2])];
        assert_eq!(scene.turn().await, None);
        let start = |index: usize| results()[index].start_root;
        assert!(scene.serves(start(2)) && !scene.serves(start(1)));
        // drawn anew
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[0, 1])];
        scene.turn().await;
        assert!((0..3).all(|index| scene.serves(start(index))));
        scene.run.pending = None;
        scene.run.accepted = STEPS;
        scene.turn().await;
        let claim = trace().claim(2, 0, STEPS).unwrap();
        assert!((0..3).all(|index| !scene.serves(start(index))));
        assert!(!scene.serves(claim.trace_root));
        assert!(scene.serves(claim.state_root), "the final state stays");
        assert!(scene.journal.names("claim-").is_empty());
    }

    #[tokio::test]
    async fn a_refused_claim_is_trained_again_from_the_accepted_step() {
        let mut scene = Scene::new();
        scene.turn().await;
        scene.run.pending = Some(PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        });
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[2])];
        scene.turn().await;
        scene.run.pending = None;
        scene.turn().await;
        assert_eq!(scene.trace.lock().next(), 0);
        assert!(scene.journal.names("").is_empty());
        // and only what was trained again is claimed again
        assert_eq!(scene.turn().await, None);
        *scene.trace.lock() = trace();
        assert!(matches!(scene.turn().await, Some(Call::CommitClaim { .. })));
    }

    #[tokio::test]
    async fn a_claim_whose_journal_is_lost_is_served_all_the_same() {
        let mut scene = Scene::new();
        scene.run.pending = Some(PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        });
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[1])];
        scene.turn().await;
        assert!(scene.serves(results()[1].start_root));
        assert!(scene.serves(trace().claim(2, 0, STEPS).unwrap().starts_root));
    }

    #[tokio::test]
    async fn nothing_is_claimed_before_it_is_trained() {
        let scene = Scene::new();
        *scene.trace.lock() = Trace::new(SEGMENT, 0, states(0)[0].root());
        assert_eq!(scene.turn().await, None);
        assert!(scene.journal.names("").is_empty());
    }
}
