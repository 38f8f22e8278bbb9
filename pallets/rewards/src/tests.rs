use crate as pallet_rewards;
use crate::*;
use frame::traits::fungible::InspectHold;
use frame::{runtime::prelude::*, testing_prelude::*};
use pallet_work::WorkRewards;
use polkadot_sdk::pallet_balances;
use proptest::prelude::*;
use quern_market::seams::{EvaluatorRewards, VoterRewards};

construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        Rewards: pallet_rewards,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountData = pallet_balances::AccountData<u128>;
    type Block = MockBlock<Test>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
    type Balance = u128;
    type ExistentialDeposit = ConstU128<5>;
}

const CAP: u128 = 10_000;
const AUTHOR: u64 = 1;
const OWNER: u64 = 2;
const STRANGER: u64 = 3;
const GENESIS: u128 = 1_000;

/// MACs that a block absorbs.
const CHAIN: u128 = 3_000;

parameter_types! {
    pub const PoolId: PalletId = PalletId(*b"qrn/pool");
    pub storage Author: Option<u64> = None;
    pub storage ChainWork: u128 = CHAIN;
}

impl crate::Config for Test {
    type Author = Author;
    type Cap = ConstU128<CAP>;
    type ChainWork = ChainWork;
    type Currency = Balances;
    type Halving = ConstU64<10>;
    type PoolId = PoolId;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Subsidy = ConstU128<1_000>;
    type WeightInfo = ();
}

/// Runs `test` on a chain where only the run's owner has money; the invariants must hold afterwards.
fn with_chain(test: impl FnOnce()) {
    let storage = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: vec![(OWNER, GENESIS)],
            ..Default::default()
        },
        ..Default::default()
    }
    .build_storage()
    .unwrap();
    TestState::new(storage).execute_with(|| {
        test();
        check();
    });
}

/// The pallet's invariants, and every held coin is filed under a run.
fn check() {
    Rewards::do_try_state().unwrap();
    assert!(Voted::<Test>::get().len() <= MAX_VOTES as usize);
    let filed: u128 = Vesting::<Test>::iter_values().sum();
    assert_eq!(
        Balances::balance_on_hold(&HoldReason::Vesting.into(), &OWNER),
        filed
    );
}

/// Executes an empty block by `author`.
fn block(number: u64, author: Option<u64>) {
    System::set_block_number(number);
    Author::set(&author);
    Rewards::on_initialize(number);
    Rewards::on_finalize(number);
}

#[test]
fn a_block_pays_its_author_and_the_pool_and_sets_the_worker_share_aside() {
    with_chain(|| {
        block(1, Some(AUTHOR));
        assert_eq!(Balances::free_balance(AUTHOR), 50);
        assert_eq!(Balances::free_balance(Rewards::pool()), 300);
        assert_eq!(Pending::<Test>::get(), 650);
        assert_eq!(Emitted::<Test>::get(), GENESIS + 350);
        block(11, Some(AUTHOR));
        assert_eq!(Balances::free_balance(AUTHOR), 75);
        assert_eq!(Earned::<Test>::get(AUTHOR), 75);
    });
}

#[test]
fn a_worker_share_vests_until_its_segment_is_accepted() {
    with_chain(|| {
        for (number, segment) in [(1, 4), (2, 4), (3, 6)] {
            block(number, Some(AUTHOR));
            Rewards::vest(7, &OWNER, segment);
        }
        assert_eq!(Rewards::vesting(7), 1_950);
        assert_eq!(Balances::free_balance(OWNER), GENESIS);
        assert_ok!(Rewards::release(7, &OWNER, 0..4));
        assert_eq!(Balances::free_balance(OWNER), GENESIS);
        assert_ok!(Rewards::release(7, &OWNER, 4..6));
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 1_300);
        assert_eq!(Rewards::vesting(7), 650);
        check();
        assert_ok!(Rewards::release(7, &OWNER, 6..7));
        assert_ok!(Rewards::release(7, &OWNER, 6..7));
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 1_950);
        assert_eq!(Earned::<Test>::get(OWNER), 1_950);
    });
}

#[test]
fn all_that_vests_on_a_rejected_run_is_burnt_and_nothing_else() {
    with_chain(|| {
        for (number, run, segment) in [(1, 7, 4), (2, 7, 9), (3, 8, 0)] {
            block(number, Some(AUTHOR));
            Rewards::vest(run, &OWNER, segment);
        }
        let issued = Balances::total_issuance();
        Rewards::burn(7, &OWNER);
        assert_eq!(Balances::total_issuance(), issued - 1_300);
        assert_eq!(Balances::free_balance(OWNER), GENESIS);
        assert_eq!((Rewards::vesting(7), Rewards::vesting(8)), (0, 650));
        assert_eq!(Earned::<Test>::get(OWNER), 0);
        System::assert_last_event(
            Event::<Test>::Burnt {
                run: 7,
                amount: 1_300,
            }
            .into(),
        );
        check();
        assert_ok!(Rewards::release(7, &OWNER, 0..10));
        assert_eq!(Balances::free_balance(OWNER), GENESIS);
        // Nothing is left to burn, and nothing happens.
        Rewards::burn(7, &OWNER);
        assert_eq!(Balances::total_issuance(), issued - 1_300);
    });
}

#[test]
fn what_is_forfeited_goes_to_another_account_or_is_burnt_where_that_cannot_be() {
    with_chain(|| {
        for (number, run) in [(1, 7), (2, 7), (3, 8)] {
            block(number, Some(AUTHOR));
            Rewards::vest(run, &OWNER, number);
        }
        let issued = Balances::total_issuance();
        Rewards::forfeit(7, &OWNER, &STRANGER);
        assert_eq!(Balances::free_balance(STRANGER), 1_300);
        assert_eq!(Balances::free_balance(OWNER), GENESIS);
        assert_eq!((Rewards::vesting(7), Rewards::vesting(8)), (0, 650));
        assert_eq!(Balances::total_issuance(), issued);
        check();
        let told = System::events().len();
        Rewards::forfeit(7, &OWNER, &STRANGER);
        assert_eq!(System::events().len(), told);

        // A share of 4 is too little for a new account.
        block(71, None);
        Rewards::vest(9, &OWNER, 0);
        let issued = Balances::total_issuance();
        assert_eq!(Rewards::vesting(9), 4);
        Rewards::forfeit(9, &OWNER, &99);
        assert_eq!(Balances::total_issuance(), issued - 4);
        assert_eq!(Rewards::vesting(9), 0);
    });
}

#[test]
fn a_vote_is_paid_by_its_macs() {
    with_chain(|| {
        block(1, None);
        block(2, Some(AUTHOR));
        // A tenth of what a block absorbs, for a tenth of a block's 300.
        Rewards::voted(&STRANGER, CHAIN / 10);
        block(3, Some(AUTHOR));
        assert_eq!(Balances::free_balance(STRANGER), 30);
        assert_eq!(Earned::<Test>::get(STRANGER), 30);
        assert_eq!(Balances::free_balance(Rewards::pool()), 920);
        // Paid once.
        block(4, Some(AUTHOR));
        assert_eq!(Balances::free_balance(STRANGER), 30);
    });
}

#[test]
fn a_vote_earns_no_more_than_a_blocks_part_however_many_macs_it_is_said_to_have_taken() {
    with_chain(|| {
        block(1, None);
        Rewards::voted(&STRANGER, u128::MAX);
        block(2, None);
        assert_eq!(Balances::free_balance(STRANGER), 300);
    });
}

#[test]
fn a_score_earns_as_a_vote_does_but_no_more_than_its_task_allows() {
    with_chain(|| {
        block(1, None);
        Rewards::scored(&STRANGER, CHAIN / 10, 300);
        Rewards::scored(&OWNER, u128::MAX, 12);
        Rewards::scored(&OWNER, CHAIN, 0);
        assert_eq!(Voted::<Test>::get().len(), 2);
        block(2, None);
        assert_eq!(Balances::free_balance(STRANGER), 30);
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 12);
    });
}

#[test]
fn a_vote_is_owed_what_its_work_was_worth_when_it_was_accepted() {
    with_chain(|| {
        block(10, None);
        Rewards::voted(&STRANGER, CHAIN / 2);
        ChainWork::set(&1);
        // The subsidy has halved, and the difficulty fallen.
        block(11, None);
        assert_eq!(Balances::free_balance(STRANGER), 150);
    });
}

#[test]
fn a_vote_worth_nothing_takes_no_place_in_the_queue() {
    with_chain(|| {
        Rewards::voted(&STRANGER, 0);
        Rewards::voted(&STRANGER, 9);
        ChainWork::set(&0);
        Rewards::voted(&STRANGER, 9);
        assert!(Voted::<Test>::get().is_empty());
    });
}

#[test]
fn votes_share_a_pool_that_is_too_small_for_all_and_leave_its_account_alive() {
    with_chain(|| {
        for (voter, macs) in [
            (STRANGER, CHAIN),
            (STRANGER, CHAIN),
            (AUTHOR, CHAIN),
            (9, CHAIN / 2),
        ] {
            Rewards::voted(&voter, macs);
        }
        block(1, None);
        // 350 in the pool, 5 of which it keeps to exist: 345 for 1050 that are owed.
        assert_eq!(Balances::free_balance(STRANGER), 2 * 98);
        assert_eq!(Balances::free_balance(AUTHOR), 98);
        assert_eq!(Balances::free_balance(9), 49);
        assert_eq!(Balances::free_balance(Rewards::pool()), 7);
    });
}

#[test]
fn what_is_too_little_for_a_new_account_stays_in_the_pool() {
    with_chain(|| {
        Author::set(&None);
        for _ in 0..6 {
            Rewards::voted(&STRANGER, CHAIN / 100);
        }
        Rewards::voted(&OWNER, CHAIN / 100);
        block(1, None);
        assert_eq!(Balances::total_balance(&STRANGER), 0);
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 3);
        assert_eq!(Earned::<Test>::get(STRANGER), 0);
        assert!(Voted::<Test>::get().is_empty());
    });
}

#[test]
fn a_block_pays_a_bounded_number_of_votes_the_oldest_first() {
    with_chain(|| {
        block(1, None);
        let count = u64::from(VOTES_PER_BLOCK);
        for voter in 100..101 + count {
            Rewards::voted(&voter, CHAIN);
        }
        block(2, None);
        assert!(Earned::<Test>::get(99 + count) > 0);
        assert_eq!(Earned::<Test>::get(100 + count), 0);
        assert_eq!(Voted::<Test>::get().into_inner(), vec![(100 + count, 300)]);
        block(3, None);
        assert!(Earned::<Test>::get(100 + count) > 0);
    });
}

#[test]
fn votes_past_the_bound_are_not_filed() {
    with_chain(|| {
        for _ in 0..MAX_VOTES + 1 {
            Rewards::voted(&STRANGER, CHAIN);
        }
        assert_eq!(Voted::<Test>::get().len(), MAX_VOTES as usize);
    });
}

#[test]
fn the_pool_still_pays_votes_when_the_cap_is_reached() {
    with_chain(|| {
        block(1, None);
        Emitted::<Test>::put(CAP);
        Rewards::voted(&STRANGER, CHAIN);
        block(2, Some(AUTHOR));
        assert_eq!(Balances::total_balance(&AUTHOR), 0);
        assert_eq!(Balances::free_balance(STRANGER), 300);
    });
}

#[test]
fn a_worker_share_is_minted_once_and_only_for_the_last_block() {
    with_chain(|| {
        block(1, None);
        block(2, None);
        Rewards::vest(7, &OWNER, 0);
        Rewards::vest(7, &OWNER, 1);
        assert_eq!(Rewards::vesting(7), 650);
        assert_ok!(Rewards::release(7, &OWNER, 0..2));
        assert_eq!(Balances::free_balance(OWNER), GENESIS + 650);
        assert_eq!(Earned::<Test>::get(OWNER), 650);
        assert_eq!(Rewards::vesting(7), 0);
    });
}

#[test]
fn a_block_without_author_feeds_the_pool() {
    with_chain(|| {
        block(1, None);
        assert_eq!(Balances::free_balance(Rewards::pool()), 350);
    });
}

#[test]
fn a_share_that_cannot_be_held_is_not_minted() {
    with_chain(|| {
        block(1, None);
        // The whole balance of a new account can't be held: it must keep its existential deposit.
        Rewards::vest(7, &STRANGER, 0);
        assert_eq!(Balances::total_balance(&STRANGER), 0);
        assert_eq!(Rewards::vesting(7), 0);
        assert_eq!(Emitted::<Test>::get(), GENESIS + 350);
    });
}

#[derive(Clone, Debug)]
enum Op {
    Block(Option<u64>),
    Vest(u64, u64),
    Release(u64, u64, u64),
    Reject(u64),
    Vote(u64, u128),
    Burn(u128),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => prop::option::of(4..6u64).prop_map(Op::Block),
        3 => (0..2u64, 0..8u64).prop_map(|(run, segment)| Op::Vest(run, segment)),
        2 => (0..2u64, 0..8u64, 0..8u64).prop_map(|(run, from, to)| Op::Release(run, from, to)),
        1 => (0..2u64).prop_map(Op::Reject),
        2 => (4..12u64, 0..2 * CHAIN).prop_map(|(voter, macs)| Op::Vote(voter, macs)),
        1 => (0..100u128).prop_map(Op::Burn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sequence_conserves_money_and_never_passes_the_cap(
        ops in prop::collection::vec(op(), 1..160),
    ) {
        with_chain(|| {
            let (mut number, mut burnt, mut rejected) = (0, 0, 0);
            for op in ops {
                match op {
                    Op::Block(author) => {
                        number += 1;
                        block(number, author);
                    }
                    Op::Vest(run, segment) => Rewards::vest(run, &OWNER, segment),
                    Op::Release(run, from, to) => {
                        assert_ok!(Rewards::release(run, &OWNER, from..to));
                    }
                    Op::Reject(run) => {
                        let before = Balances::total_issuance();
                        Rewards::burn(run, &OWNER);
                        rejected += before - Balances::total_issuance();
                    }
                    Op::Vote(voter, macs) => Rewards::voted(&voter, macs),
                    Op::Burn(amount) => {
                        let before = Balances::total_issuance();
                        let _ = <Balances as Mutate<u64>>::burn_from(
                            &OWNER,
                            amount,
                            frame::traits::tokens::Preservation::Preserve,
                            Precision::BestEffort,
                            frame::traits::tokens::Fortitude::Polite,
                        );
                        burnt += before - Balances::total_issuance();
                    }
                }
                assert_eq!(
                    Balances::total_issuance() + burnt + rejected,
                    Emitted::<Test>::get()
                );
                // All that was emitted was earned, vests, was rejected, or waits in the pool.
                let earned: u128 = Earned::<Test>::iter_values().sum();
                let vesting: u128 = Vesting::<Test>::iter_values().sum();
                let pool = Balances::total_balance(&Rewards::pool());
                assert_eq!(
                    GENESIS + earned + vesting + rejected + pool,
                    Emitted::<Test>::get()
                );
                check();
            }
        });
    }
}
