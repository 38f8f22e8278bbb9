//! A seal with its author's signature: what a header's digest and `work_submitSeal` carry.

use crate::Signer;
use codec::Encode;
use quern_work::{
    Hash, SealError, WorkSeal,
    hash::{Context, derive},
};

const AUTHOR: Context = Context::new("quern/v1/author");
/// Bytes of a signature: its kind, and the 64 bytes that both kinds have.
const SIGNATURE_BYTES: usize = 65;
/// The kinds of signature that a seal may have.
const ED25519: u8 = 0;
const SR25519: u8 = 1;

/// A seal, and the word of the account that owns its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSeal {
    /// The signature's kind (0 Ed25519, 1 Sr25519), then its 64 bytes.
    pub signature: [u8; SIGNATURE_BYTES],
    /// The proof of work.
    pub seal: WorkSeal,
}

impl SignedSeal {
    /// Signs a seal for the block with this pre-hash.
    #[must_use]
    pub fn sign(signer: &Signer, genesis: &Hash, pre_hash: &Hash, seal: WorkSeal) -> Self {
        let message = derive(AUTHOR, &[genesis, pre_hash, &seal.encode()]);
        let mut signature = [SR25519; SIGNATURE_BYTES];
        signature[1..].copy_from_slice(&signer.sign(&message));
        Self { signature, seal }
    }

    /// The signed seal with these bytes: one encoding per signed seal. Whether the signature is right needs the account
    /// and the block, and is the runtime's to say.
    ///
    /// # Errors
    /// [`SealError::Malformed`].
    pub fn decode_strict(bytes: &[u8]) -> Result<Self, SealError> {
        let (signature, seal) = bytes
            .split_first_chunk::<SIGNATURE_BYTES>()
            .filter(|(signature, _)| matches!(signature[0], ED25519 | SR25519))
            .ok_or(SealError::Malformed)?;
        Ok(Self {
            signature: *signature,
            seal: WorkSeal::decode_strict(seal)?,
        })
    }

    /// The bytes that [`SignedSeal::decode_strict`] takes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&self.signature[..], &self.seal.encode()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: Hash = [1; 32];
    const PRE_HASH: Hash = [2; 32];

    fn signed(signer: &Signer) -> SignedSeal {
        let seal = WorkSeal {
            run: 7,
            step: 11,
            tile: (1, 2),
            weights_root: [3; 32],
            a_rows: vec![-5; 16],
            labels: [4; 16],
            a_path: vec![[5; 32]],
            b_rows: vec![6; 16],
            b_path: vec![[7; 32]; 2],
        };
        SignedSeal::sign(signer, &GENESIS, &PRE_HASH, seal)
    }

    #[test]
    fn the_runtime_takes_the_signature_for_this_block_and_owner_only() {
        let alice = Signer::from_suri("//Alice").unwrap();
        let bytes = signed(&alice).encode();
        let read = quern_api::SignedSeal::decode_strict(&bytes).unwrap();
        assert!(
            read.verify(&alice.account().into(), &GENESIS, &PRE_HASH)
                .is_ok()
        );
        assert!(
            read.verify(&alice.account().into(), &GENESIS, &[3; 32])
                .is_err()
        );
        assert!(read.verify(&[9; 32].into(), &GENESIS, &PRE_HASH).is_err());
    }

    #[test]
    fn a_signed_seal_survives_its_bytes_and_nothing_shorter_does() {
        let signed = signed(&Signer::from_suri("//Alice").unwrap());
        let bytes = signed.encode();
        assert_eq!(SignedSeal::decode_strict(&bytes), Ok(signed));
        for length in [0, 64, 65, bytes.len() - 1] {
            assert_eq!(
                SignedSeal::decode_strict(&bytes[..length]),
                Err(SealError::Malformed)
            );
        }
        let other_kind = [&[2], &bytes[1..]].concat();
        assert_eq!(
            SignedSeal::decode_strict(&other_kind),
            Err(SealError::Malformed)
        );
    }
}
