//! What flows into the treasury, and out of it.

use super::*;

#[test]
fn spends_what_its_track_decides() {
    with_chain(|chain| {
        let ferdie = Ferdie.to_account_id();
        let before = free(&ferdie);
        let spend = pallet_treasury::Call::spend_local {
            amount: 40 * QRN,
            beneficiary: ferdie.clone().into(),
        };
        assert_ok!(chain.decide(Origin::Spend, spend));
        // Paid at the end of the governance day.
        chain.skip(4);
        assert_eq!(free(&ferdie), before + 40 * QRN);
        assert_eq!(free(&Treasury::account_id()), 960 * QRN);
    });
}

#[test]
fn spends_later_what_was_decided_and_is_fetched() {
    with_chain(|chain| {
        let ferdie = Ferdie.to_account_id();
        let before = free(&ferdie);
        let spend = pallet_treasury::Call::spend {
            asset_kind: Box::new(()),
            amount: 40 * QRN,
            beneficiary: Box::new(ferdie.clone().into()),
            valid_from: None,
        };
        assert_ok!(chain.decide(Origin::Spend, spend));
        assert_eq!(free(&ferdie), before);
        assert_ok!(Treasury::payout(signed(Eve), 0));
        assert_eq!(free(&ferdie), before + 40 * QRN);
    });
}

#[test]
fn gets_what_a_run_forfeits() {
    with_chain(|chain| {
        assert_ok!(order("work.reveal_within", 1));
        assert_ok!(order("work.forfeit_after", 2));
        chain.skip(1);
        let luck = [9; 32];
        assert_ok!(Work::record_seal(
            RuntimeOrigin::none(),
            0,
            0,
            [7; 32],
            luck
        ));
        let vesting = Rewards::vesting(0);
        assert!(vesting > 0);
        let before = free(&Treasury::account_id());
        chain.skip(3);
        assert_ok!(Work::forfeit(signed(Eve), 0));
        assert_eq!(free(&Treasury::account_id()), before + vesting);
        assert_eq!(Rewards::vesting(0), 0);
    });
}

#[test]
fn pays_for_commons_work_at_the_rate_in_force() {
    with_chain(|_| {
        let (owner, macs) = (Eve.to_account_id(), 3_000_000_000_000);
        let before = free(&owner);
        assert_eq!(FromTreasury::pay(&owner, macs), 0);
        assert_ok!(order("work.commons_rate", 2 * QRN));
        assert_eq!(FromTreasury::pay(&owner, macs), 6 * QRN);
        assert_eq!(free(&owner), before + 6 * QRN);
        // More than there is, or than can be counted, is not paid at all.
        assert_eq!(FromTreasury::pay(&owner, 1_000 * macs), 0);
        assert_eq!(FromTreasury::pay(&owner, u128::MAX), 0);
        assert_eq!(free(&Treasury::account_id()), 994 * QRN);
    });
}
