//! Many runs of one configuration, each with the next seed.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use serde::Serialize;

use crate::{
    config::{ConfigError, Configuration},
    outcome::{Outcome, Times},
    simulation::{SimulationError, simulate},
};

/// Most runs.
pub const MAX_RUNS: u64 = 1_000_000;

/// Most threads.
const MAX_THREADS: usize = 64;

/// One run in sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRow {
    /// Its seed.
    pub seed: u64,
    /// Whether no two honest nodes accepted rivals.
    pub agreement: bool,
    /// Acceptances of another block than the first at its height.
    pub disagreements: u64,
    /// Honest nodes that decided everything.
    pub decided: u32,
    /// Honest nodes that did not.
    pub undecided: u32,
    /// The rival that was accepted first at the first height.
    pub rival: Option<u32>,
    /// Virtual time at its end.
    pub time_us: u64,
    /// Polls of honest nodes.
    pub polls: u64,
}

impl RunRow {
    fn of(outcome: &Outcome) -> Self {
        Self {
            seed: outcome.configuration.seed,
            agreement: outcome.agreement,
            disagreements: outcome.disagreements,
            decided: outcome.decided,
            undecided: outcome.undecided,
            rival: outcome.heights.first().map(|height| height.rival),
            time_us: outcome.time_us,
            polls: outcome.polls,
        }
    }
}

/// Many runs in sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sweep {
    /// What was run, with the first seed.
    pub configuration: Configuration,
    /// How many runs.
    pub runs: u64,
    /// Runs without honest disagreement.
    pub agreed: u64,
    /// Runs in which honest nodes accepted rivals.
    pub disagreed: u64,
    /// Runs in which some honest node was undecided at the end.
    pub stalled: u64,
    /// Virtual time at the end of runs that decided everything.
    pub times: Option<Times>,
    /// Each run, by seed.
    #[serde(skip)]
    pub rows: Vec<RunRow>,
}

/// Runs `runs` seeds from the configuration's on, on several threads. The result doesn't depend on their number.
/// `progress` hears how many runs are over.
///
/// # Errors
/// More than [`MAX_RUNS`]; what the run with the lowest seed fails with.
pub fn sweep(
    configuration: &Configuration,
    runs: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Sweep, SimulationError> {
    configuration.validate()?;
    ConfigError::first(&[("runs", (1..=MAX_RUNS).contains(&runs), "1 to 1 000 000")])?;
    let (next, over) = (AtomicU64::new(0), AtomicU64::new(0));
    let ended = Mutex::new(Vec::new());
    let work = || {
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed);
            if run >= runs {
                return;
            }
            let one = Configuration {
                seed: configuration.seed.wrapping_add(run),
                ..configuration.clone()
            };
            let row = simulate(&one, false, &mut |_, _| ()).map(|run| RunRow::of(&run.outcome));
            // A thread that panicked ends the scope in any case.
            if let Ok(mut ended) = ended.lock() {
                ended.push((run, row));
            }
            progress(over.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads.min(MAX_THREADS) {
            scope.spawn(work);
        }
    });
    let mut ended = ended.into_inner().unwrap_or_default();
    ended.sort_by_key(|(run, _)| *run);
    let rows = ended.into_iter().map(|(_, row)| row);
    let rows: Vec<RunRow> = rows.collect::<Result<_, _>>()?;
    let count = |which: fn(&RunRow) -> bool| rows.iter().filter(|row| which(row)).count() as u64;
    let decided = rows.iter().filter(|row| row.undecided == 0);
    Ok(Sweep {
        configuration: configuration.clone(),
        runs,
        agreed: count(|row| row.agreement),
        disagreed: count(|row| !row.agreement),
        stalled: count(|row| row.undecided > 0),
        times: Times::of(decided.map(|row| row.time_us).collect()),
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_those_of_single_seeds_in_their_order() {
        let configuration = Configuration {
            nodes: 30,
            seed: 7,
            ..Configuration::default()
        };
        let swept = sweep(&configuration, 5, &|_| ()).unwrap();
        let seeds: Vec<u64> = swept.rows.iter().map(|row| row.seed).collect();
        assert_eq!(seeds, [7, 8, 9, 10, 11]);
        assert_eq!((swept.agreed, swept.disagreed, swept.stalled), (5, 0, 0));
        let single = Configuration {
            seed: 9,
            ..configuration
        };
        let single = simulate(&single, false, &mut |_, _| ()).unwrap();
        assert_eq!(swept.rows[2], RunRow::of(&single.outcome));
    }

    #[test]
    fn too_many_runs_are_refused_by_name() {
        for runs in [0, MAX_RUNS + 1] {
            let refused = sweep(&Configuration::default(), runs, &|_| ());
            assert!(matches!(
                refused,
                Err(SimulationError::Config(ConfigError::Bounds {
                    key: "runs",
                    ..
                }))
            ));
        }
    }
}
