//! What runs and folders of results tell.

use crate::{Failure, report::Report};
use quern_laboratory::{
    Configuration, Folder, Outcome, Scores,
    bounds::{Bound, up_to_one_digit},
    network::SECOND,
    score,
};
use serde_json::{Value, json};
use std::path::Path;

/// Anomalies that are shown as text; all are in the folder and in JSON.
const SHOWN: usize = 12;

pub(super) fn milliseconds(time_us: f64) -> String {
    format!("{:.1} ms", time_us / 1_000.0)
}

pub(super) fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

/// What a run says of itself.
pub(super) fn told(outcome: &Outcome) -> Result<Report, Failure> {
    let configuration = &outcome.configuration;
    let byzantine = &configuration.byzantine;
    let mut nodes = format!("{}, {} of them honest", configuration.nodes, outcome.honest);
    if byzantine.nodes > 0 {
        let share = percent(outcome.byzantine_share);
        nodes += &format!("; {} with {share} of the stake", byzantine.strategy.name());
    }
    let agreement = match outcome.disagreements {
        0 => "yes".to_owned(),
        n => format!("NO: {n} acceptances of rivals"),
    };
    let mut report = Report::new(outcome)?
        .line("engine", configuration.engine.name())
        .line("seed", configuration.seed)
        .line("nodes", nodes)
        .line("agreement", agreement)
        .line(
            "decided",
            format!(
                "{} of {} honest nodes, in {:.3} s of virtual time",
                outcome.decided,
                outcome.honest,
                outcome.time_us as f64 / SECOND as f64
            ),
        );
    if let Some(stall) = &outcome.stall {
        report = report.line("stalled", stall);
    }
    if let [height] = outcome.heights.as_slice() {
        report = report.line("accepted", format!("rival {}", height.rival));
    } else {
        let heights = configuration.workload.heights;
        report = report.line("heights", format!("{} of {heights}", outcome.heights.len()));
    }
    if let Some(times) = &outcome.times {
        let (p50, p99) = (times.p50_us as f64, times.p99_us as f64);
        report = report.line(
            "time",
            format!("p50 {}, p99 {}", milliseconds(p50), milliseconds(p99)),
        );
    }
    let mut predicted = format!(
        "{} from the configuration alone",
        milliseconds(outcome.predicted_us)
    );
    if let Some(error) = outcome.predicted_error {
        predicted += &format!(", off by {}", percent(error));
    }
    report = report.line("predicted", predicted);
    let forecasts = &outcome.forecasts;
    if let (Some(at), Some(error)) = (forecasts.predicted_us, forecasts.relative_error) {
        report = report.line(
            "",
            format!(
                "{} at half of β, off by {} (medians of {} decisions)",
                milliseconds(at),
                percent(error),
                forecasts.decided
            ),
        );
    }
    let per_node = outcome.polls as f64 / f64::from(outcome.honest.max(1));
    Ok(report
        .line(
            "polls",
            format!(
                "{} ({per_node:.1} a node), {} with αp for one rival, {} on average",
                outcome.polls,
                outcome.quorums,
                milliseconds(outcome.poll_us)
            ),
        )
        .line("votes", outcome.votes)
        .line("error bound", bounded(&outcome.bound)))
}

/// A bound in words.
fn bounded(bound: &Bound) -> String {
    format!(
        "{} per decision; about {:.0} polls each if that stake is silent (first-order model)",
        up_to_one_digit(bound.error),
        bound.expected_polls
    )
}

/// Adds who is suspect, and how many of them rightly so.
pub(super) fn suspects(
    report: Report,
    configuration: &Configuration,
    scores: &Scores,
) -> Result<Report, Failure> {
    let suspects: Vec<u32> = scores
        .nodes
        .iter()
        .filter(|row| row.suspect)
        .map(|row| row.node)
        .collect();
    let detection = scores.detection(|node| configuration.is_byzantine(node));
    let mut report = report
        .fact("suspects", json!(suspects))
        .fact("detection", serde_json::to_value(detection)?)
        .fact("scores", serde_json::to_value(&scores.nodes)?)
        .fact("anomalies", serde_json::to_value(&scores.anomalies)?)
        .line(
            "suspects",
            format!(
                "{}: {} of {} Byzantine nodes, {} honest ones",
                suspects.len(),
                detection.found,
                detection.found + detection.missed,
                detection.false_alarms
            ),
        );
    for anomaly in scores.anomalies.iter().take(SHOWN) {
        report = report.line(
            "",
            format!(
                "node {}: {} {:.3}, z {:.1}",
                anomaly.node,
                anomaly.measure.name(),
                anomaly.value,
                anomaly.z
            ),
        );
    }
    if let Some(more @ 1..) = scores.anomalies.len().checked_sub(SHOWN) {
        report = report.line("", format!("and {more} more anomalies"));
    }
    Ok(report)
}

pub(super) fn score_again(
    folder: &Path,
    z: Option<f64>,
    isolation: Option<f64>,
) -> Result<Report, Failure> {
    let folder = Folder::at(folder);
    let mut configuration = folder.configuration()?;
    configuration.score.z = z.unwrap_or(configuration.score.z);
    configuration.score.isolation = isolation.unwrap_or(configuration.score.isolation);
    configuration.score.validate()?;
    let scores = score(
        &folder.votes()?,
        &folder.blocks()?,
        configuration.nodes,
        configuration.parameters.alpha_preference,
        configuration.seed,
        &configuration.score,
    );
    folder.write_scores(&scores)?;
    suspects(
        Report::new(Value::Object(Default::default()))?,
        &configuration,
        &scores,
    )
}

pub(super) fn plot_again(path: &Path) -> Result<Report, Failure> {
    let folder = Folder::at(path);
    let configuration = folder.configuration()?;
    let states = folder.states(configuration.nodes)?;
    let matrix = folder.matrix(configuration.nodes)?;
    folder.write_plots(&configuration, &states, &matrix)?;
    Ok(
        Report::new(json!({ "folder": path.display().to_string() }))?
            .line("drew", format!("7 files in {}", path.display())),
    )
}
