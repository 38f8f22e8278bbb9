//! Weights, measured by `scripts/weights.sh`.
//!
//! Date: 2026-11-21. Steps: 20, repeats: 10.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn on_finalize(v: u32) -> Weight;
}

impl WeightInfo for () {
    /// Storage: `Rewards::Emitted` (r:1 w:1)
    /// Proof: `Rewards::Emitted` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:33 w:33)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Voted` (r:1 w:1)
    /// Proof: `Rewards::Voted` (`max_values`: Some(1), `max_size`: Some(49154), added: 49649, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Earned` (r:32 w:32)
    /// Proof: `Rewards::Earned` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Pending` (r:0 w:1)
    /// Proof: `Rewards::Pending` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// The range of component `v` is `[0, 32]`.
    fn on_finalize(v: u32) -> Weight {
        Weight::from_parts(48_136_692, 50639)
            .saturating_add(Weight::from_parts(59_070_831, 0).saturating_mul(v.into()))
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().reads((2_u64).saturating_mul(v.into())))
            .saturating_add(RocksDbWeight::get().writes(4))
            .saturating_add(RocksDbWeight::get().writes((2_u64).saturating_mul(v.into())))
            .saturating_add(Weight::from_parts(0, 2603).saturating_mul(v.into()))
    }
}
