//! What can be stopped when something is wrong, and what never can.
//!
//! - *Safe mode*: money stands still, but for what the treasury's track has decided. Duties under way go on,
//!   so that nobody misses a deadline by it, and so does mining.
//! - A *pause* stops single calls by name.
//!
//! Neither stops what the chain itself needs: the calls that every block must carry, and those by which
//! holders decide, so that governance can always leave what it entered. Both are the emergency track's.

use crate::{
    AccountId, Balances, Runtime, RuntimeCall, RuntimeEvent, RuntimeHoldReason, SafeMode, TxPause,
    governance::{Days, RootOrEmergency},
};
use pallet_governance::EnsureEmergency;
use polkadot_sdk::{
    frame_support::traits::{
        ConstU32, Contains, EitherOf, Get, GetCallMetadata, InsideBoth, NeverEnsureOrigin,
    },
    frame_system::{EnsureRootWithSuccess, EnsureWithSuccess},
    pallet_safe_mode, pallet_session, pallet_tx_pause,
};

/// What may be called at all: neither what safe mode nor what a pause stops, nor [`KeysStay`].
pub type Callable = InsideBoth<KeysStay, InsideBoth<SafeMode, TxPause>>;

/// Validators are chosen by their supervisors' tickets, session by session: none may take its keys away
/// while it is one.
pub struct KeysStay;

impl Contains<RuntimeCall> for KeysStay {
    fn contains(call: &RuntimeCall) -> bool {
        !matches!(
            call,
            RuntimeCall::Session(pallet_session::Call::purge_keys { .. })
        )
    }
}

/// Whether the chain or its governance can't do without this call.
fn vital(pallet: &str, call: &str) -> bool {
    match pallet {
        // An authorised runtime is applied by a call of System.
        "System" | "Timestamp" | "Grandpa" => true,
        // Every block records the seal of its parent.
        "Work" => call == "record_seal",
        "Preimage" | "Scheduler" | "Referenda" | "ConvictionVoting" | "Governance" | "SafeMode"
        | "TxPause" => true,
        // Accounts that vote together or by another's hand. What they carry is looked at by itself.
        "Multisig" | "Proxy" | "Utility" => true,
        _ => false,
    }
}

/// Whether this call is part of a duty that has a deadline: a ticket that expires meanwhile could do none.
fn duty(pallet: &str, call: &str) -> bool {
    match pallet {
        "Work" => !matches!(call, "close_run" | "forfeit"),
        "Audits" => true,
        "Tasks" => matches!(
            call,
            "replace" | "log_round" | "commit_scores" | "reveal_scores"
        ),
        "Tickets" => call == "renew",
        _ => false,
    }
}

/// Whether this call is a decision of the treasury's track, or pays what it decided in its time. A call that a
/// referendum has decided is made once: refused, it would be lost.
fn decided(pallet: &str) -> bool {
    pallet == "Treasury"
}

/// What safe mode lets pass.
pub struct InSafeMode;

impl Contains<RuntimeCall> for InSafeMode {
    fn contains(call: &RuntimeCall) -> bool {
        let name = call.get_call_metadata();
        let (pallet, call) = (name.pallet_name, name.function_name);
        vital(pallet, call) || duty(pallet, call) || decided(pallet)
    }
}

/// What can't be paused.
pub struct Unpausable;

impl Contains<pallet_tx_pause::RuntimeCallNameOf<Runtime>> for Unpausable {
    fn contains((pallet, call): &pallet_tx_pause::RuntimeCallNameOf<Runtime>) -> bool {
        match (core::str::from_utf8(pallet), core::str::from_utf8(call)) {
            (Ok(pallet), Ok(call)) => vital(pallet, call),
            _ => false,
        }
    }
}

/// How long safe mode lasts, and is prolonged by.
type Spell = Days<7>;

/// Nobody can stop the chain for a deposit.
pub struct NotForSale;

impl<T> Get<Option<T>> for NotForSale {
    fn get() -> Option<T> {
        None
    }
}

/// The root's power or that of an emergency, for a spell.
type ForASpell = EitherOf<
    EnsureRootWithSuccess<AccountId, Spell>,
    EnsureWithSuccess<EnsureEmergency, AccountId, Spell>,
>;

impl pallet_safe_mode::Config for Runtime {
    type Currency = Balances;
    type EnterDepositAmount = NotForSale;
    type EnterDuration = Spell;
    type ExtendDepositAmount = NotForSale;
    type ExtendDuration = Spell;
    type ForceDepositOrigin = NeverEnsureOrigin<()>;
    type ForceEnterOrigin = ForASpell;
    type ForceExitOrigin = RootOrEmergency;
    type ForceExtendOrigin = ForASpell;
    type Notify = ();
    type ReleaseDelay = NotForSale;
    type RuntimeEvent = RuntimeEvent;
    type RuntimeHoldReason = RuntimeHoldReason;
    type WeightInfo = pallet_safe_mode::weights::SubstrateWeight<Runtime>;
    type WhitelistedCalls = InSafeMode;
}

impl pallet_tx_pause::Config for Runtime {
    type MaxNameLen = ConstU32<64>;
    type PauseOrigin = RootOrEmergency;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type UnpauseOrigin = RootOrEmergency;
    type WeightInfo = pallet_tx_pause::weights::SubstrateWeight<Runtime>;
    type WhitelistedCalls = Unpausable;
}
