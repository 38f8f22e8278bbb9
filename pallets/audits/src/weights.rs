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
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(894), added: 3369, mode: `MaxEncodedLen`)
    fn commit_vote() -> Weight {
        Weight::from_parts(17_426_000, 4359)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(894), added: 3369, mode: `MaxEncodedLen`)
    fn reveal_vote() -> Weight {
        Weight::from_parts(40_721_000, 4359)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Audits::Cursor` (r:1 w:1)
    /// Proof: `Audits::Cursor` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Agenda` (r:16 w:0)
    /// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
    fn agenda() -> Weight {
        Weight::from_parts(28_172_000, 73582)
            .saturating_add(RocksDbWeight::get().reads(17))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `System::ParentHash` (r:1 w:0)
    /// Proof: `System::ParentHash` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:3 w:3)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:3 w:3)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:3 w:0)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:257 w:0)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(894), added: 3369, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Agenda` (r:1 w:1)
    /// Proof: `Audits::Agenda` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
    fn draw() -> Weight {
        Weight::from_parts(1_184_917_000, 653513)
            .saturating_add(RocksDbWeight::get().reads(270))
            .saturating_add(RocksDbWeight::get().writes(9))
    }
    /// Storage: `Tickets::Tickets` (r:3 w:3)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:4 w:4)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Voted` (r:1 w:1)
    /// Proof: `Rewards::Voted` (`max_values`: Some(1), `max_size`: Some(32770), added: 33265, mode: `MaxEncodedLen`)
    /// Storage: `Audits::Audits` (r:1 w:1)
    /// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(894), added: 3369, mode: `MaxEncodedLen`)
    /// Storage: `Audits::CounterForAudits` (r:1 w:1)
    /// Proof: `Audits::CounterForAudits` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Work::Runs` (r:1 w:1)
    /// Proof: `Work::Runs` (`max_values`: None, `max_size`: Some(2331), added: 4806, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Vesting` (r:64 w:64)
    /// Proof: `Rewards::Vesting` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:1 w:1)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(139), added: 2614, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Earned` (r:1 w:1)
    /// Proof: `Rewards::Earned` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Work::Sealed` (r:257 w:256)
    /// Proof: `Work::Sealed` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Commons` (r:1 w:0)
    /// Proof: `Tasks::Commons` (`max_values`: None, `max_size`: Some(134), added: 2609, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:1 w:0)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:3)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    fn conclude() -> Weight {
        Weight::from_parts(1_170_455_000, 653513)
            .saturating_add(RocksDbWeight::get().reads(338))
            .saturating_add(RocksDbWeight::get().writes(338))
    }
    /// Not measured yet: twice what was measured for `conclude`.
    fn reject() -> Weight {
        Weight::from_parts(2_340_910_000, 1_307_026)
            .saturating_add(RocksDbWeight::get().reads(676))
            .saturating_add(RocksDbWeight::get().writes(676))
    }
}
