use crate as pallet_difficulty;
use crate::*;
use frame::{runtime::prelude::*, testing_prelude::*};
use polkadot_sdk::pallet_timestamp;

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Timestamp: pallet_timestamp,
        Difficulty: pallet_difficulty,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = MockBlock<Test>;
}

#[derive_impl(pallet_timestamp::config_preludes::TestDefaultConfig)]
impl pallet_timestamp::Config for Test {}

impl crate::Config for Test {
    type Time = Timestamp;
    type WeightInfo = ();
}

fn genesis(interval_ms: u64) -> RuntimeGenesisConfig {
    RuntimeGenesisConfig {
        difficulty: pallet_difficulty::GenesisConfig {
            interval_ms,
            floor: 100,
            initial: 1_000_000,
            ..Default::default()
        },
        ..Default::default()
    }
}

/// Ends a block whose author says it was made at `now`.
fn block(number: u64, now: u64) {
    System::set_block_number(number);
    Difficulty::on_initialize(number);
    pallet_timestamp::Now::<Test>::put(now);
    Difficulty::on_finalize(number);
    Difficulty::do_try_state().unwrap();
}

#[test]
fn late_blocks_ease_the_next_one_and_the_parents_difficulty_is_remembered() {
    TestState::new(genesis(3_000).build_storage().unwrap()).execute_with(|| {
        assert_eq!(
            (Difficulty::current(), Difficulty::parent()),
            (1_000_000, 0)
        );
        block(1, 50_000);
        assert_eq!(
            (Difficulty::current(), Difficulty::parent()),
            (1_000_000, 1_000_000)
        );
        block(2, 80_000);
        assert_eq!(
            (Difficulty::current(), Difficulty::parent()),
            (980_000, 1_000_000)
        );
        block(3, 80_001);
        assert_eq!(Difficulty::parent(), 980_000);
    });
}

#[test]
fn a_clock_that_goes_back_counts_as_the_shortest_interval() {
    TestState::new(genesis(3_000).build_storage().unwrap()).execute_with(|| {
        block(1, 50_000);
        block(2, 10);
        assert_eq!(Difficulty::current(), 1_020_000);
    });
}

#[test]
#[should_panic(expected = "the interval or the floor is out of bounds")]
fn genesis_refuses_an_interval_of_zero() {
    let _ = genesis(0).build_storage();
}
