//! `quern gov vote` and `quern gov unlock`.

use super::{Refused, act};
use crate::{
    Failure, Signing,
    report::{Report, tokens},
};
use quern_client::{
    Call, Client, Error,
    governance::{Action, ReferendumId},
    text,
};
use serde_json::json;

/// What a vote with everything leaves for fees.
const SPARE: u128 = 10_000_000_000_000;

pub(super) async fn cast(
    client: &Client,
    index: ReferendumId,
    aye: bool,
    amount: Option<u128>,
    conviction: u8,
    signing: &Signing,
) -> Result<Report, Failure> {
    let amount = match amount {
        Some(amount) => amount,
        None => {
            let account = signing.signer()?.account();
            let free = client.balance(&account, None).await?.free;
            free.checked_sub(SPARE)
                .filter(|amount| *amount > 0)
                .ok_or_else(|| {
                    format!(
                        "the account has no more than {}: give --amount",
                        tokens(SPARE)
                    )
                })?
        }
    };
    let vote = Action::Vote {
        index,
        aye,
        conviction,
        amount,
    };
    let included = act(client, signing, vote).await?;
    let block = text::hex32(&included.block);
    let side = if aye { "aye" } else { "nay" };
    Ok(Report::new(json!({
        "block": block,
        "index": index,
        "side": side,
        "amount": amount.to_string(),
        "conviction": conviction,
    }))?
    .line("block", block)
    .line("voted", format!("{side} on referendum {index}"))
    .line(
        "with",
        format!("{} at conviction {conviction}", tokens(amount)),
    ))
}

pub(super) async fn unlock(client: &Client, signing: &Signing) -> Result<Report, Failure> {
    let signer = signing.signer()?;
    let who = signer.account();
    let mut actions = Vec::new();
    let (mut removed, mut kept) = (Vec::new(), Vec::new());
    for voting in client.votings(&who, None).await? {
        let track = voting.track;
        for index in voting.votes {
            let referendum = client.referendum(index, None).await?;
            if referendum.is_some_and(|referendum| !referendum.stage.is_over()) {
                kept.push(index);
                continue;
            }
            actions.push(Action::RemoveVote { track, index });
            removed.push(index);
        }
        actions.push(Action::Unlock { track, who });
    }
    // All at once: they are one account's, so they are made in this order.
    let mut submitted = Vec::new();
    for action in actions {
        let call = Call::Govern(action);
        submitted.push(client.submit(&call, &signer).await.map_err(Refused::from)?);
    }
    for submitted in submitted {
        let done = if signing.finalised {
            submitted.finalised().await
        } else {
            submitted.in_block().await
        };
        done.map_err(|error: Error| Refused::from(error))?;
    }

    let frozen = client.balance(&who, None).await?.frozen;
    let votings = client.votings(&who, None).await?;
    let until = votings.iter().map(|voting| voting.until).max();
    let until = until.filter(|until| *until > 0);
    let list = |indices: &[ReferendumId]| {
        let indices: Vec<String> = indices.iter().map(ToString::to_string).collect();
        (!indices.is_empty()).then(|| indices.join(", "))
    };
    Ok(Report::new(json!({
        "removed": removed,
        "kept": kept,
        "locked": frozen.to_string(),
        "until": until,
    }))?
    .maybe("removed votes", list(&removed))
    .maybe("kept votes", list(&kept))
    .line("locked", tokens(frozen))
    .maybe("until block", until))
}
