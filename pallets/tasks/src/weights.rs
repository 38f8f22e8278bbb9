//! Weights, measured by `scripts/weights.sh`.
//!
//! Date: 2026-11-21. Steps: 20, repeats: 10.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn pay_for_task() -> Weight;
    fn cancel() -> Weight;
    fn replace() -> Weight;
    fn log_round() -> Weight;
    fn commit_scores() -> Weight;
    fn reveal_scores() -> Weight;
    fn open_commons() -> Weight;
    fn idle() -> Weight;
    fn assign() -> Weight;
    fn evaluate() -> Weight;
    fn settle() -> Weight;
}

impl WeightInfo for () {
    /// Storage: `Work::NoiseRank` (r:1 w:0)
    /// Proof: `Work::NoiseRank` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:7 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Unfinished` (r:1 w:1)
    /// Proof: `Tasks::Unfinished` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::NextTask` (r:1 w:1)
    /// Proof: `Tasks::NextTask` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Demand` (r:1 w:1)
    /// Proof: `Tasks::Demand` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn pay_for_task() -> Weight {
        Weight::from_parts(104_565_000, 18567)
            .saturating_add(RocksDbWeight::get().reads(12))
            .saturating_add(RocksDbWeight::get().writes(6))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:2)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:9 w:9)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Demand` (r:1 w:1)
    /// Proof: `Tasks::Demand` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Unfinished` (r:1 w:1)
    /// Proof: `Tasks::Unfinished` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Verifiers` (r:1 w:0)
    /// Proof: `Tasks::Verifiers` (`max_values`: None, `max_size`: Some(1165), added: 3640, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Cancelled` (r:1 w:1)
    /// Proof: `Tasks::Cancelled` (`max_values`: Some(1), `max_size`: Some(258), added: 753, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:7)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn cancel() -> Weight {
        Weight::from_parts(274_961_000, 26577)
            .saturating_add(RocksDbWeight::get().reads(16))
            .saturating_add(RocksDbWeight::get().writes(24))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Work::Runs` (r:1 w:0)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:5 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:1 w:1)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:1 w:1)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Live` (r:1 w:1)
    /// Proof: `Tickets::Live` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holdings` (r:1 w:1)
    /// Proof: `Tickets::Holdings` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holders` (r:1 w:1)
    /// Proof: `Tickets::Holders` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:2 w:2)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Expiries` (r:0 w:1)
    /// Proof: `Tickets::Expiries` (`max_values`: None, `max_size`: Some(28), added: 2503, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:2)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn replace() -> Weight {
        Weight::from_parts(249_296_000, 13545)
            .saturating_add(RocksDbWeight::get().reads(16))
            .saturating_add(RocksDbWeight::get().writes(12))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn log_round() -> Weight {
        Weight::from_parts(38_272_000, 7574)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn commit_scores() -> Weight {
        Weight::from_parts(38_111_000, 7574)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn reveal_scores() -> Weight {
        Weight::from_parts(49_307_000, 7574)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    /// Storage: `Work::NoiseRank` (r:1 w:0)
    /// Proof: `Work::NoiseRank` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:6 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::NextTask` (r:1 w:1)
    /// Proof: `Tasks::NextTask` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Commons` (r:0 w:1)
    /// Proof: `Tasks::Commons` (`max_values`: None, `max_size`: Some(134), added: 2609, mode: `MaxEncodedLen`)
    fn open_commons() -> Weight {
        Weight::from_parts(31_464_000, 16056)
            .saturating_add(RocksDbWeight::get().reads(8))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    /// Storage: `Tasks::Cursor` (r:1 w:1)
    /// Proof: `Tasks::Cursor` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:4 w:0)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn idle() -> Weight {
        Weight::from_parts(18_204_000, 10986)
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Work::Luck` (r:1 w:0)
    /// Proof: `Work::Luck` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:2 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:11 w:8)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:11 w:10)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:10 w:0)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn assign() -> Weight {
        Weight::from_parts(502_011_000, 32263)
            .saturating_add(RocksDbWeight::get().reads(37))
            .saturating_add(RocksDbWeight::get().writes(21))
    }
    /// Storage: `Work::Luck` (r:1 w:0)
    /// Proof: `Work::Luck` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:9 w:9)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:9 w:9)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:9 w:0)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:3 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holdings` (r:33 w:0)
    /// Proof: `Tickets::Holdings` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holders` (r:1 w:0)
    /// Proof: `Tickets::Holders` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn evaluate() -> Weight {
        Weight::from_parts(565_985_000, 84678)
            .saturating_add(RocksDbWeight::get().reads(67))
            .saturating_add(RocksDbWeight::get().writes(21))
    }
    /// Storage: `Tickets::Tickets` (r:18 w:18)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:2 w:2)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:9 w:9)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Difficulty::State` (r:1 w:0)
    /// Proof: `Difficulty::State` (`max_values`: Some(1), `max_size`: Some(77), added: 572, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Voted` (r:1 w:1)
    /// Proof: `Rewards::Voted` (`max_values`: Some(1), `max_size`: Some(49154), added: 49649, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Demand` (r:1 w:1)
    /// Proof: `Tasks::Demand` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Unfinished` (r:1 w:1)
    /// Proof: `Tasks::Unfinished` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Verifiers` (r:1 w:1)
    /// Proof: `Tasks::Verifiers` (`max_values`: None, `max_size`: Some(1165), added: 3640, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:74 w:74)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:16)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn settle() -> Weight {
        Weight::from_parts(5_376_102_000, 193612)
            .saturating_add(RocksDbWeight::get().reads(111))
            .saturating_add(RocksDbWeight::get().writes(126))
    }
}
