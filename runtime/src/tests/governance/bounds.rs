//! What no change of a parameter may pass.

use super::*;

#[test]
fn hold_for_every_parameter_and_nothing_changes_beyond_them() {
    with_chain(|_| {
        let named = <parameters::Bounds as pallet_governance::Parameters<_>>::named;
        for info in parameters::all() {
            let name = &info.name;
            assert!(
                (info.minimum..=info.maximum).contains(&info.default),
                "{name}"
            );
            for (value, error) in [
                (info.minimum.checked_sub(1), Bounds::<Runtime>::BelowMinimum),
                (info.maximum.checked_add(1), Bounds::<Runtime>::AboveMaximum),
            ] {
                let Some(change) = value.and_then(|value| named(name, Some(value))) else {
                    continue;
                };
                assert_noop!(
                    Governance::set_parameter(RuntimeOrigin::root(), change),
                    error
                );
            }
            assert_ok!(Governance::set_parameter(
                RuntimeOrigin::root(),
                named(name, None).unwrap()
            ));
            if name != "governance.day" {
                let now = parameters::all();
                let same = now.iter().find(|other| other.name == *name).unwrap();
                assert_eq!(same.value, info.default, "{name}");
            }
        }
    });
}

#[test]
fn refuse_values_that_contradict_each_other() {
    with_chain(|_| {
        for (name, value) in [
            ("tickets.price_floor", 11 * QRN),
            ("tickets.base_price", QRN - 1),
            ("tickets.unbonding", 4_031),
            ("work.forfeit_after", 100),
            ("work.reveal_within", 14_400),
            ("fees.to_author", 81),
            ("fees.to_treasury", 81),
        ] {
            let change = change(name, Some(value));
            assert_noop!(
                Governance::set_parameter(Origin::Parameters.into(), change),
                Bounds::<Runtime>::Inconsistent
            );
        }
        assert_ok!(order("tickets.unbonding", 4_032));
        // Every draw of an audit may be in vain, but for those of its three ballots.
        assert_noop!(
            order("audits.draw_after", 3),
            Bounds::<Runtime>::Inconsistent
        );
        assert_ok!(order("fees.to_author", 80));
    });
}

#[test]
fn can_not_be_passed_by_the_parameters_pallet_whoever_asks() {
    with_chain(|chain| {
        let call: RuntimeCall = pallet_parameters::Call::set_parameter {
            key_value: change("governance.day", Some(1)),
        }
        .into();
        assert_eq!(dispatch(call.clone(), Alice), Err(BadOrigin.into()));
        assert_eq!(chain.decide(root(), call.clone()), Err(BadOrigin.into()));
        for power in [root(), Origin::Parameters.into()] {
            let disguised = pallet_utility::Call::dispatch_as {
                as_origin: Box::new(power),
                call: Box::new(call.clone()),
            };
            let _ = RuntimeCall::from(disguised).dispatch(RuntimeOrigin::root());
            assert_eq!(parameters::governance::Day::get(), 4);
        }
    });
}

#[test]
fn are_told_by_the_runtime_api_with_a_call_that_keeps_to_them() {
    with_chain(|_| {
        let infos = parameters::all();
        let of = |name: &str| infos.iter().find(|info| info.name == name).unwrap();
        assert_eq!(
            (of("governance.day").value, of("governance.day").default),
            (4, 14_400)
        );
        assert_eq!(of("consensus.snow").value, 0);
        assert_eq!(of("fees.to_treasury").maximum, 100);
        let mut names: Vec<_> = infos.iter().map(|info| &info.name).collect();
        names.dedup();
        assert_eq!(names.len(), infos.len());

        let call = parameters::call("consensus.snow", Some(1)).unwrap();
        let call = RuntimeCall::decode(&mut &call[..]).unwrap();
        assert_ok!(
            call.dispatch(Origin::Parameters.into())
                .map_err(|e| e.error)
        );
        assert!(parameters::consensus::Snow::get());
        assert_eq!(parameters::call("consensus.snow", Some(2)), None);
        assert_eq!(parameters::call("fees.to_author", Some(101)), None);
        assert_eq!(parameters::call("nobody.knows", Some(1)), None);
    });
}
