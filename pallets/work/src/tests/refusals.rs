//! Every call, refused: by origin, id, owner, amount, length, order and time. Nothing changes then.

use super::*;
use frame::{deps::sp_runtime::traits::Dispatchable, traits::fungible::InspectHold};
use quern_work::MAX_SEAL_BYTES;

/// A call that is refused, and how.
type Refused = (
    &'static str,
    RuntimeOrigin,
    crate::Call<Test>,
    DispatchError,
);

fn refuse(cases: impl IntoIterator<Item = Refused>) {
    for (what, origin, call, error) in cases {
        println!("{what}");
        assert_noop!(RuntimeCall::from(call).dispatch(origin), error);
    }
}

fn open_run(task: TaskId, ticket: TicketId) -> crate::Call<Test> {
    crate::Call::open_run { task, ticket }
}

fn close_run(run: RunId) -> crate::Call<Test> {
    crate::Call::close_run { run }
}

fn submit_proof(seal: &WorkSeal) -> crate::Call<Test> {
    submit_bytes(seal.encode())
}

fn submit_bytes(bytes: Vec<u8>) -> crate::Call<Test> {
    crate::Call::submit_proof {
        pre_hash: PRE_HASH,
        seal: bytes.try_into().unwrap(),
    }
}

fn commit_claim(run: RunId) -> crate::Call<Test> {
    crate::Call::commit_claim {
        run,
        commitment: [1; 32],
    }
}

fn reveal_claim(claim: Claim) -> crate::Call<Test> {
    crate::Call::reveal_claim { claim, salt: SALT }
}

fn forfeit(run: RunId) -> crate::Call<Test> {
    crate::Call::forfeit { run }
}

fn record_seal(run: RunId) -> crate::Call<Test> {
    crate::Call::record_seal {
        run,
        step: 0,
        weights_root: WEIGHTS,
        luck: LUCK,
    }
}

/// What a call answers that would be fine but for its origin.
const ORIGIN: DispatchError = DispatchError::BadOrigin;

#[test]
fn only_signed_accounts_call_and_only_the_block_itself_records() {
    with_chain(|| {
        let calls = || {
            [
                ("open_run", open_run(TASK, 0)),
                ("close_run", close_run(1)),
                ("submit_proof", submit_proof(&seal(3, (1, 2)))),
                ("commit_claim", commit_claim(0)),
                ("reveal_claim", reveal_claim(claim(0, 0, 8))),
                ("forfeit", forfeit(0)),
            ]
        };
        for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
            refuse(calls().map(|(what, call)| (what, origin.clone(), call, ORIGIN)));
        }
        refuse([
            ("signed", signed(&ALICE), record_seal(0), ORIGIN),
            ("root", RuntimeOrigin::root(), record_seal(0), ORIGIN),
        ]);
    });
}

#[test]
fn unknown_ids_are_refused_in_every_call() {
    with_chain(|| {
        let unknown = || Error::<Test>::UnknownRun.into();
        let of = |run| WorkSeal {
            run,
            ..seal(3, (1, 2))
        };
        for run in [2, u64::MAX] {
            refuse([
                ("close_run", signed(&ALICE), close_run(run), unknown()),
                ("proof", signed(&ALICE), submit_proof(&of(run)), unknown()),
                ("commit_claim", signed(&ALICE), commit_claim(run), unknown()),
                (
                    "reveal_claim",
                    signed(&ALICE),
                    reveal_claim(claim(run, 0, 8)),
                    unknown(),
                ),
                ("forfeit", signed(&ALICE), forfeit(run), unknown()),
            ]);
        }
        for task in [2, TaskId::MAX] {
            let error = Error::<Test>::UnknownTask.into();
            refuse([("task", signed(&ALICE), open_run(task, 0), error)]);
        }
        for ticket in [3, TicketId::MAX] {
            let error = Error::<Test>::NotTheTicketsOwner.into();
            refuse([("ticket", signed(&ALICE), open_run(TASK, ticket), error)]);
        }
    });
}

#[test]
fn what_belongs_to_others_is_refused_in_every_call() {
    with_chain(|| {
        let next = claim(0, 0, 8);
        assert_ok!(commit(&ALICE, &next));
        pass(1);
        let anothers = || Error::<Test>::NotTheAuthor.into();
        refuse([
            (
                "ticket",
                signed(&BOB),
                open_run(TASK, 0),
                Error::<Test>::NotTheTicketsOwner.into(),
            ),
            ("close_run", signed(&BOB), close_run(0), anothers()),
            (
                "submit_proof",
                signed(&BOB),
                submit_proof(&seal(3, (1, 2))),
                anothers(),
            ),
            ("commit_claim", signed(&BOB), commit_claim(0), anothers()),
            ("reveal_claim", signed(&BOB), reveal_claim(next), anothers()),
        ]);
    });
}

#[test]
fn without_a_live_miners_ticket_runs_and_claims_are_refused() {
    with_chain(|| {
        let next = claim(0, 0, 8);
        assert_ok!(commit(&ALICE, &next));
        pass(1);
        let error = || Error::<Test>::NotAMinersTicket.into();
        refuse([("a verifier's", signed(&ALICE), open_run(TASK, 2), error())]);
        set_live(false);
        refuse([
            ("open_run", signed(&ALICE), open_run(TASK, 0), error()),
            ("commit_claim", signed(&BOB), commit_claim(1), error()),
            (
                "reveal_claim",
                signed(&ALICE),
                reveal_claim(next.clone()),
                error(),
            ),
        ]);
        set_live(true);
        assert_ok!(reveal(&ALICE, &next));
    });
}

#[test]
fn a_deposit_beyond_the_balance_is_refused_and_one_within_is_held() {
    with_chain(|| {
        let poor = || TokenError::FundsUnavailable.into();
        // Bob has 15, of which 1 keeps his account alive.
        for deposit in [15, 16, u128::MAX] {
            RunDeposit::set(deposit);
            refuse([("above", signed(&BOB), open_run(TASK, 1), poor())]);
        }
        RunDeposit::set(14);
        assert_ok!(Work::open_run(signed(&BOB), TASK, 1));
        let held = || Balances::balance_on_hold(&HoldReason::Run.into(), &BOB);
        assert_eq!(held(), 14);
        RunDeposit::set(1);
        refuse([("no more", signed(&BOB), open_run(TASK, 1), poor())]);
        RunDeposit::set(0);
        assert_ok!(Work::open_run(signed(&BOB), TASK, 1));
        assert_eq!(held(), 14);
    });
}

#[test]
fn runs_beyond_the_bound_or_not_open_to_the_ticket_are_refused() {
    with_chain(|| {
        let refused = DispatchError::Other("not assigned");
        refuse([("paid", signed(&ALICE), open_run(PAID, 0), refused)]);
        for _ in 1..3 {
            assert_ok!(Work::open_run(signed(&ALICE), TASK, 0));
        }
        let error = Error::<Test>::TooManyRuns.into();
        refuse([("fourth", signed(&ALICE), open_run(TASK, 0), error)]);
        assert_ok!(Work::close_run(signed(&ALICE), 2));
        assert_ok!(Work::open_run(signed(&ALICE), TASK, 0));
    });
}

#[test]
fn bytes_of_any_length_that_are_no_seal_are_refused() {
    with_chain(|| {
        let good = seal(3, (1, 2));
        let malformed = || Error::<Test>::Malformed.into();
        let mut longer = good.encode();
        longer.push(0);
        let mut shorter = good.encode();
        shorter.pop();
        for bytes in [
            vec![],
            vec![0],
            vec![0xFF; MAX_SEAL_BYTES],
            vec![0; MAX_SEAL_BYTES],
            shorter,
            longer,
        ] {
            refuse([("bytes", signed(&ALICE), submit_bytes(bytes), malformed())]);
        }
        // One byte more is no call at all.
        let most = submit_bytes(vec![0; MAX_SEAL_BYTES]).encode();
        assert!(crate::Call::<Test>::decode(&mut &most[..]).is_ok());
        let over = (0u8, PRE_HASH, vec![0u8; MAX_SEAL_BYTES + 1]);
        let mut over = over.encode();
        over[0] = most[0];
        assert!(crate::Call::<Test>::decode(&mut &over[..]).is_err());
    });
}

#[test]
fn a_share_that_lies_or_comes_out_of_order_is_refused() {
    with_chain(|| {
        let lie = |change: fn(&mut WorkSeal)| {
            let mut lie = seal(3, (1, 2));
            change(&mut lie);
            submit_proof(&lie)
        };
        type Of = Error<Test>;
        let lies: [(&str, crate::Call<Test>, Of); 12] = [
            ("another's run", lie(|s| s.run = 1), Of::NotTheAuthor),
            ("step", lie(|s| s.step = 32), Of::StepOutsideWindow),
            ("step", lie(|s| s.step = u64::MAX), Of::StepOutsideWindow),
            ("row", lie(|s| s.tile.0 = 4), Of::TileOutOfRange),
            ("column", lie(|s| s.tile.1 = u32::MAX), Of::TileOutOfRange),
            ("no rows", lie(|s| s.a_rows.clear()), Of::BadLength),
            ("a row more", lie(|s| s.b_rows.push(0)), Of::BadLength),
            ("entry", lie(|s| s.a_rows[0] = 64), Of::OperandOutOfRange),
            ("entry", lie(|s| s.b_rows[0] = -65), Of::OperandOutOfRange),
            ("label", lie(|s| s.labels[0] ^= 1), Of::NotTheBatch),
            ("weights", lie(|s| s.b_rows[0] ^= 1), Of::NotTheWeights),
            ("root", lie(|s| s.weights_root = [0; 32]), Of::NotTheWeights),
        ];
        refuse(lies.map(|(what, call, error)| (what, signed(&ALICE), call, error.into())));

        assert_ok!(Work::submit_proof(
            signed(&ALICE),
            PRE_HASH,
            bytes(&seal(3, (1, 2)))
        ));
        let order = || Error::<Test>::ShareOutOfOrder.into();
        let again = |what, step, tile| {
            let call = submit_proof(&seal(step, tile));
            (what, signed(&ALICE), call, order())
        };
        refuse([
            again("the same", 3, (1, 2)),
            again("a tile before", 3, (1, 1)),
            again("a step before", 2, (3, 2)),
        ]);
    });
}

#[test]
fn claims_come_committed_to_in_time_and_once() {
    with_chain(|| {
        type Of = Error<Test>;
        let next = claim(0, 0, 8);
        let revealed = |what, claim: &Claim, error: Of| {
            let call = reveal_claim(claim.clone());
            refuse([(what, signed(&ALICE), call, error.into())]);
        };
        let committed = |what, error: Of| {
            refuse([(what, signed(&ALICE), commit_claim(0), error.into())]);
        };
        revealed("uncommitted", &next, Of::NotCommitted);
        assert_ok!(commit(&ALICE, &next));
        committed("twice", Of::ClaimPending);
        revealed("in the same block", &next, Of::RevealTooEarly);
        pass(20);
        committed("in the last block for the reveal", Of::ClaimPending);
        pass(1);
        revealed("a block late", &next, Of::RevealTooLate);
        pass(1_000_000);
        revealed("very late", &next, Of::RevealTooLate);
        assert_ok!(commit(&ALICE, &next));
        pass(20);
        let changed = |change: fn(&mut Claim)| {
            let mut claim = next.clone();
            change(&mut claim);
            claim
        };
        for (what, other) in [
            ("end", changed(|c| c.to = 16)),
            ("state", changed(|c| c.state_root = [0; 32])),
            ("trace", changed(|c| c.trace_root = [0; 32])),
            ("starts", changed(|c| c.starts_root = [0; 32])),
            ("metric", changed(|c| c.metric = 0)),
        ] {
            revealed(what, &other, Of::AnotherClaim);
        }
        let salted = Work::reveal_claim(signed(&ALICE), next.clone(), [0; 32]);
        assert_noop!(salted, Of::AnotherClaim);
        assert_ok!(reveal(&ALICE, &next));
        revealed("twice", &next, Of::NotCommitted);
        committed("under audit", Of::ClaimPending);
        let closed = (
            "close_run",
            signed(&ALICE),
            close_run(0),
            Of::ClaimPending.into(),
        );
        refuse([closed]);
    });
}

#[test]
fn claims_of_other_steps_than_the_next_whole_segments_of_the_window_are_refused() {
    with_chain(|| {
        type Of = Error<Test>;
        Limits::mutate(|limits| limits.max_ahead = u64::MAX);
        for (from, to, error) in [
            (0, 0, Of::NotWholeSegments),
            (0, 7, Of::NotWholeSegments),
            (0, 9, Of::NotWholeSegments),
            (0, 65 * 8, Of::NotWholeSegments),
            (0, u64::MAX, Of::NotWholeSegments),
            (0, u64::MAX - 7, Of::NotWholeSegments),
            (8, 16, Of::NotTheNextClaim),
            (8, 0, Of::NotTheNextClaim),
            (u64::MAX, 8, Of::NotTheNextClaim),
        ] {
            let wrong = claim(0, from, to);
            assert_ok!(commit(&ALICE, &wrong));
            pass(1);
            println!("{from}..{to}");
            assert_noop!(reveal(&ALICE, &wrong), error);
            pass(20);
        }
        claimed(&ALICE, &claim(0, 0, 64 * 8));
    });
}

#[test]
fn closing_twice_the_last_endless_run_or_one_that_vests_is_refused() {
    with_chain(|| {
        type Of = Error<Test>;
        let close = |what, who: &AccountId32, run, error: Of| {
            refuse([(what, signed(who), close_run(run), error.into())]);
        };
        set_vesting(1);
        close("vesting", &BOB, 1, Of::StillVesting);
        set_vesting(u128::MAX);
        close("vesting", &BOB, 1, Of::StillVesting);
        set_vesting(0);
        assert_ok!(Work::close_run(signed(&BOB), 1));
        close("twice", &BOB, 1, Of::UnknownRun);
        close("the last", &ALICE, 0, Of::LastRun);
    });
}

#[test]
fn forfeiting_too_early_twice_or_nothing_is_refused() {
    with_chain(|| {
        type Of = Error<Test>;
        let refused = |what, error: Of| {
            refuse([(what, signed(&BOB), forfeit(0), error.into())]);
        };
        refused("nothing", Of::NothingVests);
        record(3);
        set_vesting(5);
        refused("at once", Of::ClaimStillAwaited);
        pass(49);
        refused("a block early", Of::ClaimStillAwaited);
        assert_ok!(commit(&ALICE, &claim(0, 0, 8)));
        pass(20);
        refused("committed to", Of::ClaimPending);
        assert_ok!(reveal(&ALICE, &claim(0, 0, 8)));
        pass(1_000);
        refused("under audit", Of::ClaimPending);
        <Work as Claims<_>>::decided(&claim(0, 0, 8), Outcome::Lapsed, &[]);
        refused("lapsed now", Of::ClaimStillAwaited);
        pass(50);
        assert_ok!(Work::forfeit(signed(&BOB), 0));
        refused("twice", Of::NothingVests);
        set_vesting(0);
        refused("nothing left", Of::NothingVests);
    });
}

#[test]
fn a_second_record_of_a_block_is_refused() {
    with_chain(|| {
        // A run that is not there changes nothing but the block's luck.
        assert_ok!(RuntimeCall::from(record_seal(u64::MAX)).dispatch(RuntimeOrigin::none()));
        let error = || Error::<Test>::AlreadyRecorded.into();
        refuse([
            (
                "another run",
                RuntimeOrigin::none(),
                record_seal(0),
                error(),
            ),
            (
                "the same",
                RuntimeOrigin::none(),
                record_seal(u64::MAX),
                error(),
            ),
        ]);
    });
}
