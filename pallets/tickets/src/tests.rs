use crate::{mock::*, pool::UNIT, *};
use frame::{
    deps::sp_runtime::AccountId32,
    testing_prelude::*,
    traits::fungible::{Inspect, InspectHold, Mutate},
};
use polkadot_sdk::pallet_session::SessionManager;
use proptest::prelude::*;
use quern_market::{
    Order,
    seams::{Draw, Tickets as Seam},
};
use quern_work::{Dataset, TaskSpec};
use std::collections::BTreeSet;

mod elections;
mod equivocation;
mod refusals;

fn signed(who: &AccountId32) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.clone())
}

fn buy(who: &AccountId32, role: Role, stake: u128, concurrent: u32) -> TicketId {
    let id = NextTicket::<Test>::get();
    let preferences = Preferences::any(concurrent);
    assert_ok!(Licences::buy(signed(who), role, stake, preferences));
    id
}

fn held(who: &AccountId32) -> u128 {
    Balances::balance_on_hold(&HoldReason::Stake.into(), who)
}

/// Draws by the numbered seed for audits of that number.
fn draw(role: Role, wanted: u32, seed: u8, excluded: &[AccountId32]) -> Vec<TicketId> {
    let drawn = <Licences as Seam<AccountId32>>::draw(&Draw {
        role,
        wanted,
        seed: [seed; 32],
        duty: Duty::Audit(seed.into()),
        order: None,
        excluded,
    });
    drawn.into_iter().map(|(ticket, _)| ticket).collect()
}

/// Draws, and ends the duty again.
fn look(role: Role, wanted: u32, seed: u8) -> Vec<TicketId> {
    let drawn = draw(role, wanted, seed, &[]);
    for ticket in &drawn {
        Licences::relieve(*ticket, Duty::Audit(seed.into()));
    }
    drawn
}

/// An order over this many row blocks.
fn order(row_blocks: u32, gpu: bool) -> Order {
    let dataset = Dataset {
        root: [0; 32],
        row_blocks,
        features: 512,
        classes: 10,
    };
    Order {
        name: Default::default(),
        spec: TaskSpec {
            dataset: dataset.clone(),
            hidden: vec![48].try_into().unwrap(),
            batch: 64,
            lr_shift: 3,
            lr_every: 0,
            segment: 8,
        },
        held_out: dataset,
        steps: 8,
        workers: 1,
        evaluators: 1,
        target: 0,
        deadline: 1,
        gpu,
        contact: Default::default(),
    }
}

fn draw_miners(wanted: u32, task: u32, order: &Order) -> Vec<TicketId> {
    let drawn = <Licences as Seam<AccountId32>>::draw(&Draw {
        role: Role::Miner,
        wanted,
        seed: [7; 32],
        duty: Duty::Mine(task),
        order: Some(order),
        excluded: &[],
    });
    drawn.into_iter().map(|(ticket, _)| ticket).collect()
}

#[test]
fn a_ticket_holds_its_stake_and_licenses_its_role() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, 15 * QRN, 2);
        assert_eq!(held(&ALICE), 15 * QRN);
        assert_eq!(<Licences as Seam<_>>::owner(id), Some(ALICE));
        assert!(Licences::licenses(id, Role::Miner) && !Licences::licenses(id, Role::Verifier));
        assert_eq!(Licences::pool(Role::Miner), 1);
        let info = Licences::ticket_info(id).unwrap();
        assert_eq!((info.bought, info.expires), (1, 1 + LIFETIME));
        assert_eq!(Licences::tickets_of_info(&ALICE), [info]);
        buy(&ALICE, Role::Miner, 10 * QRN, 1);
        buy(&ALICE, Role::Verifier, 10 * QRN, 1);
        assert_eq!(Licences::roles_of(&ALICE), [Role::Miner, Role::Verifier]);
        assert_eq!(Licences::stake_of(&ALICE), 35 * QRN);
    });
}

#[test]
fn a_retired_ticket_is_drawn_no_more_and_withdrawn_after_its_last_duty() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Verifier, 10 * QRN, 2);
        assert_eq!(draw(Role::Verifier, 1, 1, &[]), [id]);
        assert_noop!(
            Licences::withdraw(signed(&ALICE), id),
            Error::<Test>::NotLeaving
        );
        assert_noop!(
            Licences::retire(signed(&BOB), id),
            Error::<Test>::NotTheOwner
        );
        assert_ok!(Licences::retire(signed(&ALICE), id));
        assert_noop!(Licences::retire(signed(&ALICE), id), Error::<Test>::Leaving);
        assert!(!Licences::licenses(id, Role::Verifier));
        assert_eq!(draw(Role::Verifier, 1, 2, &[]), [0u64; 0]);
        assert_eq!(Licences::roles_of(&ALICE), []);
        advance(u64::from(UNBONDING));
        assert_noop!(
            Licences::withdraw(signed(&ALICE), id),
            Error::<Test>::Unbonding
        );
        advance(u64::from(UNBONDING) + 1);
        assert_noop!(
            Licences::withdraw(signed(&ALICE), id),
            Error::<Test>::OnDuty
        );
        Licences::relieve(id, Duty::Audit(1));
        assert_ok!(Licences::withdraw(signed(&ALICE), id));
        assert_eq!(
            (held(&ALICE), Balances::free_balance(&ALICE)),
            (0, ENDOWMENT)
        );
        assert_noop!(
            Licences::withdraw(signed(&ALICE), id),
            Error::<Test>::UnknownTicket
        );
    });
}

#[test]
fn a_renewed_ticket_lives_on_at_the_present_price() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Evaluator, 10 * QRN, 1);
        Prices::<Test>::insert(Role::Evaluator, 12 * QRN);
        System::set_block_number(50);
        assert_ok!(Licences::renew(signed(&ALICE), id));
        assert_eq!(held(&ALICE), 12 * QRN);
        assert_ok!(Licences::retire(signed(&ALICE), id));
        System::set_block_number(60);
        assert_ok!(Licences::renew(signed(&ALICE), id));
        let info = Licences::ticket_info(id).unwrap();
        assert_eq!((info.expires, info.withdrawable), (60 + LIFETIME, None));
        assert_eq!(Licences::pool(Role::Evaluator), 1);
        assert!(Licences::licenses(id, Role::Evaluator));
    });
}

#[test]
fn at_most_eight_tickets_expire_in_a_block() {
    let tickets = (1..=20).map(|owner| (account(owner), Role::Miner, 10 * QRN, 1));
    with_tickets(tickets.collect(), || {
        // Tickets of block 0 expire in block 100.
        advance(99);
        assert_eq!(Licences::pool(Role::Miner), 20);
        assert!(Licences::licenses(19, Role::Miner));
        System::set_block_number(100);
        assert!(!Licences::licenses(19, Role::Miner));
        assert_eq!(look(Role::Miner, 3, 1), [0u64; 0]);
        for left in [12, 4, 0, 0] {
            Licences::on_initialize(System::block_number());
            assert_eq!(Licences::pool(Role::Miner), left);
            System::set_block_number(System::block_number() + 1);
        }
        let withdrawable = |from| {
            let tickets = Tickets::<Test>::iter_values();
            tickets
                .filter(|ticket| ticket.withdrawable == Some(from))
                .count()
        };
        let from = 100 + UNBONDING;
        assert_eq!([from, from + 1, from + 2].map(withdrawable), [8, 8, 4]);
        assert_eq!(Expiries::<Test>::iter().count(), 0);
    });
}

#[test]
fn a_delayed_sweep_catches_up() {
    with_chain(|| {
        Licences::on_initialize(1);
        let id = buy(&ALICE, Role::Miner, 10 * QRN, 1);
        advance(60);
        let later = buy(&BOB, Role::Miner, 10 * QRN, 1);
        Swept::<Test>::put(61);
        System::set_block_number(110);
        for _ in 0..4 {
            Licences::on_initialize(110);
        }
        assert!(Licences::ticket_info(id).unwrap().withdrawable.is_some());
        assert!(Licences::ticket_info(later).unwrap().withdrawable.is_none());
        assert_eq!(Swept::<Test>::get(), Some(111));
    });
}

#[test]
fn the_price_rises_with_a_full_pool_and_falls_with_an_empty_one() {
    let tickets = (1..=13).map(|owner| (account(owner), Role::Miner, 10 * QRN, 1));
    with_tickets(tickets.collect(), || {
        advance(9);
        assert_eq!(Licences::price(Role::Miner), 10 * QRN);
        advance(10);
        assert_eq!(Licences::price(Role::Miner), 15 * QRN);
        assert_eq!(Licences::price(Role::Verifier), 8 * QRN);
        let price = 8 * QRN;
        System::assert_last_event(
            Event::<Test>::Repriced {
                role: Role::Evaluator,
                price,
            }
            .into(),
        );
        advance(20);
        assert_eq!(Licences::price(Role::Miner), 22 * QRN + QRN / 2);
        advance(400);
        assert_eq!(Licences::price(Role::Verifier), QRN);
    });
}

#[test]
fn a_drawn_ticket_is_bound_until_it_is_relieved() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Verifier, 10 * QRN, 1);
        assert_eq!(draw(Role::Verifier, 3, 1, &[]), [id]);
        assert_eq!(Licences::ticket_info(id).unwrap().duties, [Duty::Audit(1)]);
        assert_eq!(draw(Role::Verifier, 3, 2, &[]), [0u64; 0]);
        Licences::relieve(id, Duty::Audit(2));
        assert_eq!(draw(Role::Verifier, 3, 2, &[]), [0u64; 0]);
        Licences::relieve(id, Duty::Audit(1));
        assert_eq!(draw(Role::Verifier, 3, 2, &[]), [id]);
        // One more at a time, but not for the same audit twice.
        assert_ok!(Licences::set_preferences(
            signed(&ALICE),
            id,
            Preferences::any(2)
        ));
        assert_eq!(draw(Role::Verifier, 3, 2, &[]), [0u64; 0]);
        assert_eq!(draw(Role::Verifier, 3, 3, &[]), [id]);
        Licences::relieve(99, Duty::Audit(1));
    });
}

#[test]
fn the_excluded_are_not_drawn_and_no_owner_twice() {
    with_chain(|| {
        let first = buy(&ALICE, Role::Verifier, 10 * QRN, 9);
        let second = buy(&ALICE, Role::Verifier, 10 * QRN, 9);
        let bobs = buy(&BOB, Role::Verifier, 10 * QRN, 9);
        for seed in 0..20 {
            let drawn = look(Role::Verifier, 3, seed);
            assert_eq!(drawn.len(), 2);
            assert!(drawn.contains(&bobs));
            assert!(drawn.contains(&first) != drawn.contains(&second));
        }
        assert_eq!(draw(Role::Verifier, 3, 99, &[ALICE]), [bobs]);
        assert_eq!(draw(Role::Miner, 3, 99, &[]), [0u64; 0]);
    });
}

#[test]
fn others_are_counted_by_account_idle_or_not() {
    with_chain(|| {
        let without = |who: &[AccountId32]| Licences::others(Role::Verifier, who);
        let others = |who: &AccountId32| without(core::slice::from_ref(who));
        buy(&ALICE, Role::Verifier, 10 * QRN, 1);
        let second = buy(&ALICE, Role::Verifier, 10 * QRN, 1);
        let bobs = buy(&BOB, Role::Miner, 10 * QRN, 1);
        assert_eq!((others(&ALICE), others(&BOB)), (0, 1));
        assert_ok!(Licences::retire(signed(&BOB), bobs));
        let bobs = buy(&BOB, Role::Verifier, 10 * QRN, 1);
        draw(Role::Verifier, 2, 1, &[]);
        assert_eq!((others(&ALICE), others(&BOB), others(&POOR)), (1, 1, 2));
        assert_eq!((without(&[]), without(&[ALICE, POOR, ALICE])), (2, 1));
        assert_eq!(without(&[ALICE, BOB]), 0);
        assert_ok!(Licences::retire(signed(&ALICE), second));
        assert_eq!(others(&BOB), 1);
        assert_ok!(Licences::renew(signed(&BOB), bobs));
        assert_eq!(others(&ALICE), 1);
        Licences::slash(bobs, Permill::one(), None);
        assert_eq!((others(&ALICE), others(&POOR)), (0, 1));
        advance(1 + u64::from(LIFETIME));
        assert_eq!(others(&POOR), 0);
    });
}

#[test]
fn what_changes_between_blocks_holds_for_what_comes_later() {
    with_chain(|| {
        let old = buy(&ALICE, Role::Miner, 10 * QRN, 1);
        let left = buy(&ALICE, Role::Miner, 10 * QRN, 1);
        assert_ok!(Licences::retire(signed(&ALICE), left));
        Lifetime::set(&0);
        Unbonding::set(&0);
        PriceFloor::set(&0);
        BasePrice::set(&0);
        assert_eq!(Licences::price(Role::Miner), 1);
        let new = buy(&BOB, Role::Miner, UNIT, 1);
        let info = |id| Licences::ticket_info(id).unwrap();
        assert_eq!((info(old).expires, info(new).expires), (1 + LIFETIME, 2));
        assert_eq!(info(left).withdrawable, Some(1 + UNBONDING));
        advance(2);
        assert_eq!(info(new).withdrawable, Some(2));
        assert_ok!(Licences::withdraw(signed(&BOB), new));
        // A floor that is raised holds at once, whatever the price was.
        PriceInterval::set(&0);
        PriceFloor::set(&(30 * QRN));
        advance(30);
        assert_eq!(Licences::price(Role::Miner), 30 * QRN);
        PriceInterval::set(&31);
        PoolTarget::set(&0);
        advance(31);
        assert_eq!(Licences::price(Role::Miner), 45 * QRN);
        assert_eq!(Licences::price(Role::Verifier), 30 * QRN);
    });
}

#[test]
fn quorum_seats_go_to_the_reputed_first_and_then_to_the_oldest_tickets() {
    with_chain(|| {
        for owner in 1..=6 {
            buy(&account(owner), Role::Evaluator, 10 * QRN, 9);
        }
        esteem(&account(5), 50);
        for seed in 0..20 {
            assert_eq!(look(Role::Evaluator, 3, seed), [4, 0, 1]);
        }
        for owner in 1..=6 {
            esteem(&account(owner), 60);
        }
        let drawn: BTreeSet<_> = (0..20).map(|seed| look(Role::Evaluator, 3, seed)).collect();
        assert!(drawn.len() > 10);
    });
}

#[test]
fn miners_must_fit_the_order() {
    with_chain(|| {
        let small = buy(&ALICE, Role::Miner, 10 * QRN, 1);
        let preferences = Preferences {
            max_row_blocks: 10,
            ..Preferences::any(1)
        };
        assert_ok!(Licences::set_preferences(
            signed(&ALICE),
            small,
            preferences
        ));
        let gpu = buy(&BOB, Role::Miner, 10 * QRN, 9);
        let preferences = Preferences {
            gpu: true,
            ..Preferences::any(9)
        };
        assert_ok!(Licences::set_preferences(signed(&BOB), gpu, preferences));
        assert_eq!(draw_miners(2, 0, &order(11, true)), [gpu]);
        assert_eq!(draw_miners(2, 1, &order(11, false)), [gpu]);
        assert_eq!(draw_miners(2, 2, &order(10, false)).len(), 2);
        assert_eq!(draw_miners(2, 3, &order(10, false)), [gpu]);
    });
}

#[test]
fn a_newcomer_mines_a_tenth_as_often_as_the_most_reputed() {
    with_chain(|| {
        let newcomer = buy(&ALICE, Role::Miner, 10 * QRN, 9);
        buy(&BOB, Role::Miner, 10 * QRN, 9);
        esteem(&BOB, 100);
        let drawn = (0..=255)
            .filter(|seed| look(Role::Miner, 1, *seed) == [newcomer])
            .count();
        // A binomial of 256 by 1/11: mean 23, deviation 4.6.
        assert!((5..=46).contains(&drawn), "{drawn}");
    });
}

#[test]
fn a_slash_burns_half_and_pays_the_reporter_half() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, 100 * QRN, 1);
        let issued = Balances::total_issuance();
        let taken = Licences::slash(id, Permill::from_percent(10), Some(&BOB));
        assert_eq!((taken, held(&ALICE)), (10 * QRN, 90 * QRN));
        assert_eq!(Balances::free_balance(&BOB), ENDOWMENT + 5 * QRN);
        assert_eq!(Balances::total_issuance(), issued - 5 * QRN);
        assert_eq!(
            Licences::slash(id, Permill::from_percent(10), None),
            9 * QRN
        );
        assert_eq!(Balances::total_issuance(), issued - 14 * QRN);
        assert_eq!(Licences::ticket_info(id).unwrap().stake, 81 * QRN);
        assert_eq!(Licences::slash(99, Permill::one(), None), 0);
        assert_eq!(Licences::slash(id, Permill::zero(), None), 0);
    });
}

#[test]
fn repeated_slashes_never_grow_cheaper_than_a_part_of_the_least_price_and_end_the_ticket() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, 10 * QRN, 1);
        draw(Role::Miner, 1, 1, &[]);
        let tenth = Permill::from_percent(10);
        let mut slashes = 0;
        while Licences::licenses(id, Role::Miner) {
            let before = held(&ALICE);
            let taken = Licences::slash(id, tenth, None);
            assert_eq!(taken, tenth.mul_ceil(before.max(QRN)));
            assert_eq!(held(&ALICE), before - taken);
            slashes += 1;
            Licences::do_try_state().unwrap();
        }
        // To a tenth of what was staked by tenths of the stake, then to half of that by tenths of a QRN.
        assert_eq!(slashes, 22 + 5);
        assert!(held(&ALICE) < QRN / 2);
        let retired = Tickets::<Test>::get(id).unwrap();
        assert!(retired.is_leaving() && retired.place.is_none());
        assert_eq!(*retired.duties, [Duty::Audit(1)]);
        assert_eq!(Licences::pool(Role::Miner), 0);
        // What is left answers for more wrongs, and is lost at last.
        assert_eq!(Licences::slash(id, tenth, None), QRN / 10);
        for _ in 0..4 {
            Licences::slash(id, tenth, None);
        }
        assert_eq!((Licences::ticket_info(id), held(&ALICE)), (None, 0));
    });
}

#[test]
fn what_cannot_be_paid_to_the_reporter_is_burnt() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, 10 * QRN, 1);
        let issued = Balances::total_issuance();
        // Half of it is below the existential deposit of a new account.
        let part = Permill::from_parts(100);
        assert_eq!(Licences::slash(id, part, Some(&POOR)), UNIT);
        assert_eq!(Balances::total_balance(&POOR), 0);
        assert_eq!(Balances::total_issuance(), issued - UNIT);
    });
}

#[test]
fn a_ticket_with_no_stake_left_is_gone_whatever_its_duties() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Verifier, 10 * QRN, 2);
        draw(Role::Verifier, 1, 1, &[]);
        assert_eq!(Licences::slash(id, Permill::one(), Some(&ALICE)), 10 * QRN);
        assert_eq!(Licences::ticket_info(id), None);
        assert_eq!(held(&ALICE), 0);
        assert_eq!(Balances::free_balance(&ALICE), ENDOWMENT - 5 * QRN);
        assert_eq!(Licences::pool(Role::Verifier), 0);
        assert!(!TicketsOf::<Test>::contains_key(&ALICE));
        Licences::relieve(id, Duty::Audit(1));
    });
}

#[test]
fn a_slashed_stake_moves_to_a_lower_bucket() {
    with_chain(|| {
        let ids = [1, 2, 3].map(|n| buy(&account(n), Role::Verifier, 100 * QRN, 1));
        let bucket = |id| {
            Tickets::<Test>::get(id)
                .unwrap()
                .place
                .map(|place| place.bucket)
        };
        assert_eq!(ids.map(bucket), [Some(16); 3]);
        Licences::slash(ids[0], Permill::from_percent(50), None);
        assert_eq!(ids.map(bucket), [Some(15), Some(16), Some(16)]);
        Licences::do_try_state().unwrap();
    });
}

#[derive(Clone, Debug)]
enum Op {
    Buy(u8, usize, u128, u32),
    Renew(u8, u64),
    SetPreferences(u8, u64, u32),
    Retire(u8, u64),
    Withdraw(u8, u64),
    Draw(usize, u32, u8),
    Relieve(u64, u8),
    Slash(u64, u32, Option<u8>),
    Convict(u64, u8),
    Session,
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let (owner, ticket) = (1..6u8, 0..30u64);
    prop_oneof![
        4 => (owner.clone(), 0..4usize, 0..3_000u128, 0..4u32)
            .prop_map(|(who, role, stake, most)| Op::Buy(who, role, stake, most)),
        1 => (owner.clone(), ticket.clone()).prop_map(|(who, id)| Op::Renew(who, id)),
        1 => (owner.clone(), ticket.clone(), 1..4u32)
            .prop_map(|(who, id, most)| Op::SetPreferences(who, id, most)),
        2 => (owner.clone(), ticket.clone()).prop_map(|(who, id)| Op::Retire(who, id)),
        2 => (owner, ticket.clone()).prop_map(|(who, id)| Op::Withdraw(who, id)),
        4 => (0..4usize, 0..5u32, 0..9u8)
            .prop_map(|(role, wanted, seed)| Op::Draw(role, wanted, seed)),
        4 => (ticket.clone(), 0..9u8).prop_map(|(id, seed)| Op::Relieve(id, seed)),
        3 => (ticket, 0..=1_000_000u32, prop::option::of(prop_oneof![1..6u8, Just(255)]))
            .prop_map(|(id, part, reporter)| Op::Slash(id, part, reporter)),
        2 => (0..3u64, 1..6u8).prop_map(|(set, who)| Op::Convict(set, who)),
        2 => Just(Op::Session),
        2 => (1..60u64).prop_map(Op::Advance),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sequence_conserves_money(ops in prop::collection::vec(op(), 1..120)) {
        let validators = (1..6).map(|owner| (account(owner), Role::Supervisor, 50 * QRN, 1));
        with_genesis(validators.collect(), || {
            let everybody = || (1..=20).chain([255]).map(account);
            let (issued, mut burnt) = (Balances::total_issuance(), 0);
            let mut session = 0;
            for op in ops {
                match op {
                    Op::Buy(who, role, stake, most) => {
                        let (role, stake) = (Role::ALL[role], stake * QRN);
                        let _ = Licences::buy(signed(&account(who)), role, stake, Preferences::any(most));
                    }
                    Op::Renew(who, id) => {
                        let _ = Licences::renew(signed(&account(who)), id);
                    }
                    Op::SetPreferences(who, id, most) => {
                        let preferences = Preferences::any(most);
                        let _ = Licences::set_preferences(signed(&account(who)), id, preferences);
                    }
                    Op::Retire(who, id) => {
                        let _ = Licences::retire(signed(&account(who)), id);
                    }
                    Op::Withdraw(who, id) => {
                        let _ = Licences::withdraw(signed(&account(who)), id);
                    }
                    Op::Draw(role, wanted, seed) => {
                        let drawn = draw(Role::ALL[role], wanted, seed, &[]);
                        let owners: BTreeSet<_> =
                            drawn.iter().map(|id| <Licences as Seam<_>>::owner(*id)).collect();
                        assert_eq!(owners.len(), drawn.len());
                        assert!(drawn.iter().all(|id| Licences::licenses(*id, Role::ALL[role])));
                    }
                    Op::Relieve(id, seed) => Licences::relieve(id, Duty::Audit(seed.into())),
                    Op::Slash(id, part, reporter) => {
                        let (before, paid) = (held_by_all(), Balances::total_issuance());
                        let reporter = reporter.map(account);
                        let taken = Licences::slash(id, Permill::from_parts(part), reporter.as_ref());
                        assert_eq!(held_by_all() + taken, before);
                        burnt += paid - Balances::total_issuance();
                    }
                    Op::Convict(set, who) => {
                        let (before, held) = (Balances::total_issuance(), held_by_all());
                        let part = |count| Permill::from_rational(count * count, 9);
                        Licences::convict(set, &account(who), part);
                        assert!(Licences::is_convicted(set, &account(who)));
                        let taken = before - Balances::total_issuance();
                        assert_eq!(held_by_all() + taken, held);
                        burnt += taken;
                    }
                    Op::Session => {
                        Licences::start_session(session);
                        session += 1;
                        Licences::new_session(session);
                    }
                    Op::Advance(blocks) => advance(System::block_number() + blocks),
                }
                let owned: u128 = everybody()
                    .map(|who| Balances::free_balance(&who) + held(&who))
                    .sum();
                assert_eq!(owned, Balances::total_issuance());
                assert_eq!(owned + burnt, issued);
                Licences::do_try_state().unwrap();
            }
        });
    }
}

/// Everything held for tickets.
fn held_by_all() -> u128 {
    (1..=20)
        .chain([255])
        .map(|number| held(&account(number)))
        .sum()
}
