//! How holders decide: what is proposed (preimages), how it is voted on (referenda, convictions), when it is
//! enacted (the scheduler), what it may do (tracks and their origins), and the treasury.
//!
//! There is no superuser. The root's power is a referendum's on the root track alone.

use crate::{
    AccountId, Balance, Balances, BlockNumber, OriginCaller, Preimage, Referenda, Runtime,
    RuntimeCall, RuntimeEvent, RuntimeHoldReason, RuntimeOrigin, Scheduler, System, Treasury,
    configs::RuntimeBlockWeights,
    money::{MILLI_QRN, QRN, TreasuryAccount},
    parameters::{self, RuntimeParameters},
};
use alloc::borrow::Cow;
use pallet_governance::{EnsureEmergency, EnsureParameters, EnsureSpend, Origin};
use polkadot_sdk::{
    frame_support::{
        PalletId, parameter_types,
        traits::{
            AsEnsureOriginWithArg, ConstU32, ConstU128, EitherOf, EitherOfDiverse,
            EqualPrivilegeOnly, Get, LinearStoragePrice, NeverEnsureOrigin, TypedGet,
            fungible::HoldConsideration,
            tokens::{PayFromAccount, UnityAssetBalanceConversion, currency::ActiveIssuanceOf},
        },
        weights::Weight,
    },
    frame_system::{EnsureRoot, EnsureRootWithSuccess, EnsureSigned, EnsureWithSuccess, RawOrigin},
    pallet_conviction_voting, pallet_parameters, pallet_preimage,
    pallet_referenda::{Curve, Track, TrackInfo, TracksInfo},
    pallet_scheduler, pallet_treasury,
    sp_runtime::{Perbill, str_array, traits::AccountIdLookup},
};

/// So many governance days, in blocks.
pub struct Days<const COUNT: u32>;

impl<const COUNT: u32> Get<BlockNumber> for Days<COUNT> {
    fn get() -> BlockNumber {
        quarters(COUNT.saturating_mul(4))
    }
}

impl<const COUNT: u32> TypedGet for Days<COUNT> {
    type Type = BlockNumber;

    fn get() -> BlockNumber {
        <Self as Get<BlockNumber>>::get()
    }
}

/// So many quarters of a governance day, in blocks.
fn quarters(count: u32) -> BlockNumber {
    <parameters::governance::Day as Get<u32>>::get().saturating_mul(count) / 4
}

/// A kind of referendum; periods in quarters of a governance day, curves in percent.
struct Plan {
    id: u16,
    name: &'static str,
    /// Referenda that may be decided at a time.
    deciding: u32,
    /// Deposit that a decision needs, in QRN.
    deposit: Balance,
    prepare: u32,
    decision: u32,
    confirm: u32,
    enactment: u32,
    /// Part of the votes, convictions counted, that must say aye: at the beginning and at the end.
    approval: (u32, u32),
    /// Part of the active issuance, convictions not counted, that must say aye.
    support: (u32, u32),
}

/// Root: anything, a new runtime among it.
const ROOT: u16 = 0;
/// Parameters, within their bounds.
const PARAMETERS: u16 = 1;
/// Spends of the treasury.
const TREASURY: u16 = 2;
/// Stops and restarts of calls, and the cancellation of referenda.
const EMERGENCY: u16 = 3;

const PLANS: [Plan; 4] = [
    Plan {
        id: ROOT,
        name: "root",
        deciding: 1,
        deposit: 100,
        prepare: 1,
        decision: 14 * 4,
        confirm: 4,
        enactment: 4,
        approval: (100, 50),
        support: (50, 5),
    },
    Plan {
        id: PARAMETERS,
        name: "parameters",
        deciding: 10,
        deposit: 20,
        prepare: 1,
        decision: 7 * 4,
        confirm: 4,
        enactment: 4,
        approval: (80, 50),
        support: (25, 2),
    },
    Plan {
        id: TREASURY,
        name: "treasury",
        deciding: 10,
        deposit: 20,
        prepare: 1,
        decision: 7 * 4,
        confirm: 4,
        enactment: 4,
        approval: (80, 50),
        support: (20, 1),
    },
    Plan {
        id: EMERGENCY,
        name: "emergency",
        deciding: 5,
        deposit: 50,
        prepare: 1,
        decision: 4,
        confirm: 1,
        enactment: 1,
        approval: (90, 67),
        support: (25, 5),
    },
];

/// A straight line down over the decision period.
const fn falling((from, to): (u32, u32)) -> Curve {
    Curve::LinearDecreasing {
        length: Perbill::one(),
        floor: Perbill::from_percent(to),
        ceil: Perbill::from_percent(from),
    }
}

impl Plan {
    fn track(&self) -> Track<u16, Balance, BlockNumber> {
        Track {
            id: self.id,
            info: TrackInfo {
                name: str_array(self.name),
                max_deciding: self.deciding,
                decision_deposit: self.deposit * QRN,
                prepare_period: quarters(self.prepare),
                decision_period: quarters(self.decision),
                confirm_period: quarters(self.confirm),
                min_enactment_period: quarters(self.enactment),
                min_approval: falling(self.approval),
                min_support: falling(self.support),
            },
        }
    }
}

/// The kinds of referenda. Their periods follow the governance day as it stands when they are asked for.
pub struct Tracks;

impl TracksInfo<Balance, BlockNumber> for Tracks {
    type Id = u16;
    type RuntimeOrigin = OriginCaller;

    fn tracks() -> impl Iterator<Item = Cow<'static, Track<u16, Balance, BlockNumber>>> {
        PLANS.iter().map(|plan| Cow::Owned(plan.track()))
    }

    fn track_for(origin: &OriginCaller) -> Result<u16, ()> {
        match origin {
            OriginCaller::system(RawOrigin::Root) => Ok(ROOT),
            OriginCaller::Governance(Origin::Parameters) => Ok(PARAMETERS),
            OriginCaller::Governance(Origin::Spend) => Ok(TREASURY),
            OriginCaller::Governance(Origin::Emergency) => Ok(EMERGENCY),
            _ => Err(()),
        }
    }
}

/// The root's power, or that of an emergency.
pub type RootOrEmergency = EitherOfDiverse<EnsureRoot<AccountId>, EnsureEmergency>;

parameter_types! {
    pub const PreimageHold: RuntimeHoldReason = RuntimeHoldReason::Preimage(pallet_preimage::HoldReason::Preimage);
    /// A megabyte, the size of a runtime, holds a little more than 10 QRN.
    pub const PreimageBase: Balance = 10 * MILLI_QRN;
    pub const PreimageByte: Balance = 10_000_000;
    /// What is enacted leaves a part of the block for what it changes.
    pub ScheduledWeight: Weight = Perbill::from_percent(80) * RuntimeBlockWeights::get().max_block;
}

impl pallet_preimage::Config for Runtime {
    type Consideration = HoldConsideration<
        AccountId,
        Balances,
        PreimageHold,
        LinearStoragePrice<PreimageBase, PreimageByte, Balance>,
    >;
    type Currency = Balances;
    type ManagerOrigin = EnsureRoot<AccountId>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_preimage::weights::SubstrateWeight<Runtime>;
}

impl pallet_scheduler::Config for Runtime {
    type BlockNumberProvider = System;
    type MaxScheduledPerBlock = ConstU32<50>;
    type MaximumWeight = ScheduledWeight;
    type OriginPrivilegeCmp = EqualPrivilegeOnly;
    type PalletsOrigin = OriginCaller;
    type Preimages = Preimage;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type RuntimeOrigin = RuntimeOrigin;
    type ScheduleOrigin = EnsureRoot<AccountId>;
    type WeightInfo = pallet_scheduler::weights::SubstrateWeight<Runtime>;
}

impl polkadot_sdk::pallet_referenda::Config for Runtime {
    type AlarmInterval = ConstU32<1>;
    type BlockNumberProvider = System;
    type CancelOrigin = RootOrEmergency;
    type Currency = Balances;
    type KillOrigin = EnsureRoot<AccountId>;
    type MaxQueued = ConstU32<100>;
    type Preimages = Preimage;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type Scheduler = Scheduler;
    type Slash = Treasury;
    type SubmissionDeposit = ConstU128<QRN>;
    type SubmitOrigin = AsEnsureOriginWithArg<EnsureSigned<AccountId>>;
    type Tally = pallet_conviction_voting::TallyOf<Runtime>;
    type Tracks = Tracks;
    type UndecidingTimeout = Days<14>;
    type Votes = pallet_conviction_voting::VotesOf<Runtime>;
    type WeightInfo = polkadot_sdk::pallet_referenda::weights::SubstrateWeight<Runtime>;
}

impl pallet_conviction_voting::Config for Runtime {
    type BlockNumberProvider = System;
    type Currency = Balances;
    /// The treasury's own money has no say.
    type MaxTurnout = ActiveIssuanceOf<Balances, AccountId>;
    type MaxVotes = ConstU32<100>;
    type Polls = Referenda;
    type RuntimeEvent = RuntimeEvent;
    /// As long as the enactment takes: who decides lives with it.
    type VoteLockingPeriod = Days<1>;
    type VotingHooks = ();
    type WeightInfo = pallet_conviction_voting::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
    pub const TreasuryId: PalletId = PalletId(*b"qrn/trsy");
    /// A track's referendum may spend whatever there is.
    pub const AnyAmount: Balance = Balance::MAX;
}

impl pallet_treasury::Config for Runtime {
    type AssetKind = ();
    type BalanceConverter = UnityAssetBalanceConversion;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = Anybody;
    type Beneficiary = AccountId;
    type BeneficiaryLookup = AccountIdLookup<AccountId, ()>;
    type BlockNumberProvider = System;
    type Burn = ();
    type BurnDestination = ();
    type Currency = Balances;
    type MaxApprovals = ConstU32<100>;
    type PalletId = TreasuryId;
    type Paymaster = PayFromAccount<Balances, TreasuryAccount>;
    type PayoutPeriod = Days<30>;
    type RejectOrigin = RootOrEmergency;
    type RuntimeEvent = RuntimeEvent;
    type SpendFunds = ();
    type SpendOrigin = EitherOf<
        EnsureRootWithSuccess<AccountId, AnyAmount>,
        EnsureWithSuccess<EnsureSpend, AccountId, AnyAmount>,
    >;
    type SpendPeriod = Days<1>;
    type WeightInfo = pallet_treasury::weights::SubstrateWeight<Runtime>;
}

/// Whom benchmarks pay.
#[cfg(feature = "runtime-benchmarks")]
pub struct Anybody;

#[cfg(feature = "runtime-benchmarks")]
impl pallet_treasury::ArgumentsFactory<(), AccountId> for Anybody {
    fn create_asset_kind(_: u32) {}

    fn create_beneficiary(seed: [u8; 32]) -> AccountId {
        seed.into()
    }
}

impl pallet_parameters::Config for Runtime {
    /// Nobody: parameters change by `pallet-governance` alone, which knows their bounds.
    type AdminOrigin = AsEnsureOriginWithArg<NeverEnsureOrigin<()>>;
    type RuntimeEvent = RuntimeEvent;
    type RuntimeParameters = RuntimeParameters;
    type WeightInfo = ();
}

impl pallet_governance::Config for Runtime {
    type ChangeOrigin = EitherOfDiverse<EnsureRoot<AccountId>, EnsureParameters>;
    type Parameters = parameters::Bounds;
    type WeightInfo = ();
}
