//! Weights, measured by `scripts/weights.sh`.
//!
//! Date: 2026-11-21. Steps: 20, repeats: 10.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn open_run() -> Weight;
    fn close_run() -> Weight;
    fn submit_proof(u: u32) -> Weight;
    fn commit_claim() -> Weight;
    fn reveal_claim() -> Weight;
    fn forfeit() -> Weight;
    fn record_seal() -> Weight;
}

impl WeightInfo for () {
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Commons` (r:1 w:0)
    /// Proof: `Tasks::Commons` (`max_values`: None, `max_size`: Some(134), added: 2609, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:1 w:0)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Work::NextRun` (r:1 w:1)
    /// Proof: `Work::NextRun` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
    /// Storage: `Work::RunsOf` (r:1 w:1)
    /// Proof: `Work::RunsOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
    /// Storage: `Work::Luck` (r:1 w:0)
    /// Proof: `Work::Luck` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Work::CounterForRuns` (r:1 w:1)
    /// Proof: `Work::CounterForRuns` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Work::Endless` (r:1 w:1)
    /// Proof: `Work::Endless` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn open_run() -> Weight {
        Weight::from_parts(176_542_000, 7574)
            .saturating_add(RocksDbWeight::get().reads(11))
            .saturating_add(RocksDbWeight::get().writes(8))
    }
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Vesting` (r:1 w:0)
    /// Proof: `Rewards::Vesting` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Work::CounterForRuns` (r:1 w:1)
    /// Proof: `Work::CounterForRuns` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Work::RunsOf` (r:1 w:1)
    /// Proof: `Work::RunsOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
    /// Storage: `Work::Endless` (r:1 w:1)
    /// Proof: `Work::Endless` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:256 w:256)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn close_run() -> Weight {
        Weight::from_parts(499_043_000, 650974)
            .saturating_add(RocksDbWeight::get().reads(263))
            .saturating_add(RocksDbWeight::get().writes(263))
    }
    /// Storage: `Work::NoiseRank` (r:1 w:0)
    /// Proof: `Work::NoiseRank` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:5 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `System::BlockHash` (r:1 w:0)
    /// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Commons` (r:1 w:0)
    /// Proof: `Tasks::Commons` (`max_values`: None, `max_size`: Some(134), added: 2609, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:1 w:0)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// The range of component `u` is `[1, 16]`.
    fn submit_proof(u: u32) -> Weight {
        Weight::from_parts(83_416_187, 13545)
            .saturating_add(Weight::from_parts(96_627_276, 0).saturating_mul(u.into()))
            .saturating_add(RocksDbWeight::get().reads(10))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:1 w:0)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    fn commit_claim() -> Weight {
        Weight::from_parts(53_055_000, 5796)
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:1 w:0)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Work::NoiseRank` (r:1 w:0)
    /// Proof: `Work::NoiseRank` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:7 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Audits::CounterForAudits` (r:1 w:1)
    /// Proof: `Audits::CounterForAudits` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Audits::UnderAudit` (r:1 w:1)
    /// Proof: `Audits::UnderAudit` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
    /// Storage: `Audits::NextAudit` (r:1 w:1)
    /// Proof: `Audits::NextAudit` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(898), added: 3373, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Agenda` (r:1 w:1)
    /// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
    fn reveal_claim() -> Weight {
        Weight::from_parts(96_670_000, 18567)
            .saturating_add(RocksDbWeight::get().reads(15))
            .saturating_add(RocksDbWeight::get().writes(6))
    }
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Vesting` (r:257 w:256)
    /// Proof: `Rewards::Vesting` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:2 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:1 w:1)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:256 w:256)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    fn forfeit() -> Weight {
        Weight::from_parts(2_697_719_000, 650974)
            .saturating_add(RocksDbWeight::get().reads(518))
            .saturating_add(RocksDbWeight::get().writes(515))
    }
    /// Storage: `Difficulty::State` (r:1 w:0)
    /// Proof: `Difficulty::State` (`max_values`: Some(1), `max_size`: Some(77), added: 572, mode: `MaxEncodedLen`)
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Work::NoiseRank` (r:1 w:0)
    /// Proof: `Work::NoiseRank` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:5 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Commons` (r:1 w:0)
    /// Proof: `Tasks::Commons` (`max_values`: None, `max_size`: Some(134), added: 2609, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:1 w:0)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Pending` (r:1 w:1)
    /// Proof: `Rewards::Pending` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Emitted` (r:1 w:1)
    /// Proof: `Rewards::Emitted` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Vesting` (r:1 w:1)
    /// Proof: `Rewards::Vesting` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:0 w:1)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Work::Luck` (r:0 w:1)
    /// Proof: `Work::Luck` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    fn record_seal() -> Weight {
        Weight::from_parts(252_484_000, 13545)
            .saturating_add(RocksDbWeight::get().reads(14))
            .saturating_add(RocksDbWeight::get().writes(7))
    }
}
