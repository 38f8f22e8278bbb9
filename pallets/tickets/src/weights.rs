//! Weights, measured by `scripts/weights.sh`.
//!
//! Date: 2026-11-21. Steps: 20, repeats: 10.

#![allow(unused_parens, unused_imports, missing_docs, reason = "generated")]

use frame::weights_prelude::*;

/// Weights of the pallet.
pub trait WeightInfo {
    fn buy() -> Weight;
    fn renew() -> Weight;
    fn set_preferences() -> Weight;
    fn retire() -> Weight;
    fn withdraw() -> Weight;
    fn sweep(n: u32) -> Weight;
    fn draw(w: u32) -> Weight;
    fn new_session() -> Weight;
    fn reprice() -> Weight;
}

impl WeightInfo for () {
    /// Storage: `Tickets::Prices` (r:1 w:0)
    /// Proof: `Tickets::Prices` (`max_values`: None, `max_size`: Some(25), added: 2500, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:3 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::NextTicket` (r:1 w:1)
    /// Proof: `Tickets::NextTicket` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::TicketsOf` (r:1 w:1)
    /// Proof: `Tickets::TicketsOf` (`max_values`: None, `max_size`: Some(562), added: 3037, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Live` (r:1 w:1)
    /// Proof: `Tickets::Live` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holdings` (r:1 w:1)
    /// Proof: `Tickets::Holdings` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holders` (r:1 w:1)
    /// Proof: `Tickets::Holders` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:0 w:1)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:0 w:1)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Expiries` (r:0 w:1)
    /// Proof: `Tickets::Expiries` (`max_values`: None, `max_size`: Some(28), added: 2503, mode: `MaxEncodedLen`)
    fn buy() -> Weight {
        Weight::from_parts(117_460_000, 8523)
            .saturating_add(RocksDbWeight::get().reads(11))
            .saturating_add(RocksDbWeight::get().writes(10))
    }
    /// Storage: `Tickets::Tickets` (r:2 w:2)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Prices` (r:1 w:0)
    /// Proof: `Tickets::Prices` (`max_values`: None, `max_size`: Some(25), added: 2500, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:2 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:1 w:1)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Live` (r:1 w:1)
    /// Proof: `Tickets::Live` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holdings` (r:1 w:1)
    /// Proof: `Tickets::Holdings` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holders` (r:1 w:1)
    /// Proof: `Tickets::Holders` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:1 w:3)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Expiries` (r:0 w:2)
    /// Proof: `Tickets::Expiries` (`max_values`: None, `max_size`: Some(28), added: 2503, mode: `MaxEncodedLen`)
    fn renew() -> Weight {
        Weight::from_parts(154_798_000, 6676)
            .saturating_add(RocksDbWeight::get().reads(12))
            .saturating_add(RocksDbWeight::get().writes(13))
    }
    /// Storage: `Tickets::Tickets` (r:1 w:1)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    fn set_preferences() -> Weight {
        Weight::from_parts(22_388_000, 3833)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Tickets::Tickets` (r:2 w:2)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Live` (r:1 w:1)
    /// Proof: `Tickets::Live` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holdings` (r:1 w:1)
    /// Proof: `Tickets::Holdings` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holders` (r:1 w:1)
    /// Proof: `Tickets::Holders` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:1 w:2)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Expiries` (r:0 w:1)
    /// Proof: `Tickets::Expiries` (`max_values`: None, `max_size`: Some(28), added: 2503, mode: `MaxEncodedLen`)
    fn retire() -> Weight {
        Weight::from_parts(88_288_000, 6676)
            .saturating_add(RocksDbWeight::get().reads(8))
            .saturating_add(RocksDbWeight::get().writes(9))
    }
    /// Storage: `Tickets::Tickets` (r:1 w:1)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Chosen` (r:1 w:0)
    /// Proof: `Tickets::Chosen` (`max_values`: Some(1), `max_size`: Some(4098), added: 4593, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Unseated` (r:1 w:1)
    /// Proof: `Tickets::Unseated` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::SeatHashes` (r:1 w:0)
    /// Proof: `Tickets::SeatHashes` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
    /// Storage: `System::Account` (r:1 w:1)
    /// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
    /// Storage: `Balances::Holds` (r:1 w:1)
    /// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::TicketsOf` (r:1 w:1)
    /// Proof: `Tickets::TicketsOf` (`max_values`: None, `max_size`: Some(562), added: 3037, mode: `MaxEncodedLen`)
    fn withdraw() -> Weight {
        Weight::from_parts(101_879_000, 5583)
            .saturating_add(RocksDbWeight::get().reads(7))
            .saturating_add(RocksDbWeight::get().writes(5))
    }
    /// Storage: `Tickets::Swept` (r:1 w:1)
    /// Proof: `Tickets::Swept` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Expiries` (r:23 w:8)
    /// Proof: `Tickets::Expiries` (`max_values`: None, `max_size`: Some(28), added: 2503, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:8 w:8)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Live` (r:1 w:1)
    /// Proof: `Tickets::Live` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holdings` (r:8 w:8)
    /// Proof: `Tickets::Holdings` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Holders` (r:1 w:1)
    /// Proof: `Tickets::Holders` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:5 w:8)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// The range of component `n` is `[0, 8]`.
    fn sweep(n: u32) -> Weight {
        Weight::from_parts(97_887_865, 41253)
            .saturating_add(Weight::from_parts(44_953_878, 0).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(20))
            .saturating_add(RocksDbWeight::get().reads((4_u64).saturating_mul(n.into())))
            .saturating_add(RocksDbWeight::get().writes(3))
            .saturating_add(RocksDbWeight::get().writes((4_u64).saturating_mul(n.into())))
            .saturating_add(Weight::from_parts(0, 2843).saturating_mul(n.into()))
    }
    /// Storage: `Tickets::Pools` (r:1 w:1)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:297 w:28)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:297 w:29)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Scores` (r:292 w:0)
    /// Proof: `Reputation::Scores` (`max_values`: None, `max_size`: Some(64), added: 2539, mode: `MaxEncodedLen`)
    /// Storage: `Reputation::Decay` (r:1 w:0)
    /// Proof: `Reputation::Decay` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// The range of component `w` is `[1, 16]`.
    fn draw(w: u32) -> Weight {
        Weight::from_parts(1_253_572_805, 106725)
            .saturating_add(Weight::from_parts(354_394_507, 0).saturating_mul(w.into()))
            .saturating_add(RocksDbWeight::get().reads(113))
            .saturating_add(RocksDbWeight::get().reads((55_u64).saturating_mul(w.into())))
            .saturating_add(RocksDbWeight::get().writes(2))
            .saturating_add(RocksDbWeight::get().writes((4_u64).saturating_mul(w.into())))
            .saturating_add(Weight::from_parts(0, 51954).saturating_mul(w.into()))
    }
    /// Storage: `Tickets::Chosen` (r:1 w:0)
    /// Proof: `Tickets::Chosen` (`max_values`: Some(1), `max_size`: Some(4098), added: 4593, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Suspended` (r:1 w:1)
    /// Proof: `Tickets::Suspended` (`max_values`: Some(1), `max_size`: Some(4098), added: 4593, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::TicketsOf` (r:128 w:0)
    /// Proof: `Tickets::TicketsOf` (`max_values`: None, `max_size`: Some(562), added: 3037, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Tickets` (r:128 w:0)
    /// Proof: `Tickets::Tickets` (`max_values`: None, `max_size`: Some(368), added: 2843, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Pools` (r:1 w:0)
    /// Proof: `Tickets::Pools` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Places` (r:128 w:0)
    /// Proof: `Tickets::Places` (`max_values`: None, `max_size`: Some(30), added: 2505, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:1 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    fn new_session() -> Weight {
        Weight::from_parts(2_639_918_000, 389726)
            .saturating_add(RocksDbWeight::get().reads(388))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    /// Storage: `Tickets::Live` (r:4 w:0)
    /// Proof: `Tickets::Live` (`max_values`: None, `max_size`: Some(13), added: 2488, mode: `MaxEncodedLen`)
    /// Storage: `Parameters::Parameters` (r:3 w:0)
    /// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
    /// Storage: `Tickets::Prices` (r:4 w:4)
    /// Proof: `Tickets::Prices` (`max_values`: None, `max_size`: Some(25), added: 2500, mode: `MaxEncodedLen`)
    fn reprice() -> Weight {
        Weight::from_parts(87_460_000, 10990)
            .saturating_add(RocksDbWeight::get().reads(11))
            .saturating_add(RocksDbWeight::get().writes(4))
    }
}
