//! Weights, measured by `scripts/weights.sh`.
//!
//! Date: 2026-11-21. Steps: 20, repeats: 10.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn on_finalize() -> Weight;
}

impl WeightInfo for () {
    /// Storage: `Difficulty::State` (r:1 w:1)
    /// Proof: `Difficulty::State` (`max_values`: Some(1), `max_size`: Some(77), added: 572, mode: `MaxEncodedLen`)
    /// Storage: `Difficulty::Goal` (r:1 w:0)
    /// Proof: `Difficulty::Goal` (`max_values`: Some(1), `max_size`: Some(24), added: 519, mode: `MaxEncodedLen`)
    /// Storage: `Timestamp::Now` (r:1 w:0)
    /// Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
    fn on_finalize() -> Weight {
        Weight::from_parts(13_550_000, 1562)
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
}
