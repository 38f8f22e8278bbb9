//! A miner's runs: opened when a task is assigned, brought to the trainer, claimed for, and kept beyond their end.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

use quern_client::{Duty, Error, Role, Run, TaskId, TicketId, TicketInfo, ss58};
use quern_training::{Dataset, State};
use quern_work::Hash;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use crate::{
    WorkerError,
    chain::{Chain, Patience, SETTLED, Settled, each_block, say},
    checkpoint::{Owner, Store},
    claimant::{self, Claimant},
    course::{Course, Show},
    data::Library,
    display::Gauges,
    execute::Machine,
    journal::{Journal, JournalError},
    keeper::{Final, Keeper},
    shelf::{Shelf, publish_dataset},
    trace::{SharedTrace, Trace},
};

/// Blocks after which a paid task's run that the chain does not show any more is taken for closed.
const GONE_AFTER: u32 = 256;

/// What a miner works with.
#[derive(Clone)]
pub struct Miner<C, S> {
    /// The chain.
    pub chain: C,
    /// Its genesis hash.
    pub genesis: Hash,
    /// Where blobs are served.
    pub shelf: S,
    /// Where data come from.
    pub library: Library<S>,
    /// The name of the data on this machine, for messages.
    pub data_name: String,
    /// What executes besides the trainer.
    pub machine: Machine,
    /// Where claims are kept.
    pub journal: Journal,
    /// Where states are kept.
    pub data_dir: PathBuf,
    /// What a person sees.
    pub gauges: Gauges,
    /// The trainer.
    pub courses: mpsc::Sender<Course>,
    /// Rows that commons models are shown on.
    pub show: Option<Show>,
    /// The only commons run to train, whose trouble ends the worker; none for all of the account's.
    pub only: Option<u64>,
    /// Whether to wait for a run where there is none, or none that can be trained.
    pub retry: bool,
}

/// Something a miner is at, in a task of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work {
    /// Opening a run of the task with the ticket.
    Open(TaskId, TicketId),
    /// Looking after the run of the owner with this name.
    Tend(String),
    /// Serving what runs left.
    Keep,
}

impl<C: Chain, S: Shelf> Miner<C, S> {
    /// Mines for as long as the worker runs.
    ///
    /// # Errors
    /// Whatever stands in the way of the run that was asked for, a full journal, and without [`Miner::retry`] whatever stands in the
    /// way of any run, or that there is none.
    pub async fn mine(self) -> Result<(), WorkerError> {
        let mut blocks = self.chain.blocks();
        let mut at_work = HashMap::<Work, AbortHandle>::new();
        // by their owners' names
        let (mut tended, mut done) = (HashSet::new(), HashMap::<String, Settled>::new());
        let mut warned = false;
        let mut ended = JoinSet::new();
        let keeper = Keeper {
            chain: self.chain.clone(),
            genesis: self.genesis,
            shelf: self.shelf.clone(),
            library: self.library.clone(),
            journal: self.journal.clone(),
            data_dir: self.data_dir.clone(),
        };
        at_work.insert(Work::Keep, ended.spawn(keeper.keep()));
        loop {
            blocks.borrow_and_update();
            match self.chances().await {
                Ok((assigned, runs)) => {
                    let height = *blocks.borrow();
                    if assigned.is_empty() && runs.iter().all(is_done) {
                        self.no_run(&mut warned)?;
                    }
                    for (task, ticket) in assigned {
                        let miner = self.clone();
                        let open = async move { miner.open(task, ticket).await };
                        at_work
                            .entry(Work::Open(task, ticket))
                            .or_insert_with(|| ended.spawn(open));
                    }
                    for run in runs {
                        let owner = self.owner(&run).name();
                        if is_done(&run) {
                            // the last claim was accepted while no worker looked
                            let settled = done.entry(owner.clone()).or_default();
                            let is_settled = settled.of(run.accepted, height) >= run.accepted;
                            if is_settled && !tended.contains(&owner) {
                                claimant::forget(&self.journal, &self.shelf, &owner).await?;
                            }
                        } else if tended.insert(owner.clone()) {
                            let miner = self.clone();
                            let tend = async move { miner.tend(run).await };
                            at_work.insert(Work::Tend(owner), ended.spawn(tend));
                        }
                    }
                }
                Err(error) => tracing::debug!("runs: {error}"),
            }
            at_work.retain(|_, task| !task.is_finished());
            tokio::select! {
                Some(done) = ended.join_next() => {
                    done.unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()))?;
                }
                more = blocks.changed() => if more.is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// The assignments whose run is not open, and the runs to look after, among them those of paid tasks that are done.
    async fn chances(&self) -> Result<(Vec<(TaskId, TicketId)>, Vec<Run>), Error> {
        let tickets = self.chain.tickets().await?;
        let mut runs = self.chain.runs().await?;
        let assigned = assignments(&tickets, &runs);
        runs.retain(|run| run.steps.is_some() || self.only.is_none_or(|only| run.id == only));
        Ok((assigned, runs))
    }

    /// There is nothing to mine: said once.
    fn no_run(&self, warned: &mut bool) -> Result<(), WorkerError> {
        let missing = WorkerError::NoRun {
            author: ss58(&self.chain.account()),
            run: self.only,
        };
        if !self.retry {
            return Err(missing);
        }
        if !std::mem::replace(warned, true) {
            tracing::warn!("{missing}; waiting for it");
        }
        Ok(())
    }

    /// Opens a run of an assigned task as soon as its data are here.
    async fn open(self, task: TaskId, ticket: TicketId) -> Result<(), WorkerError> {
        let mut blocks = each_block(&self.chain);
        let mut patience = Patience::default();
        while let Some(height) = blocks.next().await {
            if !patience.is_over(height) {
                continue;
            }
            match self.try_open(task, ticket, height, &mut patience).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => tracing::debug!("task {task}: {error}"),
            }
        }
        Ok(())
    }

    /// Whether there is nothing more to be done about it.
    async fn try_open(
        &self,
        task: TaskId,
        ticket: TicketId,
        height: u32,
        patience: &mut Patience,
    ) -> Result<bool, Error> {
        let tickets = self.chain.tickets().await?;
        let runs = self.chain.runs().await?;
        if !assignments(&tickets, &runs).contains(&(task, ticket)) {
            return Ok(true);
        }
        let Some(info) = self.chain.task(task).await? else {
            return Ok(true);
        };
        let rules = self.chain.rules().await?;
        if let Err(reason) = info.spec.validate(rules.noise_rank) {
            tracing::warn!("task {task} cannot be trained: {reason}");
            return Ok(true);
        }
        let contacts: Vec<String> = info.contact().into_iter().collect();
        match self.library.get(&info.spec.dataset, &contacts).await {
            Ok(_here) => {
                tracing::info!(
                    "task {task}: its data are here; opening a run with ticket {ticket}"
                );
                let call = quern_client::Call::OpenRun { task, ticket };
                patience.learn(&say(&self.chain, call).await, height);
            }
            Err(reason) => tracing::warn!("task {task}: no data yet: {reason}"),
        }
        Ok(false)
    }

    /// Looks after a run until it has ended. One that cannot be trained here keeps no other from it, unless it was asked for, or
    /// nothing is waited for.
    async fn tend(self, run: Run) -> Result<(), WorkerError> {
        let (id, paid) = (run.id, run.steps.is_some());
        match self.prepare(run).await {
            Ok(Some(claimant)) => Ok(self.claim(claimant, id, paid).await?),
            Ok(None) => Ok(()),
            Err(error @ WorkerError::Journal(_)) => Err(error),
            Err(error) if self.only == Some(id) || !self.retry => Err(error),
            Err(error) => {
                tracing::error!("run {id} is not trained here: {error}");
                Ok(())
            }
        }
    }

    /// Whose states and claims those of a run are.
    fn owner(&self, run: &Run) -> Owner {
        Owner {
            genesis: self.genesis,
            run: run.id,
            seed: run.seed,
            spec: run.spec.clone(),
        }
    }

    /// Brings a run to the trainer. None if the run or the trainer is gone meanwhile.
    async fn prepare(&self, run: Run) -> Result<Option<Claimant<C, S>>, WorkerError> {
        let Some(noise_rank) = self.patiently(|| self.chain.rules()).await else {
            return Ok(None);
        };
        run.spec
            .validate(noise_rank.noise_rank)
            .map_err(|reason| WorkerError::BadTask {
                run: run.id,
                reason,
            })?;
        let Some(dataset) = self.data(&run).await? else {
            return Ok(None);
        };
        if run.steps.is_some() {
            Final::note(&self.journal, &run, run.spec.dataset.root)?;
        }
        if let Err(error) = publish_dataset(&self.shelf, &dataset).await {
            tracing::warn!("run {}: cannot serve its data: {error}", run.id);
        }
        let store = Arc::new(Store::open(&self.data_dir, self.owner(&run))?);
        let (course, trace) = {
            let (store, dataset) = (store.clone(), dataset.clone());
            let show = self.show.clone().filter(|show| {
                let rows = &show.held_out;
                let task = &run.spec.dataset;
                rows.features() == task.features as usize && rows.classes() == task.classes
            });
            let show = show.filter(|_| run.steps.is_none());
            let (run, machine) = (run.clone(), self.machine.clone());
            tokio::task::spawn_blocking(move || course(run, store, dataset, &machine, show))
                .await
                .unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()))?
        };
        tracing::info!(
            "run {} of {}: layers {:?}, batch {}, {}",
            run.id,
            ss58(&self.chain.account()),
            run.spec.sizes(),
            run.spec.batch,
            self.machine.hardware
        );
        if self.courses.send(course).await.is_err() {
            return Ok(None);
        }
        Ok(Some(Claimant::new(
            self.chain.clone(),
            self.shelf.clone(),
            self.machine.clone(),
            self.journal.clone(),
            self.gauges.clone(),
            store,
            trace,
            dataset,
        )))
    }

    /// The rows that a run trains on. Those of the commons must be on this machine; others are waited for.
    async fn data(&self, run: &Run) -> Result<Option<Arc<Dataset>>, WorkerError> {
        let wanted = &run.spec.dataset;
        if let Some(data) = self.library.at_hand(wanted) {
            return Ok(Some(data));
        }
        if run.steps.is_none() {
            return Err(WorkerError::OtherDataset {
                dataset: self.data_name.clone(),
                run: run.id,
                ours: self.library.local_root().unwrap_or_default(),
                task: wanted.root,
            });
        }
        let mut blocks = each_block(&self.chain);
        while blocks.next().await.is_some() {
            let task = self.chain.task(run.task).await;
            let contact = task.ok().flatten().and_then(|task| task.contact());
            let contacts: Vec<String> = contact.into_iter().collect();
            match self.library.get(wanted, &contacts).await {
                Ok(data) => return Ok(Some(data)),
                Err(reason) => tracing::warn!("run {}: no data yet: {reason}", run.id),
            }
        }
        Ok(None)
    }

    /// Asks the chain until it answers; none when the worker ends.
    async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut blocks = each_block(&self.chain);
        while blocks.next().await.is_some() {
            match ask().await {
                Ok(answer) => return Some(answer),
                Err(error) => tracing::debug!("{error}"),
            }
        }
        None
    }

    /// Claims for a run, block by block, until all its steps are accepted for good, or a paid task's run has been gone for long, or
    /// another run has had its number for a while.
    async fn claim(
        &self,
        mut claimant: Claimant<C, S>,
        id: u64,
        paid: bool,
    ) -> Result<(), JournalError> {
        let mut blocks = each_block(&self.chain);
        let (mut last_seen, mut usurped_since) = (None, None);
        while let Some(height) = blocks.next().await {
            let seen = *last_seen.get_or_insert(height);
            match (self.chain.run(id).await, self.chain.rules().await) {
                (Ok(Some(run)), Ok(rules)) if claimant.is_for(&run) => {
                    (last_seen, usurped_since) = (Some(height), None);
                    if claimant.turn(&run, rules.max_ahead, height).await? {
                        tracing::info!("run {id}: all steps are accepted");
                        return Ok(());
                    }
                }
                (Ok(Some(run)), _) if !claimant.is_for(&run) => {
                    let since = *usurped_since.get_or_insert(height);
                    if height >= since.saturating_add(SETTLED) {
                        tracing::warn!("run {id} was taken back; another run has its number");
                        return claimant.give_up().await;
                    }
                }
                // a node that has not caught up does not know the run yet
                (Ok(None), _) if paid && height >= seen.saturating_add(GONE_AFTER) => {
                    tracing::info!("run {id} is closed");
                    return claimant.give_up().await;
                }
                (Ok(_), Ok(_)) => {}
                (Err(error), _) | (_, Err(error)) => tracing::debug!("run {id}: {error}"),
            }
        }
        Ok(())
    }
}

/// Whether all steps of a run are accepted.
fn is_done(run: &Run) -> bool {
    run.steps.is_some_and(|steps| run.accepted >= steps)
}

/// A run in training, and the trace that it fills.
fn course(
    run: Run,
    store: Arc<Store>,
    dataset: Arc<Dataset>,
    machine: &Machine,
    show: Option<Show>,
) -> Result<(Course, SharedTrace), WorkerError> {
    let state = State::initial(&run.spec.sizes(), &run.seed)?;
    let trace = store
        .trace()
        .unwrap_or_else(|| Trace::new(run.spec.segment, 0, state.root()));
    let trace = SharedTrace::new(trace);
    let training = machine
        .hardware
        .begin(&run.spec, run.seed, dataset, state)?;
    Ok((Course::new(training, store, trace.clone(), show), trace))
}

/// The tasks that miner tickets are assigned to and have no run of yet.
fn assignments(tickets: &[TicketInfo], runs: &[Run]) -> Vec<(TaskId, TicketId)> {
    let miners = tickets.iter().filter(|ticket| ticket.role == Role::Miner);
    let assigned = miners.flat_map(|ticket| {
        ticket.duties.iter().filter_map(|duty| match duty {
            Duty::Mine(task) => Some((*task, ticket.id)),
            _ => None,
        })
    });
    assigned
        .filter(|(task, ticket)| {
            let open = |run: &Run| run.task == *task && run.ticket == *ticket;
            !runs.iter().any(open)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use quern_client::{Call, Preferences, TaskInfo, TaskStage};

    use super::*;
    use crate::{
        backend::Isa,
        chain::double::{ACCOUNT, Double as ChainDouble},
        claim::{
            Record,
            tests::{record, run},
        },
        shelf::{double::Double, publish_hashes},
        world::{STEPS, data, held_out, spec},
    };

    fn ticket() -> TicketInfo {
        TicketInfo {
            id: 3,
            owner: ACCOUNT,
            role: Role::Miner,
            stake: 1,
            preferences: Preferences::any(2),
            bought: 0,
            expires: 100,
            withdrawable: None,
            duties: vec![Duty::Mine(5)],
        }
    }

    fn task() -> TaskInfo {
        TaskInfo {
            id: 5,
            client: Some([1; 32]),
            spec: spec(),
            order: Some(quern_client::Order {
                name: Default::default(),
                spec: spec(),
                held_out: held_out().commitment(),
                steps: STEPS,
                workers: 1,
                evaluators: 1,
                target: 0,
                deadline: 100,
                gpu: false,
                contact: b"client".to_vec().try_into().unwrap(),
            }),
            fee: 1,
            stage: TaskStage::Assigned,
            submitted: 0,
            deadline: 100,
            miners: Vec::new(),
            supervisor: None,
            evaluation: None,
            best: None,
        }
    }

    struct Scene {
        _folder: tempfile::TempDir,
        chain: ChainDouble,
        shelf: Double,
        arrivals: mpsc::Receiver<Course>,
        miner: Miner<ChainDouble, Double>,
    }

    fn scene() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let (chain, shelf) = (ChainDouble::new(10), Double::default());
        let (courses, arrivals) = mpsc::channel(4);
        let miner = Miner {
            chain: chain.clone(),
            genesis: [1; 32],
            library: Library::new(shelf.clone(), None),
            shelf: shelf.clone(),
            data_name: "nothing".into(),
            machine: Machine::new(1, Isa::detect()),
            journal: Journal::open(folder.path().join("journal")).unwrap(),
            data_dir: folder.path().to_owned(),
            gauges: Gauges::default(),
            courses,
            show: None,
            only: None,
            retry: true,
        };
        Scene {
            _folder: folder,
            chain,
            shelf,
            arrivals,
            miner,
        }
    }

    fn paid() -> Run {
        Run {
            task: 5,
            ticket: 3,
            steps: Some(STEPS),
            ..run(0, None)
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_assigned_task_is_opened_once_its_data_are_here_and_then_trained() {
        let mut scene = scene();
        {
            let mut world = scene.chain.world.lock().unwrap();
            world.tickets = vec![ticket()];
            world.tasks = vec![task()];
        }
        let mining = tokio::spawn(scene.miner.mine());
        assert!(scene.chain.is_silent().await, "opened without data");
        publish_dataset(&scene.shelf, &data()).await.unwrap();
        scene.chain.block(|_| ());
        let open = Call::OpenRun { task: 5, ticket: 3 };
        assert_eq!(scene.chain.called().await, open);
        scene.chain.block(|world| world.runs = vec![paid()]);
        assert_eq!(scene.arrivals.recv().await.unwrap().run(), 2);
        assert!(scene.chain.is_silent().await, "opened twice");
        mining.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_run_that_cannot_be_trained_ends_no_patient_worker_unless_it_was_asked_for() {
        let mut scene = scene();
        publish_dataset(&scene.shelf, &data()).await.unwrap();
        let other = Run { id: 9, ..paid() };
        let mut commons = run(0, None);
        commons.spec.dataset.root = [9; 32];
        scene.chain.world.lock().unwrap().runs = vec![commons, other];
        let mining = tokio::spawn(scene.miner.clone().mine());
        assert_eq!(scene.arrivals.recv().await.unwrap().run(), 9);
        scene.chain.pass(3).await;
        assert!(!mining.is_finished());
        mining.abort();
        let asked = Miner {
            only: Some(2),
            ..scene.miner.clone()
        };
        let impatient = Miner {
            retry: false,
            ..scene.miner.clone()
        };
        for miner in [asked, impatient] {
            let ended = miner.mine().await;
            assert!(matches!(ended, Err(WorkerError::OtherDataset { .. })));
        }
    }

    #[tokio::test]
    async fn without_a_run_only_a_patient_worker_waits() {
        let scene = scene();
        scene.chain.world.lock().unwrap().runs.clear();
        let impatient = Miner {
            retry: false,
            ..scene.miner
        };
        let ended = impatient.mine().await;
        assert!(matches!(ended, Err(WorkerError::NoRun { .. })));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn data_are_noted_before_they_are_served() {
        let mut scene = scene();
        publish_dataset(&scene.shelf, &data()).await.unwrap();
        {
            let mut world = scene.chain.world.lock().unwrap();
            world.tasks = vec![task()];
            world.runs = vec![paid()];
        }
        let journal = scene.miner.journal.clone();
        let mining = tokio::spawn(scene.miner.mine());
        scene.arrivals.recv().await.unwrap();
        let noted: Final = journal.get("final-2").unwrap().unwrap();
        assert_eq!((noted.task, noted.until), (5, None));
        assert_eq!(noted.roots, [data().commitment().root]);
        mining.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_run_that_the_chain_gives_another_seed_is_begun_anew_and_claimed_for_no_longer() {
        let mut scene = scene();
        publish_dataset(&scene.shelf, &data()).await.unwrap();
        let first = paid();
        let name = format!("claim-{}-0", scene.miner.owner(&first).name());
        let journal = scene.miner.journal.clone();
        journal.put(&name, &record()).unwrap();
        scene.chain.world.lock().unwrap().runs = vec![first.clone()];
        let mining = tokio::spawn(scene.miner.mine());
        let old = scene.arrivals.recv().await.unwrap();
        let committed = scene.chain.called().await;
        assert!(matches!(committed, Call::CommitClaim { run: 2, .. }));
        let second = Run {
            seed: [8; 32],
            ..first
        };
        scene.chain.block(|world| world.runs = vec![second]);
        let new = scene.arrivals.recv().await.unwrap();
        assert_eq!((old.run(), new.run()), (2, 2));
        scene.chain.world.lock().unwrap().calls.clear();
        scene.chain.pass(3).await;
        assert_eq!(journal.names("claim-"), [name], "forgotten too early");
        scene.chain.pass(SETTLED).await;
        ChainDouble::until(|| journal.names("claim-").is_empty()).await;
        assert!(scene.chain.is_silent().await);
        assert!(!mining.is_finished());
        mining.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_claim_that_was_accepted_while_no_worker_looked_is_forgotten() {
        let scene = scene();
        let journal = scene.miner.journal.clone();
        let list = publish_hashes(&scene.shelf, &[[1; 32]]).await.unwrap();
        let record = Record {
            audit: Some(7),
            served: vec![list.root],
            ..record()
        };
        let name = format!("claim-{}-0", scene.miner.owner(&paid()).name());
        journal.put(&name, &record).unwrap();
        journal.put("claim-3-other-0", &record).unwrap();
        let done = Run {
            accepted: STEPS,
            ..paid()
        };
        scene.chain.world.lock().unwrap().runs = vec![done];
        let mining = tokio::spawn(scene.miner.mine());
        scene.chain.pass(3).await;
        assert_eq!(journal.names("").len(), 2, "forgotten too early");
        scene.chain.pass(SETTLED).await;
        // of a run that the node does not show nothing is known
        ChainDouble::until(|| journal.names("") == ["claim-3-other-0"]).await;
        assert!(scene.shelf.blobs.lock().unwrap().is_empty());
        mining.abort();
    }

    #[test]
    fn only_assignments_without_a_run_are_opened() {
        assert_eq!(assignments(&[ticket()], &[]), [(5, 3)]);
        assert_eq!(assignments(&[ticket()], &[run(0, None)]), [(5, 3)]);
        assert_eq!(assignments(&[ticket()], &[paid()]), []);
        let verifier = TicketInfo {
            role: Role::Verifier,
            ..ticket()
        };
        assert_eq!(assignments(&[verifier], &[]), []);
    }
}
