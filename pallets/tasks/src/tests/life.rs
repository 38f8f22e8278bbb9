//! A task from its submission to each of its ends.

use super::*;
use quern_api::market::TaskStage;
use quern_market::Duty;
use quern_work::TaskError;

fn end() -> Option<End> {
    task().end()
}

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
fn votes_are_taken_from_the_drawn_in_their_time_and_about_the_finished_runs() {
    with_market(|| {
        let digest = [0; 32];
        submit(order(), 10_000);
        let refusal = Error::<Test>::NotEvaluating;
        assert_noop!(
            Tasks::commit_scores(signed(account(31)), TASK, digest),
            refusal
        );
        assert_ok!(Tasks::cancel(signed(CLIENT), TASK));
    });
    with_market(|| {
        let runs = evaluating(order());
        let vote = scores(&runs, &[40, 40]);
        let (first, second) = (voters()[0].clone(), voters()[1].clone());
        let refused = |who, vote: &EvaluationVote| reveal(who, vote).unwrap_err().error;
        let error = |error: Error<Test>| DispatchError::from(error);
        assert_noop!(
            Tasks::commit_scores(signed(account(2)), TASK, [0; 32]),
            Error::<Test>::NotDrawn
        );
        assert_eq!(refused(first.clone(), &vote), error(Error::NotCommitted));
        commit(first.clone(), &vote);
        assert_eq!(refused(first.clone(), &vote), error(Error::TooEarly));
        advance(5);
        assert_noop!(
            Tasks::commit_scores(signed(second), TASK, [0; 32]),
            Error::<Test>::TooLate
        );
        assert_eq!(
            refused(first.clone(), &scores(&runs, &[40])),
            error(Error::WrongScores)
        );
        assert_eq!(
            refused(first.clone(), &scores(&runs, &[65, 1])),
            error(Error::WrongScores)
        );
        assert_eq!(
            refused(first.clone(), &scores(&runs, &[1, 1])),
            error(Error::AnotherVote)
        );
        assert_ok!(reveal(first, &vote));
        // One of three is less than half: others are drawn.
        let Stage::Evaluating(evaluation) = task().stage else {
            panic!("no evaluation")
        };
        assert_eq!((evaluation.ballot, evaluation.ballots), (None, 1));
        let absent = deeds()
            .iter()
            .filter(|(_, deed)| *deed == Deed::Absent)
            .count();
        assert_eq!(absent, 2);
        advance(DRAW_AFTER);
        assert_eq!(voters().len(), 3);
    });
}

#[test]
fn an_evaluator_against_the_outcome_diverges_and_is_not_paid() {
    with_market(|| {
        let runs = evaluating(order());
        let (right, wrong) = (scores(&runs, &[40, 40]), scores(&runs, &[64, 40]));
        let liar = voters()[1].clone();
        vote_all(&[right.clone(), wrong, right]);
        assert!(matches!(end(), Some(End::Completed(_))));
        assert!(deeds().contains(&(liar.clone(), Deed::Diverged)));
        assert_eq!(Balances::free_balance(&liar), 0);
        assert_eq!(scored().len(), 2);
    });
}

#[test]
fn neither_the_client_nor_a_miner_evaluates() {
    with_market(|| {
        for ticket in 4..7 {
            set_live(ticket, false);
        }
        let first = issue(CLIENT, Role::Evaluator);
        for owner in MINERS {
            issue(account(owner), Role::Evaluator);
        }
        assigned(order());
        for run in open_all() {
            accept(run, 8, 1_000);
        }
        advance(DRAW_AFTER);
        let miners: Vec<_> = task()
            .miners
            .iter()
            .map(|miner| miner.owner.clone())
            .collect();
        assert_eq!(voters().len(), 1, "the one who does not mine this task");
        assert!(
            voters()
                .iter()
                .all(|who| *who != CLIENT && !miners.contains(who))
        );
        assert!(duties().iter().all(|(ticket, _)| *ticket != first));
    });
}

#[test]
fn what_is_too_little_to_create_an_account_goes_to_the_pool() {
    with_market(|| {
        assert_eq!(submit(order(), 200), TASK);
        advance(2);
        let runs = open_all();
        runs.iter().for_each(|run| accept(*run, 8, 1_000));
        advance(DRAW_AFTER);
        let vote = scores(&runs, &[40, 40]);
        vote_all(&[vote.clone(), vote.clone(), vote]);
        // 20 burnt; 54 to each miner, 36 to the supervisor; 9 each for evaluators and verifier are too little.
        assert_eq!(Balances::free_balance(account(99)), 4 * 9);
        assert_eq!(Balances::total_issuance(), 4 * FUNDS - 20);
        assert_eq!(
            EVALUATORS.map(|id| Balances::free_balance(account(id))),
            [0; 3]
        );
        assert_eq!(held(&CLIENT), 0);
    });
}

#[test]
fn what_even_the_pool_cannot_take_is_burnt() {
    with_market(|| {
        assert_eq!(
            submit(
                Order {
                    evaluators: 1,
                    ..order()
                },
                100
            ),
            TASK
        );
        advance(2);
        let runs = open_all();
        for run in &runs {
            <Tasks as TaskBook<_>>::accepted(TASK, *run, 8, 1_000, [5; 32], &[]);
        }
        advance(DRAW_AFTER);
        let vote = scores(&runs, &[40, 40]);
        vote_all(&[vote]);
        // 10 burnt; 27 to each miner, 18 to the supervisor, 13 to the evaluator; 5 are left.
        assert_eq!(Balances::free_balance(account(99)), 0);
        assert_eq!(Balances::total_issuance(), 4 * FUNDS - 15);
        assert_eq!(held(&CLIENT), 0);
    });
}

#[test]
fn after_three_ballots_without_an_outcome_a_task_fails() {
    with_market(|| {
        evaluating(order());
        let unserved = EvaluationVote::NotServed;
        for _ in 0..2 {
            vote_all(&[unserved.clone(), unserved.clone(), unserved.clone()]);
            assert_eq!(end(), None);
            advance(DRAW_AFTER);
        }
        assert_eq!(deeds(), []);
        // Nobody says anything: the time for digests passes, then there is nothing to wait for.
        advance(5);
        assert_eq!(end(), Some(End::Failed(None)));
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - 10_000 + 2_700);
        assert_eq!((held(&CLIENT), duties()), (0, vec![]));
        assert!(deeds().iter().all(|(_, deed)| *deed == Deed::Absent));
    });
}

#[test]
fn a_task_waits_for_busy_evaluators_but_not_for_ever() {
    chain().execute_with(|| {
        issue(account(11), Role::Miner);
        issue(account(11), Role::Evaluator);
        assigned(Order {
            workers: 1,
            ..order()
        });
        let run = open_all()[0];
        accept(run, 8, 10);
        advance(DRAW_AFTER + RETRY * (MAX_EMPTY_DRAWS - 2));
        assert_eq!(
            end(),
            None,
            "the miner's own evaluator might become another's"
        );
        advance(RETRY);
        assert_eq!(end(), Some(End::Failed(None)));
        Tasks::do_try_state().unwrap();
    });
}

#[test]
fn a_quorum_of_evaluators_does_not_shrink_because_one_is_busy() {
    with_market(|| {
        assigned(order());
        set_busy(5, true);
        for run in open_all() {
            accept(run, 8, 1_000);
        }
        advance(DRAW_AFTER);
        let evaluate = |(_, duty): &(TicketId, Duty)| *duty == Duty::Evaluate(TASK);
        assert_eq!(
            (task().ballot(), duties().iter().any(evaluate)),
            (None, false)
        );
        advance(RETRY - 1);
        set_busy(5, false);
        next();
        assert_eq!((voters().len(), end()), (3, None));
    });
    with_market(|| {
        assigned(order());
        set_busy(5, true);
        for run in open_all() {
            accept(run, 8, 1_000);
        }
        advance(DRAW_AFTER + RETRY * (MAX_EMPTY_DRAWS - 1));
        assert_eq!(end(), Some(End::Failed(None)), "not for ever");
        set_busy(5, false);
        assert_eq!(duties(), []);
    });
}

#[test]
fn evaluators_together_get_less_from_the_emission_than_is_burnt_whatever_the_order_says() {
    with_market(|| {
        let mut huge = order();
        huge.held_out.row_blocks = 1 << 28;
        let runs = evaluating(huge.clone());
        let vote = scores(&runs, &[40, 40]);
        vote_all(&[vote.clone(), vote.clone(), vote]);
        let scored = scored();
        let each = |vote: &Scored| (vote.macs, vote.most);
        assert!(
            scored
                .iter()
                .all(|vote| each(vote) == (2 * huge.scoring_macs(), 500 / 3))
        );
        assert_eq!(scored.len(), 3);
        assert_eq!(Balances::total_issuance(), 4 * FUNDS - 1_000);
    });
}

#[test]
fn a_vote_that_ends_no_ballot_weighs_no_settlement() {
    use frame::deps::frame_support::dispatch::GetDispatchInfo;
    type Weights = <Test as Config>::WeightInfo;
    let plain = Weights::reveal_scores();
    let most = plain.saturating_add(Weights::settle());
    let reveal = |who: &AccountId32, vote: &EvaluationVote| {
        let post = reveal(who.clone(), vote).unwrap();
        assert_eq!(post.pays_fee, Pays::No);
        let call = crate::Call::<Test>::reveal_scores {
            task: TASK,
            vote: vote.clone(),
            salt: [1; 32],
        };
        assert_eq!(call.get_dispatch_info().call_weight, most);
        post.actual_weight
    };
    with_market(|| {
        let runs = evaluating(order());
        let vote = scores(&runs, &[40, 40]);
        let voters = voters();
        voters.iter().for_each(|who| commit(who.clone(), &vote));
        let weights: Vec<_> = voters.iter().map(|who| reveal(who, &vote)).collect();
        assert_eq!(weights, [Some(plain), Some(plain), None]);
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
