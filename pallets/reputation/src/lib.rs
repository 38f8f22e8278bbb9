//! # Reputation
//!
//! What accounts have earned by right answers and lost by wrong ones.
//!
//! - A *deed* is an accepted or rejected claim, a vote with or against the outcome, an absence, a
//!   contradiction. Other pallets report deeds through [`Reputation`]; there are no calls.
//! - A *score* is counted in thousandths, never below zero, and halves every [`Config::HalfLife`] blocks.
//!   It decays when it is looked at: the stored number is the score at its last deed.
//! - The *factor* min(1, ln(1+r)/ln 11) weighs an account's chances; 2.0 *qualifies* for a quorum seat.
//!
//! The numbers are in [`arithmetic`].

#![cfg_attr(not(feature = "std"), no_std)]

use codec::{Decode, Encode, MaxEncodedLen};
use frame::{
    prelude::*,
    traits::{Get, SaturatedConversion},
};
use quern_market::seams::{Deed, Reputation};
use scale_info::TypeInfo;

pub mod arithmetic;

#[cfg(test)]
mod tests;

pub use pallet::*;

/// A score as it was at its last deed.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Score {
    /// Thousandths.
    pub milli: u64,
    /// Block of the deed.
    pub at: u32,
}

#[frame::pallet]
pub mod pallet {
    use super::*;

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config {
        /// Blocks in which a score halves.
        #[pallet::constant]
        type HalfLife: Get<u32>;
    }

    /// Scores above zero, each as it was at its last deed.
    #[pallet::storage]
    pub type Scores<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, Score, ValueQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A deed moved a score.
        Moved {
            /// Whose.
            who: T::AccountId,
            /// The score from now on, in thousandths.
            milli: u64,
        },
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    impl<T: Config> Pallet<T> {
        /// The score of an account now, in thousandths.
        pub fn score(who: &T::AccountId) -> u64 {
            let Score { milli, at } = Scores::<T>::get(who);
            arithmetic::decayed(milli, Self::now().saturating_sub(at), T::HalfLife::get())
        }

        fn now() -> u32 {
            frame_system::Pallet::<T>::block_number().saturated_into()
        }

        /// No score is zero, and none is from the future.
        #[cfg(any(feature = "std", feature = "try-runtime"))]
        pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            let now = Self::now();
            for score in Scores::<T>::iter_values() {
                ensure!(score.milli > 0, "reputation: a stored score of zero");
                ensure!(score.at <= now, "reputation: a deed from the future");
            }
            Ok(())
        }
    }

    impl<T: Config> Reputation<T::AccountId> for Pallet<T> {
        fn note(who: &T::AccountId, deed: Deed) {
            let milli = arithmetic::after(Self::score(who), deed);
            if milli > 0 {
                let at = Self::now();
                Scores::<T>::insert(who, Score { milli, at });
            } else {
                Scores::<T>::remove(who);
            }
            Self::deposit_event(Event::Moved {
                who: who.clone(),
                milli,
            });
        }

        fn factor(who: &T::AccountId) -> Permill {
            arithmetic::factor(Self::score(who))
        }

        fn qualifies(who: &T::AccountId) -> bool {
            Self::score(who) >= arithmetic::QUALIFIED
        }
    }
}
