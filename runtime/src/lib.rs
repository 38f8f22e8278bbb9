//! The state-transition function of Quern: pallets wired together, nothing else.
//!
//! | file | what it decides |
//! | --- | --- |
//! | `lib.rs` | types, version, which pallets there are |
//! | `configs.rs` | how the chain's and the market's pallets are configured |
//! | `governance.rs` | how holders decide: referenda, their tracks, the treasury |
//! | `parameters.rs` | the numbers that they may change, and within which bounds |
//! | `emergency.rs` | what they can stop, and what nobody can |
//! | `accounts.rs` | how accounts act together and for each other |
//! | `migrations.rs` | what a release does to the state that it finds |
//! | `money.rs` | units, where fees go, and what the treasury pays |
//! | `author.rs` | who made a block |
//! | `equivocation.rs` | what becomes of validators that vote for two chains |
//! | `presets.rs` | the genesis of the `dev` and `local` chains |
//! | `apis.rs` | what the node may ask |

#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "256"]
#![allow(missing_docs, reason = "the SDK's macros generate items without docs")]

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

extern crate alloc;

pub mod accounts;
pub mod apis;
pub mod author;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod emergency;
pub mod equivocation;
pub mod governance;
pub mod migrations;
pub mod money;
pub mod parameters;
pub mod presets;
#[cfg(test)]
mod tests;

use apis::RUNTIME_API_VERSIONS;
#[cfg(feature = "std")]
pub use apis::RuntimeApi;

use alloc::vec::Vec;
use polkadot_sdk::{
    frame_executive, frame_metadata_hash_extension, frame_support, frame_system, pallet_authorship,
    pallet_balances, pallet_conviction_voting, pallet_grandpa, pallet_multisig, pallet_parameters,
    pallet_preimage, pallet_proxy, pallet_referenda, pallet_safe_mode, pallet_scheduler,
    pallet_session, pallet_timestamp, pallet_transaction_payment, pallet_treasury, pallet_tx_pause,
    pallet_utility, sp_core, sp_runtime, sp_version,
};
use sp_runtime::{
    MultiAddress, MultiSignature, generic, impl_opaque_keys,
    traits::{BlakeTwo256, IdentifyAccount, Verify},
};
use sp_version::RuntimeVersion;

/// A signature by any of the SDK's schemes.
pub type Signature = MultiSignature;
/// An account: 32 bytes.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// An amount of money, in 10⁻¹² QRN.
pub type Balance = u128;
/// Transactions an account has sent.
pub type Nonce = u32;
/// A block or state hash.
pub type Hash = sp_core::H256;
/// A block's height.
pub type BlockNumber = u32;
/// How an extrinsic names an account.
pub type Address = MultiAddress<AccountId, ()>;
/// A block header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;

/// What every signed extrinsic carries beside its call.
pub type TxExtension = (
    frame_system::AuthorizeCall<Runtime>,
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckEra<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
    frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
    frame_system::WeightReclaim<Runtime>,
);

/// An extrinsic as it travels.
pub type UncheckedExtrinsic =
    generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;

/// Executes blocks.
pub type Executive = frame_executive::Executive<
    Runtime,
    Block,
    frame_system::ChainContext<Runtime>,
    Runtime,
    AllPalletsWithSystem,
>;

/// Types that the node needs and that don't change with the runtime.
pub mod opaque {
    use super::*;
    pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;

    /// A block whose extrinsics are bytes.
    pub type Block = generic::Block<Header, UncheckedExtrinsic>;

    impl_opaque_keys! {
        /// Keys that a validator uses in a session.
        pub struct SessionKeys {
            /// Votes on finality.
            pub grandpa: super::Grandpa,
        }
    }
}

/// The version of a release. A macro, because `sp_version` wants to read the number.
macro_rules! release {
    ($spec:tt) => {
        /// The version of this runtime.
        ///
        /// - `spec_version` rises with every change of behaviour: nodes and signers take two runtimes with one
        ///   number for the same, and an upgrade that does not raise it is refused.
        /// - `transaction_version` rises when a signed extrinsic of the last release would be read as something
        ///   else: when a call moves, its arguments change, or the extensions of an extrinsic do. A new call or
        ///   pallet at a free index leaves it. Offline signers must then learn the new metadata.
        /// - `system_version` follows what `System` writes (state and extrinsics roots), `authoring_version` the
        ///   digest that authors write.
        ///
        /// Storage has versions of its own, one a pallet: see [`migrations`].
        #[sp_version::runtime_version]
        pub const VERSION: RuntimeVersion = RuntimeVersion {
            spec_name: alloc::borrow::Cow::Borrowed("quern"),
            impl_name: alloc::borrow::Cow::Borrowed("quern"),
            authoring_version: 1,
            spec_version: $spec,
            impl_version: 1,
            apis: RUNTIME_API_VERSIONS,
            transaction_version: 1,
            system_version: 1,
        };
    };
}

#[cfg(not(feature = "next"))]
release!(1);
#[cfg(feature = "next")]
release!(2);

#[frame_support::runtime]
mod runtime {
    use super::*;

    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    /// The pallets, wired together.
    pub struct Runtime;

    #[runtime::pallet_index(0)]
    pub type System = frame_system::Pallet<Runtime>;

    #[runtime::pallet_index(1)]
    pub type Timestamp = pallet_timestamp::Pallet<Runtime>;

    #[runtime::pallet_index(2)]
    pub type Balances = pallet_balances::Pallet<Runtime>;

    #[runtime::pallet_index(3)]
    pub type TransactionPayment = pallet_transaction_payment::Pallet<Runtime>;

    #[runtime::pallet_index(4)]
    pub type Session = pallet_session::Pallet<Runtime>;

    #[runtime::pallet_index(5)]
    pub type Grandpa = pallet_grandpa::Pallet<Runtime>;

    #[runtime::pallet_index(6)]
    pub type Difficulty = pallet_difficulty::Pallet<Runtime>;

    #[runtime::pallet_index(7)]
    pub type Reputation = pallet_reputation::Pallet<Runtime>;

    #[runtime::pallet_index(8)]
    pub type Tickets = pallet_tickets::Pallet<Runtime>;

    #[runtime::pallet_index(9)]
    pub type Tasks = pallet_tasks::Pallet<Runtime>;

    #[runtime::pallet_index(10)]
    pub type Work = pallet_work::Pallet<Runtime>;

    #[runtime::pallet_index(11)]
    pub type Audits = pallet_audits::Pallet<Runtime>;

    #[runtime::pallet_index(12)]
    pub type Rewards = pallet_rewards::Pallet<Runtime>;

    #[runtime::pallet_index(13)]
    pub type Preimage = pallet_preimage::Pallet<Runtime>;

    #[runtime::pallet_index(14)]
    pub type Scheduler = pallet_scheduler::Pallet<Runtime>;

    #[runtime::pallet_index(15)]
    pub type Referenda = pallet_referenda::Pallet<Runtime>;

    #[runtime::pallet_index(16)]
    pub type ConvictionVoting = pallet_conviction_voting::Pallet<Runtime>;

    #[runtime::pallet_index(17)]
    pub type Treasury = pallet_treasury::Pallet<Runtime>;

    #[runtime::pallet_index(18)]
    pub type Multisig = pallet_multisig::Pallet<Runtime>;

    #[runtime::pallet_index(19)]
    pub type Proxy = pallet_proxy::Pallet<Runtime>;

    #[runtime::pallet_index(20)]
    pub type Utility = pallet_utility::Pallet<Runtime>;

    #[runtime::pallet_index(21)]
    pub type Parameters = pallet_parameters::Pallet<Runtime>;

    #[runtime::pallet_index(22)]
    pub type SafeMode = pallet_safe_mode::Pallet<Runtime>;

    #[runtime::pallet_index(23)]
    pub type TxPause = pallet_tx_pause::Pallet<Runtime>;

    #[runtime::pallet_index(24)]
    pub type Governance = pallet_governance::Pallet<Runtime>;

    #[runtime::pallet_index(25)]
    pub type Authorship = pallet_authorship::Pallet<Runtime>;
}
