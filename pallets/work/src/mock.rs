//! A runtime with just this pallet, balances, and a double of the other pallets that writes down what it
//! is told.

use crate::{self as pallet_work, WorkLimits, WorkRewards};
use core::{
    cell::{Cell, RefCell},
    ops::Range,
};
use frame::{
    deps::{
        sp_core::H256,
        sp_runtime::{AccountId32, Permill},
    },
    runtime::prelude::*,
    testing_prelude::*,
};
use polkadot_sdk::pallet_balances;
use quern_market::{
    AuditId, Claim, Duty, Role, RunId, TaskId, TicketId,
    seams::{Audits, CommonsPay, Deed, Draw, Reputation, TaskBook, Tickets},
};
use quern_training::Dataset;
use quern_work::{Hash, TaskSpec};

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

/// What the double was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Vest(RunId, AccountId32, u64),
    Release(RunId, Range<u64>),
    Burn(RunId),
    Forfeit(RunId, AccountId32),
    Opened(TaskId, TicketId, RunId),
    /// Task, run, steps and MACs.
    Accepted(TaskId, RunId, u64, u128),
    Rejected(TaskId, RunId),
    Lapsed(TaskId, RunId),
    Closed(TaskId, RunId),
    /// To whom, for how many MACs.
    CommonsPaid(AccountId32, u128),
    Slashed(TicketId, Permill),
    Noted(AccountId32, Deed),
    /// Steps covered, segments, author and ticket.
    Audit(u64, u32, AccountId32, TicketId),
}

thread_local! {
    static TOLD: RefCell<Vec<Told>> = const { RefCell::new(Vec::new()) };
    static VESTING: Cell<u128> = const { Cell::new(0) };
    static LIVE: Cell<bool> = const { Cell::new(true) };
    static COMMONS_PAY: Cell<u128> = const { Cell::new(0) };
    static FEATURES: Cell<u32> = const { Cell::new(512) };
}

/// Everything the double was told since the last call.
pub(crate) fn told() -> Vec<Told> {
    TOLD.take()
}

/// Sets what the double says is vesting on every run.
pub(crate) fn set_vesting(amount: u128) {
    VESTING.set(amount);
}

/// Sets what the double pays for a claim of a commons run.
pub(crate) fn set_commons_pay(amount: u128) {
    COMMONS_PAY.set(amount);
}

/// Sets the features of [`dataset`].
pub(crate) fn set_features(features: u32) {
    FEATURES.set(features);
}

/// Sets whether the double's tickets are live.
pub(crate) fn set_live(live: bool) {
    LIVE.set(live);
}

fn tell(what: Told) {
    TOLD.with_borrow_mut(|told| told.push(what));
}

pub struct Double;

impl WorkRewards<AccountId32> for Double {
    fn vest(run: RunId, owner: &AccountId32, segment: u64) {
        tell(Told::Vest(run, owner.clone(), segment));
    }
    fn release(run: RunId, _: &AccountId32, segments: Range<u64>) -> DispatchResult {
        tell(Told::Release(run, segments));
        Ok(())
    }
    fn burn(run: RunId, _: &AccountId32) {
        tell(Told::Burn(run));
    }
    fn forfeit(run: RunId, _: &AccountId32, to: &AccountId32) {
        tell(Told::Forfeit(run, to.clone()));
    }
    fn vesting(_: RunId) -> u128 {
        VESTING.get()
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare() {}
}

/// Task 0 is of the commons, task 1 is paid and has 16 steps for ticket 1.
impl TaskBook<AccountId32> for Double {
    fn spec(task: TaskId) -> Option<TaskSpec> {
        (task <= PAID).then(spec)
    }
    fn steps(task: TaskId) -> Option<u64> {
        (task == PAID).then_some(16)
    }
    fn open(task: TaskId, ticket: TicketId, run: RunId) -> DispatchResult {
        ensure!(task == TASK || ticket == 1, "not assigned");
        tell(Told::Opened(task, ticket, run));
        Ok(())
    }
    fn accepted(
        task: TaskId,
        run: RunId,
        to: u64,
        macs: u128,
        state_root: Hash,
        _: &[AccountId32],
    ) {
        assert_eq!(state_root, ROOT);
        tell(Told::Accepted(task, run, to, macs));
    }
    fn rejected(task: TaskId, run: RunId) {
        tell(Told::Rejected(task, run));
    }
    fn lapsed(task: TaskId, run: RunId) {
        tell(Told::Lapsed(task, run));
    }
    fn closed(task: TaskId, run: RunId) {
        tell(Told::Closed(task, run));
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(_: TaskSpec, _: &AccountId32, _: TicketId) -> TaskId {
        PAID
    }
}

impl CommonsPay<AccountId32> for Double {
    fn pay(owner: &AccountId32, macs: u128) -> u128 {
        let amount = COMMONS_PAY.get();
        if amount > 0 {
            tell(Told::CommonsPaid(owner.clone(), macs));
        }
        amount
    }
}

/// Tickets 0 of Alice and 1 of Bob are miners', 2 of Alice is a verifier's.
impl Tickets<AccountId32> for Double {
    fn draw_weight(_: u32) -> Weight {
        Weight::zero()
    }

    fn owner(ticket: TicketId) -> Option<AccountId32> {
        match ticket {
            0 | 2 => Some(ALICE),
            1 => Some(BOB),
            _ => None,
        }
    }
    fn licenses(ticket: TicketId, role: Role) -> bool {
        LIVE.get() && ticket < 2 && role == Role::Miner
    }
    fn others(_: Role, _: &[AccountId32]) -> u32 {
        1
    }
    fn draw(_: &Draw<'_, AccountId32>) -> Vec<(TicketId, AccountId32)> {
        Vec::new()
    }
    fn relieve(_: TicketId, _: Duty) {}
    fn slash(ticket: TicketId, part: Permill, _: Option<&AccountId32>) -> u128 {
        tell(Told::Slashed(ticket, part));
        7
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(_: &AccountId32, _: Role, _: quern_market::Preferences) -> TicketId {
        0
    }
}

impl Reputation<AccountId32> for Double {
    fn note(who: &AccountId32, deed: Deed) {
        tell(Told::Noted(who.clone(), deed));
    }
    fn factor(_: &AccountId32) -> Permill {
        Permill::one()
    }
    fn qualifies(_: &AccountId32) -> bool {
        true
    }
}

/// Every audit has the id 5.
impl Audits<AccountId32> for Double {
    fn open(
        claim: &Claim,
        segments: u32,
        author: &AccountId32,
        ticket: TicketId,
    ) -> Result<AuditId, DispatchError> {
        tell(Told::Audit(claim.to, segments, author.clone(), ticket));
        Ok(5)
    }
}

parameter_types! {
    pub static Limits: WorkLimits = limits();
    pub static RunDeposit: u128 = DEPOSIT;
    pub static RevealWithin: u32 = 20;
    pub static ForfeitAfter: u32 = 50;
    pub Treasury: AccountId32 = TREASURY;
}

impl crate::Config for Test {
    type Audits = Double;
    type Commons = Double;
    type Currency = Balances;
    type ForfeitAfter = ForfeitAfter;
    type Limits = Limits;
    type MaxRuns = ConstU32<3>;
    type ParentWork = ConstU128<1_000>;
    type Reputation = Double;
    type RevealWithin = RevealWithin;
    type Rewards = Double;
    type RunDeposit = RunDeposit;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Tasks = Double;
    type Tickets = Double;
    type Treasury = Treasury;
    type WeightInfo = ();
}

/// The account of [`Sr25519Keyring::Alice`].
pub(crate) const ALICE: AccountId32 = AccountId32::new(hex_literal::hex!(
    "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
));
pub(crate) const BOB: AccountId32 = AccountId32::new([2; 32]);
pub(crate) const TREASURY: AccountId32 = AccountId32::new([3; 32]);
pub(crate) const DEPOSIT: u128 = 10;
pub(crate) const RANK: u32 = 32;
pub(crate) const TASK: TaskId = 0;
pub(crate) const PAID: TaskId = 1;
/// State root of every claim.
pub(crate) const ROOT: Hash = [9; 32];

/// 64 rows of 512 features, unless a test has set others, in ten classes.
pub(crate) fn dataset() -> Dataset {
    let features = FEATURES.get();
    let x = (0..64 * features)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 26) as i8 - 32)
        .collect();
    let y = (0..64u16).map(|row| row % 10).collect();
    Dataset::new(x, y, features as usize, 10).unwrap()
}

/// A network of one hidden layer, 48 neurons, over [`dataset`]; batches of 64, segments of 8.
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

pub(crate) fn limits() -> WorkLimits {
    WorkLimits {
        max_ahead: 32,
        share_difficulty: 1,
        omega_b: 1 << 32,
        omega_m: 0,
        max_vote_macs: 1 << 44,
        max_vote_bytes: 1 << 34,
    }
}

/// Runs `test` on a chain with a commons task and a paid one, and runs 0 of Alice and
/// 1 of Bob, both of the commons; the invariants must hold afterwards.
pub(crate) fn with_chain(test: impl FnOnce()) {
    Limits::set(limits());
    RunDeposit::set(DEPOSIT);
    RevealWithin::set(20);
    ForfeitAfter::set(50);
    set_commons_pay(0);
    set_vesting(0);
    set_live(true);
    set_features(512);
    let storage = RuntimeGenesisConfig {
        system: Default::default(),
        balances: pallet_balances::GenesisConfig {
            balances: vec![(ALICE, 1_000), (BOB, 15)],
            ..Default::default()
        },
        work: crate::GenesisConfig {
            noise_rank: RANK,
            runs: vec![(ALICE, TASK, 0), (BOB, TASK, 1)],
        },
    }
    .build_storage()
    .unwrap();
    TestState::new(storage).execute_with(|| {
        System::set_block_number(1);
        told();
        test();
        Work::do_try_state().unwrap();
    });
}
