//! `quern snow bounds`: what the first-order model says.

use super::results::percent;
use crate::{Failure, report::Report};
use clap::Args;
use quern_laboratory::{
    Configuration,
    bounds::{Exposure, bound, up_to_one_digit},
    config::{ConfigError, Numbers},
};
use serde_json::json;

/// For which parameters and stake.
#[derive(Args)]
pub(crate) struct Bounds {
    /// Slots of a poll.
    #[arg(long, default_value_t = Numbers::default().k)]
    k: u32,
    /// Equal answers that move a preference.
    #[arg(long, default_value_t = Numbers::default().alpha_preference)]
    alpha_preference: u32,
    /// Equal answers that raise confidence.
    #[arg(long, default_value_t = Numbers::default().alpha_confidence)]
    alpha_confidence: u32,
    /// Consecutive successful polls that decide.
    #[arg(long, default_value_t = Numbers::default().beta)]
    beta: u32,
    /// Shares of stake that are Byzantine or silent, 0 to 1.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0.05,0.1,0.15,0.2,0.25,0.3"
    )]
    byzantine: Vec<f64>,
    /// Honest nodes, for the union bound.
    #[arg(long, default_value_t = 1)]
    nodes: u64,
    /// Heights that each of them decides.
    #[arg(long, default_value_t = 1)]
    heights: u64,
    /// Polls of a decision with which a streak may begin.
    #[arg(long, default_value_t = 1)]
    rounds: u64,
}

pub(super) fn bounds(arguments: &Bounds) -> Result<Report, Failure> {
    let numbers = Numbers {
        k: arguments.k,
        alpha_preference: arguments.alpha_preference,
        alpha_confidence: arguments.alpha_confidence,
        beta: arguments.beta,
        concurrent_polls: 1,
        ..Numbers::default()
    };
    // The bounds need no more than these, but an impossible k is refused as everywhere.
    let parameters = numbers.into();
    let only = Configuration {
        parameters: numbers,
        ..Configuration::default()
    };
    only.validate()?;
    let exposure = Exposure {
        nodes: arguments.nodes,
        heights: arguments.heights,
        rounds: arguments.rounds,
    };
    let mut rows = Vec::new();
    for share in &arguments.byzantine {
        if !(0.0..=1.0).contains(share) {
            return Err(Box::new(ConfigError::Bounds {
                key: "byzantine",
                bounds: "0 to 1",
            }));
        }
        rows.push(bound(&parameters, *share, &exposure));
    }
    let report = Report::new(json!({
        "parameters": numbers,
        "exposure": exposure,
        "model": "first-order",
        "bounds": rows,
    }))?
    .line(
        "parameters",
        format!(
            "k {}, αp {}, αc {}, β {}",
            arguments.k, arguments.alpha_preference, arguments.alpha_confidence, arguments.beta
        ),
    )
    .line(
        "model",
        "first order: independent polls, the adversary at the tipping point",
    )
    .line("Byzantine", "wrong decision   if silent instead");
    Ok(rows.iter().fold(report, |report, row| {
        let polls = match row.expected_polls {
            polls if polls < 1e12 => format!("{polls:.0} polls a decision"),
            _ => "no decision".to_owned(),
        };
        report.line(
            &percent(row.byzantine),
            format!("{:<17}{polls}", format!("≤ {}", up_to_one_digit(row.error))),
        )
    }))
}

#[cfg(test)]
mod tests {
    use crate::snow::{Command, run, tests::parse};

    #[tokio::test]
    async fn bounds_of_the_defaults_are_those_of_the_documentation() {
        let Ok(command @ Command::Bounds(_)) = parse(&["bounds"]) else {
            panic!("no bounds");
        };
        let text = run(&command).await.unwrap().text();
        for line in [
            "10.0 %         ≤ 6e-18          23 polls a decision",
            "20.0 %         ≤ 3e-7           394 polls a decision",
            "25.0 %         ≤ 7e-4           40629 polls a decision",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let Ok(command @ Command::Bounds(_)) = parse(&["bounds", "--alpha-preference", "10"])
        else {
            panic!("no bounds");
        };
        let refused = run(&command).await.err().unwrap().to_string();
        assert!(refused.contains("alpha_preference"), "{refused}");
    }
}
