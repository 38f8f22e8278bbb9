use crate::{mock::*, *};
use frame::{deps::sp_runtime::AccountId32, testing_prelude::*};
use proptest::prelude::*;
use quern_market::{
    Executed,
    claim::{steps_tree, trace_tree},
    seams,
    vote::MAX_DRAWN_SEGMENTS,
};
use quern_work::Hash;

mod refusals;

const SALT: Hash = [9; 32];
const DUTY: Duty = Duty::Audit(0);

fn signed(who: &AccountId32) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.clone())
}

/// Has Alice's claim of a run audited.
fn open(run: RunId) -> Result<AuditId, DispatchError> {
    open_with(10, run)
}

/// The same, of a run of this ticket.
fn open_with(ticket: TicketId, run: RunId) -> Result<AuditId, DispatchError> {
    <Auditing as seams::Audits<_>>::open(&claim(run), SEGMENTS, &ALICE, ticket)
}

/// What a verifier who executes the drawn segments of an audit votes.
fn truth(audit: AuditId, who: &AccountId32) -> AuditVote {
    let drawn = drawn(audit);
    let question = Question {
        audit,
        redraws: Audits::<Test>::get(audit).unwrap().redraws,
        voter: who.as_ref(),
    };
    let (results, digests): (Vec<_>, Vec<_>) = results()
        .into_iter()
        .map(|result| (result, result.digest()))
        .unzip();
    let tree = trace_tree(&digests);
    let executed: Vec<Executed> = drawn
        .iter()
        .map(|index| {
            let (step, roots) = (question.step(*index, STEPS) as usize, roots(*index as u8));
            Executed {
                result: results[*index as usize],
                path: tree.path(*index as usize).try_into().unwrap(),
                false_seal: None,
                step_root: roots[step],
                step_path: steps_tree(&roots).path(step).try_into().unwrap(),
            }
        })
        .collect();
    AuditVote::Executed(executed.try_into().unwrap())
}

/// The same, but for a seal that it calls false.
fn lie(audit: AuditId, who: &AccountId32) -> AuditVote {
    let AuditVote::Executed(mut found) = truth(audit, who) else {
        unreachable!()
    };
    found[0].false_seal = Some(17);
    AuditVote::Executed(found)
}

fn commit(who: &AccountId32, audit: AuditId, vote: &AuditVote) -> DispatchResultWithPostInfo {
    let digest = vote::commitment(audit, who.as_ref(), vote, &SALT);
    Auditing::commit_vote(signed(who), audit, digest)
}

fn reveal(who: &AccountId32, audit: AuditId, vote: &AuditVote) -> DispatchResultWithPostInfo {
    Auditing::reveal_vote(signed(who), audit, Box::new(vote.clone()), SALT)
}

/// Segments drawn for an audit.
fn drawn(audit: AuditId) -> Vec<u32> {
    let ballot = Auditing::audit_info(audit).and_then(|audit| audit.ballot);
    ballot.unwrap().seats[0].segments.clone()
}

/// Opens audit 0, has verifiers drawn and forgets what was told.
fn drawn_audit() -> Vec<u32> {
    assert_eq!(open(5), Ok(0));
    pass(2);
    told();
    drawn(0)
}

/// Commits and reveals these votes on audit 0, and begins the block that counts them.
fn cast(votes: &[(&AccountId32, AuditVote)]) {
    for (who, vote) in votes {
        assert_ok!(commit(who, 0, vote));
    }
    for (who, vote) in votes {
        assert_ok!(reveal(who, 0, vote));
    }
    pass(1);
}

fn relieved() -> [Told; 3] {
    VERIFIERS.map(|(ticket, _)| Told::Relieved(ticket, DUTY))
}

fn noted(who: AccountId32, deed: Deed) -> Told {
    Told::Noted(who, deed)
}

/// What a ticket that does not reveal its vote loses.
fn missed(ticket: TicketId) -> Told {
    Told::Slashed(ticket, ABSENT)
}

/// MACs of executing two segments.
fn macs() -> u128 {
    3 * u128::from(spec().parameters()) * 64 * 16
}

#[test]
fn verifiers_and_segments_are_drawn_two_blocks_after_the_reveal() {
    with_chain(|| {
        set_sealed(&[3, 25, 26, 60]);
        assert_eq!(open(5), Ok(0));
        pass(1);
        let info = Auditing::audit_info(0).unwrap();
        assert_eq!((info.ballot, info.task, info.ticket), (None, 3, 10));
        assert_eq!(info.sealed, [(25, [7; 32]), (26, [7; 32])]);
        assert_eq!(told(), []);
        pass(1);
        assert_eq!(
            told(),
            VERIFIERS.map(|(ticket, _)| Told::Drawn(ticket, DUTY))
        );
        let ballot = Auditing::audit_info(0).unwrap().ballot.unwrap();
        assert_eq!((ballot.commit_until, ballot.reveal_until), (8, 12));
        assert!(!ballot.reveals);
        let voters: Vec<AccountId32> = ballot.seats.iter().map(|seat| seat.voter.clone()).collect();
        assert_eq!(voters, [BOB, CHARLIE, DAVE]);
        // Step 25 is in the second segment; the last one is always drawn.
        assert!(ballot.seats.iter().all(|seat| seat.segments == [1, 4]));
    });
}

#[test]
fn a_claim_that_all_agree_with_is_accepted_in_the_block_after_the_last_vote() {
    with_chain(|| {
        drawn_audit();
        let votes = VERIFIERS.map(|(_, voter)| (truth(0, &voter), voter));
        for (vote, voter) in &votes {
            assert_eq!(commit(voter, 0, vote).unwrap().pays_fee, Pays::No);
        }
        assert!(Auditing::audit_info(0).unwrap().ballot.unwrap().reveals);
        for (vote, voter) in &votes {
            assert_eq!(reveal(voter, 0, vote).unwrap().pays_fee, Pays::No);
        }
        assert_eq!(told(), []);
        pass(1);
        let each = VERIFIERS.iter().flat_map(|(ticket, voter)| {
            [
                Told::Relieved(*ticket, DUTY),
                noted(voter.clone(), Deed::Agreed),
                Told::Voted(voter.clone(), macs()),
            ]
        });
        let all = vec![BOB, CHARLIE, DAVE];
        let decided = Told::Decided(5, Outcome::Accepted, all);
        assert_eq!(told(), each.chain([decided]).collect::<Vec<_>>());
        assert_eq!(Auditing::audit_info(0), None);
        pass(20);
        assert_eq!(told(), []);
    });
}

#[test]
fn whoever_diverges_from_two_thirds_is_slashed() {
    with_chain(|| {
        drawn_audit();
        cast(&[
            (&BOB, truth(0, &BOB)),
            (&CHARLIE, lie(0, &CHARLIE)),
            (&DAVE, truth(0, &DAVE)),
        ]);
        let told = told();
        let accepted = Told::Decided(5, Outcome::Accepted, vec![BOB, DAVE]);
        assert_eq!(told.last(), Some(&accepted));
        assert!(told.contains(&noted(CHARLIE, Deed::Diverged)));
        assert!(told.contains(&Told::Slashed(30, Permill::from_percent(5))));
        assert!(!told.contains(&Told::Voted(CHARLIE, macs())));
    });
}

#[test]
fn a_verifier_that_was_not_served_what_others_were_keeps_its_stake() {
    with_chain(|| {
        drawn_audit();
        cast(&[
            (&BOB, truth(0, &BOB)),
            (&CHARLIE, AuditVote::NotServed),
            (&DAVE, truth(0, &DAVE)),
        ]);
        let told = told();
        let accepted = Told::Decided(5, Outcome::Accepted, vec![BOB, DAVE]);
        assert_eq!(told.last(), Some(&accepted));
        assert!(told.contains(&noted(CHARLIE, Deed::Absent)));
        assert!(!told.iter().any(|told| matches!(told, Told::Slashed(..))));
        assert!(!told.contains(&Told::Voted(CHARLIE, macs())));
    });
}

#[test]
fn a_claim_without_two_thirds_for_it_is_rejected() {
    with_chain(|| {
        drawn_audit();
        cast(&[
            (&BOB, truth(0, &BOB)),
            (&CHARLIE, lie(0, &CHARLIE)),
            (&DAVE, AuditVote::NotServed),
        ]);
        let told = told();
        let rejected = Told::Decided(5, Outcome::Rejected, vec![CHARLIE, DAVE]);
        assert_eq!(told.last(), Some(&rejected));
        assert!(told.contains(&Told::Slashed(20, Permill::from_percent(5))));
        assert!(told.contains(&noted(BOB, Deed::Diverged)));
        // A vote against a claim proves no work.
        assert!(told.contains(&noted(DAVE, Deed::Agreed)));
        assert!(!told.iter().any(|told| matches!(told, Told::Voted(..))));
    });
}

#[test]
fn one_vote_against_one_decides_nothing_and_costs_neither() {
    with_chain(|| {
        drawn_audit();
        let truth = truth(0, &BOB);
        assert_ok!(commit(&BOB, 0, &truth));
        assert_ok!(commit(&CHARLIE, 0, &AuditVote::NotServed));
        assert_noop!(reveal(&BOB, 0, &truth), Error::<Test>::TooEarly);
        pass(6);
        assert_ok!(reveal(&BOB, 0, &truth));
        assert_ok!(reveal(&CHARLIE, 0, &AuditVote::NotServed));
        pass(1);
        let [bob, charlie, dave] = relieved();
        let absent = [noted(DAVE, Deed::Absent), missed(40)];
        assert_eq!(told(), [&[bob, charlie, dave][..], &absent].concat());
    });
}

#[test]
fn without_a_quorum_verifiers_are_drawn_anew_twice_and_then_the_claim_lapses() {
    with_chain(|| {
        drawn_audit();
        for redraws in 1..=MAX_REDRAWS {
            // Nobody commits to a vote: over as soon as the time for it is.
            pass(6);
            let absent = VERIFIERS
                .iter()
                .flat_map(|(ticket, voter)| {
                    let relieved = Told::Relieved(*ticket, DUTY);
                    // The work may be more than anybody can do in time: no stake is lost.
                    [relieved, noted(voter.clone(), Deed::Absent)]
                })
                .collect::<Vec<_>>();
            assert_eq!(told(), absent);
            let info = Auditing::audit_info(0).unwrap();
            assert_eq!((info.redraws, info.ballot), (redraws, None));
            pass(2);
            assert_eq!(told().len(), 3);
        }
        assert_ok!(commit(&BOB, 0, &AuditVote::NotServed));
        pass(9);
        assert!(Auditing::audit_info(0).is_some());
        pass(1);
        let lapsed = Told::Decided(5, Outcome::Lapsed, vec![]);
        let told = told();
        assert_eq!(told.last(), Some(&lapsed));
        // One who could have voted shows that the others could, too.
        for (ticket, _) in VERIFIERS {
            assert!(told.contains(&missed(ticket)));
        }
        assert_eq!(Auditing::audit_info(0), None);
    });
}

#[test]
fn a_vote_books_no_more_than_its_own_check_and_the_hook_what_it_did() {
    with_chain(|| {
        type Weights = <Test as Config>::WeightInfo;
        let call = RuntimeCall::from(Call::<Test>::reveal_vote {
            audit: 0,
            vote: Box::new(AuditVote::NotServed),
            salt: SALT,
        });
        let booked = call.get_dispatch_info().call_weight;
        assert_eq!(booked, Weights::reveal_vote());
        assert!(booked.all_lt(Weights::conclude()) && booked.all_lt(Weights::reject()));
        for (agree, outcome) in [(true, Weights::conclude()), (false, Weights::reject())] {
            let audit = open(5).unwrap();
            pass(2);
            for (_, voter) in &VERIFIERS {
                let vote = if agree {
                    truth(audit, voter)
                } else {
                    AuditVote::NotServed
                };
                assert_ok!(commit(voter, audit, &vote));
            }
            for (_, voter) in &VERIFIERS {
                let vote = if agree {
                    truth(audit, voter)
                } else {
                    AuditVote::NotServed
                };
                assert_ok!(reveal(voter, audit, &vote));
            }
            let next = System::block_number() + 1;
            System::set_block_number(next);
            let before = System::block_weight().total();
            Auditing::post_inherents();
            let weight = System::block_weight().total() - before;
            assert_eq!(weight, Weights::agenda().saturating_add(outcome));
        }
    });
}

#[test]
fn where_nobody_else_is_a_verifier_a_claim_is_accepted_as_it_is() {
    with_chain(|| {
        set_idle(&[]);
        set_others(0);
        assert_ok!(open(5));
        pass(1);
        assert_eq!(told(), []);
        pass(1);
        assert_eq!(told(), [Told::Decided(5, Outcome::Accepted, vec![])]);
    });
}

#[test]
fn where_too_many_verifiers_are_busy_a_claim_waits_and_then_lapses() {
    for idle in 0..3 {
        with_chain(|| {
            set_idle(&VERIFIERS[..idle]);
            assert_ok!(open(5));
            pass(2 * MAX_WAITS + 1);
            let waited = told();
            assert!(waited.iter().all(|told| !matches!(told, Told::Decided(..))));
            // Whoever is drawn in vain is free again at once.
            let count = |which: fn(&Told) -> bool| waited.iter().filter(|told| which(told)).count();
            let drawn = count(|told| matches!(told, Told::Drawn(..)));
            assert_eq!(drawn, idle * MAX_WAITS as usize);
            assert_eq!(count(|told| matches!(told, Told::Relieved(..))), drawn);
            pass(1);
            let lapsed = Told::Decided(5, Outcome::Lapsed, vec![]);
            assert_eq!(told().last(), Some(&lapsed));
            assert_ok!(open(6));
            pass(2);
            set_idle(&VERIFIERS);
            pass(2);
            assert_eq!(Audits::<Test>::get(1).unwrap().waits, 1);
            assert_eq!(
                Auditing::audit_info(1).unwrap().ballot.unwrap().seats.len(),
                3
            );
        });
    }
}

#[test]
fn one_or_two_verifiers_make_a_quorum_where_there_are_no_more() {
    for others in 1..3 {
        with_chain(|| {
            set_others(others as u32);
            set_idle(&VERIFIERS[..others]);
            assert_ok!(open(5));
            pass(2);
            let votes: Vec<_> = VERIFIERS[..others]
                .iter()
                .map(|(_, voter)| (voter, truth(0, voter)))
                .collect();
            cast(&votes);
            let voters = votes.iter().map(|(voter, _)| (*voter).clone()).collect();
            let accepted = Told::Decided(5, Outcome::Accepted, voters);
            assert_eq!(told().last(), Some(&accepted));
        });
    }
}

#[test]
fn a_vote_copied_from_an_earlier_ballot_is_outvoted() {
    with_chain(|| {
        drawn_audit();
        let public = truth(0, &BOB);
        assert_ok!(commit(&BOB, 0, &public));
        pass(6);
        assert_ok!(reveal(&BOB, 0, &public));
        pass(3);
        assert_eq!(Audits::<Test>::get(0).unwrap().redraws, 1);
        told();
        // The same segments are drawn, the same results are true.
        drawn_again(&public);
        cast(&[
            (&BOB, truth(0, &BOB)),
            (&CHARLIE, truth(0, &CHARLIE)),
            (&DAVE, public),
        ]);
        assert!(told().contains(&noted(DAVE, Deed::Diverged)));
    });
}

/// Has the segments drawn that a vote is about.
fn drawn_again(vote: &AuditVote) {
    let AuditVote::Executed(found) = vote else {
        unreachable!()
    };
    let index = |one: &Executed| one.result.correct;
    Audits::<Test>::mutate(0, |audit| {
        let Stage::Voting { drawn, .. } = &mut audit.as_mut().unwrap().stage else {
            unreachable!()
        };
        *drawn = found
            .iter()
            .map(index)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
    });
}

#[test]
fn what_changes_between_blocks_holds_for_later_draws() {
    with_chain(|| {
        drawn_audit();
        CommitWithin::set(&0);
        RevealWithin::set(&0);
        DrawAfter::set(&0);
        Segments::set(&0);
        Verifiers::set(&0);
        let ballot = Auditing::audit_info(0).unwrap().ballot.unwrap();
        assert_eq!((ballot.commit_until, ballot.reveal_until), (8, 12));
        assert_ok!(open(6));
        pass(1);
        let ballot = Auditing::audit_info(1).unwrap().ballot.unwrap();
        assert_eq!((ballot.commit_until, ballot.reveal_until), (5, 6));
        assert_eq!(
            (ballot.seats.len(), &ballot.seats[0].segments[..]),
            (1, &[4][..])
        );
        Segments::set(&u32::MAX);
        Verifiers::set(&u32::MAX);
        set_others(u32::MAX);
        let many: Vec<_> = (10..30)
            .map(|id| (id, AccountId32::new([id as u8; 32])))
            .collect();
        set_idle(&many);
        assert_ok!(open(7));
        pass(1);
        let ballot = Auditing::audit_info(2).unwrap().ballot.unwrap();
        assert_eq!(ballot.seats.len(), MAX_SEATS as usize);
        assert_eq!(ballot.seats[0].segments.len(), MAX_DRAWN_SEGMENTS as usize);
    });
}

#[test]
fn a_copied_commitment_opens_to_nothing() {
    with_chain(|| {
        drawn_audit();
        let truth = truth(0, &BOB);
        let digest = vote::commitment(0, BOB.as_ref(), &truth, &SALT);
        assert_ok!(Auditing::commit_vote(signed(&BOB), 0, digest));
        assert_ok!(Auditing::commit_vote(signed(&CHARLIE), 0, digest));
        pass(6);
        assert_ok!(reveal(&BOB, 0, &truth));
        let copied = reveal(&CHARLIE, 0, &truth);
        assert_noop!(copied, Error::<Test>::AnotherVote);
    });
}

#[test]
fn only_so_many_audits_are_under_way_and_a_block_draws_few() {
    with_chain(|| {
        for run in 0..12 {
            assert_eq!(open_with(run / 4, run), Ok(run));
        }
        assert_noop!(open_with(9, 12), Error::<Test>::TooManyAudits);
        pass(1);
        told();
        let few = DUE_A_BLOCK as usize;
        for block in 1..=3 {
            pass(1);
            assert_eq!(told().len(), 3 * few, "block {block}");
            let drawn = Audits::<Test>::iter_values()
                .filter(|audit| matches!(audit.stage, Stage::Voting { .. }));
            assert_eq!(drawn.count(), block * few);
        }
        // All are absent, three times; what one block can't end the next ones do.
        pass(60);
        assert_eq!(Audits::<Test>::count(), 0);
        let lapsed = told()
            .into_iter()
            .filter(|told| matches!(told, Told::Decided(_, Outcome::Lapsed, _)));
        assert_eq!(lapsed.count(), 12);
        assert_eq!(open(12), Ok(12));
    });
}

#[derive(Clone, Debug)]
enum Op {
    Open,
    Pass(u32),
    Idle(usize),
    Commit(usize, AuditId, bool),
    Reveal(usize, AuditId, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let seat = || (0..3usize, 0..6u64, any::<bool>());
    prop_oneof![
        2 => Just(Op::Open),
        4 => (1..4u32).prop_map(Op::Pass),
        1 => (0..4usize).prop_map(Op::Idle),
        6 => seat().prop_map(|(who, audit, agree)| Op::Commit(who, audit, agree)),
        6 => seat().prop_map(|(who, audit, agree)| Op::Reveal(who, audit, agree)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever verifiers do, every audit ends once, everyone drawn is relieved, and nobody both gains
    /// and loses by one vote.
    #[test]
    fn every_audit_ends_and_everyone_drawn_is_relieved(ops in prop::collection::vec(op(), 1..120)) {
        with_chain(|| {
            let mut opened = 0;
            let vote = |audit, who: &AccountId32, agree| {
                let ballot = Auditing::audit_info(audit).and_then(|audit| audit.ballot);
                match ballot.filter(|_| agree) {
                    Some(_) => truth(audit, who),
                    None => AuditVote::NotServed,
                }
            };
            for op in ops {
                match op {
                    Op::Open => opened += u64::from(open_with(opened % 2, opened).is_ok()),
                    Op::Pass(blocks) => pass(blocks),
                    Op::Idle(count) => set_idle(&VERIFIERS[..count]),
                    Op::Commit(who, audit, agree) => {
                        let who = &VERIFIERS[who].1;
                        let _ = commit(who, audit, &vote(audit, who, agree));
                    }
                    Op::Reveal(who, audit, agree) => {
                        let who = &VERIFIERS[who].1;
                        let _ = reveal(who, audit, &vote(audit, who, agree));
                    }
                }
                Auditing::do_try_state().unwrap();
            }
            pass(4 * MAX_WAITS);
            let told = told();
            let count = |which: fn(&Told) -> bool| told.iter().filter(|told| which(told)).count();
            let decided = count(|told| matches!(told, Told::Decided(..)));
            assert_eq!((decided as u64, Audits::<Test>::count()), (opened, 0));
            let seats = count(|told| matches!(told, Told::Drawn(..)));
            assert_eq!(count(|told| matches!(told, Told::Relieved(..))), seats);
            let deeds = count(|told| matches!(told, Told::Noted(..)));
            assert!(deeds <= seats);
            let paid = count(|told| matches!(told, Told::Voted(..)));
            assert!(count(|told| matches!(told, Told::Noted(_, Deed::Agreed))) >= paid);
            let slashed = count(|told| matches!(told, Told::Slashed(_, part) if *part == DIVERGED));
            assert_eq!(count(|told| matches!(told, Told::Noted(_, Deed::Diverged))), slashed);
            let slashed = count(|told| matches!(told, Told::Slashed(_, part) if *part == ABSENT));
            assert!(count(|told| matches!(told, Told::Noted(_, Deed::Absent))) >= slashed);
        });
    }
}
