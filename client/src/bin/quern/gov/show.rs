//! What `quern gov` shows: parameters, tracks, referenda.

use crate::{
    Failure,
    report::{Report, tokens},
};
use quern_client::{
    Client,
    governance::{Referendum, ReferendumId, Stage, Tally, Track},
    ss58, text,
};

pub(super) async fn parameters(client: &Client, prefix: Option<&str>) -> Result<Report, Failure> {
    let mut parameters = client.parameters(None).await?;
    parameters.retain(|parameter| parameter.name.starts_with(prefix.unwrap_or_default()));
    if parameters.is_empty() {
        return Err("no parameter has such a name: `quern gov parameters` lists all".into());
    }
    let width = (parameters.iter().map(|parameter| parameter.name.len()))
        .max()
        .unwrap_or_default();
    let report = Report::new(&parameters)?;
    Ok(parameters.iter().fold(report, |report, parameter| {
        let (value, default) = (
            parameter.show(parameter.value),
            parameter.show(parameter.default),
        );
        let name = format!("{:width$}  ", parameter.name);
        let kept = if parameter.value == parameter.default {
            "default".to_owned()
        } else {
            format!("default {default}")
        };
        let bounds = parameter.bounds();
        report.line(&name, format!("{value} ({kept}; {bounds})"))
    }))
}

pub(super) async fn tracks(client: &Client) -> Result<Report, Failure> {
    let tracks = client.tracks(None).await?;
    let mut report = Report::new(&tracks)?;
    for track in &tracks {
        report = report.below(describe_track(track)?);
    }
    Ok(report)
}

fn describe_track(track: &Track) -> Result<Report, serde_json::Error> {
    let blocks = |count: u32| format!("{count} blocks");
    let falls = |curve: &quern_client::governance::Curve| {
        let at = |elapsed| percent(curve.threshold(elapsed, track.decision));
        format!("{} at first, {} at last", at(0), at(track.decision))
    };
    Ok(Report::new(track)?
        .line("track", &track.name)
        .line("deposit", tokens(track.decision_deposit))
        .line("at a time", track.max_deciding)
        .line("prepares", blocks(track.prepare))
        .line("is decided in", blocks(track.decision))
        .line("is confirmed", blocks(track.confirm))
        .line("is enacted", format!("{} later", blocks(track.enactment)))
        .line("approval", falls(&track.approval))
        .line("turnout", falls(&track.support)))
}

pub(super) async fn list(client: &Client, limit: u32) -> Result<Report, Failure> {
    let count = client.referendum_count(None).await?;
    let mut referenda = Vec::new();
    for index in (count.saturating_sub(limit)..count).rev() {
        referenda.extend(client.referendum(index, None).await?);
    }
    let mut report = Report::new(&referenda)?;
    if referenda.is_empty() {
        report = report.line("referenda", "none yet");
    }
    Ok(referenda.iter().fold(report, |report, referendum| {
        let facts = [
            Some(when(&referendum.stage)),
            referendum.track.clone(),
            referendum
                .tally
                .as_ref()
                .map(|tally| format!("{} aye", percent(tally.approval))),
            referendum.does.clone(),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        report.line(&referendum.index.to_string(), facts.join(", "))
    }))
}

pub(super) async fn referendum(client: &Client, index: ReferendumId) -> Result<Report, Failure> {
    let referendum = client.referendum(index, None).await?;
    let referendum = referendum
        .ok_or_else(|| format!("there is no referendum {index}: `quern gov list` lists them"))?;
    Ok(describe(&referendum)?)
}

fn describe(referendum: &Referendum) -> Result<Report, serde_json::Error> {
    let report = Report::new(referendum)?
        .line("referendum", referendum.index)
        .line("status", when(&referendum.stage))
        .maybe("track", referendum.track.as_ref())
        .maybe("does", referendum.does.as_ref())
        .maybe("by", referendum.proposer.as_ref().map(ss58))
        .maybe(
            "submitted",
            referendum
                .submitted
                .map(|block| format!("in block {block}")),
        );
    let report = match &referendum.preimage {
        Some(hash) => report.line("preimage", text::hex32(hash)),
        None => report,
    };
    Ok(match &referendum.tally {
        Some(tally) => votes(report, tally),
        None => report,
    })
}

fn votes(report: Report, tally: &Tally) -> Report {
    let needed = |needed: Option<u32>| {
        needed.map_or_else(String::new, |needed| {
            format!(", {} needed now", percent(needed))
        })
    };
    report
        .line("ayes", tokens(tally.ayes))
        .line("nays", tokens(tally.nays))
        .line(
            "approval",
            format!(
                "{}{}",
                percent(tally.approval),
                needed(tally.approval_needed)
            ),
        )
        .line(
            "turnout",
            format!("{}{}", percent(tally.turnout), needed(tally.turnout_needed)),
        )
}

/// A stage with its blocks.
fn when(stage: &Stage) -> String {
    let word = stage.word();
    match stage {
        Stage::AwaitingDeposit { until } => format!("{word}, times out in block {until}"),
        Stage::Preparing { until } => format!("{word}, decision from block {until}"),
        Stage::Queued => word.to_owned(),
        Stage::Deciding { since, until } => {
            format!("{word} since block {since}, rejected in block {until} unless it passes")
        }
        Stage::Confirming { since, until } => {
            format!(
                "{word}, in decision since block {since}, approved in block {until} if it keeps passing"
            )
        }
        Stage::Approved { at, enactment } => {
            format!("{word} in block {at}, enacted in block {enactment}")
        }
        Stage::Enacted { at, enacted, error } => {
            let enacted = enacted.map_or_else(String::new, |block| format!(" in block {block}"));
            let error = error
                .as_ref()
                .map_or_else(String::new, |error| format!(": {error}"));
            format!("{word}{enacted}{error}, approved in block {at}")
        }
        Stage::Rejected { at }
        | Stage::Cancelled { at }
        | Stage::TimedOut { at }
        | Stage::Killed { at } => format!("{word} in block {at}"),
    }
}

/// Ten-thousandths as a percentage.
fn percent(parts: u32) -> String {
    format!("{} %", text::decimals(parts.into(), 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirming() -> Referendum {
        Referendum {
            index: 3,
            stage: Stage::Confirming {
                since: 12,
                until: 16,
            },
            track: Some("parameters".into()),
            proposer: Some([1; 32]),
            submitted: Some(11),
            does: Some("sets work.max_ahead to 8192 steps".into()),
            preimage: None,
            tally: Some(Tally {
                ayes: 900_000_000_000_000,
                nays: 0,
                support: 900_000_000_000_000,
                electorate: 12_000_000_000_000_000,
                approval: 10_000,
                turnout: 750,
                approval_needed: Some(7_893),
                turnout_needed: Some(2_336),
            }),
        }
    }

    #[test]
    fn a_referendum_tells_what_it_does_and_when_it_is_decided() {
        let report = describe(&confirming()).unwrap();
        let text = report.text();
        assert!(
            text.contains("approved in block 16 if it keeps passing"),
            "{text}"
        );
        assert!(
            text.contains("approval       100 %, 78.93 % needed now"),
            "{text}"
        );
        assert!(
            text.contains("turnout        7.5 %, 23.36 % needed now"),
            "{text}"
        );
        let json = report.json();
        assert_eq!(json["status"], "confirming");
        assert_eq!(json["until"], 16);
        assert_eq!(json["tally"]["approval"], 10_000);
        assert_eq!(json["tally"]["ayes"], "900000000000000");
    }

    #[test]
    fn an_enactment_that_failed_names_its_error() {
        let failed = Stage::Enacted {
            at: 20,
            enacted: Some(24),
            error: Some("Governance::Inconsistent".into()),
        };
        assert_eq!(
            when(&failed),
            "enacted, its call failed in block 24: Governance::Inconsistent, approved in block 20"
        );
    }
}
