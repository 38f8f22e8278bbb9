//! Every cheat, caught by the protocol; honest parties lose nothing in any of them.

use super::world::*;
use crate::{money::*, *};
use polkadot_sdk::{
    frame_support::{assert_noop, assert_ok},
    sp_keyring::Sr25519Keyring,
};
use quern_api::market::{TaskInfo, TaskStage};
use quern_market::{AuditVote, Duty, EvaluationVote, Order, Preferences, Role, Score, seams, vote};

/// Stakes of all verifiers.
fn stakes() -> Vec<Balance> {
    [Dave, Eve, Ferdie]
        .iter()
        .map(|who| Tickets::stake_of(&who.to_account_id()))
        .collect()
}

fn stake(who: Sr25519Keyring) -> Balance {
    Tickets::stake_of(&who.to_account_id())
}

fn reputation(who: Sr25519Keyring) -> u64 {
    Reputation::score(&who.to_account_id())
}

/// Alice's commons run, trained by two honest segments; its second step has sealed a block.
fn sealed(world: &mut World) -> Training {
    let run = Work::run_info(0).unwrap();
    let mut training = Training::new(0, run.seed, &run.spec);
    training.segment();
    training.segment();
    world.sealed(0, 1, training.weights(1));
    training
}

#[test]
fn honest_work_is_accepted_and_paid_and_everybody_gains() {
    with_world(|world| {
        let training = sealed(world);
        let (stakes_before, vesting) = (stakes(), Rewards::vesting(0));
        let free = Balances::free_balance(Alice.to_account_id());
        let claim = training.claim(0);
        assert_ok!(world.claim(Alice, &claim));
        let audit = world.audit_of(0);
        let authors = Balances::free_balance(Alice.to_account_id());
        world.vote(&audit, |_, asked| {
            Some(training.vote(&claim, asked, &training.results()))
        });
        let run = Work::run_info(0).unwrap();
        assert_eq!(
            (run.accepted, run.state_root),
            (claim.to, Some(claim.state_root))
        );
        assert_eq!(Rewards::vesting(0), 0);
        assert!(Balances::free_balance(Alice.to_account_id()) >= authors + vesting);
        assert!(authors >= free);
        assert_eq!(stakes(), stakes_before);
        assert!(reputation(Alice) >= 1_000);
        let seats = audit.ballot.unwrap().seats;
        assert!(
            seats
                .iter()
                .all(|seat| Reputation::score(&seat.voter) >= 400)
        );
    });
}

#[test]
fn random_weights_in_a_seal_cost_the_reward_and_stake() {
    with_world(|world| {
        let mut training = sealed(world);
        training.segment();
        world.sealed(0, 5, [0xBA; 32]);
        let before = (stake(Alice), stakes());
        let claim = training.claim(0);
        assert_ok!(world.claim(Alice, &claim));
        let audit = world.audit_of(0);
        let emitted = Balances::total_issuance();
        world.vote(&audit, |_, asked| {
            Some(training.vote(&claim, asked, &training.results()))
        });
        assert_eq!(Work::run_info(0).unwrap().accepted, 0);
        assert_eq!(Rewards::vesting(0), 0);
        assert!(stake(Alice) < before.0);
        assert_eq!(stakes(), before.1);
        let _ = emitted;
    });
}

#[test]
fn a_wrong_state_root_is_rejected() {
    with_world(|world| {
        let training = sealed(world);
        let before = (stake(Alice), stakes());
        let mut false_results = training.results();
        false_results[1].state_root = [0xBA; 32];
        let claim = training.claim_of(0, &false_results);
        assert_ok!(world.claim(Alice, &claim));
        let audit = world.audit_of(0);
        world.vote(&audit, |_, asked| {
            Some(training.vote(&claim, asked, &false_results))
        });
        let run = Work::run_info(0).unwrap();
        assert_eq!((run.accepted, run.committed, run.pending), (0, 0, None));
        assert_eq!(Rewards::vesting(0), 0);
        assert!(stake(Alice) < before.0);
        assert_eq!(stakes(), before.1);
        // The true claim can still be made.
        assert_ok!(world.claim(Alice, &training.claim(0)));
    });
}

#[test]
fn a_rejected_claim_costs_the_seat_in_a_paid_task() {
    with_world(|world| {
        let task = world.assigned(Order {
            workers: 1,
            ..order()
        });
        let ticket = task.miners[0].ticket;
        let mut runs = world.start(&task);
        let (cheat, training) = &mut runs[0];
        training.segment();
        let before = stake(*cheat);
        assert_ok!(world.claim(*cheat, &training.claim(0)));
        let audit = world.audit_of(training.run);
        world.vote(&audit, |_, _| Some(AuditVote::NotServed));
        let now = Tasks::task_info(task.id).unwrap();
        assert!(now.miners.is_empty());
        assert!(Tickets::ticket_info(ticket).unwrap().duties.is_empty());
        // Slashed for the claim alone.
        assert_eq!(before - stake(*cheat), before / 10);
        let another = world.until("another miner", || {
            let task = Tasks::task_info(task.id)?;
            task.miners.first().map(|miner| key_of(&miner.owner))
        });
        assert_ne!(another, *cheat);
    });
}

#[test]
fn withheld_blobs_fail_the_claim() {
    with_world(|world| {
        let training = sealed(world);
        let before = (stake(Alice), stakes());
        assert_ok!(world.claim(Alice, &training.claim(0)));
        let audit = world.audit_of(0);
        world.vote(&audit, |_, _| Some(AuditVote::NotServed));
        assert_eq!(Work::run_info(0).unwrap().accepted, 0);
        assert!(stake(Alice) < before.0);
        assert_eq!(stakes(), before.1);
    });
}

#[test]
fn a_lazy_verifier_that_guesses_loses_and_the_honest_do_not() {
    with_world(|world| {
        let training = sealed(world);
        let claim = training.claim(0);
        assert_ok!(world.claim(Alice, &claim));
        let audit = world.audit_of(0);
        let lazy = key_of(&audit.ballot.as_ref().unwrap().seats[1].voter);
        let before = (stake(Alice), stake(lazy), stakes().iter().sum::<Balance>());
        // It knows the served states and the trace, but not what executing gives.
        let mut guessed = training.results();
        guessed
            .iter_mut()
            .for_each(|result| result.steps_root = [9; 32]);
        world.vote(&audit, |voter, asked| {
            let mut vote = training.vote(&claim, asked, &training.results());
            if let (true, AuditVote::Executed(found)) = (voter == lazy, &mut vote) {
                found
                    .iter_mut()
                    .for_each(|one| one.result.steps_root = [9; 32]);
            }
            Some(vote)
        });
        assert_eq!(Work::run_info(0).unwrap().accepted, claim.to);
        assert_eq!(stake(Alice), before.0);
        assert!(stake(lazy) < before.1);
        let lost = before.1 - stake(lazy);
        assert_eq!(stakes().iter().sum::<Balance>(), before.2 - lost);
        assert_eq!(reputation(lazy), 0);
    });
}

#[test]
fn a_copied_commitment_can_not_be_revealed() {
    with_world(|world| {
        let training = sealed(world);
        let claim = training.claim(0);
        assert_ok!(world.claim(Alice, &claim));
        let audit = world.audit_of(0);
        let seats = audit.ballot.clone().unwrap().seats;
        let [honest, copier] = [0, 1].map(|seat| key_of(&seats[seat].voter));
        let vote = training.vote(&claim, &Asked::new(&audit, &seats[0]), &training.results());
        let digest = vote::commitment(audit.id, &honest.to_account_id().into(), &vote, &[1; 32]);
        for who in [honest, copier, key_of(&seats[2].voter)] {
            assert_ok!(Audits::commit_vote(signed(who), audit.id, digest));
        }
        let root = polkadot_sdk::sp_io::storage::root(Default::default());
        for voter in [copier, Alice] {
            let vote = Box::new(vote.clone());
            assert!(Audits::reveal_vote(signed(voter), audit.id, vote, [1; 32]).is_err());
        }
        assert_eq!(root, polkadot_sdk::sp_io::storage::root(Default::default()));
        let again = Audits::commit_vote(signed(copier), audit.id, [0; 32]);
        assert!(again.is_err(), "a commitment can not be altered");
        assert_ok!(Audits::reveal_vote(
            signed(honest),
            audit.id,
            Box::new(vote),
            [1; 32]
        ));
    });
}

#[test]
fn a_vote_copied_from_a_ballot_without_an_outcome_is_outvoted() {
    with_world(|world| {
        let training = sealed(world);
        let claim = training.claim(0);
        assert_ok!(world.claim(Alice, &claim));
        let first = world.audit_of(0);
        let seat = &first.ballot.as_ref().unwrap().seats[0];
        let honest = key_of(&seat.voter);
        let public = training.vote(&claim, &Asked::new(&first, seat), &training.results());
        world.vote(&first, |voter, _| (voter == honest).then(|| public.clone()));
        let again = world.audit_of(0);
        assert_eq!(again.redraws, 1);
        let seats = &again.ballot.as_ref().unwrap().seats;
        let mut voters = seats.iter().map(|seat| key_of(&seat.voter));
        let copier = voters.find(|voter| *voter != honest).unwrap();
        let before = stake(copier);
        world.vote(&again, |voter, asked| {
            Some(if voter == copier {
                public.clone()
            } else {
                training.vote(&claim, asked, &training.results())
            })
        });
        assert_eq!(Work::run_info(0).unwrap().accepted, claim.to);
        assert!(stake(copier) < before);
    });
}

#[test]
fn keeping_verifiers_busy_does_not_shrink_a_quorum() {
    with_world(|world| {
        let duty = Duty::Audit(99);
        let verifiers = [(Dave, 3), (Eve, 4), (Ferdie, 5)];
        for (who, ticket) in verifiers {
            let one = Preferences::any(1);
            assert_ok!(Tickets::set_preferences(signed(who), ticket, one));
        }
        let busy = <Tickets as seams::Tickets<AccountId>>::draw(&seams::Draw {
            role: Role::Verifier,
            wanted: 3,
            seed: [7; 32],
            duty,
            order: None,
            excluded: &[],
        });
        assert_eq!(busy.len(), 3);
        let relieve = |ticket| <Tickets as seams::Tickets<AccountId>>::relieve(ticket, duty);
        relieve(3);
        let training = sealed(world);
        assert_ok!(world.claim(Alice, &training.claim(0)));
        world.skip(20);
        assert_eq!(Audits::audit_info(0).unwrap().ballot, None);
        assert!(Tickets::ticket_info(3).unwrap().duties.is_empty());
        relieve(4);
        relieve(5);
        let ballot = world.audit_of(0).ballot.unwrap();
        assert_eq!(ballot.seats.len(), 3);
    });
}

#[test]
fn a_colluding_minority_can_not_sink_an_honest_claim_nor_save_a_false_one() {
    with_world(|world| {
        let training = sealed(world);
        let claim = training.claim(0);
        assert_ok!(world.claim(Alice, &claim));
        let audit = world.audit_of(0);
        let colluder = key_of(&audit.ballot.as_ref().unwrap().seats[0].voter);
        world.vote(&audit, |voter, asked| {
            Some(if voter == colluder {
                AuditVote::NotServed
            } else {
                training.vote(&claim, asked, &training.results())
            })
        });
        assert_eq!(Work::run_info(0).unwrap().accepted, claim.to);
    });
    with_world(|world| {
        let training = sealed(world);
        let mut false_results = training.results();
        false_results[0].state_root = [0xBA; 32];
        false_results[1].start_root = [0xBA; 32];
        let claim = training.claim_of(0, &false_results);
        assert_ok!(world.claim(Alice, &claim));
        let audit = world.audit_of(0);
        let colluder = key_of(&audit.ballot.as_ref().unwrap().seats[0].voter);
        let told = liar(&training, false_results.clone());
        world.vote(&audit, |voter, asked| {
            let truth = training.vote(&claim, asked, &false_results);
            Some(if voter == colluder {
                told(&claim, asked)
            } else {
                truth
            })
        });
        assert_eq!(Work::run_info(0).unwrap().accepted, 0);
        assert!(stake(colluder) <= 10 * crate::money::QRN);
    });
}

/// One to whom the author told what its trace stands for.
fn liar(
    training: &Training,
    results: Vec<quern_market::SegmentResult>,
) -> impl Fn(&quern_market::Claim, &Asked<'_>) -> AuditVote {
    move |claim, asked| {
        let mut vote = training.vote(claim, asked, &results);
        if let AuditVote::Executed(found) = &mut vote {
            for (one, index) in found.iter_mut().zip(asked.drawn) {
                one.result = results[*index as usize];
            }
        }
        vote
    }
}

#[test]
fn an_altered_or_late_claim_is_refused_and_changes_nothing() {
    with_world(|world| {
        let training = sealed(world);
        let claim = training.claim(0);
        let digest = claim.commitment(&Alice.to_account_id().into(), &[5; 32]);
        assert_ok!(Work::commit_claim(signed(Alice), 0, digest));
        assert_noop!(
            Work::commit_claim(signed(Alice), 0, [1; 32]),
            pallet_work::Error::<Runtime>::ClaimPending
        );
        world.next();
        let mut altered = claim.clone();
        altered.metric += 1;
        assert!(Work::reveal_claim(signed(Alice), altered, [5; 32]).is_err());
        assert!(Work::reveal_claim(signed(Alice), claim.clone(), [6; 32]).is_err());
        assert!(Work::reveal_claim(signed(Bob), claim.clone(), [5; 32]).is_err());
        world.skip(101);
        assert!(Work::reveal_claim(signed(Alice), claim.clone(), [5; 32]).is_err());
        assert_ok!(world.claim(Alice, &claim));
    });
}

/// A task of one miner, its supervisor, and the stake of who is late.
fn alone(world: &mut World) -> (TaskInfo, Sr25519Keyring, Balance) {
    let task = world.assigned(Order {
        workers: 1,
        ..order()
    });
    let supervisor = task.supervisor.as_ref().map(|(_, who)| key_of(who));
    let before = stake(key_of(&task.miners[0].owner));
    (task, supervisor.unwrap(), before)
}

/// Goes on until the task's only miner is late.
fn until_late(world: &mut World, task: u32) {
    while world.block <= Tasks::task_info(task).unwrap().miners[0].due {
        world.next();
    }
}

#[test]
fn a_miner_that_stops_is_replaced_and_slashed() {
    with_world(|world| {
        let (task, supervisor, before) = alone(world);
        let mut runs = world.start(&task);
        let (silent, training) = &mut runs[0];
        training.segment();
        let claim = training.claim(0);
        assert_ok!(world.claim(*silent, &claim));
        let audit = world.audit_of(training.run);
        world.vote(&audit, |_, asked| {
            Some(training.vote(&claim, asked, &training.results()))
        });
        let ticket = task.miners[0].ticket;
        assert!(
            Tasks::replace(signed(supervisor), task.id, ticket).is_err(),
            "not yet late"
        );
        until_late(world, task.id);
        let reporters = stake_and_purse(supervisor);
        assert_ok!(Tasks::replace(signed(supervisor), task.id, ticket));
        let lost = before - stake(*silent);
        assert!(lost > 0);
        assert_eq!(stake_and_purse(supervisor) - reporters, lost / 2);
        let now = world.until("another miner", || {
            let task = Tasks::task_info(task.id)?;
            let other = task.miners.iter().find(|miner| miner.ticket != ticket)?;
            Some(key_of(&other.owner))
        });
        assert_ne!(now, *silent);
    });
}

fn stake_and_purse(who: Sr25519Keyring) -> Balance {
    stake(who) + Balances::free_balance(who.to_account_id())
}

#[test]
fn a_client_that_serves_no_data_costs_its_miners_no_stake() {
    // The miner waits for its data; or it has some and trains, but no claim of it can be checked.
    for opens in [false, true] {
        with_world(|world| {
            let (task, supervisor, before) = alone(world);
            if opens {
                world.start(&task);
            }
            until_late(world, task.id);
            let miner = &task.miners[0];
            let reporters = stake_and_purse(supervisor);
            assert_ok!(Tasks::replace(signed(supervisor), task.id, miner.ticket));
            assert_eq!(stake(key_of(&miner.owner)), before);
            assert_eq!(stake_and_purse(supervisor), reporters);
            let seats = Tasks::task_info(task.id).unwrap().miners;
            assert!(seats.is_empty());
        });
    }
}

#[test]
fn keeping_evaluators_busy_does_not_shrink_a_quorum() {
    with_tickets(&evaluators(), |world| {
        let task = trained(
            world,
            Order {
                evaluators: 3,
                ..order()
            },
        );
        let duty = Duty::Evaluate(99);
        let busy = <Tickets as seams::Tickets<AccountId>>::draw(&seams::Draw {
            role: Role::Evaluator,
            wanted: 1,
            seed: [7; 32],
            duty,
            order: None,
            excluded: &[],
        });
        let (ticket, owner) = busy[0].clone();
        let one = Preferences::any(1);
        assert_ok!(Tickets::set_preferences(
            RuntimeOrigin::signed(owner),
            ticket,
            one
        ));
        world.skip(20);
        assert_eq!(Tasks::task_info(task).unwrap().evaluation, None);
        <Tickets as seams::Tickets<AccountId>>::relieve(ticket, duty);
        let ballot = world.until("evaluators", || Tasks::task_info(task)?.evaluation);
        assert_eq!(ballot.seats.len(), 3);
    });
}

#[test]
fn orders_from_oneself_earn_less_from_the_emission_than_they_burn() {
    with_tickets(&evaluators(), |world| {
        let mut huge = order();
        huge.evaluators = 3;
        // More MACs a vote than the chain absorbs in a block, or so the client says: by default no such order is taken.
        huge.held_out.row_blocks = 1 << 26;
        let bytes = Some(1 << 40);
        let change = <parameters::Bounds as pallet_governance::Parameters<_>>::named(
            "work.max_vote_bytes",
            bytes,
        );
        let root = RuntimeOrigin::root();
        assert_ok!(Governance::set_parameter(root, change.unwrap()));
        let task = trained(world, huge);
        let macs = Tasks::task_info(task)
            .unwrap()
            .order
            .unwrap()
            .scoring_macs();
        assert!(macs > Difficulty::parent());
        let seats = world.until("evaluators", || Tasks::task_info(task)?.evaluation);
        let run = Tasks::task_info(task).unwrap().miners[0].run.unwrap();
        let score = Score { run, correct: 1 };
        let vote = EvaluationVote::Scores(vec![score].try_into().unwrap());
        let pool = Balances::free_balance(Rewards::pool());
        assert!(pool > 45 * QRN);
        world.evaluate(task, &vote);
        world.skip(2);
        let earned: Balance = seats
            .seats
            .iter()
            .map(|seat| pallet_rewards::Earned::<Runtime>::get(&seat.voter))
            .sum();
        assert_eq!(earned, FEE / 20 / 3 * 3);
    });
}

/// Everybody, and two more who evaluate.
fn evaluators() -> Vec<(Sr25519Keyring, Role)> {
    let more = [Sr25519Keyring::DaveStash, Sr25519Keyring::EveStash];
    let more = more.map(|who| (who, Role::Evaluator));
    TICKETS.into_iter().chain(more).collect()
}

/// A task of one miner whose run has just been accepted to its end.
fn trained(world: &mut World, order: Order) -> u32 {
    let task = world.assigned(Order {
        workers: 1,
        ..order
    });
    let mut runs = world.start(&task);
    let (owner, training) = &mut runs[0];
    training.segment();
    training.segment();
    let claim = training.claim(0);
    assert_ok!(world.claim(*owner, &claim));
    let audit = world.audit_of(training.run);
    world.vote(&audit, |_, asked| {
        Some(training.vote(&claim, asked, &training.results()))
    });
    task.id
}

#[test]
fn an_evaluator_that_reports_another_number_is_outvoted() {
    with_tickets(&evaluators(), |world| {
        let task = world.assigned(Order {
            workers: 1,
            evaluators: 3,
            ..order()
        });
        let mut runs = world.start(&task);
        let (owner, training) = &mut runs[0];
        training.segment();
        training.segment();
        let claim = training.claim(0);
        assert_ok!(world.claim(*owner, &claim));
        let audit = world.audit_of(training.run);
        world.vote(&audit, |_, asked| {
            Some(training.vote(&claim, asked, &training.results()))
        });

        let ballot = world.until("evaluators", || Tasks::task_info(task.id)?.evaluation);
        let truth = training.score(&rows(9));
        let vote_of = |seat: usize| {
            let mut score = truth;
            score.correct = if seat == 0 { 64 } else { score.correct.min(63) };
            EvaluationVote::Scores(vec![score].try_into().unwrap())
        };
        for (seat, voter) in ballot.seats.iter().enumerate() {
            let account = voter.voter.clone().into();
            let digest = vote::commitment(task.id.into(), &account, &vote_of(seat), &[3; 32]);
            assert_ok!(Tasks::commit_scores(
                signed(key_of(&voter.voter)),
                task.id,
                digest
            ));
        }
        let liar = key_of(&ballot.seats[0].voter);
        for (seat, voter) in ballot.seats.iter().enumerate() {
            let who = signed(key_of(&voter.voter));
            assert_ok!(Tasks::reveal_scores(who, task.id, vote_of(seat), [3; 32]));
        }
        let ended = Tasks::task_info(task.id).unwrap();
        assert!(matches!(
            ended.stage,
            TaskStage::Completed | TaskStage::Failed
        ));
        assert_eq!(ended.best.unwrap().correct, truth.correct.min(63));
        assert_eq!(reputation(liar), 0);
    });
}
