//! Benchmarks of the calls, and of what a block does for a task that is due, each at its fullest.
//!
//! They need a chain whose genesis sets rules for work.

use crate::{
    miner::{Former, MAX_FORMER},
    *,
};
use alloc::vec;
use frame::benchmarking::prelude::*;
use quern_market::{
    Ballot, Preferences, Score,
    order::{MAX_EVALUATORS, MAX_WORKERS},
};
use quern_work::{Dataset, Hash};

const SALT: Hash = [1; 32];

/// One step of the smallest network that the chain's rules admit, by as many as may be.
fn order<T: Config>() -> Order {
    let dataset = Dataset {
        root: [1; 32],
        row_blocks: 1,
        features: T::Rules::get().noise_rank.saturating_mul(16),
        classes: 2,
    };
    let spec = TaskSpec {
        dataset: dataset.clone(),
        hidden: vec![16].try_into().unwrap_or_default(),
        batch: 16,
        lr_shift: 0,
        lr_every: 0,
        segment: 1,
    };
    Order {
        name: Default::default(),
        spec,
        held_out: dataset,
        steps: 1,
        workers: MAX_WORKERS,
        evaluators: MAX_EVALUATORS,
        target: 0,
        deadline: 1_000,
        gpu: false,
        contact: Default::default(),
    }
}

fn stop(why: &'static str) -> BenchmarkError {
    BenchmarkError::Stop(why)
}

/// A paid task of a thousand segments with all seats taken, the first by this ticket, and as many others to
/// be paid as there may be.
pub(crate) fn seated<T: Config>(spec: TaskSpec, owner: &T::AccountId, ticket: TicketId) -> TaskId {
    let (client, fee) = client::<T>();
    let order = Order {
        held_out: spec.dataset.clone(),
        steps: 1_000 * u64::from(spec.segment),
        spec,
        ..order::<T>()
    };
    let id = NextTask::<T>::get();
    let submitted =
        Pallet::<T>::pay_for_task(RawOrigin::Signed(client).into(), Box::new(order), fee);
    assert!(submitted.is_ok(), "tasks: no paid task");
    if let Some(mut task) = Tasks::<T>::get(id) {
        let others = (1..MAX_WORKERS).map(|other| {
            let owner = account("other", other, 0);
            (TicketId::MAX - TicketId::from(other), owner)
        });
        let seats: Vec<_> = core::iter::once((ticket, owner.clone()))
            .chain(others)
            .collect();
        let now = Pallet::<T>::now();
        task.assign(&seats, now);
        task.supervisor = Some((TicketId::MAX, account("supervisor", 0, 0)));
        fill::<T>(id, &mut task);
        Pallet::<T>::keep(id, task, now);
    }
    id
}

/// Replaced miners and verifiers, as many as there may be.
fn fill<T: Config>(id: TaskId, task: &mut TaskOf<T>) {
    for former in 0..MAX_FORMER {
        let owner = account("former", former, 0);
        let _ = task.former.try_push(Former { owner, macs: 1_000 });
    }
    let verifiers: Vec<_> = (0..MAX_VERIFIERS)
        .map(|verifier| (account("verifier", verifier, 0), 1))
        .collect();
    Verifiers::<T>::insert(id, BoundedVec::truncate_from(verifiers));
}

/// Tickets for every seat of a task.
fn market<T: Config>() {
    let seats = [
        (Role::Miner, MAX_WORKERS),
        (Role::Supervisor, 1),
        (Role::Evaluator, MAX_EVALUATORS),
    ];
    for (role, count) in seats {
        for owner in 0..count {
            let owner: T::AccountId = account("owner", owner, role as u32);
            T::Tickets::prepare(&owner, role, Preferences::any(1));
        }
    }
}

/// A client who can pay, and a fee of which every part creates an account.
fn client<T: Config>() -> (T::AccountId, u128) {
    let client = whitelisted_caller();
    let fee = T::MinFee::get().saturating_mul(1_000);
    T::Currency::set_balance(&client, fee.saturating_mul(10));
    (client, fee)
}

/// A submitted task.
fn submitted<T: Config>() -> Result<(TaskId, TaskOf<T>), BenchmarkError> {
    let (client, fee) = client::<T>();
    let id = NextTask::<T>::get();
    Pallet::<T>::pay_for_task(
        RawOrigin::Signed(client).into(),
        Box::new(order::<T>()),
        fee,
    )?;
    stored::<T>(id)
}

fn stored<T: Config>(id: TaskId) -> Result<(TaskId, TaskOf<T>), BenchmarkError> {
    let task = Tasks::<T>::get(id).ok_or(stop("no task"))?;
    Ok((id, task))
}

/// A task with its miners and supervisor.
fn assigned<T: Config>() -> Result<(TaskId, TaskOf<T>), BenchmarkError> {
    market::<T>();
    let (id, mut task) = submitted::<T>()?;
    Pallet::<T>::assign(id, &mut task, Pallet::<T>::now());
    if task.miners.is_empty() || task.supervisor.is_none() {
        return Err(stop("nobody was drawn"));
    }
    Pallet::<T>::keep(id, task, Pallet::<T>::now());
    stored::<T>(id)
}

/// A task whose runs have all ended, with as many others to be paid as there may be.
fn trained<T: Config>() -> Result<(TaskId, TaskOf<T>), BenchmarkError> {
    let (id, mut task) = assigned::<T>()?;
    let now = Pallet::<T>::now();
    fill::<T>(id, &mut task);
    let tickets: Vec<TicketId> = task.miners.iter().map(|miner| miner.ticket).collect();
    for ticket in tickets {
        task.open(ticket, ticket, now);
        task.accept(ticket, 1, 1_000, [0; 32], now);
    }
    Pallet::<T>::keep(id, task, now);
    stored::<T>(id)
}

/// A task whose evaluators have all handed in digests of the vote.
fn committed<T: Config>() -> Result<(TaskId, TaskOf<T>, EvaluationVote), BenchmarkError> {
    let (id, mut task) = trained::<T>()?;
    // So many rows that each vote is worth being paid for.
    task.order.held_out.row_blocks = u32::MAX;
    let now = Pallet::<T>::now();
    Pallet::<T>::evaluate(id, &mut task, now);
    let score = |run| Score { run, correct: 1 };
    let scores: Vec<Score> = task.finished().into_iter().map(score).collect();
    let vote = EvaluationVote::Scores(BoundedVec::truncate_from(scores));
    for who in voters::<T>(&mut task)? {
        let digest = digest::<T>(id, &who, &vote);
        let ballot = task.ballot().ok_or(stop("no ballot"))?;
        ballot
            .commit(&who, now, digest)
            .map_err(|_| stop("no digest"))?;
    }
    Pallet::<T>::keep(id, task, now);
    let (id, task) = stored::<T>(id)?;
    Ok((id, task, vote))
}

/// Reveals the votes of these.
fn reveal<T: Config>(
    id: TaskId,
    ballot: &mut Ballot<T::AccountId, EvaluationVote>,
    who: &[T::AccountId],
    vote: &EvaluationVote,
) -> Result<(), BenchmarkError> {
    for who in who {
        ballot
            .reveal(
                who,
                Pallet::<T>::now(),
                digest::<T>(id, who, vote),
                vote.clone(),
            )
            .map_err(|_| stop("no vote"))?;
    }
    Ok(())
}

fn voters<T: Config>(task: &mut TaskOf<T>) -> Result<Vec<T::AccountId>, BenchmarkError> {
    let ballot = task.ballot().ok_or(stop("no ballot"))?;
    Ok(ballot.seats.iter().map(|seat| seat.voter.clone()).collect())
}

fn digest<T: Config>(id: TaskId, who: &T::AccountId, vote: &EvaluationVote) -> Hash {
    vote::commitment(id.into(), who.as_ref(), vote, &SALT)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn pay_for_task() -> Result<(), BenchmarkError> {
        let (client, fee) = client::<T>();
        let before = Unfinished::<T>::get();

        #[extrinsic_call]
        _(RawOrigin::Signed(client), Box::new(order::<T>()), fee);

        assert_eq!(Unfinished::<T>::get(), before + 1);
        Ok(())
    }

    #[benchmark]
    fn cancel() -> Result<(), BenchmarkError> {
        let (oldest, mut task) = submitted::<T>()?;
        Pallet::<T>::end(oldest, task, End::Cancelled, &[]);
        Cancelled::<T>::put(BoundedVec::truncate_from(vec![
            oldest;
            MAX_CANCELLED as usize
        ]));
        let id;
        (id, task) = assigned::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(task.client), id);

        assert_eq!(stored::<T>(id)?.1.end(), Some(End::Cancelled));
        assert!(!Tasks::<T>::contains_key(oldest));
        Ok(())
    }

    #[benchmark]
    fn replace() -> Result<(), BenchmarkError> {
        let (id, mut task) = assigned::<T>()?;
        let miner = task.miners.first().ok_or(stop("no miner"))?;
        let ticket = miner.ticket;
        task.open(ticket, ticket, Pallet::<T>::now());
        // Its order has several steps: it loses stake for those that are missing.
        task.order.steps = 2;
        task.accept(ticket, 1, 1_000, [0; 32], Pallet::<T>::now());
        Pallet::<T>::keep(id, task, Pallet::<T>::now());
        // And retires, since half of the least price is left, by default.
        T::Tickets::slash(ticket, Permill::from_percent(95), None);
        let later = T::ProgressWithin::get().saturating_mul(2).saturating_add(1);
        let now = Pallet::<T>::now().saturating_add(later);
        frame_system::Pallet::<T>::set_block_number(now.into());
        let caller: T::AccountId = whitelisted_caller();

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), id, ticket);

        assert_eq!(stored::<T>(id)?.1.vacancies, 1);
        Ok(())
    }

    #[benchmark]
    fn log_round() -> Result<(), BenchmarkError> {
        let (id, task) = assigned::<T>()?;
        let (_, supervisor) = task.supervisor.ok_or(stop("no supervisor"))?;

        #[extrinsic_call]
        _(RawOrigin::Signed(supervisor), id, 0, [0; 32]);

        assert_eq!(stored::<T>(id)?.1.round, 1);
        Ok(())
    }

    #[benchmark]
    fn commit_scores() -> Result<(), BenchmarkError> {
        let (id, mut task) = trained::<T>()?;
        let now = Pallet::<T>::now();
        Pallet::<T>::evaluate(id, &mut task, now);
        let who = voters::<T>(&mut task)?.pop().ok_or(stop("no voter"))?;
        Pallet::<T>::keep(id, task, now);

        #[extrinsic_call]
        _(RawOrigin::Signed(who), id, [0; 32]);

        let (_, mut task) = stored::<T>(id)?;
        let ballot = task.ballot().ok_or(stop("no ballot"))?;
        assert!(ballot.seats.iter().any(|seat| seat.commitment.is_some()));
        Ok(())
    }

    /// The last vote but one, which ends nothing.
    #[benchmark]
    fn reveal_scores() -> Result<(), BenchmarkError> {
        let (id, mut task, vote) = committed::<T>()?;
        let mut voters = voters::<T>(&mut task)?;
        let (_, who) = (voters.pop(), voters.pop().ok_or(stop("no voter"))?);
        let ballot = task.ballot().ok_or(stop("no ballot"))?;
        reveal::<T>(id, ballot, &voters, &vote)?;
        Pallet::<T>::keep(id, task, Pallet::<T>::now());

        #[extrinsic_call]
        _(RawOrigin::Signed(who), id, vote, SALT);

        let (_, mut task) = stored::<T>(id)?;
        let ballot = task.ballot().ok_or(stop("no ballot"))?;
        assert_eq!(ballot.votes().count(), voters.len() + 1);
        Ok(())
    }

    #[benchmark]
    fn open_commons() -> Result<(), BenchmarkError> {
        let origin = T::GovernanceOrigin::try_successful_origin()
            .map_err(|()| BenchmarkError::Weightless)?;
        let id = NextTask::<T>::get();

        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, Box::new(order::<T>().spec));

        assert!(Commons::<T>::contains_key(id));
        Ok(())
    }

    /// A block in which no task is due.
    #[benchmark]
    fn idle() {
        let done;
        #[block]
        {
            done = Pallet::<T>::tick_due(Pallet::<T>::now().saturating_add(8));
        }

        assert!(done.is_zero());
    }

    /// Drawing all miners and the supervisor of a task.
    #[benchmark]
    fn assign() -> Result<(), BenchmarkError> {
        market::<T>();
        let (id, mut task) = submitted::<T>()?;
        let now = Pallet::<T>::now();
        #[block]
        {
            Pallet::<T>::assign(id, &mut task, now);
            Pallet::<T>::keep(id, task, now);
        }

        assert_eq!(stored::<T>(id)?.1.stage, Stage::Assigned);
        Ok(())
    }

    /// Drawing all evaluators of a task.
    #[benchmark]
    fn evaluate() -> Result<(), BenchmarkError> {
        let (id, mut task) = trained::<T>()?;
        let now = Pallet::<T>::now();
        #[block]
        {
            Pallet::<T>::evaluate(id, &mut task, now);
            Pallet::<T>::keep(id, task, now);
        }

        assert!(stored::<T>(id)?.1.ballot().is_some());
        Ok(())
    }

    /// Counting a full ballot and settling the fee.
    #[benchmark]
    fn settle() -> Result<(), BenchmarkError> {
        let (id, mut task, vote) = committed::<T>()?;
        let voters = voters::<T>(&mut task)?;
        let ballot = task.ballot().ok_or(stop("no ballot"))?;
        reveal::<T>(id, ballot, &voters, &vote)?;
        T::Voters::prepare();
        let now = Pallet::<T>::now();
        #[block]
        {
            if let Some((end, agreed)) = Pallet::<T>::evaluate(id, &mut task, now) {
                Pallet::<T>::end(id, task, end, &agreed);
            }
        }

        assert!(stored::<T>(id)?.1.end().is_some());
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::chain(), crate::mock::Test);
}
