mod cheats;
mod equivocation;
mod governance;
mod market;
mod money;
mod scale;
mod world;

use crate::{money::*, *};
use codec::Encode;
use pallet_work::WorkRewards;
use polkadot_sdk::{
    frame_support::{
        assert_ok,
        traits::{
            OnFinalize, OnInitialize, OnUnbalanced, PostInherents,
            fungible::{Balanced, InspectHold},
        },
        weights::Weight,
    },
    sp_consensus_pow::POW_ENGINE_ID,
    sp_core::H256,
    sp_genesis_builder,
    sp_io::TestExternalities,
    sp_keyring::Sr25519Keyring::{Alice, Bob, Ferdie},
    sp_runtime::{BuildStorage, Digest, DigestItem},
};

fn config(preset: &str) -> RuntimeGenesisConfig {
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).unwrap();
    let patch = presets::get(&preset.into()).unwrap();
    merge(&mut config, serde_json::from_slice(&patch).unwrap());
    serde_json::from_value(config).unwrap()
}

fn merge(into: &mut serde_json::Value, patch: serde_json::Value) {
    match (into, patch) {
        (serde_json::Value::Object(into), serde_json::Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}

fn with_dev_chain(test: impl FnOnce()) {
    let storage = config(sp_genesis_builder::DEV_RUNTIME_PRESET)
        .build_storage()
        .unwrap();
    TestExternalities::new(storage).execute_with(test);
}

/// Opens a block by Alice: digest, hooks, inherents, draws. What hooks and draws weigh.
fn open_block(number: BlockNumber) -> Weight {
    open_block_with(number, || ())
}

/// The same; `inherent` comes beside the time.
fn open_block_with(number: BlockNumber, inherent: impl FnOnce()) -> Weight {
    let logs = vec![DigestItem::PreRuntime(
        POW_ENGINE_ID,
        Alice.to_account_id().encode(),
    )];
    System::initialize(&number, &H256::repeat_byte(number as u8), &Digest { logs });
    let weight = AllPalletsWithSystem::on_initialize(number);
    let now = u64::from(number) * 3_000;
    assert_ok!(Timestamp::set(RuntimeOrigin::none(), now));
    inherent();
    let before = System::block_weight().total();
    <Runtime as frame_system::Config>::PostInherents::post_inherents();
    weight + System::block_weight().total() - before
}

/// Issuance is what was emitted less what was burnt; vesting is held; nothing else is.
fn check_money(burnt: Balance) {
    let emitted = pallet_rewards::Emitted::<Runtime>::get();
    assert_eq!(Balances::total_issuance() + burnt, emitted);
    let accounts: Balance = System::account_iter_total();
    assert_eq!(accounts, Balances::total_issuance());
    let vesting: Balance = pallet_rewards::Vesting::<Runtime>::iter_values().sum();
    let reason = pallet_rewards::HoldReason::Vesting.into();
    assert_eq!(
        Balances::balance_on_hold(&reason, &Alice.to_account_id()),
        vesting
    );
}

trait AccountTotal {
    fn account_iter_total() -> Balance;
}

impl AccountTotal for System {
    fn account_iter_total() -> Balance {
        frame_system::Account::<Runtime>::iter_values()
            .map(|account| account.data.free + account.data.reserved)
            .sum()
    }
}

#[test]
fn every_preset_builds_and_gives_each_validator_a_run() {
    for (preset, validators) in [
        (sp_genesis_builder::DEV_RUNTIME_PRESET, 1),
        (sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET, 3),
    ] {
        TestExternalities::new(config(preset).build_storage().unwrap()).execute_with(|| {
            assert_eq!(Session::validators().len(), validators);
            assert_eq!(Grandpa::grandpa_authorities().len(), validators);
            assert_eq!(pallet_work::Runs::<Runtime>::count(), validators as u32);
            for (id, owner) in (0..).zip(Session::validators()) {
                assert_eq!(Work::run_info(id).unwrap().owner, owner);
            }
        });
    }
    assert_eq!(presets::get(&"nowhere".into()), None);
}

#[test]
fn an_honest_commons_product_may_use_every_tile() {
    with_dev_chain(|| {
        let (rules, spec) = (Work::rules(), presets::glyphs());
        let shape = spec.lottery_shape(rules.noise_rank);
        let allowance = quern_work::target::allowance(
            rules.omega_b,
            rules.omega_m,
            spec.batch,
            spec.parameters(),
        );
        assert!(allowance >= shape.tiles_m() * shape.tiles_n());
    });
}

#[test]
fn a_run_deposit_and_vesting_live_side_by_side() {
    with_dev_chain(|| {
        open_block(1);
        let alice = Alice.to_account_id();
        assert_ok!(Work::open_run(RuntimeOrigin::signed(alice.clone()), 0, 0));
        AllPalletsWithSystem::on_finalize(1);
        Rewards::vest(1, &alice, 0);
        check_money(0);
        assert_eq!(
            System::account(&alice).data.reserved,
            2 * 10 * QRN + QRN + 32_500 * MILLI_QRN
        );
    });
}

#[test]
fn a_fee_is_split_between_author_and_treasury_and_the_rest_is_burnt() {
    with_dev_chain(|| {
        open_block(1);
        let (alice, treasury) = (Alice.to_account_id(), Treasury::account_id());
        let money = || {
            [
                Balances::free_balance(&alice),
                Balances::free_balance(&treasury),
                Balances::total_issuance(),
            ]
        };
        let take = |amount| {
            <Balances as Balanced<AccountId>>::withdraw(
                &Bob.to_account_id(),
                amount,
                polkadot_sdk::frame_support::traits::tokens::Precision::Exact,
                polkadot_sdk::frame_support::traits::tokens::Preservation::Preserve,
                polkadot_sdk::frame_support::traits::tokens::Fortitude::Polite,
            )
            .unwrap()
        };
        let pay = |fee: Balance, tip: Balance| {
            let before = money();
            DealWithFees::on_unbalanceds([take(fee), take(tip)].into_iter());
            let after = money();
            (
                after[0] - before[0],
                after[1] - before[1],
                before[2] - after[2],
            )
        };
        let (fifth, tip) = (QRN / 5, MILLI_QRN);
        assert_eq!(pay(QRN, tip), (fifth + tip, fifth, 3 * fifth));

        // Governance may move the shares; together they are never more than the fee.
        let set = |name, value| {
            let change =
                <parameters::Bounds as pallet_governance::Parameters<_>>::named(name, value);
            assert_ok!(Governance::set_parameter(
                RuntimeOrigin::root(),
                change.unwrap()
            ));
        };
        set("fees.to_author", Some(50));
        set("fees.to_treasury", Some(50));
        assert_eq!(pay(QRN, tip), (QRN / 2 + tip, QRN / 2, 0));
        assert_eq!(pay(3, tip), (1 + tip, 1, 1));
    });
}

#[test]
fn the_fee_multiplier_moves_at_most_an_eighth_a_block() {
    use polkadot_sdk::{
        frame_support::{dispatch::DispatchClass, weights::Weight},
        sp_runtime::{FixedU128, traits::Convert},
    };
    with_dev_chain(|| {
        type Update = <Runtime as pallet_transaction_payment::Config>::FeeMultiplierUpdate;
        let start = FixedU128::from_u32(1_000);
        let full = configs::RuntimeBlockWeights::get()
            .get(DispatchClass::Normal)
            .max_total
            .unwrap();
        for (weight, within) in [(full, 1_125), (Weight::zero(), 875)] {
            System::set_block_consumed_resources(weight, 0);
            let next = Update::convert(start);
            let bound = FixedU128::from_u32(within);
            assert!(
                if within > 1_000 {
                    next <= bound
                } else {
                    next >= bound
                },
                "{next:?}"
            );
            assert_ne!(next, start);
        }
    });
}

#[test]
fn a_block_full_of_bytes_costs_about_as_much_as_one_full_of_weight() {
    use polkadot_sdk::frame_support::dispatch::DispatchClass;
    with_dev_chain(|| {
        let weight = configs::RuntimeBlockWeights::get()
            .get(DispatchClass::Normal)
            .max_total;
        let length = *configs::RuntimeBlockLength::get()
            .max
            .get(DispatchClass::Normal);
        let by_weight = TransactionPayment::weight_to_fee(weight.unwrap());
        let by_length = TransactionPayment::length_to_fee(length);
        assert!(
            (by_weight..2 * by_weight).contains(&by_length),
            "{by_length} for {by_weight}"
        );
    });
}

#[test]
#[should_panic(expected = "exceeds max header size limit")]
fn a_header_padded_with_other_engines_items_is_refused() {
    with_dev_chain(|| {
        let logs = vec![DigestItem::PreRuntime(*b"junk", vec![0; 4 * 1024])];
        System::initialize(&1, &H256::zero(), &Digest { logs });
    });
}

#[test]
fn a_block_that_does_not_record_its_parents_seal_truly_is_refused() {
    use polkadot_sdk::{
        frame_support::inherent::{InherentData, ProvideInherent},
        frame_system, pallet_timestamp,
    };
    let bare = UncheckedExtrinsic::new_bare;
    let time = bare(RuntimeCall::Timestamp(pallet_timestamp::Call::set {
        now: 1_000,
    }));
    let record = |step| {
        bare(RuntimeCall::Work(pallet_work::Call::record_seal {
            run: 0,
            step,
            weights_root: [7; 32],
            luck: [8; 32],
        }))
    };
    let other = bare(RuntimeCall::System(frame_system::Call::remark {
        remark: vec![],
    }));
    let mut data = InherentData::new();
    data.put_data(Timestamp::INHERENT_IDENTIFIER, &1_000u64)
        .unwrap();
    let seal = quern_api::ParentSeal {
        run: 0,
        step: 5,
        weights_root: [7; 32],
        luck: [8; 32],
    };
    data.put_data(quern_api::PARENT_SEAL, &seal).unwrap();
    let holds = |extrinsics: &[&UncheckedExtrinsic]| {
        let header = Header {
            number: 2,
            parent_hash: H256::zero(),
            state_root: H256::zero(),
            extrinsics_root: H256::zero(),
            digest: Digest::default(),
        };
        let extrinsics = extrinsics.iter().map(|one| (*one).clone()).collect();
        data.check_extrinsics(&Block { header, extrinsics }.into())
            .ok()
    };
    with_dev_chain(|| {
        assert!(holds(&[&time, &record(5)]));
        assert!(!holds(&[&time]));
        assert!(!holds(&[&time, &record(6)]));
        assert!(!holds(&[&time, &record(5), &record(6)]));
        assert!(!holds(&[&time, &other, &record(5)]));
    });
}

#[test]
fn only_an_account_with_its_own_run_can_seal() {
    with_dev_chain(|| {
        assert_eq!(Work::runs_of(&Ferdie.to_account_id()), []);
        assert_eq!(
            Work::verify_seal(
                H256::zero(),
                H256::zero(),
                &Ferdie.to_account_id(),
                &[0; 9],
                1
            ),
            Err(quern_work::SealError::Malformed)
        );
    });
}
