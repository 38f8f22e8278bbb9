//! Weights of the hooks.

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
