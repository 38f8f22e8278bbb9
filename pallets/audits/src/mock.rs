//! A runtime with just this pallet, and a double of the others that writes down what it is told.

use crate::{self as pallet_audits};
use core::cell::{Cell, RefCell};
use frame::{
    deps::{
        frame_support::traits::PostInherents,
        sp_core::H256,
        sp_runtime::{AccountId32, Permill},
    },
    runtime::prelude::*,
    testing_prelude::*,
};
use quern_market::{
    Claim, Duty, Role, RunId, SegmentResult, TicketId,
    claim::{steps_tree, trace_tree},
    seams::{Claims, Deed, Draw, Origin, Outcome, Reputation, Tickets, VoterRewards},
};
use quern_work::{Dataset, Hash, TaskSpec};

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Auditing: pallet_audits,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId32;
    type Block = MockBlock<Test>;
    type Hash = H256;
    type Lookup = frame::traits::IdentityLookup<AccountId32>;
}

parameter_types! {
    pub storage CommitWithin: u32 = 5;
    pub storage DrawAfter: u32 = 2;
    pub storage RevealWithin: u32 = 4;
    pub storage Segments: u32 = 2;
    pub storage Verifiers: u32 = 3;
}

impl crate::Config for Test {
    type Claims = Double;
    type CommitWithin = CommitWithin;
    type DrawAfter = DrawAfter;
    type MaxActive = ConstU32<12>;
    type Randomness = Luck;
    type Reputation = Double;
    type RevealWithin = RevealWithin;
    type Segments = Segments;
    type Tickets = Double;
    type Verifiers = Verifiers;
    type Voters = Double;
    type WeightInfo = ();
}

/// What the double was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Drawn(TicketId, Duty),
    Relieved(TicketId, Duty),
    Slashed(TicketId, Permill),
    Noted(AccountId32, Deed),
    Voted(AccountId32, u128),
    Decided(RunId, Outcome, Vec<AccountId32>),
}

thread_local! {
    static TOLD: RefCell<Vec<Told>> = const { RefCell::new(Vec::new()) };
    static IDLE: RefCell<Vec<(TicketId, AccountId32)>> = const { RefCell::new(Vec::new()) };
    static OTHERS: Cell<u32> = const { Cell::new(3) };
    static SEALED: RefCell<Vec<(u64, Hash)>> = const { RefCell::new(Vec::new()) };
}

/// Everything the double was told since the last call.
pub(crate) fn told() -> Vec<Told> {
    TOLD.take()
}

/// Sets the idle verifiers.
pub(crate) fn set_idle(verifiers: &[(TicketId, AccountId32)]) {
    IDLE.set(verifiers.to_vec());
}

/// Sets how many others than the author are verifiers, be they idle or not.
pub(crate) fn set_others(others: u32) {
    OTHERS.set(others);
}

/// Sets the steps that have sealed.
pub(crate) fn set_sealed(steps: &[u64]) {
    SEALED.set(steps.iter().map(|step| (*step, [7; 32])).collect());
}

fn tell(what: Told) {
    TOLD.with_borrow_mut(|told| told.push(what));
}

pub struct Double;

/// Randomness that follows the block's number.
pub struct Luck;

impl frame::traits::Get<quern_work::Hash> for Luck {
    fn get() -> quern_work::Hash {
        [System::block_number() as u8; 32]
    }
}

impl Tickets<AccountId32> for Double {
    fn draw_weight(_: u32) -> Weight {
        Weight::zero()
    }

    fn owner(_: TicketId) -> Option<AccountId32> {
        None
    }
    fn licenses(_: TicketId, _: Role) -> bool {
        true
    }
    fn others(role: Role, excluded: &[AccountId32]) -> u32 {
        assert_eq!((role, excluded), (Role::Verifier, &[ALICE][..]));
        OTHERS.get()
    }
    fn draw(draw: &Draw<'_, AccountId32>) -> Vec<(TicketId, AccountId32)> {
        assert_eq!((draw.role, draw.excluded), (Role::Verifier, &[ALICE][..]));
        let mut drawn = IDLE.with_borrow(Clone::clone);
        drawn.truncate(draw.wanted as usize);
        for (ticket, _) in &drawn {
            tell(Told::Drawn(*ticket, draw.duty));
        }
        drawn
    }
    fn relieve(ticket: TicketId, duty: Duty) {
        tell(Told::Relieved(ticket, duty));
    }
    fn slash(ticket: TicketId, part: Permill, _: Option<&AccountId32>) -> u128 {
        tell(Told::Slashed(ticket, part));
        1
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(owner: &AccountId32, _: Role, _: quern_market::Preferences) -> TicketId {
        IDLE.with_borrow_mut(|idle| idle.push((9, owner.clone())));
        9
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

impl VoterRewards<AccountId32> for Double {
    fn voted(who: &AccountId32, macs: u128) {
        tell(Told::Voted(who.clone(), macs));
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn prepare() {}
}

impl Claims<AccountId32> for Double {
    fn origin(_: RunId) -> Option<Origin> {
        Some(Origin {
            task: 3,
            spec: spec(),
            seed: [4; 32],
        })
    }
    fn sealed(_: RunId, from: u64, to: u64) -> Vec<(u64, Hash)> {
        let mut sealed = SEALED.with_borrow(Clone::clone);
        sealed.retain(|(step, _)| (from..to).contains(step));
        sealed
    }
    fn decided(claim: &Claim, outcome: Outcome, verifiers: &[AccountId32]) {
        tell(Told::Decided(claim.run, outcome, verifiers.to_vec()));
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(_: &AccountId32, _: TicketId) -> Claim {
        claim(0)
    }
}

pub(crate) const ALICE: AccountId32 = AccountId32::new([1; 32]);
pub(crate) const BOB: AccountId32 = AccountId32::new([2; 32]);
pub(crate) const CHARLIE: AccountId32 = AccountId32::new([3; 32]);
pub(crate) const DAVE: AccountId32 = AccountId32::new([4; 32]);

/// Tickets and owners of three verifiers.
pub(crate) const VERIFIERS: [(TicketId, AccountId32); 3] = [(20, BOB), (30, CHARLIE), (40, DAVE)];

/// Segments of every claim.
pub(crate) const SEGMENTS: u32 = 5;

pub(crate) fn spec() -> TaskSpec {
    TaskSpec {
        dataset: Dataset {
            root: [0; 32],
            row_blocks: 4,
            features: 512,
            classes: 10,
        },
        hidden: vec![48].try_into().unwrap(),
        batch: 64,
        lr_shift: 3,
        lr_every: 0,
        segment: 8,
    }
}

/// Steps of every segment.
pub(crate) const STEPS: u32 = 8;

/// Weights roots of a segment's steps.
pub(crate) fn roots(index: u8) -> Vec<Hash> {
    (0..STEPS as u8)
        .map(|step| [index * 8 + step; 32])
        .collect()
}

/// What executing each segment of a claim gives.
pub(crate) fn results() -> Vec<SegmentResult> {
    (0..SEGMENTS as u8)
        .map(|index| SegmentResult {
            start_root: [index; 32],
            state_root: [index + 1; 32],
            steps_root: steps_tree(&roots(index)).root(),
            correct: index.into(),
        })
        .collect()
}

/// A true claim of five segments of eight steps.
pub(crate) fn claim(run: RunId) -> Claim {
    let (results, from) = (results(), 16);
    let digests: Vec<Hash> = results.iter().map(SegmentResult::digest).collect();
    let starts: Vec<Hash> = results.iter().map(|result| result.start_root).collect();
    let last = results[results.len() - 1];
    Claim {
        run,
        from,
        to: from + u64::from(SEGMENTS * STEPS),
        state_root: last.state_root,
        trace_root: trace_tree(&digests).root(),
        starts_root: trace_tree(&starts).root(),
        metric: last.correct,
    }
}

/// Runs `test` on a chain with three idle verifiers; the invariants must hold afterwards.
pub(crate) fn with_chain(test: impl FnOnce()) {
    TestState::default().execute_with(|| {
        System::set_block_number(1);
        set_idle(&VERIFIERS);
        set_others(3);
        set_sealed(&[]);
        told();
        test();
        Auditing::do_try_state().unwrap();
    });
}

/// Begins so many blocks, one after the other.
pub(crate) fn pass(blocks: u32) {
    for _ in 0..blocks {
        let number = System::block_number() + 1;
        System::set_block_number(number);
        Auditing::post_inherents();
        Auditing::do_try_state().unwrap();
    }
}
