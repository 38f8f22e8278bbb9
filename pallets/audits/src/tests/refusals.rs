//! What every call refuses: a named error, and nothing has changed.

use super::*;
use codec::{Decode, Encode};

/// Both calls about an audit, with a vote that nobody was asked for.
fn calls(audit: AuditId) -> [(&'static str, RuntimeCall); 2] {
    let (digest, salt) = (SALT, SALT);
    let vote = Box::new(AuditVote::NotServed);
    [
        (
            "commit_vote",
            Call::<Test>::commit_vote { audit, digest }.into(),
        ),
        (
            "reveal_vote",
            Call::<Test>::reveal_vote { audit, vote, salt }.into(),
        ),
    ]
}

/// Both calls of `who` are refused with this error.
fn refused(who: &AccountId32, audit: AuditId, error: Error<Test>) {
    let error = DispatchError::from(error);
    for (name, call) in calls(audit) {
        println!("{name}");
        assert_noop!(call.dispatch(signed(who)), error);
    }
}

#[test]
fn every_call_must_be_signed() {
    with_chain(|| {
        drawn_audit();
        for (name, call) in calls(0) {
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                println!("{name}");
                assert_noop!(call.clone().dispatch(origin), BadOrigin);
            }
        }
    });
}

#[test]
fn an_audit_must_be_under_way_and_drawn() {
    with_chain(|| {
        refused(&BOB, 0, Error::UnknownAudit);
        refused(&BOB, u64::MAX, Error::UnknownAudit);
        assert_ok!(open(5));
        refused(&BOB, 0, Error::NotYetDrawn);
        refused(&BOB, 1, Error::UnknownAudit);
        pass(2);
        cast(
            &VERIFIERS
                .each_ref()
                .map(|(_, voter)| (voter, truth(0, voter))),
        );
        refused(&BOB, 0, Error::UnknownAudit);
    });
}

#[test]
fn only_the_drawn_vote() {
    with_chain(|| {
        set_idle(&VERIFIERS[..2]);
        set_others(2);
        drawn_audit();
        // The author, a verifier who was not drawn, and anybody else.
        for stranger in [ALICE, DAVE, AccountId32::new([77; 32])] {
            refused(&stranger, 0, Error::NotDrawn);
        }
        // Neither do those of the ballot before.
        pass(6);
        set_idle(&VERIFIERS[1..]);
        pass(2);
        refused(&BOB, 0, Error::NotDrawn);
        assert_ok!(commit(&DAVE, 0, &AuditVote::NotServed));
    });
}

#[test]
fn a_seat_of_one_audit_is_none_of_another() {
    with_chain(|| {
        set_others(1);
        set_idle(&VERIFIERS[..1]);
        drawn_audit();
        set_idle(&VERIFIERS[1..2]);
        assert_ok!(open(6));
        pass(2);
        refused(&BOB, 1, Error::NotDrawn);
        refused(&CHARLIE, 0, Error::NotDrawn);
    });
}

#[test]
fn digests_are_taken_once_and_in_time() {
    with_chain(|| {
        drawn_audit();
        let vote = AuditVote::NotServed;
        assert_ok!(commit(&BOB, 0, &vote));
        assert_noop!(commit(&BOB, 0, &vote), Error::<Test>::AlreadyVoted);
        assert_noop!(
            commit(&BOB, 0, &truth(0, &BOB)),
            Error::<Test>::AlreadyVoted
        );
        // Drawn in block 3: the last block for digests is 8.
        pass(5);
        assert_ok!(commit(&CHARLIE, 0, &vote));
        pass(1);
        assert_noop!(commit(&DAVE, 0, &vote), Error::<Test>::TooLate);
        assert_ok!(reveal(&BOB, 0, &vote));
        assert_noop!(commit(&BOB, 0, &vote), Error::<Test>::AlreadyVoted);
    });
}

#[test]
fn votes_are_taken_once_in_time_and_as_committed() {
    with_chain(|| {
        drawn_audit();
        let vote = AuditVote::NotServed;
        assert_noop!(reveal(&BOB, 0, &vote), Error::<Test>::NotCommitted);
        assert_ok!(commit(&BOB, 0, &vote));
        assert_ok!(commit(&CHARLIE, 0, &vote));
        for _ in 0..5 {
            assert_noop!(reveal(&BOB, 0, &vote), Error::<Test>::TooEarly);
            pass(1);
        }
        assert_noop!(reveal(&BOB, 0, &vote), Error::<Test>::TooEarly);
        pass(1);
        assert_noop!(reveal(&DAVE, 0, &vote), Error::<Test>::NotCommitted);
        let other = truth(0, &BOB);
        assert_noop!(reveal(&BOB, 0, &other), Error::<Test>::AnotherVote);
        for salt in [[0; 32], [255; 32]] {
            let salted = Auditing::reveal_vote(signed(&BOB), 0, Box::new(vote.clone()), salt);
            assert_noop!(salted, Error::<Test>::AnotherVote);
        }
        assert_ok!(reveal(&BOB, 0, &vote));
        assert_noop!(reveal(&BOB, 0, &vote), Error::<Test>::AlreadyVoted);
        // The last block for votes is 12; the ballot is counted in the next one.
        pass(3);
        assert_eq!(System::block_number(), 12);
        assert_ok!(reveal(&CHARLIE, 0, &vote));
    });
}

#[test]
fn a_vote_after_the_last_block_for_votes_is_refused() {
    with_chain(|| {
        drawn_audit();
        let vote = AuditVote::NotServed;
        assert_ok!(commit(&BOB, 0, &vote));
        // No hook has counted the ballot yet, as when too much is due.
        System::set_block_number(13);
        assert_noop!(reveal(&BOB, 0, &vote), Error::<Test>::TooLate);
        assert_noop!(commit(&CHARLIE, 0, &vote), Error::<Test>::TooLate);
        pass(1);
    });
}

#[test]
fn a_vote_with_more_or_fewer_segments_than_drawn_is_taken_and_does_not_agree() {
    with_chain(|| {
        drawn_audit();
        let AuditVote::Executed(found) = truth(0, &BOB) else {
            unreachable!()
        };
        let many = vec![found[0].clone(); MAX_DRAWN_SEGMENTS as usize];
        let votes = [vec![], many].map(|found| AuditVote::Executed(found.try_into().unwrap()));
        let [none, many] = votes;
        cast(&[(&BOB, none), (&CHARLIE, many), (&DAVE, truth(0, &DAVE))]);
        let rejected = Told::Decided(5, Outcome::Rejected, vec![BOB, CHARLIE]);
        assert_eq!(told().last(), Some(&rejected));
    });
}

#[test]
fn a_vote_over_its_bounds_is_no_call_at_all() {
    with_chain(|| {
        drawn_audit();
        let AuditVote::Executed(found) = truth(0, &BOB) else {
            unreachable!()
        };
        let call = |segments: usize, path: usize, step_path: usize| {
            let one = &found[0];
            let one = [
                one.result.encode(),
                vec![[0u8; 32]; path].encode(),
                one.false_seal.encode(),
                one.step_root.encode(),
                vec![[0u8; 32]; step_path].encode(),
            ]
            .concat();
            let mut bytes = RuntimeCall::from(Call::<Test>::reveal_vote {
                audit: 0,
                vote: Box::new(AuditVote::NotServed),
                salt: SALT,
            })
            .encode();
            // The vote is one byte, before the salt.
            bytes.truncate(bytes.len() - 33);
            bytes.push(0);
            bytes.extend(codec::Compact(segments as u32).encode());
            bytes.extend(one.repeat(segments));
            bytes.extend(SALT);
            RuntimeCall::decode(&mut &bytes[..])
        };
        assert!(call(4, 6, 32).is_ok());
        assert!(call(5, 6, 32).is_err());
        assert!(call(4, 7, 32).is_err());
        assert!(call(4, 6, 33).is_err());
    });
}

#[test]
fn a_ticket_has_so_many_claims_under_audit() {
    with_chain(|| {
        for run in 0..u64::from(MAX_PER_TICKET) {
            assert_ok!(open(run));
        }
        assert_noop!(open(9), Error::<Test>::TooManyOfTicket);
        assert_ok!(open_with(11, 9));
        // Once one has ended there is room.
        pass(2);
        cast(
            &VERIFIERS
                .each_ref()
                .map(|(_, voter)| (voter, truth(0, voter))),
        );
        assert_ok!(open(10));
        assert_noop!(open(11), Error::<Test>::TooManyOfTicket);
    });
}
