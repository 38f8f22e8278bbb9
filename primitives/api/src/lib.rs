//! What the runtime offers its node: the runtime API around the seal check, and the inherent with
//! which a block records the seal of its parent.
//!
//! Verification lives in the runtime, so that governance can change it by an upgrade; the native
//! engine only calls [`WorkApi`] at the parent's state.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod governance;
mod inherent;
pub mod market;
mod signed;
mod view;

pub use governance::*;
pub use inherent::{InherentError, PARENT_SEAL, ParentSeal, luck};
pub use signed::verify_signature;
pub use view::{MIN_NOISE_RANK, PendingClaim, RunInfo, WorkRules};

#[cfg(feature = "std")]
pub use inherent::ParentSealProvider;

use alloc::vec::Vec;
use polkadot_sdk::{sp_core::H256, sp_runtime::AccountId32};
use quern_work::SealError;

polkadot_sdk::sp_api::decl_runtime_apis! {
    /// Questions about useful work, answered by the state they are asked at.
    pub trait WorkApi {
        /// Expected MACs of the next block.
        fn difficulty() -> u128;

        /// Checks the bytes of a [`SignedSeal`](quern_work::SignedSeal) for the block with this pre-hash and author on top of
        /// this state, at the difficulty of this state. The caller names the genesis block, since
        /// a state does not know its own before the first block.
        fn verify_seal(
            genesis: H256,
            pre_hash: H256,
            author: AccountId32,
            seal: Vec<u8>,
        ) -> Result<(), SealError>;

        /// The rules that draws and windows follow.
        fn rules() -> WorkRules;

        /// One run, if it was ever opened and is not yet closed.
        fn run(id: u64) -> Option<RunInfo>;

        /// The runs of this account, by ascending id.
        fn runs_of(owner: AccountId32) -> Vec<RunInfo>;
    }
}
