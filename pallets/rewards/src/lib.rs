//! # Rewards
//!
//! Emission, its split, and the vesting of worker shares.
//!
//! Every block emits a *subsidy* that halves every [`Config::Halving`] blocks and stops at
//! [`Config::Cap`]. It is split 65/30/5:
//! - the *author's share* is paid when the block ends;
//! - the *pool* for evaluators and verifiers collects on the pallet's account, dust included; the end
//!   of a block pays from it each vote that was accepted: one block's part of the pool, or as much as
//!   there is for each;
//! - the *worker share* is minted by the next block, which records the seal, and *vests*: it is held
//!   on the run owner's account, filed under the run's segment in which the sealing step lies, until
//!   an audit accepts that segment. If one rejects it, all that vests on the run is burnt. A seal that
//!   earns no worker share leaves it unminted.
//!
//! `pallet-work` decides which seal earns what and what becomes of it, through
//! [`pallet_work::WorkRewards`]; votes are reported through [`VoterRewards`].

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use core::ops::Range;
use frame::{
    deps::frame_support::{PalletId, storage::with_storage_layer},
    prelude::*,
    traits::{
        Get,
        fungible::{Inspect, Mutate, MutateHold},
        tokens::{Fortitude, Precision, Preservation},
    },
};
use quern_market::seams::VoterRewards;

pub mod emission;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use weights::WeightInfo;

/// Votes paid at the end of one block; more wait for the next.
pub const VOTES_PER_BLOCK: u32 = 32;

/// Votes that may wait: the seats of 256 audits of three, and of the evaluations that end meanwhile.
pub const MAX_VOTES: u32 = 1024;

#[frame::pallet]
pub mod pallet {
    use super::*;

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config {
        /// The chain's money.
        type Currency: Mutate<Self::AccountId, Balance = u128>
            + MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// Why this pallet holds money.
        type RuntimeHoldReason: From<HoldReason>;

        /// Who made the block.
        type Author: Get<Option<Self::AccountId>>;

        /// Account of the pool for evaluators and verifiers.
        #[pallet::constant]
        type PoolId: Get<PalletId>;

        /// Emission of the first blocks.
        #[pallet::constant]
        type Subsidy: Get<u128>;

        /// Blocks between two halvings.
        #[pallet::constant]
        type Halving: Get<BlockNumberFor<Self>>;

        /// Most money that may ever be emitted, genesis balances included.
        #[pallet::constant]
        type Cap: Get<u128>;

        /// Weights of the hooks.
        type WeightInfo: WeightInfo;
    }

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// A worker share that waits for an audit to accept its segment.
        Vesting,
    }

    /// Everything emitted so far, genesis balances included. Burning does not lower it.
    #[pallet::storage]
    pub type Emitted<T> = StorageValue<_, u128, ValueQuery>;

    /// Worker share of the last block, until the next one records its seal.
    #[pallet::storage]
    pub type Pending<T> = StorageValue<_, u128, ValueQuery>;

    /// Held worker shares: run, segment, amount. At most one window of segments a run.
    #[pallet::storage]
    pub type Vesting<T> =
        StorageDoubleMap<_, Twox64Concat, u64, Twox64Concat, u64, u128, OptionQuery>;

    /// Whose votes were accepted and are not yet paid, in order; an account once per vote.
    #[pallet::storage]
    pub type Voted<T: Config> =
        StorageValue<_, BoundedVec<T::AccountId, ConstU32<MAX_VOTES>>, ValueQuery>;

    /// What was paid out to an account so far: author's, worker's and voter's shares.
    #[pallet::storage]
    pub type Earned<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u128, ValueQuery>;

    /// Takes stock of the genesis balances; it must be built after them.
    #[pallet::genesis_config]
    #[derive(frame::derive::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        #[serde(skip)]
        #[doc(hidden)]
        pub marker: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            Emitted::<T>::put(T::Currency::total_issuance());
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A block's author was paid.
        AuthorPaid {
            /// The author.
            author: T::AccountId,
            /// How much.
            amount: u128,
        },
        /// A worker share began to vest.
        Vested {
            /// The run that sealed the block.
            run: u64,
            /// The segment that must be accepted.
            segment: u64,
            /// How much.
            amount: u128,
        },
        /// Worker shares were paid out.
        Released {
            /// The run.
            run: u64,
            /// How much.
            amount: u128,
        },
        /// What vested on a run was burnt.
        Burnt {
            /// The run.
            run: u64,
            /// How much.
            amount: u128,
        },
        /// An accepted vote was paid.
        VoterPaid {
            /// The voter.
            voter: T::AccountId,
            /// How much.
            amount: u128,
        },
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            T::WeightInfo::on_finalize(VOTES_PER_BLOCK)
        }

        fn on_finalize(number: BlockNumberFor<T>) {
            let subsidy = emission::subsidy(
                number.saturated_into(),
                T::Subsidy::get(),
                T::Halving::get().saturated_into(),
            );
            Self::emit(subsidy);
            Self::pay_votes(emission::split(subsidy).pool);
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    impl<T: Config> Pallet<T> {
        /// Account of the pool for evaluators and verifiers.
        pub fn pool() -> T::AccountId {
            T::PoolId::get().into_account_truncating()
        }

        /// What is still vesting on this run.
        pub fn vesting(run: u64) -> u128 {
            Vesting::<T>::iter_prefix_values(run).fold(0, u128::saturating_add)
        }

        /// Pays the author and the pool, and sets the worker share aside.
        fn emit(subsidy: u128) {
            let left = T::Cap::get().saturating_sub(Emitted::<T>::get());
            let emission::Split {
                worker,
                mut pool,
                author,
            } = emission::split(subsidy.min(left));
            match T::Author::get().filter(|who| Self::mint(who, author)) {
                Some(who) => {
                    Self::earned(&who, author);
                    Self::deposit_event(Event::AuthorPaid {
                        author: who,
                        amount: author,
                    });
                }
                None => pool = pool.saturating_add(author),
            }
            Self::mint(&Self::pool(), pool);
            Pending::<T>::put(worker);
        }

        /// Pays the votes that wait, the oldest first, `most` each or an equal part of the pool.
        ///
        /// What a voter can't receive, because it is too little for a new account, stays in the pool.
        fn pay_votes(most: u128) {
            let mut waiting = Voted::<T>::get().into_inner();
            let count = waiting.len().min(VOTES_PER_BLOCK as usize);
            if count == 0 {
                return;
            }
            let pool = Self::pool();
            let there =
                T::Currency::reducible_balance(&pool, Preservation::Preserve, Fortitude::Polite);
            let amount = most.min(there / count as u128);
            for voter in waiting.drain(..count) {
                let paid = amount > 0
                    && T::Currency::transfer(&pool, &voter, amount, Preservation::Preserve).is_ok();
                if paid {
                    Self::earned(&voter, amount);
                    Self::deposit_event(Event::VoterPaid { voter, amount });
                }
            }
            Voted::<T>::put(BoundedVec::truncate_from(waiting));
        }

        fn earned(who: &T::AccountId, amount: u128) {
            Earned::<T>::mutate(who, |total| *total = total.saturating_add(amount));
        }

        /// Mints and counts; nothing happens if the amount is too small for a new account.
        fn mint(who: &T::AccountId, amount: u128) -> bool {
            let minted = amount > 0 && T::Currency::mint_into(who, amount).is_ok();
            if minted {
                Emitted::<T>::mutate(|total| *total = total.saturating_add(amount));
            }
            minted
        }

        /// What is filed as vesting is held, and the cap holds.
        #[cfg(any(feature = "std", feature = "try-runtime"))]
        pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            ensure!(
                Emitted::<T>::get() <= T::Cap::get(),
                "rewards: the cap is passed"
            );
            ensure!(
                T::Currency::total_issuance() <= Emitted::<T>::get(),
                "rewards: more money exists than was emitted"
            );
            ensure!(
                Vesting::<T>::iter_values().all(|amount| amount > 0),
                "rewards: an empty vesting entry"
            );
            Ok(())
        }
    }

    impl<T: Config> pallet_work::WorkRewards<T::AccountId> for Pallet<T> {
        fn vest(run: u64, owner: &T::AccountId, segment: u64) {
            let amount = Pending::<T>::take();
            let held = with_storage_layer(|| {
                ensure!(Self::mint(owner, amount), TokenError::BelowMinimum);
                T::Currency::hold(&HoldReason::Vesting.into(), owner, amount)
            });
            if held.is_ok() {
                Vesting::<T>::mutate(run, segment, |entry| {
                    *entry = Some(entry.unwrap_or(0).saturating_add(amount));
                });
                Self::deposit_event(Event::Vested {
                    run,
                    segment,
                    amount,
                });
            }
        }

        fn pay(run: u64, owner: &T::AccountId) {
            let amount = Pending::<T>::take();
            if Self::mint(owner, amount) {
                Self::earned(owner, amount);
                Self::deposit_event(Event::Released { run, amount });
            }
        }

        fn release(run: u64, owner: &T::AccountId, segments: Range<u64>) -> DispatchResult {
            let amount = segments.fold(0u128, |sum, segment| {
                sum.saturating_add(Vesting::<T>::take(run, segment).unwrap_or(0))
            });
            if amount > 0 {
                let reason = HoldReason::Vesting.into();
                T::Currency::release(&reason, owner, amount, Precision::Exact)?;
                Self::earned(owner, amount);
                Self::deposit_event(Event::Released { run, amount });
            }
            Ok(())
        }

        fn burn(run: u64, owner: &T::AccountId) {
            let filed = Vesting::<T>::drain_prefix(run)
                .fold(0u128, |sum, (_, amount)| sum.saturating_add(amount));
            let reason = HoldReason::Vesting.into();
            // What is filed is held, so nothing is left over for the owner.
            let burnt = T::Currency::burn_held(
                &reason,
                owner,
                filed,
                Precision::BestEffort,
                Fortitude::Force,
            );
            if let Ok(amount @ 1..) = burnt {
                Self::deposit_event(Event::Burnt { run, amount });
            }
        }

        fn vesting(run: u64) -> u128 {
            Self::vesting(run)
        }

        #[cfg(feature = "runtime-benchmarks")]
        fn prepare() {
            Pending::<T>::put(T::Subsidy::get());
        }
    }

    impl<T: Config> VoterRewards<T::AccountId> for Pallet<T> {
        /// Past [`MAX_VOTES`] that wait, a vote is not paid.
        fn voted(who: &T::AccountId) {
            Voted::<T>::mutate(|waiting| waiting.try_push(who.clone()).ok());
        }
    }
}
