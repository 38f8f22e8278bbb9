//! What can be stopped, and what never can.

use super::*;

fn pause(pallet: &str, call: &str) -> DispatchResult {
    let name = |text: &str| text.as_bytes().to_vec().try_into().unwrap();
    let full_name = (name(pallet), name(call));
    TxPause::pause(Origin::Emergency.into(), full_name)
}

#[test]
fn stops_money_but_neither_inherents_nor_duties_nor_governance() {
    with_chain(|chain| {
        assert_ok!(chain.decide(Origin::Emergency, pallet_safe_mode::Call::force_enter {}));
        assert_eq!(dispatch(transfer(QRN), Alice), filtered());
        let buy = pallet_tickets::Call::retire { ticket: 0 };
        assert_eq!(dispatch(buy, Alice), filtered());
        // A batch does not get round it.
        let batch = pallet_utility::Call::batch_all {
            calls: vec![transfer(QRN)],
        };
        assert_eq!(dispatch(batch, Alice), filtered());

        // The next block opens with its inherents.
        chain.skip(1);
        let record = pallet_work::Call::record_seal {
            run: 0,
            step: 0,
            weights_root: [7; 32],
            luck: [8; 32],
        };
        assert_ok!(RuntimeCall::from(record).dispatch(RuntimeOrigin::none()));
        let claim = pallet_work::Call::commit_claim {
            run: 0,
            commitment: Default::default(),
        };
        assert_ne!(dispatch(claim, Alice), filtered());
        // A ticket that expired could do no duty.
        assert_ok!(dispatch(pallet_tickets::Call::renew { ticket: 0 }, Alice));
        let replace = pallet_tasks::Call::replace { task: 0, ticket: 0 };
        assert_ne!(dispatch(replace, Alice), filtered());

        // Governance changes a parameter and leaves.
        assert_ok!(chain.decide(Origin::Parameters, set("tasks.min_fee", 2 * QRN)));
        assert_ok!(chain.decide(Origin::Emergency, pallet_safe_mode::Call::force_exit {}));
        assert_ok!(dispatch(transfer(QRN), Alice));
    });
}

#[test]
fn loses_no_spend_that_is_decided_meanwhile_and_takes_one_back() {
    with_chain(|chain| {
        assert_ok!(SafeMode::force_enter(Origin::Emergency.into()));
        for _ in 0..5 {
            assert_ok!(SafeMode::force_extend(Origin::Emergency.into()));
        }
        let ferdie = Ferdie.to_account_id();
        let before = free(&ferdie);
        let spend = |amount| pallet_treasury::Call::spend {
            asset_kind: Box::new(()),
            amount,
            beneficiary: Box::new(ferdie.clone().into()),
            valid_from: None,
        };
        assert_ok!(chain.decide(Origin::Spend, spend(40 * QRN)));
        assert_ok!(chain.decide(Origin::Spend, spend(50 * QRN)));
        let void = pallet_treasury::Call::void_spend { index: 1 };
        assert_ok!(chain.decide(Origin::Emergency, void));
        assert_ok!(dispatch(pallet_treasury::Call::payout { index: 0 }, Eve));
        assert!(dispatch(pallet_treasury::Call::payout { index: 1 }, Eve).is_err());
        assert_eq!(free(&ferdie), before + 40 * QRN);
        assert_eq!(dispatch(transfer(QRN), Alice), filtered());
        // Where it is the treasury that must be stopped.
        assert_ok!(pause("Treasury", "payout"));
        assert_eq!(
            dispatch(pallet_treasury::Call::payout { index: 1 }, Eve),
            filtered()
        );
    });
}

#[test]
fn ends_by_itself() {
    with_chain(|chain| {
        assert_ok!(SafeMode::force_enter(Origin::Emergency.into()));
        chain.skip(7 * 4);
        assert_eq!(dispatch(transfer(QRN), Alice), filtered());
        chain.skip(2);
        assert_ok!(dispatch(transfer(QRN), Alice));
    });
}

#[test]
fn is_nobodys_but_its_tracks_and_the_roots() {
    with_chain(|_| {
        for origin in [
            signed(Alice),
            Origin::Parameters.into(),
            Origin::Spend.into(),
        ] {
            assert_noop!(SafeMode::force_enter(origin.clone()), BadOrigin);
            assert_noop!(SafeMode::force_exit(origin), BadOrigin);
        }
        let enter = pallet_safe_mode::Call::enter {};
        assert!(dispatch(enter, Alice).is_err());
    });
}

#[test]
fn pauses_one_call_and_no_other() {
    with_chain(|chain| {
        let name = |text: &str| text.as_bytes().to_vec().try_into().unwrap();
        let full_name = (name("Balances"), name("transfer_keep_alive"));
        let pause = pallet_tx_pause::Call::pause {
            full_name: full_name.clone(),
        };
        assert_ok!(chain.decide(Origin::Emergency, pause));
        assert_eq!(dispatch(transfer(QRN), Alice), filtered());
        let other = pallet_balances::Call::transfer_allow_death {
            dest: Ferdie.to_account_id().into(),
            value: QRN,
        };
        assert_ok!(dispatch(other, Alice));
        let unpause = pallet_tx_pause::Call::unpause { ident: full_name };
        assert_ok!(chain.decide(Origin::Emergency, unpause));
        assert_ok!(dispatch(transfer(QRN), Alice));
    });
}

#[test]
fn can_not_pause_what_the_chain_and_its_governance_live_by() {
    with_chain(|_| {
        for (pallet, call) in [
            ("Timestamp", "set"),
            ("Work", "record_seal"),
            ("System", "apply_authorized_upgrade"),
            ("Grandpa", "report_equivocation"),
            ("Grandpa", "report_equivocation_unsigned"),
            ("Preimage", "note_preimage"),
            ("Scheduler", "schedule"),
            ("Referenda", "submit"),
            ("ConvictionVoting", "vote"),
            ("Governance", "set_parameter"),
            ("SafeMode", "force_exit"),
            ("TxPause", "unpause"),
        ] {
            assert_noop!(
                pause(pallet, call),
                pallet_tx_pause::Error::<Runtime>::Unpausable
            );
        }
        assert_ok!(pause("Work", "submit_proof"));
    });
}

#[test]
fn finds_the_inherents_mandatory() {
    let time: RuntimeCall = pallet_timestamp::Call::set { now: 1 }.into();
    let record: RuntimeCall = pallet_work::Call::record_seal {
        run: 0,
        step: 0,
        weights_root: [7; 32],
        luck: [8; 32],
    }
    .into();
    with_chain(|_| {
        for call in [time, record] {
            assert_eq!(call.get_dispatch_info().class, DispatchClass::Mandatory);
            assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
            assert!(crate::emergency::Callable::contains(&call));
            assert_ok!(SafeMode::force_exit(RuntimeOrigin::root()));
        }
    });
}
