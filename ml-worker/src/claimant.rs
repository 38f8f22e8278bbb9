//! The claims of one run, applied: what is decided about them is said to the chain, and what their audits take is served.
//!
//! What counts as served has been published: what could not be is tried again, and what an author must serve from its commitment on
//! is published before there is one.

use std::{collections::BTreeSet, sync::Arc};

use quern_client::{AuditId, Call, Claim, Run, SegmentResult};
use quern_training::{Dataset, State};
use quern_work::Hash;
use tokio::sync::mpsc;

use crate::{
    WorkerError,
    chain::{Chain, Patience, SETTLED, Settled, say},
    checkpoint::Store,
    claim::{Move, Record, Scene, next},
    display::Gauges,
    execute::{Executor, Machine, away},
    journal::{Journal, JournalError},
    keeper::Final,
    shelf::{Shelf, ShelfError, publish_hashes, publish_state},
    trace::{SharedTrace, digests, starts},
    vote::salt,
};

/// Beginning of the names of a run's claims in the journal, which end with the step that the claim begins with.
fn names(owner: &str) -> String {
    format!("claim-{owner}")
}

/// Forgets the claims of the owners whose names begin so, and serves them no longer.
///
/// # Errors
/// When a claim cannot be read.
pub async fn forget<S: Shelf>(
    journal: &Journal,
    shelf: &S,
    owner: &str,
) -> Result<(), JournalError> {
    forget_those(journal, shelf, owner, |_| true)
        .await
        .map(drop)
}

/// Forgets those of the claims that are unwanted, and gives them.
async fn forget_those<S: Shelf>(
    journal: &Journal,
    shelf: &S,
    owner: &str,
    unwanted: impl Fn(&Claim) -> bool,
) -> Result<Vec<Claim>, JournalError> {
    let mut forgotten = Vec::new();
    for name in journal.names(&names(owner)) {
        let record: Option<Record> = journal.get(&name)?;
        if let Some(record) = record.filter(|record| unwanted(&record.claim)) {
            for root in &record.served {
                shelf.unpin(root).await;
            }
            journal.remove(&name);
            forgotten.push(record.claim);
        }
    }
    Ok(forgotten)
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
    /// The owner's name.
    owner: String,
    settled: Settled,
    /// The block since which no claim is under way.
    idle_since: Option<u32>,
    /// The block since which the claim under way is refused.
    refused_since: Option<u32>,
    patience: Patience,
    /// When to try again to serve what could not be.
    serving: Patience,
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
            owner: store.owner().name(),
            store,
            trace,
            dataset,
            settled: Settled::default(),
            idle_since: None,
            refused_since: None,
            patience: Patience::default(),
            serving: Patience::default(),
        }
    }

    /// Whether the run that the chain shows is the one claimed for.
    pub fn is_for(&self, run: &Run) -> bool {
        self.store.owner().is(run)
    }

    /// Forgets all about the run's claims.
    ///
    /// # Errors
    /// When the journal cannot be kept.
    pub async fn give_up(self) -> Result<(), JournalError> {
        forget(&self.journal, &self.shelf, &self.owner).await
    }

    /// Decides, and applies the decision, at the best block `height`. Says whether all steps are accepted for good.
    ///
    /// # Errors
    /// When the journal cannot be kept: without it no claim is safe.
    pub async fn turn(
        &mut self,
        run: &Run,
        max_ahead: u64,
        height: u32,
    ) -> Result<bool, JournalError> {
        let settled = self.settled.of(run.accepted, height);
        for claim in self.forget_those(|claim| claim.from < settled).await? {
            let Claim { from, to, .. } = claim;
            tracing::info!("run {}: steps {from} to {to} are accepted", run.id);
            self.gauges.update(|progress| progress.claims += 1);
        }
        self.claim(run, max_ahead, height).await?;
        Ok(run.steps.is_some_and(|steps| settled >= steps))
    }

    /// Decides about the claim that begins with the accepted step, and applies the decision.
    async fn claim(&mut self, run: &Run, max_ahead: u64, height: u32) -> Result<(), JournalError> {
        let record: Option<Record> = self.journal.get(&self.name(run.accepted))?;
        let commitment = record
            .as_ref()
            .map(|record| record.claim.commitment(&self.chain.account(), &record.salt));
        if record.is_some() {
            self.idle_since = Some(height);
        }
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
        if decided != Move::Refused {
            self.refused_since = None;
        }
        let speaks = matches!(decided, Move::Make(_) | Move::Commit | Move::Reveal);
        if speaks && !self.patience.is_over(height) {
            return Ok(());
        }
        match (decided, record) {
            (Move::Make(to), _) => {
                match self.make(run, to).await? {
                    Some(record) => self.commit(&record, height).await,
                    None => self.patience.wait(height),
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
            (Move::Serve(audit), record) => {
                if self.serving.is_over(height) && !self.serve(run, audit, record).await? {
                    self.serving.wait(height);
                }
                Ok(())
            }
            (Move::Refused, Some(record)) => {
                let since = *self.refused_since.get_or_insert(height);
                if height < since.saturating_add(SETTLED) {
                    return Ok(());
                }
                tracing::warn!(
                    "run {}: steps {} to {} are not accepted; training goes on from step {}",
                    run.id,
                    record.claim.from,
                    record.claim.to,
                    run.accepted
                );
                self.trace.lock().truncate(run.accepted);
                let last = record.claim.state_root;
                self.shelf.unpin(&last).await;
                Final::strike(&self.journal, run.id, &last)?;
                self.forget_those(|claim| claim.from >= run.accepted)
                    .await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Serves what must be served of a claim, then decides on it. None if its steps are not recorded or it cannot be served: then
    /// there is no claim.
    async fn make(&self, run: &Run, to: u64) -> Result<Option<Record>, JournalError> {
        let made = {
            let trace = self.trace.lock();
            // what begins with another state than the chain's is no claim on this run
            let begins = run.state_root.or(trace.root_at(run.accepted));
            let claim = trace.claim(run.id, run.accepted, to);
            let claim = claim.filter(|_| begins == trace.root_at(run.accepted));
            claim.zip(trace.between(run.accepted, to).map(<[_]>::to_vec))
        };
        let Some((claim, results)) = made else {
            return Ok(None);
        };
        let mut record = Record {
            served: Vec::new(),
            claim,
            salt: salt(),
            audit: None,
        };
        let mut all = self.serve_lists(&mut record, &results).await;
        if run.steps == Some(to) {
            Final::note(&self.journal, run, record.claim.state_root)?;
            all &= !self.publish(vec![to]).await.is_empty();
        }
        if !all {
            return Ok(None);
        }
        self.journal.put(&self.name(run.accepted), &record)?;
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

    /// Serves the starts of the segments that the audit's verifiers drew, the claim's lists, and the run's last state if the claim
    /// ends with it. Whether all of it is served.
    async fn serve(
        &self,
        run: &Run,
        id: AuditId,
        record: Option<Record>,
    ) -> Result<bool, JournalError> {
        let audit = match self.chain.audit(id).await {
            Ok(Some(audit)) => audit,
            Ok(None) => return Ok(true),
            Err(error) => {
                tracing::debug!("audit {id}: {error}");
                return Ok(true);
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
            tracing::warn!(
                "run {}: cannot serve steps {} to {} before they are trained again",
                claim.run,
                claim.from,
                claim.to
            );
            return Ok(false);
        };
        let before = (record.audit, record.served.len());
        record.audit = Some(id);
        let mut all = self.serve_lists(&mut record, &results).await;
        let seats = audit.ballot.into_iter().flat_map(|ballot| ballot.seats);
        let drawn: BTreeSet<u32> = seats.flat_map(|seat| seat.segments).collect();
        let missing = |record: &Record| -> Vec<u64> {
            let is_missing = |index: &&u32| {
                let start = results.get(**index as usize);
                start.is_some_and(|start| !self.serves(record, &start.start_root))
            };
            let segment = u64::from(audit.spec.segment);
            let step = |index: &u32| claim.from + u64::from(*index) * segment;
            drawn.iter().filter(is_missing).map(step).collect()
        };
        let wanted = missing(&record);
        if !wanted.is_empty() {
            for root in self.publish(wanted).await {
                record.note(root);
            }
            all &= missing(&record).is_empty();
        }
        if run.steps == Some(claim.to) && !self.shelf.has(&claim.state_root) {
            all &= !self.publish(vec![claim.to]).await.is_empty();
        }
        // only now: a worker that is killed on the way serves all of it again
        if before != (record.audit, record.served.len()) {
            self.journal.put(&self.name(claim.from), &record)?;
        }
        Ok(all)
    }

    /// Whether this is served for the claim's sake, and was not lost with a disk's last writes.
    fn serves(&self, record: &Record, root: &Hash) -> bool {
        record.served.contains(root) && self.shelf.has(root)
    }

    /// The journal's name of the claim that begins with this step.
    fn name(&self, from: u64) -> String {
        format!("{}-{from}", names(&self.owner))
    }

    async fn forget_those(
        &self,
        unwanted: impl Fn(&Claim) -> bool,
    ) -> Result<Vec<Claim>, JournalError> {
        forget_those(&self.journal, &self.shelf, &self.owner, unwanted).await
    }

    /// Serves those of a claim's lists that are not served yet. Whether both are.
    async fn serve_lists(&self, record: &mut Record, results: &[SegmentResult]) -> bool {
        let lists = [
            (record.claim.trace_root, digests(results)),
            (record.claim.starts_root, starts(results)),
        ];
        let mut all = true;
        for (root, list) in lists {
            if self.serves(record, &root) {
                continue;
            }
            match self.said(publish_hashes(&self.shelf, &list).await) {
                Some(_) => record.note(root),
                None => all = false,
            }
        }
        all
    }

    /// Serves the states after so many steps, which ascend. Gives the roots of those that are served.
    async fn publish(&self, steps: Vec<u64>) -> Vec<Hash> {
        let run = self.store.owner().run;
        // one state at a time: the next is read or trained when the last is published
        let (give, mut states) = mpsc::channel(1);
        let find = async move {
            let (store, taker) = (self.store.clone(), give.clone());
            // what is kept waits for no execution
            let read = away(move || {
                let give = |state| taker.blocking_send(state).is_ok();
                kept(&store, steps, give)
            });
            let missing = read.await;
            if missing.is_empty() {
                return;
            }
            let (store, machine) = (self.store.clone(), self.machine.clone());
            let dataset = self.dataset.clone();
            let train = self.machine.own(move || {
                let give = |state| give.blocking_send(state).is_ok();
                states_at(&store, &machine, &dataset, &missing, give)
            });
            if let Err(reason) = train.await {
                tracing::error!(
                    "run {run}: this machine cannot train what is to be served: {reason}"
                );
            }
        };
        let publish = async {
            let mut served = Vec::new();
            while let Some(state) = states.recv().await {
                let published = publish_state(&self.shelf, &state).await;
                served.extend(self.said(published).map(|blob| blob.root));
            }
            served
        };
        tokio::join!(find, publish).1
    }

    /// What cannot be served is said, and tried again.
    fn said<T>(&self, published: Result<T, ShelfError>) -> Option<T> {
        let said = |error| tracing::warn!("run {}: cannot serve: {error}", self.store.owner().run);
        published.map_err(said).ok()
    }
}

/// Gives those of the states after so many steps that are kept, and returns the other steps.
fn kept(store: &Store, steps: Vec<u64>, mut give: impl FnMut(Arc<State>) -> bool) -> Vec<u64> {
    let is_missing = |step: &u64| {
        let state = store.newest(|kept| kept == *step);
        state.is_none_or(|state| !give(Arc::new(state)))
    };
    let mut steps = steps;
    steps.retain(is_missing);
    steps
}

/// Gives the states after so many steps, which ascend, for as long as they are taken. Each is a kept one, or trained from the nearest
/// before it: a kept one, or the one given last.
fn states_at(
    store: &Store,
    machine: &Machine,
    dataset: &Arc<Dataset>,
    steps: &[u64],
    mut give: impl FnMut(Arc<State>) -> bool,
) -> Result<(), WorkerError> {
    let owner = store.owner();
    let mut last: Option<Arc<State>> = None;
    let mut executor: Option<Executor> = None;
    for &step in steps {
        let nearer = last.as_ref().map_or(0, |last| last.step + 1);
        let nearest = match (store.newest(|kept| (nearer..=step).contains(&kept)), last) {
            (Some(kept), _) => Arc::new(kept),
            (None, Some(last)) => last,
            (None, None) => Arc::new(State::initial(&owner.spec.sizes(), &owner.seed)?),
        };
        let state = if nearest.step == step {
            nearest
        } else {
            let executor = match &mut executor {
                Some(executor) => executor,
                none => none.insert(Executor::new(
                    machine,
                    &owner.spec,
                    owner.seed,
                    dataset.clone(),
                    State::clone(&nearest),
                )?),
            };
            Arc::new(executor.forward(&nearest, step)?)
        };
        if !give(state.clone()) {
            break;
        }
        last = Some(state);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

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
            store.save(&states(4)[4]).unwrap();
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
        let mut claimant = scene.claimant();
        for (height, is_over) in [(60, false), (61, false), (60 + SETTLED, true)] {
            let done = claimant.turn(&scene.run, 1000, height).await.unwrap();
            assert_eq!(done, is_over);
            assert!((0..3).all(|index| scene.serves(start(index)) != is_over));
        }
        let claim = trace().claim(2, 0, STEPS).unwrap();
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
        let mut claimant = scene.claimant();
        for (height, known) in [(60, STEPS), (61, STEPS), (60 + SETTLED, 0)] {
            claimant.turn(&scene.run, 1000, height).await.unwrap();
            assert_eq!(scene.trace.lock().next(), known);
        }
        assert!(scene.journal.names("claim-").is_empty());
        let last: Final = scene.journal.get("final-2").unwrap().unwrap();
        assert!(last.roots.is_empty() && !scene.serves(results()[2].state_root));
        // and only what was trained again is claimed again
        assert_eq!(scene.turn().await, None);
        *scene.trace.lock() = trace();
        assert!(matches!(scene.turn().await, Some(Call::CommitClaim { .. })));
    }

    #[tokio::test]
    async fn what_the_chain_takes_back_is_gone_on_with() {
        let mut scene = Scene::new();
        let Some(Call::CommitClaim { commitment, .. }) = scene.turn().await else {
            panic!("not committed")
        };
        let revealed = PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        };
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[2])];
        let mut claimant = scene.claimant();
        let blocks = [
            (Some(revealed.clone()), 0),
            // refused, then accepted
            (None, 0),
            (Some(revealed), 0),
            (None, STEPS),
        ];
        for (height, (pending, accepted)) in (51..).zip(blocks) {
            (scene.run.pending, scene.run.accepted) = (pending, accepted);
            claimant.turn(&scene.run, 1000, height).await.unwrap();
        }
        (scene.run.pending, scene.run.accepted) =
            (Some(PendingClaim::Committed { commitment, at: 50 }), 0);
        claimant.turn(&scene.run, 1000, 55).await.unwrap();
        let said = scene.chain.world.lock().unwrap().calls.pop();
        let Some(Call::RevealClaim { claim, salt }) = said else {
            panic!("not revealed")
        };
        assert_eq!(claim.commitment(&ACCOUNT, &salt), commitment);
        assert!(scene.serves(claim.trace_root) && scene.serves(results()[2].start_root));
    }

    #[tokio::test]
    async fn what_a_disk_lost_is_served_again() {
        let mut scene = Scene::new();
        scene.turn().await;
        scene.run.pending = Some(PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        });
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[2])];
        scene.turn().await;
        scene.shelf.blobs.lock().unwrap().clear();
        scene.turn().await;
        let claim = trace().claim(2, 0, STEPS).unwrap();
        let start = results()[2].start_root;
        for root in [claim.trace_root, claim.starts_root, claim.state_root, start] {
            assert!(scene.serves(root));
        }
    }

    #[tokio::test]
    async fn a_kept_state_waits_for_no_execution() {
        let mut scene = Scene::new();
        scene.run.pending = Some(PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        });
        scene.store.save(&states(STEPS)[STEPS as usize]).unwrap();
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[1])];
        let mut claimant = scene.claimant();
        let machine = claimant.machine.clone();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let busy = machine.own(move || gate.recv().is_err());
        let serve = async {
            let long = std::time::Duration::from_secs(10);
            let turn = claimant.turn(&scene.run, 1000, 51);
            let served = tokio::time::timeout(long, turn).await;
            drop(open);
            assert!(served.is_ok());
        };
        tokio::join!(busy, serve);
        assert!(scene.serves(results()[1].start_root));
    }

    #[tokio::test]
    async fn nothing_is_claimed_that_begins_with_another_state_than_the_chains() {
        let mut scene = Scene::new();
        scene.run.state_root = Some([9; 32]);
        assert_eq!(scene.turn().await, None);
        scene.run.state_root = Some(states(0)[0].root());
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
    async fn nothing_is_committed_to_before_it_is_served() {
        let scene = Scene::new();
        scene.shelf.full.store(true, Ordering::Relaxed);
        assert_eq!(scene.turn().await, None);
        assert!(scene.journal.names("claim-").is_empty());
        // and a worker that ends there begins anew
        scene.shelf.full.store(false, Ordering::Relaxed);
        assert!(matches!(scene.turn().await, Some(Call::CommitClaim { .. })));
        assert!(scene.serves(results()[2].state_root));
    }

    #[tokio::test]
    async fn what_could_not_be_served_is_tried_again() {
        let mut scene = Scene::new();
        scene.turn().await;
        scene.run.pending = Some(PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        });
        scene.chain.world.lock().unwrap().audits = vec![scene.audited(&[1, 2])];
        scene.shelf.full.store(true, Ordering::Relaxed);
        let mut claimant = scene.claimant();
        claimant.turn(&scene.run, 1000, 50).await.unwrap();
        assert!(!scene.serves(results()[1].start_root));
        scene.shelf.full.store(false, Ordering::Relaxed);
        // not with every block: what is not kept is trained each time
        claimant.turn(&scene.run, 1000, 54).await.unwrap();
        assert!(!scene.serves(results()[1].start_root));
        claimant.turn(&scene.run, 1000, 55).await.unwrap();
        assert!((1..3).all(|index| scene.serves(results()[index].start_root)));
    }

    #[test]
    fn states_are_given_in_turn_each_from_the_nearest_before_it() {
        let scene = Scene::new();
        let machine = Machine::new(1, Isa::detect());
        let all: Vec<u64> = (0..=STEPS).collect();
        for steps in [&[0, 4, 8][..], &[2, 3], &[9], &[], &all] {
            let mut given = Vec::new();
            let give = |state| {
                given.push(state);
                true
            };
            states_at(&scene.store, &machine, &Arc::new(data()), steps, give).unwrap();
            let given: Vec<u64> = given
                .iter()
                .inspect(|state| assert_eq!(***state, states(STEPS)[state.step as usize]))
                .map(|state: &Arc<State>| state.step)
                .collect();
            assert_eq!(given, steps);
        }
    }

    #[tokio::test]
    async fn nothing_is_claimed_before_it_is_trained() {
        let scene = Scene::new();
        *scene.trace.lock() = Trace::new(SEGMENT, 0, states(0)[0].root());
        assert_eq!(scene.turn().await, None);
        assert!(scene.journal.names("").is_empty());
    }
}
