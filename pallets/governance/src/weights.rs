//! Weights of the calls.
//!
//! Counted from what a call reads and writes; `scripts/weights.sh` measures them.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn set_parameter() -> Weight;
}

impl WeightInfo for () {
    /// One parameter and the revision are read and written, and every other parameter is read.
    fn set_parameter() -> Weight {
        Weight::from_parts(150_000_000, 12_000)
            .saturating_add(RocksDbWeight::get().reads(40))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
}
