//! What governance may change, and what it has chosen.

use alloc::{string::String, vec::Vec};
use codec::{Decode, Encode};
use scale_info::TypeInfo;

/// One parameter that governance may change. A switch is 0 or 1.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub struct ParameterInfo {
    /// `pallet.parameter`.
    pub name: String,
    /// What the numbers count.
    pub unit: String,
    /// The value in force.
    pub value: u128,
    /// The value as long as nobody chooses one.
    pub default: u128,
    /// The smallest value that may be chosen.
    pub minimum: u128,
    /// The largest value that may be chosen.
    pub maximum: u128,
}

polkadot_sdk::sp_api::decl_runtime_apis! {
    /// Questions about what governance may change.
    pub trait GovernanceApi {
        /// Every parameter.
        fn parameters() -> Vec<ParameterInfo>;

        /// The encoded call that gives this parameter a value, or its default back. `None` if there is
        /// no such parameter, or the number is none of its type.
        fn set_parameter(name: String, value: Option<u128>) -> Option<Vec<u8>>;
    }

    /// Questions about how this chain finalises blocks.
    pub trait FinalityApi {
        /// Whether validators vote by the Snow family's rules beside GRANDPA.
        fn snow() -> bool;
    }
}
