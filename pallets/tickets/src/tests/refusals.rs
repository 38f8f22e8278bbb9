//! What every call refuses: a named error, and nothing has changed.

use super::*;
use codec::{Decode, Encode};
use quern_market::ticket::MAX_CONTACT;

const PRICE: u128 = 10 * QRN;

fn preferences() -> Preferences {
    Preferences::any(1)
}

/// The calls that name a ticket.
fn calls(ticket: TicketId) -> [(&'static str, RuntimeCall); 4] {
    let preferences = preferences();
    [
        ("renew", Call::<Test>::renew { ticket }.into()),
        (
            "set_preferences",
            Call::<Test>::set_preferences {
                ticket,
                preferences,
            }
            .into(),
        ),
        ("retire", Call::<Test>::retire { ticket }.into()),
        ("withdraw", Call::<Test>::withdraw { ticket }.into()),
    ]
}

fn purchase(role: Role, stake: u128, preferences: Preferences) -> RuntimeCall {
    let call = Call::<Test>::buy {
        role,
        stake,
        preferences,
    };
    call.into()
}

#[test]
fn every_call_must_be_signed() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, PRICE, 1);
        let bought = ("buy", purchase(Role::Miner, PRICE, preferences()));
        for (name, call) in calls(id).into_iter().chain([bought]) {
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                println!("{name}");
                assert_noop!(call.clone().dispatch(origin), BadOrigin);
            }
        }
    });
}

#[test]
fn every_call_needs_a_ticket_that_exists_and_is_the_callers() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, PRICE, 1);
        for unknown in [id + 1, TicketId::MAX] {
            for (name, call) in calls(unknown) {
                println!("{name}");
                let refused = call.dispatch(signed(&ALICE));
                assert_noop!(refused, Error::<Test>::UnknownTicket);
            }
        }
        for (name, call) in calls(id) {
            for stranger in [BOB, POOR] {
                println!("{name}");
                let refused = call.clone().dispatch(signed(&stranger));
                assert_noop!(refused, Error::<Test>::NotTheOwner);
            }
        }
        // Neither does one that was withdrawn.
        assert_ok!(Licences::retire(signed(&ALICE), id));
        advance(u64::from(UNBONDING) + 1);
        assert_ok!(Licences::withdraw(signed(&ALICE), id));
        for (name, call) in calls(id) {
            println!("{name}");
            assert_noop!(call.dispatch(signed(&ALICE)), Error::<Test>::UnknownTicket);
        }
    });
}

#[test]
fn a_ticket_costs_its_price_and_no_more_than_its_owner_has() {
    with_chain(|| {
        for role in Role::ALL {
            for stake in [0, 1, PRICE - 1] {
                let refused = purchase(role, stake, preferences()).dispatch(signed(&ALICE));
                assert_noop!(refused, Error::<Test>::StakeTooLow);
            }
            // The existential deposit can't be held.
            for stake in [ENDOWMENT, ENDOWMENT + 1, u128::MAX] {
                let refused = purchase(role, stake, preferences()).dispatch(signed(&ALICE));
                assert_noop!(refused, TokenError::FundsUnavailable);
            }
            let refused = purchase(role, PRICE, preferences()).dispatch(signed(&POOR));
            assert_noop!(refused, TokenError::FundsUnavailable);
        }
        assert_ok!(purchase(Role::Miner, PRICE, preferences()).dispatch(signed(&ALICE)));
        let rest = ENDOWMENT - PRICE - UNIT;
        assert_ok!(purchase(Role::Miner, rest, preferences()).dispatch(signed(&ALICE)));
        let refused = purchase(Role::Miner, PRICE, preferences()).dispatch(signed(&ALICE));
        assert_noop!(refused, TokenError::FundsUnavailable);
    });
}

#[test]
fn preferences_are_bounded_when_bought_and_when_set() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, PRICE, 1);
        let with = |bytes: Vec<u8>| Preferences {
            contact: bytes.try_into().unwrap(),
            ..preferences()
        };
        let bad_concurrency: DispatchError = Error::<Test>::BadConcurrency.into();
        let bad_contact: DispatchError = Error::<Test>::BadContact.into();
        let refusals = [
            (Preferences::any(0), bad_concurrency),
            (Preferences::any(MAX_DUTIES + 1), bad_concurrency),
            (Preferences::any(u32::MAX), bad_concurrency),
            (with(vec![0xff]), bad_contact),
            (with([&[b'/'; 127][..], &[0xc3]].concat()), bad_contact),
        ];
        for (preferences, error) in refusals {
            let refused = purchase(Role::Miner, PRICE, preferences.clone());
            assert_noop!(refused.dispatch(signed(&ALICE)), error);
            let refused = Licences::set_preferences(signed(&ALICE), id, preferences);
            assert_noop!(refused, error);
        }
        for fits in [Preferences::any(MAX_DUTIES), with(vec![b'/'; 128])] {
            assert_ok!(Licences::set_preferences(signed(&ALICE), id, fits));
        }
    });
}

#[test]
fn a_contact_over_its_bound_is_no_call_at_all() {
    let call = |length: usize| {
        let contact = vec![b'/'; length].encode();
        let bytes = purchase(Role::Miner, PRICE, preferences()).encode();
        // An empty contact is the last byte of it.
        [&bytes[..bytes.len() - 1], &contact].concat()
    };
    let most = MAX_CONTACT as usize;
    assert!(RuntimeCall::decode(&mut &call(most)[..]).is_ok());
    assert!(RuntimeCall::decode(&mut &call(most + 1)[..]).is_err());
}

#[test]
fn an_account_holds_so_many_tickets() {
    with_chain(|| {
        for _ in 0..4 {
            buy(&ALICE, Role::Miner, PRICE, 1);
        }
        let another = || purchase(Role::Verifier, PRICE, preferences()).dispatch(signed(&ALICE));
        assert_noop!(another(), Error::<Test>::TooManyTickets);
        // A leaving one counts until it is withdrawn.
        assert_ok!(Licences::retire(signed(&ALICE), 0));
        assert_noop!(another(), Error::<Test>::TooManyTickets);
        advance(u64::from(UNBONDING) + 1);
        assert_ok!(Licences::withdraw(signed(&ALICE), 0));
        assert_ok!(another());
    });
}

#[test]
fn a_ticket_is_retired_once_and_withdrawn_in_its_time_without_duties() {
    with_chain(|| {
        let withdraw = |id| Licences::withdraw(signed(&ALICE), id);
        let retire = |id| Licences::retire(signed(&ALICE), id);
        let id = buy(&ALICE, Role::Verifier, PRICE, 1);
        let free = buy(&ALICE, Role::Miner, PRICE, 1);
        assert_eq!(draw(Role::Verifier, 1, 1, &[]), [id]);
        assert_noop!(withdraw(id), Error::<Test>::NotLeaving);
        assert_ok!(retire(id));
        assert_ok!(retire(free));
        assert_noop!(retire(id), Error::<Test>::Leaving);
        for block in [1, 2, u64::from(UNBONDING)] {
            advance(block);
            assert_noop!(withdraw(id), Error::<Test>::Unbonding);
            assert_noop!(withdraw(free), Error::<Test>::Unbonding);
        }
        advance(u64::from(UNBONDING) + 1);
        assert_ok!(withdraw(free));
        assert_noop!(withdraw(id), Error::<Test>::OnDuty);
        Licences::relieve(id, Duty::Audit(1));
        assert_ok!(withdraw(id));
    });
}

#[test]
fn an_expired_ticket_can_be_renewed_or_withdrawn_but_not_retired() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Verifier, PRICE, 1);
        advance(1 + u64::from(LIFETIME));
        assert_noop!(Licences::retire(signed(&ALICE), id), Error::<Test>::Leaving);
        assert_noop!(
            Licences::withdraw(signed(&ALICE), id),
            Error::<Test>::Unbonding
        );
        assert_ok!(Licences::renew(signed(&ALICE), id));
        assert_noop!(
            Licences::withdraw(signed(&ALICE), id),
            Error::<Test>::NotLeaving
        );
    });
}

#[test]
fn a_renewal_that_the_owner_cannot_pay_changes_nothing() {
    with_chain(|| {
        let id = buy(&ALICE, Role::Miner, PRICE, 1);
        for price in [ENDOWMENT, u128::MAX] {
            Prices::<Test>::insert(Role::Miner, price);
            assert_noop!(
                Licences::renew(signed(&ALICE), id),
                TokenError::FundsUnavailable
            );
        }
        Prices::<Test>::insert(Role::Miner, ENDOWMENT - UNIT);
        assert_ok!(Licences::renew(signed(&ALICE), id));
    });
}
