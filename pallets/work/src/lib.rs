//! # Work
//!
//! Runs of tasks, the seals and shares that prove work on them, and the claims of what they reached.
//!
//! - A *run* is one owner's execution of a task from a seed that nobody chose. Only its owner may
//!   seal blocks and earn shares with it. It is opened with a miner's ticket, which answers for its
//!   claims. What may be trained, and by whom, the [`TaskBook`] knows.
//! - The *window* of a run is the steps that may be mined: from the last accepted step to at most
//!   [`WorkRules::max_ahead`] after the last one claimed, and before the run's end.
//! - A *seal* proves that a tile of a step's first product won the block lottery. The next block
//!   records its parent's seal by an inherent, which credits the run and starts the vesting of the
//!   worker share. A step that has sealed before may seal again (under a newer template, with full
//!   work), but earns no worker share: so a lone miner never deadlocks, and no step is paid twice.
//! - A *share* proves a draw that met the easier share target; shares of one run come in order.
//! - A *claim* says which state a run reached after whole segments. Its digest is committed to first
//!   and the claim revealed in a later block; then it is audited. An accepted claim moves the window
//!   and releases what vests on its segments. A rejected one burns all that vests on the run, takes
//!   a part of the ticket's stake, and with it the run's seat in a paid task; a lapsed one counts for nothing.
//!   One claim of a run is under way at a time.
//! - An accepted claim of a commons run, which no client pays for, may be paid for by the treasury
//!   ([`CommonsPay`]).
//! - A run whose shares wait too long for a claim *forfeits* them: anybody may have them go to the treasury.
//!
//! [`Pallet::check_seal`] is the check that both importers (through the runtime API) and shares use.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::vec::Vec;
use frame::{
    deps::sp_core::H256,
    prelude::*,
    traits::{
        Get,
        fungible::{Mutate, MutateHold},
    },
};
use quern_api::{InherentError, MIN_NOISE_RANK, PARENT_SEAL, ParentSeal, WorkRules};
use quern_market::{
    AuditId, Claim, RunId, TaskId, TicketId,
    seams::{Audits, CommonsPay, Reputation, TaskBook, Tickets},
};
use quern_work::{Hash, MAX_SEAL_BYTES, SealError, TaskSpec, WorkSeal};

mod info;
mod refusals;
mod runs;
mod seals;

pub mod claims;
pub mod rewards;
pub mod rules;
pub mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(any(feature = "try-runtime", feature = "std"))]
mod invariants;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use rewards::WorkRewards;
pub use rules::WorkLimits;
pub use types::{ClaimError, Earns, Run};
pub use weights::WeightInfo;

#[frame::pallet]
pub mod pallet {
    use super::*;

    /// Bytes of a seal, bounded.
    pub type SealBytes = BoundedVec<u8, ConstU32<{ MAX_SEAL_BYTES as u32 }>>;

    /// Version of the storage's layout.
    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId: AsRef<[u8; 32]>, Hash = H256> {
        /// The chain's money, for deposits.
        type Currency: Mutate<Self::AccountId, Balance = u128>
            + MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// Why this pallet holds money.
        type RuntimeHoldReason: From<HoldReason>;

        /// Where worker shares vest.
        type Rewards: WorkRewards<Self::AccountId>;

        /// What can be trained.
        type Tasks: TaskBook<Self::AccountId>;

        /// Who may train.
        type Tickets: Tickets<Self::AccountId>;

        /// What an accepted or rejected claim moves.
        type Reputation: Reputation<Self::AccountId>;

        /// Who checks claims.
        type Audits: Audits<Self::AccountId>;

        /// Who pays for accepted claims of commons runs.
        type Commons: CommonsPay<Self::AccountId>;

        /// Who gets what is forfeited.
        type Treasury: Get<Self::AccountId>;

        /// Expected MACs of the parent block.
        type ParentWork: Get<u128>;

        /// What governance may change of the rules of draws and windows.
        type Limits: Get<WorkLimits>;

        /// Held while a run is open: a run keeps what was held when it was opened.
        type RunDeposit: Get<u128>;

        /// Most open runs of one owner.
        #[pallet::constant]
        type MaxRuns: Get<u32>;

        /// Blocks after its commitment within which a claim must be revealed.
        type RevealWithin: Get<u32>;

        /// Blocks after which shares that wait for a claim may be forfeited.
        type ForfeitAfter: Get<u32>;

        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Deposit of an open run.
        Run,
    }

    /// Rank of the noise, which genesis fixes; 0 on a chain without work.
    #[pallet::storage]
    pub type NoiseRank<T> = StorageValue<_, u32, ValueQuery>;

    /// Open runs.
    #[pallet::storage]
    pub type Runs<T: Config> = CountedStorageMap<_, Twox64Concat, RunId, Run<T::AccountId>>;

    /// Open runs without an end.
    #[pallet::storage]
    pub type Endless<T> = StorageValue<_, u32, ValueQuery>;

    /// Weights root under which a step after the accepted ones sealed, for which a worker share vests:
    /// audits compare it. At most [`types::MAX_PAID_STEPS`] a run.
    #[pallet::storage]
    pub type Sealed<T> =
        StorageDoubleMap<_, Twox64Concat, RunId, Twox64Concat, u64, Hash, OptionQuery>;

    /// Open runs by owner, ascending.
    #[pallet::storage]
    pub type RunsOf<T: Config> =
        StorageMap<_, Blake2_128Concat, T::AccountId, BoundedVec<RunId, T::MaxRuns>, ValueQuery>;

    /// Id of the next run.
    #[pallet::storage]
    pub type NextRun<T> = StorageValue<_, RunId, ValueQuery>;

    /// Randomness of the last seal recorded: the grandparent's until this block has recorded its parent's.
    #[pallet::storage]
    pub type Luck<T> = StorageValue<_, Hash, ValueQuery>;

    /// Whether this block has recorded its parent's seal.
    #[pallet::storage]
    #[pallet::whitelist_storage]
    pub type Recorded<T> = StorageValue<_, bool, ValueQuery>;

    /// Noise rank and first runs of a chain; to be built after tickets and tasks. The first runs' tasks must
    /// fit [`Config::Limits`] as they stand then.
    #[pallet::genesis_config]
    #[derive(frame::derive::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Rank of the noise: a power of two, at least [`MIN_NOISE_RANK`]; 0 for a chain without work, and
        /// without runs.
        pub noise_rank: u32,
        /// First runs: owner, task and ticket, ids in order.
        pub runs: Vec<(T::AccountId, TaskId, TicketId)>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            let rank = self.noise_rank;
            assert!(
                rank == 0 || (rank >= MIN_NOISE_RANK && rank.is_power_of_two()),
                "work: the noise rank must be a power of two, at least {MIN_NOISE_RANK}"
            );
            NoiseRank::<T>::put(rank);
            let Some(rules) = Pallet::<T>::rules_in_force() else {
                assert!(
                    self.runs.is_empty(),
                    "work: there are runs, but no noise rank"
                );
                return;
            };
            for (owner, task, ticket) in &self.runs {
                let Some(spec) = T::Tasks::spec(*task) else {
                    panic!("work: no task {task} in genesis");
                };
                assert_eq!(
                    rules.admit(&spec),
                    Ok(()),
                    "work: task {task} cannot be mined"
                );
                let opened = Pallet::<T>::insert_run(*task, *ticket, owner.clone(), 0);
                assert!(
                    opened.is_ok(),
                    "work: a run in genesis is refused: {opened:?}"
                );
            }
            assert!(
                Endless::<T>::get() > 0,
                "work: without a run that has no end there may be nothing to mine"
            );
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A run was opened.
        RunOpened {
            /// Its id.
            run: RunId,
            /// What it executes.
            task: TaskId,
            /// Who may mine it.
            owner: T::AccountId,
            /// The ticket that answers for its claims.
            ticket: TicketId,
        },
        /// A run was closed and its deposit returned.
        RunClosed {
            /// Its id.
            run: RunId,
        },
        /// The parent block's seal was recorded.
        Sealed {
            /// The run that sealed.
            run: RunId,
            /// The step that sealed.
            step: u64,
            /// Expected MACs of the parent block.
            macs: u128,
        },
        /// A share was accepted.
        Shared {
            /// The run.
            run: RunId,
            /// The step.
            step: u64,
        },
        /// A commitment to a claim was taken.
        ClaimCommitted {
            /// The run.
            run: RunId,
        },
        /// A claim was revealed, and is under audit.
        ClaimRevealed {
            /// The run.
            run: RunId,
            /// The audit.
            audit: AuditId,
            /// Steps covered.
            to: u64,
            /// State root after so many steps.
            state_root: H256,
        },
        /// A claim was accepted: its segments are paid.
        ClaimAccepted {
            /// The run.
            run: RunId,
            /// Steps accepted from now on.
            to: u64,
        },
        /// A claim was rejected: all that vested on the run is burnt.
        ClaimRejected {
            /// The run.
            run: RunId,
            /// Steps accepted, as before.
            accepted: u64,
            /// Taken from the ticket's stake.
            slashed: u128,
        },
        /// A claim lapsed without a quorum, and counts for nothing.
        ClaimLapsed {
            /// The run.
            run: RunId,
        },
        /// What waited too long for a claim went to the treasury.
        Forfeited {
            /// The run.
            run: RunId,
        },
        /// An accepted claim of a commons run was paid for.
        CommonsPaid {
            /// The run.
            run: RunId,
            /// How much.
            amount: u128,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The chain has no rules for work: its genesis set none.
        NoRules,
        /// No task has this id. List the tasks and choose one.
        UnknownTask,
        /// No open run has this id. It was never opened, or it is closed.
        UnknownRun,
        /// The run belongs to another account. Sign with its owner's key.
        NotTheAuthor,
        /// The owner has as many open runs as one account may have. Close one first.
        TooManyRuns,
        /// The chain's last open run without an end can't be closed: there might be nothing to mine.
        LastRun,
        /// Worker shares still vest on the run. Claim their segments first, or forfeit them.
        StillVesting,
        /// The ticket belongs to another account, or was withdrawn. Use one of the caller's own.
        NotTheTicketsOwner,
        /// The ticket is no miner's, or is no longer live. Buy a miner's ticket, or renew it.
        NotAMinersTicket,
        /// A claim of the run is under way. Wait for its audit, or reveal it or let it expire.
        ClaimPending,
        /// No commitment waits for the claim. Commit to its digest first.
        NotCommitted,
        /// The commitment is in this very block. Reveal the claim in the next one.
        RevealTooEarly,
        /// The commitment has expired. Commit again.
        RevealTooLate,
        /// The commitment is to another claim, salt or account.
        AnotherClaim,
        /// The claim doesn't begin where the last accepted one ended.
        NotTheNextClaim,
        /// The claim doesn't cover whole segments, or too many of them.
        NotWholeSegments,
        /// Nothing vests on the run: there is nothing to forfeit.
        NothingVests,
        /// The shares on the run haven't waited long enough for a claim. Try again later.
        ClaimStillAwaited,
        /// The claim's end, or the seal's step, is outside the run's window.
        StepOutsideWindow,
        /// The share is not later than the run's last one. It was submitted before, or out of order.
        ShareOutOfOrder,
        /// The block has recorded its parent's seal already.
        AlreadyRecorded,
        /// The bytes aren't a seal.
        Malformed,
        /// The tile lies outside the product.
        TileOutOfRange,
        /// The tile's ordinal is beyond the allowance: only the first tiles may win.
        BeyondAllowance,
        /// The strips have another length than the task's features demand.
        BadLength,
        /// An operand is outside [-64, 63].
        OperandOutOfRange,
        /// The data rows aren't the row block that the batch rule dictates.
        NotTheBatch,
        /// The weight rows aren't under the seal's weights root.
        NotTheWeights,
        /// The draw is above the target: too little work.
        AboveTarget,
        /// The seal is not signed by the run's owner. A share never fails so: its extrinsic is signed.
        BadSignature,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            T::DbWeight::get().writes(1)
        }

        fn on_finalize(_: BlockNumberFor<T>) {
            Recorded::<T>::kill();
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Opens a run of `task` with the caller's miner ticket and holds [`Config::RunDeposit`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::open_run())]
        pub fn open_run(origin: OriginFor<T>, task: TaskId, ticket: TicketId) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            let deposit = T::RunDeposit::get();
            let run = Self::insert_run(task, ticket, owner.clone(), deposit)?;
            T::Currency::hold(&HoldReason::Run.into(), &owner, deposit)?;
            Self::deposit_event(Event::RunOpened {
                run,
                task,
                owner,
                ticket,
            });
            Ok(())
        }

        /// Closes the caller's run and returns its deposit.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::close_run())]
        pub fn close_run(origin: OriginFor<T>, run: RunId) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            let closed = Self::owned(run, &owner)?;
            Self::remove_run(run, &closed)?;
            Self::deposit_event(Event::RunClosed { run });
            Ok(())
        }

        /// Credits the caller's run with a draw that met the share target under the template
        /// `pre_hash`. A run's first share in a block pays no fee if it has at most
        /// [`types::FREE_SHARE_BYTES`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::submit_proof(types::weight_units(seal.len())))]
        pub fn submit_proof(
            origin: OriginFor<T>,
            pre_hash: H256,
            seal: SealBytes,
        ) -> DispatchResultWithPostInfo {
            let owner = ensure_signed(origin)?;
            let rules = Self::rules_in_force().ok_or(Error::<T>::NoRules)?;
            let first = Self::share(&owner, pre_hash, &seal, &rules)?;
            let free = first && seal.len() <= types::FREE_SHARE_BYTES;
            let pays = if free { Pays::No } else { Pays::Yes };
            Ok(pays.into())
        }

        /// Commits the caller's run to a claim by its digest ([`Claim::commitment`]).
        ///
        /// Pays no fee if a step since the last accepted claim has sealed a block or made a share: claims
        /// alone cost nothing to make, and must not fill blocks for free.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::commit_claim())]
        pub fn commit_claim(
            origin: OriginFor<T>,
            run: RunId,
            commitment: Hash,
        ) -> DispatchResultWithPostInfo {
            let owner = ensure_signed(origin)?;
            let mut claimed = Self::staked(run, &owner)?;
            let now = Self::now();
            let pending = claimed.has_claim(now, T::RevealWithin::get());
            ensure!(!pending, Error::<T>::ClaimPending);
            let pays = Self::pays_for_claim(&claimed);
            claimed.commit(commitment, now);
            Runs::<T>::insert(run, claimed);
            Self::deposit_event(Event::ClaimCommitted { run });
            Ok(pays.into())
        }

        /// Reveals the claim that the caller's run is committed to, and has it audited. At least one
        /// block after the commitment, at most [`Config::RevealWithin`]; free of fee as the commitment.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::reveal_claim())]
        pub fn reveal_claim(
            origin: OriginFor<T>,
            claim: Claim,
            salt: Hash,
        ) -> DispatchResultWithPostInfo {
            let owner = ensure_signed(origin)?;
            let run = claim.run;
            let mut claimed = Self::staked(run, &owner)?;
            let rules = Self::rules_in_force().ok_or(Error::<T>::NoRules)?;
            let segments = claimed
                .check_claim(
                    &claim,
                    claim.commitment(owner.as_ref(), &salt),
                    Self::now(),
                    T::RevealWithin::get(),
                    rules.max_ahead,
                )
                .map_err(Error::<T>::from)?;
            let pays = Self::pays_for_claim(&claimed);
            let audit = T::Audits::open(&claim, segments, &owner, claimed.ticket)?;
            claimed.reveal(audit, claim.to);
            Runs::<T>::insert(run, claimed);
            Self::deposit_event(Event::ClaimRevealed {
                run,
                audit,
                to: claim.to,
                state_root: claim.state_root.into(),
            });
            Ok(pays.into())
        }

        /// Takes what vests on a run whose owner has made no claim for [`Config::ForfeitAfter`] blocks,
        /// since the last one was accepted or lapsed, or the first share began to vest, and gives it to the
        /// treasury. Anybody may call it, since vesting shares whose states nobody serves any more would
        /// never be audited.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::forfeit())]
        pub fn forfeit(origin: OriginFor<T>, run: RunId) -> DispatchResult {
            ensure_signed(origin)?;
            let mut late = Runs::<T>::get(run).ok_or(Error::<T>::UnknownRun)?;
            ensure!(T::Rewards::vesting(run) > 0, Error::<T>::NothingVests);
            let now = Self::now();
            let pending = late.has_claim(now, T::RevealWithin::get());
            ensure!(!pending, Error::<T>::ClaimPending);
            let since = late.waiting.ok_or(Error::<T>::NothingVests)?;
            ensure!(
                now >= since.saturating_add(T::ForfeitAfter::get()),
                Error::<T>::ClaimStillAwaited
            );
            late.waiting = None;
            T::Rewards::forfeit(run, &late.owner, &T::Treasury::get());
            Self::unseal(run);
            Runs::<T>::insert(run, late);
            Self::deposit_event(Event::Forfeited { run });
            Ok(())
        }

        /// Records which step of which run sealed the parent block, and under which weights.
        ///
        /// Importers check it against the parent's header. It never fails for what the parent did:
        /// a run that the parent itself closed is skipped.
        #[pallet::call_index(4)]
        #[pallet::weight((T::WeightInfo::record_seal(), DispatchClass::Mandatory))]
        pub fn record_seal(
            origin: OriginFor<T>,
            run: RunId,
            step: u64,
            weights_root: Hash,
            luck: Hash,
        ) -> DispatchResult {
            ensure_none(origin)?;
            ensure!(!Recorded::<T>::get(), Error::<T>::AlreadyRecorded);
            Recorded::<T>::put(true);
            Luck::<T>::put(luck);
            let macs = T::ParentWork::get();
            Self::record(run, step, weights_root, macs);
            Self::deposit_event(Event::Sealed { run, step, macs });
            Ok(())
        }
    }

    #[pallet::inherent]
    impl<T: Config> ProvideInherent for Pallet<T> {
        type Call = Call<T>;
        type Error = InherentError;

        const INHERENT_IDENTIFIER: InherentIdentifier = PARENT_SEAL;

        fn create_inherent(data: &InherentData) -> Option<Self::Call> {
            let ParentSeal {
                run,
                step,
                weights_root,
                luck,
            } = data.get_data(&PARENT_SEAL).ok().flatten()?;
            Some(Call::record_seal {
                run,
                step,
                weights_root,
                luck,
            })
        }

        fn check_inherent(call: &Self::Call, data: &InherentData) -> Result<(), Self::Error> {
            let Call::record_seal {
                run,
                step,
                weights_root,
                luck,
            } = call
            else {
                return Ok(());
            };
            let expected = data.get_data::<ParentSeal>(&PARENT_SEAL).ok().flatten();
            let recorded = ParentSeal {
                run: *run,
                step: *step,
                weights_root: *weights_root,
                luck: *luck,
            };
            (expected == Some(recorded))
                .then_some(())
                .ok_or(InherentError::AnotherSeal)
        }

        fn is_inherent_required(data: &InherentData) -> Result<Option<Self::Error>, Self::Error> {
            let expected = data.get_data::<ParentSeal>(&PARENT_SEAL).ok().flatten();
            Ok(expected.map(|_| InherentError::Missing))
        }

        fn is_inherent(call: &Self::Call) -> bool {
            matches!(call, Call::record_seal { .. })
        }
    }
}
