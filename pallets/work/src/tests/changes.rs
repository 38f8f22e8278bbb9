//! What happens to runs when governance changes the rules between two blocks.

use super::*;
use frame::traits::fungible::InspectHold;
use proptest::prelude::*;
use quern_work::Shape;
use std::collections::BTreeSet;

/// An audit ends this way.
fn decide(claim: &Claim, outcome: Outcome) {
    <Work as Claims<_>>::decided(claim, outcome, &[]);
}

#[test]
fn a_window_that_shrinks_below_earlier_work_takes_nothing_back() {
    with_chain(|| {
        record(20);
        assert_ok!(Work::submit_proof(
            signed(&ALICE),
            PRE_HASH,
            bytes(&seal(25, (0, 0)))
        ));
        Limits::mutate(|limits| limits.max_ahead = 16);
        assert_eq!(
            check(&seal(20, (0, 0)), &ALICE, 1),
            Err(SealError::StepOutsideWindow)
        );
        let late = bytes(&seal(26, (0, 0)));
        assert_noop!(
            Work::submit_proof(signed(&ALICE), PRE_HASH, late),
            Error::<Test>::StepOutsideWindow
        );
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 32), [(20, WEIGHTS)]);

        let first = claim(0, 0, 8);
        claimed(&ALICE, &first);
        decide(&first, Outcome::Accepted);
        // The window has moved over the step: it may be mined and claimed, but earns no second share.
        assert_eq!(check(&seal(20, (0, 0)), &ALICE, 1), Ok(()));
        told();
        record(20);
        assert_eq!(told(), []);
        let second = claim(0, 8, 24);
        claimed(&ALICE, &second);
        told();
        decide(&second, Outcome::Accepted);
        assert_eq!(told()[0], Told::Release(0, 1..3));
        assert_eq!(run(0).accepted, 24);
    });
}

#[test]
fn a_window_is_never_shorter_than_one_segment_of_its_run() {
    with_chain(|| {
        Limits::set(WorkLimits::default());
        assert_eq!(check(&seal(7, (0, 0)), &ALICE, 1), Ok(()));
        assert_eq!(
            check(&seal(8, (0, 0)), &ALICE, 1),
            Err(SealError::StepOutsideWindow)
        );
        let next = claim(0, 0, 8);
        claimed(&ALICE, &next);
        decide(&next, Outcome::Accepted);
        assert_eq!(run(0).accepted, 8);
    });
}

#[test]
fn a_claim_committed_to_in_a_longer_window_waits_for_it_or_expires() {
    with_chain(|| {
        let long = claim(0, 0, 32);
        assert_ok!(commit(&ALICE, &long));
        pass(1);
        Limits::mutate(|limits| limits.max_ahead = 16);
        assert_noop!(reveal(&ALICE, &long), Error::<Test>::StepOutsideWindow);
        Limits::mutate(|limits| limits.max_ahead = 32);
        assert_ok!(reveal(&ALICE, &long));

        let longer = claim(1, 0, 32);
        assert_ok!(commit(&BOB, &longer));
        Limits::mutate(|limits| limits.max_ahead = 16);
        pass(21);
        claimed(&BOB, &claim(1, 0, 16));
    });
}

#[test]
fn a_claim_under_audit_is_decided_as_it_was_made() {
    for outcome in [Outcome::Accepted, Outcome::Rejected, Outcome::Lapsed] {
        with_chain(|| {
            record(3);
            let long = claim(0, 0, 32);
            claimed(&ALICE, &long);
            Limits::set(WorkLimits::default());
            assert_eq!(check(&seal(39, (0, 0)), &ALICE, 1), Ok(()));
            decide(&long, outcome);
            let accepted = if outcome == Outcome::Accepted { 32 } else { 0 };
            assert_eq!(
                (run(0).accepted, run(0).committed, run(0).pending),
                (accepted, accepted, None)
            );
        });
    }
}

#[test]
fn a_share_credits_the_target_that_it_met_and_only_once_whatever_the_target() {
    with_chain(|| {
        let submit = |step| {
            let share = bytes(&seal(step, (1, 2)));
            Work::submit_proof(signed(&ALICE), PRE_HASH, share)
        };
        assert_ok!(submit(3));
        Limits::mutate(|limits| limits.share_difficulty = 5);
        assert_noop!(submit(3), Error::<Test>::ShareOutOfOrder);
        assert_ok!(submit(4));
        assert_eq!(run(0).macs, 6);
        Limits::mutate(|limits| limits.share_difficulty = u128::MAX);
        assert_noop!(submit(5), Error::<Test>::AboveTarget);
        Limits::mutate(|limits| limits.share_difficulty = 0);
        assert_ok!(submit(5));
        assert_eq!(run(0).macs, 6);
    });
}

#[test]
fn a_tighter_allowance_refuses_later_tiles_but_never_the_first() {
    with_chain(|| {
        let verdict = |tile| check(&seal(0, tile), &ALICE, 1);
        assert_eq!(verdict((1, 2)), Ok(()));
        Limits::mutate(|limits| limits.omega_b = 0);
        assert_eq!(verdict((0, 0)), Ok(()));
        assert_eq!(verdict((0, 1)), Err(SealError::BeyondAllowance));
        // One tile in 8192 parameters.
        Limits::mutate(|limits| limits.omega_m = 1 << 19);
        assert_eq!(spec().parameters() >> 13, 3);
        assert_eq!(verdict((0, 2)), Ok(()));
        assert_eq!(verdict((1, 0)), Err(SealError::BeyondAllowance));
        Limits::mutate(|limits| limits.omega_m = u64::MAX);
        assert_eq!(verdict((3, 2)), Ok(()));
    });
}

#[test]
fn a_run_keeps_the_deposit_it_was_opened_with() {
    with_chain(|| {
        let held = || Balances::balance_on_hold(&HoldReason::Run.into(), &ALICE);
        assert_ok!(Work::open_run(signed(&ALICE), TASK, 0));
        RunDeposit::set(50);
        assert_ok!(Work::open_run(signed(&ALICE), TASK, 0));
        assert_eq!(held(), 60);
        RunDeposit::set(0);
        assert_ok!(Work::close_run(signed(&ALICE), 2));
        assert_eq!(held(), 50);
        assert_ok!(Work::open_run(signed(&ALICE), TASK, 0));
        RunDeposit::set(u128::MAX);
        assert_ok!(Work::close_run(signed(&ALICE), 3));
        assert_ok!(Work::close_run(signed(&ALICE), 4));
        assert_eq!((held(), Balances::free_balance(&ALICE)), (0, 1_000));
    });
}

#[test]
fn the_time_for_a_reveal_is_the_one_in_force_at_the_reveal() {
    with_chain(|| {
        let next = claim(0, 0, 8);
        assert_ok!(commit(&ALICE, &next));
        pass(10);
        RevealWithin::set(9);
        assert_noop!(reveal(&ALICE, &next), Error::<Test>::RevealTooLate);
        RevealWithin::set(10);
        assert_noop!(commit(&ALICE, &next), Error::<Test>::ClaimPending);
        assert_ok!(reveal(&ALICE, &next));
    });
}

#[test]
fn the_time_for_a_claim_is_the_one_in_force_at_the_forfeit() {
    with_chain(|| {
        record(3);
        set_vesting(5);
        pass(50);
        ForfeitAfter::set(51);
        assert_noop!(
            Work::forfeit(signed(&BOB), 0),
            Error::<Test>::ClaimStillAwaited
        );
        ForfeitAfter::set(u32::MAX);
        assert_noop!(
            Work::forfeit(signed(&BOB), 0),
            Error::<Test>::ClaimStillAwaited
        );
        ForfeitAfter::set(0);
        assert_ok!(Work::forfeit(signed(&BOB), 0));
    });
}

/// What happens to a run in one block of the property test.
#[derive(Clone, Debug)]
enum Turn {
    Nothing,
    Reveal(u64),
    Decide(Outcome),
}

fn event() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Nothing),
        2 => (1..9u64).prop_map(Turn::Reveal),
        1 => Just(Turn::Decide(Outcome::Accepted)),
        1 => Just(Turn::Decide(Outcome::Rejected)),
        1 => Just(Turn::Decide(Outcome::Lapsed)),
    ]
}

proptest! {
    /// Blocks in each of which the window's length changes, a step that its parent's state admitted seals,
    /// and a claim is made or decided.
    #[test]
    fn no_step_earns_twice_however_the_window_changes(
        blocks in prop::collection::vec(
            (prop_oneof![0..80u64, Just(u64::MAX)], 0..96u64, event()),
            1..120,
        ),
    ) {
        let shape = Shape { m: 64, n: 48, k: 512, r: 32 };
        let mut run = Run::new(0, 1u8, 2, [0; 32], (8, None), 0);
        let mut earned = BTreeSet::new();
        let mut sealing = None;
        for (now, (max_ahead, offset, event)) in (10..).zip(blocks) {
            if let Some(step) = sealing.take() {
                let again = earned.contains(&step);
                if run.seal(step, 1, &shape, now) == Earns::Vesting {
                    prop_assert!(!again && step >= run.committed);
                    earned.insert(step);
                }
            }
            // The next block's seal is checked at the state before this block's event.
            let step = run.accepted.saturating_add(offset);
            sealing = run.admits(step, max_ahead).then_some(step);
            let under_audit = run.committed > run.accepted;
            match event {
                Turn::Reveal(segments) if !under_audit => {
                    let to = run.accepted + 8 * segments;
                    if to <= run.committed.saturating_add(run.ahead(max_ahead)) {
                        run.reveal(1, to);
                    }
                }
                Turn::Decide(Outcome::Accepted) if under_audit => {
                    run.accept(run.committed, [1; 32], true, now);
                }
                Turn::Decide(Outcome::Rejected) if under_audit => run.reject(now),
                Turn::Decide(Outcome::Lapsed) if under_audit => run.lapse(now),
                _ => (),
            }
            prop_assert!(run.accepted <= run.committed);
            prop_assert!(run.paid.len() <= types::MAX_PAID_STEPS as usize);
        }
    }
}
