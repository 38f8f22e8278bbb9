//! Chain specs whose work is small.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use quern_work::TaskSpec;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;

/// The chains the node knows by heart, as it exports them.
static DEV: LazyLock<Value> = LazyLock::new(|| export("dev"));
static LOCAL: LazyLock<Value> = LazyLock::new(|| export("local"));

fn export(chain: &str) -> Value {
    let ended = binary::run("quern-node", &["export-chain-spec", "--chain", chain]);
    assert!(ended.success, "export-chain-spec: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("a chain spec is JSON")
}

/// A chain spec in a temporary folder.
#[derive(Debug)]
pub struct Chain {
    spec: Value,
    file: PathBuf,
    _folder: TempDir,
}

/// What a chain demands of its miners.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Wanted interval between blocks, in milliseconds.
    pub interval_ms: u64,
    /// Expected MACs of the first block.
    pub difficulty: u64,
    /// The difficulty never falls below this.
    pub floor: u64,
    /// Expected MACs of a share.
    pub share_difficulty: u64,
    /// Steps that may be mined past the last claim that was revealed.
    pub max_ahead: u64,
}

impl Work {
    /// What one busy core does in about a second.
    pub const LIGHT: Self = Self {
        interval_ms: 1_000,
        difficulty: 2_000_000_000,
        floor: 200_000_000,
        share_difficulty: 20_000_000_000,
        max_ahead: 4096,
    };
}

impl Chain {
    /// The development chain with other work: one validator, Alice, who owns run 0 of task 0. Nobody verifies: claims are
    /// accepted as they stand.
    pub fn dev(work: Work, task: &TaskSpec) -> Self {
        Self::new(&DEV, work, task)
    }

    /// The local chain with other work: three validators, who own runs 0, 1 and 2 of task 0. Nobody verifies here
    /// either.
    pub fn local(work: Work, task: &TaskSpec) -> Self {
        Self::new(&LOCAL, work, task)
    }

    fn new(base: &Value, work: Work, task: &TaskSpec) -> Self {
        let mut spec = base.clone();
        let genesis = &mut spec["genesis"]["runtimeGenesis"]["patch"];
        genesis["difficulty"] = json!({
            "intervalMs": work.interval_ms,
            "initial": work.difficulty,
            "floor": work.floor,
        });
        set_parameter(genesis, "work.share_difficulty", work.share_difficulty);
        set_parameter(genesis, "work.max_ahead", work.max_ahead);
        genesis["tasks"]["commons"] = json!([task]);
        Self::write(spec)
    }

    /// The same chain with another genesis, which `change` makes from this one's.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut Value)) -> Self {
        let mut spec = self.spec.clone();
        change(&mut spec["genesis"]["runtimeGenesis"]["patch"]);
        Self::write(spec)
    }

    fn write(spec: Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("chain.json");
        fs::write(&file, spec.to_string()).expect("the chain spec can be written");
        Self {
            spec,
            file,
            _folder: folder,
        }
    }

    /// The spec file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The spec file, as an argument.
    ///
    /// # Panics
    /// If the temporary folder's name is no UTF-8.
    pub fn argument(&self) -> &str {
        self.file.to_str().expect("a UTF-8 path")
    }
}

/// Gives a parameter of the chain another value at genesis.
///
/// # Panics
/// If the genesis sets no parameters at all.
pub fn set_parameter(genesis: &mut Value, name: &str, value: u64) {
    let parameters = genesis["governance"]["parameters"].as_array_mut();
    let parameters = parameters.expect("a list of parameters");
    parameters.retain(|parameter| parameter[0] != name);
    parameters.push(json!([name, value]));
}

/// The built-in glyphs with a small network: 784-64-10, batches of 128 rows, segments of 16 steps.
///
/// # Panics
/// If the development chain has no task.
pub fn glyphs() -> TaskSpec {
    let task = &DEV["genesis"]["runtimeGenesis"]["patch"]["tasks"]["commons"][0];
    let task: TaskSpec = serde_json::from_value(task.clone()).expect("the commons task");
    TaskSpec {
        hidden: vec![64].try_into().expect("one hidden layer"),
        batch: 128,
        segment: 16,
        ..task
    }
}
