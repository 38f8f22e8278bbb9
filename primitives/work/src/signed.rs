//! A seal with its author's signature: what a header's digest and `work_submitSeal` carry.
//!
//! A block names its author, and only the author's runs may seal it; the signature proves that it was
//! the author who did. Without it anybody could seal blocks with another's run, of steps which its
//! owner never executed and could be slashed for.

use alloc::vec::Vec;
use codec::{Decode, Encode};

use crate::{
    Hash, MAX_SEAL_BYTES, SealError, WorkSeal,
    hash::{Context, derive},
};

const AUTHOR: Context = Context::new("quern/v1/author");

/// Bytes of an encoded signature: its kind, and the 64 bytes that both kinds have.
const SIGNATURE_BYTES: usize = 1 + 64;

/// Bytes of the largest signed seal that decodes.
pub const MAX_SIGNED_SEAL_BYTES: usize = SIGNATURE_BYTES + MAX_SEAL_BYTES;

/// A signature that nobody but the signer can turn into another valid one, and with it a block into its own twin.
///
/// SCALE, in this order: a byte for the kind, then 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum SealSignature {
    /// By an Ed25519 key.
    Ed25519([u8; 64]),
    /// By an Sr25519 key.
    Sr25519([u8; 64]),
}

/// A seal, and the word of the account that owns its run.
///
/// SCALE of the signature, then of the seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSeal {
    /// By the run's owner, over [`message`](Self::message).
    pub signature: SealSignature,
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
    /// bounds. Whether the signature is right needs the account and the block, and is the runtime's to say.
    ///
    /// Nothing is allocated beyond the length of `bytes`, which is itself bounded by
    /// [`MAX_SIGNED_SEAL_BYTES`].
    ///
    /// # Errors
    /// [`SealError::Malformed`].
    pub fn decode_strict(bytes: &[u8]) -> Result<Self, SealError> {
        let (mut signature, seal) = bytes
            .split_at_checked(SIGNATURE_BYTES)
            .ok_or(SealError::Malformed)?;
        let seal = WorkSeal::decode_strict(seal)?;
        let signature = SealSignature::decode(&mut signature).map_err(|_| SealError::Malformed)?;
        Ok(Self { signature, seal })
    }

    /// The bytes that [`decode_strict`](Self::decode_strict) takes.
    pub fn encode(&self) -> Vec<u8> {
        (&self.signature, &self.seal).encode()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn signed() -> SignedSeal {
        SignedSeal {
            signature: SealSignature::Sr25519([8; 64]),
            seal: WorkSeal {
                run: 7,
                step: 11,
                tile: (1, 2),
                weights_root: [3; 32],
                a_rows: vec![-5; 16],
                labels: [4; 16],
                a_path: vec![[5; 32]],
                b_rows: vec![6; 16],
                b_path: vec![[7; 32]; 2],
            },
        }
    }

    #[test]
    fn a_signed_seal_has_these_bytes_and_its_owner_signs_these() {
        let seal = [
            &[7, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0][..],
            &[1, 0, 0, 0, 2, 0, 0, 0],
            &[3; 32],
            &[16 << 2],
            &[0xFB; 16],
            &[4, 0].repeat(16),
            &[1 << 2],
            &[5; 32],
            &[16 << 2],
            &[6; 16],
            &[2 << 2],
            &[7; 64],
        ]
        .concat();
        let by_sr25519 = signed();
        assert_eq!(by_sr25519.encode(), [&[1][..], &[8; 64], &seal].concat());
        let by_ed25519 = SignedSeal {
            signature: SealSignature::Ed25519([9; 64]),
            ..signed()
        };
        let bytes = [&[0][..], &[9; 64], &seal].concat();
        assert_eq!(SignedSeal::decode_strict(&bytes), Ok(by_ed25519));
        // BLAKE3 in derive-key mode, by another implementation.
        assert_eq!(
            hex::encode(SignedSeal::message(&[1; 32], &[2; 32], &seal)),
            "0339b00f79529d03291f4d432cab0b4cbc658ed5f23759faddc7bf33a880c275"
        );
    }

    #[test]
    fn a_kind_of_signature_that_others_can_change_is_malformed() {
        let mut bytes = signed().encode();
        for kind in 2..=u8::MAX {
            bytes[0] = kind;
            assert_eq!(SignedSeal::decode_strict(&bytes), Err(SealError::Malformed));
        }
    }

    #[test]
    fn trailing_and_missing_bytes_are_malformed() {
        let bytes = signed().encode();
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

        #[test]
        fn a_signed_seal_with_any_byte_changed_has_one_encoding(
            at: prop::sample::Index,
            value: u8,
        ) {
            let mut bytes = signed().encode();
            let at = at.index(bytes.len());
            bytes[at] = value;
            if let Ok(signed) = SignedSeal::decode_strict(&bytes) {
                prop_assert_eq!(signed.encode(), bytes);
            }
        }
    }
}
