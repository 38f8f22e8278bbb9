//! # Governance
//!
//! Who may change what, and within which bounds.
//!
//! - [`Origin`] names the powers that a referendum can have beside the root's: each track of referenda
//!   speaks with one of them.
//! - A *parameter* is a number of the protocol that may change without a new runtime. `pallet-parameters`
//!   keeps the values that were chosen; a parameter that nobody chose has its default. This pallet is the
//!   only way to choose: [`Call::set_parameter`] writes a value and then checks that every parameter is
//!   within its bounds and none contradicts another ([`Parameters::check`]); otherwise nothing changes.
//!   So not even the root's call passes the bounds.
//! - The *revision* counts the changes, so that a watcher sees that there was one.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::{string::String, vec::Vec};
use frame::{
    deps::frame_support::storage::with_storage_layer, prelude::*,
    traits::dynamic_params::AggregatedKeyValue,
};
use polkadot_sdk::pallet_parameters;

pub mod migrations;
pub mod origins;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod tests;

pub use origins::{EnsureEmergency, EnsureParameters, EnsureSpend};
pub use pallet::*;
pub use weights::WeightInfo;

/// A parameter and the value that it shall have, as `pallet-parameters` knows them.
pub type KeyValueOf<T> = <T as pallet_parameters::Config>::RuntimeParameters;

/// A parameter.
pub type KeyOf<T> = <KeyValueOf<T> as AggregatedKeyValue>::Key;

/// A value of a parameter.
pub type ValueOf<T> = <KeyValueOf<T> as AggregatedKeyValue>::Value;

/// How changes are counted.
#[cfg(not(feature = "next"))]
pub type Changes = u32;

/// How changes are counted and dated.
#[cfg(feature = "next")]
pub type Changes = migrations::v2::Revision;

/// Which rule the parameters would break.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Breach {
    /// This parameter is below its minimum.
    BelowMinimum(&'static str),
    /// This parameter is above its maximum.
    AboveMaximum(&'static str),
    /// These two parameters contradict each other.
    Inconsistent(&'static str, &'static str),
}

/// The chain's parameters, as a whole.
pub trait Parameters<KeyValue> {
    /// Checks the bounds of every parameter as it stands now, and the rules between them.
    fn check() -> Result<(), Breach>;

    /// A parameter by its name, with this value; `None` if there is none, or the number is none of its type.
    fn named(name: &str, value: Option<u128>) -> Option<KeyValue>;

    /// A change that is within the bounds.
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare() -> KeyValue;
}

#[frame::pallet]
pub mod pallet {
    use super::*;

    /// Version of the storage's layout.
    const STORAGE_VERSION: StorageVersion =
        StorageVersion::new(if cfg!(feature = "next") { 2 } else { 1 });

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config + pallet_parameters::Config {
        /// Who may change parameters.
        type ChangeOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// What they are, and what they may be.
        type Parameters: Parameters<KeyValueOf<Self>>;

        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// A power that a referendum may have.
    #[pallet::origin]
    #[derive(
        Clone,
        Copy,
        Debug,
        Decode,
        DecodeWithMemTracking,
        Encode,
        Eq,
        MaxEncodedLen,
        PartialEq,
        TypeInfo,
    )]
    pub enum Origin {
        /// To change parameters within their bounds.
        Parameters,
        /// To spend the treasury's money.
        Spend,
        /// To stop and restart calls when something is wrong.
        Emergency,
    }

    /// How often parameters were changed, genesis included.
    #[pallet::storage]
    pub type Revision<T: Config> = StorageValue<_, Changes, ValueQuery>;

    /// Values that differ from the defaults.
    #[pallet::genesis_config]
    #[derive(frame::derive::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Names and values; a switch is 0 or 1.
        pub parameters: Vec<(String, u128)>,
        #[serde(skip)]
        #[doc(hidden)]
        pub marker: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            for (name, value) in &self.parameters {
                let Some(change) = T::Parameters::named(name, Some(*value)) else {
                    panic!(
                        "governance: no parameter is called {name}, or {value} is none of its values"
                    );
                };
                Pallet::<T>::write(change);
            }
            let checked = T::Parameters::check();
            assert_eq!(
                checked,
                Ok(()),
                "governance: parameters of the genesis are out of bounds"
            );
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A parameter was set. `None` is its default.
        ParameterSet {
            /// Which one.
            key: KeyOf<T>,
            /// Its value before.
            old: Option<ValueOf<T>>,
            /// Its value from now on.
            new: Option<ValueOf<T>>,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The value is below the parameter's minimum. Choose a larger one.
        BelowMinimum,
        /// The value is above the parameter's maximum. Choose a smaller one.
        AboveMaximum,
        /// The value contradicts another parameter. Change that one first, or choose another value.
        Inconsistent,
    }

    impl<T> From<Breach> for Error<T> {
        fn from(breach: Breach) -> Self {
            match breach {
                Breach::BelowMinimum(_) => Self::BelowMinimum,
                Breach::AboveMaximum(_) => Self::AboveMaximum,
                Breach::Inconsistent(..) => Self::Inconsistent,
            }
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Gives a parameter a value, or (`None`) its default back, from now on.
        #[pallet::call_index(0)]
        #[pallet::weight(<T as Config>::WeightInfo::set_parameter())]
        pub fn set_parameter(origin: OriginFor<T>, key_value: KeyValueOf<T>) -> DispatchResult {
            T::ChangeOrigin::ensure_origin(origin)?;
            with_storage_layer(|| {
                let (key, old, new) = Self::write(key_value);
                T::Parameters::check().map_err(Error::<T>::from)?;
                Self::deposit_event(Event::ParameterSet { key, old, new });
                Ok(())
            })
        }
    }

    impl<T: Config> Pallet<T> {
        /// Stores a value without a look at its bounds, and counts the change.
        fn write(key_value: KeyValueOf<T>) -> (KeyOf<T>, Option<ValueOf<T>>, Option<ValueOf<T>>) {
            let (key, new) = key_value.into_parts();
            let old = pallet_parameters::Parameters::<T>::get(&key);
            pallet_parameters::Parameters::<T>::set(&key, new.clone());
            Revision::<T>::mutate(|revision| {
                #[cfg(not(feature = "next"))]
                {
                    *revision = revision.saturating_add(1);
                }
                #[cfg(feature = "next")]
                revision.count(frame_system::Pallet::<T>::block_number().saturated_into());
            });
            (key, old, new)
        }

        /// Every parameter is within its bounds, and none contradicts another.
        #[cfg(any(feature = "std", feature = "try-runtime"))]
        pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            T::Parameters::check().map_err(|breach| match breach {
                Breach::BelowMinimum(_) => "governance: a parameter is below its minimum",
                Breach::AboveMaximum(_) => "governance: a parameter is above its maximum",
                Breach::Inconsistent(..) => "governance: two parameters contradict each other",
            })?;
            Ok(())
        }
    }
}
