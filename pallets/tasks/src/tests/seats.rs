//! Miners that are late or leave, and who takes their seats.

use super::*;
use quern_market::Duty;

#[test]
fn the_supervisor_replaces_a_late_miner_and_its_work_stays_credited() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let late = task().miners[0].clone();
        accept(runs[0], 4, 300);
        let replace = |who: u8| Tasks::replace(signed(account(who)), TASK, late.ticket);
        advance(20);
        assert_noop!(replace(SUPERVISOR), Error::<Test>::NotLate);
        next();
        assert_noop!(replace(2), Error::<Test>::NotTheSupervisor);
        assert_ok!(replace(SUPERVISOR));
        assert_eq!(slashed(), [(late.ticket, Some(account(SUPERVISOR)))]);
        assert_eq!(deeds(), [(late.owner.clone(), Deed::Absent)]);
        assert!(!duties().contains(&(late.ticket, Duty::Mine(TASK))));
        assert_noop!(replace(SUPERVISOR), Error::<Test>::NotAssigned);
        advance(DRAW_AFTER);
        let other = task().miners[1].clone();
        assert!(other.owner != late.owner && task().miners.len() == 2);
        accept(runs[0], 8, 300);
        assert_eq!(
            task().former[0].macs,
            300,
            "what comes too late counts for the run only"
        );
        assert_ok!(<Tasks as TaskBook<_>>::open(TASK, other.ticket, 77));
        accept(77, 8, 600);
        accept(runs[1], 8, 600);
        advance(DRAW_AFTER);
        let vote = scores(&[runs[1], 77], &[40, 40]);
        vote_all(&[vote.clone(), vote.clone(), vote]);
        assert!(matches!(end(), Some(End::Completed(_))));
        assert_eq!(Balances::free_balance(&late.owner), 5_400 * 300 / 1_500);
        assert_eq!(duties(), []);
    });
}

#[test]
fn anybody_replaces_a_very_late_miner_and_the_supervisor_was_absent() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let late = task().miners[0].clone();
        accept(runs[0], 4, 300);
        advance(40);
        let replace = |who: &AccountId32| Tasks::replace(signed(who.clone()), TASK, late.ticket);
        assert_noop!(replace(&late.owner), Error::<Test>::NotTheSupervisor);
        next();
        assert_ok!(replace(&late.owner));
        assert_eq!(
            slashed(),
            [(late.ticket, None)],
            "nobody is rewarded for reporting himself"
        );
        let absent = |who| (who, Deed::Absent);
        assert_eq!(deeds(), [absent(late.owner), absent(account(SUPERVISOR))]);
    });
}

#[test]
fn a_late_miner_of_whom_nothing_was_accepted_loses_its_seat_but_no_stake() {
    let stands: [(&str, fn()); 3] = [
        ("it waits for its data", || ()),
        ("it trains, and no verifier gets the data", || {
            open_all();
        }),
        ("it gives up", || {
            <Tasks as TaskBook<_>>::closed(TASK, open_all()[0]);
        }),
    ];
    for (what, stand) in stands {
        println!("{what}");
        with_market(|| {
            assigned(order());
            stand();
            let late = task().miners[0].clone();
            advance(21);
            let supervisor = signed(account(SUPERVISOR));
            assert_ok!(Tasks::replace(supervisor, TASK, late.ticket));
            assert_eq!(slashed(), []);
            assert!(deeds().contains(&(late.owner, Deed::Absent)));
            System::assert_last_event(
                Event::<Test>::Replaced {
                    task: TASK,
                    ticket: late.ticket,
                    slashed: 0,
                }
                .into(),
            );
        });
    }
}

#[test]
fn a_vacant_seat_is_given_up_when_all_others_have_finished() {
    with_market(|| {
        for ticket in 2..3 {
            set_live(ticket, false);
        }
        assigned(order());
        let (first, second) = (task().miners[0].ticket, task().miners[1].ticket);
        assert_ok!(<Tasks as TaskBook<_>>::open(TASK, first, 5));
        advance(6);
        assert_ok!(Tasks::replace(signed(account(SUPERVISOR)), TASK, second));
        advance(DRAW_AFTER);
        assert_eq!((task().vacancies, task().miners.len()), (1, 1));
        accept(5, 8, 10);
        assert_eq!(task().stage, Stage::Training);
        advance(RETRY);
        assert!(matches!(task().stage, Stage::Evaluating(_)));
        advance(DRAW_AFTER);
        assert_eq!(voters().len(), 3);
    });
}

#[test]
fn a_miner_that_closes_its_run_may_be_replaced_at_once() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let ticket = task().miners[0].ticket;
        <Tasks as TaskBook<_>>::closed(TASK, runs[0]);
        assert_eq!(Tasks::task_info(TASK).unwrap().miners[0].run, None);
        next();
        assert_ok!(Tasks::replace(signed(account(SUPERVISOR)), TASK, ticket));
        accept(runs[1], 8, 10);
        <Tasks as TaskBook<_>>::closed(TASK, runs[1]);
        assert_eq!(task().finished(), [runs[1]]);
    });
}
