//! Weights, measured by `scripts/weights.sh`.
//!
//! Date: 2026-11-21. Steps: 20, repeats: 10.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn commit_vote() -> Weight;
    fn reveal_vote() -> Weight;
    fn agenda() -> Weight;
    fn draw() -> Weight;
    fn conclude() -> Weight;
    fn reject() -> Weight;
}

impl WeightInfo for () {
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(898), added: 3373, mode: `MaxEncodedLen`)
    fn commit_vote() -> Weight {
        Weight::from_parts(30_825_000, 4363)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(898), added: 3373, mode: `MaxEncodedLen`)
    fn reveal_vote() -> Weight {
        Weight::from_parts(159_488_000, 4363)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Audits::Cursor` (r:1 w:1)
    /// Proof: `Audits::Cursor` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Agenda` (r:16 w:0)
    /// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    fn agenda() -> Weight {
        Weight::from_parts(62_375_000, 73582)
            .saturating_add(RocksDbWeight::get().reads(18))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Work::Luck` (r:1 w:0)
    /// Proof: `Work::Luck` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:5 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:9 w:6)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:9 w:6)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:9 w:0)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holdings` (r:1 w:0)
    /// Proof: `Tickets::Holdings` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holders` (r:1 w:0)
    /// Proof: `Tickets::Holders` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:257 w:0)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(898), added: 3373, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Agenda` (r:1 w:1)
    /// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
    fn draw() -> Weight {
        Weight::from_parts(1_370_397_000, 653513)
            .saturating_add(RocksDbWeight::get().reads(296))
            .saturating_add(RocksDbWeight::get().writes(15))
    }
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Commons` (r:1 w:0)
    /// Proof: `Tasks::Commons` (`max_values`: None, `max_size`: Some(134), added: 2609, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:9 w:9)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:10 w:10)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Difficulty::State` (r:1 w:0)
    /// Proof: `Difficulty::State` (`max_values`: Some(1), `max_size`: Some(77), added: 572, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:4 w:4)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:4 w:4)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(898), added: 3373, mode: `MaxEncodedLen`)
    /// Storage: `Audits::CounterForAudits` (r:1 w:1)
    /// Proof: `Audits::CounterForAudits` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Audits::UnderAudit` (r:1 w:1)
    /// Proof: `Audits::UnderAudit` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Vesting` (r:64 w:64)
    /// Proof: `Rewards::Vesting` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Earned` (r:1 w:1)
    /// Proof: `Rewards::Earned` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:257 w:64)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Verifiers` (r:1 w:1)
    /// Proof: `Tasks::Verifiers` (`max_values`: None, `max_size`: Some(1165), added: 3640, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:9)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn conclude() -> Weight {
        Weight::from_parts(1_451_286_000, 653513)
            .saturating_add(RocksDbWeight::get().reads(360))
            .saturating_add(RocksDbWeight::get().writes(173))
    }
    /// Storage: `Tickets::Tickets` (r:10 w:10)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:10 w:10)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:4 w:4)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:4 w:4)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(898), added: 3373, mode: `MaxEncodedLen`)
    /// Storage: `Audits::CounterForAudits` (r:1 w:1)
    /// Proof: `Audits::CounterForAudits` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Audits::UnderAudit` (r:1 w:1)
    /// Proof: `Audits::UnderAudit` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Vesting` (r:257 w:256)
    /// Proof: `Rewards::Vesting` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:256 w:256)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:9)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    fn reject() -> Weight {
        Weight::from_parts(1_984_974_000, 650974)
            .saturating_add(RocksDbWeight::get().reads(548))
            .saturating_add(RocksDbWeight::get().writes(554))
    }
}
