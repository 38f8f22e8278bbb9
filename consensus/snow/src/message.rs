//! What travels between nodes.
//!
//! A question names a block, the answer is signed with the answering authority's GRANDPA key. The signature covers who
//! asked and the question's number, so that an answer can neither be passed on by a third node nor used twice.

use codec::{Decode, DecodeAll, Encode};
use polkadot_sdk::{
    sc_network_types::PeerId,
    sp_consensus_grandpa::{AuthorityId, AuthorityPair, AuthoritySignature},
    sp_core::{H256, Pair},
};

/// Bytes of every [`Query`].
pub const QUERY_BYTES: usize = 8 + 8 + 32 + 8;

/// Bytes of every [`Chits`].
pub const CHITS_BYTES: usize = 8 + 8 + 3 * 32 + 8 + 32 + 64;

/// Keeps these signatures apart from everything else that a GRANDPA key signs.
const CONTEXT: &[u8] = b"quern/v1/snow/chits";

/// A question: which block do you prefer?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Query {
    /// The authority set whose members are asked.
    pub set_id: u64,
    /// The question's number, of the asker's choice; the answer repeats it.
    pub poll: u64,
    /// The block asked about.
    pub requested: H256,
    /// Its number, at which the answer tells the preferred block too.
    pub requested_number: u64,
}

/// What an authority prefers and has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// The question's number.
    pub poll: u64,
    /// The authority set that the answer is given in.
    pub set_id: u64,
    /// The tip of the preferred branch.
    pub preferred: H256,
    /// The preferred or accepted block at the number asked about, or the tip if that is lower.
    pub preferred_at_height: H256,
    /// The last accepted block.
    pub accepted: H256,
    /// Its number.
    pub accepted_number: u64,
}

/// An answer and who gives it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Chits {
    /// The answer.
    pub answer: Answer,
    /// The authority.
    pub authority: AuthorityId,
    /// Its signature over [`payload`].
    pub signature: AuthoritySignature,
}

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {expected} bytes was expected, not of {found}")]
pub struct Malformed {
    /// The only length it can have.
    pub expected: usize,
    /// The length it has.
    pub found: usize,
}

impl Query {
    /// Reads exactly one query.
    ///
    /// # Errors
    /// [`Malformed`] bytes: there is nobody to answer.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        read(bytes, QUERY_BYTES)
    }
}

impl Chits {
    /// Reads exactly one answer. Its signature is still to be [checked](Self::is_signed).
    ///
    /// # Errors
    /// [`Malformed`] bytes: the peer does not speak this protocol.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        read(bytes, CHITS_BYTES)
    }

    /// Whether the authority gave this answer to `asker` on the chain with this genesis.
    pub fn is_signed(&self, genesis: &H256, asker: &PeerId) -> bool {
        let payload = payload(genesis, asker, &self.answer);
        AuthorityPair::verify(&self.signature, payload, &self.authority)
    }
}

/// The bytes that an authority signs for its answer to `asker`.
pub fn payload(genesis: &H256, asker: &PeerId, answer: &Answer) -> Vec<u8> {
    (CONTEXT, genesis, asker.to_bytes(), answer).encode()
}

/// Reads a message whose fields are all of fixed size, so that its length is known and nothing is allocated.
fn read<M: Decode>(bytes: &[u8], expected: usize) -> Result<M, Malformed> {
    let malformed = Malformed {
        expected,
        found: bytes.len(),
    };
    if bytes.len() != expected {
        return Err(malformed);
    }
    M::decode_all(&mut &*bytes).map_err(|_| malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer() -> Answer {
        Answer {
            poll: 7,
            set_id: 1,
            preferred: H256([1; 32]),
            preferred_at_height: H256([2; 32]),
            accepted: H256([3; 32]),
            accepted_number: 9,
        }
    }

    fn signed(asker: &PeerId) -> Chits {
        let pair = AuthorityPair::from_seed(&[5; 32]);
        let answer = answer();
        Chits {
            answer,
            authority: pair.public(),
            signature: pair.sign(&payload(&H256::zero(), asker, &answer)),
        }
    }

    #[test]
    fn messages_read_back_and_have_the_stated_lengths() {
        let query = Query {
            set_id: 1,
            poll: 2,
            requested: H256([3; 32]),
            requested_number: 4,
        };
        let bytes = query.encode();
        assert_eq!(bytes.len(), QUERY_BYTES);
        assert_eq!(Query::read(&bytes), Ok(query));
        let chits = signed(&PeerId::random());
        let bytes = chits.encode();
        assert_eq!(bytes.len(), CHITS_BYTES);
        assert_eq!(Chits::read(&bytes), Ok(chits));
    }

    #[test]
    fn a_signature_holds_for_this_answer_this_asker_and_this_chain_only() {
        let asker = PeerId::random();
        let chits = signed(&asker);
        assert!(chits.is_signed(&H256::zero(), &asker));
        assert!(!chits.is_signed(&H256::zero(), &PeerId::random()));
        assert!(!chits.is_signed(&H256([1; 32]), &asker));
        let mut other = chits.clone();
        other.answer.poll += 1;
        assert!(!other.is_signed(&H256::zero(), &asker));
        let mut stolen = chits;
        stolen.authority = AuthorityPair::from_seed(&[6; 32]).public();
        assert!(!stolen.is_signed(&H256::zero(), &asker));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_by_their_length(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(Query::read(&bytes).is_ok(), bytes.len() == QUERY_BYTES);
            prop_assert_eq!(Chits::read(&bytes).is_ok(), bytes.len() == CHITS_BYTES);
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), CHITS_BYTES)) {
            prop_assert_eq!(&Chits::read(&bytes).unwrap().encode(), &bytes);
            let query = &bytes[..QUERY_BYTES];
            prop_assert_eq!(Query::read(query).unwrap().encode(), query);
        }

        #[test]
        fn random_bytes_are_never_a_signed_answer(bytes in prop::collection::vec(any::<u8>(), CHITS_BYTES)) {
            let asker = PeerId::random();
            prop_assert!(!Chits::read(&bytes).unwrap().is_signed(&H256::zero(), &asker));
        }
    }
}
