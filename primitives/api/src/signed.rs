//! The check of a seal's signature.

use codec::Encode;
use polkadot_sdk::{
    sp_core::{ed25519, sr25519},
    sp_runtime::{AccountId32, MultiSignature, traits::Verify},
};
use quern_work::{Hash, SealError, SealSignature, SignedSeal};

/// Checks that `owner` has signed the seal for the block with this pre-hash.
///
/// # Errors
/// [`SealError::BadSignature`].
pub fn verify_signature(
    signed: &SignedSeal,
    owner: &AccountId32,
    genesis: &Hash,
    pre_hash: &Hash,
) -> Result<(), SealError> {
    let message = SignedSeal::message(genesis, pre_hash, &signed.seal.encode());
    let signature: MultiSignature = match signed.signature {
        SealSignature::Ed25519(bytes) => ed25519::Signature::from_raw(bytes).into(),
        SealSignature::Sr25519(bytes) => sr25519::Signature::from_raw(bytes).into(),
    };
    signature
        .verify(&message[..], owner)
        .then_some(())
        .ok_or(SealError::BadSignature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use polkadot_sdk::{
        sp_core::Pair,
        sp_runtime::{MultiSigner, traits::IdentifyAccount},
    };
    use proptest::prelude::*;
    use quern_work::WorkSeal;

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

    fn account(public: impl Into<MultiSigner>) -> AccountId32 {
        public.into().into_account()
    }

    fn message() -> Hash {
        SignedSeal::message(&GENESIS, &PRE_HASH, &seal().encode())
    }

    fn signed() -> (SignedSeal, AccountId32) {
        let pair = sr25519::Pair::from_seed(&[8; 32]);
        let signature = SealSignature::Sr25519(pair.sign(&message()).0);
        let seal = seal();
        (SignedSeal { signature, seal }, account(pair.public()))
    }

    #[test]
    fn the_owner_of_either_kind_of_key_signs_the_seal() {
        let (by_sr25519, owner) = signed();
        assert_eq!(
            verify_signature(&by_sr25519, &owner, &GENESIS, &PRE_HASH),
            Ok(())
        );

        let pair = ed25519::Pair::from_seed(&[9; 32]);
        let by_ed25519 = SignedSeal {
            signature: SealSignature::Ed25519(pair.sign(&message()).0),
            seal: seal(),
        };
        let owner = account(pair.public());
        assert_eq!(
            verify_signature(&by_ed25519, &owner, &GENESIS, &PRE_HASH),
            Ok(())
        );
    }

    #[test]
    fn a_signature_holds_for_one_owner_chain_block_and_seal() {
        let (signed, owner) = signed();
        let bad = Err(SealError::BadSignature);
        let stranger = AccountId32::new([9; 32]);
        assert_eq!(
            verify_signature(&signed, &stranger, &GENESIS, &PRE_HASH),
            bad
        );
        assert_eq!(verify_signature(&signed, &owner, &PRE_HASH, &PRE_HASH), bad);
        assert_eq!(verify_signature(&signed, &owner, &GENESIS, &GENESIS), bad);
        let mut other = signed;
        other.seal.step += 1;
        assert_eq!(verify_signature(&other, &owner, &GENESIS, &PRE_HASH), bad);
    }

    #[test]
    fn a_signed_seal_with_any_byte_changed_has_another_meaning() {
        let (signed, owner) = signed();
        let bytes = signed.encode();
        proptest!(|(at in 0..bytes.len(), value: u8)| {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(decoded) = SignedSeal::decode_strict(&changed) {
                let holds = verify_signature(&decoded, &owner, &GENESIS, &PRE_HASH).is_ok();
                prop_assert_eq!(holds, changed == bytes);
            }
        });
    }
}
