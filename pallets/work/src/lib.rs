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
//!   and releases what vests on its segments. A rejected one burns all that vests on the run, and takes
//!   a part of the ticket's stake; a lapsed one counts for nothing. One claim of a
//!   run is under way at a time.
//! - A run whose shares wait too long for a claim *forfeits* them: anybody may have them burnt.
//!
//! [`Pallet::check_seal`] is the check that both importers (through the runtime API) and shares use.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::vec::Vec;
use core::ops::Range;
use frame::{
    deps::sp_core::H256,
    prelude::*,
    traits::{
        Get,
        fungible::{Mutate, MutateHold},
        tokens::Precision,
    },
};
use quern_api::{InherentError, PARENT_SEAL, ParentSeal, RunInfo, SignedSeal, WorkRules};
use quern_market::{
    AuditId, Claim, Role, RunId, TaskId, TicketId,
    seams::{Audits, Reputation, TaskBook, Tickets},
};
use quern_work::{
    Hash, MAX_SEAL_BYTES, SealError, Shape, TaskSpec, Terms, WorkSeal,
    hash::{self, Context},
    target,
};

pub mod claims;
pub mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use types::{ClaimError, Earns, Run};
pub use weights::WeightInfo;

/// Where worker shares vest.
pub trait WorkRewards<AccountId> {
    /// The last block's worker share vests on this segment of the run.
    fn vest(run: RunId, owner: &AccountId, segment: u64);

    /// The last block's worker share is paid at once.
    fn pay(run: RunId, owner: &AccountId);

    /// Pays out what vests on these segments.
    fn release(run: RunId, owner: &AccountId, segments: Range<u64>) -> DispatchResult;

    /// Burns all that vests on the run.
    fn burn(run: RunId, owner: &AccountId);

    /// What still vests on the run.
    fn vesting(run: RunId) -> u128;

    /// Puts a worker share aside, as the end of a block does.
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare();
}

#[frame::pallet]
pub mod pallet {
    use super::*;

    /// Bytes of a seal, bounded.
    pub type SealBytes = BoundedVec<u8, ConstU32<{ MAX_SEAL_BYTES as u32 }>>;

    #[pallet::pallet]
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

        /// Expected MACs of the parent block.
        type ParentWork: Get<u128>;

        /// Held while a run is open.
        #[pallet::constant]
        type RunDeposit: Get<u128>;

        /// Most open runs of one owner.
        #[pallet::constant]
        type MaxRuns: Get<u32>;

        /// Blocks after its commitment within which a claim must be revealed.
        #[pallet::constant]
        type RevealWithin: Get<u32>;

        /// Blocks after which shares that wait for a claim may be forfeited.
        #[pallet::constant]
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

    /// What draws and windows follow.
    #[pallet::storage]
    pub type CurrentRules<T> = StorageValue<_, WorkRules>;

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

    /// Rules and first runs of a chain; to be built after tickets and tasks.
    #[pallet::genesis_config]
    #[derive(frame::derive::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// What draws and windows follow.
        pub rules: Option<WorkRules>,
        /// First runs: owner, task and ticket, ids in order.
        pub runs: Vec<(T::AccountId, TaskId, TicketId)>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            let Some(rules) = &self.rules else { return };
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
            CurrentRules::<T>::put(rules);
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
        /// What waited too long for a claim was burnt.
        Forfeited {
            /// The run.
            run: RunId,
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

    impl<T> From<SealError> for Error<T> {
        fn from(error: SealError) -> Self {
            match error {
                SealError::Malformed => Self::Malformed,
                SealError::UnknownRun => Self::UnknownRun,
                SealError::NotTheAuthor => Self::NotTheAuthor,
                SealError::StepOutsideWindow => Self::StepOutsideWindow,
                SealError::TileOutOfRange => Self::TileOutOfRange,
                SealError::BeyondAllowance => Self::BeyondAllowance,
                SealError::BadLength => Self::BadLength,
                SealError::OperandOutOfRange => Self::OperandOutOfRange,
                SealError::NotTheBatch => Self::NotTheBatch,
                SealError::NotTheWeights => Self::NotTheWeights,
                SealError::AboveTarget => Self::AboveTarget,
                SealError::BadSignature => Self::BadSignature,
            }
        }
    }

    impl<T> From<ClaimError> for Error<T> {
        fn from(error: ClaimError) -> Self {
            match error {
                ClaimError::NotCommitted => Self::NotCommitted,
                ClaimError::TooEarly => Self::RevealTooEarly,
                ClaimError::TooLate => Self::RevealTooLate,
                ClaimError::AnotherClaim => Self::AnotherClaim,
                ClaimError::NotTheNext => Self::NotTheNextClaim,
                ClaimError::NotWholeSegments => Self::NotWholeSegments,
                ClaimError::OutsideWindow => Self::StepOutsideWindow,
            }
        }
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
            let last = closed.steps.is_none() && Endless::<T>::get() <= 1;
            ensure!(!last, Error::<T>::LastRun);
            ensure!(T::Rewards::vesting(run) == 0, Error::<T>::StillVesting);
            // A commitment alone binds nobody; an audit must not lose its claim.
            ensure!(!closed.has_claim(u32::MAX, 0), Error::<T>::ClaimPending);
            let reason = HoldReason::Run.into();
            T::Currency::release(&reason, &owner, closed.deposit, Precision::Exact)?;
            Runs::<T>::remove(run);
            RunsOf::<T>::mutate(&owner, |runs| runs.retain(|id| *id != run));
            Endless::<T>::mutate(|runs| {
                *runs = runs.saturating_sub(u32::from(closed.steps.is_none()));
            });
            Self::unseal(run);
            T::Tasks::closed(closed.task, run);
            Self::deposit_event(Event::RunClosed { run });
            Ok(())
        }

        /// Credits the caller's run with a draw that met the share target under the template
        /// `pre_hash`. A run's first share in a block pays no fee.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::submit_proof(types::weight_units(seal.len())))]
        pub fn submit_proof(
            origin: OriginFor<T>,
            pre_hash: H256,
            seal: SealBytes,
        ) -> DispatchResultWithPostInfo {
            let owner = ensure_signed(origin)?;
            let rules = CurrentRules::<T>::get().ok_or(Error::<T>::NoRules)?;
            let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
            let (seal, mut run, spec) = Self::check_seal(
                genesis,
                pre_hash,
                &owner,
                &seal,
                &rules,
                rules.share_difficulty,
            )
            .map_err(Error::<T>::from)?;
            let shape = spec.lottery_shape(rules.noise_rank);
            // A checked tile's ordinal is below its allowance, a u32.
            let at = (seal.step, shape.ordinal(seal.tile).saturated_into());
            let number = frame_system::Pallet::<T>::block_number().saturated_into();
            let first = run
                .share(at, number, rules.share_difficulty, &shape)
                .ok_or(Error::<T>::ShareOutOfOrder)?;
            Runs::<T>::insert(seal.run, run);
            Self::deposit_event(Event::Shared {
                run: seal.run,
                step: seal.step,
            });
            let pays = if first { Pays::No } else { Pays::Yes };
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
            let rules = CurrentRules::<T>::get().ok_or(Error::<T>::NoRules)?;
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

        /// Burns what vests on a run whose owner has made no claim for [`Config::ForfeitAfter`] blocks:
        /// since the last one was accepted or lapsed, or the first share began to vest. Anybody may call
        /// it, since vesting shares whose states nobody serves any more would never be audited.
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
            T::Rewards::burn(run, &late.owner);
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
            if let Some((mut sealed, shape)) = Self::resolve(run) {
                match sealed.seal(step, macs, &shape, Self::now()) {
                    Earns::Vesting => {
                        T::Rewards::vest(run, &sealed.owner, sealed.segment_of(step));
                        Sealed::<T>::insert(run, step, weights_root);
                    }
                    Earns::Payment => T::Rewards::pay(run, &sealed.owner),
                    Earns::Nothing => (),
                }
                Runs::<T>::insert(run, sealed);
            }
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

    impl<T: Config> Pallet<T> {
        /// Checks the bytes of a seal at this difficulty, cheapest rule first.
        ///
        /// Returns the seal, its run and the run's task.
        pub fn check_seal(
            genesis: H256,
            pre_hash: H256,
            author: &T::AccountId,
            seal: &[u8],
            rules: &WorkRules,
            difficulty: u128,
        ) -> Result<(WorkSeal, Run<T::AccountId>, TaskSpec), SealError> {
            let seal = WorkSeal::decode_strict(seal)?;
            let (run, spec) = Self::authors_run(seal.run, author)?;
            Self::check_work(genesis, pre_hash, &seal, &run, &spec, rules, difficulty)?;
            Ok((seal, run, spec))
        }

        /// The check that importers of a block on top of this state make: of the bytes of a
        /// [`SignedSeal`], its signature before its work.
        pub fn verify_seal(
            genesis: H256,
            pre_hash: H256,
            author: &T::AccountId,
            seal: &[u8],
            difficulty: u128,
        ) -> Result<(), SealError> {
            let rules = CurrentRules::<T>::get().ok_or(SealError::UnknownRun)?;
            let signed = SignedSeal::decode_strict(seal)?;
            let (run, spec) = Self::authors_run(signed.seal.run, author)?;
            let owner = (*run.owner.as_ref()).into();
            signed.verify(&owner, &genesis.0, &pre_hash.0)?;
            Self::check_work(
                genesis,
                pre_hash,
                &signed.seal,
                &run,
                &spec,
                &rules,
                difficulty,
            )
        }

        /// An open run of `author` with its task.
        fn authors_run(
            run: RunId,
            author: &T::AccountId,
        ) -> Result<(Run<T::AccountId>, TaskSpec), SealError> {
            let run = Runs::<T>::get(run).ok_or(SealError::UnknownRun)?;
            let spec = T::Tasks::spec(run.task).ok_or(SealError::UnknownRun)?;
            ensure!(run.owner == *author, SealError::NotTheAuthor);
            Ok((run, spec))
        }

        /// Checks the step and the work of a seal of this run, whose owner is the author.
        fn check_work(
            genesis: H256,
            pre_hash: H256,
            seal: &WorkSeal,
            run: &Run<T::AccountId>,
            spec: &TaskSpec,
            rules: &WorkRules,
            difficulty: u128,
        ) -> Result<(), SealError> {
            ensure!(
                run.admits(seal.step, rules.max_ahead),
                SealError::StepOutsideWindow
            );
            let terms = Terms {
                genesis: genesis.0,
                pre_hash: pre_hash.0,
                author: *run.owner.as_ref(),
                run_seed: run.seed,
                shape: spec.lottery_shape(rules.noise_rank),
                dataset_root: spec.dataset.root,
                row_blocks: spec.dataset.row_blocks,
                difficulty,
                allowance: target::allowance(
                    rules.omega_b,
                    rules.omega_m,
                    spec.batch,
                    spec.parameters(),
                ),
            };
            quern_work::verify(seal, &terms)
        }

        /// What draws and windows follow, for the runtime API.
        pub fn rules() -> WorkRules {
            CurrentRules::<T>::get().unwrap_or_default()
        }

        /// An open run as its worker sees it, for the runtime API.
        pub fn run_info(id: RunId) -> Option<RunInfo> {
            let run = Runs::<T>::get(id)?;
            let spec = T::Tasks::spec(run.task)?;
            Some(RunInfo {
                id,
                task: run.task,
                owner: (*run.owner.as_ref()).into(),
                seed: run.seed,
                spec,
                ticket: run.ticket,
                steps: run.steps,
                accepted: run.accepted,
                committed: run.committed,
                state_root: run.state_root,
                pending: run.pending,
                last_sealed: run.last_sealed,
                macs: run.macs,
                seals: run.seals,
                shares: run.shares,
                last_share: run.last_share,
                vesting: T::Rewards::vesting(id),
            })
        }

        /// The open runs of an account, for the runtime API.
        pub fn runs_of(owner: &T::AccountId) -> Vec<RunInfo> {
            RunsOf::<T>::get(owner)
                .into_iter()
                .filter_map(Self::run_info)
                .collect()
        }

        /// Opens a run whose seed follows from the parent block and the run's id.
        pub(crate) fn insert_run(
            task: TaskId,
            ticket: TicketId,
            owner: T::AccountId,
            deposit: u128,
        ) -> Result<RunId, DispatchError> {
            let spec = T::Tasks::spec(task).ok_or(Error::<T>::UnknownTask)?;
            ensure!(
                T::Tickets::owner(ticket).as_ref() == Some(&owner),
                Error::<T>::NotTheTicketsOwner
            );
            ensure!(
                T::Tickets::licenses(ticket, Role::Miner),
                Error::<T>::NotAMinersTicket
            );
            let id = NextRun::<T>::get();
            RunsOf::<T>::try_mutate(&owner, |runs| runs.try_push(id))
                .map_err(|_| Error::<T>::TooManyRuns)?;
            T::Tasks::open(task, ticket, id)?;
            let seed = hash::derive(Context::RUN, &[&Luck::<T>::get(), &id.to_le_bytes()]);
            let steps = T::Tasks::steps(task);
            let length = (spec.segment, steps);
            Runs::<T>::insert(id, Run::new(task, owner, ticket, seed, length, deposit));
            Endless::<T>::mutate(|runs| *runs = runs.saturating_add(steps.is_none().into()));
            NextRun::<T>::put(id.saturating_add(1));
            Ok(id)
        }

        /// The run, if `owner` owns it and its ticket is live: there is stake to lose for a false claim.
        fn staked(run: RunId, owner: &T::AccountId) -> Result<Run<T::AccountId>, Error<T>> {
            let found = Self::owned(run, owner)?;
            let staked = T::Tickets::licenses(found.ticket, Role::Miner);
            ensure!(staked, Error::<T>::NotAMinersTicket);
            Ok(found)
        }

        /// The run, if `owner` owns it.
        fn owned(run: RunId, owner: &T::AccountId) -> Result<Run<T::AccountId>, Error<T>> {
            let found = Runs::<T>::get(run).ok_or(Error::<T>::UnknownRun)?;
            ensure!(found.owner == *owner, Error::<T>::NotTheAuthor);
            Ok(found)
        }

        /// The run and the shape of its products.
        fn resolve(run: RunId) -> Option<(Run<T::AccountId>, Shape)> {
            let found = Runs::<T>::get(run)?;
            let rules = CurrentRules::<T>::get()?;
            let shape = T::Tasks::spec(found.task)?.lottery_shape(rules.noise_rank);
            Some((found, shape))
        }

        pub(crate) fn now() -> u32 {
            frame_system::Pallet::<T>::block_number().saturated_into()
        }

        /// Every run is filed under its owner, has a task, and its deposit is held; what has sealed is on
        /// record, and claims are where the run says they are.
        ///
        /// # Errors
        /// The first invariant that does not hold.
        #[cfg(any(feature = "std", feature = "try-runtime"))]
        pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            use frame::traits::fungible::InspectHold;
            let mut endless = 0u32;
            for (id, run) in Runs::<T>::iter() {
                endless = endless.saturating_add(run.steps.is_none().into());
                ensure!(
                    T::Tasks::spec(run.task).is_some(),
                    "work: a run without a task"
                );
                ensure!(id < NextRun::<T>::get(), "work: a run from the future");
                ensure!(
                    RunsOf::<T>::get(&run.owner).contains(&id),
                    "work: an unfiled run"
                );
                let audited = match run.pending {
                    Some(quern_api::PendingClaim::Revealed { to, .. }) => to,
                    _ => run.accepted,
                };
                ensure!(
                    run.accepted <= audited && audited == run.committed,
                    "work: committed steps that no claim under audit covers"
                );
                ensure!(
                    run.steps.is_none_or(|end| run.committed <= end),
                    "work: a claim past the run's end"
                );
                ensure!(
                    Sealed::<T>::iter_key_prefix(id)
                        .all(|step| step >= run.accepted && run.paid.contains(&step)),
                    "work: a seal on record that never earned, or was audited"
                );
            }
            ensure!(
                Sealed::<T>::iter_keys().all(|(run, _)| Runs::<T>::contains_key(run)),
                "work: seals of no run"
            );
            ensure!(
                endless == Endless::<T>::get(),
                "work: runs without end are miscounted"
            );
            let mut filed = 0u32;
            for (owner, runs) in RunsOf::<T>::iter() {
                filed = filed.saturating_add(runs.len() as u32);
                let deposits = runs
                    .iter()
                    .filter_map(Runs::<T>::get)
                    .fold(0u128, |sum, run| sum.saturating_add(run.deposit));
                ensure!(
                    T::Currency::balance_on_hold(&HoldReason::Run.into(), &owner) == deposits,
                    "work: deposits and holds differ"
                );
            }
            ensure!(
                filed == Runs::<T>::count(),
                "work: filed runs and runs differ"
            );
            Ok(())
        }
    }
}
