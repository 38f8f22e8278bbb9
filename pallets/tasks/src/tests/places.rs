//! What a place among the unfinished tasks costs, and whom the clock waits for.

use super::*;
use frame::traits::Get;
use quern_api::market::TaskStage;
use quern_market::Duty;

/// An order that any client may submit now for this fee.
fn pay(fee: u128) -> DispatchResult {
    Tasks::pay_for_task(signed(CLIENT), Box::new(order()), fee)
}

#[test]
fn the_least_fee_rises_with_the_places_taken_and_falls_as_they_are_left() {
    chain().execute_with(|| {
        let most = <<Test as Config>::MaxOpen as Get<u32>>::get();
        let mut held = 0;
        for taken in 0..most {
            let least = Tasks::quote(&order()).unwrap();
            assert_eq!(least, 100 << (taken * 10 / most));
            assert_noop!(pay(least - 1), Error::<Test>::FeeTooLow);
            assert_ok!(pay(least));
            held += least;
        }
        assert_eq!(held, 6 * 100 * 1_023);
        assert_noop!(pay(FUNDS - held - 10), Error::<Test>::TooManyTasks);
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - held);
        for task in 1..=most {
            assert_ok!(Tasks::cancel(signed(CLIENT), task));
        }
        assert_eq!(Tasks::quote(&order()), Ok(100));
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - held / 10);
        assert_eq!(Balances::total_issuance(), 4 * FUNDS - held / 10);
        Tasks::do_try_state().unwrap();
    });
}

#[test]
fn the_latest_cancelled_tasks_only_stay_on_record() {
    chain().execute_with(|| {
        let most = task::MAX_CANCELLED;
        for id in 1..=most + 3 {
            assert_eq!(submit(order(), 100), id);
            assert_ok!(Tasks::cancel(signed(CLIENT), id));
        }
        let kept: std::collections::BTreeSet<TaskId> = crate::Tasks::<Test>::iter_keys().collect();
        assert!(kept.into_iter().eq(4..=most + 3));
        assert_eq!(Tasks::task_info(3), None);
        assert_eq!(Tasks::task_info(4).unwrap().stage, TaskStage::Cancelled);
        let again = Tasks::cancel(signed(CLIENT), 3);
        assert_noop!(again, Error::<Test>::UnknownTask);
        Tasks::do_try_state().unwrap();
    });
}

#[test]
fn every_end_burns_at_least_a_tenth_of_the_fee() {
    let burnt = || 4 * FUNDS - Balances::total_issuance();
    chain().execute_with(|| {
        submit(order(), 10_000);
        assert_ok!(Tasks::cancel(signed(CLIENT), TASK));
        assert_eq!(burnt(), 1_000);
    });
    chain().execute_with(|| {
        submit(order(), 10_000);
        advance(101);
        assert_eq!(task().end(), Some(End::Expired));
        assert_eq!(burnt(), 1_000);
    });
    with_market(|| {
        assigned(order());
        assert_ok!(Tasks::cancel(signed(CLIENT), TASK));
        assert_eq!((burnt(), duties()), (1_000, vec![]));
    });
}

#[test]
fn a_changed_least_fee_counts_for_new_orders_only() {
    with_market(|| {
        assigned(order());
        MinFee::set(u128::MAX);
        assert_noop!(pay(u128::MAX - 1), Error::<Test>::FeeTooLow);
        assert_noop!(pay(u128::MAX), TokenError::FundsUnavailable);
        assert_ok!(Tasks::cancel(signed(CLIENT), TASK));
        MinFee::set(0);
        assert_ok!(pay(0));
        advance(102);
        assert_eq!(Tasks::task_info(2).unwrap().stage, TaskStage::Expired);
    });
}

#[test]
fn a_miner_whose_claim_is_under_audit_is_not_late() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let miner = task().miners[0].clone();
        let replace = || Tasks::replace(signed(account(SUPERVISOR)), TASK, miner.ticket);
        let due = || Tasks::task_info(TASK).unwrap().miners[0].due;
        advance(60);
        set_audited(&runs[..1]);
        assert_noop!(replace(), Error::<Test>::NotLate);
        assert_eq!(due(), u32::MAX);
        // Without an outcome its time begins anew; a rejection leaves it as it was.
        <Tasks as TaskBook<_>>::lapsed(TASK, runs[0]);
        set_audited(&[]);
        let now = System::block_number() as u32;
        assert_eq!(due(), now + 20);
        assert_noop!(replace(), Error::<Test>::NotLate);
        advance(20);
        assert_noop!(replace(), Error::<Test>::NotLate);
        next();
        assert_ok!(replace());
    });
}

#[test]
fn a_lapsed_claim_of_a_run_that_has_no_seat_changes_nothing() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let before = task();
        <Tasks as TaskBook<_>>::lapsed(TASK, 9_999);
        <Tasks as TaskBook<_>>::lapsed(0, runs[0]);
        <Tasks as TaskBook<_>>::lapsed(7, runs[0]);
        assert_eq!(task(), before);
        for run in &runs {
            accept(*run, 8, 10);
        }
        let before = task();
        <Tasks as TaskBook<_>>::lapsed(TASK, runs[0]);
        assert_eq!(task(), before);
    });
}

#[test]
fn times_that_governance_changes_count_at_once_but_a_ballot_keeps_its_own() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let ticket = task().miners[0].ticket;
        let replace = || Tasks::replace(signed(account(SUPERVISOR)), TASK, ticket);
        advance(10);
        assert_noop!(replace(), Error::<Test>::NotLate);
        ProgressWithin::set(u32::MAX);
        assert_noop!(replace(), Error::<Test>::NotLate);
        ProgressWithin::set(9);
        assert_ok!(replace());
        accept(runs[1], 8, 10);
        advance(DRAW_AFTER);
        let other = task().miners[1].clone();
        assert_ok!(<Tasks as TaskBook<_>>::open(TASK, other.ticket, 77));
        accept(77, 8, 10);
        advance(DRAW_AFTER);
        let now = System::block_number() as u32;
        CommitWithin::set(0);
        RevealWithin::set(0);
        let mut task = task();
        let ballot = task.ballot().unwrap();
        assert_eq!(
            (ballot.commit_until, ballot.reveal_until),
            (now + 4, now + 7)
        );
    });
}

#[test]
fn a_ballot_without_any_time_ends_without_an_outcome_and_the_task_with_it() {
    with_market(|| {
        CommitWithin::set(0);
        RevealWithin::set(0);
        assigned(order());
        for run in open_all() {
            accept(run, 8, 1_000);
        }
        advance(3 * 3);
        assert_eq!(task().end(), Some(End::Failed(None)));
        assert_eq!((held(&CLIENT), duties()), (0, vec![]));
    });
}

#[test]
fn a_rejected_claim_costs_the_seat_and_no_second_slash() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let (cheat, honest) = (task().miners[0].clone(), task().miners[1].clone());
        accept(runs[0], 4, 700);
        <Tasks as TaskBook<_>>::rejected(TASK, runs[0]);
        let now = task();
        assert_eq!((&now.miners[..], now.vacancies), (&[honest.clone()][..], 1));
        assert_eq!(
            (now.former[0].owner.clone(), now.former[0].macs),
            (cheat.owner, 700)
        );
        assert_eq!((slashed(), deeds()), (vec![], vec![]));
        assert!(!duties().contains(&(cheat.ticket, Duty::Mine(TASK))));
        // Another miner takes the seat; whoever lost it isn't drawn again.
        advance(DRAW_AFTER);
        let now = task();
        assert_eq!((now.miners.len(), now.vacancies), (2, 0));
        assert!(now.miners.iter().all(|miner| miner.ticket != cheat.ticket));
        // Neither a run without a seat nor one of no task changes anything.
        <Tasks as TaskBook<_>>::rejected(TASK, runs[0]);
        <Tasks as TaskBook<_>>::rejected(0, runs[1]);
        <Tasks as TaskBook<_>>::rejected(99, runs[1]);
        assert_eq!(task(), now);
    });
}

#[test]
fn as_many_seats_are_vacated_as_miners_may_be_replaced() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        crate::Tasks::<Test>::mutate(TASK, |task| {
            let former = miner::Former {
                owner: account(99),
                macs: 0,
            };
            let all = vec![former; miner::MAX_FORMER as usize];
            task.as_mut().unwrap().former = all.try_into().unwrap();
        });
        let before = task();
        <Tasks as TaskBook<_>>::rejected(TASK, runs[0]);
        assert_eq!(task(), before);
    });
}
