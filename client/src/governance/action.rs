//! What an account signs to govern.

use super::{ReferendumId, TrackId};
use crate::Account;
use codec::{Compact, Encode};
use quern_work::Hash;

/// `Standard`, among the kinds of votes.
const STANDARD: u8 = 0;
/// The bit of a vote that says aye; the others are its conviction.
const AYE: u8 = 0x80;
/// `After`, among the ways to name a block.
const AFTER: u8 = 1;
/// `Id`, among the ways to name an account.
const BY_ID: u8 = 0;

/// A proposal's call, as a referendum holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bounded {
    /// The call itself.
    Inline(Vec<u8>),
    /// The hash and the length of a preimage.
    Preimage {
        /// BLAKE2-256 of the call's bytes.
        hash: Hash,
        /// How many they are.
        length: u32,
    },
}

impl Bounded {
    /// The most bytes of a call that a referendum holds itself.
    const INLINE: usize = 128;

    /// How a referendum holds this call.
    #[must_use]
    pub fn new(call: Vec<u8>) -> Self {
        if call.len() <= Self::INLINE {
            return Self::Inline(call);
        }
        Self::Preimage {
            hash: super::code_hash(&call),
            length: u32::try_from(call.len()).unwrap_or(u32::MAX),
        }
    }

    fn encoded(&self) -> Vec<u8> {
        match self {
            Self::Inline(call) => (1_u8, call).encode(),
            Self::Preimage { hash, length } => (2_u8, hash, length).encode(),
        }
    }
}

/// A signed step of governance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stores a call too long for a referendum, for a deposit.
    NotePreimage {
        /// The call's bytes.
        preimage: Vec<u8>,
    },
    /// Takes an own preimage back, and its deposit.
    UnnotePreimage {
        /// The preimage's hash.
        hash: Hash,
    },
    /// Submits a referendum.
    Submit {
        /// The SCALE bytes of the origin that the call is to have: it decides on the track.
        origin: Vec<u8>,
        /// The call.
        proposal: Bounded,
    },
    /// Places the deposit without which no decision begins.
    PlaceDecisionDeposit {
        /// The referendum.
        index: ReferendumId,
    },
    /// Takes the decision deposit of an ended referendum back.
    RefundDecisionDeposit {
        /// The referendum.
        index: ReferendumId,
    },
    /// Takes the submission deposit of an approved or cancelled referendum back.
    RefundSubmissionDeposit {
        /// The referendum.
        index: ReferendumId,
    },
    /// Votes, or votes anew.
    Vote {
        /// The referendum.
        index: ReferendumId,
        /// For it, or against it.
        aye: bool,
        /// From 0, a tenth of a vote a token and no lock, to 6, six votes and the longest lock.
        conviction: u8,
        /// Tokens that vote.
        amount: u128,
    },
    /// Takes a vote away.
    RemoveVote {
        /// The referendum's track.
        track: TrackId,
        /// The referendum.
        index: ReferendumId,
    },
    /// Sets an account's tokens free that no vote of a track holds any longer.
    Unlock {
        /// The track.
        track: TrackId,
        /// Whose tokens.
        who: Account,
    },
    /// Replaces the runtime by the one that was authorised.
    ApplyUpgrade {
        /// Its code.
        code: Vec<u8>,
    },
}

impl Action {
    /// The pallet and the call's name in it.
    #[must_use]
    pub const fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotePreimage { .. } => ("Preimage", "note_preimage"),
            Self::UnnotePreimage { .. } => ("Preimage", "unnote_preimage"),
            Self::Submit { .. } => ("Referenda", "submit"),
            Self::PlaceDecisionDeposit { .. } => ("Referenda", "place_decision_deposit"),
            Self::RefundDecisionDeposit { .. } => ("Referenda", "refund_decision_deposit"),
            Self::RefundSubmissionDeposit { .. } => ("Referenda", "refund_submission_deposit"),
            Self::Vote { .. } => ("ConvictionVoting", "vote"),
            Self::RemoveVote { .. } => ("ConvictionVoting", "remove_vote"),
            Self::Unlock { .. } => ("ConvictionVoting", "unlock"),
            Self::ApplyUpgrade { .. } => ("System", "apply_authorized_upgrade"),
        }
    }

    /// The call's arguments, each in SCALE.
    pub(crate) fn arguments(&self) -> Vec<Vec<u8>> {
        match self {
            Self::NotePreimage { preimage: bytes } | Self::ApplyUpgrade { code: bytes } => {
                vec![bytes.encode()]
            }
            Self::UnnotePreimage { hash } => vec![hash.encode()],
            Self::Submit { origin, proposal } => vec![
                origin.clone(),
                proposal.encoded(),
                // As soon as the track allows.
                (AFTER, 0_u32).encode(),
            ],
            Self::PlaceDecisionDeposit { index }
            | Self::RefundDecisionDeposit { index }
            | Self::RefundSubmissionDeposit { index } => vec![index.encode()],
            Self::Vote {
                index,
                aye,
                conviction,
                amount,
            } => {
                let vote = conviction | if *aye { AYE } else { 0 };
                vec![Compact(*index).encode(), (STANDARD, vote, amount).encode()]
            }
            Self::RemoveVote { track, index } => vec![Some(track).encode(), index.encode()],
            Self::Unlock { track, who } => vec![track.encode(), (BY_ID, who).encode()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_call_goes_by_its_preimage() {
        assert_eq!(Bounded::new(vec![7; 128]), Bounded::Inline(vec![7; 128]));
        let long = vec![7; 129];
        let expected = Bounded::Preimage {
            hash: super::super::code_hash(&long),
            length: 129,
        };
        assert_eq!(Bounded::new(long), expected);
    }

    #[test]
    fn a_vote_carries_its_side_and_conviction_in_one_byte() {
        let vote = |aye, conviction| {
            let vote = Action::Vote {
                index: 1,
                aye,
                conviction,
                amount: 5,
            };
            vote.arguments()[1].clone()
        };
        assert_eq!(vote(true, 0)[..2], [0, 0x80]);
        assert_eq!(vote(true, 6)[..2], [0, 0x86]);
        assert_eq!(vote(false, 1)[..2], [0, 0x01]);
        assert_eq!(vote(false, 1)[2..], 5_u128.to_le_bytes());
    }
}
