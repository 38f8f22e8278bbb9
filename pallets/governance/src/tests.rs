use crate::{self as pallet_governance, migrations::v2, *};
use frame::{
    deps::{
        codec::Encode,
        frame_support::{
            dynamic_params::{dynamic_pallet_params, dynamic_params},
            traits::{GetStorageVersion, OnRuntimeUpgrade, UncheckedOnRuntimeUpgrade},
        },
    },
    testing_prelude::*,
    traits::{AsEnsureOriginWithArg, Get, NeverEnsureOrigin},
};

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Stored: pallet_parameters,
        Governance: pallet_governance,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = MockBlock<Test>;
}

#[expect(unreachable_pub, reason = "the macro takes public modules only")]
#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Test>)]
pub mod dynamic_params {
    use super::*;

    #[dynamic_pallet_params]
    #[codec(index = 0)]
    pub mod prices {
        #[codec(index = 0)]
        pub static Floor: u32 = 10;
        #[codec(index = 1)]
        pub static Start: u32 = 100;
    }
}

use dynamic_params::prices;

impl Default for RuntimeParameters {
    fn default() -> Self {
        floor(Some(11))
    }
}

fn floor(value: Option<u32>) -> RuntimeParameters {
    RuntimeParameters::Prices(prices::Parameters::Floor(prices::Floor, value))
}

fn start(value: Option<u32>) -> RuntimeParameters {
    RuntimeParameters::Prices(prices::Parameters::Start(prices::Start, value))
}

/// Prices from 1 to 1000, the first of them not below the floor.
pub struct Prices;

impl Parameters<RuntimeParameters> for Prices {
    fn check() -> Result<(), Breach> {
        for (name, value) in [
            ("floor", prices::Floor::get()),
            ("start", prices::Start::get()),
        ] {
            if value < 1 {
                return Err(Breach::BelowMinimum(name));
            }
            if value > 1_000 {
                return Err(Breach::AboveMaximum(name));
            }
        }
        if prices::Floor::get() > prices::Start::get() {
            return Err(Breach::Inconsistent("floor", "start"));
        }
        Ok(())
    }

    fn named(name: &str, value: Option<u128>) -> Option<RuntimeParameters> {
        let value = match value {
            Some(value) => Some(value.try_into().ok()?),
            None => None,
        };
        match name {
            "floor" => Some(floor(value)),
            "start" => Some(start(value)),
            _ => None,
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn prepare() -> RuntimeParameters {
        floor(Some(11))
    }
}

#[derive_impl(pallet_parameters::config_preludes::TestDefaultConfig)]
impl pallet_parameters::Config for Test {
    type AdminOrigin = AsEnsureOriginWithArg<NeverEnsureOrigin<()>>;
    type RuntimeParameters = RuntimeParameters;
}

impl crate::Config for Test {
    type ChangeOrigin = EitherOf<EnsureRoot<u64>, EnsureParameters>;
    type Parameters = Prices;
    type WeightInfo = ();
}

fn genesis(parameters: &[(&str, u128)]) -> TestState {
    let storage = RuntimeGenesisConfig {
        governance: GenesisConfig {
            parameters: parameters
                .iter()
                .map(|(name, value)| ((*name).into(), *value))
                .collect(),
            ..Default::default()
        },
        ..Default::default()
    };
    let mut state = TestState::new(storage.build_storage().unwrap());
    state.execute_with(|| System::set_block_number(7));
    state
}

/// Runs `test` on a chain with the defaults; the parameters must be within their bounds afterwards.
fn with_chain(test: impl FnOnce()) {
    genesis(&[]).execute_with(|| {
        test();
        assert_ok!(Governance::do_try_state());
    });
}

#[test]
fn a_parameter_is_its_default_until_it_is_set_and_after_it_is_unset() {
    with_chain(|| {
        let origin = || RuntimeOrigin::from(Origin::Parameters);
        assert_ok!(Governance::set_parameter(origin(), floor(Some(50))));
        assert_eq!(prices::Floor::get(), 50);
        assert_ok!(Governance::set_parameter(
            RuntimeOrigin::root(),
            floor(None)
        ));
        assert_eq!(prices::Floor::get(), 10);
        let (key, value) = floor(Some(50)).into_parts();
        System::assert_last_event(
            Event::ParameterSet {
                key,
                old: value,
                new: None,
            }
            .into(),
        );
    });
}

#[test]
fn a_value_out_of_bounds_is_refused_by_name_whoever_asks() {
    with_chain(|| {
        for origin in [RuntimeOrigin::root(), Origin::Parameters.into()] {
            for (change, error) in [
                (floor(Some(0)), Error::<Test>::BelowMinimum),
                (start(Some(1_001)), Error::<Test>::AboveMaximum),
                (floor(Some(101)), Error::<Test>::Inconsistent),
                (start(Some(9)), Error::<Test>::Inconsistent),
            ] {
                assert_noop!(Governance::set_parameter(origin.clone(), change), error);
            }
        }
    });
}

#[test]
fn a_default_that_would_contradict_another_parameter_is_refused() {
    with_chain(|| {
        let root = RuntimeOrigin::root;
        assert_ok!(Governance::set_parameter(root(), start(Some(500))));
        assert_ok!(Governance::set_parameter(root(), floor(Some(300))));
        assert_noop!(
            Governance::set_parameter(root(), start(None)),
            Error::<Test>::Inconsistent
        );
    });
}

#[test]
fn only_the_root_and_the_power_over_parameters_may_change_them() {
    with_chain(|| {
        for origin in [
            RuntimeOrigin::none(),
            RuntimeOrigin::signed(1),
            Origin::Spend.into(),
            Origin::Emergency.into(),
        ] {
            assert_noop!(
                Governance::set_parameter(origin, floor(Some(20))),
                BadOrigin
            );
        }
    });
}

#[test]
fn nobody_gets_past_the_bounds_by_the_other_pallets_own_call() {
    with_chain(|| {
        for origin in [
            RuntimeOrigin::root(),
            RuntimeOrigin::signed(1),
            Origin::Parameters.into(),
        ] {
            assert_noop!(Stored::set_parameter(origin, floor(Some(20))), BadOrigin);
        }
    });
}

#[test]
fn each_power_is_itself_only() {
    with_chain(|| {
        let all = [Origin::Parameters, Origin::Spend, Origin::Emergency];
        for origin in all {
            let asked = || RuntimeOrigin::from(origin);
            assert_eq!(
                EnsureParameters::ensure_origin(asked()).is_ok(),
                origin == Origin::Parameters
            );
            assert_eq!(
                EnsureSpend::ensure_origin(asked()).is_ok(),
                origin == Origin::Spend
            );
            assert_eq!(
                EnsureEmergency::ensure_origin(asked()).is_ok(),
                origin == Origin::Emergency
            );
        }
        assert!(EnsureEmergency::ensure_origin(RuntimeOrigin::root()).is_err());
    });
}

#[test]
fn genesis_may_set_parameters() {
    genesis(&[("floor", 20), ("start", 40)]).execute_with(|| {
        assert_eq!((prices::Floor::get(), prices::Start::get()), (20, 40));
        assert_ok!(Governance::do_try_state());
    });
}

#[test]
#[should_panic(expected = "no parameter is called ceiling")]
fn genesis_with_an_unknown_name_is_refused() {
    genesis(&[("ceiling", 20)]);
}

#[test]
#[should_panic(expected = "Inconsistent(\"floor\", \"start\")")]
fn genesis_with_contradicting_values_is_refused() {
    genesis(&[("floor", 500)]);
}

#[test]
fn every_change_counts_and_a_refused_one_does_not() {
    genesis(&[("floor", 20)]).execute_with(|| {
        let root = RuntimeOrigin::root;
        assert_eq!(v2::layout::old::Revision::<Test>::get(), 1);
        assert_ok!(Governance::set_parameter(root(), floor(Some(30))));
        let _ = Governance::set_parameter(root(), floor(Some(0)));
        assert_eq!(v2::layout::old::Revision::<Test>::get(), 2);
    });
}

mod migration {
    use super::*;

    #[test]
    fn dates_the_revision_and_keeps_its_count() {
        genesis(&[("floor", 20)]).execute_with(|| {
            v2::layout::old::Revision::<Test>::put(41);
            let before = v2::DateTheRevision::<Test>::before();
            v2::DateTheRevision::<Test>::on_runtime_upgrade();
            assert_ok!(v2::DateTheRevision::<Test>::check(&before));

            // What the next layout reads, and how it goes on from there.
            let mut revision = v2::layout::new::Revision::<Test>::get();
            assert_eq!((revision.count, revision.last), (41, 7));
            revision.count(9);
            assert_eq!((revision.count, revision.last), (42, 9));
        });
    }

    #[test]
    fn runs_once_and_from_its_own_version_only() {
        genesis(&[]).execute_with(|| {
            assert_eq!(Governance::on_chain_storage_version(), 1);
            v2::layout::old::Revision::<Test>::put(3);
            v2::Migration::<Test>::on_runtime_upgrade();
            assert_eq!(Governance::on_chain_storage_version(), 2);
            let migrated = v2::layout::new::Revision::<Test>::get();
            System::set_block_number(8);
            v2::Migration::<Test>::on_runtime_upgrade();
            assert_eq!(v2::layout::new::Revision::<Test>::get(), migrated);
        });
    }

    #[test]
    fn a_lost_count_is_found_out() {
        genesis(&[]).execute_with(|| {
            v2::layout::old::Revision::<Test>::put(3);
            let before = v2::DateTheRevision::<Test>::before();
            v2::DateTheRevision::<Test>::on_runtime_upgrade();
            let mut lost = v2::layout::new::Revision::<Test>::get();
            lost.count = 4;
            v2::layout::new::Revision::<Test>::put(lost);
            assert!(v2::DateTheRevision::<Test>::check(&before).is_err());
            assert!(v2::DateTheRevision::<Test>::check(&[]).is_err());
        });
    }

    #[test]
    fn the_old_layout_is_not_the_new_one() {
        genesis(&[]).execute_with(|| {
            v2::layout::old::Revision::<Test>::put(3);
            let bytes = 3u32.encode();
            assert!(v2::Revision::decode(&mut &bytes[..]).is_err());
        });
    }
}
