//! # Rewards
//!
//! Emission, its split, and the vesting of worker shares.
//!
//! Every block emits a *subsidy* that halves every [`Config::Halving`] blocks and stops at
//! [`Config::Cap`]. It is split 65/30/5:
//! - the *author's share* is paid when the block ends;
//! - the *pool* for evaluators and verifiers collects on the pallet's account, dust included; the end
//!   of a block pays from it the votes that are due, by the work that they took: for a MAC what the pool
//!   gets for a MAC that the chain absorbs, one block's part at most ([`emission::vote`]), and for a score of
//!   a paid task no more than the task says. Where there is too little for all, each gets the same part of
//!   what it is owed;
//! - the *worker share* is minted by the next block, which records the seal, and *vests*: it is held
//!   on the run owner's account, filed under the run's segment in which the sealing step lies, until
//!   an audit accepts that segment. If one rejects it, all that vests on the run is burnt; what is forfeited
//!   goes to the account that `pallet-work` names. A seal that earns no worker share leaves it unminted.
//!
//! `pallet-work` decides which seal earns what and what becomes of it, through
//! [`pallet_work::WorkRewards`]; votes are reported through [`VoterRewards`] and [`EvaluatorRewards`].

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use core::ops::Range;
use frame::{
    deps::frame_support::{PalletId, storage::with_storage_layer},
    prelude::*,
    traits::{
        Get,
        fungible::{Inspect, Mutate, MutateHold},
        tokens::{Fortitude, Precision, Preservation, Restriction},
    },
};
use quern_market::seams::{EvaluatorRewards, VoterRewards};

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

    /// Version of the storage's layout.
    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
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

        /// MACs that a block absorbs.
        type ChainWork: Get<u128>;

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

    /// Whose votes were accepted and are not yet paid, and what each is owed, in order; an account once per
    /// vote.
    #[pallet::storage]
    pub type Voted<T: Config> =
        StorageValue<_, BoundedVec<(T::AccountId, u128), ConstU32<MAX_VOTES>>, ValueQuery>;

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
        /// What vested on a run was forfeited.
        Forfeited {
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
            Self::emit(Self::subsidy(number));
            Self::pay_votes();
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

        /// What a block emits while the cap is far.
        fn subsidy(number: BlockNumberFor<T>) -> u128 {
            emission::subsidy(
                number.saturated_into(),
                T::Subsidy::get(),
                T::Halving::get().saturated_into(),
            )
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

        /// Pays the votes that wait, the oldest first, what each is owed or the same part of it.
        ///
        /// What a voter can't receive, because it is too little for a new account, stays in the pool.
        fn pay_votes() {
            let mut waiting = Voted::<T>::get().into_inner();
            let count = waiting.len().min(VOTES_PER_BLOCK as usize);
            if count == 0 {
                return;
            }
            let pool = Self::pool();
            let there =
                T::Currency::reducible_balance(&pool, Preservation::Preserve, Fortitude::Polite);
            // Were it more than fits, the last payments would fail and stay in the pool.
            let total = waiting[..count]
                .iter()
                .fold(0u128, |sum, (_, owed)| sum.saturating_add(*owed));
            for (voter, owed) in waiting.drain(..count) {
                let amount = if total > there {
                    emission::share(owed, there, total)
                } else {
                    owed
                };
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
            let filed = Self::take_vesting(run);
            Self::burn_vesting(run, owner, filed);
        }

        fn forfeit(run: u64, owner: &T::AccountId, to: &T::AccountId) {
            let filed = Self::take_vesting(run);
            if filed == 0 {
                return;
            }
            let moved = with_storage_layer(|| {
                T::Currency::transfer_on_hold(
                    &HoldReason::Vesting.into(),
                    owner,
                    to,
                    filed,
                    Precision::Exact,
                    Restriction::Free,
                    Fortitude::Force,
                )
            });
            match moved {
                Ok(amount) => Self::deposit_event(Event::Forfeited { run, amount }),
                Err(_) => Self::burn_vesting(run, owner, filed),
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

    impl<T: Config> Pallet<T> {
        /// Forgets what vests on the run; how much it was.
        fn take_vesting(run: u64) -> u128 {
            Vesting::<T>::drain_prefix(run)
                .fold(0u128, |sum, (_, amount)| sum.saturating_add(amount))
        }

        /// Burns what no longer is filed as vesting.
        fn burn_vesting(run: u64, owner: &T::AccountId, filed: u128) {
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
    }

    impl<T: Config> VoterRewards<T::AccountId> for Pallet<T> {
        fn voted(who: &T::AccountId, macs: u128) {
            Self::owe(who, Self::worth(macs));
        }

        #[cfg(feature = "runtime-benchmarks")]
        fn prepare() {
            Self::crowd();
        }
    }

    impl<T: Config> EvaluatorRewards<T::AccountId> for Pallet<T> {
        fn scored(who: &T::AccountId, macs: u128, most: u128) {
            Self::owe(who, Self::worth(macs).min(most));
        }

        #[cfg(feature = "runtime-benchmarks")]
        fn prepare() {
            Self::crowd();
        }
    }

    impl<T: Config> Pallet<T> {
        /// What a vote that took so many MACs is worth in this block.
        fn worth(macs: u128) -> u128 {
            let subsidy = Self::subsidy(frame_system::Pallet::<T>::block_number());
            emission::vote(emission::split(subsidy).pool, macs, T::ChainWork::get())
        }

        /// Files a vote to be paid. Past [`MAX_VOTES`] that wait it is not; neither is one worth nothing.
        fn owe(who: &T::AccountId, amount: u128) {
            if amount > 0 {
                Voted::<T>::mutate(|waiting| waiting.try_push((who.clone(), amount)).ok());
            }
        }
    }
}
