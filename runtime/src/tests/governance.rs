//! What holders can decide on the real runtime, and what they can't.

mod bounds;
mod emergency;
mod parameters_track;
mod proposals;
mod together;
mod treasury;
mod upgrades;

use super::{config, open_block};
use crate::{accounts::ProxyType, money::*, parameters::RuntimeParameters, *};
use codec::{Decode, Encode};
use pallet_governance::{Error as Bounds, Origin, migrations::v2};
use polkadot_sdk::{
    frame_support::{
        StorageHasher, assert_noop, assert_ok,
        dispatch::{DispatchClass, GetDispatchInfo},
        storage::unhashed,
        traits::{
            Contains, Get, GetStorageVersion, InstanceFilter, OnFinalize, OnRuntimeUpgrade,
            PalletInfoAccess, StorageVersion, StorePreimage, schedule::DispatchTime,
        },
    },
    pallet_conviction_voting::{AccountVote, Conviction, Vote},
    pallet_referenda::ReferendumInfo,
    sp_core::{
        storage::well_known_keys,
        traits::{ReadRuntimeVersion, ReadRuntimeVersionExt},
    },
    sp_genesis_builder,
    sp_io::TestExternalities,
    sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie},
    sp_runtime::{
        BuildStorage, DispatchError, DispatchResult,
        traits::{BadOrigin, BlakeTwo256, Dispatchable, Hash as _},
    },
};
use quern_market::{Role, seams::CommonsPay};

/// The dev chain, between two blocks' extrinsics.
struct Chain {
    block: BlockNumber,
}

fn with_chain(test: impl FnOnce(&mut Chain)) {
    externalities().execute_with(|| {
        open_block(1);
        test(&mut Chain { block: 1 });
        assert_ok!(Governance::do_try_state());
        assert_ok!(Rewards::do_try_state());
    });
}

fn externalities() -> TestExternalities {
    let storage = config(sp_genesis_builder::DEV_RUNTIME_PRESET)
        .build_storage()
        .unwrap();
    TestExternalities::new(storage)
}

impl Chain {
    fn skip(&mut self, blocks: u32) {
        for _ in 0..blocks {
            AllPalletsWithSystem::on_finalize(self.block);
            self.block += 1;
            System::reset_events();
            open_block(self.block);
        }
    }

    /// Proposes a call with this power and places the deposit; the referendum's index.
    fn propose(&mut self, power: impl Into<OriginCaller>, call: impl Into<RuntimeCall>) -> u32 {
        let index = pallet_referenda::ReferendumCount::<Runtime>::get();
        assert_ok!(submit(Bob, power, call));
        assert_ok!(Referenda::place_decision_deposit(signed(Charlie), index));
        index
    }

    /// Passes a referendum with everybody's voice, and waits until its call was dispatched; the result.
    fn decide(
        &mut self,
        power: impl Into<OriginCaller>,
        call: impl Into<RuntimeCall>,
    ) -> DispatchResult {
        let index = self.propose(power, call);
        for who in Sr25519Keyring::well_known() {
            assert_ok!(vote(who, index, 900 * QRN));
        }
        for _ in 0..40 {
            self.skip(1);
            if let Some(result) = dispatched() {
                return result;
            }
        }
        panic!("the referendum did not pass");
    }
}

/// Result of the scheduled call of this block.
fn dispatched() -> Option<DispatchResult> {
    System::events()
        .into_iter()
        .find_map(|record| match record.event {
            RuntimeEvent::Scheduler(pallet_scheduler::Event::Dispatched {
                result,
                id: Some(_),
                ..
            }) => Some(result),
            _ => None,
        })
}

fn signed(who: Sr25519Keyring) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.to_account_id())
}

fn root() -> OriginCaller {
    frame_system::RawOrigin::Root.into()
}

fn submit(
    who: Sr25519Keyring,
    power: impl Into<OriginCaller>,
    call: impl Into<RuntimeCall>,
) -> DispatchResult {
    let call = <Preimage as StorePreimage>::bound(call.into()).unwrap();
    let enactment = DispatchTime::After(0);
    Referenda::submit(signed(who), Box::new(power.into()), call, enactment)
}

fn vote(who: Sr25519Keyring, index: u32, balance: Balance) -> DispatchResult {
    let vote = AccountVote::Standard {
        vote: Vote {
            aye: true,
            conviction: Conviction::None,
        },
        balance,
    };
    ConvictionVoting::vote(signed(who), index, vote)
}

/// The change of a parameter by its name.
fn change(name: &str, value: Option<u128>) -> RuntimeParameters {
    <parameters::Bounds as pallet_governance::Parameters<_>>::named(name, value).unwrap()
}

fn set(name: &str, value: u128) -> RuntimeCall {
    let key_value = change(name, Some(value));
    pallet_governance::Call::set_parameter { key_value }.into()
}

/// Sets a parameter by the root's power, without a referendum.
fn order(name: &str, value: u128) -> DispatchResult {
    Governance::set_parameter(RuntimeOrigin::root(), change(name, Some(value)))
}

fn free(who: &AccountId) -> Balance {
    Balances::free_balance(who)
}

fn transfer(amount: Balance) -> RuntimeCall {
    pallet_balances::Call::transfer_keep_alive {
        dest: Ferdie.to_account_id().into(),
        value: amount,
    }
    .into()
}

/// Dispatches a signed call through the filters.
fn dispatch(call: impl Into<RuntimeCall>, who: Sr25519Keyring) -> DispatchResult {
    call.into()
        .dispatch(signed(who))
        .map(|_| ())
        .map_err(|error| error.error)
}

/// What a filtered call ends with.
fn filtered() -> DispatchResult {
    Err(frame_system::Error::<Runtime>::CallFiltered.into())
}
