//! Benchmarks of the calls, and of what the hook does about an audit.

use crate::*;
use alloc::vec;
use frame::benchmarking::prelude::*;
use quern_market::{
    Executed, Preferences, SegmentResult,
    claim::{MAX_SEGMENTS, trace_tree},
    seams,
    vote::{MAX_DRAWN_SEGMENTS, commitment},
};
use quern_work::merkle::{leaf, path_len, root_from_path};

/// A new audit of the longest claim, for which as many verifiers are idle as it takes.
fn open<T: Config>() -> Result<AuditId, BenchmarkError> {
    for index in 0..MAX_SEATS {
        let verifier: T::AccountId = account("verifier", index, 0);
        T::Tickets::prepare(&verifier, Role::Verifier, Preferences::any(1));
    }
    let author: T::AccountId = account("author", 0, 0);
    let ticket = T::Tickets::prepare(&author, Role::Miner, Preferences::any(1));
    let claim = T::Claims::prepare(&author, ticket);
    let id = <Pallet<T> as seams::Audits<_>>::open(&claim, MAX_SEGMENTS, &author, ticket)?;
    Ok(id)
}

/// Takes the audit off the agenda, as the hook does before it acts.
fn take<T: Config>(id: AuditId) -> Result<Audit<T::AccountId>, BenchmarkError> {
    let audit = Audits::<T>::get(id).ok_or(BenchmarkError::Stop("no audit"))?;
    Agenda::<T>::mutate(audit.due, |ids| ids.retain(|other| *other != id));
    Ok(audit)
}

fn now<T: Config>() -> u32 {
    frame_system::Pallet::<T>::block_number().saturated_into()
}

/// The same with its verifiers drawn, and who they are.
fn drawn<T: Config>() -> Result<(AuditId, Vec<T::AccountId>), BenchmarkError> {
    let id = open::<T>()?;
    let audit = take::<T>(id)?;
    Pallet::<T>::draw(id, audit, now::<T>());
    let audit = Audits::<T>::get(id).ok_or(BenchmarkError::Stop("accepted unseen"))?;
    let Stage::Voting { ballot, .. } = audit.stage else {
        return Err(BenchmarkError::Stop("nobody was drawn"));
    };
    let voters = ballot.seats.into_iter().map(|seat| seat.voter).collect();
    Ok((id, voters))
}

/// Leaves half of the least price of a ticket's stake, by default: its next slash makes it retire.
fn drain<T: Config>(ticket: TicketId) {
    T::Tickets::slash(ticket, Permill::from_percent(95), None);
}

/// An audit with as many seats as there can be, two thirds of which have voted for the `outcome` and the
/// others against it; on no agenda. Whoever is slashed has too little stake left to go on.
fn voted<T: Config>(outcome: bool) -> Result<(AuditId, Audit<T::AccountId>), BenchmarkError> {
    let id = open::<T>()?;
    let mut audit = take::<T>(id)?;
    let voters = T::Tickets::draw(&Draw {
        role: Role::Verifier,
        wanted: MAX_SEATS,
        seed: [7; 32],
        duty: Duty::Audit(id),
        order: None,
        excluded: core::slice::from_ref(&audit.author),
    });
    let mut ballot = Ballot::new(voters, now::<T>(), 1, 1);
    let with = ballot.seats.len().saturating_mul(2).div_ceil(3);
    for (index, seat) in ballot.seats.iter_mut().enumerate() {
        seat.vote = Some(if (index < with) == outcome {
            Answer::Agrees
        } else {
            Answer::Differs
        });
        if index >= with {
            drain::<T>(seat.ticket);
        }
    }
    drain::<T>(audit.ticket);
    T::Voters::prepare();
    let drawn = segments::draw(&[7; 32], audit.segments, &[], MAX_DRAWN_SEGMENTS);
    audit.stage = Stage::Voting { ballot, drawn };
    Audits::<T>::insert(id, &audit);
    Ok((id, audit))
}

/// Makes the audit's claim one of the most and longest segments, as many of which are drawn as can be, and
/// says what its voter has to answer: every path is as long as it can be, and is followed to its end.
fn largest<T: Config>(id: AuditId, voter: &T::AccountId) -> Result<AuditVote, BenchmarkError> {
    let mut audit = Audits::<T>::get(id).ok_or(BenchmarkError::Stop("no audit"))?;
    let Stage::Voting { drawn, .. } = &mut audit.stage else {
        return Err(BenchmarkError::Stop("nobody was drawn"));
    };
    let (segments, steps) = (MAX_SEGMENTS, u32::MAX);
    *drawn = segments::draw(&[7; 32], segments, &[], MAX_DRAWN_SEGMENTS);
    let question = Question {
        audit: id,
        redraws: audit.redraws,
        voter: voter.as_ref(),
    };
    let mut digests = vec![[0; 32]; segments as usize];
    let mut found = Vec::new();
    for &index in drawn.iter() {
        let step = question.step(index, steps);
        let path = vec![[8; 32]; path_len(step, steps).unwrap_or(0)];
        let opened = leaf(step.into(), &[7; 32]);
        let result = SegmentResult {
            start_root: [1; 32],
            state_root: audit.claim.state_root,
            steps_root: root_from_path(step, steps, opened, &path).unwrap_or_default(),
            correct: audit.claim.metric,
        };
        digests[index as usize] = result.digest();
        found.push(Executed {
            result,
            path: BoundedVec::new(),
            false_seal: None,
            step_root: [7; 32],
            step_path: BoundedVec::truncate_from(path),
        });
    }
    let tree = trace_tree(&digests);
    for (executed, index) in found.iter_mut().zip(drawn.iter()) {
        executed.path = BoundedVec::truncate_from(tree.path(*index as usize));
    }
    audit.segments = segments;
    audit.claim.trace_root = tree.root();
    audit.claim.to = u64::from(segments)
        .saturating_mul(steps.into())
        .saturating_add(audit.claim.from);
    Audits::<T>::insert(id, audit);
    Ok(AuditVote::Executed(BoundedVec::truncate_from(found)))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn commit_vote() -> Result<(), BenchmarkError> {
        let (id, voters) = drawn::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(voters[0].clone()), id, [7; 32]);

        let Some(Stage::Voting { ballot, .. }) = Audits::<T>::get(id).map(|audit| audit.stage)
        else {
            return Err(BenchmarkError::Stop("the audit is over"));
        };
        assert_eq!(ballot.seats[0].commitment, Some([7; 32]));
        Ok(())
    }

    /// The last vote: the audit moves on the agenda.
    #[benchmark]
    fn reveal_vote() -> Result<(), BenchmarkError> {
        let (id, voters) = drawn::<T>()?;
        let vote = largest::<T>(id, &voters[0])?;
        let digest = commitment(id, voters[0].as_ref(), &vote, &[8; 32]);
        for voter in &voters {
            Pallet::<T>::commit_vote(RawOrigin::Signed(voter.clone()).into(), id, digest)
                .map_err(|error| error.error)?;
        }
        Audits::<T>::mutate(id, |audit| {
            if let Some(Stage::Voting { ballot, .. }) = audit.as_mut().map(|audit| &mut audit.stage)
            {
                let others = ballot.seats.iter_mut().skip(1);
                others.for_each(|seat| seat.vote = Some(Answer::Agrees));
            }
        });

        #[extrinsic_call]
        _(
            RawOrigin::Signed(voters[0].clone()),
            id,
            Box::new(vote),
            [8; 32],
        );

        let audit = Audits::<T>::get(id).ok_or(BenchmarkError::Stop("no audit"))?;
        let Stage::Voting { ballot, .. } = audit.stage else {
            return Err(BenchmarkError::Stop("nobody was drawn"));
        };
        assert_eq!(ballot.seats[0].vote, Some(Answer::Agrees));
        assert_eq!(audit.due, now::<T>().saturating_add(1));
        Ok(())
    }

    #[benchmark]
    fn agenda() {
        let now = now::<T>().saturating_add(LOOK);
        Cursor::<T>::put(now.saturating_sub(LOOK));

        #[block]
        {
            Pallet::<T>::work_off(now);
        }

        assert!(Cursor::<T>::get().is_some());
    }

    #[benchmark]
    fn draw() -> Result<(), BenchmarkError> {
        let id = open::<T>()?;
        let audit = take::<T>(id)?;

        #[block]
        {
            Pallet::<T>::draw(id, audit, now::<T>());
        }

        let stage = Audits::<T>::get(id).map(|audit| audit.stage);
        assert!(matches!(stage, Some(Stage::Voting { .. })));
        Ok(())
    }

    /// As many verifiers as an audit can have; two thirds have agreed, the others are slashed.
    #[benchmark]
    fn conclude() -> Result<(), BenchmarkError> {
        let (id, audit) = voted::<T>(true)?;

        #[block]
        {
            Pallet::<T>::conclude(id, audit);
        }

        assert!(!Audits::<T>::contains_key(id));
        Ok(())
    }

    /// The same, two thirds of them against the claim.
    #[benchmark]
    fn reject() -> Result<(), BenchmarkError> {
        let (id, audit) = voted::<T>(false)?;

        #[block]
        {
            Pallet::<T>::conclude(id, audit);
        }

        assert!(!Audits::<T>::contains_key(id));
        Ok(())
    }
}
