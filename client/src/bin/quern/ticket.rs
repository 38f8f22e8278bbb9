//! `quern ticket`: licences to mine, supervise, verify and evaluate.

use crate::{
    Failure, Signing,
    account::role_name,
    node_author, parse_tokens,
    report::{Report, tokens},
};
use clap::{Subcommand, ValueEnum};
use quern_client::{
    Call, Client, Duty, Preferences, Role, TicketId, TicketInfo, parse_account, ss58, text,
};
use serde_json::{Value, json};

/// What a ticket licenses.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    /// Train tasks and seal blocks.
    Miner,
    /// Keep tasks' clocks, and vote on finality.
    Supervisor,
    /// Re-execute samples of claims.
    Verifier,
    /// Score final models.
    Evaluator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Miner => Self::Miner,
            RoleName::Supervisor => Self::Supervisor,
            RoleName::Verifier => Self::Verifier,
            RoleName::Evaluator => Self::Evaluator,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Buy a ticket: its stake is held until it is withdrawn.
    Buy {
        /// What it licenses.
        role: RoleName,
        /// What to stake, in QRN [default: the price].
        #[arg(long, value_name = "QRN", value_parser = parse_tokens)]
        stake: Option<u128>,
        /// Most duties at a time, 1 to 16.
        #[arg(long, default_value_t = 4)]
        concurrent: u32,
        /// This machine has a GPU.
        #[arg(long)]
        gpu: bool,
        /// Most rows of a task's dataset [default: any].
        #[arg(long)]
        max_rows: Option<u32>,
        /// Where blobs are served; a worker sets it by itself.
        #[arg(long, default_value = "")]
        contact: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Let a ticket live for another lifetime.
    Renew {
        /// The ticket.
        ticket: TicketId,
        #[command(flatten)]
        signing: Signing,
    },
    /// Take a ticket out of the draws; its stake can be withdrawn after the unbonding time.
    Retire {
        /// The ticket.
        ticket: TicketId,
        #[command(flatten)]
        signing: Signing,
    },
    /// Take the stake of a retired or expired ticket back.
    Withdraw {
        /// The ticket.
        ticket: TicketId,
        #[command(flatten)]
        signing: Signing,
    },
    /// List the tickets of an account.
    List {
        /// An SS58 address, or 0x and 64 hex digits [default: the node's author].
        account: Option<String>,
    },
    /// Show what tickets cost, and how many are live.
    Price,
}

pub(crate) async fn run(client: &Client, command: &Command) -> Result<Report, Failure> {
    match command {
        Command::Buy {
            role,
            stake,
            concurrent,
            gpu,
            max_rows,
            contact,
            signing,
        } => {
            let role = (*role).into();
            let stake = match stake {
                Some(stake) => *stake,
                None => client.ticket_price(role, None).await?,
            };
            let preferences = Preferences {
                gpu: *gpu,
                max_row_blocks: max_rows.map_or(u32::MAX, |rows| rows / quern_work::TILE as u32),
                concurrent: *concurrent,
                contact: (contact.clone().into_bytes().try_into())
                    .map_err(|_| "the contact has more than 128 bytes")?,
            };
            let call = Call::BuyTicket {
                role,
                stake,
                preferences,
            };
            let included = client
                .carry_out(&signing.signer()?, &call, signing.finalised)
                .await?;
            let ticket = included.find("Tickets", "Bought", "ticket");
            let block = text::hex32(&included.block);
            Ok(Report::new(json!({
                "block": block,
                "ticket": ticket,
                "role": role,
                "stake": stake.to_string(),
            }))?
            .line("block", block)
            .maybe("bought ticket", ticket)
            .line("role", role_name(&role))
            .line("stake", tokens(stake)))
        }
        Command::Renew { ticket, signing } => {
            act(
                client,
                &Call::RenewTicket { ticket: *ticket },
                *ticket,
                signing,
            )
            .await
        }
        Command::Retire { ticket, signing } => {
            act(
                client,
                &Call::RetireTicket { ticket: *ticket },
                *ticket,
                signing,
            )
            .await
        }
        Command::Withdraw { ticket, signing } => {
            let call = Call::WithdrawTicket { ticket: *ticket };
            act(client, &call, *ticket, signing).await
        }
        Command::List { account } => list(client, account.as_deref()).await,
        Command::Price => price(client).await,
    }
}

/// Carries out a call about one ticket, and shows the ticket as it is then.
async fn act(
    client: &Client,
    call: &Call,
    id: TicketId,
    signing: &Signing,
) -> Result<Report, Failure> {
    let included = client
        .carry_out(&signing.signer()?, call, signing.finalised)
        .await?;
    let block = text::hex32(&included.block);
    let ticket = client.ticket(id, Some(included.block)).await?;
    let facts = json!({ "block": block, "ticket": ticket.as_ref().map(view) });
    let report = Report::new(facts)?.line("block", block);
    Ok(match ticket {
        Some(ticket) => report.below(lines(&ticket)?),
        None => report.line("withdrawn", format!("ticket {id}")),
    })
}

async fn list(client: &Client, account: Option<&str>) -> Result<Report, Failure> {
    let owner = match account {
        Some(account) => parse_account(account)?,
        None => node_author(client).await?,
    };
    let tickets = client.tickets_of(&owner, None).await?;
    let views: Vec<Value> = tickets.iter().map(view).collect();
    let mut report = Report::new(views)?;
    if tickets.is_empty() {
        report = report.line("tickets", format!("{} has none", ss58(&owner)));
    }
    for ticket in &tickets {
        report = report.below(lines(ticket)?);
    }
    Ok(report)
}

async fn price(client: &Client) -> Result<Report, Failure> {
    let at = Some(client.best_header().await?.hash);
    let mut facts = Vec::new();
    let mut lines = Report::new(())?;
    for role in Role::ALL {
        let price = client.ticket_price(role, at).await?;
        let live = client.pool(role, at).await?;
        facts.push(json!({ "role": role, "price": price.to_string(), "live": live }));
        lines = lines.line(&role_name(&role), format!("{}, {live} live", tokens(price)));
    }
    Ok(Report::new(facts)?.below(lines))
}

fn view(ticket: &TicketInfo) -> Value {
    let duties: Vec<Value> = ticket.duties.iter().map(duty_view).collect();
    json!({
        "id": ticket.id,
        "owner": text::hex32(&ticket.owner),
        "role": ticket.role,
        "stake": ticket.stake.to_string(),
        "gpu": ticket.preferences.gpu,
        "maxRowBlocks": ticket.preferences.max_row_blocks,
        "concurrent": ticket.preferences.concurrent,
        "contact": ticket.contact(),
        "bought": ticket.bought,
        "expires": ticket.expires,
        "withdrawable": ticket.withdrawable,
        "duties": duties,
    })
}

fn duty_view(duty: &Duty) -> Value {
    match duty {
        Duty::Mine(task) => json!({ "mine": task }),
        Duty::Supervise(task) => json!({ "supervise": task }),
        Duty::Audit(audit) => json!({ "audit": audit }),
        Duty::Evaluate(task) => json!({ "evaluate": task }),
    }
}

fn lines(ticket: &TicketInfo) -> Result<Report, serde_json::Error> {
    let duties: Vec<String> = ticket
        .duties
        .iter()
        .map(|duty| match duty {
            Duty::Mine(task) => format!("mine task {task}"),
            Duty::Supervise(task) => format!("supervise task {task}"),
            Duty::Audit(audit) => format!("audit {audit}"),
            Duty::Evaluate(task) => format!("evaluate task {task}"),
        })
        .collect();
    let life = match ticket.withdrawable {
        Some(block) => format!("over; can be withdrawn from block {block} on"),
        None => format!("until block {}", ticket.expires),
    };
    Ok(Report::new(())?
        .line("ticket", ticket.id)
        .line("role", role_name(&ticket.role))
        .line("owner", ss58(&ticket.owner))
        .line("stake", tokens(ticket.stake))
        .line("live", life)
        .maybe("contact", ticket.contact())
        .maybe("duties", (!duties.is_empty()).then(|| duties.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_shows_its_duties_and_how_long_it_lives() {
        let mut ticket = TicketInfo {
            id: 4,
            owner: [1; 32],
            role: Role::Verifier,
            stake: 10_000_000_000_000,
            preferences: Preferences::any(2),
            bought: 5,
            expires: 900,
            withdrawable: None,
            duties: vec![Duty::Audit(7), Duty::Mine(3)],
        };
        let text = lines(&ticket).unwrap().text();
        assert!(
            text.contains("duties         audit 7, mine task 3"),
            "{text}"
        );
        assert!(text.contains("live           until block 900"), "{text}");
        assert_eq!(view(&ticket)["duties"][0], json!({ "audit": 7 }));
        assert_eq!(view(&ticket)["contact"], Value::Null);
        ticket.withdrawable = Some(1_200);
        let text = lines(&ticket).unwrap().text();
        assert!(text.contains("from block 1200 on"), "{text}");
    }
}
