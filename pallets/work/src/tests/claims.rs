//! Claims, from the commitment to what becomes of them.

use super::*;

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
                Told::Rejected(TASK, 0),
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
        assert_eq!(told(), [Told::Lapsed(TASK, 0)]);
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
        assert_eq!(told(), [Told::Forfeit(0, TREASURY)]);
        assert_eq!(<Work as Claims<_>>::sealed(0, 0, 8), []);
        assert_noop!(forfeit(), Error::<Test>::NothingVests);
        record(3);
        assert_eq!(told(), []);
    });
}

#[test]
fn an_accepted_claim_of_a_commons_run_is_paid_for_and_a_paid_tasks_is_not() {
    with_chain(|| {
        set_commons_pay(9);
        assert_ok!(Work::open_run(signed(&BOB), PAID, 1));
        let of_steps = |steps: u128| steps * 64 * 3 * u128::from(spec().parameters());
        for (who, run, commons) in [(ALICE, 0, true), (BOB, 2, false)] {
            let next = claim(run, 0, 16);
            claimed(&who, &next);
            told();
            <Work as Claims<_>>::decided(&next, Outcome::Accepted, &[]);
            let paid = Told::CommonsPaid(who, of_steps(16));
            assert_eq!(told().contains(&paid), commons);
            let event = Event::<Test>::CommonsPaid { run, amount: 9 };
            let events = System::events();
            let told = events
                .iter()
                .any(|record| record.event == event.clone().into());
            assert_eq!(told, commons);
        }
    });
}

#[test]
fn neither_a_rejected_nor_a_lapsed_claim_of_a_commons_run_is_paid_for() {
    with_chain(|| {
        set_commons_pay(9);
        for outcome in [Outcome::Rejected, Outcome::Lapsed] {
            let next = claim(0, 0, 8);
            claimed(&ALICE, &next);
            told();
            <Work as Claims<_>>::decided(&next, outcome, &[]);
            assert!(
                !told()
                    .iter()
                    .any(|told| matches!(told, Told::CommonsPaid(..)))
            );
        }
    });
}

#[test]
fn a_run_is_under_audit_from_its_reveal_to_the_outcome() {
    use quern_market::seams::Runs as _;
    with_chain(|| {
        let next = claim(0, 0, 8);
        assert!(!Work::under_audit(0) && !Work::under_audit(7));
        assert_ok!(commit(&ALICE, &next));
        assert!(!Work::under_audit(0));
        pass(1);
        assert_ok!(reveal(&ALICE, &next));
        assert!(Work::under_audit(0) && !Work::under_audit(1));
        <Work as Claims<_>>::decided(&next, Outcome::Lapsed, &[]);
        assert!(!Work::under_audit(0));
    });
}
