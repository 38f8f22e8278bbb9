use crate as pallet_reputation;
use crate::*;
use frame::{runtime::prelude::*, testing_prelude::*};
use proptest::prelude::*;

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Reputations: pallet_reputation,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = MockBlock<Test>;
}

const HALF_LIFE: u32 = 100;
const ALICE: u64 = 1;
const BOB: u64 = 2;

parameter_types! {
    pub storage HalfLife: u32 = HALF_LIFE;
}

impl crate::Config for Test {
    type HalfLife = HalfLife;
}

/// Runs `test` from block 1 on; the invariants must hold afterwards.
fn with_chain(test: impl FnOnce()) {
    TestState::default().execute_with(|| {
        begin(1);
        test();
        Reputations::do_try_state().unwrap();
    });
}

/// Begins a block.
fn begin(number: u64) {
    System::set_block_number(number);
    Reputations::on_initialize(number);
}

#[test]
fn another_half_life_moves_no_score_and_counts_from_then_on() {
    with_chain(|| {
        for _ in 0..8 {
            Reputations::note(&ALICE, Deed::Accepted);
        }
        let mut number = 1;
        for (half_life, blocks, before, after) in [
            (HALF_LIFE, 100, 8_000, 4_000),
            (1_000, 1_000, 4_000, 2_000),
            (5, 5, 2_000, 1_000),
            (0, 1, 1_000, 500),
            (u32::MAX, 1_000_000, 500, 499),
        ] {
            // Set in a block, it counts from the next one on.
            HalfLife::set(&half_life);
            begin(number);
            assert_eq!(Reputations::score(&ALICE), before);
            number += blocks;
            begin(number);
            assert_eq!(Reputations::score(&ALICE), after);
            Reputations::do_try_state().unwrap();
        }
    });
}

#[test]
fn two_accepted_claims_qualify_until_time_has_passed() {
    with_chain(|| {
        Reputations::note(&ALICE, Deed::Accepted);
        assert!(!Reputations::qualifies(&ALICE));
        Reputations::note(&ALICE, Deed::Accepted);
        assert!(Reputations::qualifies(&ALICE));
        assert_eq!(Reputations::factor(&ALICE), Permill::from_parts(458_157));
        System::set_block_number(101);
        assert_eq!(Reputations::score(&ALICE), 1_000);
        assert!(!Reputations::qualifies(&ALICE));
        assert_eq!(Reputations::score(&BOB), 0);
        assert_eq!(Reputations::factor(&BOB), Permill::zero());
    });
}

#[test]
fn a_deed_counts_on_top_of_what_remains() {
    with_chain(|| {
        Reputations::note(&ALICE, Deed::Accepted);
        System::set_block_number(1 + u64::from(HALF_LIFE));
        Reputations::note(&ALICE, Deed::Agreed);
        let score = Score {
            milli: 900,
            at: (101 << 32) / u64::from(HALF_LIFE),
        };
        assert_eq!(Scores::<Test>::get(ALICE), score);
        System::assert_last_event(
            Event::<Test>::Moved {
                who: ALICE,
                milli: 900,
            }
            .into(),
        );
    });
}

#[test]
fn a_score_that_falls_to_nothing_is_forgotten() {
    with_chain(|| {
        Reputations::note(&ALICE, Deed::Agreed);
        Reputations::note(&ALICE, Deed::Absent);
        assert!(!Scores::<Test>::contains_key(ALICE));
        Reputations::note(&BOB, Deed::Rejected);
        assert_eq!(Reputations::score(&BOB), 0);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sequence_of_deeds_keeps_the_invariants(
        deeds in prop::collection::vec((0..3u64, 0..6usize, 0..300u64, 0..300u32), 1..60),
    ) {
        const DEEDS: [Deed; 6] = [
            Deed::Accepted,
            Deed::Rejected,
            Deed::Agreed,
            Deed::Diverged,
            Deed::Absent,
            Deed::Equivocated,
        ];
        with_chain(|| {
            for (who, deed, blocks, half_life) in deeds {
                let held = Reputations::score(&who);
                HalfLife::set(&half_life);
                begin(System::block_number() + blocks);
                let before = Reputations::score(&who);
                assert!(before <= held);
                Reputations::note(&who, DEEDS[deed]);
                assert_eq!(Reputations::score(&who), arithmetic::after(before, DEEDS[deed]));
                Reputations::do_try_state().unwrap();
            }
        });
    }
}
