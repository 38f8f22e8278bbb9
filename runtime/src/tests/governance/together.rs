//! Accounts that act together, for each other, and several times at once.

use super::*;

#[test]
fn two_of_three_transfer_from_their_common_account() {
    with_chain(|_| {
        let mut all = [Alice, Bob, Charlie].map(|key| key.to_account_id());
        all.sort();
        let common = Multisig::multi_account_id(&all, 2);
        assert_ok!(dispatch(
            pallet_balances::Call::transfer_keep_alive {
                dest: common.clone().into(),
                value: 10 * QRN
            },
            Dave
        ));
        let before = free(&Ferdie.to_account_id());
        let others = |who: Sr25519Keyring| {
            let me = who.to_account_id();
            all.iter().filter(|other| **other != me).cloned().collect()
        };
        let weight = transfer(QRN).get_dispatch_info().call_weight;
        let mut timepoint = None;
        for who in [Alice, Bob] {
            let call = pallet_multisig::Call::as_multi {
                threshold: 2,
                other_signatories: others(who),
                maybe_timepoint: timepoint,
                call: Box::new(transfer(QRN)),
                max_weight: weight,
            };
            assert_eq!(free(&Ferdie.to_account_id()), before);
            assert_ok!(dispatch(call, who));
            timepoint = Some(Multisig::timepoint());
        }
        assert_eq!(free(&Ferdie.to_account_id()), before + QRN);
    });
}

#[test]
fn a_batch_does_all_or_nothing() {
    with_chain(|_| {
        let before = free(&Ferdie.to_account_id());
        let calls = vec![transfer(QRN), transfer(5_000 * QRN)];
        let batch = pallet_utility::Call::batch_all { calls };
        assert!(dispatch(batch, Alice).is_err());
        assert_eq!(free(&Ferdie.to_account_id()), before);
        let calls = vec![transfer(QRN), transfer(2 * QRN)];
        assert_ok!(dispatch(pallet_utility::Call::batch_all { calls }, Alice));
        assert_eq!(free(&Ferdie.to_account_id()), before + 3 * QRN);
    });
}

/// A call by Eve for Alice.
fn for_alice(call: impl Into<RuntimeCall>) -> Result<DispatchResult, DispatchError> {
    let call = pallet_proxy::Call::proxy {
        real: Alice.to_account_id().into(),
        force_proxy_type: None,
        call: Box::new(call.into()),
    };
    dispatch(call, Eve)?;
    let executed = System::events()
        .into_iter()
        .rev()
        .find_map(|record| match record.event {
            RuntimeEvent::Proxy(pallet_proxy::Event::ProxyExecuted { result }) => Some(result),
            _ => None,
        });
    Ok(executed.unwrap())
}

fn entrust(kind: ProxyType) {
    assert_ok!(Proxy::add_proxy(
        signed(Alice),
        Eve.to_account_id().into(),
        kind,
        0
    ));
}

#[test]
fn a_workers_key_works_but_touches_no_money() {
    with_chain(|_| {
        entrust(ProxyType::Work);
        let work = pallet_work::Call::commit_claim {
            run: 0,
            commitment: Default::default(),
        };
        assert_ok!(for_alice(work).unwrap());
        for call in [
            transfer(QRN),
            pallet_tickets::Call::retire { ticket: 0 }.into(),
            pallet_proxy::Call::add_proxy {
                delegate: Ferdie.to_account_id().into(),
                proxy_type: ProxyType::Any,
                delay: 0,
            }
            .into(),
            pallet_utility::Call::as_derivative {
                index: 0,
                call: Box::new(transfer(QRN)),
            }
            .into(),
        ] {
            assert_eq!(for_alice(call.clone()).unwrap(), filtered());
            let batch = pallet_utility::Call::batch_all { calls: vec![call] };
            assert_eq!(for_alice(batch).unwrap(), filtered());
        }
    });
}

#[test]
fn a_voters_key_votes_and_can_not_transfer() {
    with_chain(|chain| {
        entrust(ProxyType::Governance);
        let index = chain.propose(Origin::Parameters, set("tasks.min_fee", 2 * QRN));
        let vote = pallet_conviction_voting::Call::vote {
            poll_index: index,
            vote: AccountVote::Standard {
                vote: Vote {
                    aye: true,
                    conviction: Conviction::Locked1x,
                },
                balance: 100 * QRN,
            },
        };
        assert_ok!(for_alice(vote).unwrap());
        assert_eq!(for_alice(transfer(QRN)).unwrap(), filtered());
    });
}

#[test]
fn a_stranger_is_no_proxy() {
    with_chain(|_| {
        assert_eq!(
            for_alice(transfer(QRN)),
            Err(pallet_proxy::Error::<Runtime>::NotProxy.into())
        );
    });
}

#[test]
fn a_wider_proxy_may_all_that_a_narrower_one_may() {
    let kinds = [
        ProxyType::Any,
        ProxyType::NonTransfer,
        ProxyType::Governance,
        ProxyType::Work,
    ];
    let calls: Vec<RuntimeCall> = vec![
        transfer(QRN),
        pallet_tickets::Call::renew { ticket: 0 }.into(),
        pallet_tickets::Call::retire { ticket: 0 }.into(),
        pallet_work::Call::forfeit { run: 0 }.into(),
        pallet_tasks::Call::cancel { task: 0 }.into(),
        pallet_treasury::Call::payout { index: 0 }.into(),
        pallet_referenda::Call::cancel { index: 0 }.into(),
        pallet_utility::Call::batch { calls: vec![] }.into(),
        frame_system::Call::apply_authorized_upgrade { code: vec![] }.into(),
    ];
    for wide in kinds {
        for narrow in kinds {
            if wide.is_superset(&narrow) {
                for call in calls.iter().filter(|call| narrow.filter(call)) {
                    assert!(wide.filter(call), "{wide:?} {narrow:?} {call:?}");
                }
            }
        }
        assert_eq!(wide.filter(&transfer(QRN)), wide == ProxyType::Any);
    }
}
