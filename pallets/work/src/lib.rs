//! # Work
//!
//! Runs of tasks, the seals and shares that prove work on them, and their checkpoints.
//!
//! - A *task* says what is trained: dataset, network, batch, schedule. Tasks come from genesis (the
//!   commons).
//! - A *run* is one owner's execution of a task from a seed that nobody chose. Only its owner may
//!   seal blocks and earn shares with it.
//! - The *window* of a run is the steps that may be mined: from the last committed step, at most
//!   [`WorkRules::max_ahead`] further.
//! - A *seal* proves that a tile of a step's first product won the block lottery. The next block
//!   records its parent's seal by an inherent, which credits the run and starts the vesting of the
//!   worker share. A step that has sealed before may seal again (under a newer template, with full
//!   work), but earns no worker share: so a lone miner never deadlocks, and no step is paid twice.
//! - A *share* proves a draw that met the easier share target; shares of one run come in order.
//! - A *checkpoint* claims the state root after a whole number of segments. It moves the window and
//!   releases what vests on the segments it covers.
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
use quern_api::{InherentError, PARENT_SEAL, ParentSeal, RunInfo, WorkRules};
use quern_work::{
    MAX_SEAL_BYTES, SealError, TaskSpec, Terms, WorkSeal,
    hash::{self, Context},
    target,
};

pub mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use types::{Earns, Run, RunId, TaskId};
pub use weights::WeightInfo;

/// Where worker shares vest.
pub trait WorkRewards<AccountId> {
    /// The last block's worker share vests on this segment of the run.
    fn vest(run: RunId, owner: &AccountId, segment: u64);

    /// The last block's worker share is paid at once.
    fn pay(run: RunId, owner: &AccountId);

    /// Pays out what vests on these segments.
    fn release(run: RunId, owner: &AccountId, segments: Range<u64>) -> DispatchResult;

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

        /// Expected MACs of the parent block.
        type ParentWork: Get<u128>;

        /// Held while a run is open.
        #[pallet::constant]
        type RunDeposit: Get<u128>;

        /// Most open runs of one owner.
        #[pallet::constant]
        type MaxRuns: Get<u32>;

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

    /// What can be trained.
    #[pallet::storage]
    pub type Tasks<T> = CountedStorageMap<_, Twox64Concat, TaskId, TaskSpec>;

    /// Open runs.
    #[pallet::storage]
    pub type Runs<T: Config> = CountedStorageMap<_, Twox64Concat, RunId, Run<T::AccountId>>;

    /// Open runs by owner, ascending.
    #[pallet::storage]
    pub type RunsOf<T: Config> =
        StorageMap<_, Blake2_128Concat, T::AccountId, BoundedVec<RunId, T::MaxRuns>, ValueQuery>;

    /// Id of the next run.
    #[pallet::storage]
    pub type NextRun<T> = StorageValue<_, RunId, ValueQuery>;

    /// Whether this block has recorded its parent's seal.
    #[pallet::storage]
    #[pallet::whitelist_storage]
    pub type Recorded<T> = StorageValue<_, bool, ValueQuery>;

    /// Rules, commons tasks and first runs of a chain.
    #[pallet::genesis_config]
    #[derive(frame::derive::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// What draws and windows follow.
        pub rules: Option<WorkRules>,
        /// The commons: ids in order.
        pub tasks: Vec<TaskSpec>,
        /// First runs: owner and task, ids in order.
        pub runs: Vec<(T::AccountId, TaskId)>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            let Some(rules) = &self.rules else { return };
            for (id, spec) in (0..).zip(&self.tasks) {
                assert_eq!(rules.admit(spec), Ok(()), "work: task {id} cannot be mined");
                Tasks::<T>::insert(id, spec);
            }
            assert!(
                !self.runs.is_empty(),
                "work: without a run there is nothing to mine"
            );
            for (owner, task) in &self.runs {
                assert!(
                    Tasks::<T>::contains_key(task),
                    "work: no task {task} in genesis"
                );
                let opened = Pallet::<T>::insert_run(*task, owner.clone(), 0);
                assert!(
                    opened.is_ok(),
                    "work: too many runs of one owner in genesis"
                );
            }
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
        /// A state root was claimed and the window moved.
        Checkpointed {
            /// The run.
            run: RunId,
            /// Steps covered from now on.
            committed: u64,
            /// State root after so many steps.
            state_root: H256,
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
        /// The last open run of the chain can't be closed: there would be nothing to mine.
        LastRun,
        /// Worker shares still vest on the run. Checkpoint their segments first.
        StillVesting,
        /// The checkpoint isn't at the end of a segment. Claim a multiple of the task's segment.
        NotASegmentEnd,
        /// The checkpoint, or the seal's step, is outside the run's window.
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
        /// Opens a run of `task` for the caller and holds [`Config::RunDeposit`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::open_run())]
        pub fn open_run(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            ensure!(Tasks::<T>::contains_key(task), Error::<T>::UnknownTask);
            let deposit = T::RunDeposit::get();
            T::Currency::hold(&HoldReason::Run.into(), &owner, deposit)?;
            let run = Self::insert_run(task, owner.clone(), deposit)?;
            Self::deposit_event(Event::RunOpened { run, task, owner });
            Ok(())
        }

        /// Closes the caller's run and returns its deposit.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::close_run())]
        pub fn close_run(origin: OriginFor<T>, run: RunId) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            let closed = Self::owned(run, &owner)?;
            ensure!(Runs::<T>::count() > 1, Error::<T>::LastRun);
            ensure!(T::Rewards::vesting(run) == 0, Error::<T>::StillVesting);
            let reason = HoldReason::Run.into();
            T::Currency::release(&reason, &owner, closed.deposit, Precision::Exact)?;
            Runs::<T>::remove(run);
            RunsOf::<T>::mutate(&owner, |runs| runs.retain(|id| *id != run));
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

        /// Claims that the caller's run has `state_root` after `to` steps, at the end of a segment
        /// within the window; the window opens there from now on, and what vests on the segments
        /// before it is paid out. Pays no fee if a step since the last checkpoint has sealed a block
        /// or made a share: claims alone cost nothing to make, and must not fill blocks for free.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::checkpoint(Pallet::<T>::segments_of(*run, *to)))]
        pub fn checkpoint(
            origin: OriginFor<T>,
            run: RunId,
            to: u64,
            state_root: H256,
        ) -> DispatchResultWithPostInfo {
            let owner = ensure_signed(origin)?;
            let mut claimed = Self::owned(run, &owner)?;
            let rules = CurrentRules::<T>::get().ok_or(Error::<T>::NoRules)?;
            let spec = Tasks::<T>::get(claimed.task).ok_or(Error::<T>::UnknownTask)?;
            let segment = u64::from(spec.segment).max(1);
            ensure!(to % segment == 0, Error::<T>::NotASegmentEnd);
            ensure!(
                to > claimed.committed && to - claimed.committed <= rules.max_ahead,
                Error::<T>::StepOutsideWindow
            );
            T::Rewards::release(run, &owner, claimed.committed / segment..to / segment)?;
            let pays = if claimed.has_open_work() {
                Pays::No
            } else {
                Pays::Yes
            };
            claimed.commit(to, state_root.0);
            Runs::<T>::insert(run, claimed);
            Self::deposit_event(Event::Checkpointed {
                run,
                committed: to,
                state_root,
            });
            Ok(pays.into())
        }

        /// Records which step of which run sealed the parent block.
        ///
        /// Importers check it against the parent's header. It never fails for what the parent did:
        /// a run that the parent itself closed is skipped.
        #[pallet::call_index(4)]
        #[pallet::weight((T::WeightInfo::record_seal(), DispatchClass::Mandatory))]
        pub fn record_seal(origin: OriginFor<T>, run: RunId, step: u64) -> DispatchResult {
            ensure_none(origin)?;
            ensure!(!Recorded::<T>::get(), Error::<T>::AlreadyRecorded);
            Recorded::<T>::put(true);
            let macs = T::ParentWork::get();
            if let Some((mut sealed, spec, rules)) = Self::resolve(run) {
                let shape = spec.lottery_shape(rules.noise_rank);
                match sealed.seal(step, macs, &shape) {
                    Earns::Vesting => {
                        T::Rewards::vest(run, &sealed.owner, step / u64::from(spec.segment).max(1));
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
            let ParentSeal { run, step } = data.get_data(&PARENT_SEAL).ok().flatten()?;
            Some(Call::record_seal { run, step })
        }

        fn check_inherent(call: &Self::Call, data: &InherentData) -> Result<(), Self::Error> {
            let Call::record_seal { run, step } = call else {
                return Ok(());
            };
            let expected = data.get_data::<ParentSeal>(&PARENT_SEAL).ok().flatten();
            let recorded = ParentSeal {
                run: *run,
                step: *step,
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
            let run = Runs::<T>::get(seal.run).ok_or(SealError::UnknownRun)?;
            let spec = Tasks::<T>::get(run.task).ok_or(SealError::UnknownRun)?;
            ensure!(run.owner == *author, SealError::NotTheAuthor);
            ensure!(
                run.admits(seal.step, rules.max_ahead),
                SealError::StepOutsideWindow
            );
            let terms = Terms {
                genesis: genesis.0,
                pre_hash: pre_hash.0,
                author: *author.as_ref(),
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
            quern_work::verify(&seal, &terms)?;
            Ok((seal, run, spec))
        }

        /// The check that importers of a block on top of this state make.
        pub fn verify_seal(
            genesis: H256,
            pre_hash: H256,
            author: &T::AccountId,
            seal: &[u8],
            difficulty: u128,
        ) -> Result<(), SealError> {
            let rules = CurrentRules::<T>::get().ok_or(SealError::UnknownRun)?;
            Self::check_seal(genesis, pre_hash, author, seal, &rules, difficulty).map(|_| ())
        }

        /// What draws and windows follow, for the runtime API.
        pub fn rules() -> WorkRules {
            CurrentRules::<T>::get().unwrap_or_default()
        }

        /// An open run as its worker sees it, for the runtime API.
        pub fn run_info(id: RunId) -> Option<RunInfo> {
            let run = Runs::<T>::get(id)?;
            let spec = Tasks::<T>::get(run.task)?;
            Some(RunInfo {
                id,
                task: run.task,
                owner: (*run.owner.as_ref()).into(),
                seed: run.seed,
                spec,
                committed: run.committed,
                state_root: run.state_root,
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
            owner: T::AccountId,
            deposit: u128,
        ) -> Result<RunId, Error<T>> {
            let id = NextRun::<T>::get();
            RunsOf::<T>::try_mutate(&owner, |runs| runs.try_push(id))
                .map_err(|_| Error::<T>::TooManyRuns)?;
            let parent = frame_system::Pallet::<T>::parent_hash();
            let seed = hash::derive(Context::RUN, &[parent.as_ref(), &id.to_le_bytes()]);
            Runs::<T>::insert(id, Run::new(task, owner, seed, deposit));
            NextRun::<T>::put(id.saturating_add(1));
            Ok(id)
        }

        /// The run, if `owner` owns it.
        fn owned(run: RunId, owner: &T::AccountId) -> Result<Run<T::AccountId>, Error<T>> {
            let found = Runs::<T>::get(run).ok_or(Error::<T>::UnknownRun)?;
            ensure!(found.owner == *owner, Error::<T>::NotTheAuthor);
            Ok(found)
        }

        /// The run with its task and the rules.
        fn resolve(run: RunId) -> Option<(Run<T::AccountId>, TaskSpec, WorkRules)> {
            let found = Runs::<T>::get(run)?;
            Some((
                found.clone(),
                Tasks::<T>::get(found.task)?,
                CurrentRules::<T>::get()?,
            ))
        }

        /// Segments that a checkpoint at `to` would release: the weight's parameter.
        fn segments_of(run: RunId, to: u64) -> u32 {
            let Some((run, spec, rules)) = Self::resolve(run) else {
                return 0;
            };
            let steps = to.saturating_sub(run.committed).min(rules.max_ahead);
            (steps / u64::from(spec.segment).max(1)).saturated_into()
        }

        /// Every run is filed under its owner, has a task, and its deposit is held.
        #[cfg(any(feature = "try-runtime", test))]
        pub(crate) fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            use frame::traits::fungible::InspectHold;
            for (id, run) in Runs::<T>::iter() {
                ensure!(
                    Tasks::<T>::contains_key(run.task),
                    "work: a run without a task"
                );
                ensure!(id < NextRun::<T>::get(), "work: a run from the future");
                ensure!(
                    RunsOf::<T>::get(&run.owner).contains(&id),
                    "work: an unfiled run"
                );
            }
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
