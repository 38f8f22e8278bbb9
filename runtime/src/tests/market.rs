//! A paid task from its order to its ending, and who is paid what.

use super::world::*;
use crate::{money::*, *};
use polkadot_sdk::{frame_support::assert_ok, sp_keyring::Sr25519Keyring};
use quern_api::market::{TaskInfo, TaskStage};
use quern_market::{EvaluationVote, Order, order::MILLION};

fn free(who: Sr25519Keyring) -> Balance {
    Balances::free_balance(who.to_account_id())
}

/// Trains every run to its end, a segment a claim, every claim audited by honest verifiers.
fn train(world: &mut World, runs: &mut [(Sr25519Keyring, Training)]) {
    for (owner, training) in runs {
        for segment in 0..2 {
            training.segment();
            let claim = training.claim(segment * SEGMENT);
            assert_ok!(world.claim(*owner, &claim));
            let audit = world.audit_of(training.run);
            world.vote(&audit, |_, asked| {
                Some(training.vote(&claim, asked, &training.results()))
            });
        }
    }
}

/// The vote that tells all runs' true scores.
fn scores(runs: &[(Sr25519Keyring, Training)]) -> EvaluationVote {
    let mut scores: Vec<_> = runs.iter().map(|(_, run)| run.score(&rows(9))).collect();
    scores.sort_by_key(|score| score.run);
    EvaluationVote::Scores(scores.try_into().unwrap())
}

fn stage(task: &TaskInfo) -> TaskStage {
    Tasks::task_info(task.id).unwrap().stage
}

#[test]
fn a_paid_task_is_assigned_trained_audited_evaluated_and_paid() {
    with_world(|world| {
        let before = (free(CLIENT), free(AliceStash), free(BobStash));
        let task = world.assigned(order());
        assert_eq!(stage(&task), TaskStage::Assigned);
        let mut runs = world.start(&task);
        assert_eq!(stage(&task), TaskStage::Training);
        train(world, &mut runs);
        assert_eq!(stage(&task), TaskStage::Evaluating);
        world.evaluate(task.id, &scores(&runs));

        let ended = Tasks::task_info(task.id).unwrap();
        assert_eq!(ended.stage, TaskStage::Completed);
        let best = runs
            .iter()
            .map(|(_, run)| run.score(&rows(9)).correct)
            .max();
        assert_eq!(ended.best.map(|best| best.correct), best);

        // A tenth is burnt; of the rest 60 % for the miners, 20 % supervisor, 15 % evaluator, 5 % verifiers.
        let rest = FEE - FEE / 10;
        assert_eq!(before.0 - free(CLIENT), FEE);
        let evaluator = free(AliceStash) - before.1;
        let supervisor = free(BobStash) - before.2;
        assert!(evaluator >= rest * 15 / 100, "{evaluator}");
        assert_eq!(
            (supervisor + evaluator) / QRN,
            (rest * 35 / 100) / QRN + evaluator / QRN - rest * 15 / 100 / QRN
        );
        world.next();
        check();
    });
}

#[test]
fn a_missed_target_fails_and_half_of_the_miners_part_goes_back() {
    with_world(|world| {
        let before = free(CLIENT);
        let task = world.assigned(Order {
            target: MILLION,
            ..order()
        });
        let mut runs = world.start(&task);
        train(world, &mut runs);
        let mut lowered = scores(&runs);
        if let EvaluationVote::Scores(scores) = &mut lowered {
            scores
                .iter_mut()
                .for_each(|score| score.correct = score.correct.min(63));
        }
        world.evaluate(task.id, &lowered);
        assert_eq!(stage(&task), TaskStage::Failed);
        let rest = FEE - FEE / 10;
        assert_eq!(before - free(CLIENT), FEE - rest * 60 / 100 / 2);
    });
}

#[test]
fn an_order_that_nobody_takes_expires_and_is_refunded_but_for_a_tenth() {
    with_tickets(&TICKETS[..1], |world| {
        let before = free(CLIENT);
        // Alice's only ticket is busy as often as it may be.
        for _ in 0..4 {
            world.assigned(Order {
                workers: 1,
                ..order()
            });
        }
        let held = before - free(CLIENT);
        assert_ok!(Tasks::pay_for_task(
            signed(CLIENT),
            Box::new(Order {
                deadline: 20,
                ..order()
            }),
            FEE
        ));
        let task = world.last_task();
        world.until("the end", || {
            (Tasks::task_info(task)?.stage == TaskStage::Expired).then_some(())
        });
        assert_eq!(before - free(CLIENT), held + FEE / 10);
    });
}

#[test]
fn a_client_may_cancel_before_training_begins_only() {
    with_world(|world| {
        let before = free(CLIENT);
        let task = world.assigned(order());
        assert_ok!(Tasks::cancel(signed(CLIENT), task.id));
        assert_eq!(stage(&task), TaskStage::Cancelled);
        assert_eq!(free(CLIENT), before - FEE / 10);

        let task = world.assigned(order());
        world.start(&task);
        assert!(Tasks::cancel(signed(CLIENT), task.id).is_err());
    });
}

#[test]
fn on_a_chain_without_verifiers_claims_are_taken_at_their_word() {
    with_tickets(&TICKETS[..3], |world| {
        let run = Work::run_info(0).unwrap();
        let mut training = Training::new(0, run.seed, &run.spec);
        training.segment();
        world.sealed(0, 1, training.weights(1));
        assert!(Rewards::vesting(0) > 0);
        assert_ok!(world.claim(Alice, &training.claim(0)));
        world.until("acceptance", || {
            (Work::run_info(0)?.accepted == SEGMENT).then_some(())
        });
        assert_eq!(Rewards::vesting(0), 0);
    });
}

#[test]
fn supervisors_with_session_keys_become_the_validators() {
    with_world(|world| {
        // Alice has keys, but no supervisor's ticket; her stash has the ticket, but no keys.
        assert_eq!(Session::validators().len(), 2);
        world.skip(3 * 100);
        assert_eq!(Session::validators(), [BobStash.to_account_id()]);
    });
}
