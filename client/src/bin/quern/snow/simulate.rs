//! `quern snow simulate`: one run, recorded, or many.

use super::{
    bar, read_configuration,
    results::{milliseconds, suspects, told},
};
use crate::{Failure, report::Report};
use clap::{Args, builder::PossibleValuesParser};
use quern_laboratory::{
    Configuration, Folder, Run, Scores, Sweep,
    config::{EngineName, Strategy},
    score, simulate, sweep,
};
use serde_json::json;
use std::path::PathBuf;

/// What to simulate; options go before the file.
#[derive(Args)]
pub(crate) struct Simulate {
    /// A TOML file; `docs/snow.example.toml` explains every key. Without one, its defaults.
    configuration: Option<PathBuf>,
    /// The seed: the same one gives the same run, to the byte.
    #[arg(long)]
    seed: Option<u64>,
    /// How many nodes, Byzantine ones among them.
    #[arg(long)]
    nodes: Option<u32>,
    /// The engine.
    #[arg(long, value_parser = names(&EngineName::ALL))]
    engine: Option<String>,
    /// Rival blocks at every height.
    #[arg(long)]
    rivals: Option<u32>,
    /// Heights to decide.
    #[arg(long)]
    heights: Option<u32>,
    /// How many nodes are Byzantine.
    #[arg(long)]
    byzantine: Option<u32>,
    /// What Byzantine nodes answer.
    #[arg(long, value_parser = names(&Strategy::ALL))]
    strategy: Option<String>,
    /// Messages of a million that are lost.
    #[arg(long)]
    loss: Option<u32>,
    /// Runs, each with the next seed: only their ends are told.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// A new or empty folder for votes, polls, plots and all else.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn names<T>(all: &[(&'static str, T)]) -> PossibleValuesParser {
    let names: Vec<&'static str> = all.iter().map(|(name, _)| *name).collect();
    PossibleValuesParser::new(names)
}

fn named<T: Copy>(all: &[(&'static str, T)], name: &str) -> Option<T> {
    let found = all.iter().find(|(other, _)| *other == name);
    found.map(|(_, value)| *value)
}

impl Simulate {
    /// Whether it is one run, told in full.
    pub(super) const fn is_one(&self) -> bool {
        self.runs == 1
    }

    /// The file, with what the command line overrides.
    fn configuration(&self) -> Result<Configuration, Failure> {
        let mut configuration = match &self.configuration {
            Some(path) => Configuration::read(&read_configuration(path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?,
            None => Configuration::default(),
        };
        let set = |value: Option<u32>, target: &mut u32| *target = value.unwrap_or(*target);
        configuration.seed = self.seed.unwrap_or(configuration.seed);
        set(self.nodes, &mut configuration.nodes);
        set(self.rivals, &mut configuration.workload.rivals);
        set(self.heights, &mut configuration.workload.heights);
        set(self.byzantine, &mut configuration.byzantine.nodes);
        set(self.loss, &mut configuration.network.loss_per_million);
        if let Some(engine) = self.engine.as_deref() {
            configuration.engine = named(&EngineName::ALL, engine).unwrap_or(configuration.engine);
        }
        if let Some(name) = self.strategy.as_deref() {
            let strategy = named(&Strategy::ALL, name);
            configuration.byzantine.strategy = strategy.unwrap_or(configuration.byzantine.strategy);
        }
        configuration.validate()?;
        Ok(configuration)
    }
}

pub(super) fn one(arguments: &Simulate) -> Result<Report, Failure> {
    let configuration = arguments.configuration()?;
    // Before the run, so that a bad folder doesn't waste it.
    let folder = arguments.out.as_deref().map(Folder::create).transpose()?;
    let bar = bar("decisions");
    let run = simulate(&configuration, true, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let run = run?;
    let scores = scores_of(&configuration, &run);
    let files = match &folder {
        Some(folder) => folder.write_run(&run, &scores)?,
        None => Vec::new(),
    };
    let report = told(&run.outcome)?;
    let report = suspects(report, &configuration, &scores)?;
    let report = report
        .fact("leftOut", json!(run.record.left_out))
        .fact("nodes", serde_json::to_value(&run.nodes)?)
        .fact("files", json!(files));
    let report = match run.record.left_out {
        0 => report,
        rows => report.line(
            "not recorded",
            format!("{rows} votes and polls beyond limits.rows"),
        ),
    };
    Ok(match &arguments.out {
        Some(out) => report.line(
            "wrote",
            format!("{} files to {}", files.len(), out.display()),
        ),
        None => report,
    }
    .bad_if(!run.outcome.agreement))
}

pub(super) fn many(arguments: &Simulate) -> Result<Report, Failure> {
    let configuration = arguments.configuration()?;
    let folder = arguments.out.as_deref().map(Folder::create).transpose()?;
    let bar = bar("runs");
    bar.set_length(arguments.runs);
    let swept = sweep(&configuration, arguments.runs, &|over| {
        bar.set_position(over)
    });
    bar.finish_and_clear();
    let swept: Sweep = swept?;
    let files = match &folder {
        Some(folder) => folder.write_sweep(&swept.rows)?,
        None => Vec::new(),
    };
    let disagreed: Vec<u64> = swept
        .rows
        .iter()
        .filter(|row| !row.agreement)
        .map(|row| row.seed)
        .collect();
    let last = configuration.seed.wrapping_add(swept.runs - 1);
    let mut report = Report::new(&swept)?
        .fact("disagreedSeeds", json!(disagreed))
        .fact("files", json!(files))
        .line("engine", configuration.engine.name())
        .line(
            "runs",
            format!("{}, seeds {} to {last}", swept.runs, configuration.seed),
        )
        .line(
            "agreement",
            format!("in {} of {} runs", swept.agreed, swept.runs),
        )
        .line("stalled", format!("{} runs", swept.stalled));
    if let Some(times) = &swept.times {
        let (p50, p99) = (times.p50_us as f64, times.p99_us as f64);
        report = report.line(
            "time",
            format!(
                "p50 {}, p99 {} until all have decided",
                milliseconds(p50),
                milliseconds(p99)
            ),
        );
    }
    if let Some(out) = &arguments.out {
        report = report.line(
            "wrote",
            format!("{} files to {}", files.len(), out.display()),
        );
    }
    Ok(report.bad_if(swept.disagreed > 0))
}

fn scores_of(configuration: &Configuration, run: &Run) -> Scores {
    score(
        &run.record.votes,
        &run.record.blocks,
        configuration.nodes,
        configuration.parameters.alpha_preference,
        configuration.seed,
        &configuration.score,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snow::{Command, tests::parse};
    use std::fs;

    #[test]
    fn the_command_line_overrides_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("snow.toml");
        fs::write(&file, "seed = 4\nnodes = 50\n[byzantine]\nnodes = 3").unwrap();
        let file = file.to_str().unwrap();
        let line = [
            "simulate",
            file,
            "--seed",
            "9",
            "--strategy",
            "flip",
            "--engine",
            "tree",
        ];
        let Ok(Command::Simulate(arguments)) = parse(&line) else {
            panic!("no simulation");
        };
        let configuration = arguments.configuration().unwrap();
        assert_eq!((configuration.seed, configuration.nodes), (9, 50));
        assert_eq!(configuration.engine, EngineName::Tree);
        let byzantine = &configuration.byzantine;
        assert_eq!((byzantine.nodes, byzantine.strategy), (3, Strategy::Flip));
        assert!(parse(&["simulate", "--engine", "paxos"]).is_err());
    }
}
