//! Benchmarks of the calls, and of what the hook does about an audit.

use crate::*;
use alloc::vec;
use frame::benchmarking::prelude::*;
use quern_market::{
    Executed, Preferences, SegmentResult,
    claim::MAX_SEGMENTS,
    seams,
    vote::{MAX_TRACE_PATH, commitment},
};

/// A new audit of the longest claim, for which as many verifiers are idle as it takes.
fn open<T: Config>() -> Result<AuditId, BenchmarkError> {
    for index in 0..T::Verifiers::get() {
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

/// The largest vote; it does not agree.
fn largest() -> AuditVote {
    let executed = Executed {
        result: SegmentResult {
            start_root: [1; 32],
            state_root: [2; 32],
            steps_root: [3; 32],
            correct: 4,
        },
        path: BoundedVec::truncate_from(vec![[5; 32]; MAX_TRACE_PATH as usize]),
        false_seal: Some(6),
    };
    let found = vec![executed; MAX_DRAWN_SEGMENTS as usize];
    AuditVote::Executed(BoundedVec::truncate_from(found))
}

fn commit<T: Config>(
    id: AuditId,
    voters: &[T::AccountId],
    vote: &AuditVote,
) -> Result<(), BenchmarkError> {
    for voter in voters {
        let digest = commitment(id, voter.as_ref(), vote, &[8; 32]);
        Pallet::<T>::commit_vote(RawOrigin::Signed(voter.clone()).into(), id, digest)
            .map_err(|error| error.error)?;
    }
    Ok(())
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

    #[benchmark]
    fn reveal_vote() -> Result<(), BenchmarkError> {
        let (id, voters) = drawn::<T>()?;
        let vote = largest();
        commit::<T>(id, &voters, &vote)?;

        #[extrinsic_call]
        _(
            RawOrigin::Signed(voters[0].clone()),
            id,
            Box::new(vote),
            [8; 32],
        );

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

    /// All verifiers have agreed.
    #[benchmark]
    fn conclude() -> Result<(), BenchmarkError> {
        let (id, _) = drawn::<T>()?;
        let mut audit = take::<T>(id)?;
        if let Stage::Voting { ballot, .. } = &mut audit.stage {
            for seat in &mut ballot.seats {
                seat.vote = Some(true);
            }
        }

        #[block]
        {
            Pallet::<T>::conclude(id, audit);
        }

        assert!(!Audits::<T>::contains_key(id));
        Ok(())
    }
}
