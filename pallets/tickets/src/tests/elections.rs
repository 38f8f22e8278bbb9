//! Who validates, and who does first.

use super::*;

/// Accounts of these numbers, as a session takes them.
fn set(owners: &[u8]) -> Option<Vec<AccountId32>> {
    Some(owners.iter().map(|owner| account(*owner)).collect())
}

fn elect() -> Option<Vec<AccountId32>> {
    elect_in(1)
}

fn elect_in(session: u32) -> Option<Vec<AccountId32>> {
    Licences::new_session(session)
}

fn supervisors(owners: impl Iterator<Item = u8>) -> Vec<(AccountId32, Role, u128, u32)> {
    owners
        .map(|owner| {
            let stake = (10 + u128::from(owner)) * QRN;
            (account(owner), Role::Supervisor, stake, 1)
        })
        .collect()
}

#[test]
fn the_supervisors_with_most_stake_validate() {
    with_genesis(supervisors(1..=9), || {
        // Nine has no keys, and there are five seats; two of the eight leave in a session.
        assert_eq!(elect(), set(&[3, 4, 5, 6, 7, 8]));
        assert_eq!(elect(), set(&[4, 5, 6, 7, 8]));
        assert_eq!(elect(), None);
        // The stakes of one owner count together; a busy supervisor still validates.
        buy(&ALICE, Role::Supervisor, 10 * QRN, 1);
        esteem(&ALICE, 50);
        assert_eq!(draw(Role::Supervisor, 9, 1, &[]).len(), 9);
        assert_eq!(elect(), set(&[1, 5, 6, 7, 8]));
    });
}

#[test]
fn newcomers_need_reputation_and_less_than_a_third_of_the_set_changes() {
    with_genesis(supervisors(1..=3), || {
        let enter = |owner| buy(&account(owner), Role::Supervisor, 100 * QRN, 1);
        assert_eq!(elect(), None);
        (4..=6).for_each(|owner| _ = enter(owner));
        assert_eq!(elect(), None);
        (4..=6).for_each(|owner| esteem(&account(owner), 50));
        assert_eq!(elect(), set(&[2, 3, 4]));
        assert_eq!(elect(), set(&[2, 3, 4, 5]));
        assert_eq!(elect(), set(&[2, 3, 4, 5, 6]));
        assert_eq!(elect(), None);
    });
}

#[test]
fn a_newcomer_stakes_no_less_than_the_middle_of_those_who_validate() {
    with_genesis(supervisors(1..=4), || {
        let enter = |owner, stake| {
            buy(&account(owner), Role::Supervisor, stake, 1);
            esteem(&account(owner), 50);
        };
        enter(5, 12 * QRN - 1);
        assert_eq!(elect(), None);
        enter(6, 12 * QRN);
        assert_eq!(elect(), set(&[1, 2, 3, 4, 6]));
    });
}

#[test]
fn nobody_hides_validators_behind_many_tickets_nor_a_newcomer_for_good() {
    with_genesis(supervisors(1..=4), || {
        for number in 100..228 {
            let filler = account(number);
            assert_ok!(Balances::mint_into(&filler, 200 * QRN));
            buy(&filler, Role::Supervisor, 100 * QRN, 1);
        }
        buy(&account(5), Role::Supervisor, 20 * QRN, 1);
        esteem(&account(5), 50);
        // The places of most stake come first, the others when it is their turn.
        assert_eq!(elect_in(0), None);
        assert_eq!(elect_in(1), set(&[1, 2, 3, 4, 5]));
    });
}

#[test]
fn the_validators_stay_where_nobody_stands_for_election() {
    with_genesis(supervisors(1..=4), || {
        for ticket in 0..4 {
            let owner = <Licences as Seam<_>>::owner(ticket).unwrap();
            assert_ok!(Licences::retire(signed(&owner), ticket));
        }
        assert_eq!(elect(), None);
        assert_eq!(Some(Chosen::<Test>::get().into_inner()), set(&[1, 2, 3, 4]));
    });
}

#[test]
fn a_smaller_set_is_reached_by_less_than_a_third_a_session_and_none_at_all_never() {
    with_genesis(supervisors(1..=6), || {
        MaxValidators::set(&2);
        for left in 1..=4 {
            let rest: Vec<u8> = (left + 1..=6).collect();
            assert_eq!(elect(), set(&rest));
        }
        assert_eq!(elect(), None);
        MaxValidators::set(&0);
        assert_eq!(elect(), None);
    });
}

#[test]
fn nobody_is_elected_without_validators_and_without_reputation() {
    with_chain(|| {
        assert_eq!(elect(), None);
        buy(&ALICE, Role::Supervisor, 10 * QRN, 1);
        assert_eq!(elect(), None);
        esteem(&ALICE, 50);
        assert_eq!(elect(), set(&[1]));
    });
}

#[test]
fn an_election_is_weighed() {
    with_genesis(supervisors(1..=3), || {
        let before = System::block_weight().total();
        elect();
        let weight = <() as WeightInfo>::new_session();
        assert!(
            System::block_weight()
                .total()
                .all_gte(before.saturating_add(weight))
        );
    });
}

#[test]
fn the_supervisors_of_genesis_validate_once_they_have_keys() {
    let genesis = [ALICE, KEYLESS, ALICE].map(|owner| (owner, Role::Supervisor, QRN, 1));
    with_genesis(genesis.to_vec(), || {
        assert_eq!(Some(Chosen::<Test>::get().into_inner()), set(&[1, 9]));
        assert_eq!(elect(), set(&[1]));
    });
}

#[test]
#[should_panic(expected = "tickets: genesis has no supervisor")]
fn a_genesis_whose_tickets_let_nobody_validate_is_refused() {
    with_genesis(vec![(ALICE, Role::Miner, QRN, 1)], || ());
}

#[test]
#[should_panic(expected = "tickets: genesis")]
fn genesis_refuses_a_stake_that_its_owner_does_not_have() {
    with_genesis(vec![(POOR, Role::Miner, QRN, 1)], || ());
}
