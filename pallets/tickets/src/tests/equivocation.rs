//! What voting for two chains costs, and for how long a stake answers for votes.

use super::*;
use crate::{equivocation::LEAST, seats::Key};
use polkadot_sdk::{frame_support::traits::KeyOwnerProofSystem, sp_session::GetValidatorCount};

/// Nine supervisors' fraction of GRANDPA: min((3k/9)², 1).
fn ninth(convicts: u32) -> Permill {
    Permill::from_rational(convicts * convicts, 9)
}

fn supervisors(owners: impl Iterator<Item = u8>) -> Vec<(AccountId32, Role, u128, u32)> {
    owners
        .map(|owner| (account(owner), Role::Supervisor, 90 * QRN, 1))
        .collect()
}

fn elect(index: u32) -> Option<Vec<AccountId32>> {
    Licences::new_session(index)
}

fn key(number: u8) -> Key {
    [number; 32]
}

/// These accounts, each with the key of its number, vote from now on.
fn begin(session: u32, owners: &[u8]) {
    let voters = owners.iter().map(|owner| (key(*owner), account(*owner)));
    Voters::set(&voters.collect());
    Licences::start_session(session);
}

fn prove(number: u8) -> Option<Seats<AccountId32>> {
    <Licences as KeyOwnerProofSystem<(_, Key)>>::prove((Default::default(), key(number)))
}

fn owner(number: u8, seats: Seats<AccountId32>) -> Option<AccountId32> {
    <Licences as KeyOwnerProofSystem<_>>::check_proof((Default::default(), key(number)), seats)
}

#[test]
fn a_convict_loses_part_of_every_supervisors_ticket_and_no_other() {
    with_genesis(supervisors(1..=4), || {
        let (live, left) = (0, buy(&ALICE, Role::Supervisor, 30 * QRN, 1));
        assert_ok!(Licences::retire(signed(&ALICE), left));
        let miners = buy(&ALICE, Role::Miner, 50 * QRN, 1);
        let issued = Balances::total_issuance();
        assert!(Licences::convict(7, &ALICE, ninth));
        let stake = |id| Licences::ticket_info(id).unwrap().stake;
        // A ninth, in millionths, rounded up to whole units.
        let part = |stake: u128| ninth(1).mul_ceil(stake);
        assert_eq!(stake(live), 90 * QRN - part(90 * QRN));
        assert_eq!(stake(left), 30 * QRN - part(30 * QRN));
        assert_eq!(stake(miners), 50 * QRN);
        let burnt = part(90 * QRN) + part(30 * QRN);
        assert_eq!(Balances::total_issuance(), issued - burnt);
        let info = Licences::ticket_info(live).unwrap();
        assert_eq!(info.withdrawable, Some(1 + UNBONDING));
        assert_eq!(Licences::roles_of(&ALICE), [Role::Miner]);
        System::assert_last_event(
            Event::<Test>::Convicted {
                who: ALICE,
                set: 7,
                part: ninth(1),
            }
            .into(),
        );
    });
}

#[test]
fn nobody_is_convicted_twice_of_the_same_but_in_another_set() {
    with_genesis(supervisors(1..=4), || {
        assert!(!Licences::is_convicted(7, &ALICE));
        assert!(Licences::convict(7, &ALICE, ninth));
        assert!(Licences::is_convicted(7, &ALICE));
        let before = Licences::stake_of(&ALICE);
        assert!(!Licences::convict(7, &ALICE, ninth));
        assert_eq!(Licences::stake_of(&ALICE), before);
        assert!(Licences::convict(8, &ALICE, ninth));
        assert!(Licences::stake_of(&ALICE) < before);
    });
}

#[test]
fn the_more_are_convicted_the_more_each_of_them_loses() {
    with_genesis(supervisors(1..=9), || {
        let lost = |owner| 90 * QRN - Licences::stake_of(&account(owner));
        let close = |lost: u128, part: Permill| lost.abs_diff(part * (90 * QRN)) < QRN / 1_000;
        assert!(Licences::convict(0, &account(1), |_| Permill::zero()));
        assert_eq!(lost(1), LEAST * (90 * QRN));
        assert!(Licences::convict(1, &account(2), ninth));
        assert!(close(lost(2), ninth(1)));
        let weight = System::block_weight().total();
        assert!(Licences::convict(1, &account(3), ninth));
        assert!(close(lost(2), ninth(2)) && close(lost(3), ninth(2)));
        assert!(System::block_weight().total().all_gt(weight));
        assert!(Licences::convict(1, &account(4), ninth));
        assert!((2..=4).all(|owner| lost(owner) == 90 * QRN));
        assert_eq!(lost(1), LEAST * (90 * QRN));
        assert!(Licences::ticket_info(1).is_none(), "nothing is left of it");
    });
}

#[test]
fn a_convict_is_not_elected_next_time_even_with_a_new_ticket() {
    with_genesis(supervisors(1..=4), || {
        assert!(Licences::convict(0, &ALICE, ninth));
        assert_ok!(Licences::renew(signed(&ALICE), 0));
        buy(&ALICE, Role::Supervisor, 500 * QRN, 1);
        let others: Vec<AccountId32> = (2..=4).map(account).collect();
        assert_eq!(elect(2), Some(others.clone()));
        // Then it is a newcomer.
        assert_eq!(elect(3), None);
        esteem(&ALICE, 50);
        assert_eq!(elect(4).unwrap().len(), 4);
    });
}

#[test]
fn convicts_leave_first_but_never_the_chain_without_validators() {
    with_genesis(supervisors(1..=6), || {
        // One of six leaves at a time: those of them who are not convicted wait.
        let retire = |ticket: TicketId| {
            let owner = <Licences as Seam<_>>::owner(ticket).unwrap();
            assert_ok!(Licences::retire(signed(&owner), ticket));
        };
        (0..3).for_each(retire);
        (4..=6).for_each(|owner| assert!(Licences::convict(0, &account(owner), ninth)));
        // Nobody stands for election.
        assert_eq!(elect(2), None);
        buy(&account(1), Role::Supervisor, 10 * QRN, 1);
        let set = |owners: &[u8]| Some(owners.iter().copied().map(account).collect());
        assert_eq!(elect(3), set(&[1, 2, 3, 5, 6]));
        // Who is kept in office meanwhile stays suspended.
        buy(&account(6), Role::Supervisor, 500 * QRN, 1);
        for (session, left) in (4..).zip([&[1, 2, 3, 6][..], &[1, 2, 3], &[1, 3], &[1]]) {
            assert_eq!(elect(session), set(left));
        }
        assert_eq!(elect(8), None);
        assert!(!Suspended::<Test>::exists());
    });
}

#[test]
fn a_key_is_its_owners_for_as_long_as_votes_can_be_reported() {
    with_chain(|| {
        assert_eq!(prove(1), None);
        begin(0, &[1, 2, 3]);
        let seats = prove(1).unwrap();
        assert_eq!((seats.session, seats.validator_count()), (0, 3));
        assert_eq!(prove(4), None);
        // From now on Bob votes with Alice's key.
        Voters::set(&vec![(key(1), BOB)]);
        Licences::start_session(1);
        assert_eq!(owner(1, seats.clone()), Some(ALICE));
        assert_eq!(owner(3, seats.clone()), Some(account(3)));
        assert_eq!(owner(1, prove(1).unwrap()), Some(BOB));
        assert_eq!(owner(4, seats.clone()), None);
        let mut altered = seats.clone();
        altered.voters[0].1 = BOB;
        assert_eq!(owner(1, altered), None);
        let mut altered = seats.clone();
        altered.session = 1;
        assert_eq!(owner(1, altered), None);
        begin(2, &[2]);
        assert_eq!(owner(1, seats.clone()), Some(ALICE));
        begin(3, &[2]);
        assert_eq!(owner(1, seats), None);
    });
}

#[test]
fn a_shorter_time_for_reports_is_reached_step_by_step() {
    with_chain(|| {
        ReportWithin::set(&20);
        (7..=30).for_each(|session| begin(session, &[1]));
        let kept = || {
            let mut kept: Vec<u32> = SeatHashes::<Test>::iter_keys().collect();
            kept.sort_unstable();
            kept
        };
        assert_eq!(kept(), (10..=30).collect::<Vec<_>>());
        ReportWithin::set(&2);
        begin(31, &[1]);
        assert_eq!(kept(), (14..=31).collect::<Vec<_>>());
        (32..=36).for_each(|session| begin(session, &[1]));
        assert_eq!(kept(), [34, 35, 36]);
        ReportWithin::set(&20);
        begin(37, &[1]);
        assert_eq!(kept(), [34, 35, 36, 37]);
    });
}

#[test]
fn a_stake_stays_while_its_owner_validates_or_can_be_reported() {
    with_genesis(supervisors(1..=4), || {
        begin(0, &[1, 2, 3, 4]);
        assert_ok!(Licences::retire(signed(&ALICE), 0));
        System::set_block_number(1 + u64::from(UNBONDING));
        let withdraw = || Licences::withdraw(signed(&ALICE), 0);
        assert_noop!(withdraw(), Error::<Test>::Answering);
        // The election of session 2: it still votes in session 1.
        begin(1, &[1, 2, 3, 4]);
        assert_eq!(elect(2).unwrap().len(), 3);
        for session in 2..=3 {
            begin(session, &[2, 3, 4]);
            assert_noop!(withdraw(), Error::<Test>::Answering);
        }
        begin(4, &[2, 3, 4]);
        assert_ok!(withdraw());
        assert!(!Unseated::<Test>::contains_key(&ALICE));
    });
}
