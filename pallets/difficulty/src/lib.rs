//! # Difficulty
//!
//! How many MACs the next block is expected to cost. Total difficulty is therefore the number of
//! MACs that the chain has absorbed.
//!
//! At the end of each block the pallet reads the block's time and applies [`retarget`]: ±2 % a
//! block after a moving average of the interval, and every 100 blocks a correction of at most ¼…4
//! to the rate measured over the epoch; never below a floor that genesis sets. A block's time is
//! its author's word, bounded by what importers accept (later than its parent, at most seconds
//! ahead of their clocks).

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use frame::{prelude::*, traits::Time};

pub mod retarget;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use retarget::{Retarget, Target};
pub use weights::WeightInfo;

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
        /// The block's time, in milliseconds.
        type Time: Time<Moment = u64>;

        /// Weights of the hooks.
        type WeightInfo: WeightInfo;
    }

    /// Wanted interval and floor.
    #[pallet::storage]
    pub type Goal<T> = StorageValue<_, Target>;

    /// Difficulty of the next block, and what the retargeting remembers.
    #[pallet::storage]
    pub type State<T> = StorageValue<_, Retarget>;

    /// Interval, floor and first difficulty of a chain.
    #[pallet::genesis_config]
    pub struct GenesisConfig<T: Config> {
        /// Wanted interval between blocks, in milliseconds.
        pub interval_ms: u64,
        /// Smallest difficulty, in MACs.
        pub floor: u128,
        /// Difficulty of the first block, in MACs.
        pub initial: u128,
        #[serde(skip)]
        #[doc(hidden)]
        pub marker: PhantomData<T>,
    }

    impl<T: Config> Default for GenesisConfig<T> {
        /// A block a minute, from the smallest difficulty.
        fn default() -> Self {
            Self {
                interval_ms: 60_000,
                floor: 1,
                initial: 1,
                marker: PhantomData,
            }
        }
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            let target = Target {
                interval_ms: self.interval_ms,
                floor: self.floor,
            };
            assert!(
                target.is_valid(),
                "difficulty: the interval or the floor is out of bounds: {target:?}"
            );
            State::<T>::put(Retarget::initial(self.initial, &target));
            Goal::<T>::put(target);
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            T::WeightInfo::on_finalize()
        }

        fn on_finalize(_: BlockNumberFor<T>) {
            if let (Some(state), Some(target)) = (State::<T>::get(), Goal::<T>::get()) {
                State::<T>::put(state.next(T::Time::now(), &target));
            }
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    impl<T: Config> Pallet<T> {
        /// Expected MACs of the next block.
        pub fn current() -> u128 {
            State::<T>::get().map_or(u128::MAX, |state| state.difficulty)
        }

        /// Expected MACs of the block that is the parent of the next one, 0 before the first.
        ///
        /// While a block executes, this is still the difficulty of its own parent.
        pub fn parent() -> u128 {
            State::<T>::get().map_or(0, |state| state.parent)
        }

        /// The difficulty is within its bounds and the epoch has not overrun.
        #[cfg(any(feature = "try-runtime", test))]
        pub(crate) fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            let target = Goal::<T>::get().ok_or("difficulty: no target")?;
            let state = State::<T>::get().ok_or("difficulty: no state")?;
            ensure!(target.is_valid(), "difficulty: the target is out of bounds");
            ensure!(
                (target.floor..=retarget::MAX_DIFFICULTY).contains(&state.difficulty),
                "difficulty: out of bounds"
            );
            ensure!(
                state.epoch_blocks < retarget::EPOCH,
                "difficulty: the epoch has overrun"
            );
            Ok(())
        }
    }
}
