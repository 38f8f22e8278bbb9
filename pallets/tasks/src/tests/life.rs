//! A task from its submission to each of its ends.

use super::*;
use quern_api::market::TaskStage;
use quern_work::TaskError;

#[test]
fn a_completed_task_pays_everybody_their_part() {
    with_market(|| {
        let runs = evaluating(order());
        assert_eq!(held(&CLIENT), 10_000);
        let vote = scores(&runs, &[40, 41]);
        vote_all(&[vote.clone(), vote.clone(), vote]);
        assert_eq!(
            end(),
            Some(End::Completed(Score {
                run: runs[1],
                correct: 41
            }))
        );
        let free = |id: u8| Balances::free_balance(account(id));
        let miners: u128 = MINERS.iter().map(|id| free(*id)).sum();
        assert_eq!((miners, free(SUPERVISOR)), (5_400, 1_800));
        assert_eq!(EVALUATORS.map(free), [450; 3]);
        assert_eq!((free(VERIFIER), free(99)), (450, 0));
        assert_eq!(Balances::total_issuance(), 4 * FUNDS - 1_000);
        assert_eq!((held(&CLIENT), duties()), (0, vec![]));
        assert_eq!((Unfinished::<Test>::get(), Demand::<Test>::get()), (0, 0));
        let mut paid: Vec<_> = scored().into_iter().map(|vote| vote.who).collect();
        paid.sort();
        assert_eq!(paid, EVALUATORS.map(account));
        assert!(deeds().iter().all(|(_, deed)| *deed == Deed::Agreed));
    });
}

#[test]
fn a_missed_target_fails_and_returns_half_of_the_miners_part() {
    with_market(|| {
        let runs = evaluating(order());
        let vote = scores(&runs, &[31, 30]);
        vote_all(&[vote.clone(), vote.clone(), vote]);
        assert_eq!(
            end(),
            Some(End::Failed(Some(Score {
                run: runs[0],
                correct: 31
            })))
        );
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - 10_000 + 2_700);
        assert_eq!(Balances::free_balance(account(SUPERVISOR)), 1_800);
        assert_eq!((held(&CLIENT), duties()), (0, vec![]));
    });
}

#[test]
fn a_task_waits_for_miners_and_expires_without_any() {
    chain().execute_with(|| {
        submit(order(), 10_000);
        advance(1);
        assert_eq!(task().stage, Stage::Open);
        issue(account(11), Role::Miner);
        set_live(0, false);
        advance(99);
        assert_eq!(task().stage, Stage::Open);
        next();
        assert_eq!(end(), Some(End::Expired));
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - 1_000);
        Tasks::do_try_state().unwrap();
    });
}

#[test]
fn a_task_begins_with_fewer_miners_and_without_a_supervisor() {
    chain().execute_with(|| {
        submit(order(), 10_000);
        advance(2);
        issue(account(11), Role::Miner);
        advance(RETRY - 1);
        assert_eq!(task().stage, Stage::Open);
        next();
        assert_eq!((task().stage, task().miners.len()), (Stage::Assigned, 1));
        assert_eq!(task().supervisor, None);
        let run = open_all()[0];
        accept(run, 8, 100);
        advance(DRAW_AFTER);
        assert_eq!(end(), Some(End::Failed(None)), "nobody can evaluate");
        assert_eq!(duties(), []);
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - 10_000 + 2_700);
        assert_eq!(Balances::free_balance(account(99)), 1_800 + 1_350);
        Tasks::do_try_state().unwrap();
    });
}

#[test]
fn an_expired_task_pays_for_accepted_work_only() {
    with_market(|| {
        let macs = order().macs();
        assigned(order());
        let runs = open_all();
        accept(runs[0], 4, macs / 4);
        advance(98);
        assert_eq!(task().stage, Stage::Training);
        next();
        assert_eq!(end(), Some(End::Expired));
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - 1_000 - 1_350);
        assert_eq!(Balances::free_balance(&task().miners[0].owner), 1_350);
        assert_eq!(Balances::total_issuance(), 4 * FUNDS - 1_000);
        assert_eq!((held(&CLIENT), duties()), (0, vec![]));
        accept(runs[1], 8, macs / 2);
        assert_eq!(end(), Some(End::Expired));
    });
}

#[test]
fn the_deadline_ends_training_if_one_run_has_ended() {
    with_market(|| {
        assigned(order());
        let runs = open_all();
        accept(runs[0], 8, 1_000);
        accept(runs[1], 4, 500);
        advance(99);
        assert!(matches!(task().stage, Stage::Evaluating(_)));
        next();
        assert_eq!(task().ballot(), None);
        next();
        let vote = scores(&runs[..1], &[64]);
        vote_all(&[vote.clone(), vote.clone(), vote]);
        assert!(matches!(end(), Some(End::Completed(_))));
        let paid = |at: usize| Balances::free_balance(&task().miners[at].owner);
        assert_eq!((paid(0), paid(1)), (3_600, 1_800));
    });
}

#[test]
fn the_client_alone_cancels_and_only_before_a_run_is_open() {
    with_market(|| {
        submit(order(), 10_000);
        assert_noop!(
            Tasks::cancel(signed(account(2)), TASK),
            Error::<Test>::NotTheClient
        );
        assert_noop!(Tasks::cancel(signed(CLIENT), 0), Error::<Test>::UnknownTask);
        advance(2);
        assert_eq!(duties().len(), 3);
        assert_ok!(Tasks::cancel(signed(CLIENT), TASK));
        assert_eq!((end(), duties()), (Some(End::Cancelled), vec![]));
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - 1_000);
        assert_noop!(
            Tasks::cancel(signed(CLIENT), TASK),
            Error::<Test>::TooLateToCancel
        );

        let second = submit(order(), 10_000);
        advance(2);
        let ticket = crate::Tasks::<Test>::get(second).unwrap().miners[0].ticket;
        assert_ok!(<Tasks as TaskBook<_>>::open(second, ticket, 5));
        assert_noop!(
            Tasks::cancel(signed(CLIENT), second),
            Error::<Test>::TooLateToCancel
        );
    });
}

#[test]
fn orders_that_cannot_be_served_are_refused() {
    with_market(|| {
        let refused = |change: &dyn Fn(&mut Order)| {
            let mut order = order();
            change(&mut order);
            assert!(Tasks::quote(&order).is_err());
            let call = Tasks::pay_for_task(signed(CLIENT), Box::new(order), 10_000);
            call.unwrap_err()
        };
        let error = |error: Error<Test>| DispatchError::from(error);
        assert_eq!(refused(&|order| order.spec.batch = 17), error(Error::Batch));
        assert_eq!(
            refused(&|order| order.spec.segment = 64),
            error(Error::Segment)
        );
        assert_eq!(refused(&|order| order.steps = 9), error(Error::Steps));
        assert_eq!(refused(&|order| order.workers = 9), error(Error::Workers));
        assert_eq!(
            refused(&|order| order.deadline = u32::MAX),
            error(Error::Deadline)
        );
        assert_eq!(
            refused(&|order| order.held_out.classes = 9),
            error(Error::HeldOut)
        );
    });
}

#[test]
fn only_governance_opens_commons_and_any_miner_may_train_them() {
    with_market(|| {
        let open = |origin| Tasks::open_commons(origin, Box::new(spec()));
        assert_noop!(open(signed(CLIENT)), DispatchError::BadOrigin);
        let mut bad = spec();
        bad.segment = 64;
        assert_noop!(
            Tasks::open_commons(RuntimeOrigin::root(), Box::new(bad)),
            Error::<Test>::Segment
        );
        assert_ok!(open(RuntimeOrigin::root()));
        assert_eq!(<Tasks as TaskBook<_>>::spec(1), Some(spec()));
        assert_eq!(<Tasks as TaskBook<_>>::steps(1), None);
        assert_ok!(<Tasks as TaskBook<_>>::open(1, 0, 7));
        let refusal = Error::<Test>::NotAMinersTicket;
        assert_noop!(<Tasks as TaskBook<_>>::open(1, 3, 7), refusal);
        accept(7, 4, 10);
        assert_eq!(Tasks::task_info(1).unwrap().stage, TaskStage::Commons);
        assert_eq!(<Tasks as TaskBook<_>>::spec(2), None);
    });
}

#[test]
fn runs_are_opened_by_assigned_tickets_only() {
    with_market(|| {
        let open = |task, ticket| <Tasks as TaskBook<_>>::open(task, ticket, 9);
        submit(
            Order {
                workers: 1,
                ..order()
            },
            10_000,
        );
        assert_noop!(open(TASK, 0), Error::<Test>::NotTraining);
        assert_noop!(open(5, 0), Error::<Test>::UnknownTask);
        advance(2);
        let ticket = task().miners[0].ticket;
        assert_noop!(open(TASK, (ticket + 1) % 3), Error::<Test>::NotAssigned);
        assert_ok!(open(TASK, ticket));
        assert_noop!(open(TASK, ticket), Error::<Test>::NotAssigned);
        assert_eq!(Tasks::task_info(TASK).unwrap().stage, TaskStage::Training);
    });
}

#[test]
fn rounds_are_logged_in_order_by_the_supervisor() {
    with_market(|| {
        assigned(order());
        let log = |who: u8, round| Tasks::log_round(signed(account(who)), TASK, round, [3; 32]);
        assert_noop!(log(2, 0), Error::<Test>::NotTheSupervisor);
        assert_noop!(log(SUPERVISOR, 1), Error::<Test>::RoundOutOfOrder);
        assert_ok!(log(SUPERVISOR, 0));
        assert_ok!(log(SUPERVISOR, 1));
        assert_ok!(Tasks::cancel(signed(CLIENT), TASK));
        assert_noop!(log(SUPERVISOR, 2), Error::<Test>::NotTraining);
    });
}

#[test]
fn nobody_is_drawn_with_randomness_that_was_known_before_the_cause() {
    // The last claim is accepted in the block before the task would have been looked at.
    with_market(|| {
        assigned(order());
        let runs = open_all();
        accept(runs[0], 8, 1_000);
        advance(98);
        assert_eq!(task().wake, 1 + System::block_number() as u32);
        accept(runs[1], 8, 1_000);
        next();
        assert_eq!(task().ballot(), None);
        next();
        assert_eq!(voters().len(), 3);
    });
    // The last vote ends a ballot without an outcome in the block in which it would have ended.
    with_market(|| {
        evaluating(order());
        let who = voters()[0].clone();
        commit(who.clone(), &EvaluationVote::NotServed);
        let until = task().ballot().unwrap().reveal_until;
        advance(until - System::block_number() as u32);
        assert_ok!(reveal(who, &EvaluationVote::NotServed));
        assert_eq!(task().ballot(), None);
        next();
        assert_eq!(task().ballot(), None);
        next();
        assert_eq!(voters().len(), 3);
    });
    // A second seat becomes free in the block before another draw for the first.
    with_market(|| {
        set_live(2, false);
        assigned(order());
        let tickets: Vec<TicketId> = task().miners.iter().map(|miner| miner.ticket).collect();
        let replace = |at: usize| Tasks::replace(signed(account(SUPERVISOR)), TASK, tickets[at]);
        advance(6);
        assert_ok!(replace(0));
        advance(DRAW_AFTER + RETRY - 1);
        assert_eq!(task().wake, 1 + System::block_number() as u32);
        set_live(2, true);
        assert_ok!(replace(1));
        next();
        assert_eq!(task().miners.len(), 0);
        next();
        assert_eq!(task().miners.len(), 1);
    });
}

#[test]
fn a_block_looks_at_few_tasks_and_the_others_come_next() {
    with_market(|| {
        for _ in 0..5 {
            submit(order(), 100);
        }
        let assigned = || {
            let tasks = crate::Tasks::<Test>::iter_values();
            tasks.filter(|task| task.stage == Stage::Assigned).count()
        };
        let mut seen = Vec::new();
        next();
        for _ in 0..6 {
            next();
            seen.push(assigned());
            Tasks::do_try_state().unwrap();
        }
        // Three miners have room for three tasks each, of two miners a task.
        assert_eq!(seen, [1, 2, 3, 4, 5, 5]);
        advance(2);
        assert_eq!(Cursor::<Test>::get(), System::block_number() as u32 + 1);
    });
}

#[test]
fn an_overdue_task_keeps_its_place_whatever_is_called() {
    with_market(|| {
        for _ in 0..5 {
            submit(order(), 100);
        }
        advance(2);
        let waiting = || {
            let mut tasks = crate::Tasks::<Test>::iter();
            tasks.find(|(_, task)| task.stage == Stage::Open).unwrap()
        };
        let (id, overdue) = waiting();
        Tasks::keep(id, overdue.clone(), 3);
        assert_eq!((overdue.wake, waiting().1.wake), (3, 3));
        Tasks::do_try_state().unwrap();
        advance(4);
        assert_ne!(crate::Tasks::<Test>::get(id).unwrap().stage, Stage::Open);
    });
}

#[test]
fn the_view_lists_tasks_from_the_latest_down() {
    with_market(|| {
        assert_eq!(Tasks::task_info(0).unwrap().client, None);
        let runs = evaluating(order());
        submit(order(), 100);
        let ids = |from, limit| -> Vec<TaskId> {
            Tasks::tasks(from, limit)
                .iter()
                .map(|task| task.id)
                .collect()
        };
        assert_eq!(ids(u32::MAX, u32::MAX), [2, 1, 0]);
        assert_eq!(
            (ids(1, 1), ids(0, 9), ids(9, 0)),
            (vec![1], vec![0], vec![])
        );
        let info = Tasks::task_info(TASK).unwrap();
        assert_eq!((info.stage, info.fee), (TaskStage::Evaluating, 10_000));
        assert_eq!(info.miners[0].run, Some(runs[0]));
        assert_eq!(info.miners[0].state_root, Some([5; 32]));
        assert!(!info.evaluation.unwrap().reveals);
        assert_eq!(Tasks::task_info(3), None);
        assert!(Tasks::price_hint() >= price::LEAST);
    });
}

#[test]
fn every_refusal_of_a_spec_has_its_own_error() {
    for (error, expected) in [
        (TaskError::Features, Error::<Test>::Features),
        (TaskError::Rank, Error::<Test>::Rank),
        (TaskError::NoData, Error::<Test>::NoData),
    ] {
        let error: Error<Test> = OrderError::Task(error).into();
        assert_eq!(DispatchError::from(error), DispatchError::from(expected));
    }
}
