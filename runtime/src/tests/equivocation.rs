//! Validators that vote for two chains at once are reported, convicted once, and leave.

use super::{AccountTotal, world::*};
use crate::{
    configs::{RuntimeBlockWeights, SessionLength},
    equivocation::{ReportWithin, Seats, Votes},
    money::*,
    *,
};
use codec::{Decode, Encode};
use polkadot_sdk::{
    frame_support::{
        assert_noop, assert_ok,
        dispatch::{DispatchClass, GetDispatchInfo, Pays},
        storage::{TransactionOutcome, with_transaction},
    },
    pallet_grandpa::{Call, Error, SetIdSession},
    sp_consensus_grandpa::{
        AuthorityId, Equivocation, EquivocationProof, Message, OpaqueKeyOwnershipProof, Precommit,
        Prevote, localized_payload, runtime_decl_for_grandpa_api::GrandpaApi,
    },
    sp_core::offchain::{TransactionPoolExt, testing::TestTransactionPoolExt},
    sp_keyring::{Ed25519Keyring, Sr25519Keyring},
    sp_runtime::{
        DispatchError, DispatchResult, Permill,
        traits::Dispatchable,
        transaction_validity::{
            InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError,
        },
    },
};
use quern_market::{
    Role,
    seams::{Deed, Reputation as _},
};

/// The validators, and the keys that they vote with.
const VALIDATORS: [(Sr25519Keyring, Ed25519Keyring); 8] = [
    (Sr25519Keyring::Alice, Ed25519Keyring::Alice),
    (Sr25519Keyring::Bob, Ed25519Keyring::Bob),
    (Sr25519Keyring::Charlie, Ed25519Keyring::Charlie),
    (Sr25519Keyring::Dave, Ed25519Keyring::Dave),
    (Sr25519Keyring::Eve, Ed25519Keyring::Eve),
    (Sr25519Keyring::Ferdie, Ed25519Keyring::Ferdie),
    (Sr25519Keyring::AliceStash, Ed25519Keyring::AliceStash),
    (Sr25519Keyring::BobStash, Ed25519Keyring::BobStash),
];

/// Who votes for two chains, and with which key.
const CULPRIT: (Sr25519Keyring, Ed25519Keyring) = VALIDATORS[4];

/// Id of its supervisor's ticket.
const TICKET: u64 = 5;

/// What each has staked.
const STAKE: Balance = 10 * QRN;

/// A chain with eight validators.
fn externalities() -> polkadot_sdk::sp_io::TestExternalities {
    let supervisors = VALIDATORS.map(|(who, _)| (who, Role::Supervisor));
    let mut tickets = vec![(Alice, Role::Miner)];
    tickets.extend(supervisors);
    super::world::externalities(&tickets, |genesis| {
        genesis.session.keys = VALIDATORS
            .iter()
            .map(|(who, key)| {
                let grandpa = key.public().into();
                let who = who.to_account_id();
                (who.clone(), who, opaque::SessionKeys { grandpa })
            })
            .collect();
    })
}

fn with_validators(test: impl FnOnce(&mut World)) {
    run(&mut externalities(), test);
}

/// A block's hash.
fn block(number: u8) -> Hash {
    Hash::repeat_byte(number)
}

/// Signed prevotes for two blocks in the first round of a set.
fn votes_of(set: u64, round: u64, key: Ed25519Keyring, blocks: [Hash; 2]) -> Votes {
    let prevotes = blocks.map(|target_hash| {
        let prevote = Prevote::<Header> {
            target_hash,
            target_number: 9,
        };
        let message = Message::<Header>::Prevote(prevote.clone());
        (
            prevote,
            key.sign(&localized_payload(round, set, &message)).encode(),
        )
    });
    equivocation(set, round, key, 0, prevotes)
}

/// Votes of the kind with this index, with their signatures.
fn equivocation(
    set: u64,
    round: u64,
    key: Ed25519Keyring,
    kind: u8,
    votes: [(impl Encode, Vec<u8>); 2],
) -> Votes {
    let [first, second] = votes.map(|(vote, signature)| [vote.encode(), signature].concat());
    let head = (kind, round, AuthorityId::from(key.public())).encode();
    let bytes = [head, first, second].concat();
    let equivocation = Equivocation::decode(&mut &bytes[..]).unwrap();
    EquivocationProof::new(set, equivocation)
}

/// Two votes of the culprit in the set of genesis.
fn votes() -> Votes {
    votes_of(0, 1, CULPRIT.1, [block(1), block(2)])
}

/// Who votes now, as the node is told.
fn seats(key: Ed25519Keyring) -> Option<Seats> {
    Runtime::generate_key_ownership_proof(0, key.public().into())?.decode()
}

fn report(votes: Votes, seats: Seats) -> Call<Runtime> {
    Call::report_equivocation_unsigned {
        equivocation_proof: Box::new(votes),
        key_owner_proof: seats,
    }
}

/// What a report does in a block.
fn submit(votes: Votes, seats: Seats) -> DispatchResult {
    let call = RuntimeCall::from(report(votes, seats));
    let applied = Executive::apply_extrinsic(UncheckedExtrinsic::new_bare(call));
    applied.expect("a report that a block may have")
}

/// How the chain ends a report of this that reaches a block.
fn refused(votes: Votes, seats: Seats, error: Error<Runtime>) {
    let dispatch = |call: Call<Runtime>| RuntimeCall::from(call).dispatch(RuntimeOrigin::none());
    assert_noop!(
        dispatch(report(votes, seats)).map_err(|error| error.error),
        error
    );
}

/// What a pool says of a report.
fn validity(votes: Votes, seats: Seats) -> Result<(), TransactionValidityError> {
    let call = RuntimeCall::from(report(votes, seats));
    let extrinsic = UncheckedExtrinsic::new_bare(call);
    pooled(TransactionSource::Local, extrinsic).map(|_| ())
}

/// What a pool says of an extrinsic that came from there.
fn pooled(source: TransactionSource, extrinsic: UncheckedExtrinsic) -> TransactionValidity {
    with_transaction(|| {
        let valid = Executive::validate_transaction(source, extrinsic, System::parent_hash());
        TransactionOutcome::Rollback(Ok::<_, DispatchError>(valid))
    })
    .unwrap()
}

fn account(who: Sr25519Keyring) -> AccountId {
    who.to_account_id()
}

fn stake(who: Sr25519Keyring) -> Balance {
    Tickets::stake_of(&account(who))
}

/// Goes on to the block in which this many more sessions have begun.
fn sessions(world: &mut World, sessions: u32) {
    let begun = world.block / SessionLength::get();
    while world.block / SessionLength::get() < begun + sessions {
        world.next();
    }
}

/// What `convicts` of eight validators lose: min((3k/8)², 1).
fn part(convicts: u32) -> Permill {
    Permill::from_rational(9 * convicts * convicts, 64)
}

#[test]
fn two_votes_in_one_round_cost_stake_reputation_and_the_seat() {
    with_validators(|world| {
        let (who, key) = CULPRIT;
        for _ in 0..12 {
            Reputation::note(&account(who), Deed::Accepted);
        }
        let issued = Balances::total_issuance();
        let seats = seats(key).unwrap();
        assert_eq!(validity(votes(), seats.clone()), Ok(()));
        assert_ok!(submit(votes(), seats));
        let lost = part(1).mul_ceil(STAKE);
        assert_eq!(stake(who), STAKE - lost);
        assert_eq!(Balances::total_issuance(), issued - lost);
        assert_eq!(System::account_iter_total(), Balances::total_issuance());
        assert_eq!(Reputation::score(&account(who)), 2_000);
        let ticket = Tickets::ticket_info(TICKET).unwrap();
        assert_eq!(ticket.owner, account(who).into());
        assert!(ticket.withdrawable.is_some());

        // The session that has begun has its voters, and so has the next.
        sessions(world, 1);
        assert!(Session::validators().contains(&account(who)));
        sessions(world, 1);
        world.next();
        assert_eq!(Session::validators().len(), 7);
        assert!(!Session::validators().contains(&account(who)));
        let authorities = Grandpa::grandpa_authorities();
        assert!(authorities.iter().all(|(id, _)| *id != key.public().into()));
        assert_eq!(authorities.len(), 7);
        assert_eq!(seats_hold(key), None);
    });
}

/// The session in which this key votes now.
fn seats_hold(key: Ed25519Keyring) -> Option<u32> {
    seats(key).map(|seats| seats.session)
}

#[test]
fn precommits_count_as_prevotes_do() {
    with_validators(|_| {
        let (who, key) = CULPRIT;
        let precommits = [block(1), block(2)].map(|target_hash| {
            let precommit = Precommit::<Header> {
                target_hash,
                target_number: 9,
            };
            let message = Message::<Header>::Precommit(precommit.clone());
            (
                precommit,
                key.sign(&localized_payload(1, 0, &message)).encode(),
            )
        });
        let votes = equivocation(0, 1, key, 1, precommits);
        assert_ok!(submit(votes, seats(key).unwrap()));
        assert!(stake(who) < STAKE);
    });
}

#[test]
fn a_second_report_of_the_same_set_is_a_duplicate() {
    with_validators(|world| {
        let (who, key) = CULPRIT;
        let seats = seats(key).unwrap();
        assert_ok!(submit(votes(), seats.clone()));
        let left = stake(who);
        let again = votes_of(0, 2, key, [block(3), block(4)]);
        for votes in [votes(), again] {
            let known = validity(votes.clone(), seats.clone());
            assert_eq!(known, Err(InvalidTransaction::Stale.into()));
            refused(votes, seats.clone(), Error::DuplicateOffenceReport);
        }
        sessions(world, 1);
        refused(votes(), seats, Error::DuplicateOffenceReport);
        assert_eq!(stake(who), left);
    });
}

#[test]
fn whoever_attacks_with_others_loses_more_and_so_do_they() {
    with_validators(|_| {
        let lost = |who| STAKE - stake(who);
        let close = |lost: Balance, part: Permill| lost.abs_diff(part * STAKE) < MILLI_QRN;
        for (convicts, (_, key)) in (1..).zip(&VALIDATORS[1..4]) {
            let votes = votes_of(0, 1, *key, [block(1), block(2)]);
            assert_ok!(submit(votes, seats(*key).unwrap()));
            for (who, _) in &VALIDATORS[1..1 + convicts as usize] {
                let part = if convicts < 3 {
                    part(convicts)
                } else {
                    Permill::one()
                };
                assert!(close(lost(*who), part), "{who:?} lost {}", lost(*who));
            }
        }
    });
}

#[test]
fn what_is_no_equivocation_is_refused() {
    with_validators(|_| {
        let key = CULPRIT.1;
        let seats = seats(key).unwrap();
        let same = votes_of(0, 1, key, [block(1), block(1)]);
        refused(same, seats.clone(), Error::InvalidEquivocationProof);
        // Signed for another round, or by another key.
        let other_round = votes_of(0, 2, key, [block(1), block(2)]);
        let mut bytes = other_round.encode();
        bytes[9] = 1;
        let forged = Votes::decode(&mut &bytes[..]).unwrap();
        refused(forged, seats.clone(), Error::InvalidEquivocationProof);
        let mut bytes = votes_of(0, 1, Ed25519Keyring::Ferdie, [block(1), block(2)]).encode();
        bytes[17..49].copy_from_slice(&key.public().0);
        let forged = Votes::decode(&mut &bytes[..]).unwrap();
        assert_eq!(*forged.offender(), key.public().into());
        refused(forged, seats.clone(), Error::InvalidEquivocationProof);
        // A set that there was not yet.
        let later = votes_of(1, 1, key, [block(1), block(2)]);
        refused(later, seats.clone(), Error::InvalidEquivocationProof);
        // A key that votes not.
        let stranger = votes_of(0, 1, Ed25519Keyring::One, [block(1), block(2)]);
        let invalid = validity(stranger.clone(), seats.clone());
        assert_eq!(invalid, Err(InvalidTransaction::BadProof.into()));
        refused(stranger, seats, Error::InvalidKeyOwnershipProof);
        assert_eq!(stake(CULPRIT.0), STAKE);
    });
}

#[test]
fn a_key_must_be_proven_its_owners_in_a_session_of_the_set() {
    with_validators(|world| {
        let key = CULPRIT.1;
        let first = seats(key).unwrap();
        let mut altered = first.clone();
        altered.voters[0].1 = account(Ferdie);
        let invalid = validity(votes(), altered.clone());
        assert_eq!(invalid, Err(InvalidTransaction::BadProof.into()));
        refused(votes(), altered, Error::InvalidKeyOwnershipProof);
        // Another validator changes its key: another set two sessions later.
        let grandpa = Ed25519Keyring::One.public().into();
        let keys = opaque::SessionKeys { grandpa };
        pallet_session::NextKeys::<Runtime>::insert(account(Ferdie), keys);
        sessions(world, 2);
        world.next();
        assert_eq!(pallet_grandpa::CurrentSetId::<Runtime>::get(), 1);
        assert_eq!(SetIdSession::<Runtime>::get(0), Some(1));
        let second = seats(key).unwrap();
        assert_eq!((first.session, second.session), (0, 2));
        refused(votes(), second.clone(), Error::InvalidEquivocationProof);
        let later = votes_of(1, 1, key, [block(1), block(2)]);
        refused(
            later.clone(),
            first.clone(),
            Error::InvalidEquivocationProof,
        );
        // Each with its own.
        assert_ok!(submit(votes(), first));
        assert_ok!(submit(later, second));
    });
}

#[test]
fn a_key_that_was_changed_still_answers_for_what_it_signed() {
    with_validators(|world| {
        let (who, key) = CULPRIT;
        let grandpa = Ed25519Keyring::One.public().into();
        let keys = opaque::SessionKeys { grandpa };
        pallet_session::NextKeys::<Runtime>::insert(account(who), keys);
        let first = seats(key).unwrap();
        sessions(world, 1);
        // It still votes with the old one.
        assert_eq!(seats_hold(key), Some(1));
        assert_eq!(seats_hold(Ed25519Keyring::One), None);
        sessions(world, 1);
        assert_eq!(seats_hold(key), None);
        assert_eq!(seats_hold(Ed25519Keyring::One), Some(2));
        assert_ok!(submit(votes(), first));
        assert!(stake(who) < STAKE);
    });
}

#[test]
fn votes_are_reported_as_long_as_stakes_unbond_and_no_longer() {
    with_validators(|world| {
        let (who, key) = CULPRIT;
        let unbonding = 5 * SessionLength::get();
        let change = <parameters::Bounds as pallet_governance::Parameters<_>>::named(
            "tickets.unbonding",
            Some(unbonding.into()),
        );
        use polkadot_sdk::frame_support::traits::{Get, dynamic_params::AggregatedKeyValue};
        // Shorter than governance may make it, for a short test.
        let (key_of, value) = change.unwrap().into_parts();
        polkadot_sdk::pallet_parameters::Parameters::<Runtime>::insert(key_of, value.unwrap());
        assert_eq!(ReportWithin::get(), 3);
        sessions(world, 1);
        assert_ok!(Tickets::retire(signed(who), TICKET));
        let withdrawable = Tickets::ticket_info(TICKET).unwrap().withdrawable;
        assert_eq!(withdrawable, Some(6 * SessionLength::get()));
        sessions(world, 1);
        // Its last session.
        let last = seats(key).unwrap();
        assert_eq!(last.session, 2);
        sessions(world, 3);
        world.skip(SessionLength::get() - 1);
        let withdraw = || Tickets::withdraw(signed(who), TICKET);
        assert!(withdraw().is_err());
        assert_eq!(validity(votes(), last.clone()), Ok(()));
        world.next();
        let expired = validity(votes(), last.clone());
        assert_eq!(expired, Err(InvalidTransaction::BadProof.into()));
        refused(votes(), last, Error::InvalidKeyOwnershipProof);
        assert_ok!(withdraw());
    });
}

#[test]
fn a_stake_that_was_retired_is_taken_all_the_same() {
    with_validators(|world| {
        let (who, key) = CULPRIT;
        assert_ok!(Tickets::retire(signed(who), TICKET));
        sessions(world, 1);
        let seats = seats(key).unwrap();
        sessions(world, 3);
        assert_ok!(submit(votes(), seats));
        assert_eq!(stake(who), STAKE - part(1).mul_ceil(STAKE));
    });
}

#[test]
fn a_node_hands_its_report_to_its_own_pool_and_to_nobody_elses() {
    let mut externalities = externalities();
    let (pool, state) = TestTransactionPoolExt::new();
    externalities.register_extension(TransactionPoolExt::new(pool));
    run(&mut externalities, |_| {
        let seats = seats(CULPRIT.1).unwrap();
        let proof = OpaqueKeyOwnershipProof::new(seats.encode());
        let handed = Runtime::submit_report_equivocation_unsigned_extrinsic(votes(), proof);
        assert_eq!(handed, Some(()));
        let nonsense = OpaqueKeyOwnershipProof::new(vec![1]);
        let handed = Runtime::submit_report_equivocation_unsigned_extrinsic(votes(), nonsense);
        assert_eq!(handed, None);

        let sent = state.write().transactions.remove(0);
        let extrinsic = UncheckedExtrinsic::decode(&mut &sent[..]).unwrap();
        let valid = pooled(TransactionSource::Local, extrinsic.clone());
        assert!(!valid.unwrap().propagate);
        let foreign = pooled(TransactionSource::External, extrinsic.clone());
        assert_eq!(foreign, Err(InvalidTransaction::Call.into()));
        assert_ok!(Executive::apply_extrinsic(extrinsic).unwrap());
        assert!(stake(CULPRIT.0) < STAKE);
    });
}

#[test]
fn anybody_may_report_for_nothing_and_gains_nothing() {
    with_validators(|_| {
        let seats = seats(CULPRIT.1).unwrap();
        let free = Balances::free_balance(account(Dave));
        let call = Call::report_equivocation {
            equivocation_proof: Box::new(votes()),
            key_owner_proof: seats,
        };
        let reported = RuntimeCall::from(call).dispatch(signed(Dave)).unwrap();
        assert_eq!(reported.pays_fee, Pays::No);
        assert_eq!(Balances::free_balance(account(Dave)), free);
        assert!(stake(CULPRIT.0) < STAKE);
    });
}

#[test]
fn reports_are_taken_in_safe_mode() {
    with_validators(|_| {
        assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
        assert_ok!(submit(votes(), seats(CULPRIT.1).unwrap()));
        let other = votes_of(0, 1, VALIDATORS[5].1, [block(1), block(2)]);
        let call = Call::report_equivocation {
            equivocation_proof: Box::new(other),
            key_owner_proof: seats(VALIDATORS[5].1).unwrap(),
        };
        assert_ok!(RuntimeCall::from(call).dispatch(signed(Dave)));
        assert_ok!(SafeMode::force_exit(RuntimeOrigin::root()));
    });
}

#[test]
fn a_lone_validator_loses_all_and_the_chain_keeps_it() {
    super::with_dev_chain(|| {
        super::open_block(1);
        let key = Ed25519Keyring::Alice;
        assert_ok!(submit(
            votes_of(0, 1, key, [block(1), block(2)]),
            seats(key).unwrap()
        ));
        assert_eq!(Tickets::stake_of(&account(Alice)), 10 * QRN, "the miner's");
        let mut world = World { block: 1 };
        sessions(&mut world, 3);
        assert_eq!(Session::validators(), [account(Alice)]);
        check();
    });
}

#[test]
fn a_report_fits_into_a_block() {
    with_validators(|_| {
        let call = RuntimeCall::from(report(votes(), seats(CULPRIT.1).unwrap()));
        let info = call.get_dispatch_info();
        let limits = RuntimeBlockWeights::get();
        let room = limits.get(DispatchClass::Normal).max_extrinsic.unwrap();
        let weight = info.call_weight.ref_time();
        println!("a report: {} µs", weight / 1_000_000);
        assert!(2 * weight < room.ref_time());
    });
}

#[test]
fn a_report_by_an_unsigned_extrinsic_is_not_anybodys_call() {
    with_validators(|_| {
        let call = RuntimeCall::from(report(votes(), seats(CULPRIT.1).unwrap()));
        let signed = call.dispatch(signed(Dave)).map_err(|error| error.error);
        assert_eq!(signed, Err(DispatchError::BadOrigin));
    });
}
