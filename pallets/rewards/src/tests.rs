use crate as pallet_rewards;
use crate::*;
use frame::traits::fungible::InspectHold;
use frame::{runtime::prelude::*, testing_prelude::*};
use pallet_work::WorkRewards;
use polkadot_sdk::pallet_balances;
use proptest::prelude::*;

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        Rewards: pallet_rewards,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountData = pallet_balances::AccountData<u128>;
    type Block = MockBlock<Test>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
    type Balance = u128;
    type ExistentialDeposit = ConstU128<5>;
}

const CAP: u128 = 10_000;
const AUTHOR: u64 = 1;
const OWNER: u64 = 2;
const STRANGER: u64 = 3;
const GENESIS: u128 = 1_000;

parameter_types! {
    pub const PoolId: PalletId = PalletId(*b"qrn/pool");
    pub storage Author: Option<u64> = None;
}

impl crate::Config for Test {
    type Author = Author;
    type Cap = ConstU128<CAP>;
    type Currency = Balances;
    type Halving = ConstU64<10>;
    type PoolId = PoolId;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Subsidy = ConstU128<1_000>;
    type WeightInfo = ();
}

/// Runs `test` on a chain where only the run's owner has money; the invariants must hold afterwards.
fn with_chain(test: impl FnOnce()) {
    let storage = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: vec![(OWNER, GENESIS)],
            ..Default::default()
        },
        ..Default::default()
    }
    .build_storage()
    .unwrap();
    TestState::new(storage).execute_with(|| {
        test();
        check();
    });
}

/// The pallet's invariants, and every held coin is filed under a run.
fn check() {
    Rewards::do_try_state().unwrap();
    let filed: u128 = Vesting::<Test>::iter_values().sum();
    assert_eq!(
        Balances::balance_on_hold(&HoldReason::Vesting.into(), &OWNER),
        filed
    );
}

/// Executes an empty block by `author`.
fn block(number: u64, author: Option<u64>) {
    System::set_block_number(number);
    Author::set(&author);
    Rewards::on_initialize(number);
    Rewards::on_finalize(number);
}

#[test]
fn a_block_pays_its_author_and_the_pool_and_sets_the_worker_share_aside() {
    with_chain(|| {
        block(1, Some(AUTHOR));
        assert_eq!(Balances::free_balance(AUTHOR), 50);
        assert_eq!(Balances::free_balance(Rewards::pool()), 300);
        assert_eq!(Pending::<Test>::get(), 650);
        assert_eq!(Emitted::<Test>::get(), GENESIS + 350);
        block(11, Some(AUTHOR));
        assert_eq!(Balances::free_balance(AUTHOR), 75);
    });
}

#[test]
fn a_worker_share_vests_until_its_segment_is_committed() {
    with_chain(|| {
        for (number, segment) in [(1, 4), (2, 4), (3, 6)] {
            block(number, Some(AUTHOR));
            Rewards::vest(7, &OWNER, segment);
        }
        assert_eq!(Rewards::vesting(7), 1_950);
        assert_eq!(Balances::free_balance(OWNER), GENESIS);
        assert_ok!(Rewards::release(7, &OWNER, 0..4));
        assert_eq!(Balances::free_balance(OWNER), GENESIS);
        assert_ok!(Rewards::release(7, &OWNER, 4..6));
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 1_300);
        assert_eq!(Rewards::vesting(7), 650);
        check();
        assert_ok!(Rewards::release(7, &OWNER, 6..7));
        assert_ok!(Rewards::release(7, &OWNER, 6..7));
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 1_950);
    });
}

#[test]
fn a_worker_share_is_minted_once_and_only_for_the_last_block() {
    with_chain(|| {
        block(1, None);
        block(2, None);
        Rewards::pay(7, &OWNER);
        Rewards::pay(7, &OWNER);
        Rewards::vest(7, &OWNER, 0);
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 650);
        assert_eq!(Rewards::vesting(7), 0);
    });
}

#[test]
fn a_block_without_author_feeds_the_pool() {
    with_chain(|| {
        block(1, None);
        assert_eq!(Balances::free_balance(Rewards::pool()), 350);
    });
}

#[test]
fn a_share_that_cannot_be_held_is_not_minted() {
    with_chain(|| {
        block(1, None);
        // The whole balance of a new account can't be held: it must keep its existential deposit.
        Rewards::vest(7, &STRANGER, 0);
        assert_eq!(Balances::total_balance(&STRANGER), 0);
        assert_eq!(Rewards::vesting(7), 0);
        assert_eq!(Emitted::<Test>::get(), GENESIS + 350);
    });
}

#[derive(Clone, Debug)]
enum Op {
    Block(Option<u64>),
    Vest(u64, u64),
    Pay(u64),
    Release(u64, u64, u64),
    Burn(u128),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => prop::option::of(4..6u64).prop_map(Op::Block),
        3 => (0..2u64, 0..8u64).prop_map(|(run, segment)| Op::Vest(run, segment)),
        1 => (0..2u64).prop_map(Op::Pay),
        2 => (0..2u64, 0..8u64, 0..8u64).prop_map(|(run, from, to)| Op::Release(run, from, to)),
        1 => (0..100u128).prop_map(Op::Burn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sequence_conserves_money_and_never_passes_the_cap(
        ops in prop::collection::vec(op(), 1..160),
    ) {
        with_chain(|| {
            let (mut number, mut burnt) = (0, 0);
            for op in ops {
                match op {
                    Op::Block(author) => {
                        number += 1;
                        block(number, author);
                    }
                    Op::Vest(run, segment) => Rewards::vest(run, &OWNER, segment),
                    Op::Pay(run) => Rewards::pay(run, &OWNER),
                    Op::Release(run, from, to) => {
                        assert_ok!(Rewards::release(run, &OWNER, from..to));
                    }
                    Op::Burn(amount) => {
                        let before = Balances::total_issuance();
                        let _ = <Balances as Mutate<u64>>::burn_from(
                            &OWNER,
                            amount,
                            frame::traits::tokens::Preservation::Preserve,
                            Precision::BestEffort,
                            frame::traits::tokens::Fortitude::Polite,
                        );
                        burnt += before - Balances::total_issuance();
                    }
                }
                assert_eq!(Balances::total_issuance() + burnt, Emitted::<Test>::get());
                check();
            }
        });
    }
}
