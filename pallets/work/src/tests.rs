use crate::{mock::*, *};
use frame::{
    deps::{
        sp_core::H256,
        sp_runtime::{AccountId32, Permill},
    },
    testing_prelude::*,
};
use quern_api::{InherentError, PARENT_SEAL, ParentSeal, PendingClaim, SignedSeal};
use quern_market::seams::{Claims, Deed, Outcome};
use quern_training::{State, weights_tree};
use quern_work::{SealError, TILE, WorkSeal, batch};

const SALT: [u8; 32] = [3; 32];
const WEIGHTS: [u8; 32] = [4; 32];
const LUCK: [u8; 32] = [6; 32];
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

/// The seal as a block carries it, signed by this key.
fn signed_by(key: Sr25519Keyring, seal: &WorkSeal) -> Vec<u8> {
    let message = SignedSeal::message(&genesis().0, &PRE_HASH.0, &seal.encode());
    SignedSeal {
        signature: key.sign(&message).into(),
        seal: seal.clone(),
    }
    .encode()
}

/// Checks the seal, signed by Alice.
fn check(seal: &WorkSeal, author: &AccountId32, difficulty: u128) -> Result<(), SealError> {
    let bytes = signed_by(Sr25519Keyring::Alice, seal);
    Work::verify_seal(genesis(), PRE_HASH, author, &bytes, difficulty)
}

/// Records that `step` of Alice's run sealed the last block.
fn record(step: u64) {
    record_on(0, step);
}

fn record_on(run: RunId, step: u64) {
    Recorded::<Test>::kill();
    assert_ok!(Work::record_seal(
        RuntimeOrigin::none(),
        run,
        step,
        WEIGHTS,
        LUCK
    ));
}

fn claim(run: RunId, from: u64, to: u64) -> Claim {
    Claim {
        run,
        from,
        to,
        state_root: ROOT,
        trace_root: [2; 32],
        starts_root: [6; 32],
        metric: 3,
    }
}

fn commit(who: &AccountId32, claim: &Claim) -> DispatchResultWithPostInfo {
    let digest = claim.commitment(who.as_ref(), &SALT);
    Work::commit_claim(signed(who), claim.run, digest)
}

fn reveal(who: &AccountId32, claim: &Claim) -> DispatchResultWithPostInfo {
    Work::reveal_claim(signed(who), claim.clone(), SALT)
}

/// Commits to a claim and reveals it in the next block.
fn claimed(who: &AccountId32, claim: &Claim) {
    assert_ok!(commit(who, claim));
    pass(1);
    assert_ok!(reveal(who, claim));
}

fn pass(blocks: u64) {
    System::set_block_number(System::block_number() + blocks);
}

fn run(id: RunId) -> Run<AccountId32> {
    Runs::<Test>::get(id).unwrap()
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
        let verify = |bytes: &[u8]| Work::verify_seal(genesis(), PRE_HASH, &ALICE, bytes, 1);
        assert_eq!(verify(&good.encode()), Err(SealError::Malformed));
        let forged = signed_by(Sr25519Keyring::Bob, &good);
        assert_eq!(verify(&forged), Err(SealError::BadSignature));
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
        assert_ok!(Work::open_run(signed(&ALICE), TASK, 0));
        assert_eq!(Balances::free_balance(&ALICE), 990);
        let info = Work::run_info(2).unwrap();
        assert_eq!((info.owner, info.accepted, info.ticket), (ALICE, 0, 0));
        assert_ne!(info.seed, Work::run_info(0).unwrap().seed);
        assert_eq!(Work::runs_of(&ALICE).len(), 2);
        assert_noop!(
            Work::close_run(signed(&BOB), 2),
            Error::<Test>::NotTheAuthor
        );
        assert_ok!(Work::close_run(signed(&ALICE), 2));
        assert_eq!(told(), [Told::Opened(TASK, 0, 2), Told::Closed(TASK, 2)]);
        assert_eq!(Balances::free_balance(&ALICE), 1_000);
        assert_noop!(
            Work::close_run(signed(&ALICE), 2),
            Error::<Test>::UnknownRun
        );
    });
}

#[test]
fn opening_a_run_is_refused_without_task_ticket_money_or_room() {
    with_chain(|| {
        let open = |who, task, ticket| Work::open_run(signed(who), task, ticket);
        assert_noop!(open(&ALICE, 2, 0), Error::<Test>::UnknownTask);
        assert_noop!(Work::open_run(RuntimeOrigin::none(), TASK, 0), BadOrigin);
        assert_noop!(open(&ALICE, TASK, 1), Error::<Test>::NotTheTicketsOwner);
        assert_noop!(open(&ALICE, TASK, 3), Error::<Test>::NotTheTicketsOwner);
        assert_noop!(open(&ALICE, TASK, 2), Error::<Test>::NotAMinersTicket);
        assert_noop!(open(&ALICE, PAID, 0), DispatchError::Other("not assigned"));
        assert_ok!(open(&BOB, TASK, 1));
        assert_noop!(open(&BOB, TASK, 1), TokenError::FundsUnavailable);
        assert_ok!(open(&ALICE, TASK, 0));
        assert_ok!(open(&ALICE, TASK, 0));
        assert_noop!(open(&ALICE, TASK, 0), Error::<Test>::TooManyRuns);
    });
}

#[test]
fn the_last_endless_run_a_run_with_vesting_rewards_and_one_under_audit_stay_open() {
    with_chain(|| {
        assert_ok!(Work::open_run(signed(&BOB), PAID, 1));
        set_vesting(5);
        let close = |who, run| Work::close_run(signed(who), run);
        assert_noop!(close(&BOB, 1), Error::<Test>::StillVesting);
        set_vesting(0);
        claimed(&BOB, &claim(1, 0, 8));
        assert_noop!(close(&BOB, 1), Error::<Test>::ClaimPending);
        <Work as Claims<_>>::decided(&claim(1, 0, 8), Outcome::Lapsed, &[]);
        assert_ok!(commit(&BOB, &claim(1, 0, 8)));
        assert_ok!(close(&BOB, 1));
        assert_noop!(close(&ALICE, 0), Error::<Test>::LastRun);
        assert_ok!(close(&BOB, 2));
        assert_noop!(close(&ALICE, 0), Error::<Test>::LastRun);
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
fn an_accepted_claim_moves_the_window_and_releases_its_segments() {
    with_chain(|| {
        record(3);
        record(17);
        told();
        let first = claim(0, 0, 16);
        claimed(&ALICE, &first);
        assert_eq!(told(), [Told::Audit(16, 2, ALICE, 0)]);
        let info = Work::run_info(0).unwrap();
        let audited = PendingClaim::Revealed { audit: 5, to: 16 };
        assert_eq!((info.accepted, info.committed), (0, 16));
        assert_eq!((info.pending, info.state_root), (Some(audited), None));
        assert_eq!(check(&seal(0, (0, 0)), &ALICE, 1), Ok(()));
        assert_eq!(check(&seal(47, (0, 0)), &ALICE, 1), Ok(()));
        let beyond = check(&seal(48, (0, 0)), &ALICE, 1);
        assert_eq!(beyond, Err(SealError::StepOutsideWindow));

        <Work as Claims<_>>::decided(&first, Outcome::Accepted, &[BOB]);
        let macs = 16 * 64 * 3 * u128::from(spec().parameters());
        assert_eq!(
            told(),
            [
                Told::Release(0, 0..2),
                Told::Noted(ALICE, Deed::Accepted),
                Told::Accepted(TASK, 0, 16, macs),
            ]
        );
        let info = Work::run_info(0).unwrap();
        assert_eq!(
            (info.accepted, info.committed, info.pending),
            (16, 16, None)
        );
        assert_eq!(info.state_root, Some(ROOT));
        let before = check(&seal(15, (0, 0)), &ALICE, 1);
        assert_eq!(before, Err(SealError::StepOutsideWindow));
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 64), [(17, WEIGHTS)]);

        claimed(&ALICE, &claim(0, 16, 48));
        assert_eq!(told(), [Told::Audit(48, 4, ALICE, 0)]);
    });
}

#[test]
fn a_rejected_claim_burns_all_that_vests_and_slashes_the_ticket() {
    with_chain(|| {
        let (first, second) = (claim(0, 0, 8), claim(0, 8, 16));
        claimed(&ALICE, &first);
        <Work as Claims<_>>::decided(&first, Outcome::Accepted, &[]);
        record(9);
        record(20);
        claimed(&ALICE, &second);
        told();
        <Work as Claims<_>>::decided(&second, Outcome::Rejected, &[BOB]);
        assert_eq!(
            told(),
            [
                Told::Burn(0),
                Told::Slashed(0, Permill::from_percent(10)),
                Told::Noted(ALICE, Deed::Rejected),
            ]
        );
        let info = Work::run_info(0).unwrap();
        assert_eq!((info.accepted, info.committed, info.pending), (8, 8, None));
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 64), []);
        // Older than the rejection, or burnt by it.
        record(10);
        pass(1);
        record(11);
        pass(1);
        record(9);
        assert_eq!(told(), []);
        record(10);
        assert_eq!(told(), [Told::Vest(0, ALICE, 1)]);
    });
}

#[test]
fn a_lapsed_claim_counts_for_nothing_and_may_be_made_again() {
    with_chain(|| {
        record(3);
        let first = claim(0, 0, 8);
        claimed(&ALICE, &first);
        told();
        <Work as Claims<_>>::decided(&first, Outcome::Lapsed, &[]);
        assert_eq!(told(), []);
        assert_eq!(run(0).committed, 0);
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 8), [(3, WEIGHTS)]);
        claimed(&ALICE, &first);
    });
}

#[test]
fn one_claim_of_a_run_is_under_way_at_a_time() {
    with_chain(|| {
        let next = claim(0, 0, 8);
        let pending = Error::<Test>::ClaimPending;
        assert_noop!(commit(&BOB, &next), Error::<Test>::NotTheAuthor);
        assert_ok!(commit(&ALICE, &next));
        pass(20);
        assert_noop!(commit(&ALICE, &next), pending);
        pass(1);
        assert_noop!(reveal(&ALICE, &next), Error::<Test>::RevealTooLate);
        claimed(&ALICE, &next);
        pass(100);
        assert_noop!(commit(&ALICE, &next), Error::<Test>::ClaimPending);
        assert_noop!(reveal(&ALICE, &next), Error::<Test>::NotCommitted);
    });
}

#[test]
fn a_claim_that_is_not_the_committed_one_is_refused() {
    with_chain(|| {
        let good = claim(0, 0, 8);
        assert_noop!(reveal(&ALICE, &good), Error::<Test>::NotCommitted);
        assert_ok!(commit(&ALICE, &good));
        assert_noop!(reveal(&ALICE, &good), Error::<Test>::RevealTooEarly);
        pass(1);
        assert_noop!(reveal(&BOB, &good), Error::<Test>::NotTheAuthor);
        assert_noop!(
            reveal(&ALICE, &claim(0, 0, 16)),
            Error::<Test>::AnotherClaim
        );
        let salted = Work::reveal_claim(signed(&ALICE), good.clone(), [0; 32]);
        assert_noop!(salted, Error::<Test>::AnotherClaim);
        assert_ok!(reveal(&ALICE, &good));
    });
}

#[test]
fn a_claim_outside_the_window_or_segments_is_refused() {
    with_chain(|| {
        let refused = |who: &AccountId32, claim: Claim| {
            assert_ok!(commit(who, &claim));
            pass(1);
            let error = reveal(who, &claim).unwrap_err().error;
            pass(20);
            error
        };
        let outside = Error::<Test>::StepOutsideWindow.into();
        assert_eq!(refused(&ALICE, claim(0, 0, 40)), outside);
        let cut = Error::<Test>::NotWholeSegments.into();
        assert_eq!(refused(&ALICE, claim(0, 0, 12)), cut);
        assert_eq!(refused(&ALICE, claim(0, 0, 0)), cut);
        let next = Error::<Test>::NotTheNextClaim.into();
        assert_eq!(refused(&ALICE, claim(0, 8, 16)), next);
        assert_ok!(Work::open_run(signed(&BOB), PAID, 1));
        assert_eq!(refused(&BOB, claim(2, 0, 24)), outside);
        claimed(&BOB, &claim(2, 0, 16));
        assert_eq!(Work::run_info(2).unwrap().steps, Some(16));
    });
}

#[test]
fn a_claim_is_free_only_after_proven_work() {
    with_chain(|| {
        let pays = |from, to| {
            let next = claim(0, from, to);
            let committed = commit(&ALICE, &next).unwrap().pays_fee;
            pass(1);
            assert_eq!(reveal(&ALICE, &next).unwrap().pays_fee, committed);
            <Work as Claims<_>>::decided(&next, Outcome::Accepted, &[]);
            committed
        };
        assert_eq!(pays(0, 8), Pays::Yes);
        record(9);
        assert_eq!(pays(8, 16), Pays::No);
        assert_eq!(pays(16, 24), Pays::Yes);
        let share = bytes(&seal(25, (0, 0)));
        assert_ok!(Work::submit_proof(signed(&ALICE), PRE_HASH, share));
        assert_eq!(pays(24, 32), Pays::No);
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
fn a_seal_that_its_own_block_accepted_is_paid_at_once() {
    with_chain(|| {
        let first = claim(0, 0, 16);
        claimed(&ALICE, &first);
        record(8);
        <Work as Claims<_>>::decided(&first, Outcome::Accepted, &[]);
        told();
        record(9);
        assert_eq!(told(), [Told::Pay(0, ALICE)]);
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 16), []);
    });
}

#[test]
fn what_waits_too_long_for_a_claim_is_forfeited() {
    with_chain(|| {
        let forfeit = || Work::forfeit(signed(&BOB), 0);
        assert_noop!(Work::forfeit(signed(&BOB), 7), Error::<Test>::UnknownRun);
        assert_noop!(forfeit(), Error::<Test>::NothingVests);
        pass(100);
        record(3);
        set_vesting(5);
        pass(49);
        assert_noop!(forfeit(), Error::<Test>::ClaimStillAwaited);
        let first = claim(0, 0, 8);
        claimed(&ALICE, &first);
        assert_noop!(forfeit(), Error::<Test>::ClaimPending);
        <Work as Claims<_>>::decided(&first, Outcome::Lapsed, &[]);
        pass(49);
        assert_noop!(forfeit(), Error::<Test>::ClaimStillAwaited);
        pass(1);
        told();
        assert_ok!(forfeit());
        assert_eq!(told(), [Told::Burn(0)]);
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 8), []);
        assert_noop!(forfeit(), Error::<Test>::NothingVests);
        record(3);
        assert_eq!(told(), []);
    });
}

#[test]
fn a_run_of_a_paid_task_ends_with_its_steps() {
    with_chain(|| {
        assert_ok!(Work::open_run(signed(&BOB), PAID, 1));
        let run = run(2);
        assert!(run.admits(15, 32) && !run.admits(16, 32));
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

fn build(rank: u32, runs: Vec<(AccountId32, TaskId, TicketId)>) {
    let genesis = crate::GenesisConfig::<Test> {
        rules: Some(quern_api::WorkRules {
            noise_rank: rank,
            ..rules()
        }),
        runs,
    };
    TestState::default().execute_with(|| genesis.build());
}

#[test]
#[should_panic(expected = "work: task 0 cannot be mined\n  left: Err(Rank)")]
fn genesis_refuses_a_task_that_nobody_could_mine() {
    build(64, vec![(ALICE, TASK, 0)]);
}

#[test]
#[should_panic(expected = "work: a run in genesis is refused")]
fn genesis_refuses_a_run_with_anothers_ticket() {
    build(RANK, vec![(ALICE, TASK, 1)]);
}

#[test]
#[should_panic(expected = "work: without a run that has no end there may be nothing to mine")]
fn genesis_refuses_to_begin_with_nothing_but_runs_that_end() {
    build(RANK, vec![(BOB, PAID, 1)]);
}
