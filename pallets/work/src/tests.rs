use crate::{mock::*, *};
use frame::{
    deps::{sp_core::H256, sp_runtime::AccountId32},
    testing_prelude::*,
};
use quern_api::{InherentError, PARENT_SEAL, ParentSeal};
use quern_training::{State, weights_tree};
use quern_work::{SealError, TILE, WorkSeal, batch};

const PRE_HASH: H256 = H256([7; 32]);

fn signed(who: &AccountId32) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.clone())
}

fn genesis() -> H256 {
    System::block_hash(0)
}

/// A true seal of Alice's run 0: step `step` with the initial weights (which seals don't check).
fn seal(step: u64, tile: (u32, u32)) -> WorkSeal {
    let (data, spec) = (dataset(), spec());
    let run = Runs::<Test>::get(0).unwrap();
    let state = State::initial(&spec.sizes(), &run.seed).unwrap();
    let bt = state.first_operand_transposed();
    let weights = weights_tree(&bt, 512);
    let block = batch::block(&run.seed, step, tile.0, data.commitment().row_blocks);
    let (rows, labels) = data.row_block(block);
    let strip = tile.1 as usize * TILE * 512;
    WorkSeal {
        run: 0,
        step,
        tile,
        weights_root: weights.root(),
        a_rows: rows.to_vec(),
        labels: labels.try_into().unwrap(),
        a_path: data.tree().path(block as usize),
        b_rows: bt[strip..strip + TILE * 512].to_vec(),
        b_path: weights.path(tile.1 as usize),
    }
}

fn bytes(seal: &WorkSeal) -> pallet::SealBytes {
    seal.encode().try_into().unwrap()
}

fn check(seal: &WorkSeal, author: &AccountId32, difficulty: u128) -> Result<(), SealError> {
    Work::verify_seal(genesis(), PRE_HASH, author, &seal.encode(), difficulty)
}

#[test]
fn a_true_seal_is_accepted_and_each_lie_has_its_name() {
    with_chain(|| {
        let good = seal(3, (1, 2));
        assert_eq!(check(&good, &ALICE, 1), Ok(()));
        assert_eq!(check(&good, &BOB, 1), Err(SealError::NotTheAuthor));
        assert_eq!(check(&good, &ALICE, u128::MAX), Err(SealError::AboveTarget));
        let lie = |change: fn(&mut WorkSeal)| {
            let mut seal = good.clone();
            change(&mut seal);
            check(&seal, &ALICE, 1).unwrap_err()
        };
        assert_eq!(lie(|s| s.run = 9), SealError::UnknownRun);
        assert_eq!(lie(|s| s.run = 1), SealError::NotTheAuthor);
        assert_eq!(lie(|s| s.step = 32), SealError::StepOutsideWindow);
        assert_eq!(lie(|s| s.step = u64::MAX), SealError::StepOutsideWindow);
        assert_eq!(lie(|s| s.tile.0 = 4), SealError::TileOutOfRange);
        assert_eq!(lie(|s| s.tile.1 = u32::MAX), SealError::TileOutOfRange);
        assert_eq!(lie(|s| s.a_rows.truncate(16)), SealError::BadLength);
        assert_eq!(lie(|s| s.a_rows[0] = 64), SealError::OperandOutOfRange);
        assert_eq!(lie(|s| s.labels[0] ^= 1), SealError::NotTheBatch);
        assert_eq!(lie(|s| s.b_rows[0] ^= 1), SealError::NotTheWeights);
        let cut = &good.encode()[1..];
        assert_eq!(
            Work::verify_seal(genesis(), PRE_HASH, &ALICE, cut, 1),
            Err(SealError::Malformed)
        );
    });
}

#[test]
fn a_tile_beyond_the_allowance_is_refused() {
    with_chain(|| {
        CurrentRules::<Test>::mutate(|rules| rules.as_mut().unwrap().omega_b = (1 << 32) / 16);
        assert_eq!(check(&seal(0, (1, 0)), &ALICE, 1), Ok(()));
        assert_eq!(
            check(&seal(0, (1, 1)), &ALICE, 1),
            Err(SealError::BeyondAllowance)
        );
    });
}

#[test]
fn a_run_is_opened_with_a_deposit_and_closed_without_loss() {
    with_chain(|| {
        assert_ok!(Work::open_run(signed(&ALICE), TASK));
        assert_eq!(Balances::free_balance(&ALICE), 990);
        let info = Work::run_info(2).unwrap();
        assert_eq!((info.owner, info.committed), (ALICE, 0));
        assert_ne!(info.seed, Work::run_info(0).unwrap().seed);
        assert_eq!(Work::runs_of(&ALICE).len(), 2);
        assert_noop!(
            Work::close_run(signed(&BOB), 2),
            Error::<Test>::NotTheAuthor
        );
        assert_ok!(Work::close_run(signed(&ALICE), 2));
        assert_eq!(Balances::free_balance(&ALICE), 1_000);
        assert_noop!(
            Work::close_run(signed(&ALICE), 2),
            Error::<Test>::UnknownRun
        );
    });
}

#[test]
fn opening_a_run_is_refused_without_task_money_or_room() {
    with_chain(|| {
        assert_noop!(
            Work::open_run(signed(&ALICE), 1),
            Error::<Test>::UnknownTask
        );
        assert_noop!(Work::open_run(RuntimeOrigin::none(), TASK), BadOrigin);
        assert_ok!(Work::open_run(signed(&BOB), TASK));
        assert_noop!(
            Work::open_run(signed(&BOB), TASK),
            TokenError::FundsUnavailable
        );
        assert_ok!(Work::open_run(signed(&ALICE), TASK));
        assert_ok!(Work::open_run(signed(&ALICE), TASK));
        assert_noop!(
            Work::open_run(signed(&ALICE), TASK),
            Error::<Test>::TooManyRuns
        );
    });
}

#[test]
fn the_last_run_and_a_run_with_vesting_rewards_stay_open() {
    with_chain(|| {
        set_vesting(5);
        assert_noop!(
            Work::close_run(signed(&BOB), 1),
            Error::<Test>::StillVesting
        );
        assert_ok!(Work::close_run(signed(&BOB), 1));
        assert_noop!(Work::close_run(signed(&ALICE), 0), Error::<Test>::LastRun);
    });
}

#[test]
fn a_share_is_credited_once_and_the_first_of_a_block_is_free() {
    with_chain(|| {
        let submit =
            |step, tile| Work::submit_proof(signed(&ALICE), PRE_HASH, bytes(&seal(step, tile)));
        assert_eq!(submit(3, (1, 2)).unwrap().pays_fee, Pays::No);
        let run = Runs::<Test>::get(0).unwrap();
        assert_eq!((run.shares, run.macs, run.last_share), (1, 1, Some((3, 5))));
        assert_noop!(submit(3, (1, 2)), Error::<Test>::ShareOutOfOrder);
        assert_noop!(submit(3, (0, 2)), Error::<Test>::ShareOutOfOrder);
        assert_noop!(submit(2, (3, 2)), Error::<Test>::ShareOutOfOrder);
        assert_eq!(submit(3, (2, 0)).unwrap().pays_fee, Pays::Yes);
        System::set_block_number(2);
        assert_eq!(submit(4, (0, 0)).unwrap().pays_fee, Pays::No);
    });
}

#[test]
fn a_bad_share_changes_nothing() {
    with_chain(|| {
        let share = bytes(&seal(3, (1, 2)));
        assert_noop!(
            Work::submit_proof(signed(&BOB), PRE_HASH, share.clone()),
            Error::<Test>::NotTheAuthor
        );
        assert_noop!(
            Work::submit_proof(RuntimeOrigin::none(), PRE_HASH, share.clone()),
            BadOrigin
        );
        let late = bytes(&seal(32, (1, 2)));
        assert_noop!(
            Work::submit_proof(signed(&ALICE), PRE_HASH, late),
            Error::<Test>::StepOutsideWindow
        );
        CurrentRules::<Test>::mutate(|rules| {
            rules.as_mut().unwrap().share_difficulty = u128::MAX;
        });
        assert_noop!(
            Work::submit_proof(signed(&ALICE), PRE_HASH, share),
            Error::<Test>::AboveTarget
        );
        assert_noop!(
            Work::submit_proof(signed(&ALICE), PRE_HASH, vec![1, 2, 3].try_into().unwrap()),
            Error::<Test>::Malformed
        );
    });
}

#[test]
fn a_checkpoint_moves_the_window_and_releases_its_segments() {
    with_chain(|| {
        let root = H256([9; 32]);
        assert_ok!(Work::checkpoint(signed(&ALICE), 0, 16, root));
        assert_ok!(Work::checkpoint(signed(&ALICE), 0, 48, root));
        assert_eq!(told(), [Told::Release(0, 0..2), Told::Release(0, 2..6)]);
        let run = Runs::<Test>::get(0).unwrap();
        assert_eq!((run.committed, run.state_root), (48, Some(root.0)));
        assert_eq!(
            check(&seal(47, (0, 0)), &ALICE, 1),
            Err(SealError::StepOutsideWindow)
        );
        assert_eq!(check(&seal(48, (0, 0)), &ALICE, 1), Ok(()));
    });
}

#[test]
fn a_checkpoint_is_free_only_after_proven_work() {
    with_chain(|| {
        let pays = |to| {
            let claimed = Work::checkpoint(signed(&ALICE), 0, to, H256::zero());
            claimed.unwrap().pays_fee
        };
        assert_eq!(pays(8), Pays::Yes);
        assert_ok!(Work::record_seal(RuntimeOrigin::none(), 0, 9));
        assert_eq!(pays(16), Pays::No);
        assert_eq!(pays(24), Pays::Yes);
        let share = bytes(&seal(25, (0, 0)));
        assert_ok!(Work::submit_proof(signed(&ALICE), PRE_HASH, share));
        assert_eq!(pays(32), Pays::No);
    });
}

#[test]
fn a_checkpoint_outside_the_window_or_a_segment_is_refused() {
    with_chain(|| {
        let claim = |who, to| Work::checkpoint(signed(who), 0, to, H256::zero());
        assert_noop!(claim(&ALICE, 0), Error::<Test>::StepOutsideWindow);
        assert_noop!(claim(&ALICE, 12), Error::<Test>::NotASegmentEnd);
        assert_noop!(claim(&ALICE, 40), Error::<Test>::StepOutsideWindow);
        assert_noop!(claim(&BOB, 8), Error::<Test>::NotTheAuthor);
        assert_ok!(claim(&ALICE, 32));
        assert_noop!(claim(&ALICE, 32), Error::<Test>::StepOutsideWindow);
        assert_noop!(claim(&ALICE, 24), Error::<Test>::StepOutsideWindow);
    });
}

#[test]
fn a_recorded_seal_vests_on_its_segment_and_only_once_a_step() {
    with_chain(|| {
        let record = |step| {
            Recorded::<Test>::kill();
            Work::record_seal(RuntimeOrigin::none(), 0, step)
        };
        assert_ok!(record(9));
        assert_ok!(record(9));
        assert_ok!(record(17));
        assert_eq!(told(), [Told::Vest(0, ALICE, 1), Told::Vest(0, ALICE, 2)]);
        let run = Runs::<Test>::get(0).unwrap();
        assert_eq!((run.seals, run.last_sealed, run.macs), (3, Some(17), 3_000));
    });
}

#[test]
fn a_seal_that_its_own_block_committed_is_paid_at_once() {
    with_chain(|| {
        assert_ok!(Work::checkpoint(signed(&ALICE), 0, 16, H256::zero()));
        assert_ok!(Work::record_seal(RuntimeOrigin::none(), 0, 9));
        assert_eq!(told(), [Told::Release(0, 0..2), Told::Pay(0, ALICE)]);
    });
}

#[test]
fn a_seal_of_a_run_that_its_own_block_closed_is_recorded_without_reward() {
    with_chain(|| {
        assert_ok!(Work::close_run(signed(&BOB), 1));
        assert_ok!(Work::record_seal(RuntimeOrigin::none(), 1, 0));
        assert_eq!(told(), []);
    });
}

#[test]
fn a_block_records_one_seal() {
    with_chain(|| {
        assert_ok!(Work::record_seal(RuntimeOrigin::none(), 0, 0));
        assert_noop!(
            Work::record_seal(RuntimeOrigin::none(), 0, 0),
            Error::<Test>::AlreadyRecorded
        );
        assert_noop!(Work::record_seal(signed(&ALICE), 0, 0), BadOrigin);
        Work::on_finalize(1);
        assert_ok!(Work::record_seal(RuntimeOrigin::none(), 0, 1));
    });
}

#[test]
fn the_inherent_must_match_the_parents_seal() {
    let mut data = InherentData::new();
    assert_eq!(Work::create_inherent(&data), None);
    assert_eq!(Work::is_inherent_required(&data), Ok(None));
    let call = Call::<Test>::record_seal { run: 4, step: 5 };
    assert_eq!(
        Work::check_inherent(&call, &data),
        Err(InherentError::AnotherSeal)
    );
    data.put_data(PARENT_SEAL, &ParentSeal { run: 4, step: 5 })
        .unwrap();
    assert_eq!(Work::create_inherent(&data), Some(call.clone()));
    assert!(Work::is_inherent(&call));
    assert_eq!(
        Work::is_inherent_required(&data),
        Ok(Some(InherentError::Missing))
    );
    assert_eq!(Work::check_inherent(&call, &data), Ok(()));
    let lie = Call::<Test>::record_seal { run: 4, step: 6 };
    assert_eq!(
        Work::check_inherent(&lie, &data),
        Err(InherentError::AnotherSeal)
    );
}

#[test]
#[should_panic(expected = "work: task 0 cannot be mined\n  left: Err(Batch)")]
fn genesis_refuses_a_task_that_nobody_could_mine() {
    let mut spec = spec();
    spec.batch = 24;
    let _ = crate::GenesisConfig::<Test> {
        rules: Some(rules()),
        tasks: vec![spec],
        runs: vec![],
    }
    .build_storage();
}
