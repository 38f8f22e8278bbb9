//! Weights of the calls.
//!
//! Bounds set by hand: the database accesses of each at RocksDB's default cost, and for a share 1 ms
//! per 256 features, about three times what the whole check of a seal took at 784 (docs/benchmarks.md).
//! `scripts/weights.sh` replaces them by measured ones.

use frame::weights_prelude::*;

/// Weights of the calls.
pub trait WeightInfo {
    /// Opening a run.
    fn open_run() -> Weight;
    /// Closing a run.
    fn close_run() -> Weight;
    /// Checking a share at `u` × 256 features.
    fn submit_proof(u: u32) -> Weight;
    /// Claiming a state root over `segments` segments.
    fn checkpoint(segments: u32) -> Weight;
    /// Recording the parent's seal.
    fn record_seal() -> Weight;
}

impl WeightInfo for () {
    fn open_run() -> Weight {
        RocksDbWeight::get().reads_writes(5, 5)
    }
    fn close_run() -> Weight {
        RocksDbWeight::get().reads_writes(5, 5)
    }
    fn submit_proof(u: u32) -> Weight {
        RocksDbWeight::get()
            .reads_writes(4, 1)
            .saturating_add(Weight::from_parts(1_000_000_000, 1).saturating_mul(u.into()))
    }
    fn checkpoint(segments: u32) -> Weight {
        RocksDbWeight::get().reads_writes(4, 2).saturating_add(
            RocksDbWeight::get()
                .reads_writes(1, 1)
                .saturating_mul(segments.into()),
        )
    }
    fn record_seal() -> Weight {
        RocksDbWeight::get().reads_writes(6, 4)
    }
}
