//! Seals with their author's signature.

use crate::Signer;
use codec::Encode;
use quern_work::{Hash, SealSignature, SignedSeal, WorkSeal};

impl Signer {
    /// Signs a seal for the block with this pre-hash.
    #[must_use]
    pub fn sign_seal(&self, genesis: &Hash, pre_hash: &Hash, seal: WorkSeal) -> SignedSeal {
        let message = SignedSeal::message(genesis, pre_hash, &seal.encode());
        SignedSeal {
            signature: SealSignature::Sr25519(self.sign(&message)),
            seal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: Hash = [1; 32];
    const PRE_HASH: Hash = [2; 32];

    #[test]
    fn the_runtime_takes_the_signature_for_this_block_and_owner_only() {
        let alice = Signer::from_suri("//Alice").unwrap();
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
        let signed = alice.sign_seal(&GENESIS, &PRE_HASH, seal);
        let owner = alice.account().into();
        assert!(quern_api::verify_signature(&signed, &owner, &GENESIS, &PRE_HASH).is_ok());
        assert!(quern_api::verify_signature(&signed, &owner, &GENESIS, &[3; 32]).is_err());
        assert!(
            quern_api::verify_signature(&signed, &[9; 32].into(), &GENESIS, &PRE_HASH).is_err()
        );
    }
}
