//! Evaluators: drawn, voting, paid.

use super::*;
use quern_market::Duty;

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
fn a_client_whose_held_out_rows_nobody_gets_is_refunded_nothing() {
    with_market(|| {
        evaluating(order());
        let unserved = EvaluationVote::NotServed;
        for _ in 0..3 {
            vote_all(&[unserved.clone(), unserved.clone(), unserved.clone()]);
            advance(DRAW_AFTER);
        }
        assert_eq!(end(), Some(End::Unserved));
        assert_eq!(Balances::free_balance(CLIENT), FUNDS - 10_000);
        assert_eq!((held(&CLIENT), duties()), (0, vec![]));
        assert_eq!(deeds(), []);
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
        huge.held_out.row_blocks = 1 << 20;
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
