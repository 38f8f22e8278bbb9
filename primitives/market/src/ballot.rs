//! Commit–reveal voting by a drawn quorum, free of storage.
//!
//! Every seat first hands in a digest, then, once all have or the time for it is up, the vote itself.
//! A vote that is not revealed in time counts as absent.

use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quern_work::Hash;
use scale_info::TypeInfo;

use crate::TicketId;

/// Most seats of a ballot.
pub const MAX_SEATS: u32 = 9;

/// One drawn voter.
#[derive(
    Clone, Debug, Decode, DecodeWithMemTracking, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo,
)]
pub struct Seat<AccountId, Vote> {
    /// The ticket that was drawn.
    pub ticket: TicketId,
    /// Its owner, who votes.
    pub voter: AccountId,
    /// Digest of the vote.
    pub commitment: Option<Hash>,
    /// The vote, once revealed.
    pub vote: Option<Vote>,
}

/// A vote under way.
#[derive(
    Clone, Debug, Decode, DecodeWithMemTracking, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo,
)]
pub struct Ballot<AccountId, Vote> {
    /// Who votes; no account twice.
    pub seats: BoundedVec<Seat<AccountId, Vote>, ConstU32<MAX_SEATS>>,
    /// Last block in which digests are taken.
    pub commit_until: u32,
    /// Last block in which votes are taken.
    pub reveal_until: u32,
}

/// Why a digest or a vote is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BallotError {
    /// The account has no seat.
    NotDrawn,
    /// The seat has handed in a digest, or has revealed its vote, already.
    AlreadyVoted,
    /// The time for digests, or for votes, is over.
    TooLate,
    /// Others may still hand in digests.
    TooEarly,
    /// The seat has handed in no digest.
    NotCommitted,
    /// The vote is not the one the digest stands for.
    AnotherVote,
}

impl<AccountId: PartialEq, Vote> Ballot<AccountId, Vote> {
    /// A ballot of these voters, `commit` blocks for digests from block `now` on, then `reveal` for votes.
    ///
    /// Voters past [`MAX_SEATS`] get no seat.
    pub fn new(
        voters: impl IntoIterator<Item = (TicketId, AccountId)>,
        now: u32,
        commit: u32,
        reveal: u32,
    ) -> Self {
        let mut seats = BoundedVec::new();
        for (ticket, voter) in voters {
            let seat = Seat {
                ticket,
                voter,
                commitment: None,
                vote: None,
            };
            if seats.try_push(seat).is_err() {
                break;
            }
        }
        let commit_until = now.saturating_add(commit);
        Self {
            seats,
            commit_until,
            reveal_until: commit_until.saturating_add(reveal),
        }
    }

    /// Takes a voter's digest in block `now`.
    ///
    /// # Errors
    /// [`BallotError`]; nothing has changed then.
    pub fn commit(&mut self, voter: &AccountId, now: u32, digest: Hash) -> Result<(), BallotError> {
        let late = now > self.commit_until;
        let seat = self.seat(voter)?;
        if seat.commitment.is_some() {
            return Err(BallotError::AlreadyVoted);
        }
        if late {
            return Err(BallotError::TooLate);
        }
        seat.commitment = Some(digest);
        Ok(())
    }

    /// Takes a voter's vote, whose digest is `digest`, in block `now`.
    ///
    /// # Errors
    /// [`BallotError`]; nothing has changed then.
    pub fn reveal(
        &mut self,
        voter: &AccountId,
        now: u32,
        digest: Hash,
        vote: Vote,
    ) -> Result<(), BallotError> {
        let early = !self.reveals(now);
        let late = now > self.reveal_until;
        let seat = self.seat(voter)?;
        let committed = seat.commitment.ok_or(BallotError::NotCommitted)?;
        if seat.vote.is_some() {
            return Err(BallotError::AlreadyVoted);
        }
        if early {
            return Err(BallotError::TooEarly);
        }
        if late {
            return Err(BallotError::TooLate);
        }
        if committed != digest {
            return Err(BallotError::AnotherVote);
        }
        seat.vote = Some(vote);
        Ok(())
    }

    /// Whether votes are taken in block `now`: all digests are in, or the time for them is up.
    pub fn reveals(&self, now: u32) -> bool {
        now > self.commit_until || self.seats.iter().all(|seat| seat.commitment.is_some())
    }

    /// Whether nothing can be added any more in block `now`: every seat with a digest that is still
    /// awaited has voted, or the time is up.
    pub fn is_over(&self, now: u32) -> bool {
        let done = |seat: &Seat<AccountId, Vote>| match seat.commitment {
            Some(_) => seat.vote.is_some(),
            None => now > self.commit_until,
        };
        now > self.reveal_until || self.seats.iter().all(done)
    }

    /// The votes revealed.
    pub fn votes(&self) -> impl Iterator<Item = (&Seat<AccountId, Vote>, &Vote)> {
        self.seats
            .iter()
            .filter_map(|seat| seat.vote.as_ref().map(|vote| (seat, vote)))
    }

    fn seat(&mut self, voter: &AccountId) -> Result<&mut Seat<AccountId, Vote>, BallotError> {
        self.seats
            .iter_mut()
            .find(|seat| seat.voter == *voter)
            .ok_or(BallotError::NotDrawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    type Test = Ballot<u8, bool>;

    /// Three voters; digests until block 15, votes until block 19.
    fn ballot() -> Test {
        Ballot::new([(20, 2), (30, 3), (40, 4)], 10, 5, 4)
    }

    /// Digest of a vote.
    fn digest(vote: bool) -> Hash {
        [vote.into(); 32]
    }

    fn commit(ballot: &mut Test, voter: u8, now: u32) -> Result<(), BallotError> {
        ballot.commit(&voter, now, digest(true))
    }

    fn reveal(ballot: &mut Test, voter: u8, now: u32, vote: bool) -> Result<(), BallotError> {
        ballot.reveal(&voter, now, digest(vote), vote)
    }

    #[test]
    fn votes_are_taken_once_all_digests_are_in() {
        let mut ballot = ballot();
        for voter in 2..5 {
            assert_eq!(
                reveal(&mut ballot, 2, 10, true),
                match voter {
                    2 => Err(BallotError::NotCommitted),
                    _ => Err(BallotError::TooEarly),
                }
            );
            assert_eq!(commit(&mut ballot, voter, 10), Ok(()));
        }
        assert!(ballot.reveals(10) && !ballot.is_over(10));
        for voter in 2..5 {
            assert!(!ballot.is_over(10));
            assert_eq!(reveal(&mut ballot, voter, 10, true), Ok(()));
        }
        assert!(ballot.is_over(10));
        let votes: Vec<(u8, bool)> = ballot.votes().map(|(seat, v)| (seat.voter, *v)).collect();
        assert_eq!(votes, [(2, true), (3, true), (4, true)]);
    }

    #[test]
    fn the_time_for_digests_ends_and_then_that_for_votes() {
        let mut ballot = ballot();
        assert_eq!(commit(&mut ballot, 2, 15), Ok(()));
        assert_eq!(commit(&mut ballot, 3, 16), Err(BallotError::TooLate));
        assert_eq!(reveal(&mut ballot, 2, 15, true), Err(BallotError::TooEarly));
        assert!(!ballot.is_over(16));
        let mut late = ballot.clone();
        assert_eq!(reveal(&mut ballot, 2, 19, true), Ok(()));
        assert!(ballot.is_over(19));
        assert_eq!(reveal(&mut late, 2, 20, true), Err(BallotError::TooLate));
        assert!(!late.is_over(19) && late.is_over(20));
    }

    #[test]
    fn a_ballot_without_digests_is_over_when_their_time_is() {
        assert!(!ballot().is_over(15));
        assert!(ballot().is_over(16));
        assert!(Test::new([], 10, 5, 4).is_over(10));
    }

    #[test]
    fn each_voter_votes_once_and_as_committed() {
        let mut ballot = ballot();
        assert_eq!(commit(&mut ballot, 9, 10), Err(BallotError::NotDrawn));
        for voter in 2..5 {
            assert_eq!(commit(&mut ballot, voter, 10), Ok(()));
        }
        assert_eq!(commit(&mut ballot, 2, 10), Err(BallotError::AlreadyVoted));
        let other = reveal(&mut ballot, 2, 11, false);
        assert_eq!(other, Err(BallotError::AnotherVote));
        assert_eq!(reveal(&mut ballot, 9, 11, true), Err(BallotError::NotDrawn));
        assert_eq!(reveal(&mut ballot, 2, 11, true), Ok(()));
        let again = reveal(&mut ballot, 2, 11, true);
        assert_eq!(again, Err(BallotError::AlreadyVoted));
    }

    #[test]
    fn voters_beyond_the_seats_get_none_and_times_saturate() {
        let many = Test::new((0..20).map(|voter| (voter.into(), voter)), u32::MAX, 5, 4);
        assert_eq!(many.seats.len(), MAX_SEATS as usize);
        assert!(!many.is_over(u32::MAX));
    }

    #[derive(Clone, Debug)]
    enum Op {
        Commit(u8, bool),
        Reveal(u8, bool),
        Pass,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => (1..6u8, any::<bool>()).prop_map(|(voter, vote)| Op::Commit(voter, vote)),
            3 => (1..6u8, any::<bool>()).prop_map(|(voter, vote)| Op::Reveal(voter, vote)),
            1 => Just(Op::Pass),
        ]
    }

    proptest! {
        /// Whatever comes, a refusal changes nothing, every vote is the one committed to, and nothing is
        /// added to a ballot that is over.
        #[test]
        fn votes_are_as_committed_and_final(ops in prop::collection::vec(op(), 0..60)) {
            let (mut ballot, mut now) = (ballot(), 10);
            for op in ops {
                let before = ballot.clone();
                let done = match op {
                    Op::Commit(voter, vote) => ballot.commit(&voter, now, digest(vote)),
                    Op::Reveal(voter, vote) => reveal(&mut ballot, voter, now, vote),
                    Op::Pass => {
                        now += 1;
                        Ok(())
                    }
                };
                prop_assert!(done.is_ok() || ballot == before);
                prop_assert!(!before.is_over(now) || ballot == before);
                for seat in &ballot.seats {
                    prop_assert!(seat.vote.is_none_or(|vote| seat.commitment == Some(digest(vote))));
                }
            }
            prop_assert!(ballot.is_over(20));
        }
    }
}
