//! Whatever is called in whatever order: issuance is what accounts own, holds are what pallets record.

use super::{AccountTotal, world::*};
use crate::{money::*, *};
use polkadot_sdk::{frame_support::traits::fungible::InspectHold, sp_keyring::Sr25519Keyring};
use quern_api::market::TaskStage;
use quern_market::{
    AuditVote, Claim, EvaluationVote, Order, Preferences, Role, Score, order::MILLION, vote,
};
use quern_work::Hash;
use std::collections::{BTreeMap, BTreeSet};

/// Calls of one run of the test.
const CALLS: u32 = 12_000;

/// A deterministic stream of choices.
struct Choices(u64);

impl Choices {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn key(&mut self) -> Sr25519Keyring {
        let keys: Vec<_> = Sr25519Keyring::well_known().collect();
        keys[self.below(keys.len() as u64) as usize]
    }

    fn role(&mut self) -> Role {
        Role::ALL[self.below(4) as usize]
    }
}

/// Secrets of commitments on chain, to be revealed some time.
#[derive(Default)]
struct Secrets {
    claims: Vec<(Sr25519Keyring, Claim)>,
    votes: Vec<(Sr25519Keyring, u64, AuditVote)>,
    scores: Vec<(Sr25519Keyring, u32, EvaluationVote)>,
}

const SALT: Hash = [7; 32];

#[test]
fn money_is_conserved_over_random_calls() {
    with_world(|world| {
        let mut choices = Choices(0x9E37_79B9_7F4A_7C15);
        let mut secrets = Secrets::default();
        let (mut done, mut accepted) = (0, BTreeMap::<&str, u32>::new());
        let mut stages = BTreeSet::new();
        while done < CALLS {
            if choices.below(8) == 0 {
                advance(world, &mut choices);
            } else {
                let (name, succeeded) = call(&mut choices, &mut secrets);
                done += 1;
                *accepted.entry(name).or_default() += u32::from(succeeded);
            }
            assert_eq!(System::account_iter_total(), Balances::total_issuance());
            if done % 64 == 0 {
                check();
                no_hold_is_orphaned();
                stages.extend(
                    Tasks::tasks(u32::MAX, 100)
                        .iter()
                        .map(|task| task.stage as u8),
                );
            }
        }
        let never: Vec<_> = accepted.iter().filter(|(_, times)| **times == 0).collect();
        assert!(never.is_empty(), "calls that never succeeded: {never:?}");
        let reached = [
            TaskStage::Expired,
            TaskStage::Cancelled,
            TaskStage::Training,
        ];
        assert!(
            reached.iter().all(|stage| stages.contains(&(*stage as u8))),
            "{stages:?}"
        );
        assert!(pallet_rewards::Emitted::<Runtime>::get() <= 21_000_000 * QRN);

        // Whatever is still open ends, and its fee with it.
        world.skip(1_200);
        check();
        no_hold_is_orphaned();
    });
}

/// Some blocks; their parents were sealed by one run's next steps.
fn advance(world: &mut World, choices: &mut Choices) {
    for _ in 0..=choices.below(4) {
        let runs: Vec<u64> = pallet_work::Runs::<Runtime>::iter_keys().collect();
        let run = runs[choices.below(runs.len() as u64) as usize];
        let info = Work::run_info(run).unwrap();
        world.sealed(
            run,
            info.accepted + choices.below(16),
            [choices.below(3) as u8; 32],
        );
    }
}

/// What is held on any account is what the pallets say is held.
fn no_hold_is_orphaned() {
    let mut held = 0;
    for who in frame_system::Account::<Runtime>::iter_keys() {
        let total = Balances::total_balance_on_hold(&who);
        assert_eq!(System::account(&who).data.reserved, total);
        held += total;
    }
    let stakes: Balance = pallet_tickets::Tickets::<Runtime>::iter_values()
        .map(|ticket| ticket.stake)
        .sum();
    let vesting: Balance = pallet_rewards::Vesting::<Runtime>::iter_values().sum();
    let deposits: Balance = pallet_work::Runs::<Runtime>::iter_values()
        .map(|run| run.deposit)
        .sum();
    let open = [
        TaskStage::Open,
        TaskStage::Assigned,
        TaskStage::Training,
        TaskStage::Evaluating,
    ];
    let fees: Balance = pallet_tasks::Tasks::<Runtime>::iter_keys()
        .filter_map(Tasks::task_info)
        .filter(|task| open.contains(&task.stage))
        .map(|task| task.fee)
        .sum();
    assert_eq!(
        held,
        stakes + vesting + deposits + fees + session_deposits()
    );
}

fn session_deposits() -> Balance {
    let reason = polkadot_sdk::pallet_session::HoldReason::Keys.into();
    frame_system::Account::<Runtime>::iter_keys()
        .map(|who| Balances::balance_on_hold(&reason, &who))
        .sum()
}

/// One random call; its name and whether it succeeded.
fn call(choices: &mut Choices, secrets: &mut Secrets) -> (&'static str, bool) {
    let who = choices.key();
    let origin = signed(who);
    let ticket = choices.below(24);
    let task = choices.below(24) as u32;
    let runs: Vec<u64> = pallet_work::Runs::<Runtime>::iter_keys().collect();
    let run = runs[choices.below(runs.len() as u64) as usize];
    match choices.below(17) {
        0 => {
            let stake = choices.below(40) as Balance * QRN;
            let willing = Preferences::any(1 + choices.below(4) as u32);
            (
                "buy",
                Tickets::buy(origin, choices.role(), stake, willing).is_ok(),
            )
        }
        1 => {
            let owner = owner_of(ticket).unwrap_or(who);
            ("renew", Tickets::renew(signed(owner), ticket).is_ok())
        }
        2 if choices.below(8) == 0 && ticket > 8 => {
            let owner = owner_of(ticket).unwrap_or(who);
            // A call that always can succeed somewhere is counted together with its sibling.
            let _ = Tickets::retire(signed(owner), ticket);
            ("buy", false)
        }
        3 => {
            let owner = owner_of(ticket).unwrap_or(who);
            let willing = Preferences::any(1 + choices.below(4) as u32);
            let result = Tickets::set_preferences(signed(owner), ticket, willing);
            ("set_preferences", result.is_ok())
        }
        4 => {
            let order = Order {
                workers: 1 + choices.below(3) as u32,
                evaluators: 1 + choices.below(3) as u32,
                target: choices.below(u64::from(MILLION)) as u32,
                deadline: 20 + choices.below(200) as u32,
                ..order()
            };
            let fee = choices.below(30) as Balance * QRN;
            (
                "pay_for_task",
                Tasks::pay_for_task(origin, Box::new(order), fee).is_ok(),
            )
        }
        5 => {
            let client = Tasks::task_info(task).and_then(|task| task.client);
            let client = client.map_or(who, |client| key_of(&client));
            (
                "cancel",
                choices.below(2) == 0 && Tasks::cancel(signed(client), task).is_ok(),
            )
        }
        6 => {
            let miners = Tasks::task_info(task)
                .map(|task| task.miners)
                .unwrap_or_default();
            let ticket = miners.first().map_or(ticket, |miner| miner.ticket);
            let _ = Tasks::replace(origin, task, ticket);
            ("buy", false)
        }
        7 | 8 => {
            let miners = Tasks::task_info(task)
                .map(|task| task.miners)
                .unwrap_or_default();
            match miners.iter().find(|miner| miner.run.is_none()) {
                Some(miner) => {
                    let owner = signed(key_of(&miner.owner));
                    (
                        "open_run",
                        Work::open_run(owner, task, miner.ticket).is_ok(),
                    )
                }
                None => ("open_run", Work::open_run(origin, 0, ticket).is_ok()),
            }
        }
        9 => {
            let owner = key_of(&Work::run_info(run).unwrap().owner);
            (
                "close_run",
                choices.below(6) == 0 && Work::close_run(signed(owner), run).is_ok(),
            )
        }
        10 | 11 => {
            let info = Work::run_info(run).unwrap();
            let claim = Claim {
                run,
                from: info.accepted,
                to: info.accepted + SEGMENT * (1 + choices.below(2)),
                state_root: [1; 32],
                starts_root: [2; 32],
                trace_root: [3; 32],
                metric: 4,
            };
            let owner = key_of(&info.owner);
            let digest = claim.commitment(&info.owner.into(), &SALT);
            let done = Work::commit_claim(signed(owner), run, digest).is_ok();
            if done {
                secrets.claims.push((owner, claim));
            }
            ("commit_claim", done)
        }
        12 => match secrets.claims.pop() {
            Some((owner, claim)) => {
                let revealed = Work::reveal_claim(signed(owner), claim.clone(), SALT).is_ok();
                if !revealed && choices.below(4) != 0 {
                    secrets.claims.insert(0, (owner, claim));
                }
                ("reveal_claim", revealed)
            }
            None => ("reveal_claim", false),
        },
        13 => vote_on_something(choices, secrets),
        14 => match secrets.votes.pop() {
            Some((voter, audit, vote)) => {
                let boxed = Box::new(vote.clone());
                let revealed = Audits::reveal_vote(signed(voter), audit, boxed, SALT).is_ok();
                if !revealed && choices.below(8) != 0 {
                    secrets.votes.insert(0, (voter, audit, vote));
                }
                ("reveal_vote", revealed)
            }
            None => ("reveal_vote", false),
        },
        15 => score_something(choices, secrets),
        _ => match secrets.scores.pop() {
            Some((voter, task, vote)) => {
                let _ = Tasks::reveal_scores(signed(voter), task, vote, SALT);
                ("buy", false)
            }
            None => ("forfeit", Work::forfeit(origin, run).is_ok() || true),
        },
    }
}

fn owner_of(ticket: u64) -> Option<Sr25519Keyring> {
    Tickets::ticket_info(ticket).map(|ticket| key_of(&ticket.owner))
}

fn vote_on_something(choices: &mut Choices, secrets: &mut Secrets) -> (&'static str, bool) {
    let next = pallet_audits::NextAudit::<Runtime>::get();
    let audit = next.saturating_sub(1 + choices.below(4));
    let seats = Audits::audit_info(audit).and_then(|audit| audit.ballot);
    let seats = seats.map(|ballot| ballot.seats).unwrap_or_default();
    let Some(seat) = seats.iter().find(|seat| !seat.committed) else {
        return ("commit_vote", false);
    };
    let voter = key_of(&seat.voter);
    let vote = AuditVote::NotServed;
    let digest = vote::commitment(audit, &seat.voter.clone().into(), &vote, &SALT);
    let done = Audits::commit_vote(signed(voter), audit, digest).is_ok();
    if done {
        secrets.votes.push((voter, audit, vote));
    }
    ("commit_vote", done)
}

fn score_something(choices: &mut Choices, secrets: &mut Secrets) -> (&'static str, bool) {
    let tasks = Tasks::tasks(u32::MAX, 100);
    let evaluated = tasks
        .iter()
        .find_map(|task| Some((task, task.evaluation.clone()?)));
    let Some((task, ballot)) = evaluated else {
        return ("buy", false);
    };
    let Some(seat) = ballot.seats.iter().find(|seat| !seat.committed) else {
        return ("buy", false);
    };
    let scores = task.miners.iter().filter_map(|miner| {
        Some(Score {
            run: miner.run?,
            correct: choices.below(64) as u32,
        })
    });
    let vote = EvaluationVote::Scores(scores.collect::<Vec<_>>().try_into().unwrap());
    let voter = key_of(&seat.voter);
    let digest = vote::commitment(task.id.into(), &seat.voter.clone().into(), &vote, &SALT);
    if Tasks::commit_scores(signed(voter), task.id, digest).is_ok() {
        secrets.scores.push((voter, task.id, vote));
    }
    ("buy", false)
}
