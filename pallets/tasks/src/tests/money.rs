//! No sequence of calls makes or loses money, or leaves a hold or a duty behind.

use super::*;
use frame::deps::{frame_system::EventRecord, sp_core::H256};
use frame::traits::fungible::InspectHold;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

#[derive(Clone, Debug)]
enum Step {
    Pay {
        client: u8,
        fee: u128,
        workers: u32,
        evaluators: u32,
        deadline: u32,
        target: u32,
    },
    Cancel {
        task: usize,
    },
    Open {
        miner: usize,
    },
    Accept {
        miner: usize,
        segments: u64,
    },
    Close {
        miner: usize,
    },
    Replace {
        miner: usize,
        who: u8,
    },
    Vote {
        seat: usize,
        correct: u32,
        served: bool,
    },
    SetLive {
        ticket: u64,
        live: bool,
    },
    Advance {
        blocks: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let pay = (
        1..=4u8,
        100..5_000u128,
        1..=3u32,
        1..=3u32,
        10..60u32,
        0..=1_000_000u32,
    )
        .prop_map(
            |(client, fee, workers, evaluators, deadline, target)| Step::Pay {
                client,
                fee,
                workers,
                evaluators,
                deadline,
                target,
            },
        );
    let nth = any::<usize>;
    prop_oneof![
        2 => pay,
        1 => nth().prop_map(|task| Step::Cancel { task }),
        6 => nth().prop_map(|miner| Step::Open { miner }),
        8 => (nth(), 1..=2u64).prop_map(|(miner, segments)| Step::Accept { miner, segments }),
        1 => nth().prop_map(|miner| Step::Close { miner }),
        2 => (nth(), 20..=22u8).prop_map(|(miner, who)| Step::Replace { miner, who }),
        12 => (nth(), 31..33u32, prop::bool::weighted(0.9))
            .prop_map(|(seat, correct, served)| Step::Vote { seat, correct, served }),
        1 => (0..12u64, any::<bool>()).prop_map(|(ticket, live)| Step::SetLive { ticket, live }),
        6 => (1..12u32).prop_map(|blocks| Step::Advance { blocks }),
    ]
}

/// The `at`-th of the given, counted round.
fn pick<T: Clone>(of: &[T], at: usize) -> Option<T> {
    of.get(at.checked_rem(of.len())?).cloned()
}

/// Miners of all tasks that stand there, by task.
fn miners(stands: impl Fn(&miner::Progress) -> bool) -> Vec<(TaskId, miner::Miner<AccountId32>)> {
    let mut tasks: Vec<_> = crate::Tasks::<Test>::iter().collect();
    tasks.sort_by_key(|(id, _)| *id);
    let of =
        |(id, task): (TaskId, TaskOf<Test>)| task.miners.into_iter().map(move |miner| (id, miner));
    tasks
        .into_iter()
        .flat_map(of)
        .filter(|(_, miner)| stands(&miner.progress))
        .collect()
}

fn take(step: Step, next_run: &mut RunId) {
    match step {
        Step::Pay {
            client,
            fee,
            workers,
            evaluators,
            deadline,
            target,
        } => {
            let order = Order {
                workers,
                evaluators,
                deadline,
                target,
                ..order()
            };
            let _ = Tasks::pay_for_task(signed(account(client)), Box::new(order), fee);
        }
        Step::Cancel { task } => {
            let task = 1 + task as u32 % NextTask::<Test>::get();
            if let Some(paid) = crate::Tasks::<Test>::get(task) {
                let _ = Tasks::cancel(signed(paid.client), task);
            }
        }
        Step::Open { miner } => {
            let waiting = miners(|progress| *progress == miner::Progress::Waiting);
            if let Some((task, miner)) = pick(&waiting, miner) {
                *next_run += 1;
                let _ = <Tasks as TaskBook<_>>::open(task, miner.ticket, *next_run);
            }
        }
        Step::Accept { miner, segments } => {
            let running = miners(|progress| matches!(progress, miner::Progress::Running(_)));
            if let Some((task, miner)) = pick(&running, miner) {
                let run = miner.progress.run().unwrap();
                let to = (miner.accepted + 4 * segments).min(8);
                let macs = order().macs() / 16 * u128::from(to - miner.accepted);
                let verifiers = [account(41), account(42 + (run % 40) as u8)];
                <Tasks as TaskBook<_>>::accepted(task, run, to, macs, [5; 32], &verifiers);
            }
        }
        Step::Close { miner } => {
            let opened = miners(|progress| progress.run().is_some());
            if let Some((task, miner)) = pick(&opened, miner) {
                <Tasks as TaskBook<_>>::closed(task, miner.progress.run().unwrap());
            }
        }
        Step::Replace { miner, who } => {
            if let Some((task, miner)) = pick(&miners(|_| true), miner) {
                let _ = Tasks::replace(signed(account(who)), task, miner.ticket);
            }
        }
        Step::Vote {
            seat,
            correct,
            served,
        } => {
            let mut ballots = Vec::new();
            for (id, mut task) in crate::Tasks::<Test>::iter() {
                let runs = task.finished();
                let seats = task
                    .ballot()
                    .map(|ballot| ballot.seats.clone())
                    .unwrap_or_default();
                ballots.extend(seats.into_iter().map(|seat| (id, runs.clone(), seat)));
            }
            ballots.sort_by_key(|(id, _, seat)| (*id, seat.ticket));
            if let Some((task, runs, seat)) = pick(&ballots, seat) {
                // Those who did commit reveal what they committed to: 32, unless they were unserved.
                let vote = if served {
                    scores(&runs, &vec![if correct > 31 { 32 } else { 31 }; runs.len()])
                } else {
                    EvaluationVote::NotServed
                };
                let who = seat.voter;
                let digest = vote::commitment(task.into(), who.as_ref(), &vote, &[1; 32]);
                let _ = Tasks::commit_scores(signed(who.clone()), task, digest);
                let _ = Tasks::reveal_scores(signed(who), task, vote, [1; 32]);
            }
        }
        Step::SetLive { ticket, live } => set_live(ticket, live),
        Step::Advance { blocks } => advance(blocks),
    }
}

/// Issuance is what accounts have free and on hold, and what is missing since genesis was burnt by
/// settlements; what is on hold is the fees of unfinished tasks.
fn check() {
    let accounts = || frame_system::Account::<Test>::iter();
    let free: u128 = accounts().map(|(_, account)| account.data.free).sum();
    let on_hold: u128 = accounts()
        .map(|(who, _)| Balances::total_balance_on_hold(&who))
        .sum();
    let burnt: u128 = System::events()
        .into_iter()
        .map(|record| match record.event {
            RuntimeEvent::Tasks(Event::Settled { burnt, .. }) => burnt,
            _ => 0,
        })
        .sum();
    assert_eq!(Balances::total_issuance(), free + on_hold);
    assert_eq!(Balances::total_issuance() + burnt, 4 * FUNDS);
    let fees: u128 = crate::Tasks::<Test>::iter_values()
        .filter(|task| task.end().is_none())
        .map(|task| task.fee)
        .sum();
    assert_eq!(on_hold, fees);
    Tasks::do_try_state().unwrap();
}

/// Every settlement's parts together are its task's fee.
fn check_settlements() {
    let submitted = |record: EventRecord<RuntimeEvent, H256>| match record.event {
        RuntimeEvent::Tasks(Event::Submitted { task, fee, .. }) => Some((task, fee)),
        _ => None,
    };
    let fees: BTreeMap<TaskId, u128> = System::events().into_iter().filter_map(submitted).collect();
    for record in System::events() {
        if let RuntimeEvent::Tasks(Event::Settled {
            task,
            paid,
            refunded,
            pooled,
            burnt,
        }) = record.event
        {
            let fee = fees[&task];
            assert_eq!(paid + refunded + pooled + burnt, fee);
            assert!(burnt >= fee / 10);
        }
    }
}

#[test]
fn random_calls_neither_make_nor_lose_money_and_every_task_ends() {
    let cases = Cases {
        cases: 96,
        failure_persistence: None,
        ..Cases::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let ends = RefCell::new(BTreeSet::new());
    let outcome = TestRunner::new_with_rng(cases, rng).run(&vec(step(), 1..160), |steps| {
        chain().execute_with(|| {
            for owner in [11, 12, 13, 14, 1] {
                issue(account(owner), Role::Miner);
            }
            issue(account(21), Role::Supervisor);
            for owner in [31, 32, 33, 34, 11, 2] {
                issue(account(owner), Role::Evaluator);
            }
            let mut next_run = 0;
            for step in steps {
                take(step, &mut next_run);
                check();
            }
            advance(60 + RETRY * MAX_EMPTY_DRAWS + 50);
            check();
            check_settlements();
            assert_eq!(Unfinished::<Test>::get(), 0);
            assert_eq!(duties(), []);
            for (who, _) in frame_system::Account::<Test>::iter() {
                assert_eq!(Balances::total_balance_on_hold(&who), 0);
            }
            for record in System::events() {
                if let RuntimeEvent::Tasks(Event::Ended { task, end }) = record.event {
                    let kept = crate::Tasks::<Test>::get(task).and_then(|task| task.end());
                    assert_eq!(kept, Some(end));
                    ends.borrow_mut().insert(match end {
                        End::Completed(_) => "completed",
                        End::Failed(Some(_)) => "missed",
                        End::Failed(None) | End::Unserved => "unscored",
                        End::Expired => "expired",
                        End::Cancelled => "cancelled",
                    });
                }
            }
            for task in crate::Tasks::<Test>::iter_values() {
                if !task.former.is_empty() {
                    ends.borrow_mut().insert("replaced");
                }
            }
        });
        Ok(())
    });
    outcome.unwrap();
    let all = [
        "cancelled",
        "completed",
        "expired",
        "missed",
        "replaced",
        "unscored",
    ];
    assert_eq!(
        ends.into_inner(),
        BTreeSet::from(all),
        "the calls reach every end"
    );
}
