//! A runtime with just this pallet, balances, and a reputation double that says what it was told to.

use crate as pallet_tickets;
use crate::pool::UNIT;
use core::cell::RefCell;
use frame::{deps::sp_runtime::AccountId32, runtime::prelude::*, testing_prelude::*};
use polkadot_sdk::pallet_balances;
use quern_market::{
    Role,
    seams::{Deed, Reputation},
};
use std::collections::BTreeMap;

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        Licences: pallet_tickets,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountData = pallet_balances::AccountData<u128>;
    type AccountId = AccountId32;
    type Block = MockBlock<Test>;
    type Lookup = frame::traits::IdentityLookup<AccountId32>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
    type Balance = u128;
    type ExistentialDeposit = ConstU128<UNIT>;
}

thread_local! {
    static REPUTATION: RefCell<BTreeMap<AccountId32, Permill>> = RefCell::default();
}

/// Sets an account's factor; a half and more qualifies.
pub(crate) fn esteem(who: &AccountId32, percent: u32) {
    let factor = Permill::from_percent(percent);
    REPUTATION.with_borrow_mut(|known| known.insert(who.clone(), factor));
}

pub struct Double;

impl Reputation<AccountId32> for Double {
    fn note(_: &AccountId32, _: Deed) {}
    fn factor(who: &AccountId32) -> Permill {
        REPUTATION.with_borrow(|known| known.get(who).copied().unwrap_or_default())
    }
    fn qualifies(who: &AccountId32) -> bool {
        Self::factor(who) >= Permill::from_percent(50)
    }
}

/// Everybody has session keys but [`KEYLESS`].
pub struct Keys;

impl Contains<AccountId32> for Keys {
    fn contains(who: &AccountId32) -> bool {
        *who != KEYLESS
    }
}

parameter_types! {
    pub storage ReportWithin: u32 = 2;
    pub storage Voters: Vec<(crate::seats::Key, AccountId32)> = Vec::new();
    pub storage BasePrice: u128 = 10 * QRN;
    pub storage Lifetime: u32 = LIFETIME;
    pub storage MaxValidators: u32 = 5;
    pub storage PoolTarget: u32 = 10;
    pub storage PriceFloor: u128 = QRN;
    pub storage PriceInterval: u32 = 10;
    pub storage Unbonding: u32 = UNBONDING;
}

impl crate::Config for Test {
    type BasePrice = BasePrice;
    type Currency = Balances;
    type KeysOf = Keys;
    type Lifetime = Lifetime;
    type MaxPerOwner = ConstU32<4>;
    type MaxValidators = MaxValidators;
    type PoolTarget = PoolTarget;
    type PriceFloor = PriceFloor;
    type PriceInterval = PriceInterval;
    type ReportWithin = ReportWithin;
    type Reputation = Double;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Unbonding = Unbonding;
    type Voters = Voters;
    type WeightInfo = ();
}

/// A thousand units.
pub(crate) const QRN: u128 = 1_000 * UNIT;
pub(crate) const LIFETIME: u32 = 100;
pub(crate) const UNBONDING: u32 = 20;
pub(crate) const ALICE: AccountId32 = account(1);
pub(crate) const BOB: AccountId32 = account(2);
pub(crate) const KEYLESS: AccountId32 = account(9);
/// Has no money.
pub(crate) const POOR: AccountId32 = account(255);

/// Accounts 1 to 20 have money.
pub(crate) const fn account(number: u8) -> AccountId32 {
    AccountId32::new([number; 32])
}

/// What each account with money has.
pub(crate) const ENDOWMENT: u128 = 10_000 * QRN;

/// Runs `test` from block 1 on, on a chain with these tickets of genesis; the invariants must hold afterwards.
pub(crate) fn with_genesis(tickets: Vec<(AccountId32, Role, u128, u32)>, test: impl FnOnce()) {
    let storage = RuntimeGenesisConfig {
        system: Default::default(),
        balances: pallet_balances::GenesisConfig {
            balances: (1..=20)
                .map(|number| (account(number), ENDOWMENT))
                .collect(),
            ..Default::default()
        },
        licences: crate::GenesisConfig { tickets },
    }
    .build_storage()
    .unwrap();
    REPUTATION.take();
    TestState::new(storage).execute_with(|| {
        System::set_block_number(1);
        test();
        Licences::do_try_state().unwrap();
    });
}

/// The same on a chain without tickets.
pub(crate) fn with_chain(test: impl FnOnce()) {
    with_genesis(vec![], test);
}

/// The same on one where these were bought in block 0.
pub(crate) fn with_tickets(tickets: Vec<(AccountId32, Role, u128, u32)>, test: impl FnOnce()) {
    with_chain(|| {
        System::set_block_number(0);
        for (owner, role, stake, concurrent) in tickets {
            let preferences = quern_market::Preferences::any(concurrent);
            Licences::issue(owner, role, stake, preferences).unwrap();
        }
        System::set_block_number(1);
        test();
    });
}

/// Begins the blocks up to this one.
pub(crate) fn advance(to: u64) {
    for number in System::block_number() + 1..=to {
        System::set_block_number(number);
        Licences::on_initialize(number);
    }
}
