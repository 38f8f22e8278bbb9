//! `quern gov`: parameters, proposals, votes, upgrades.

mod enact;
mod propose;
mod show;
mod vote;

use crate::{
    Failure, Signing, parse_tokens,
    report::{Report, tokens},
};
use clap::{Subcommand, ValueEnum};
use quern_client::{
    Call, Client, Error, Included,
    governance::{Action, ReferendumId, hint},
    text,
};
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List what a referendum may change, with values, defaults and bounds.
    Parameters {
        /// Only those whose names begin so, such as `work`.
        prefix: Option<String>,
    },
    /// List the tracks: what each kind of referendum needs, and how long its stages last.
    Tracks,
    /// Propose something: submit a referendum about it and place its deposit.
    #[command(subcommand)]
    Propose(propose::Command),
    /// Place the decision deposit of a referendum that lacks it.
    Deposit {
        /// The referendum.
        index: ReferendumId,
        #[command(flatten)]
        signing: Signing,
    },
    /// Vote on a referendum, or change a vote.
    Vote {
        /// The referendum.
        index: ReferendumId,
        /// For it or against it.
        side: Side,
        /// Tokens that vote, in QRN: they stay locked [default: all that are free, but 10 QRN for fees].
        #[arg(long, value_name = "QRN", value_parser = parse_tokens)]
        amount: Option<u128>,
        /// Votes a token: 0 is a tenth without any lock; 1 to 6 is as many, locked for 1, 2, 4, 8, 16 or 32 governance days
        /// after the end if the vote wins.
        #[arg(long, value_name = "0..6", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=6))]
        conviction: u8,
        #[command(flatten)]
        signing: Signing,
    },
    /// List the latest referenda.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show a referendum: what it does, how the votes stand, when it is decided and enacted.
    Show {
        /// The referendum.
        index: ReferendumId,
    },
    /// Replace the runtime by the one that a referendum has authorised.
    Enact {
        /// The runtime: the very file that was proposed.
        runtime: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// Take own votes on ended referenda away, and set free what they locked.
    Unlock {
        #[command(flatten)]
        signing: Signing,
    },
    /// Take the deposits of an ended referendum back, to whoever placed them.
    Refund {
        /// The referendum.
        index: ReferendumId,
        #[command(flatten)]
        signing: Signing,
    },
}

/// For or against.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Side {
    /// For it.
    Aye,
    /// Against it.
    Nay,
}

pub(crate) async fn run(client: &Client, command: &Command) -> Result<Report, Failure> {
    match command {
        Command::Parameters { prefix } => show::parameters(client, prefix.as_deref()).await,
        Command::Tracks => show::tracks(client).await,
        Command::Propose(command) => propose::run(client, command).await,
        Command::Deposit { index, signing } => deposit(client, *index, signing).await,
        Command::Vote {
            index,
            side,
            amount,
            conviction,
            signing,
        } => {
            let aye = matches!(side, Side::Aye);
            vote::cast(client, *index, aye, *amount, *conviction, signing).await
        }
        Command::List { limit } => show::list(client, *limit).await,
        Command::Show { index } => show::referendum(client, *index).await,
        Command::Enact { runtime, signing } => enact::enact(client, runtime, signing).await,
        Command::Unlock { signing } => vote::unlock(client, signing).await,
        Command::Refund { index, signing } => refund(client, *index, signing).await,
    }
}

async fn deposit(
    client: &Client,
    index: ReferendumId,
    signing: &Signing,
) -> Result<Report, Failure> {
    let included = act(client, signing, Action::PlaceDecisionDeposit { index }).await?;
    let deposit = amount(&included, "DecisionDepositPlaced");
    let block = text::hex32(&included.block);
    Ok(Report::new(json!({
        "block": block,
        "index": index,
        "decisionDeposit": deposit.map(|deposit| deposit.to_string()),
    }))?
    .line("block", block)
    .maybe("deposited", deposit.map(tokens)))
}

async fn refund(
    client: &Client,
    index: ReferendumId,
    signing: &Signing,
) -> Result<Report, Failure> {
    let decision = act(client, signing, Action::RefundDecisionDeposit { index }).await?;
    let decision = amount(&decision, "DecisionDepositRefunded");
    // Only what was approved or cancelled gives this one back.
    let submission = match act(client, signing, Action::RefundSubmissionDeposit { index }).await {
        Ok(included) => amount(&included, "SubmissionDepositRefunded"),
        Err(failure) if failure.name == "Referenda::BadStatus" => None,
        Err(failure) => return Err(failure.into()),
    };
    Ok(Report::new(json!({
        "index": index,
        "decisionDeposit": decision.map(|deposit| deposit.to_string()),
        "submissionDeposit": submission.map(|deposit| deposit.to_string()),
    }))?
    .maybe("decision", decision.map(tokens))
    .maybe("submission", submission.map(tokens)))
}

/// The amount in the first event of a name from the referenda.
fn amount(included: &Included, event: &str) -> Option<u128> {
    let mut events = included.events.iter();
    let found = events.find(|found| found.pallet == "Referenda" && found.name == event)?;
    found.field("amount")?.parse().ok()
}

/// A refusal with what can be done about it.
#[derive(Debug)]
struct Refused {
    name: String,
    message: String,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let name = error.name();
        let message = match hint(&name) {
            Some(hint) => format!("{error}: {hint}"),
            None => error.to_string(),
        };
        Self { name, message }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// Signs and submits an action, and waits for the block that holds it.
async fn act(client: &Client, signing: &Signing, action: Action) -> Result<Included, Refused> {
    let signer = signing.signer().map_err(Error::from)?;
    let included = client
        .carry_out(&signer, &Call::Govern(action), signing.finalised)
        .await?;
    Ok(included)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_the_chains_name_and_says_what_to_do() {
        let refused = Refused::from(Error::Dispatch {
            pallet: Some("ConvictionVoting".into()),
            error: "InsufficientFunds".into(),
        });
        let message = refused.to_string();
        assert!(message.contains("ConvictionVoting::InsufficientFunds"));
        assert!(message.contains("`--amount` less"), "{message}");
        assert_eq!(
            Refused::from(Error::Closed).to_string(),
            Error::Closed.to_string()
        );
    }
}
