//! A new runtime, and what it does to the state that it finds.

use super::*;

/// Reads the version of a blob from its first four bytes.
struct FirstBytes;

impl ReadRuntimeVersion for FirstBytes {
    fn read_runtime_version(
        &self,
        code: &[u8],
        _: &mut dyn polkadot_sdk::sp_core::traits::Externalities,
    ) -> Result<Vec<u8>, String> {
        let spec_version = u32::decode(&mut &code[..]).map_err(|error| error.to_string())?;
        Ok(RuntimeVersion {
            spec_version,
            ..VERSION
        }
        .encode())
    }
}

fn with_chain(test: impl FnOnce(&mut Chain)) {
    let mut externalities = externalities();
    externalities.register_extension(ReadRuntimeVersionExt::new(FirstBytes));
    externalities.execute_with(|| {
        open_block(1);
        test(&mut Chain { block: 1 });
    });
}

fn authorize(code: &[u8]) -> RuntimeCall {
    let code_hash = BlakeTwo256::hash(code);
    frame_system::Call::authorize_upgrade { code_hash }.into()
}

fn apply(code: &[u8], who: Sr25519Keyring) -> DispatchResult {
    let code = code.to_vec();
    dispatch(frame_system::Call::apply_authorized_upgrade { code }, who)
}

#[test]
fn are_authorised_by_the_root_track_and_applied_by_anybody() {
    with_chain(|chain| {
        let next = (2u32, b"next").encode();
        assert_ok!(chain.decide(root(), authorize(&next)));
        assert_ok!(apply(&next, Ferdie));
        assert_eq!(unhashed::get_raw(well_known_keys::CODE), Some(next));
    });
}

#[test]
fn of_another_blob_or_of_none_are_refused_by_name() {
    with_chain(|chain| {
        let (next, other) = ((2u32, b"next").encode(), (2u32, b"evil").encode());
        let nothing = frame_system::Error::<Runtime>::NothingAuthorized;
        let another = frame_system::Error::<Runtime>::Unauthorized;
        let code = unhashed::get_raw(well_known_keys::CODE);

        // Before the enactment there is nothing to apply.
        let index = chain.propose(root(), authorize(&next));
        assert_eq!(apply(&next, Ferdie), Err(nothing.into()));
        for who in Sr25519Keyring::well_known() {
            assert_ok!(vote(who, index, 900 * QRN));
        }
        while dispatched().is_none() {
            let nothing = frame_system::Error::<Runtime>::NothingAuthorized;
            assert_eq!(apply(&next, Ferdie), Err(nothing.into()));
            chain.skip(1);
            assert!(chain.block < 40);
        }
        assert_eq!(apply(&other, Ferdie), Err(another.into()));
        assert_eq!(unhashed::get_raw(well_known_keys::CODE), code);
        assert_ok!(apply(&next, Ferdie));
    });
}

#[test]
fn that_do_not_raise_the_version_are_not_applied() {
    with_chain(|chain| {
        let same = (VERSION.spec_version, b"same").encode();
        let code = unhashed::get_raw(well_known_keys::CODE);
        assert_ok!(chain.decide(root(), authorize(&same)));
        assert_ok!(apply(&same, Ferdie));
        assert_eq!(unhashed::get_raw(well_known_keys::CODE), code);
        let rejected = frame_system::Event::<Runtime>::RejectedInvalidAuthorizedUpgrade {
            code_hash: BlakeTwo256::hash(&same),
            error: frame_system::Error::<Runtime>::SpecVersionNeedsToIncrease.into(),
        };
        System::assert_last_event(rejected.into());
    });
}

#[test]
fn find_every_own_pallet_at_the_version_of_its_code() {
    fn same<P: GetStorageVersion<InCodeStorageVersion = StorageVersion> + PalletInfoAccess>() {
        let (chain, code) = (P::on_chain_storage_version(), P::in_code_storage_version());
        assert_eq!(chain, code, "{}", P::name());
        assert_eq!(chain, 1, "{}", P::name());
    }
    with_chain(|_| {
        same::<Difficulty>();
        same::<Reputation>();
        same::<Tickets>();
        same::<Tasks>();
        same::<Work>();
        same::<Audits>();
        same::<Rewards>();
        same::<Governance>();
    });
}

#[test]
fn migrate_what_the_last_release_stored() {
    with_chain(|chain| {
        assert_ok!(order("tasks.min_fee", 2 * QRN));
        // Genesis has set the governance day.
        let key = [
            polkadot_sdk::frame_support::Twox128::hash(b"Governance"),
            polkadot_sdk::frame_support::Twox128::hash(b"Revision"),
        ]
        .concat();
        assert_eq!(unhashed::get::<u32>(&key), Some(2));
        chain.skip(3);
        v2::Migration::<Runtime>::on_runtime_upgrade();
        let expected = v2::Revision { count: 2, last: 4 };
        assert_eq!(unhashed::get::<v2::Revision>(&key), Some(expected));
        assert_eq!(Governance::on_chain_storage_version(), 2);
    });
}
