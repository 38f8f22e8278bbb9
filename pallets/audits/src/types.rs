//! An audit and its verdict, free of storage.

use codec::{Decode, Encode, MaxEncodedLen};
use frame::prelude::{BoundedVec, ConstU32};
use quern_market::{Ballot, Claim, TicketId, vote::MAX_DRAWN_SEGMENTS};
use scale_info::TypeInfo;

use crate::{DUE_A_BLOCK, MAX_REDRAWS, MAX_WAITS};

/// Drawn segments, ascending.
pub type Drawn = BoundedVec<u32, ConstU32<MAX_DRAWN_SEGMENTS>>;

/// One audit under way.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Audit<AccountId> {
    /// What is audited.
    pub claim: Claim,
    /// Segments of the claim.
    pub segments: u32,
    /// Who made the claim.
    pub author: AccountId,
    /// The author's ticket.
    pub ticket: TicketId,
    /// Ballots without an outcome.
    pub redraws: u32,
    /// Draws that found all verifiers busy.
    pub waits: u32,
    /// Block of the agenda in which it is filed.
    pub due: u32,
    /// Where it stands.
    pub stage: Stage<AccountId>,
}

/// Where an audit stands.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub enum Stage<AccountId> {
    /// It waits for randomness that did not exist when the claim was revealed.
    Waiting,
    /// Verifiers are drawn and vote.
    Voting {
        /// Who votes.
        ballot: Ballot<AccountId, Answer>,
        /// What all of them re-execute.
        drawn: Drawn,
    },
}

/// What a vote says of a claim.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub enum Answer {
    /// Executing the drawn segments gives what it claims.
    Agrees,
    /// It gives something else.
    Differs,
    /// The author did not serve what executing them takes.
    NotServed,
}

/// Fewest seats of a ballot that may reject a claim: whoever verifies alone, or with one other, decides
/// nothing against others.
pub const MIN_REJECTING: u32 = 3;

/// What the votes of a ballot say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Fewer than two thirds of the seats have voted, or fewer than two thirds of those one way; or those
    /// against the claim have too few seats beside them.
    Undecided,
    /// At least two thirds of the votes agree with the claim.
    Accepted,
    /// At least two thirds of the votes are against it.
    Rejected,
}

impl Verdict {
    /// The verdict of `seats` seats, of which `agree` agree and `against` do not.
    pub fn of(seats: u32, agree: u32, against: u32) -> Self {
        let two_thirds = |part: u32, of: u32| u64::from(part) * 3 >= u64::from(of) * 2;
        let votes = agree.saturating_add(against);
        if votes == 0 || !two_thirds(votes, seats) {
            Self::Undecided
        } else if two_thirds(agree, votes) {
            Self::Accepted
        } else if two_thirds(against, votes) && seats >= MIN_REJECTING {
            Self::Rejected
        } else {
            Self::Undecided
        }
    }
}

/// Most blocks from a claim's reveal to the end of its audit, if nothing is changed meanwhile: every draw
/// that may be in vain, every ballot that may be without an outcome, and the longest queue before each.
///
/// `draw_after`, `commit` and `reveal` are the blocks of a draw and of a ballot's two parts, `active` is how
/// many audits may be under way.
pub fn longest(draw_after: u32, commit: u32, reveal: u32, active: u32) -> u64 {
    let queue = u64::from(active.div_ceil(DUE_A_BLOCK));
    let ballots = u64::from(MAX_REDRAWS) + 1;
    let draws = u64::from(MAX_WAITS) + ballots;
    let [draw, commit, reveal] = [draw_after, commit, reveal].map(|blocks| u64::from(blocks) + 1);
    draws * (draw + queue) + ballots * (commit + reveal + 2 * queue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quern_market::ballot::MAX_SEATS;

    #[test]
    fn an_audit_lasts_for_all_its_draws_and_ballots_and_what_is_due_before_them() {
        assert_eq!(longest(2, 20, 10, 0), 53 * 3 + 3 * (21 + 11));
        assert_eq!(longest(2, 20, 10, 9), 53 * (3 + 3) + 3 * (21 + 11 + 6));
        assert!(longest(u32::MAX, u32::MAX, u32::MAX, u32::MAX) > u64::from(u32::MAX));
    }

    #[test]
    fn two_thirds_of_three_decide() {
        assert_eq!(Verdict::of(3, 3, 0), Verdict::Accepted);
        assert_eq!(Verdict::of(3, 2, 1), Verdict::Accepted);
        assert_eq!(Verdict::of(3, 1, 2), Verdict::Rejected);
        assert_eq!(Verdict::of(3, 2, 0), Verdict::Accepted);
        assert_eq!(Verdict::of(3, 1, 1), Verdict::Undecided);
        assert_eq!(Verdict::of(3, 0, 2), Verdict::Rejected);
        assert_eq!(Verdict::of(3, 1, 0), Verdict::Undecided);
        assert_eq!(Verdict::of(1, 1, 0), Verdict::Accepted);
        assert_eq!(Verdict::of(1, 0, 1), Verdict::Undecided);
        assert_eq!(Verdict::of(2, 0, 2), Verdict::Undecided);
        assert_eq!(Verdict::of(1, 0, 0), Verdict::Undecided);
        assert_eq!(Verdict::of(0, 0, 0), Verdict::Undecided);
    }

    proptest! {
        #[test]
        fn another_vote_for_the_claim_never_turns_against_it(
            seats in 1..=MAX_SEATS,
            agree in 0..MAX_SEATS,
            against in 0..MAX_SEATS,
        ) {
            prop_assume!(agree + against < seats);
            let (before, after) = (
                Verdict::of(seats, agree, against),
                Verdict::of(seats, agree + 1, against),
            );
            if before == Verdict::Accepted {
                prop_assert_eq!(after, Verdict::Accepted);
            }
            let unanimous = Verdict::of(seats, seats, 0);
            prop_assert_eq!(unanimous, Verdict::Accepted);
        }
    }
}
