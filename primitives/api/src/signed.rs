//! A seal with its author's signature: what a header's digest and `work_submitSeal` carry.
//!
//! A block names its author, and only the author's runs may seal it; the signature proves that it was
//! the author who did. Without it anybody could seal blocks with another's run, of steps which its
//! owner never executed and could be slashed for.

use alloc::vec::Vec;
use codec::{Decode, Encode};
use polkadot_sdk::sp_runtime::{AccountId32, MultiSignature, traits::Verify};
use quern_work::{
    Hash, MAX_SEAL_BYTES, SealError, WorkSeal,
    hash::{Context, derive},
};

const AUTHOR: Context = Context::new("quern/v1/author");

/// Bytes of an encoded signature: its kind, and the 64 bytes that both kinds have.
pub const SIGNATURE_BYTES: usize = 1 + 64;

/// Bytes of the largest signed seal that decodes.
pub const MAX_SIGNED_SEAL_BYTES: usize = SIGNATURE_BYTES + MAX_SEAL_BYTES;

/// A seal, and the word of the account that owns its run.
///
/// SCALE of the signature (`00` and Ed25519, or `01` and Sr25519, 64 bytes), then of the seal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedSeal {
    /// By the run's owner, over [`message`](Self::message).
    pub signature: MultiSignature,
    /// The proof of work.
    pub seal: WorkSeal,
}

impl SignedSeal {
    /// The 32 bytes that the owner of a seal's run signs, as they are: the chain, the header without
    /// its seal, and the SCALE bytes of the seal.
    pub fn message(genesis: &Hash, pre_hash: &Hash, seal: &[u8]) -> Hash {
        derive(AUTHOR, &[genesis, pre_hash, seal])
    }

    /// Decodes a signed seal: no trailing bytes, one encoding per signed seal, lengths within their
    /// bounds.
    ///
    /// Only Ed25519 and Sr25519: nobody but the signer can turn one of their signatures into another
    /// valid one, and with it a block into its own twin. Nothing is allocated beyond the length of
    /// `bytes`, which is itself bounded by [`MAX_SIGNED_SEAL_BYTES`].
    ///
    /// # Errors
    /// [`SealError::Malformed`].
    pub fn decode_strict(bytes: &[u8]) -> Result<Self, SealError> {
        let (signature, seal) = bytes
            .split_at_checked(SIGNATURE_BYTES)
            .ok_or(SealError::Malformed)?;
        let seal = WorkSeal::decode_strict(seal)?;
        let signature = MultiSignature::decode(&mut &signature[..])
            .ok()
            .filter(|kind| {
                matches!(
                    kind,
                    MultiSignature::Ed25519(_) | MultiSignature::Sr25519(_)
                )
            })
            .ok_or(SealError::Malformed)?;
        Ok(Self { signature, seal })
    }

    /// The bytes that [`decode_strict`](Self::decode_strict) takes.
    pub fn encode(&self) -> Vec<u8> {
        (&self.signature, &self.seal).encode()
    }

    /// Checks that `owner` has signed the seal for the block with this pre-hash.
    ///
    /// # Errors
    /// [`SealError::BadSignature`].
    pub fn verify(
        &self,
        owner: &AccountId32,
        genesis: &Hash,
        pre_hash: &Hash,
    ) -> Result<(), SealError> {
        let message = Self::message(genesis, pre_hash, &self.seal.encode());
        self.signature
            .verify(&message[..], owner)
            .then_some(())
            .ok_or(SealError::BadSignature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use codec::MaxEncodedLen;
    use polkadot_sdk::{
        sp_core::{Pair, ecdsa, ed25519, sr25519},
        sp_runtime::{MultiSigner, traits::IdentifyAccount},
    };
    use proptest::{collection::vec, prelude::*};

    const GENESIS: Hash = [1; 32];
    const PRE_HASH: Hash = [2; 32];

    fn seal() -> WorkSeal {
        WorkSeal {
            run: 7,
            step: 11,
            tile: (1, 2),
            weights_root: [3; 32],
            a_rows: vec![-5; 16],
            labels: [4; 16],
            a_path: vec![[5; 32]],
            b_rows: vec![6; 16],
            b_path: vec![[7; 32]; 2],
        }
    }

    fn sr25519_pair() -> sr25519::Pair {
        sr25519::Pair::from_seed(&[8; 32])
    }

    fn account(public: impl Into<MultiSigner>) -> AccountId32 {
        public.into().into_account()
    }

    fn signed() -> (SignedSeal, AccountId32) {
        let (pair, seal) = (sr25519_pair(), seal());
        let message = SignedSeal::message(&GENESIS, &PRE_HASH, &seal.encode());
        let signature = pair.sign(&message).into();
        (SignedSeal { signature, seal }, account(pair.public()))
    }

    #[test]
    fn the_owner_of_either_kind_of_key_signs_the_seal() {
        let (by_sr25519, owner) = signed();
        assert_eq!(by_sr25519.verify(&owner, &GENESIS, &PRE_HASH), Ok(()));

        let pair = ed25519::Pair::from_seed(&[9; 32]);
        let message = SignedSeal::message(&GENESIS, &PRE_HASH, &seal().encode());
        let by_ed25519 = SignedSeal {
            signature: pair.sign(&message).into(),
            seal: seal(),
        };
        let owner = account(pair.public());
        assert_eq!(by_ed25519.verify(&owner, &GENESIS, &PRE_HASH), Ok(()));
    }

    #[test]
    fn a_signature_holds_for_one_owner_chain_block_and_seal() {
        let (signed, owner) = signed();
        let bad = Err(SealError::BadSignature);
        let stranger = AccountId32::new([9; 32]);
        assert_eq!(signed.verify(&stranger, &GENESIS, &PRE_HASH), bad);
        assert_eq!(signed.verify(&owner, &PRE_HASH, &PRE_HASH), bad);
        assert_eq!(signed.verify(&owner, &GENESIS, &GENESIS), bad);
        let mut other = signed;
        other.seal.step += 1;
        assert_eq!(other.verify(&owner, &GENESIS, &PRE_HASH), bad);
    }

    #[test]
    fn the_bytes_are_the_signature_and_then_the_seal() {
        let (signed, _) = signed();
        let bytes = signed.encode();
        assert_eq!(bytes[0], 1);
        assert_eq!(bytes[SIGNATURE_BYTES..], seal().encode());
        assert_eq!(SignedSeal::decode_strict(&bytes), Ok(signed));
        assert_eq!(SIGNATURE_BYTES, 1 + sr25519::Signature::max_encoded_len());
        assert_eq!(SIGNATURE_BYTES, 1 + ed25519::Signature::max_encoded_len());
    }

    #[test]
    fn a_kind_of_signature_that_others_can_change_is_malformed() {
        let pair = ecdsa::Pair::from_seed(&[9; 32]);
        let message = SignedSeal::message(&GENESIS, &PRE_HASH, &seal().encode());
        for signature in [
            MultiSignature::Ecdsa(pair.sign(&message)),
            MultiSignature::Eth(ecdsa::KeccakSignature::default()),
        ] {
            let bytes = (signature, seal()).encode();
            assert_eq!(SignedSeal::decode_strict(&bytes), Err(SealError::Malformed));
        }
        let mut bytes = signed().0.encode();
        for kind in 2..=u8::MAX {
            bytes[0] = kind;
            assert_eq!(SignedSeal::decode_strict(&bytes), Err(SealError::Malformed));
        }
    }

    #[test]
    fn trailing_and_missing_bytes_are_malformed() {
        let bytes = signed().0.encode();
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(
            SignedSeal::decode_strict(&longer),
            Err(SealError::Malformed)
        );
        for length in 0..bytes.len() {
            assert_eq!(
                SignedSeal::decode_strict(&bytes[..length]),
                Err(SealError::Malformed),
                "{length} bytes"
            );
        }
        let huge = vec![1; MAX_SIGNED_SEAL_BYTES + 1];
        assert_eq!(SignedSeal::decode_strict(&huge), Err(SealError::Malformed));
    }

    #[test]
    fn a_signed_seal_with_any_bytes_changed_has_one_encoding_and_another_meaning() {
        let (signed, owner) = signed();
        let bytes = signed.encode();
        proptest!(|(at in 0..bytes.len(), value: u8)| {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(decoded) = SignedSeal::decode_strict(&changed) {
                prop_assert_eq!(decoded.encode(), &changed[..]);
                let holds = decoded.verify(&owner, &GENESIS, &PRE_HASH).is_ok();
                prop_assert_eq!(holds, changed == bytes);
            }
        });
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_a_signed_seal_that_encodes_to_them_or_to_none(
            kind in 0..3u8,
            bytes in vec(any::<u8>(), 0..400),
        ) {
            let bytes: Vec<u8> = [&[kind], &bytes[..]].concat();
            if let Ok(signed) = SignedSeal::decode_strict(&bytes) {
                prop_assert_eq!(signed.encode(), bytes);
            }
        }
    }
}
