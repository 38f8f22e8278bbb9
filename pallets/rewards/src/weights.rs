//! Weights of the hooks.
//!
//! Bounds set by hand: the database accesses of each at RocksDB's default cost.
//! `scripts/weights.sh` replaces them by measured ones.

use frame::weights_prelude::*;

/// Weights of the hooks.
pub trait WeightInfo {
    /// Emission at the end of a block.
    fn on_finalize() -> Weight;
}

impl WeightInfo for () {
    fn on_finalize() -> Weight {
        RocksDbWeight::get().reads_writes(5, 5)
    }
}
