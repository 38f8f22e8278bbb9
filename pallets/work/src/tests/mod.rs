//! How runs, seals, shares and claims behave on a chain.

mod changes;
mod claims;
mod refusals;
mod runs;
mod seals;

use crate::{mock::*, *};
use frame::{
    deps::{
        sp_core::H256,
        sp_runtime::{AccountId32, Permill},
    },
    testing_prelude::*,
};
use quern_api::{InherentError, PARENT_SEAL, ParentSeal, PendingClaim};
use quern_market::seams::{Claims, Deed, Outcome};
use quern_training::{State, weights_tree};
use quern_work::{SealError, SealSignature, SignedSeal, TILE, WorkSeal, batch};

const SALT: [u8; 32] = [3; 32];
const WEIGHTS: [u8; 32] = [4; 32];
const LUCK: [u8; 32] = [6; 32];
const PRE_HASH: H256 = H256([7; 32]);

fn signed(who: &AccountId32) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.clone())
}

fn genesis() -> H256 {
    System::block_hash(0)
}

/// A true seal of Alice's run 0: step `step` with the initial weights (which seals don't check).
fn seal(step: u64, tile: (u32, u32)) -> WorkSeal {
    let (data, spec) = (dataset(), spec());
    let run = Runs::<Test>::get(0).unwrap();
    let state = State::initial(&spec.sizes(), &run.seed).unwrap();
    let bt = state.first_operand_transposed();
    let features = spec.dataset.features as usize;
    let weights = weights_tree(&bt, state.features());
    let block = batch::block(&run.seed, step, tile.0, data.commitment().row_blocks);
    let (rows, labels) = data.row_block(block);
    let strip = tile.1 as usize * TILE * features;
    WorkSeal {
        run: 0,
        step,
        tile,
        weights_root: weights.root(),
        a_rows: rows.to_vec(),
        labels: labels.try_into().unwrap(),
        a_path: data.tree().path(block as usize),
        b_rows: bt[strip..strip + TILE * features].to_vec(),
        b_path: weights.path(tile.1 as usize),
    }
}

fn bytes(seal: &WorkSeal) -> pallet::SealBytes {
    seal.encode().try_into().unwrap()
}

/// The seal as a block carries it, signed by this key.
fn signed_by(key: Sr25519Keyring, seal: &WorkSeal) -> Vec<u8> {
    let message = SignedSeal::message(&genesis().0, &PRE_HASH.0, &seal.encode());
    SignedSeal {
        signature: SealSignature::Sr25519(key.sign(&message).0),
        seal: seal.clone(),
    }
    .encode()
}

/// Checks the seal, signed by Alice.
fn check(seal: &WorkSeal, author: &AccountId32, difficulty: u128) -> Result<(), SealError> {
    let bytes = signed_by(Sr25519Keyring::Alice, seal);
    Work::verify_seal(genesis(), PRE_HASH, author, &bytes, difficulty)
}

/// Records that `step` of Alice's run sealed the last block.
fn record(step: u64) {
    record_on(0, step);
}

fn record_on(run: RunId, step: u64) {
    Recorded::<Test>::kill();
    assert_ok!(Work::record_seal(
        RuntimeOrigin::none(),
        run,
        step,
        WEIGHTS,
        LUCK
    ));
}

fn claim(run: RunId, from: u64, to: u64) -> Claim {
    Claim {
        run,
        from,
        to,
        state_root: ROOT,
        trace_root: [2; 32],
        starts_root: [6; 32],
        metric: 3,
    }
}

fn commit(who: &AccountId32, claim: &Claim) -> DispatchResultWithPostInfo {
    let digest = claim.commitment(who.as_ref(), &SALT);
    Work::commit_claim(signed(who), claim.run, digest)
}

fn reveal(who: &AccountId32, claim: &Claim) -> DispatchResultWithPostInfo {
    Work::reveal_claim(signed(who), claim.clone(), SALT)
}

/// Commits to a claim and reveals it in the next block.
fn claimed(who: &AccountId32, claim: &Claim) {
    assert_ok!(commit(who, claim));
    pass(1);
    assert_ok!(reveal(who, claim));
}

fn pass(blocks: u64) {
    System::set_block_number(System::block_number() + blocks);
}

fn run(id: RunId) -> Run<AccountId32> {
    Runs::<Test>::get(id).unwrap()
}
