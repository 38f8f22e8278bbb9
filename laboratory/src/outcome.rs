//! How a run ended.

use serde::Serialize;

use crate::{bounds::Bound, config::Configuration, forecast::Accuracy};

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All honest nodes have decided everything.
    Decided,
    /// `limits.time_us` is over.
    Time,
    /// `limits.events` are spent.
    Events,
}

/// What was decided at one height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeightRow {
    /// The height.
    pub height: u32,
    /// The block that was accepted first.
    pub block: u32,
    /// Which rival it is.
    pub rival: u32,
    /// Honest nodes that accepted it.
    pub nodes: u32,
    /// Honest nodes that accepted another.
    pub others: u32,
    /// When the first honest node decided.
    pub first_us: u64,
    /// When the last did, as far as they have.
    pub last_us: u64,
}

/// Quantiles of when honest nodes had decided everything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// Mean.
    pub mean_us: f64,
    /// Half of them.
    pub p50_us: u64,
    /// 99 of 100.
    pub p99_us: u64,
    /// All.
    pub max_us: u64,
}

impl Times {
    /// Of values in any order; none of none.
    pub fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let last = values.len().checked_sub(1)?;
        let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
        // The smallest value that at least this part of all don't exceed.
        let quantile = |percent: usize| values[(values.len() * percent).div_ceil(100) - 1];
        Some(Self {
            mean_us: sum as f64 / values.len() as f64,
            p50_us: quantile(50),
            p99_us: quantile(99),
            max_us: values[last],
        })
    }
}

/// One node in sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRow {
    /// Its number.
    pub node: u32,
    /// `honest`, or the Byzantine strategy.
    pub role: &'static str,
    /// Its stake.
    pub stake: u64,
    /// Questions to it that have been answered or given up.
    pub asked: u64,
    /// Answers by type: it preferred a block,
    pub prefer: u64,
    /// it had accepted one,
    pub accept: u64,
    /// it had rejected the one it was asked about,
    pub reject: u64,
    /// or none came in time.
    pub nothing: u64,
    /// Polls of its own that ended.
    pub polls: u64,
    /// Of them those with αp for one rival.
    pub quorums: u64,
    /// Heights that it has decided.
    pub height: u32,
    /// The rival that it accepted last, once it accepted any.
    pub accepted: Option<u32>,
    /// When it had decided everything.
    pub decided_us: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What was run.
    pub configuration: Configuration,
    /// Honest nodes.
    pub honest: u32,
    /// Part of all stake that Byzantine nodes hold.
    pub byzantine_share: f64,
    /// Why it ended.
    pub end: End,
    /// When.
    pub time_us: u64,
    /// Events that were simulated.
    pub events: u64,
    /// Honest nodes that have decided everything.
    pub decided: u32,
    /// Honest nodes that have not.
    pub undecided: u32,
    /// Whether no two honest nodes have accepted rivals. Undecided nodes don't break it.
    pub agreement: bool,
    /// Acceptances by honest nodes of another block than the first that was accepted at its height.
    pub disagreements: u64,
    /// Why honest nodes are undecided, if any is.
    pub stall: Option<String>,
    /// Each height that was decided.
    pub heights: Vec<HeightRow>,
    /// When honest nodes had decided everything.
    pub times: Option<Times>,
    /// Polls of honest nodes that ended.
    pub polls: u64,
    /// Of them those with αp for one rival.
    pub quorums: u64,
    /// Votes that engines counted.
    pub votes: u64,
    /// Mean time from opening a poll to its end.
    pub poll_us: f64,
    /// The first-order bound for this share of Byzantine stake.
    pub bound: Bound,
    /// Time to decide everything that the configuration alone suggests.
    pub predicted_us: f64,
    /// Its distance from the mean that was seen, in parts of that.
    pub predicted_error: Option<f64>,
    /// How good predictions after half of β successful polls were.
    pub forecasts: Accuracy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        assert_eq!(Times::of(Vec::new()), None);
        let times = Times::of((1..=200).rev().collect()).unwrap();
        assert_eq!((times.p50_us, times.p99_us, times.max_us), (100, 198, 200));
        assert_eq!(times.mean_us, 100.5);
        assert_eq!(Times::of(vec![7]).unwrap().p99_us, 7);
    }
}
