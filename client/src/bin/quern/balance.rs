//! `quern balance`.

use crate::{
    Failure,
    report::{Report, tokens},
};
use quern_client::{Account, Client, ss58};

pub(crate) async fn balance(client: &Client, account: &Account) -> Result<Report, Failure> {
    let balance = client.balance(account, None).await?;
    let report = Report::new(&balance)?
        .line("account", ss58(account))
        .line("free", tokens(balance.free))
        .line("held", tokens(balance.reserved));
    Ok(balance.held.iter().fold(report, |report, hold| {
        report.line("", format!("{} for {}", tokens(hold.amount), hold.reason))
    }))
}
