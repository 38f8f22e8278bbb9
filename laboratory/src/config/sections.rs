//! The tables of a configuration.

use quern_snow::Parameters;
use serde::{Deserialize, Serialize};

use super::{ConfigError, MAX_NODES, MAX_TREES};

/// An engine of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// One n-ary Snowball among the rivals.
    Snowball,
    /// One n-ary Snowflake among the rivals.
    Snowflake,
    /// One tree of binary instances among the rivals: a chain of one height.
    Tree,
    /// The topological Snowman.
    Chain,
    /// Avalanche over a DAG of transactions.
    Dag,
}

impl EngineName {
    /// All of them in their order, with their names in files and on command lines.
    pub const ALL: [(&'static str, Self); 5] = [
        ("snowball", Self::Snowball),
        ("snowflake", Self::Snowflake),
        ("tree", Self::Tree),
        ("chain", Self::Chain),
        ("dag", Self::Dag),
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// What Byzantine nodes answer. All of them know every block at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Nothing.
    Silent,
    /// The rivals in turn, from answer to answer.
    Flip,
    /// The rival that most honest nodes prefer among those that the asker doesn't.
    AlwaysOther,
    /// Every asker its own rival, always the same.
    Equivocate,
    /// Always the rival `byzantine.rival`.
    Constant,
}

impl Strategy {
    /// All of them in their order, with their names in files and on command lines.
    pub const ALL: [(&'static str, Self); 5] = [
        ("silent", Self::Silent),
        ("flip", Self::Flip),
        ("always-other", Self::AlwaysOther),
        ("equivocate", Self::Equivocate),
        ("constant", Self::Constant),
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Consensus parameters, see [`Parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Numbers {
    /// Slots of a poll.
    pub k: u32,
    /// αp: equal answers that move the preference.
    pub alpha_preference: u32,
    /// αc: equal answers that raise confidence.
    pub alpha_confidence: u32,
    /// β: consecutive successful polls that decide.
    pub beta: u32,
    /// Polls open at a time.
    pub concurrent_polls: u32,
    /// Blocks that may be processing at a time.
    pub max_outstanding_items: u32,
    /// For a DAG, consecutive successful polls that decide a transaction without rival; three quarters of β if left
    /// out.
    pub beta_virtuous: Option<u32>,
}

impl Numbers {
    /// β of transactions without rival.
    pub fn beta_virtuous(&self) -> u32 {
        self.beta_virtuous
            .unwrap_or((self.beta - self.beta / 4).max(1))
    }
}

impl Default for Numbers {
    fn default() -> Self {
        let Parameters {
            k,
            alpha_preference,
            alpha_confidence,
            beta,
            concurrent_polls,
            max_outstanding_items,
        } = Parameters::default();
        Self {
            k,
            alpha_preference,
            alpha_confidence,
            beta,
            concurrent_polls,
            max_outstanding_items,
            beta_virtuous: None,
        }
    }
}

impl From<Numbers> for Parameters {
    fn from(numbers: Numbers) -> Self {
        Self {
            k: numbers.k,
            alpha_preference: numbers.alpha_preference,
            alpha_confidence: numbers.alpha_confidence,
            beta: numbers.beta,
            concurrent_polls: numbers.concurrent_polls,
            max_outstanding_items: numbers.max_outstanding_items,
        }
    }
}

/// Which of the rivals a node prefers at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// By shares: each node knows its own rival from the beginning.
    Shares,
    /// The one that arrives first.
    Arrival,
}

/// What is to be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// Rival blocks at every height; for a DAG, transactions in every conflict.
    pub rivals: u32,
    /// Heights, each begun when the first honest node has decided the one before.
    pub heights: u32,
    /// Which rival a node prefers at first.
    pub start: Start,
    /// Relative numbers of honest nodes that begin with each rival; empty for equal ones.
    pub shares: Vec<u32>,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            rivals: 2,
            heights: 1,
            start: Start::Shares,
            shares: Vec::new(),
        }
    }
}

/// How stake is distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// `units` each.
    Equal,
    /// Node i of n has `units` × (n − i) / n, at least 1.
    Linear,
    /// Node i has `units` / (i + 1), at least 1.
    Zipf,
    /// What `list` says.
    List,
}

/// Stake of the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stake {
    /// How it is distributed.
    pub distribution: Distribution,
    /// Stake of the richest node.
    pub units: u64,
    /// Stake of every node, for `list`.
    pub list: Vec<u64>,
}

impl Default for Stake {
    fn default() -> Self {
        Self {
            distribution: Distribution::Equal,
            units: 1_000,
            list: Vec::new(),
        }
    }
}

/// Where Byzantine nodes stand in the list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// At its beginning, where stake is largest.
    First,
    /// At its end.
    Last,
}

/// The Byzantine nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Byzantine {
    /// How many.
    pub nodes: u32,
    /// What they answer.
    pub strategy: Strategy,
    /// Which nodes they are.
    pub place: Place,
    /// The rival of strategy `constant`.
    pub rival: u32,
}

impl Default for Byzantine {
    fn default() -> Self {
        Self {
            nodes: 0,
            strategy: Strategy::Silent,
            place: Place::Last,
            rival: 0,
        }
    }
}

/// When a run ends undecided, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Virtual time after which a run is given up.
    pub time_us: u64,
    /// Events after which it is given up.
    pub events: u64,
    /// Votes, and as many polls, that are recorded; further ones are counted only.
    pub rows: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time_us: 60_000_000,
            events: 200_000_000,
            rows: 2_000_000,
        }
    }
}

/// How nodes are scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scoring {
    /// Modified z-score from which a value is an anomaly.
    pub z: f64,
    /// Isolation score from which a node is suspect.
    pub isolation: f64,
    /// Trees of the isolation forest.
    pub trees: u32,
    /// Nodes that each tree looks at.
    pub sample: u32,
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            z: 3.5,
            isolation: 0.65,
            trees: 100,
            sample: 256,
        }
    }
}

impl Scoring {
    /// Checks the bounds.
    ///
    /// # Errors
    /// The first key out of its bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::first(&[
            (
                "score.z",
                self.z > 0.0 && self.z <= 100.0,
                "above 0, at most 100",
            ),
            (
                "score.isolation",
                (0.0..=1.0).contains(&self.isolation),
                "0 to 1",
            ),
            (
                "score.trees",
                (1..=MAX_TREES).contains(&self.trees),
                "1 to 1 000",
            ),
            (
                "score.sample",
                (2..=MAX_NODES).contains(&self.sample),
                "2 to 4 096",
            ),
        ])
    }
}
