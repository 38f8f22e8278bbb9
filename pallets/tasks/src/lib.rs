//! # Tasks
//!
//! What is trained, for whom, by whom, and who is paid for it.
//!
//! - A *commons* task is opened by governance, or at genesis. It has no client, no fee and no end; any
//!   miner's ticket may open runs of it.
//! - A *paid* task is an [`Order`] and a fee, which is held from the client until the task ends.
//!
//! ```text
//! Open ──► Assigned ──► Training ──► Evaluating ──► Completed | Failed
//!   │         │  │          │
//!   └─────────┴──┼──────────┴──────────────────────► Expired
//!   └─────────┴──┴─────────────────────────────────► Cancelled
//! ```
//!
//! - *Open*: two blocks later miners are drawn, and one supervisor; while nobody can be drawn, again every
//!   [`RETRY`] blocks. With fewer miners than ordered the task begins, and those who train share the
//!   miners' part; without a supervisor it goes on without one.
//! - *Assigned*, *Training*: every miner opens a run and has its claims accepted up to the ordered steps.
//!   One who is late may be replaced: by the supervisor, or by anybody once twice its time is up. A seat
//!   for which nobody can be drawn is given up when all others have finished.
//! - *Evaluating*: drawn evaluators score the finished runs on the held-out rows, commit–reveal. Without
//!   an outcome others are drawn, twice. A quorum does not shrink because evaluators are busy: the draw is
//!   repeated.
//! - At the end the fee leaves the hold to the last unit ([`fee`]), and every ticket is free again.
//!   Claims that are accepted after the training's end count for the runs, but no more for the task.
//!
//! What happens without a call happens in [`agenda`]: each block looks at a bounded number of tasks that
//! are due. Ended tasks stay on record, of the cancelled ones, which ran nothing, the latest only.
//!
//! At most [`Config::MaxOpen`] paid tasks are unfinished. A place is not for free: a tenth of the fee is burnt
//! at every end, and the least fee doubles with every tenth of the places that is taken.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};
use codec::Encode;
use frame::{
    deps::{sp_core::H256, sp_runtime::Permill},
    prelude::*,
    traits::{
        Get,
        fungible::{Mutate, MutateHold},
    },
};
use quern_api::{MIN_NOISE_RANK, WorkRules};
use quern_market::{
    EvaluationVote, Order, OrderError, Role, RunId, TaskId, TicketId,
    seams::{Deed, EvaluatorRewards, Reputation, Runs, Tickets},
    vote,
};
use quern_work::{
    Hash, TaskSpec,
    hash::{Context, derive},
};

mod agenda;
mod assign;
mod book;
mod evaluate;
mod info;
mod refusals;
mod settle;

pub mod fee;
pub mod miner;
pub mod price;
pub mod score;
pub mod task;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(any(feature = "try-runtime", feature = "std"))]
mod invariants;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use miner::{Lateness, Pace};
pub use pallet::*;
use price::Market;
pub use task::{
    DRAW_AFTER, End, Evaluation, MAX_BALLOTS, MAX_CANCELLED, MAX_EMPTY_DRAWS, MAX_VERIFIERS, RETRY,
    Stage, Task,
};
pub use weights::WeightInfo;

/// The randomness of one draw.
const DRAW: Context = Context::new("quern/v1/task-draw");

/// The part of its stake that a miner loses who begins, and then is late.
const LATE: Permill = Permill::from_percent(1);

/// An account.
type AccountIdOf<T> = <T as frame_system::Config>::AccountId;

/// A paid task.
pub type TaskOf<T> = Task<AccountIdOf<T>>;

#[frame::pallet]
pub mod pallet {
    use super::*;

    /// Version of the storage's layout.
    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId: AsRef<[u8; 32]>, Hash = H256> {
        /// The chain's money.
        type Currency: Mutate<Self::AccountId, Balance = u128>
            + MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// Why this pallet holds money.
        type RuntimeHoldReason: From<HoldReason>;

        /// Who may do what.
        type Tickets: Tickets<Self::AccountId>;

        /// What accounts' deeds are worth.
        type Reputation: Reputation<Self::AccountId>;

        /// What is known of the miners' runs.
        type Runs: Runs;

        /// Where accepted scores are paid from emission.
        type Voters: EvaluatorRewards<Self::AccountId>;

        /// Where the parts of a fee go that nobody earned.
        type Pool: Get<Self::AccountId>;

        /// The rules that tasks must fit.
        type Rules: Get<WorkRules>;

        /// MACs that the chain absorbs per block.
        type ChainWork: Get<u128>;

        /// Blocks in which an assigned miner opens its run. What is in force when it is asked counts, for
        /// this as for the next.
        type StartWithin: Get<u32>;

        /// Blocks from one accepted claim of a run to the next.
        type ProgressWithin: Get<u32>;

        /// Blocks in which evaluators hand in digests. A ballot keeps the times it began with.
        type CommitWithin: Get<u32>;

        /// Blocks in which they then reveal their votes.
        type RevealWithin: Get<u32>;

        /// Most unfinished paid tasks.
        #[pallet::constant]
        type MaxOpen: Get<u32>;

        /// The least fee while few tasks are unfinished ([`fee::least`]).
        type MinFee: Get<u128>;

        /// Who may open commons tasks.
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// Randomness of the parent's seal, which came after all that draws depend on: nobody can choose it without
        /// the work of another seal.
        type Randomness: Get<Hash>;

        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Fee of an unfinished task.
        Fee,
    }

    /// Paid tasks, ended ones too, but of the cancelled ones the latest only.
    #[pallet::storage]
    pub type Tasks<T: Config> = StorageMap<_, Twox64Concat, TaskId, TaskOf<T>>;

    /// Commons tasks.
    #[pallet::storage]
    pub type Commons<T> = StorageMap<_, Twox64Concat, TaskId, TaskSpec>;

    /// Id of the next task.
    #[pallet::storage]
    pub type NextTask<T> = StorageValue<_, TaskId, ValueQuery>;

    /// Unfinished paid tasks.
    #[pallet::storage]
    pub type Unfinished<T> = StorageValue<_, u32, ValueQuery>;

    /// MACs of the unfinished paid tasks.
    #[pallet::storage]
    pub type Demand<T> = StorageValue<_, u128, ValueQuery>;

    /// Verifiers of an unfinished task, and how often they agreed to its claims.
    #[pallet::storage]
    pub type Verifiers<T: Config> = StorageMap<
        _,
        Twox64Concat,
        TaskId,
        BoundedVec<(T::AccountId, u32), ConstU32<MAX_VERIFIERS>>,
        ValueQuery,
    >;

    /// Cancelled tasks on record, the oldest first.
    #[pallet::storage]
    pub type Cancelled<T> =
        StorageValue<_, BoundedVec<TaskId, ConstU32<MAX_CANCELLED>>, ValueQuery>;

    /// Unfinished tasks by the block in which they are due.
    #[pallet::storage]
    pub type Agenda<T> = StorageDoubleMap<_, Twox64Concat, u32, Twox64Concat, TaskId, ()>;

    /// No task is due in a block before this one.
    #[pallet::storage]
    pub type Cursor<T> = StorageValue<_, u32, ValueQuery>;

    /// First commons tasks of a chain.
    #[pallet::genesis_config]
    #[derive(frame::derive::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The commons: ids in order.
        pub commons: Vec<TaskSpec>,
        /// Nothing.
        #[serde(skip)]
        pub _config: core::marker::PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            // The chain's rules come later in genesis, and are checked against the tasks of its first runs.
            for spec in &self.commons {
                assert_eq!(
                    spec.validate(MIN_NOISE_RANK),
                    Ok(()),
                    "tasks: a commons task can't be trained"
                );
                assert!(
                    Pallet::<T>::insert_commons(spec.clone()).is_ok(),
                    "tasks: too many in genesis"
                );
            }
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A commons task was opened.
        CommonsOpened {
            /// Its id.
            task: TaskId,
        },
        /// An order was submitted and its fee held.
        Submitted {
            /// Its id.
            task: TaskId,
            /// Who pays.
            client: T::AccountId,
            /// How much.
            fee: u128,
        },
        /// Miners were drawn.
        Assigned {
            /// The task.
            task: TaskId,
            /// Their tickets.
            miners: Vec<TicketId>,
            /// The supervisor's.
            supervisor: Option<TicketId>,
        },
        /// A late miner lost its seat; another is drawn.
        Replaced {
            /// The task.
            task: TaskId,
            /// The miner's ticket.
            ticket: TicketId,
            /// What was taken of its stake for being late: nothing if no claim of it was accepted, or one was
            /// rejected, for which it is slashed already.
            slashed: u128,
        },
        /// A supervisor logged a round.
        RoundLogged {
            /// The task.
            task: TaskId,
            /// Which round.
            round: u32,
            /// Digest of what it saw.
            digest: Hash,
        },
        /// Evaluators were drawn.
        EvaluatorsDrawn {
            /// The task.
            task: TaskId,
            /// Their tickets.
            tickets: Vec<TicketId>,
        },
        /// A task ended.
        Ended {
            /// The task.
            task: TaskId,
            /// How.
            end: End,
        },
        /// A part of a fee was paid.
        Paid {
            /// The task.
            task: TaskId,
            /// To whom.
            who: T::AccountId,
            /// How much.
            amount: u128,
        },
        /// A fee was settled: the parts together are the fee.
        Settled {
            /// The task.
            task: TaskId,
            /// Paid to those who worked.
            paid: u128,
            /// Back to the client.
            refunded: u128,
            /// To the rewards pool.
            pooled: u128,
            /// Burnt.
            burnt: u128,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No paid task has this id. List the tasks and choose one.
        UnknownTask,
        /// As many paid tasks are unfinished as there may be. Try again later.
        TooManyTasks,
        /// The fee is below the least one, which rises with the number of unfinished tasks. Ask for a quote.
        FeeTooLow,
        /// The task was paid for by another account. Sign with its client's key.
        NotTheClient,
        /// A run was opened, or the task is over: it can't be taken back any more. It pays for itself, or is
        /// refunded but for a tenth when it expires.
        TooLateToCancel,
        /// The task doesn't wait for miners to train, or it is over.
        NotTraining,
        /// The ticket has no seat in the task, or has opened its run already.
        NotAssigned,
        /// The ticket licenses no mining, or is not live. Buy or renew a miner's.
        NotAMinersTicket,
        /// The miner has time left, or a claim of its run is being audited.
        NotLate,
        /// Only the task's supervisor may do this. Anybody may replace a miner once twice its time is up.
        NotTheSupervisor,
        /// As many miners of this task were replaced as may be. Wait for its deadline.
        TooManyReplaced,
        /// The round isn't the supervisor's next one.
        RoundOutOfOrder,
        /// No evaluators are voting on the task now.
        NotEvaluating,
        /// The account wasn't drawn to evaluate the task.
        NotDrawn,
        /// The seat has handed in its digest, or its vote, already.
        AlreadyVoted,
        /// The time for digests, or for votes, is over.
        TooLate,
        /// Others may still hand in digests. Reveal when all have, or their time is up.
        TooEarly,
        /// The seat has handed in no digest that it could reveal.
        NotCommitted,
        /// The vote isn't the one that was committed to. Check scores and salt.
        AnotherVote,
        /// The vote doesn't score exactly the finished runs, by ascending id, or counts more right answers
        /// than there are rows.
        WrongScores,
        /// The features are out of bounds.
        Features,
        /// The classes are out of bounds.
        Classes,
        /// There are too few or too many hidden layers, or one has a size that isn't possible.
        Hidden,
        /// The network has too many weights and biases.
        Parameters,
        /// The dataset has no rows.
        NoData,
        /// The batch is no power of two, or out of bounds.
        Batch,
        /// The segment has no steps, or doesn't fit into the window.
        Segment,
        /// The data have too few features for the chain's noise rank.
        Rank,
        /// A batch times the sizes of all layers is too large.
        Activations,
        /// Executing as many segments as can be drawn takes more MACs than a verifier may be asked for.
        /// Shorten the segment, or train a smaller network.
        VoteMacs,
        /// The rows and as many states as can be drawn are more bytes than a verifier may be asked to fetch.
        VoteBytes,
        /// Held-out rows are missing, or have other features or classes than the training data.
        HeldOut,
        /// The steps are zero or no multiple of the segment.
        Steps,
        /// There are too few or too many workers.
        Workers,
        /// There are too few or too many evaluators.
        Evaluators,
        /// The target is above one million.
        Target,
        /// The deadline is zero, or too far away.
        Deadline,
        /// The name is no UTF-8 text.
        Name,
        /// Scoring the models of all workers takes more MACs than an evaluator may be asked for. Hold fewer rows
        /// out.
        ScoringMacs,
        /// The held-out rows and the models of all workers are more bytes than an evaluator may be asked to
        /// fetch.
        ScoringBytes,
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
        /// Submits an order and holds its fee, which is at least [`fee::least`]. A tenth of it is burnt
        /// whatever becomes of the task.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::pay_for_task())]
        pub fn pay_for_task(origin: OriginFor<T>, order: Box<Order>, fee: u128) -> DispatchResult {
            let client = ensure_signed(origin)?;
            Self::check(&order).map_err(Error::<T>::from)?;
            let unfinished = Unfinished::<T>::get();
            ensure!(unfinished < T::MaxOpen::get(), Error::<T>::TooManyTasks);
            ensure!(fee >= Self::least_fee(), Error::<T>::FeeTooLow);
            T::Currency::hold(&HoldReason::Fee.into(), &client, fee)?;
            let task = Self::take_id()?;
            Unfinished::<T>::put(unfinished.saturating_add(1));
            Demand::<T>::mutate(|demand| *demand = demand.saturating_add(order.macs()));
            let now = Self::now();
            Self::keep(task, Task::new(client.clone(), *order, fee, now), now);
            Self::deposit_event(Event::Submitted { task, client, fee });
            Ok(())
        }

        /// Takes the caller's task back and its fee with it, but for the tenth that is burnt, as long as no
        /// run was opened.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::cancel())]
        pub fn cancel(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
            let client = ensure_signed(origin)?;
            let paid = Self::paid_task(task)?;
            ensure!(paid.client == client, Error::<T>::NotTheClient);
            ensure!(paid.can_be_cancelled(), Error::<T>::TooLateToCancel);
            Self::end(task, paid, End::Cancelled, &[]);
            Ok(())
        }

        /// Replaces a late miner: its ticket is free again, and another is drawn two blocks later. What was
        /// accepted of its work stays credited. Where something was, the order can be done, and the miner is
        /// slashed a little. Costs no fee.
        ///
        /// The supervisor may do so when the miner's time is up, anybody when it is up twice.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::replace())]
        pub fn replace(
            origin: OriginFor<T>,
            task: TaskId,
            ticket: TicketId,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let mut paid = Self::paid_task(task)?;
            ensure!(paid.is_training(), Error::<T>::NotTraining);
            Self::dismiss(task, &mut paid, ticket, &who)?;
            Self::keep_for_draw(task, paid, Self::now());
            Ok(Pays::No.into())
        }

        /// Logs what the supervisor saw in a round; rounds count from 0, one by one.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::log_round())]
        pub fn log_round(
            origin: OriginFor<T>,
            task: TaskId,
            round: u32,
            digest: Hash,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let mut paid = Self::paid_task(task)?;
            ensure!(paid.is_training(), Error::<T>::NotTraining);
            let supervises = paid
                .supervisor
                .as_ref()
                .is_some_and(|(_, supervisor)| *supervisor == who);
            ensure!(supervises, Error::<T>::NotTheSupervisor);
            ensure!(round == paid.round, Error::<T>::RoundOutOfOrder);
            paid.round = round.saturating_add(1);
            Self::keep(task, paid, Self::now());
            Self::deposit_event(Event::RoundLogged {
                task,
                round,
                digest,
            });
            Ok(())
        }

        /// Hands in the digest of an evaluator's vote. Costs no fee.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::commit_scores())]
        pub fn commit_scores(
            origin: OriginFor<T>,
            task: TaskId,
            digest: Hash,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let mut paid = Self::paid_task(task)?;
            let now = Self::now();
            let ballot = paid.ballot().ok_or(Error::<T>::NotEvaluating)?;
            ballot.commit(&who, now, digest).map_err(Error::<T>::from)?;
            Self::keep(task, paid, now);
            Ok(Pays::No.into())
        }

        /// Reveals an evaluator's vote. The last one ends the ballot. Costs no fee.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::reveal_scores().saturating_add(T::WeightInfo::settle()))]
        pub fn reveal_scores(
            origin: OriginFor<T>,
            task: TaskId,
            vote: EvaluationVote,
            salt: Hash,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let mut paid = Self::paid_task(task)?;
            let now = Self::now();
            let known = score::is_about(&vote, &paid.finished(), &paid.order);
            let digest = vote::commitment(task.into(), who.as_ref(), &vote, &salt);
            let ballot = paid.ballot().ok_or(Error::<T>::NotEvaluating)?;
            ensure!(known, Error::<T>::WrongScores);
            ballot
                .reveal(&who, now, digest, vote)
                .map_err(Error::<T>::from)?;
            if !ballot.is_over(now) {
                Self::keep(task, paid, now);
                return Ok((Some(T::WeightInfo::reveal_scores()), Pays::No).into());
            }
            match Self::evaluate(task, &mut paid, now) {
                Some((end, agreed)) => Self::end(task, paid, end, &agreed),
                None => Self::keep_for_draw(task, paid, now),
            }
            Ok(Pays::No.into())
        }

        /// Opens a commons task.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::open_commons())]
        pub fn open_commons(origin: OriginFor<T>, spec: Box<TaskSpec>) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            T::Rules::get().admit(&spec).map_err(Error::<T>::from)?;
            let task = Self::insert_commons(*spec)?;
            Self::deposit_event(Event::CommonsOpened { task });
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// Whether an order can be trained here.
        pub(crate) fn check(order: &Order) -> Result<(), OrderError> {
            T::Rules::get().admit_order(order)
        }

        /// Stores a commons task under a new id.
        pub(crate) fn insert_commons(spec: TaskSpec) -> Result<TaskId, Error<T>> {
            let id = Self::take_id()?;
            Commons::<T>::insert(id, spec);
            Ok(id)
        }

        fn take_id() -> Result<TaskId, Error<T>> {
            let id = NextTask::<T>::get();
            let next = id.checked_add(1).ok_or(Error::<T>::TooManyTasks)?;
            NextTask::<T>::put(next);
            Ok(id)
        }

        fn paid_task(id: TaskId) -> Result<TaskOf<T>, Error<T>> {
            Tasks::<T>::get(id).ok_or(Error::<T>::UnknownTask)
        }

        /// The least fee of an order submitted now.
        pub(crate) fn least_fee() -> u128 {
            let taken = Unfinished::<T>::get();
            fee::least(T::MinFee::get(), taken, T::MaxOpen::get())
        }

        /// The block being executed.
        pub(crate) fn now() -> u32 {
            frame_system::Pallet::<T>::block_number().saturated_into()
        }

        /// Blocks that miners have.
        pub(crate) fn pace() -> Pace {
            Pace {
                start: T::StartWithin::get(),
                progress: T::ProgressWithin::get(),
            }
        }
    }
}
