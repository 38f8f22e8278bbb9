//! How accounts act together, for each other, and several times at once.

use crate::{
    Balance, Balances, OriginCaller, Runtime, RuntimeCall, RuntimeEvent, System, money::MILLI_QRN,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use polkadot_sdk::{
    frame_support::{
        parameter_types,
        traits::{ConstU32, InstanceFilter},
    },
    frame_system, pallet_multisig, pallet_proxy, pallet_utility,
    sp_runtime::traits::BlakeTwo256,
};
use scale_info::TypeInfo;

/// What a proxy may do for its account. The filter also holds for each call of a batch.
#[derive(
    Clone,
    Copy,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Default,
    Encode,
    Eq,
    MaxEncodedLen,
    Ord,
    PartialEq,
    PartialOrd,
    TypeInfo,
)]
pub enum ProxyType {
    /// Anything.
    #[default]
    Any,
    /// Anything that neither gives the account's money away nor its rights.
    NonTransfer,
    /// To propose, to vote, and to enact what was decided.
    Governance,
    /// What a worker does day by day: a key for machines. It can't spend or take out money, only put aside
    /// what a run or the renewal of a ticket needs.
    Work,
}

/// Calls that only carry others, each of which is looked at by itself, as the same account.
fn carries(call: &RuntimeCall) -> bool {
    matches!(
        call,
        RuntimeCall::Utility(
            pallet_utility::Call::batch { .. }
                | pallet_utility::Call::batch_all { .. }
                | pallet_utility::Call::force_batch { .. }
        )
    )
}

fn governs(call: &RuntimeCall) -> bool {
    matches!(
        call,
        RuntimeCall::Preimage(_)
            | RuntimeCall::Referenda(_)
            | RuntimeCall::ConvictionVoting(_)
            | RuntimeCall::Treasury(_)
            | RuntimeCall::System(frame_system::Call::apply_authorized_upgrade { .. })
    )
}

/// A run's deposit and what a renewal adds to a stake stay the account's, and come back to it. Nothing else
/// here moves its money.
fn works(call: &RuntimeCall) -> bool {
    matches!(
        call,
        RuntimeCall::Work(_)
            | RuntimeCall::Audits(_)
            | RuntimeCall::Tasks(
                pallet_tasks::Call::replace { .. }
                    | pallet_tasks::Call::log_round { .. }
                    | pallet_tasks::Call::commit_scores { .. }
                    | pallet_tasks::Call::reveal_scores { .. }
            )
            | RuntimeCall::Tickets(
                pallet_tickets::Call::renew { .. } | pallet_tickets::Call::set_preferences { .. }
            )
    )
}

impl InstanceFilter<RuntimeCall> for ProxyType {
    fn filter(&self, call: &RuntimeCall) -> bool {
        match self {
            Self::Any => true,
            Self::NonTransfer => {
                carries(call)
                    || governs(call)
                    || works(call)
                    || matches!(
                        call,
                        RuntimeCall::System(_)
                            | RuntimeCall::Session(_)
                            | RuntimeCall::Tickets(_)
                            | RuntimeCall::Tasks(pallet_tasks::Call::cancel { .. })
                    )
            }
            Self::Governance => carries(call) || governs(call),
            Self::Work => carries(call) || works(call),
        }
    }

    fn is_superset(&self, other: &Self) -> bool {
        match (self, other) {
            (one, same) if one == same => true,
            (Self::Any, _) | (Self::NonTransfer, Self::Governance | Self::Work) => true,
            _ => false,
        }
    }
}

parameter_types! {
    /// Deposits are for what lies in storage: about 10⁻⁵ QRN a byte.
    pub const MultisigBase: Balance = MILLI_QRN;
    pub const MultisigFactor: Balance = MILLI_QRN / 2;
    pub const ProxyBase: Balance = MILLI_QRN;
    pub const ProxyFactor: Balance = MILLI_QRN / 2;
    pub const AnnouncementBase: Balance = MILLI_QRN;
    pub const AnnouncementFactor: Balance = MILLI_QRN;
}

impl pallet_multisig::Config for Runtime {
    type BlockNumberProvider = System;
    type Currency = Balances;
    type DepositBase = MultisigBase;
    type DepositFactor = MultisigFactor;
    type MaxSignatories = ConstU32<100>;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_multisig::weights::SubstrateWeight<Runtime>;
}

impl pallet_proxy::Config for Runtime {
    type AnnouncementDepositBase = AnnouncementBase;
    type AnnouncementDepositFactor = AnnouncementFactor;
    type BlockNumberProvider = System;
    type CallHasher = BlakeTwo256;
    type Currency = Balances;
    type MaxPending = ConstU32<32>;
    type MaxProxies = ConstU32<32>;
    type ProxyDepositBase = ProxyBase;
    type ProxyDepositFactor = ProxyFactor;
    type ProxyType = ProxyType;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_proxy::weights::SubstrateWeight<Runtime>;
}

impl pallet_utility::Config for Runtime {
    type PalletsOrigin = OriginCaller;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_utility::weights::SubstrateWeight<Runtime>;
}
