//! A runtime with just this pallet and balances, and doubles of tickets, reputation and rewards that write
//! down what they are told.

use crate as pallet_tasks;
use core::cell::RefCell;
use frame::{
    deps::{frame_support::traits::PostInherents, sp_core::H256, sp_runtime::AccountId32},
    runtime::prelude::*,
    testing_prelude::*,
};
use polkadot_sdk::pallet_balances;
use quern_api::WorkRules;
use quern_market::{
    Duty, Order, Role, RunId, TicketId,
    seams::{Deed, Draw},
};
use quern_work::{Dataset, TaskSpec};
use std::collections::BTreeMap;

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        Tasks: pallet_tasks,
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
    type ExistentialDeposit = ConstU128<10>;
}

/// A ticket as its double keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) owner: AccountId32,
    pub(crate) role: Role,
    pub(crate) live: bool,
    pub(crate) duties: Vec<Duty>,
}

thread_local! {
    static TICKETS: RefCell<BTreeMap<TicketId, Held>> = const { RefCell::new(BTreeMap::new()) };
    static DEEDS: RefCell<Vec<(AccountId32, Deed)>> = const { RefCell::new(Vec::new()) };
    static SLASHED: RefCell<Vec<(TicketId, Option<AccountId32>)>> = const { RefCell::new(Vec::new()) };
    static AUDITED: RefCell<Vec<RunId>> = const { RefCell::new(Vec::new()) };
    static SCORED: RefCell<Vec<Scored>> = const { RefCell::new(Vec::new()) };
}

/// An accepted vote, as the double of rewards is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub(crate) who: AccountId32,
    pub(crate) macs: u128,
    pub(crate) most: u128,
}

/// Duties that one ticket of the double may have at a time.
const ROOM: usize = 3;

/// Gives `owner` a live ticket.
pub(crate) fn issue(owner: AccountId32, role: Role) -> TicketId {
    TICKETS.with_borrow_mut(|tickets| {
        let id = tickets.len() as TicketId;
        let (live, duties) = (true, Vec::new());
        tickets.insert(
            id,
            Held {
                owner,
                role,
                live,
                duties,
            },
        );
        id
    })
}

/// Makes a ticket no longer live, or live again.
pub(crate) fn set_live(ticket: TicketId, live: bool) {
    TICKETS.with_borrow_mut(|tickets| tickets.get_mut(&ticket).unwrap().live = live);
}

/// Duties of all tickets.
pub(crate) fn duties() -> Vec<(TicketId, Duty)> {
    TICKETS.with_borrow(|tickets| {
        tickets
            .iter()
            .flat_map(|(id, held)| held.duties.iter().map(|duty| (*id, *duty)))
            .collect()
    })
}

/// Says which runs are under audit.
pub(crate) fn set_audited(runs: &[RunId]) {
    AUDITED.set(runs.to_vec());
}

/// The deeds noted since the last call.
pub(crate) fn deeds() -> Vec<(AccountId32, Deed)> {
    DEEDS.take()
}

/// The tickets slashed since the last call, and the reporters.
pub(crate) fn slashed() -> Vec<(TicketId, Option<AccountId32>)> {
    SLASHED.take()
}

/// The votes that were accepted since the last call.
pub(crate) fn scored() -> Vec<Scored> {
    SCORED.take()
}

/// Keeps a ticket busy with audits, or lets it go.
pub(crate) fn set_busy(ticket: TicketId, busy: bool) {
    let audits = (0..ROOM as u64).map(Duty::Audit).filter(|_| busy);
    TICKETS.with_borrow_mut(|tickets| tickets.get_mut(&ticket).unwrap().duties = audits.collect());
}

pub struct Double;

/// Randomness that follows the block's number.
pub struct Luck;

impl frame::traits::Get<quern_work::Hash> for Luck {
    fn get() -> quern_work::Hash {
        [System::block_number() as u8; 32]
    }
}

impl quern_market::seams::Tickets<AccountId32> for Double {
    fn draw_weight(_: u32) -> Weight {
        Weight::zero()
    }

    fn owner(ticket: TicketId) -> Option<AccountId32> {
        TICKETS.with_borrow(|tickets| tickets.get(&ticket).map(|held| held.owner.clone()))
    }
    fn licenses(ticket: TicketId, role: Role) -> bool {
        let fits = |held: &Held| held.live && held.role == role;
        TICKETS.with_borrow(|tickets| tickets.get(&ticket).is_some_and(fits))
    }
    fn others(role: Role, excluded: &[AccountId32]) -> u32 {
        TICKETS.with_borrow(|tickets| {
            let fits =
                |held: &&Held| held.live && held.role == role && !excluded.contains(&held.owner);
            let owners = tickets.values().filter(fits).map(|held| &held.owner);
            owners.collect::<std::collections::BTreeSet<_>>().len() as u32
        })
    }
    fn draw(draw: &Draw<'_, AccountId32>) -> Vec<(TicketId, AccountId32)> {
        assert_eq!(draw.order.is_some(), draw.role == Role::Miner);
        TICKETS.with_borrow_mut(|tickets| {
            let mut drawn: Vec<(TicketId, AccountId32)> = Vec::new();
            let turn = usize::from(draw.seed[0]) % tickets.len().max(1);
            let mut ids: Vec<TicketId> = tickets.keys().copied().collect();
            ids.rotate_left(turn);
            for id in ids {
                let held = tickets.get_mut(&id).unwrap();
                let free = held.live && held.role == draw.role && held.duties.len() < ROOM;
                let again = draw.excluded.contains(&held.owner)
                    || drawn.iter().any(|(_, owner)| *owner == held.owner);
                if free && !again && drawn.len() < draw.wanted as usize {
                    held.duties.push(draw.duty);
                    drawn.push((id, held.owner.clone()));
                }
            }
            drawn
        })
    }
    fn relieve(ticket: TicketId, duty: Duty) {
        TICKETS.with_borrow_mut(|tickets| {
            let duties = &mut tickets.get_mut(&ticket).unwrap().duties;
            if let Some(at) = duties.iter().position(|has| *has == duty) {
                duties.remove(at);
            }
        });
    }
    fn slash(ticket: TicketId, _: Permill, reporter: Option<&AccountId32>) -> u128 {
        SLASHED.with_borrow_mut(|slashed| slashed.push((ticket, reporter.cloned())));
        7
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(owner: &AccountId32, role: Role, _: quern_market::Preferences) -> TicketId {
        issue(owner.clone(), role)
    }
}

impl quern_market::seams::Reputation<AccountId32> for Double {
    fn note(who: &AccountId32, deed: Deed) {
        DEEDS.with_borrow_mut(|deeds| deeds.push((who.clone(), deed)));
    }
    fn factor(_: &AccountId32) -> Permill {
        Permill::one()
    }
    fn qualifies(_: &AccountId32) -> bool {
        true
    }
}

impl quern_market::seams::EvaluatorRewards<AccountId32> for Double {
    fn scored(who: &AccountId32, macs: u128, most: u128) {
        let who = who.clone();
        SCORED.with_borrow_mut(|scored| scored.push(Scored { who, macs, most }));
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn prepare() {}
}

/// Runs that a test says are under audit.
impl quern_market::seams::Runs for Double {
    fn under_audit(run: RunId) -> bool {
        AUDITED.with_borrow(|runs| runs.contains(&run))
    }
}

parameter_types! {
    pub static MinFee: u128 = 100;
    pub static StartWithin: u32 = 5;
    pub static ProgressWithin: u32 = 20;
    pub static CommitWithin: u32 = 4;
    pub static RevealWithin: u32 = 3;
    pub Pool: AccountId32 = account(99);
    pub Rules: WorkRules = WorkRules {
        noise_rank: 4,
        max_ahead: 32,
        share_difficulty: 1,
        omega_b: 1 << 32,
        omega_m: 0,
        max_vote_macs: 1 << 44,
        max_vote_bytes: 1 << 34,
    };
}

impl crate::Config for Test {
    type ChainWork = ConstU128<1_000_000>;
    type CommitWithin = CommitWithin;
    type Currency = Balances;
    type GovernanceOrigin = EnsureRoot<AccountId32>;
    type MaxOpen = ConstU32<60>;
    type MinFee = MinFee;
    type Pool = Pool;
    type ProgressWithin = ProgressWithin;
    type Randomness = Luck;
    type Reputation = Double;
    type RevealWithin = RevealWithin;
    type Rules = Rules;
    type Runs = Double;
    type RuntimeHoldReason = RuntimeHoldReason;
    type StartWithin = StartWithin;
    type Tickets = Double;
    type Voters = Double;
    type WeightInfo = ();
}

pub(crate) fn account(id: u8) -> AccountId32 {
    AccountId32::new([id; 32])
}

pub(crate) const CLIENT: AccountId32 = AccountId32::new([1; 32]);
pub(crate) const FUNDS: u128 = 1_000_000;

/// A 64-16-10 network on 16 row blocks, in segments of four steps.
pub(crate) fn spec() -> TaskSpec {
    TaskSpec {
        dataset: Dataset {
            root: [7; 32],
            row_blocks: 16,
            features: 64,
            classes: 10,
        },
        hidden: vec![16].try_into().unwrap(),
        batch: 16,
        lr_shift: 3,
        lr_every: 0,
        segment: 4,
    }
}

/// Eight steps of [`spec`] by two miners, scored by three evaluators on 64 rows, half of them to be right.
pub(crate) fn order() -> Order {
    Order {
        name: b"digits".to_vec().try_into().unwrap(),
        spec: spec(),
        held_out: Dataset {
            root: [8; 32],
            row_blocks: 4,
            ..spec().dataset
        },
        steps: 8,
        workers: 2,
        evaluators: 3,
        target: 500_000,
        deadline: 100,
        gpu: false,
        contact: Default::default(),
    }
}

/// A chain in block 1 with one commons task, and funds for accounts 1 to 4.
pub(crate) fn chain() -> TestState {
    AUDITED.take();
    MinFee::set(100);
    StartWithin::set(5);
    ProgressWithin::set(20);
    CommitWithin::set(4);
    RevealWithin::set(3);
    TICKETS.take();
    DEEDS.take();
    SLASHED.take();
    SCORED.take();
    let storage = RuntimeGenesisConfig {
        system: Default::default(),
        balances: pallet_balances::GenesisConfig {
            balances: (1..=4).map(|id| (account(id), FUNDS)).collect(),
            ..Default::default()
        },
        tasks: crate::GenesisConfig {
            commons: vec![spec()],
            ..Default::default()
        },
    }
    .build_storage()
    .unwrap();
    let mut chain = TestState::new(storage);
    chain.execute_with(|| System::set_block_number(1));
    chain
}

/// Begins the next block.
pub(crate) fn next() {
    let number = System::block_number() + 1;
    System::set_block_number(number);
    System::set_parent_hash(H256::repeat_byte((number * 37 % 251) as u8));
    Tasks::post_inherents();
}
