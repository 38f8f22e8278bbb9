//! A runtime with just this pallet, balances, and a rewards double that writes down what it is told.

use crate::{self as pallet_work, RunId, WorkRewards, types::TaskId};
use core::{cell::RefCell, ops::Range};
use frame::{
    deps::{sp_core::H256, sp_runtime::AccountId32},
    runtime::prelude::*,
    testing_prelude::*,
};
use polkadot_sdk::pallet_balances;
use quern_api::WorkRules;
use quern_training::Dataset;
use quern_work::TaskSpec;

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        Work: pallet_work,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountData = pallet_balances::AccountData<u128>;
    type AccountId = AccountId32;
    type Block = MockBlock<Test>;
    type Hash = H256;
    type Lookup = frame::traits::IdentityLookup<AccountId32>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
    type Balance = u128;
    type ExistentialDeposit = ConstU128<1>;
}

/// What the rewards double was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Vest(RunId, AccountId32, u64),
    Pay(RunId, AccountId32),
    Release(RunId, Range<u64>),
}

thread_local! {
    static TOLD: RefCell<Vec<Told>> = const { RefCell::new(Vec::new()) };
    static VESTING: RefCell<u128> = const { RefCell::new(0) };
}

/// Everything the double was told since the last call.
pub(crate) fn told() -> Vec<Told> {
    TOLD.take()
}

/// Sets what the double says is vesting on every run.
pub(crate) fn set_vesting(amount: u128) {
    VESTING.set(amount);
}

pub struct Double;

impl WorkRewards<AccountId32> for Double {
    fn vest(run: RunId, owner: &AccountId32, segment: u64) {
        TOLD.with_borrow_mut(|told| told.push(Told::Vest(run, owner.clone(), segment)));
    }
    fn pay(run: RunId, owner: &AccountId32) {
        TOLD.with_borrow_mut(|told| told.push(Told::Pay(run, owner.clone())));
    }
    fn release(run: RunId, _: &AccountId32, segments: Range<u64>) -> DispatchResult {
        TOLD.with_borrow_mut(|told| told.push(Told::Release(run, segments)));
        Ok(())
    }
    fn vesting(_: RunId) -> u128 {
        VESTING.take()
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare() {}
}

impl crate::Config for Test {
    type Currency = Balances;
    type MaxRuns = ConstU32<3>;
    type ParentWork = ConstU128<1_000>;
    type Rewards = Double;
    type RunDeposit = ConstU128<10>;
    type RuntimeHoldReason = RuntimeHoldReason;
    type WeightInfo = ();
}

pub(crate) const ALICE: AccountId32 = AccountId32::new([1; 32]);
pub(crate) const BOB: AccountId32 = AccountId32::new([2; 32]);
pub(crate) const RANK: u32 = 32;
pub(crate) const TASK: TaskId = 0;

/// 64 rows of 512 features in ten classes.
pub(crate) fn dataset() -> Dataset {
    let x = (0..64 * 512u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 26) as i8 - 32)
        .collect();
    let y = (0..64u16).map(|row| row % 10).collect();
    Dataset::new(x, y, 512, 10).unwrap()
}

/// A 512-48-10 network over [`dataset`], batches of 64, segments of 8.
pub(crate) fn spec() -> TaskSpec {
    TaskSpec {
        dataset: dataset().commitment(),
        hidden: vec![48].try_into().unwrap(),
        batch: 64,
        lr_shift: 3,
        lr_every: 0,
        segment: 8,
    }
}

pub(crate) fn rules() -> WorkRules {
    WorkRules {
        noise_rank: RANK,
        max_ahead: 32,
        share_difficulty: 1,
        omega_b: 1 << 32,
        omega_m: 0,
    }
}

/// Runs `test` on a chain with one task, and runs 0 of Alice and 1 of Bob; the invariants must hold
/// afterwards.
pub(crate) fn with_chain(test: impl FnOnce()) {
    let storage = RuntimeGenesisConfig {
        system: Default::default(),
        balances: pallet_balances::GenesisConfig {
            balances: vec![(ALICE, 1_000), (BOB, 15)],
            ..Default::default()
        },
        work: crate::GenesisConfig {
            rules: Some(rules()),
            tasks: vec![spec()],
            runs: vec![(ALICE, TASK), (BOB, TASK)],
        },
    }
    .build_storage()
    .unwrap();
    TestState::new(storage).execute_with(|| {
        System::set_block_number(1);
        test();
        Work::do_try_state().unwrap();
    });
}
