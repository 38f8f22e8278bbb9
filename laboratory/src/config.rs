//! What is simulated: a TOML file, every key with a default.
//!
//! `docs/snow.example.toml` names every key.

mod sections;
#[cfg(test)]
mod tests;

use quern_snow::{Parameters, Sampler};
use serde::{Deserialize, Serialize};

pub use self::sections::{
    Byzantine, Distribution, EngineName, Limits, Numbers, Place, Scoring, Stake, Start, Strategy,
    Workload,
};
use crate::network::{MAX_DELAY, MAX_PARTITIONS, Network, Partition};

/// Most nodes.
pub const MAX_NODES: u32 = 4_096;

/// Most rival blocks at one height.
pub const MAX_RIVALS: u32 = 256;

/// Most heights.
pub const MAX_HEIGHTS: u32 = 10_000;

/// Most questions that may be under way at a time: nodes × k × polls opened within a timeout.
pub const MAX_IN_FLIGHT: u64 = 8_000_000;

/// Most entries of what every node knows of every block.
pub const MAX_FATES: u64 = 64_000_000;

/// Most votes and polls that are recorded.
pub const MAX_ROWS: u64 = 10_000_000;

/// Most events of one run.
pub const MAX_EVENTS: u64 = 100_000_000_000;

/// Longest virtual time: ten days.
pub const MAX_TIME: u64 = 240 * MAX_DELAY;

/// Most stake of one node.
pub const MAX_STAKE: u64 = 1_000_000_000_000;

/// Most trees of the isolation forest.
pub const MAX_TREES: u32 = 1_000;

/// Why a configuration is refused. Nothing has been simulated or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is no TOML, or has a key that is unknown or of another type; the text says where.
    #[error("the configuration cannot be read: {0}")]
    Toml(String),
    /// A number is out of its bounds: choose one within.
    #[error("{key} is out of bounds: {bounds}")]
    Bounds {
        /// The key.
        key: &'static str,
        /// What is allowed.
        bounds: &'static str,
    },
    /// A parameter of consensus breaks its bound, or less stake than `k` is there.
    #[error("the library refuses: {0}")]
    Snow(#[from] quern_snow::Error),
    /// The engine decides one height only: ask for one, or take `chain` or `dag`.
    #[error("engine {0} decides one height: set workload.heights = 1")]
    OneHeight(&'static str),
    /// Every node is Byzantine: leave an honest one.
    #[error("byzantine.nodes leaves no honest node")]
    NoHonest,
}

impl ConfigError {
    /// The first bound that doesn't hold.
    pub(crate) fn first(bounds: &[(&'static str, bool, &'static str)]) -> Result<(), Self> {
        match bounds.iter().find(|(_, holds, _)| !holds) {
            Some((key, _, bounds)) => Err(Self::Bounds { key, bounds }),
            None => Ok(()),
        }
    }
}

/// A simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// Which engine.
    pub engine: EngineName,
    /// Where all randomness comes from: the same seed gives the same run.
    pub seed: u64,
    /// How many nodes, Byzantine ones among them.
    pub nodes: u32,
    /// Consensus parameters.
    pub parameters: Numbers,
    /// What is to be decided.
    pub workload: Workload,
    /// Who has how much stake.
    pub stake: Stake,
    /// Who lies, and how.
    pub byzantine: Byzantine,
    /// How messages travel.
    pub network: Network,
    /// Who is cut off, and when.
    pub partition: Vec<Partition>,
    /// When to end.
    pub limits: Limits,
    /// How nodes are scored.
    pub score: Scoring,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            engine: EngineName::Chain,
            seed: 0,
            nodes: 100,
            parameters: Numbers::default(),
            workload: Workload::default(),
            stake: Stake::default(),
            byzantine: Byzantine::default(),
            network: Network::default(),
            partition: Vec::new(),
            limits: Limits::default(),
            score: Scoring::default(),
        }
    }
}

impl Configuration {
    /// Reads a file's text; bounds are for [`Self::validate`], after what the command line overrides.
    ///
    /// # Errors
    /// The text is no TOML, or has a key that is unknown or of another type.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text)
            .map_err(|error| ConfigError::Toml(error.to_string().trim_end().replace('\n', "\n  ")))
    }

    /// Reads and checks a file's text.
    ///
    /// # Errors
    /// As [`Self::read`] and [`Self::validate`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let configuration = Self::read(text)?;
        configuration.validate()?;
        Ok(configuration)
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first key out of its bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let workload = &self.workload;
        ConfigError::first(&[
            ("nodes", (1..=MAX_NODES).contains(&self.nodes), "1 to 4 096"),
            (
                "workload.rivals",
                (1..=MAX_RIVALS).contains(&workload.rivals),
                "1 to 256",
            ),
            (
                "workload.heights",
                (1..=MAX_HEIGHTS).contains(&workload.heights),
                "1 to 10 000",
            ),
            (
                "workload.shares",
                workload.shares.is_empty()
                    || (workload.shares.len() as u64 == u64::from(workload.rivals)
                        && workload.shares.iter().any(|share| *share > 0)),
                "none, or one for each rival, not all 0",
            ),
            (
                "stake.units",
                (1..=MAX_STAKE).contains(&self.stake.units),
                "1 to 1 000 000 000 000",
            ),
            (
                "stake.list",
                self.stake_list_holds(),
                "one stake for each node with distribution \"list\", else none; at most 1 000 000 000 000 each",
            ),
            (
                "byzantine.rival",
                self.byzantine.rival < workload.rivals,
                "below workload.rivals",
            ),
            (
                "limits.time_us",
                (1..=MAX_TIME).contains(&self.limits.time_us),
                "1 to 864 000 000 000",
            ),
            (
                "limits.events",
                (1..=MAX_EVENTS).contains(&self.limits.events),
                "1 to 100 000 000 000",
            ),
            (
                "limits.rows",
                self.limits.rows <= MAX_ROWS,
                "at most 10 000 000",
            ),
            (
                "partition",
                self.partition.len() <= MAX_PARTITIONS,
                "at most 64 of them",
            ),
        ])?;
        let numbers = &self.parameters;
        Parameters::from(*numbers).validate()?;
        ConfigError::first(&[(
            "parameters.beta_virtuous",
            (1..=numbers.beta).contains(&numbers.beta_virtuous()),
            "1 to parameters.beta",
        )])?;
        self.network.validate()?;
        for partition in &self.partition {
            partition.validate(self.nodes)?;
        }
        self.score.validate()?;
        self.sizes()?;
        if self.byzantine.nodes >= self.nodes {
            return Err(ConfigError::NoHonest);
        }
        let one_height = !matches!(self.engine, EngineName::Chain | EngineName::Dag);
        if one_height && workload.heights != 1 {
            return Err(ConfigError::OneHeight(self.engine.name()));
        }
        let stake = Sampler::new(&self.stakes())?.total();
        if stake < u64::from(self.parameters.k) {
            return Err(quern_snow::Error::TooLittleStake(stake).into());
        }
        Ok(())
    }

    fn stake_list_holds(&self) -> bool {
        let list = &self.stake.list;
        match self.stake.distribution {
            Distribution::List => {
                list.len() as u64 == u64::from(self.nodes)
                    && list.iter().all(|stake| *stake <= MAX_STAKE)
            }
            _ => list.is_empty(),
        }
    }

    /// Bounds of what a run keeps in memory.
    fn sizes(&self) -> Result<(), ConfigError> {
        let nodes = u64::from(self.nodes);
        let open = self.network.timeout_us / self.network.interval_us + 1;
        let in_flight = nodes
            .saturating_mul(self.parameters.k.into())
            .saturating_mul(open);
        let blocks = u64::from(self.workload.rivals).saturating_mul(self.workload.heights.into());
        ConfigError::first(&[
            (
                "network.interval_us",
                in_flight <= MAX_IN_FLIGHT,
                "nodes × k × (timeout_us / interval_us + 1) is at most 8 000 000",
            ),
            (
                "workload.heights",
                nodes.saturating_mul(blocks) <= MAX_FATES,
                "nodes × rivals × heights is at most 64 000 000",
            ),
            (
                "workload.rivals",
                self.workload.rivals <= self.parameters.max_outstanding_items,
                "at most parameters.max_outstanding_items",
            ),
        ])
    }

    /// Stake of every node.
    pub fn stakes(&self) -> Vec<u64> {
        let (nodes, units) = (u64::from(self.nodes), self.stake.units);
        let by_place = |place: u64| match self.stake.distribution {
            Distribution::Equal => units,
            Distribution::Linear => (units.saturating_mul(nodes - place) / nodes).max(1),
            Distribution::Zipf => (units / (place + 1)).max(1),
            Distribution::List => 0,
        };
        match self.stake.distribution {
            Distribution::List => self.stake.list.clone(),
            _ => (0..nodes).map(by_place).collect(),
        }
    }

    /// Whether a node is Byzantine.
    pub fn is_byzantine(&self, node: u32) -> bool {
        match self.byzantine.place {
            Place::First => node < self.byzantine.nodes,
            Place::Last => node >= self.nodes.saturating_sub(self.byzantine.nodes),
        }
    }

    /// Honest nodes.
    pub const fn honest(&self) -> u32 {
        self.nodes.saturating_sub(self.byzantine.nodes)
    }

    /// Part of all stake that Byzantine nodes hold.
    pub fn byzantine_share(&self) -> f64 {
        let stakes = self.stakes();
        let all: u128 = stakes.iter().map(|stake| u128::from(*stake)).sum();
        let theirs = (0u32..).zip(&stakes);
        let theirs = theirs.filter(|(node, _)| self.is_byzantine(*node));
        let theirs: u128 = theirs.map(|(_, stake)| u128::from(*stake)).sum();
        theirs as f64 / all.max(1) as f64
    }

    /// The rival that each honest node begins with, by its place among honest nodes.
    pub fn first_rivals(&self) -> Vec<u32> {
        let equal = vec![1; self.workload.rivals as usize];
        let shares = match self.workload.shares.as_slice() {
            [] => &equal,
            shares => shares,
        };
        let all: u64 = shares.iter().map(|share| u64::from(*share)).sum();
        let honest = u64::from(self.honest());
        let mut upto = 0u64;
        let mut rivals = Vec::new();
        for (rival, share) in (0u32..).zip(shares) {
            upto += u64::from(*share);
            rivals.resize((honest * upto / all.max(1)) as usize, rival);
        }
        rivals
    }
}
