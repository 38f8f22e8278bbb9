//! Training states on disk: one folder per chain and run, one file per state, one process per folder.
//!
//! Beside the states lies the trace of what training has found out since the last accepted claim. It may lead further than the newest
//! state: what lies between is trained again, and found out already.
//!
//! A file is [`MAGIC`], a length (u32, little-endian), that many bytes of JSON telling whose state it is, the state's own bytes, and a
//! BLAKE3 checksum over all of that. It appears under its name only after all of it is written, so a killed worker leaves
//! whole files or none; what the disk itself loses is made again by training. A damaged file is named in the log and an older one is
//! used.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use codec::Encode;
use quern_client::{Run, text};
use quern_training::State;
use quern_work::{Hash, task::TaskSpec};
use serde::{Deserialize, Serialize};

use crate::trace::Trace;

/// First bytes of every file, with the format's version.
const MAGIC: &[u8] = b"quern state 1\n";
/// Most bytes of the JSON part.
const MAX_OWNER_BYTES: usize = 1 << 16;
/// Bytes of the checksum at the end.
const CHECKSUM: usize = 32;
/// States kept before the last accepted one, for a chain that takes an acceptance back.
const KEPT_BEFORE_ACCEPTED: usize = 1;
/// Digits of the seed's and the task's digest in an owner's name.
const DIGITS: usize = 16;
/// The trace's file.
const TRACE: &str = "trace.json";

/// Whose states a folder holds: equal owners train bit-equal states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Genesis hash of the chain.
    #[serde(with = "text::hash")]
    pub genesis: Hash,
    /// Number of the run on that chain.
    pub run: u64,
    /// Seed of the run's weights and batches.
    #[serde(with = "text::hash")]
    pub seed: Hash,
    /// What the run trains.
    pub spec: TaskSpec,
}

impl Owner {
    /// A name that another seed or task under the same number does not have: a chain that takes a block back may give the run's
    /// number to another run.
    pub fn name(&self) -> String {
        let digest = blake3::hash(&(self.seed, &self.spec).encode()).to_hex();
        format!("{}{}", prefix(self.run), &digest[..DIGITS])
    }

    /// Whether this is the run that the chain shows under its number.
    pub fn is(&self, run: &Run) -> bool {
        run.id == self.run && run.seed == self.seed && run.spec == self.spec
    }
}

/// What the names of all owners of a run's number begin with.
pub fn prefix(run: u64) -> String {
    format!("{run}-")
}

/// Proves by writing that states can be kept under `data_dir`, and makes it if need be.
///
/// # Errors
/// [`StoreError::Unwritable`].
pub fn probe(data_dir: &Path) -> Result<(), StoreError> {
    let probe = data_dir.join(format!("probe-{}", std::process::id()));
    fs::create_dir_all(data_dir)
        .and_then(|()| fs::write(&probe, b"probe"))
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|reason| StoreError::Unwritable {
            folder: data_dir.into(),
            reason,
        })
}

/// Why states cannot be kept or used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written to: choose another one with `--data-dir`.
    #[error("cannot write to the checkpoint folder {}: {reason}", folder.display())]
    Unwritable {
        /// The run's folder.
        folder: PathBuf,
        /// The operating system's reason.
        reason: io::Error,
    },
    /// Another worker trains this run from this folder.
    #[error("another worker is training this run: {} is locked", lock.display())]
    InUse {
        /// The lock file.
        lock: PathBuf,
    },
    /// A state of another chain or run lies in this folder: remove it, or choose another `--data-dir`.
    #[error("{} holds the state of another {what}: expected {expected}, found {found}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What differs first: genesis, run, seed or task.
        what: &'static str,
        /// This run's value.
        expected: String,
        /// The file's value.
        found: String,
    },
}

/// Why one file is not used.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("is not a state file of this version")]
    NotAState,
    #[error("is damaged: its checksum does not match")]
    Checksum,
    #[error("is damaged: its state does not decode")]
    State,
    #[error("holds the state of another {what}: expected {expected}, found {found}")]
    Foreign {
        what: &'static str,
        expected: String,
        found: String,
    },
}

/// The folder of one run, locked until dropped.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    owner: Owner,
    _lock: File,
}

impl Store {
    /// Makes the folder `data_dir/GENESIS/run-NAME` of the [owner's name](Owner::name), and locks it.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`], [`StoreError::InUse`], and [`StoreError::Foreign`] when the newest file there is
    /// whole and belongs to another chain, run or task.
    pub fn open(data_dir: &Path, owner: Owner) -> Result<Self, StoreError> {
        let folder = chain_folder(data_dir, &owner.genesis).join(format!("run-{}", owner.name()));
        let lock = fs::create_dir_all(&folder).map_err(|reason| StoreError::Unwritable {
            folder: folder.clone(),
            reason,
        });
        let lock = lock.and_then(|()| lock_in(&folder))?;
        let store = Self {
            folder,
            owner,
            _lock: lock,
        };
        if let Some(step) = store.steps().pop()
            && let Err(Damage::Foreign {
                what,
                expected,
                found,
            }) = store.load(step)
        {
            return Err(StoreError::Foreign {
                file: store.file(step),
                what,
                expected,
                found,
            });
        }
        Ok(store)
    }

    /// Removes the folders of a run that has ended, whoever owned its number. None is there already: nothing happens.
    ///
    /// # Errors
    /// [`StoreError::InUse`] and [`StoreError::Unwritable`]; a folder stays, or a part of it.
    pub fn remove(data_dir: &Path, genesis: &Hash, run: u64) -> Result<(), StoreError> {
        let own = format!("run-{}", prefix(run));
        let folders = fs::read_dir(chain_folder(data_dir, genesis));
        for entry in folders.into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&own) {
                let folder = entry.path();
                let _lock = lock_in(&folder)?;
                fs::remove_dir_all(&folder)
                    .map_err(|reason| StoreError::Unwritable { folder, reason })?;
            }
        }
        Ok(())
    }

    /// Whose states these are.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Writes a state.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`], for instance when the disk is full.
    pub fn save(&self, state: &State) -> Result<(), StoreError> {
        let bytes = encode(&self.owner, state);
        self.written(bytes.and_then(|bytes| self.write(&self.file(state.step), &bytes)))
    }

    /// Writes the trace, in place of the one before.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_trace(&self, trace: &Trace) -> Result<(), StoreError> {
        let json = serde_json::to_vec(trace).map_err(io::Error::from);
        self.written(json.and_then(|json| self.write(&self.folder.join(TRACE), &json)))
    }

    /// The trace written last; none if it is missing or damaged: training makes it anew.
    pub fn trace(&self) -> Option<Trace> {
        let bytes = fs::read(self.folder.join(TRACE)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The newest whole state whose step is `wanted`. Damaged files are named in the log and passed over.
    pub fn newest(&self, wanted: impl Fn(u64) -> bool) -> Option<State> {
        let kept = self.steps();
        let fitting = kept.into_iter().rev().filter(|step| wanted(*step));
        fitting.into_iter().find_map(|step| match self.load(step) {
            Ok(state) => Some(state),
            Err(damage) => {
                tracing::warn!("{} {damage}", self.file(step).display());
                None
            }
        })
    }

    /// Forgets states that are no longer needed: all but the newest, the last one at or before `accepted`, what lies
    /// between them, and one older state. A file that cannot be removed stays.
    pub fn prune(&self, accepted: u64) {
        let kept = self.steps();
        let last_accepted = kept
            .partition_point(|step| *step <= accepted)
            .saturating_sub(1);
        for step in &kept[..last_accepted.saturating_sub(KEPT_BEFORE_ACCEPTED)] {
            let _ = fs::remove_file(self.file(*step));
        }
    }

    /// Forgets the states of steps that are no multiples of `every`, but for the newest state and those up to `accepted`.
    pub fn thin(&self, accepted: u64, every: u64) {
        let kept = self.steps();
        let older = kept.split_last().map_or(&[][..], |(_newest, older)| older);
        let odd = |step: &&u64| **step > accepted && !step.is_multiple_of(every);
        for step in older.iter().filter(odd) {
            let _ = fs::remove_file(self.file(*step));
        }
    }

    /// Forgets the states of all later steps: they are not to be trusted.
    pub fn forget_after(&self, step: u64) {
        for later in self.steps().into_iter().filter(|later| *later > step) {
            let _ = fs::remove_file(self.file(later));
        }
    }

    fn written(&self, done: io::Result<()>) -> Result<(), StoreError> {
        done.map_err(|reason| StoreError::Unwritable {
            folder: self.folder.clone(),
            reason,
        })
    }

    fn file(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:012}.state"))
    }

    /// Steps of all state files, ascending.
    fn steps(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut steps: Vec<u64> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let step = name.to_str()?.strip_prefix("step-")?;
                step.strip_suffix(".state")?.parse().ok()
            })
            .collect();
        steps.sort_unstable();
        steps
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.folder.join("unfinished");
        File::create(&unfinished)?.write_all(bytes)?;
        fs::rename(&unfinished, file)
    }

    fn load(&self, step: u64) -> Result<State, Damage> {
        let state = decode(&self.owner, &fs::read(self.file(step))?)?;
        let fits = state.step == step && state.sizes == self.owner.spec.sizes();
        fits.then_some(state).ok_or(Damage::State)
    }
}

/// Where the runs of a chain have their folders.
fn chain_folder(data_dir: &Path, genesis: &Hash) -> PathBuf {
    data_dir.join(&hex::encode(genesis)[..16])
}

/// Locks a folder until the file is dropped.
fn lock_in(folder: &Path) -> Result<File, StoreError> {
    let unwritable = |reason| StoreError::Unwritable {
        folder: folder.to_owned(),
        reason,
    };
    let path = folder.join("lock");
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { lock: path }),
        Err(TryLockError::Error(reason)) => Err(unwritable(reason)),
    }
}

fn encode(owner: &Owner, state: &State) -> io::Result<Vec<u8>> {
    let owner = serde_json::to_vec(owner)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend((owner.len() as u32).to_le_bytes());
    bytes.extend(owner);
    bytes.extend(state.encode());
    bytes.extend(blake3::hash(&bytes).as_bytes());
    Ok(bytes)
}

fn decode(owner: &Owner, bytes: &[u8]) -> Result<State, Damage> {
    let body = bytes.strip_prefix(MAGIC).ok_or(Damage::NotAState)?;
    let (content, checksum) = bytes
        .split_last_chunk::<CHECKSUM>()
        .ok_or(Damage::Checksum)?;
    if blake3::hash(content) != *checksum {
        return Err(Damage::Checksum);
    }
    let (length, body) = body.split_first_chunk().ok_or(Damage::NotAState)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_OWNER_BYTES || body.len() < length + CHECKSUM {
        return Err(Damage::NotAState);
    }
    let (json, rest) = body.split_at(length);
    let found: Owner = serde_json::from_slice(json).map_err(|_| Damage::NotAState)?;
    compare(owner, &found)?;
    State::decode(&rest[..rest.len() - CHECKSUM]).map_err(|_| Damage::State)
}

/// Names the first difference between two owners.
fn compare(expected: &Owner, found: &Owner) -> Result<(), Damage> {
    let json = |spec: &TaskSpec| serde_json::to_string(spec).unwrap_or_default();
    let parts = [
        (
            "genesis",
            text::hex32(&expected.genesis),
            text::hex32(&found.genesis),
        ),
        ("run", expected.run.to_string(), found.run.to_string()),
        (
            "seed",
            text::hex32(&expected.seed),
            text::hex32(&found.seed),
        ),
        ("task", json(&expected.spec), json(&found.spec)),
    ];
    let difference = parts
        .into_iter()
        .find(|(_, expected, found)| expected != found);
    difference.map_or(Ok(()), |(what, expected, found)| {
        Err(Damage::Foreign {
            what,
            expected,
            found,
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quern_work::task::Dataset;

    use super::*;

    fn owner() -> Owner {
        Owner {
            genesis: [1; 32],
            run: 3,
            seed: [2; 32],
            spec: TaskSpec {
                dataset: Dataset {
                    root: [4; 32],
                    row_blocks: 10,
                    features: 32,
                    classes: 2,
                },
                hidden: vec![16].try_into().unwrap(),
                batch: 16,
                lr_shift: 4,
                lr_every: 0,
                segment: 8,
            },
        }
    }

    fn state(step: u64) -> State {
        let mut state = State::initial(&owner().spec.sizes(), &owner().seed).unwrap();
        state.step = step;
        state
    }

    /// A trace up to a step, with nothing in it.
    fn trace(step: u64) -> Trace {
        Trace::new(8, step, [0; 32])
    }

    fn save(store: &Store, step: u64) {
        store.save(&state(step)).unwrap();
        store.save_trace(&trace(step)).unwrap();
    }

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(folder.path(), owner()).unwrap()
    }

    #[test]
    fn a_saved_state_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        save(&store(&folder), 8);
        let back = store(&folder).newest(|_| true).unwrap();
        assert_eq!(back.encode(), state(8).encode());
    }

    #[test]
    fn the_newest_state_inside_the_range_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for step in [8, 16, 24] {
            save(&store, step);
        }
        assert_eq!(store.newest(|step| step < 25).unwrap().step, 24);
        assert_eq!(store.newest(|step| step < 24).unwrap().step, 16);
        assert_eq!(
            store
                .newest(|step| (9..16).contains(&step))
                .map(|state| state.step),
            None
        );
    }

    #[test]
    fn a_truncated_newest_file_gives_way_to_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        save(&store, 8);
        save(&store, 16);
        let whole = fs::read(store.file(16)).unwrap();
        for length in [
            0,
            5,
            MAGIC.len(),
            MAGIC.len() + 2,
            whole.len() / 2,
            whole.len() - 1,
        ] {
            fs::write(store.file(16), &whole[..length]).unwrap();
            assert_eq!(store.newest(|_| true).unwrap().step, 8, "{length} bytes");
        }
    }

    #[test]
    fn a_file_under_another_steps_name_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        save(&store, 8);
        fs::rename(store.file(8), store.file(16)).unwrap();
        assert!(store.newest(|_| true).is_none());
    }

    #[test]
    fn a_second_worker_in_the_same_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = store(&folder);
        let refusal = Store::open(folder.path(), owner()).unwrap_err();
        assert!(matches!(refusal, StoreError::InUse { .. }), "{refusal}");
        drop(first);
        assert!(Store::open(folder.path(), owner()).is_ok());
    }

    #[test]
    fn runs_of_one_folder_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let first = store(&folder);
        save(&first, 8);
        let [mut number, mut seed, mut task] = [(); 3].map(|()| owner());
        number.run = 4;
        seed.seed = [9; 32];
        task.spec.batch = 32;
        for other in [number, seed, task] {
            let other = Store::open(folder.path(), other).unwrap();
            assert!(other.newest(|_| true).is_none());
        }
        assert!(first.newest(|_| true).is_some());
    }

    #[test]
    fn a_state_of_another_chain_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let foreign = Owner {
            genesis: [9; 32],
            ..owner()
        };
        fs::write(store.file(8), encode(&foreign, &state(8)).unwrap()).unwrap();
        drop(store);
        let refusal = Store::open(folder.path(), owner()).unwrap_err().to_string();
        assert!(refusal.contains("another genesis"), "{refusal}");
        assert!(
            refusal.contains(&text::hex32(&foreign.genesis)),
            "{refusal}"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_one_clear_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let refusal = Store::open(&file, owner()).unwrap_err().to_string();
        assert!(
            refusal.starts_with("cannot write to the checkpoint folder"),
            "{refusal}"
        );
        assert!(!refusal.contains('\n'));
        assert!(probe(&file).is_err());
        assert!(probe(&folder.path().join("new")).is_ok());
    }

    #[test]
    fn pruning_keeps_the_accepted_state_its_predecessor_and_all_newer_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for step in [8, 16, 24, 32, 40] {
            save(&store, step);
        }
        store.prune(26);
        assert_eq!(store.steps(), [16, 24, 32, 40]);
        store.prune(0);
        assert_eq!(store.steps(), [16, 24, 32, 40]);
    }

    #[test]
    fn thinning_keeps_what_is_accepted_the_newest_state_and_every_so_many_between() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for step in [8, 16, 24, 32, 40, 48, 52, 56] {
            save(&store, step);
        }
        store.thin(8, 16);
        assert_eq!(store.steps(), [8, 16, 32, 48, 56]);
        store.thin(8, 32);
        assert_eq!(store.steps(), [8, 32, 56]);
    }

    #[test]
    fn the_folder_of_a_run_that_ended_is_removed_unless_it_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        save(&store, 8);
        let reseeded = Owner {
            seed: [9; 32],
            ..owner()
        };
        let other = Owner { run: 33, ..owner() };
        let [reseeded, other] = [reseeded, other].map(|o| Store::open(folder.path(), o).unwrap());
        let remove = || Store::remove(folder.path(), &owner().genesis, owner().run);
        assert!(matches!(remove(), Err(StoreError::InUse { .. })));
        let own = [store.folder.clone(), reseeded.folder.clone()];
        drop((store, reseeded));
        for _ in 0..2 {
            remove().unwrap();
            assert!(!own.iter().any(|own| own.exists()));
        }
        assert!(other.folder.exists());
    }

    #[test]
    fn states_that_are_not_to_be_trusted_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for step in [8, 16, 24] {
            save(&store, step);
        }
        store.forget_after(16);
        assert_eq!(store.steps(), [8, 16]);
    }

    #[test]
    fn the_trace_lies_beside_the_newest_state_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert_eq!(store.trace(), None);
        save(&store, 8);
        assert_eq!(store.trace(), Some(trace(8)));
        fs::write(store.folder.join(TRACE), b"\"00").unwrap();
        assert_eq!(store.trace(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_flipped_bit_is_detected(position in any::<prop::sample::Index>(), bit in 0..8) {
            let mut bytes = encode(&owner(), &state(8)).unwrap();
            let position = position.index(bytes.len());
            bytes[position] ^= 1u8 << bit;
            prop_assert!(decode(&owner(), &bytes).is_err());
        }

        #[test]
        fn foreign_bytes_never_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = [MAGIC, &tail].concat();
            bytes.extend(blake3::hash(&bytes).as_bytes());
            prop_assert!(decode(&owner(), &bytes).is_err());
        }
    }
}
