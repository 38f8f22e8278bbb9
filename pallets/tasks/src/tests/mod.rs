//! How tasks behave on a chain.

mod evaluation;
mod life;
mod money;
mod places;
mod refusals;
mod seats;

use crate::{
    mock::{Tasks, *},
    *,
};
use frame::{
    deps::sp_runtime::{AccountId32, DispatchError},
    testing_prelude::*,
};
use quern_market::{EvaluationVote, Order, Role, Score, seams::TaskBook};

/// The only paid task of most tests; task 0 is the commons.
const TASK: TaskId = 1;

/// Owners of the market's tickets.
const MINERS: [u8; 3] = [11, 12, 13];
const SUPERVISOR: u8 = 21;
const EVALUATORS: [u8; 3] = [31, 32, 33];
const VERIFIER: u8 = 41;

/// Runs `test` on a chain with a whole market, every owner endowed; the invariants must hold afterwards.
fn with_market(test: impl FnOnce()) {
    chain().execute_with(|| {
        for owner in MINERS {
            issue(account(owner), Role::Miner);
        }
        issue(account(SUPERVISOR), Role::Supervisor);
        for owner in EVALUATORS {
            issue(account(owner), Role::Evaluator);
        }
        test();
        Tasks::do_try_state().unwrap();
    });
}

fn signed(who: AccountId32) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

fn submit(order: Order, fee: u128) -> TaskId {
    assert_ok!(Tasks::pay_for_task(signed(CLIENT), Box::new(order), fee));
    NextTask::<Test>::get() - 1
}

fn task() -> TaskOf<Test> {
    crate::Tasks::<Test>::get(TASK).unwrap()
}

fn advance(blocks: u32) {
    for _ in 0..blocks {
        next();
    }
}

/// An order of [`TASK`], assigned.
fn assigned(order: Order) {
    assert_eq!(submit(order, 10_000), TASK);
    advance(2);
    assert_eq!(task().stage, Stage::Assigned);
}

/// Opens a run for every miner; their ids are ten times their tickets' and one.
fn open_all() -> Vec<RunId> {
    let tickets: Vec<TicketId> = task().miners.iter().map(|miner| miner.ticket).collect();
    let open = |ticket: TicketId| {
        let run = ticket * 10 + 1;
        assert_ok!(<Tasks as TaskBook<_>>::open(TASK, ticket, run));
        run
    };
    tickets.into_iter().map(open).collect()
}

/// An audit accepts everything of `run` before step `to`.
fn accept(run: RunId, to: u64, macs: u128) {
    let verifiers = [account(VERIFIER)];
    <Tasks as TaskBook<_>>::accepted(TASK, run, to, macs, [5; 32], &verifiers);
}

/// An order, trained to its end and with its evaluators drawn.
fn evaluating(order: Order) -> Vec<RunId> {
    assigned(order);
    let runs = open_all();
    for run in &runs {
        accept(*run, 8, 1_000);
    }
    advance(DRAW_AFTER);
    assert!(task().ballot().is_some());
    runs
}

/// So many right answers of the runs, in order.
fn scores(runs: &[RunId], correct: &[u32]) -> EvaluationVote {
    let mut scores: Vec<Score> = runs
        .iter()
        .zip(correct)
        .map(|(run, correct)| Score {
            run: *run,
            correct: *correct,
        })
        .collect();
    scores.sort_by_key(|score| score.run);
    EvaluationVote::Scores(scores.try_into().unwrap())
}

fn commit(who: AccountId32, vote: &EvaluationVote) {
    let digest = vote::commitment(TASK.into(), who.as_ref(), vote, &[1; 32]);
    assert_ok!(Tasks::commit_scores(signed(who), TASK, digest));
}

fn reveal(who: AccountId32, vote: &EvaluationVote) -> DispatchResultWithPostInfo {
    Tasks::reveal_scores(signed(who), TASK, vote.clone(), [1; 32])
}

fn voters() -> Vec<AccountId32> {
    let mut task = task();
    let ballot = task.ballot().unwrap();
    ballot.seats.iter().map(|seat| seat.voter.clone()).collect()
}

/// The voters commit to these votes and reveal them.
fn vote_all(votes: &[EvaluationVote]) {
    let voters = voters();
    for (who, vote) in voters.iter().zip(votes) {
        commit(who.clone(), vote);
    }
    for (who, vote) in voters.into_iter().zip(votes) {
        assert_ok!(reveal(who, vote));
    }
}

fn held(who: &AccountId32) -> u128 {
    use frame::traits::fungible::InspectHold;
    Balances::balance_on_hold(&HoldReason::Fee.into(), who)
}

/// How the task has ended.
fn end() -> Option<End> {
    task().end()
}
