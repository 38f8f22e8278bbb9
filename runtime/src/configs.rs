//! How each pallet is configured.

use crate::{
    AccountId, Audits, Balance, Balances, Block, BlockNumber, Difficulty, Hash, Nonce, PalletInfo,
    Reputation, Rewards, Runtime, RuntimeCall, RuntimeEvent, RuntimeFreezeReason,
    RuntimeHoldReason, RuntimeOrigin, RuntimeTask, System, Tasks, Tickets, Timestamp, VERSION,
    Work,
    author::Author,
    emergency::Callable,
    equivocation,
    migrations::Migrations,
    money::{DealWithFees, FromTreasury, MILLI_QRN, QRN, TreasuryAccount},
    opaque, parameters,
};
use pallet_work::WorkLimits;
use polkadot_sdk::{
    frame_support::{
        PalletId, derive_impl,
        dispatch::DispatchClass,
        parameter_types,
        traits::{ConstU32, ConstU64, ConstU128, Contains, Get, VariantCountOf},
        weights::{
            ConstantMultiplier, IdentityFee, Weight,
            constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_MILLIS},
        },
    },
    frame_system::{
        self,
        limits::{BlockLength, BlockWeights},
    },
    pallet_authorship, pallet_balances, pallet_grandpa, pallet_session, pallet_timestamp,
    pallet_transaction_payment::{self, FungibleAdapter, Multiplier, TargetedFeeAdjustment},
    sp_runtime::{
        FixedPointNumber, Perbill, Perquintill,
        traits::{AccountIdLookup, Bounded, ConvertInto, OpaqueKeys},
    },
    sp_version::RuntimeVersion,
};
use quern_api::WorkRules;

/// Part of a block that ordinary extrinsics may fill.
const NORMAL: Perbill = Perbill::from_percent(75);

/// Bytes of a header at the start of its block: hashes, number and the author's item fit many times
/// over. A header is announced together with its seal, and peers take announcements of 1 MiB only.
const MAX_OPENING_HEADER: u32 = 4 * 1024;

parameter_types! {
    pub const BlockHashCount: BlockNumber = 2400;
    pub const Version: RuntimeVersion = VERSION;
    /// Half a second of execution: blocks come at random times, and must travel fast.
    pub RuntimeBlockWeights: BlockWeights = BlockWeights::with_sensible_defaults(
        Weight::from_parts(500 * WEIGHT_REF_TIME_PER_MILLIS, u64::MAX),
        NORMAL,
    );
    pub RuntimeBlockLength: BlockLength = BlockLength::builder()
        .max_length(5 * 1024 * 1024)
        .modify_max_length_for_class(DispatchClass::Normal, |length| *length = NORMAL * *length)
        .max_header_size(MAX_OPENING_HEADER)
        .build();
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type AccountId = AccountId;
    type BaseCallFilter = Callable;
    type Block = Block;
    type BlockHashCount = BlockHashCount;
    type BlockLength = RuntimeBlockLength;
    type BlockWeights = RuntimeBlockWeights;
    type DbWeight = RocksDbWeight;
    type Hash = Hash;
    type Lookup = AccountIdLookup<AccountId, ()>;
    type MaxConsumers = ConstU32<16>;
    type Nonce = Nonce;
    /// Draws, once the parent's seal is recorded.
    type PostInherents = (Tasks, Audits);
    type SingleBlockMigrations = Migrations;
    type AccountData = pallet_balances::AccountData<Balance>;
    type SS58Prefix = polkadot_sdk::frame_support::traits::ConstU16<42>;
    type Version = Version;
}

impl pallet_timestamp::Config for Runtime {
    type Moment = u64;
    type OnTimestampSet = ();
    /// Proof-of-work blocks may follow each other closely.
    type MinimumPeriod = ConstU64<1>;
    type WeightInfo = pallet_timestamp::weights::SubstrateWeight<Runtime>;
}

impl pallet_balances::Config for Runtime {
    type AccountStore = System;
    type Balance = Balance;
    type DoneSlashHandler = ();
    type DustRemoval = ();
    type ExistentialDeposit = ConstU128<MILLI_QRN>;
    type FreezeIdentifier = RuntimeFreezeReason;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
    type MaxLocks = ConstU32<50>;
    type MaxReserves = ();
    type ReserveIdentifier = [u8; 8];
    type RuntimeEvent = RuntimeEvent;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type RuntimeHoldReason = RuntimeHoldReason;
    type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
    /// Blocks should be half as full as ordinary extrinsics may make them.
    pub const TargetFullness: Perquintill = Perquintill::from_percent(50);
    /// With fullness at most ½ from the target: at most v/2 + v²/8 = 12.46 % a block.
    pub Adjustment: Multiplier = Multiplier::saturating_from_rational(2_354, 10_000);
    pub MinimumMultiplier: Multiplier = Multiplier::saturating_from_rational(1, 1_000);
    pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

impl pallet_transaction_payment::Config for Runtime {
    type FeeMultiplierUpdate = TargetedFeeAdjustment<
        Self,
        TargetFullness,
        Adjustment,
        MinimumMultiplier,
        MaximumMultiplier,
    >;
    type LengthToFee = ConstantMultiplier<Balance, parameters::fees::ByteFee>;
    type OnChargeTransaction = FungibleAdapter<Balances, DealWithFees>;
    type OperationalFeeMultiplier = polkadot_sdk::frame_support::traits::ConstU8<5>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
    type WeightToFee = IdentityFee<Balance>;
}

parameter_types! {
    pub const SessionLength: BlockNumber = 100;
    pub const NoOffset: BlockNumber = 0;
    pub const KeyDeposit: Balance = QRN;
}

impl pallet_session::Config for Runtime {
    type Currency = Balances;
    type DisablingStrategy = ();
    type KeyDeposit = KeyDeposit;
    type Keys = opaque::SessionKeys;
    type NextSessionRotation = pallet_session::PeriodicSessions<SessionLength, NoOffset>;
    type RuntimeEvent = RuntimeEvent;
    type SessionHandler = <opaque::SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
    type SessionManager = Tickets;
    type ShouldEndSession = pallet_session::PeriodicSessions<SessionLength, NoOffset>;
    type ValidatorId = AccountId;
    type ValidatorIdOf = ConvertInto;
    type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
}

impl pallet_grandpa::Config for Runtime {
    type EquivocationReportSystem = equivocation::Reports;
    type KeyOwnerProof = equivocation::Seats;
    type MaxAuthorities = ConstU32<128>;
    type MaxNominators = ConstU32<0>;
    type MaxSetIdSessionEntries = equivocation::RememberedSets;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = equivocation::ReportWeight;
}

impl pallet_authorship::Config for Runtime {
    type EventHandler = ();
    type FindAuthor = Author;
}

impl pallet_difficulty::Config for Runtime {
    type Time = Timestamp;
    type WeightInfo = ();
}

impl pallet_reputation::Config for Runtime {
    type HalfLife = parameters::reputation::HalfLife;
}

/// Accounts that have told their session keys.
pub struct WithKeys;

impl Contains<AccountId> for WithKeys {
    fn contains(who: &AccountId) -> bool {
        pallet_session::NextKeys::<Runtime>::contains_key(who)
    }
}

impl pallet_tickets::Config for Runtime {
    type BasePrice = parameters::tickets::BasePrice;
    type Currency = Balances;
    type KeysOf = WithKeys;
    type Lifetime = parameters::tickets::Lifetime;
    type MaxPerOwner = ConstU32<64>;
    type MaxValidators = parameters::tickets::MaxValidators;
    type PoolTarget = parameters::tickets::PoolTarget;
    type PriceFloor = parameters::tickets::PriceFloor;
    type PriceInterval = parameters::tickets::PriceInterval;
    type ReportWithin = equivocation::ReportWithin;
    type Reputation = Reputation;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Unbonding = parameters::tickets::Unbonding;
    type Voters = equivocation::Voters;
    type WeightInfo = ();
}

/// Randomness that took the work of a seal to get.
pub struct Luck;

impl Get<quern_work::Hash> for Luck {
    fn get() -> quern_work::Hash {
        pallet_work::Luck::<Runtime>::get()
    }
}

/// The rules that tasks must fit.
pub struct Rules;

impl Get<WorkRules> for Rules {
    fn get() -> WorkRules {
        Work::rules()
    }
}

/// Account of the pool for evaluators and verifiers.
pub struct Pool;

impl Get<AccountId> for Pool {
    fn get() -> AccountId {
        Rewards::pool()
    }
}

impl pallet_tasks::Config for Runtime {
    type ChainWork = ParentWork;
    type CommitWithin = parameters::tasks::CommitWithin;
    type Currency = Balances;
    type GovernanceOrigin = frame_system::EnsureRoot<AccountId>;
    type MaxOpen = ConstU32<1_000>;
    type MinFee = parameters::tasks::MinFee;
    type Pool = Pool;
    type ProgressWithin = parameters::tasks::ProgressWithin;
    type Randomness = Luck;
    type Reputation = Reputation;
    type RevealWithin = parameters::tasks::RevealWithin;
    type Rules = Rules;
    type Runs = Work;
    type RuntimeHoldReason = RuntimeHoldReason;
    type StartWithin = parameters::tasks::StartWithin;
    type Tickets = Tickets;
    type Voters = Rewards;
    type WeightInfo = ();
}

/// Expected MACs of the parent of the block being executed.
pub struct ParentWork;

impl Get<u128> for ParentWork {
    fn get() -> u128 {
        let parent = Difficulty::parent();
        // Benchmarks begin on a chain without blocks, where votes would be worth nothing.
        if cfg!(feature = "runtime-benchmarks") {
            parent.max(1)
        } else {
            parent
        }
    }
}

/// What governance lets draws and windows be.
pub struct Limits;

impl Get<WorkLimits> for Limits {
    fn get() -> WorkLimits {
        WorkLimits {
            max_ahead: parameters::work::MaxAhead::get(),
            share_difficulty: parameters::work::ShareDifficulty::get(),
            omega_b: parameters::work::OmegaB::get(),
            omega_m: parameters::work::OmegaM::get(),
            max_vote_macs: parameters::work::MaxVoteMacs::get(),
            max_vote_bytes: parameters::work::MaxVoteBytes::get(),
        }
    }
}

impl pallet_work::Config for Runtime {
    type Audits = Audits;
    type Commons = FromTreasury;
    type Currency = Balances;
    type ForfeitAfter = parameters::work::ForfeitAfter;
    type Limits = Limits;
    type MaxRuns = ConstU32<16>;
    type ParentWork = ParentWork;
    type Reputation = Reputation;
    type RevealWithin = parameters::work::RevealWithin;
    type Rewards = Rewards;
    type RunDeposit = parameters::work::RunDeposit;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Tasks = Tasks;
    type Tickets = Tickets;
    type Treasury = TreasuryAccount;
    type WeightInfo = ();
}

impl pallet_audits::Config for Runtime {
    type Claims = Work;
    type CommitWithin = parameters::audits::CommitWithin;
    type DrawAfter = parameters::audits::DrawAfter;
    type MaxActive = ConstU32<256>;
    type Randomness = Luck;
    type Reputation = Reputation;
    type RevealWithin = parameters::audits::RevealWithin;
    type Segments = parameters::audits::Segments;
    type Tickets = Tickets;
    type Verifiers = parameters::audits::Verifiers;
    type Voters = Rewards;
    type WeightInfo = ();
}

parameter_types! {
    pub const PoolId: PalletId = PalletId(*b"qrn/pool");
    pub const Halving: BlockNumber = 210_000;
}

impl pallet_rewards::Config for Runtime {
    type Author = Author;
    type Cap = ConstU128<{ 21_000_000 * QRN }>;
    type ChainWork = ParentWork;
    type Currency = Balances;
    type Halving = Halving;
    type PoolId = PoolId;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Subsidy = ConstU128<{ 50 * QRN }>;
    type WeightInfo = ();
}
