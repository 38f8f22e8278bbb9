//! Doubles of what the engine stands on: a chain in memory and a runtime that answers from a script.

mod chain;
mod client;

pub(crate) use chain::Chain;
pub(crate) use client::{GOOD, TRAP, TestClient, refused_as};

use polkadot_sdk::{
    sc_client_api::in_mem,
    sp_core::H256,
    sp_runtime::{
        Digest, DigestItem, OpaqueExtrinsic,
        generic::{self, Header as GenericHeader},
        traits::{BlakeTwo256, Header},
    },
};
use quern_work::{SealSignature, SignedSeal, WorkSeal};

pub(crate) type TestHeader = GenericHeader<u64, BlakeTwo256>;
pub(crate) type TestBlock = generic::Block<TestHeader, OpaqueExtrinsic>;
pub(crate) type TestBackend = in_mem::Backend<TestBlock>;
pub(crate) type Blockchain = in_mem::Blockchain<TestBlock>;

/// A header with these digest items and nothing else.
pub(crate) fn header(
    number: u64,
    parent: H256,
    items: impl IntoIterator<Item = DigestItem>,
) -> TestHeader {
    let digest = Digest {
        logs: items.into_iter().collect(),
    };
    TestHeader::new(number, H256::zero(), H256::zero(), parent, digest)
}

/// The bytes of a signed seal of this run and step, whose proof and signature prove nothing.
pub(crate) fn signed_seal(run: u64, step: u64) -> Vec<u8> {
    SignedSeal {
        signature: SealSignature::Sr25519([0; 64]),
        seal: WorkSeal {
            run,
            step,
            tile: (0, 0),
            weights_root: [3; 32],
            a_rows: vec![0; 16],
            labels: [0; 16],
            a_path: Vec::new(),
            b_rows: vec![0; 16],
            b_path: Vec::new(),
        },
    }
    .encode()
}
