//! Referenda on parameters.

use super::*;

#[test]
fn a_referendum_changes_a_parameter_from_its_enactment_on() {
    with_chain(|chain| {
        assert_eq!(Tickets::price(Role::Verifier), 10 * QRN);
        let index = chain.propose(Origin::Parameters, set("tickets.base_price", 2 * QRN));
        for who in [Alice, Dave, Eve, Ferdie] {
            assert_ok!(vote(who, index, 900 * QRN));
        }
        let mut approved_at = None;
        while dispatched().is_none() {
            assert_eq!(Tickets::price(Role::Verifier), 10 * QRN);
            chain.skip(1);
            let info = pallet_referenda::ReferendumInfoFor::<Runtime>::get(index);
            if approved_at.is_none() && matches!(info, Some(ReferendumInfo::Approved(..))) {
                approved_at = Some(chain.block);
            }
            assert!(chain.block < 20);
        }
        assert_eq!(dispatched(), Some(Ok(())));
        assert_eq!(Tickets::price(Role::Verifier), 2 * QRN);
        // A governance day lies between the approval and the enactment.
        assert!(chain.block >= approved_at.unwrap() + 4);
    });
}

#[test]
fn a_lone_holder_of_a_thirteenth_passes_one_within_forty_blocks() {
    with_chain(|chain| {
        let index = chain.propose(Origin::Parameters, set("tasks.min_fee", 2 * QRN));
        assert_ok!(vote(Alice, index, 900 * QRN));
        while dispatched().is_none() {
            chain.skip(1);
            assert!(chain.block <= 40);
        }
        assert_eq!(parameters::tasks::MinFee::get(), 2 * QRN);
    });
}

#[test]
fn enacts_no_value_out_of_bounds() {
    with_chain(|chain| {
        let result = chain.decide(Origin::Parameters, set("governance.day", 3));
        assert_eq!(result, Err(Bounds::<Runtime>::BelowMinimum.into()));
        assert_eq!(parameters::governance::Day::get(), 4);
    });
}

#[test]
fn can_not_spend_nor_stop_nor_upgrade() {
    with_chain(|chain| {
        let spend = pallet_treasury::Call::spend_local {
            amount: QRN,
            beneficiary: Ferdie.to_account_id().into(),
        };
        assert_eq!(
            chain.decide(Origin::Parameters, spend),
            Err(BadOrigin.into())
        );
        let stop = pallet_safe_mode::Call::force_enter {};
        assert_eq!(
            chain.decide(Origin::Parameters, stop),
            Err(BadOrigin.into())
        );
        let code_hash = Default::default();
        let upgrade = frame_system::Call::authorize_upgrade { code_hash };
        assert_eq!(
            chain.decide(Origin::Parameters, upgrade),
            Err(BadOrigin.into())
        );
    });
}
