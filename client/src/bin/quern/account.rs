//! `quern account`, `send` and `validate`: what an account owns, has staked and is worth to others; paying, and voting on finality.

use crate::{
    Failure, Signing, node_author,
    report::{Report, tokens},
};
use quern_client::{Account, Balance, Call, Client, Economics, Role, ss58, text};
use serde::Serialize;
use serde_json::json;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    #[serde(with = "text::hash")]
    account: Account,
    address: String,
    #[serde(flatten)]
    balance: &'a Balance,
    #[serde(with = "text::decimal")]
    stake: u128,
    roles: &'a [Role],
    /// In thousandths.
    reputation: u64,
    #[serde(with = "text::decimal")]
    earned: u128,
    #[serde(with = "text::decimal")]
    vesting: u128,
}

pub(crate) async fn show(client: &Client, account: Option<Account>) -> Result<Report, Failure> {
    let account = match account {
        Some(account) => account,
        None => node_author(client).await?,
    };
    let at = Some(client.best_header().await?.hash);
    let balance = client.balance(&account, at).await?;
    let economics = client.economics(&account, at).await?;
    Ok(describe(account, &balance, &economics)?)
}

fn describe(
    account: Account,
    balance: &Balance,
    economics: &Economics,
) -> Result<Report, serde_json::Error> {
    let report = Report::new(Facts {
        account,
        address: ss58(&account),
        balance,
        stake: economics.stake,
        roles: &economics.roles,
        reputation: economics.reputation,
        earned: economics.earned,
        vesting: economics.vesting,
    })?
    .line("account", ss58(&account))
    .line("free", tokens(balance.free))
    .line("held", tokens(balance.reserved));
    let report = balance.held.iter().fold(report, |report, hold| {
        report.line("", format!("{} for {}", tokens(hold.amount), hold.reason))
    });
    let roles: Vec<String> = economics.roles.iter().map(role_name).collect();
    Ok(report
        .line("staked", tokens(economics.stake))
        .maybe("roles", (!roles.is_empty()).then(|| roles.join(", ")))
        .line("reputation", text::decimals(economics.reputation.into(), 3))
        .line("earned", tokens(economics.earned))
        .line("vesting", tokens(economics.vesting)))
}

/// Sends `amount`, in the smallest unit, to an account.
pub(crate) async fn send(
    client: &Client,
    to: Account,
    amount: u128,
    signing: &Signing,
) -> Result<Report, Failure> {
    let call = Call::Transfer { to, amount };
    let included = client
        .carry_out(&signing.signer()?, &call, signing.finalised)
        .await?;
    let block = text::hex32(&included.block);
    Ok(Report::new(json!({
        "block": block,
        "to": text::hex32(&to),
        "amount": amount.to_string(),
    }))?
    .line("block", block)
    .line("sent", tokens(amount))
    .line("to", ss58(&to)))
}

/// Has the node make session keys, and enters them for the signer.
pub(crate) async fn validate(client: &Client, signing: &Signing) -> Result<Report, Failure> {
    let signer = signing.signer()?;
    let keys = client.make_session_keys(&signer.account()).await?;
    let shown = format!("0x{}", hex::encode(&keys.keys));
    let call = Call::SetSessionKeys(keys);
    let included = client.carry_out(&signer, &call, signing.finalised).await?;
    let block = text::hex32(&included.block);
    Ok(Report::new(json!({ "block": block, "keys": shown }))?
        .line("block", block)
        .line("session keys", shown))
}

/// A role as it is written on the command line.
pub(crate) fn role_name(role: &Role) -> String {
    format!("{role:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_client::Hold;

    #[test]
    fn an_account_shows_its_holds_and_its_standing() {
        let balance = Balance {
            free: 3_000_000_000_000,
            reserved: 11_000_000_000_000,
            held: vec![Hold {
                reason: "Tickets::Ticket".into(),
                amount: 11_000_000_000_000,
            }],
            ..Balance::default()
        };
        let economics = Economics {
            stake: 11_000_000_000_000,
            roles: vec![Role::Miner, Role::Verifier],
            reputation: 2_400,
            earned: 7,
            vesting: 0,
        };
        let report = describe([1; 32], &balance, &economics).unwrap();
        let text = report.text();
        assert!(text.contains("11 QRN for Tickets::Ticket"), "{text}");
        assert!(text.contains("roles          miner, verifier"), "{text}");
        assert!(text.contains("reputation     2.4"), "{text}");
        assert_eq!(report.json()["free"], "3000000000000");
        assert_eq!(report.json()["reputation"], 2_400);
        assert_eq!(report.json()["roles"][1], "verifier");
    }
}
