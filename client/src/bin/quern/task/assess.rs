//! What is wrong with a job, and what it costs.

use super::Job;
use crate::{
    Failure,
    report::{Report, tokens},
};
use quern_client::{
    Client, Order, OrderError, Role, Signer, Spec, TaskError, dataset::Loaded, text,
};
use quern_work::TILE;
use serde_json::json;

/// What the chain says about a job.
pub(super) struct Assessment {
    pub(super) order: Order,
    /// What will be paid.
    pub(super) fee: u128,
    /// The least fee that the chain takes; none where it refuses the order.
    least: Option<u128>,
    /// What makes submitting it useless: the first is the worst.
    problems: Vec<String>,
    /// What the client should know.
    notes: Vec<String>,
}

/// What an order meets on a chain.
struct Market {
    noise_rank: u32,
    /// The least fee, or why the order is refused.
    quote: Result<u128, OrderError>,
    /// The going rate in the smallest unit per 10⁹ MACs.
    hint: u128,
    miners: u32,
    evaluators: u32,
    supervisors: u32,
    verifiers: u32,
    /// What the client can spend, where it is known who that is.
    funds: Option<u128>,
}

pub(super) async fn check(
    client: &Client,
    job: &Job,
    key: Option<&str>,
) -> Result<Report, Failure> {
    let spec = job.spec()?;
    let loaded = spec.load(&job.data)?;
    let signer = key.map(Signer::load).transpose()?;
    let assessment = assess(client, &spec, &loaded, "", signer.as_ref()).await?;
    let report = assessment.report(&loaded)?;
    let problems = assessment.problems.iter();
    Ok(problems
        .fold(report, |report, problem| report.line("problem", problem))
        .bad_if(!assessment.problems.is_empty()))
}

/// Has the chain look at the order of a job whose data are served at `contact`.
pub(super) async fn assess(
    client: &Client,
    spec: &Spec,
    loaded: &Loaded,
    contact: &str,
    signer: Option<&Signer>,
) -> Result<Assessment, Failure> {
    let (training, held_out) = (&loaded.training, &loaded.held_out);
    let order = spec.order(training.commitment(), held_out.commitment(), contact)?;
    let at = Some(client.best_header().await?.hash);
    let funds = match signer {
        None => None,
        Some(signer) => {
            let balance = client.balance(&signer.account(), at).await?;
            Some(balance.free.saturating_sub(balance.frozen))
        }
    };
    let market = Market {
        noise_rank: client.rules(at).await?.noise_rank,
        quote: client.quote(&order, at).await?,
        hint: client.price_hint(at).await?,
        miners: client.pool(Role::Miner, at).await?,
        evaluators: client.pool(Role::Evaluator, at).await?,
        supervisors: client.pool(Role::Supervisor, at).await?,
        verifiers: client.pool(Role::Verifier, at).await?,
        funds,
    };
    Ok(weigh(order, spec.market.fee, &market))
}

fn weigh(order: Order, fee: Option<u128>, market: &Market) -> Assessment {
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    let verdict = order.validate(market.noise_rank).and(market.quote);
    if let Err(error) = verdict {
        problems.push(explain(error, &order, market.noise_rank));
    }
    let rate = market
        .hint
        .saturating_mul(order.macs().div_ceil(1_000_000_000));
    let least = verdict.ok();
    let fee = fee.unwrap_or_else(|| rate.max(least.unwrap_or(0)));
    if let Some(least) = least.filter(|least| fee < *least) {
        problems.push(format!(
            "the fee of {} is too low: the chain takes {} at least",
            tokens(fee),
            tokens(least)
        ));
    }
    if fee < rate {
        notes.push(format!(
            "the going rate is {}: others pay more",
            tokens(rate)
        ));
    }
    if market.funds.is_some_and(|funds| funds < fee) {
        let funds = tokens(market.funds.unwrap_or(0));
        problems.push(format!("the account can spend only {funds}"));
    }
    if market.miners == 0 {
        notes.push("no miner holds a ticket: the job waits until one does".into());
    } else if market.miners < order.workers {
        notes.push(format!(
            "only {} miners hold tickets: fewer runs than {} will start",
            market.miners, order.workers
        ));
    }
    if market.evaluators == 0 {
        notes.push("no evaluator holds a ticket: nobody could score the model".into());
    }
    if market.supervisors == 0 {
        notes.push("no supervisor holds a ticket: nobody replaces late miners early".into());
    }
    if market.verifiers == 0 {
        notes.push("no verifier holds a ticket: nobody would check the training".into());
    }
    Assessment {
        order,
        fee,
        least,
        problems,
        notes,
    }
}

impl Assessment {
    /// The facts of a job, its problems left to others.
    pub(super) fn report(&self, loaded: &Loaded) -> Result<Report, Failure> {
        let order = &self.order;
        let (training, held_out) = (&loaded.training, &loaded.held_out);
        let sizes: Vec<String> = order.spec.sizes().iter().map(u32::to_string).collect();
        let macs = order.macs();
        let bytes = order.spec.dataset.bytes();
        let rounds = (u128::from(order.steps) * u128::from(order.spec.batch))
            / (training.rows() as u128).max(1);
        let report = Report::new(json!({
            "order": {
                "spec": order.spec,
                "heldOut": order.held_out,
                "steps": order.steps,
                "workers": order.workers,
                "evaluators": order.evaluators,
                "target": order.target,
                "deadline": order.deadline,
                "gpu": order.gpu,
            },
            "macs": macs.to_string(),
            "fee": self.fee.to_string(),
            "least": self.least.map(|least| least.to_string()),
            "problems": self.problems,
            "notes": self.notes,
        }))?
        .line("network", sizes.join("-"))
        .line("parameters", order.spec.parameters())
        .line(
            "training rows",
            format!("{} ({bytes} bytes)", training.rows()),
        )
        .line("held-out rows", held_out.rows())
        .line(
            "work",
            format!("{macs} MACs, each row about {rounds} times a run"),
        )
        .line("cost", tokens(self.fee))
        .maybe("at least", self.least.map(tokens));
        Ok(self
            .notes
            .iter()
            .fold(report, |report, note| report.line("note", note)))
    }

    /// # Errors
    /// Every problem, one a line.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(self.problems.join("\n  also: ").into())
    }
}

/// An order's error with what to do about it.
fn explain(error: OrderError, order: &Order, noise_rank: u32) -> String {
    let spec = &order.spec;
    let whole = u64::from(spec.segment.max(1));
    match error {
        OrderError::Task(TaskError::Rank) => format!(
            "rows of {} features are too narrow for this chain: it takes {} at least",
            spec.dataset.features,
            u64::from(noise_rank) * TILE as u64
        ),
        OrderError::Task(TaskError::Segment) => format!(
            "training.segment: {} steps are none, or more than the chain's window",
            spec.segment
        ),
        OrderError::Task(TaskError::VoteMacs) => format!(
            "training.segment: executing {} steps of this network again takes longer than the chain asks of a verifier",
            spec.segment
        ),
        OrderError::Task(TaskError::VoteBytes) => format!(
            "the training rows ({} MiB) and four states of this network ({} MiB each) are more than the chain asks a verifier to fetch",
            spec.dataset.bytes() >> 20,
            spec.state_bytes() >> 20,
        ),
        OrderError::Task(error) => error.to_string(),
        OrderError::HeldOut => "the held-out rows do not fit the training rows".into(),
        OrderError::Steps => format!(
            "training.steps: {} is no multiple of the segment; {} would be",
            order.steps,
            order.steps.max(1).next_multiple_of(whole)
        ),
        OrderError::Workers => format!(
            "market.workers: {} is not within 1 and {}",
            order.workers,
            quern_market::order::MAX_WORKERS
        ),
        OrderError::Evaluators => format!(
            "market.evaluators: {} is not within 1 and {}",
            order.evaluators,
            quern_market::order::MAX_EVALUATORS
        ),
        OrderError::Target => "market.target: more than all rows cannot be right".into(),
        OrderError::Deadline => format!(
            "market.deadline: {} blocks are none, or more than the {} allowed",
            order.deadline,
            quern_market::order::MAX_DEADLINE
        ),
        OrderError::Name => "name: it is no text".into(),
        OrderError::ScoringMacs => format!(
            "{} rows are held out: scoring them for {} workers takes longer than the chain asks of an evaluator",
            u64::from(order.held_out.row_blocks) * TILE as u64,
            order.workers
        ),
        OrderError::ScoringBytes => format!(
            "the held-out rows ({} MiB) and the models of {} workers ({} MiB each) are more than the chain asks an evaluator to fetch",
            order.held_out.bytes() >> 20,
            order.workers,
            spec.state_bytes() >> 20,
        ),
    }
}

/// The commitments of a submitted task, compared with a job's.
pub(super) fn same_data(order: &Order, loaded: &Loaded) -> Result<(), Failure> {
    let parts = [
        (
            "training",
            loaded.training.commitment(),
            &order.spec.dataset,
        ),
        ("held-out", loaded.held_out.commitment(), &order.held_out),
    ];
    for (part, found, ordered) in parts {
        if found != *ordered {
            return Err(format!(
                "the {part} rows are not those of the task: their root is {}, the task's {}; give the same file, seed and \
                 held-out part",
                text::hex32(&found.root),
                text::hex32(&ordered.root)
            )
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::task;
    use quern_client::TaskStage;

    const TOKEN: u128 = 1_000_000_000_000;

    fn order() -> Order {
        task(TaskStage::Open).order.unwrap()
    }

    fn market() -> Market {
        Market {
            noise_rank: 32,
            quote: Ok(TOKEN),
            hint: 0,
            miners: 9,
            evaluators: 9,
            supervisors: 1,
            verifiers: 9,
            funds: Some(100 * TOKEN),
        }
    }

    #[test]
    fn a_good_order_costs_the_going_rate_but_never_less_than_the_chain_takes() {
        let least = weigh(order(), None, &market());
        assert_eq!((least.fee, least.problems.len()), (TOKEN, 0));
        assert!(least.notes.is_empty(), "{:?}", least.notes);
        let gmacs = order().macs().div_ceil(1_000_000_000);
        let hint = TOKEN / 10;
        let busy = weigh(order(), None, &Market { hint, ..market() });
        assert_eq!(busy.fee, gmacs * hint);
        assert!(busy.fee > TOKEN);
    }

    #[test]
    fn what_cannot_work_is_a_problem_and_what_may_not_is_a_note() {
        let poor = Market {
            funds: Some(0),
            miners: 1,
            evaluators: 0,
            ..market()
        };
        let found = weigh(order(), Some(TOKEN / 2), &poor);
        let problems = found.refuse().unwrap_err().to_string();
        assert!(problems.contains("too low"), "{problems}");
        assert!(problems.contains("can spend only 0 QRN"), "{problems}");
        assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
    }

    #[test]
    fn an_orders_error_says_what_to_change() {
        let refusal = |change: &dyn Fn(&mut Order)| {
            let mut order = order();
            change(&mut order);
            weigh(order, None, &market())
                .refuse()
                .unwrap_err()
                .to_string()
        };
        assert!(refusal(&|order| order.steps = 100).contains("128 would be"));
        assert!(refusal(&|order| order.workers = 9).contains("1 and 8"));
        assert!(refusal(&|order| order.spec.batch = 100).contains("power of two"));
        assert!(refusal(&|order| order.spec.segment = 0).contains("segment"));
        assert!(refusal(&|order| order.deadline = 0).contains("deadline"));
        let narrow = refusal(&|order| {
            order.spec.dataset.features = 100;
            order.held_out.features = 100;
        });
        assert!(narrow.contains("512 at least"), "{narrow}");
        let refused = Market {
            quote: Err(OrderError::Name),
            ..market()
        };
        assert!(weigh(order(), None, &refused).refuse().is_err());
    }
}
