//! # Reputation
//!
//! What accounts have earned by right answers and lost by wrong ones.
//!
//! - A *deed* is an accepted or rejected claim, a vote with or against the outcome, an
//!   absence, a validator's vote for two chains at once. Other pallets report deeds through [`Reputation`];
//!   there are no calls.
//! - A *score* is counted in thousandths, never below zero, and halves every [`Config::HalfLife`] blocks.
//!   It decays when it is looked at: the stored number is the score at its last deed, and when that was on
//!   the [`Clock`]. A half-life that changes counts from the next block on: it never moves a score by itself.
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
pub mod clock;

#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use pallet::*;

/// A score as it was at its last deed.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Score {
    /// Thousandths.
    pub milli: u64,
    /// Where the clock's hand was at the deed.
    pub at: u64,
}

#[frame::pallet]
pub mod pallet {
    use super::*;

    /// Version of the storage's layout.
    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config {
        /// Blocks in which a score halves; at least one, whatever it says.
        type HalfLife: Get<u32>;
    }

    /// Scores above zero, each as it was at its last deed.
    #[pallet::storage]
    pub type Scores<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, Score, ValueQuery>;

    /// What scores decay by; `None` before block 1.
    #[pallet::storage]
    pub type Decay<T> = StorageValue<_, Clock>;

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
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            let half_life = T::HalfLife::get();
            let turned = match Decay::<T>::get() {
                Some(clock) => clock.turned(Self::now(), half_life),
                None => Some(Clock::new(half_life)),
            };
            if let Some(turned) = turned {
                Decay::<T>::put(turned);
            }
            T::DbWeight::get().reads_writes(2, 1)
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    impl<T: Config> Pallet<T> {
        /// The score of an account now, in thousandths.
        pub fn score(who: &T::AccountId) -> u64 {
            let Score { milli, at } = Scores::<T>::get(who);
            arithmetic::decayed(milli, Self::hand().saturating_sub(at))
        }

        /// Where the clock's hand is.
        fn hand() -> u64 {
            let clock = Decay::<T>::get().unwrap_or_else(|| Clock::new(T::HalfLife::get()));
            clock.hand(Self::now())
        }

        fn now() -> u32 {
            frame_system::Pallet::<T>::block_number().saturated_into()
        }

        /// No score is zero, and none is from the future.
        #[cfg(any(feature = "std", feature = "try-runtime"))]
        pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            let hand = Self::hand();
            for score in Scores::<T>::iter_values() {
                ensure!(score.milli > 0, "reputation: a stored score of zero");
                ensure!(score.at <= hand, "reputation: a deed from the future");
            }
            Ok(())
        }
    }

    impl<T: Config> Reputation<T::AccountId> for Pallet<T> {
        fn note(who: &T::AccountId, deed: Deed) {
            let milli = arithmetic::after(Self::score(who), deed);
            if milli > 0 {
                let at = Self::hand();
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
