//! Seals and shares: what is refused, and what is earned.

use super::*;

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
        let verify = |bytes: &[u8]| Work::verify_seal(genesis(), PRE_HASH, &ALICE, bytes, 1);
        assert_eq!(verify(&good.encode()), Err(SealError::Malformed));
        let forged = signed_by(Sr25519Keyring::Bob, &good);
        assert_eq!(verify(&forged), Err(SealError::BadSignature));
    });
}

#[test]
fn a_tile_beyond_the_allowance_is_refused() {
    with_chain(|| {
        Limits::mutate(|limits| limits.omega_b = (1 << 32) / 16);
        assert_eq!(check(&seal(0, (1, 0)), &ALICE, 1), Ok(()));
        assert_eq!(
            check(&seal(0, (1, 1)), &ALICE, 1),
            Err(SealError::BeyondAllowance)
        );
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
fn a_large_share_pays_for_its_bytes() {
    for (features, pays) in [(512, Pays::No), (4_096, Pays::Yes)] {
        with_chain(|| {
            set_features(features);
            let share = bytes(&seal(3, (1, 2)));
            assert_eq!(share.len() > types::FREE_SHARE_BYTES, pays == Pays::Yes);
            let submitted = Work::submit_proof(signed(&ALICE), PRE_HASH, share);
            assert_eq!(submitted.unwrap().pays_fee, pays);
        });
    }
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
        Limits::mutate(|limits| limits.share_difficulty = u128::MAX);
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
fn a_recorded_seal_vests_on_its_segment_and_only_once_a_step() {
    with_chain(|| {
        record(9);
        Recorded::<Test>::kill();
        assert_ok!(Work::record_seal(
            RuntimeOrigin::none(),
            0,
            9,
            [5; 32],
            LUCK
        ));
        record(17);
        assert_eq!(told(), [Told::Vest(0, ALICE, 1), Told::Vest(0, ALICE, 2)]);
        let sealed = <Work as Claims<_>>::sealed(0, 0, 32);
        assert_eq!(sealed, [(9, WEIGHTS), (17, WEIGHTS)]);
        let run = run(0);
        assert_eq!((run.seals, run.last_sealed, run.macs), (3, Some(17), 3_000));
    });
}

#[test]
fn a_seal_that_its_own_block_accepted_earns_nothing_since_no_audit_compared_it() {
    with_chain(|| {
        let first = claim(0, 0, 16);
        claimed(&ALICE, &first);
        record(8);
        <Work as Claims<_>>::decided(&first, Outcome::Accepted, &[]);
        told();
        record(9);
        assert_eq!(told(), []);
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 16), []);
    });
}

#[test]
fn a_seal_of_a_run_that_its_own_block_closed_is_recorded_without_reward() {
    with_chain(|| {
        assert_ok!(Work::close_run(signed(&BOB), 1));
        told();
        record_on(1, 0);
        assert_eq!(told(), []);
    });
}

#[test]
fn a_block_records_one_seal() {
    with_chain(|| {
        let record = |origin, step| Work::record_seal(origin, 0, step, WEIGHTS, LUCK);
        assert_ok!(record(RuntimeOrigin::none(), 0));
        assert_noop!(
            record(RuntimeOrigin::none(), 0),
            Error::<Test>::AlreadyRecorded
        );
        assert_noop!(record(signed(&ALICE), 0), BadOrigin);
        Work::on_finalize(1);
        assert_ok!(record(RuntimeOrigin::none(), 1));
    });
}

#[test]
fn the_inherent_must_match_the_parents_seal() {
    let mut data = InherentData::new();
    assert_eq!(Work::create_inherent(&data), None);
    assert_eq!(Work::is_inherent_required(&data), Ok(None));
    let parent = ParentSeal {
        run: 4,
        step: 5,
        weights_root: WEIGHTS,
        luck: LUCK,
    };
    let call = |run, step, weights_root, luck| Call::<Test>::record_seal {
        run,
        step,
        weights_root,
        luck,
    };
    let truth = call(4, 5, WEIGHTS, LUCK);
    let another = Err(InherentError::AnotherSeal);
    assert_eq!(Work::check_inherent(&truth, &data), another);
    data.put_data(PARENT_SEAL, &parent).unwrap();
    assert_eq!(Work::create_inherent(&data), Some(truth.clone()));
    assert!(Work::is_inherent(&truth));
    assert_eq!(
        Work::is_inherent_required(&data),
        Ok(Some(InherentError::Missing))
    );
    assert_eq!(Work::check_inherent(&truth, &data), Ok(()));
    for lie in [
        call(3, 5, WEIGHTS, LUCK),
        call(4, 6, WEIGHTS, LUCK),
        call(4, 5, [0; 32], LUCK),
        call(4, 5, WEIGHTS, [0; 32]),
    ] {
        assert_eq!(Work::check_inherent(&lie, &data), another);
    }
}
