//! Weights, measured by `scripts/weights.sh`.
//!
//! Date: 2026-11-21. Steps: 20, repeats: 10.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn set_parameter() -> Weight;
}

impl WeightInfo for () {
    /// Storage: `Parameters::Parameters` (r:32 w:1)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Governance::Revision` (r:1 w:1)
    /// Proof: `Governance::Revision` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    fn set_parameter() -> Weight {
        Weight::from_parts(131_817_000, 81342)
            .saturating_add(RocksDbWeight::get().reads(33))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
}
