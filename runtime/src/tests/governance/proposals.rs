//! Who may propose, and what it costs.

use super::*;

#[test]
fn need_a_deposit() {
    with_chain(|chain| {
        let poor = Ferdie.to_account_id();
        let all = free(&poor) - MILLI_QRN;
        assert_ok!(Balances::transfer_keep_alive(
            signed(Ferdie),
            Alice.to_account_id().into(),
            all
        ));
        let call = set("tasks.min_fee", 2 * QRN);
        assert_noop!(
            submit(Ferdie, Origin::Parameters, call.clone()),
            pallet_balances::Error::<Runtime>::InsufficientBalance
        );
        assert_ok!(submit(Bob, Origin::Parameters, call));
        assert_noop!(
            Referenda::place_decision_deposit(signed(Ferdie), 0),
            pallet_balances::Error::<Runtime>::InsufficientBalance
        );
        // Without the second deposit nothing is ever decided.
        for who in [Alice, Bob, Charlie, Dave] {
            assert_ok!(vote(who, 0, 900 * QRN));
        }
        chain.skip(30);
        assert_eq!(parameters::tasks::MinFee::get(), QRN);
    });
}

#[test]
fn get_no_more_voices_than_a_voter_has_money() {
    with_chain(|chain| {
        let index = chain.propose(Origin::Parameters, set("tasks.min_fee", 2 * QRN));
        assert_noop!(
            vote(Ferdie, index, 1_001 * QRN),
            pallet_conviction_voting::Error::<Runtime>::InsufficientFunds
        );
    });
}

#[test]
fn of_other_powers_than_the_tracks_have_no_track() {
    with_chain(|_| {
        let alice = frame_system::RawOrigin::Signed(Alice.to_account_id());
        assert_noop!(
            submit(Bob, alice, transfer(QRN)),
            pallet_referenda::Error::<Runtime>::NoTrack
        );
    });
}

#[test]
fn that_are_killed_lose_their_deposits_to_the_treasury() {
    with_chain(|chain| {
        let index = chain.propose(Origin::Spend, set("tasks.min_fee", 2 * QRN));
        let before = free(&Treasury::account_id());
        assert_noop!(Referenda::kill(Origin::Emergency.into(), index), BadOrigin);
        assert_ok!(Referenda::kill(RuntimeOrigin::root(), index));
        assert_eq!(free(&Treasury::account_id()), before + 21 * QRN);
    });
}

#[test]
fn are_cancelled_by_the_emergency_track() {
    with_chain(|chain| {
        let index = chain.propose(Origin::Parameters, set("tasks.min_fee", 2 * QRN));
        let cancel = pallet_referenda::Call::cancel { index };
        assert_ok!(chain.decide(Origin::Emergency, cancel));
        let info = pallet_referenda::ReferendumInfoFor::<Runtime>::get(index);
        assert!(matches!(info, Some(ReferendumInfo::Cancelled(..))));
    });
}
