//! `quern gov propose`.

use super::{Refused, act, amount};
use crate::{
    Failure, Signing, parse_tokens,
    report::{Report, tokens},
};
use clap::{Subcommand, ValueEnum};
use quern_client::{
    Client,
    governance::{Action, Bounded, Motion, Proposal, ReferendumId, code_hash},
    parse_account, text,
};
use serde_json::json;
use std::{fs, path::PathBuf};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Set a parameter; the parameters track decides.
    Parameter {
        /// Its name, as `quern gov parameters` lists it.
        name: String,
        /// The value in the unit that `quern gov parameters` shows, or `default`.
        value: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Authorise a new runtime; the root track decides. Try it first: `quern-node try-runtime`.
    Upgrade {
        /// The runtime.
        runtime: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// Pay somebody from the treasury; the treasury track decides.
    Spend {
        /// How much, in QRN.
        #[arg(value_parser = parse_tokens)]
        amount: u128,
        /// Whom: an SS58 address, or 0x and 64 hex digits.
        who: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Let money stand still, or end that; the emergency track decides.
    SafeMode {
        /// Which.
        door: Door,
        #[command(flatten)]
        signing: Signing,
    },
    /// Stop one call; the emergency track decides.
    Pause {
        /// The pallet, as `Balances`.
        pallet: String,
        /// The call, as `transfer_keep_alive`.
        call: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Let a stopped call on again; the emergency track decides.
    Unpause {
        /// The pallet, as `Balances`.
        pallet: String,
        /// The call, as `transfer_keep_alive`.
        call: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// End another referendum without a decision; the emergency track decides.
    Cancel {
        /// The referendum to end.
        referendum: ReferendumId,
        #[command(flatten)]
        signing: Signing,
    },
    /// Make any call.
    Call {
        /// The SCALE bytes of the call, in hex.
        call: String,
        /// The track that is to decide: root, parameters, treasury or emergency.
        #[arg(long)]
        track: String,
        #[command(flatten)]
        signing: Signing,
    },
}

/// Into safe mode or out of it.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Door {
    /// Let money stand still for seven governance days.
    Enter,
    /// End it.
    Exit,
}

pub(crate) async fn run(client: &Client, command: &Command) -> Result<Report, Failure> {
    let (proposal, signing) = proposal(command)?;
    let motion = client.motion(&proposal).await?;
    submit(client, motion, signing).await
}

fn proposal(command: &Command) -> Result<(Proposal, &Signing), Failure> {
    let pause = |pallet: &str, call: &str, pause| Proposal::Pause {
        pallet: pallet.to_owned(),
        call: call.to_owned(),
        pause,
    };
    Ok(match command {
        Command::Parameter {
            name,
            value,
            signing,
        } => {
            let value = (value != "default").then(|| value.clone());
            let name = name.clone();
            (Proposal::Parameter { name, value }, signing)
        }
        Command::Upgrade { runtime, signing } => {
            let code = fs::read(runtime)
                .map_err(|reason| format!("cannot read {}: {reason}", runtime.display()))?;
            let code_hash = code_hash(&code);
            (Proposal::Upgrade { code_hash }, signing)
        }
        Command::Spend {
            amount,
            who,
            signing,
        } => {
            let (amount, beneficiary) = (*amount, parse_account(who)?);
            let proposal = Proposal::Spend {
                amount,
                beneficiary,
            };
            (proposal, signing)
        }
        Command::SafeMode { door, signing } => {
            let enter = matches!(door, Door::Enter);
            (Proposal::SafeMode { enter }, signing)
        }
        Command::Pause {
            pallet,
            call,
            signing,
        } => (pause(pallet, call, true), signing),
        Command::Unpause {
            pallet,
            call,
            signing,
        } => (pause(pallet, call, false), signing),
        Command::Cancel {
            referendum,
            signing,
        } => (Proposal::Cancel { index: *referendum }, signing),
        Command::Call {
            call,
            track,
            signing,
        } => {
            let digits = call.strip_prefix("0x").unwrap_or(call);
            let call = hex::decode(digits).map_err(|_| format!("{call:?} is no call in hex"))?;
            let track = track.clone();
            (Proposal::Call { call, track }, signing)
        }
    })
}

/// Stores the call where it is long, submits the referendum, and places its deposit.
async fn submit(client: &Client, motion: Motion, signing: &Signing) -> Result<Report, Failure> {
    let Motion {
        call,
        origin,
        track,
        words,
    } = motion;
    let proposal = Bounded::new(call.clone());
    let preimage = match &proposal {
        Bounded::Inline(_) => None,
        Bounded::Preimage { hash, .. } => Some(text::hex32(hash)),
    };
    if preimage.is_some() {
        match act(client, signing, Action::NotePreimage { preimage: call }).await {
            Err(refused) if refused.name != "Preimage::AlreadyNoted" => return Err(refused.into()),
            _ => {}
        }
    }
    let submitted = act(client, signing, Action::Submit { origin, proposal }).await?;
    let index = submitted
        .find("Referenda", "Submitted", "index")
        .and_then(|index| ReferendumId::try_from(index).ok())
        .ok_or("the chain took the referendum without telling its number")?;

    let placed = act(client, signing, Action::PlaceDecisionDeposit { index }).await;
    let placed = placed.map_err(|refused: Refused| {
        format!(
            "referendum {index} is submitted, but nothing is decided before its deposit is placed, by `quern gov deposit \
             {index}`: {refused}"
        )
    })?;
    let deposit = amount(&placed, "DecisionDepositPlaced");
    let block = text::hex32(&submitted.block);
    Ok(Report::new(json!({
        "block": block,
        "index": index,
        "track": track,
        "does": words,
        "preimage": preimage,
        "decisionDeposit": deposit.map(|deposit| deposit.to_string()),
    }))?
    .line("block", block)
    .line("referendum", index)
    .line("track", track)
    .line("does", words)
    .maybe("deposited", deposit.map(tokens)))
}
