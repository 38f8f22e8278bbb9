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
    /// Storage: `Work::CurrentRules` (r:1 w:0)
    /// Proof: `Work::CurrentRules` (`max_values`: Some(1), `max_size`: Some(44), added: 539, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Unfinished` (r:1 w:1)
    /// Proof: `Tasks::Unfinished` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(139), added: 2614, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::NextTask` (r:1 w:1)
    /// Proof: `Tasks::NextTask` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Demand` (r:1 w:1)
    /// Proof: `Tasks::Demand` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn pay_for_task() -> Weight {
        Weight::from_parts(61_081_000, 3604)
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().writes(6))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
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
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(139), added: 2614, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:7)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn cancel() -> Weight {
        Weight::from_parts(182_212_000, 26577)
            .saturating_add(RocksDbWeight::get().reads(15))
            .saturating_add(RocksDbWeight::get().writes(22))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:1 w:1)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(139), added: 2614, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:1 w:1)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:2 w:2)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:1)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn replace() -> Weight {
        Weight::from_parts(135_222_000, 7574)
            .saturating_add(RocksDbWeight::get().reads(7))
            .saturating_add(RocksDbWeight::get().writes(9))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn log_round() -> Weight {
        Weight::from_parts(22_363_000, 7574)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn commit_scores() -> Weight {
        Weight::from_parts(23_625_000, 7574)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    /// Storage: `Tasks::Tasks` (r:1 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:18 w:18)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:2 w:2)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Voted` (r:1 w:1)
    /// Proof: `Rewards::Voted` (`max_values`: Some(1), `max_size`: Some(32770), added: 33265, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:9 w:9)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Demand` (r:1 w:1)
    /// Proof: `Tasks::Demand` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Unfinished` (r:1 w:1)
    /// Proof: `Tasks::Unfinished` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Verifiers` (r:1 w:1)
    /// Proof: `Tasks::Verifiers` (`max_values`: None, `max_size`: Some(1165), added: 3640, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(139), added: 2614, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:73 w:73)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:16)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn reveal_scores() -> Weight {
        Weight::from_parts(3_794_400_000, 191009)
            .saturating_add(RocksDbWeight::get().reads(108))
            .saturating_add(RocksDbWeight::get().writes(125))
    }
    /// Storage: `Work::CurrentRules` (r:1 w:0)
    /// Proof: `Work::CurrentRules` (`max_values`: Some(1), `max_size`: Some(44), added: 539, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::NextTask` (r:1 w:1)
    /// Proof: `Tasks::NextTask` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Commons` (r:0 w:1)
    /// Proof: `Tasks::Commons` (`max_values`: None, `max_size`: Some(134), added: 2609, mode: `MaxEncodedLen`)
    fn open_commons() -> Weight {
        Weight::from_parts(11_086_000, 1529)
            .saturating_add(RocksDbWeight::get().reads(2))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    /// Storage: `Tasks::Cursor` (r:1 w:1)
    /// Proof: `Tasks::Cursor` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:4 w:0)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    fn idle() -> Weight {
        Weight::from_parts(15_833_000, 10986)
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `System::ParentHash` (r:1 w:0)
    /// Proof: `System::ParentHash` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:2 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:11 w:8)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:11 w:10)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:10 w:0)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn assign() -> Weight {
        Weight::from_parts(428_980_000, 32263)
            .saturating_add(RocksDbWeight::get().reads(35))
            .saturating_add(RocksDbWeight::get().writes(21))
    }
    /// Storage: `System::ParentHash` (r:1 w:0)
    /// Proof: `System::ParentHash` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:9 w:9)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:9 w:9)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:9 w:0)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn evaluate() -> Weight {
        Weight::from_parts(356_462_000, 26577)
            .saturating_add(RocksDbWeight::get().reads(29))
            .saturating_add(RocksDbWeight::get().writes(21))
    }
    /// Storage: `Tickets::Tickets` (r:18 w:18)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:2 w:2)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Rewards::Voted` (r:1 w:1)
    /// Proof: `Rewards::Voted` (`max_values`: Some(1), `max_size`: Some(32770), added: 33265, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:9 w:9)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Demand` (r:1 w:1)
    /// Proof: `Tasks::Demand` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Unfinished` (r:1 w:1)
    /// Proof: `Tasks::Unfinished` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Verifiers` (r:1 w:1)
    /// Proof: `Tasks::Verifiers` (`max_values`: None, `max_size`: Some(1165), added: 3640, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(139), added: 2614, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:73 w:73)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:16)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Agenda` (r:0 w:1)
    /// Proof: `Tasks::Agenda` (`max_values`: None, `max_size`: Some(24), added: 2499, mode: `MaxEncodedLen`)
    /// Storage: `Tasks::Tasks` (r:0 w:1)
    /// Proof: `Tasks::Tasks` (`max_values`: None, `max_size`: Some(4109), added: 6584, mode: `MaxEncodedLen`)
    fn settle() -> Weight {
        Weight::from_parts(3_381_203_000, 191009)
            .saturating_add(RocksDbWeight::get().reads(107))
            .saturating_add(RocksDbWeight::get().writes(125))
    }
}
