//! What runs of paid tasks leave: served for a day after their tasks have ended, then forgotten, and the runs closed.

use std::{collections::BTreeSet, path::PathBuf};

use quern_client::{Call, Run, TaskId};
use quern_work::Hash;
use serde::{Deserialize, Serialize};

use crate::{
    WorkerError,
    chain::{Chain, Patience, each_block, say},
    checkpoint::{Store, prefix},
    claimant,
    data::Library,
    journal::{Journal, JournalError},
    shelf::Shelf,
};

/// Blocks for which what a paid task's run left is served after the task has ended: a day of six-second blocks.
const DAY: u32 = 14_400;

/// What is served of a run of a paid task beyond the run's audits: the data, and the last state once there is one.
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

    /// Notes what is going to be served, so that it is served no longer than it should be, whatever becomes of the worker.
    ///
    /// # Errors
    /// When the journal cannot be kept.
    pub fn note(journal: &Journal, run: &Run, root: Hash) -> Result<(), JournalError> {
        let name = Self::name(run.id);
        let entry: Option<Self> = journal.get(&name)?;
        let mut noted = entry.clone().unwrap_or(Self {
            task: run.task,
            run: run.id,
            roots: Vec::new(),
            until: None,
        });
        // the chain may have given the number to a run of another task
        noted.task = run.task;
        if !noted.roots.contains(&root) {
            noted.roots.push(root);
        }
        if entry.as_ref() != Some(&noted) {
            journal.put(&name, &noted)?;
        }
        Ok(())
    }

    /// Notes that something is not to be served any more.
    ///
    /// # Errors
    /// When the journal cannot be kept.
    pub fn strike(journal: &Journal, run: u64, root: &Hash) -> Result<(), JournalError> {
        let name = Self::name(run);
        let Some(mut entry) = journal.get::<Self>(&name)? else {
            return Ok(());
        };
        entry.roots.retain(|other| other != root);
        journal.put(&name, &entry)
    }
}

/// Whoever looks after what runs left.
pub struct Keeper<C, S> {
    /// The chain.
    pub chain: C,
    /// Its genesis hash.
    pub genesis: Hash,
    /// Where blobs are served.
    pub shelf: S,
    /// The data on this machine, which are served in any case.
    pub library: Library<S>,
    /// Where it is noted what runs left.
    pub journal: Journal,
    /// Where states are kept.
    pub data_dir: PathBuf,
}

impl<C: Chain, S: Shelf> Keeper<C, S> {
    /// Serves what paid tasks' runs left until a day after their tasks have ended, then closes those runs and forgets them.
    ///
    /// # Errors
    /// When the journal cannot be kept.
    pub async fn keep(self) -> Result<(), WorkerError> {
        let mut blocks = each_block(&self.chain);
        let mut patience = Patience::default();
        while let Some(height) = blocks.next().await {
            for name in self.journal.names(Final::NAMES) {
                let Some(last) = self.journal.get::<Final>(&name)? else {
                    continue;
                };
                match last.until {
                    Some(until) if height >= until => {
                        self.end(&last, &mut patience, height).await?;
                    }
                    Some(_) => {}
                    None => self.look_for_the_end(last.task, &name, height).await?,
                }
            }
        }
        Ok(())
    }

    /// Begins the last day of a run's entry if its task has ended. A task that the node does not know has not: the node is behind.
    async fn look_for_the_end(
        &self,
        task: TaskId,
        name: &str,
        height: u32,
    ) -> Result<(), WorkerError> {
        let over = match self.chain.task(task).await {
            Ok(task) => task.is_some_and(|task| task.stage.is_over()),
            Err(_) => false,
        };
        // what was noted meanwhile is not lost
        if over && let Some(mut last) = self.journal.get::<Final>(name)? {
            last.until = Some(height.saturating_add(DAY));
            self.journal.put(name, &last)?;
        }
        Ok(())
    }

    /// Closes a run. Once the chain does not have it any more, serves what it left no longer and forgets all about it.
    async fn end(
        &self,
        last: &Final,
        patience: &mut Patience,
        height: u32,
    ) -> Result<(), WorkerError> {
        let run = last.run;
        match self.chain.run(run).await {
            Ok(Some(found)) => {
                // the chain closes no other
                let may_close = found.pending.is_none() && found.vesting == 0;
                if may_close && patience.is_over(height) {
                    let call = Call::CloseRun { run };
                    patience.learn(&say(&self.chain, call).await, height);
                }
            }
            Ok(None) => self.forget(last).await?,
            Err(error) => tracing::debug!("run {run}: {error}"),
        }
        Ok(())
    }

    /// Forgets a run that is closed, unless the trainer still has it.
    async fn forget(&self, last: &Final) -> Result<(), WorkerError> {
        let (name, run) = (Final::name(last.run), last.run);
        let (folder, genesis) = (self.data_dir.clone(), self.genesis);
        let remove = move || Store::remove(&folder, &genesis, run);
        let removed = tokio::task::spawn_blocking(remove).await;
        let removed = removed.unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()));
        if let Err(error) = removed {
            tracing::debug!("run {run}: {error}");
            return Ok(());
        }
        claimant::forget(&self.journal, &self.shelf, &prefix(run)).await?;
        let mut needed: BTreeSet<Hash> = self.library.local_root().into_iter().collect();
        for other in self.journal.names(Final::NAMES) {
            if other != name
                && let Some(other) = self.journal.get::<Final>(&other)?
            {
                needed.extend(other.roots);
            }
        }
        for root in last.roots.iter().filter(|root| !needed.contains(*root)) {
            self.shelf.unpin(root).await;
        }
        self.journal.remove(&name);
        tracing::info!("run {run} is closed, and its folder is removed");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use quern_client::{TaskInfo, TaskStage};

    use super::*;
    use crate::{
        chain::double::Double as ChainDouble,
        checkpoint::Owner,
        claim::tests::run,
        shelf::{double::Double, publish_dataset},
        world::{SEED, STEPS, data, spec, states},
    };

    fn task() -> TaskInfo {
        TaskInfo {
            id: 5,
            client: Some([1; 32]),
            spec: spec(),
            order: None,
            fee: 1,
            stage: TaskStage::Training,
            submitted: 0,
            deadline: 100,
            miners: Vec::new(),
            supervisor: None,
            evaluation: None,
            best: None,
        }
    }

    struct Scene {
        folder: tempfile::TempDir,
        chain: ChainDouble,
        shelf: Double,
        journal: Journal,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self {
                chain: ChainDouble::new(10),
                shelf: Double::default(),
                journal: Journal::open(folder.path().join("journal")).unwrap(),
                folder,
            }
        }

        fn keeper(&self) -> Keeper<ChainDouble, Double> {
            Keeper {
                chain: self.chain.clone(),
                genesis: [1; 32],
                shelf: self.shelf.clone(),
                library: Library::new(self.shelf.clone(), None),
                journal: self.journal.clone(),
                data_dir: self.folder.path().to_owned(),
            }
        }
    }

    /// The entry of a run that serves `root`, of a task that is under way.
    fn last(run: u64, root: Hash) -> Final {
        Final {
            task: 5,
            run,
            roots: vec![root],
            until: None,
        }
    }

    #[test]
    fn a_number_that_another_tasks_run_got_is_looked_after_for_that_task() {
        let scene = Scene::new();
        for (task, root) in [(5, [1; 32]), (6, [2; 32])] {
            let run = Run {
                task,
                ..run(0, None)
            };
            Final::note(&scene.journal, &run, root).unwrap();
        }
        let noted: Final = scene.journal.get("final-2").unwrap().unwrap();
        assert_eq!(noted.task, 6);
        assert_eq!(noted.roots, [[1; 32], [2; 32]]);
    }

    #[tokio::test]
    async fn what_a_run_left_is_served_for_a_day_after_its_task_and_then_forgotten() {
        let scene = Scene::new();
        let blob = publish_dataset(&scene.shelf, &data()).await.unwrap();
        let journal = scene.journal.clone();
        journal.put(&Final::name(2), &last(2, blob.root)).unwrap();
        let owner = Owner {
            genesis: [1; 32],
            run: 2,
            seed: SEED,
            spec: spec(),
        };
        let store = Store::open(scene.folder.path(), owner).unwrap();
        store.save(&states(4)[4]).unwrap();
        let keeping = tokio::spawn(scene.keeper().keep());
        let until = || journal.get::<Final>("final-2").unwrap().unwrap().until;
        // a node that is behind does not know the task
        assert!(scene.chain.is_silent().await);
        assert_eq!(until(), None);
        let done = Run {
            task: 5,
            steps: Some(STEPS),
            ..run(STEPS, None)
        };
        scene.chain.block(|world| {
            world.tasks = vec![task()];
            world.runs = vec![done];
        });
        assert!(scene.chain.is_silent().await);
        assert_eq!(until(), None);
        scene
            .chain
            .block(|world| world.tasks[0].stage = TaskStage::Completed);
        assert!(scene.chain.is_silent().await);
        assert_eq!(until(), Some(12 + DAY));
        assert!(!scene.shelf.blobs.lock().unwrap().is_empty());
        // a share still vests on it
        scene.chain.world.lock().unwrap().runs[0].vesting = 1;
        scene.chain.height.send_modify(|height| *height = 12 + DAY);
        assert!(scene.chain.is_silent().await);
        // the connection is lost
        scene.chain.block(|world| {
            world.runs[0].vesting = 0;
            world.deaf = true;
        });
        assert!(scene.chain.is_silent().await);
        scene.chain.world.lock().unwrap().deaf = false;
        scene.chain.height.send_modify(|height| *height += 10);
        assert_eq!(scene.chain.called().await, Call::CloseRun { run: 2 });
        scene.chain.block(|world| world.runs.clear());
        assert!(scene.chain.is_silent().await);
        assert_eq!(journal.names(""), ["final-2"], "the trainer has it still");
        assert!(!scene.shelf.blobs.lock().unwrap().is_empty());
        drop(store);
        scene.chain.block(|_| ());
        ChainDouble::until(|| journal.names("").is_empty()).await;
        assert!(scene.shelf.blobs.lock().unwrap().is_empty());
        let own = scene.folder.path().join("0101010101010101");
        let left: Vec<_> = std::fs::read_dir(own).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        keeping.abort();
    }

    #[tokio::test]
    async fn data_that_another_run_needs_are_served_on() {
        let scene = Scene::new();
        let blob = publish_dataset(&scene.shelf, &data()).await.unwrap();
        let journal = scene.journal.clone();
        let mut ended = last(2, blob.root);
        ended.until = Some(5);
        journal.put(&Final::name(2), &ended).unwrap();
        journal.put(&Final::name(3), &last(3, blob.root)).unwrap();
        let keeping = tokio::spawn(scene.keeper().keep());
        ChainDouble::until(|| journal.names("") == ["final-3"]).await;
        assert!(!scene.shelf.blobs.lock().unwrap().is_empty());
        keeping.abort();
    }
}
