//! # Tickets
//!
//! Staked licences for the roles of the market, and their drawing.
//!
//! - A *ticket* licenses one role: its owner buys it with a stake of at least the role's *price*, which is
//!   held. It is *live* until it is retired or expires; then it is *leaving*, and once the unbonding time
//!   is over and its last duty has ended, its stake can be withdrawn. Renewing makes it live again.
//! - A *duty* is what a ticket was drawn for. Its holder's preferences say how many it takes at a time.
//! - A role's *pool* holds its live tickets with room for a duty. Other pallets draw from it through
//!   [`quern_market::seams::Tickets`], miners by fit, stake and reputation, others by stake, without
//!   looking at more than a bounded number of tickets: see [`sampling`].
//! - A *slash* takes a part of the stake, or of the least price where the stake is smaller: half is burnt and
//!   half goes to the reporter. A live ticket whose stake falls below half of the least price retires, one with
//!   no stake left is gone.
//! - The supervisors with most stake become the validators of the next session. Their stake answers for
//!   their votes: it stays for as long as these can be reported, and who votes for two chains at once is
//!   *convicted*, and loses part of it.
//!
//! | file | what it decides |
//! | --- | --- |
//! | `ticket.rs` | a ticket's life |
//! | `pool.rs` | where tickets lie |
//! | `sampling.rs` | which are drawn |
//! | `price.rs` | what they cost |
//! | `register.rs` | how they are filed, and leave |
//! | `market.rs` | what other pallets may ask and do |
//! | `session.rs` | who validates |
//! | `seats.rs` | with which keys |
//! | `equivocation.rs` | and what voting for two chains costs |
//! | `info.rs` | what the runtime API tells |
//! | `invariants.rs` | what must hold between two blocks |
//!
//! Prices, times and numbers are read when they are used, and may change between blocks: a ticket keeps the
//! expiry and the unbonding time that were set when it began to live or to leave.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::{collections::BTreeSet, vec::Vec};
use frame::{
    prelude::*,
    traits::{
        Get,
        fungible::{Mutate, MutateHold},
        tokens::Precision,
    },
};
use quern_market::{Duty, Preferences, Role, TicketId, seams::Reputation, ticket::MAX_DUTIES};

pub mod equivocation;
mod info;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod invariants;
mod market;
pub mod pool;
pub mod price;
pub mod register;
pub mod sampling;
pub mod seats;
pub mod session;
pub mod ticket;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use pool::{Counts, Place};
pub use register::MAX_EXPIRED;
pub use seats::Seats;
pub use ticket::Ticket;
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
    pub trait Config: frame_system::Config<AccountId: AsRef<[u8; 32]>> {
        /// The chain's money.
        type Currency: Mutate<Self::AccountId, Balance = u128>
            + MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// Why this pallet holds money.
        type RuntimeHoldReason: From<HoldReason>;

        /// What accounts have earned by right and lost by wrong answers.
        type Reputation: Reputation<Self::AccountId>;

        /// Which accounts have session keys.
        type KeysOf: Contains<Self::AccountId>;

        /// Blocks for which a ticket is live, at least one.
        type Lifetime: Get<u32>;

        /// Blocks from a ticket's end until its stake can be withdrawn; longer than any audit.
        type Unbonding: Get<u32>;

        /// First price of every role.
        type BasePrice: Get<u128>;

        /// Least price, at least one.
        type PriceFloor: Get<u128>;

        /// Blocks between two prices; with zero they stay.
        type PriceInterval: Get<u32>;

        /// Live tickets of a role at which its price stays.
        type PoolTarget: Get<u32>;

        /// Most tickets of one owner.
        #[pallet::constant]
        type MaxPerOwner: Get<u32>;

        /// Most validators of a session, up to [`session::MAX_VALIDATORS`]; with none, those there are stay.
        type MaxValidators: Get<u32>;

        /// Who votes on finality in the session that begins, each with its key.
        type Voters: Get<Vec<(seats::Key, Self::AccountId)>>;

        /// Sessions for which votes of a session can be reported after it, at least one.
        type ReportWithin: Get<u32>;

        /// Weights of the calls and hooks.
        type WeightInfo: WeightInfo;
    }

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Stake of a ticket.
        Stake,
    }

    /// Every ticket that was not withdrawn or slashed to nothing.
    #[pallet::storage]
    pub type Tickets<T: Config> = StorageMap<_, Twox64Concat, TicketId, Ticket<T::AccountId>>;

    /// Tickets by owner, ascending.
    #[pallet::storage]
    pub type TicketsOf<T: Config> = StorageMap<
        _,
        Blake2_128Concat,
        T::AccountId,
        BoundedVec<TicketId, T::MaxPerOwner>,
        ValueQuery,
    >;

    /// Id of the next ticket.
    #[pallet::storage]
    pub type NextTicket<T> = StorageValue<_, TicketId, ValueQuery>;

    /// Live tickets of a role, those that no longer have room among them.
    #[pallet::storage]
    pub type Live<T> = StorageMap<_, Twox64Concat, Role, u32, ValueQuery>;

    /// Live tickets of an account by role, above zero.
    #[pallet::storage]
    pub type Holdings<T: Config> =
        StorageDoubleMap<_, Twox64Concat, Role, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

    /// Accounts with live tickets of a role.
    #[pallet::storage]
    pub type Holders<T> = StorageMap<_, Twox64Concat, Role, u32, ValueQuery>;

    /// How many tickets lie in each bucket of a role's pool.
    #[pallet::storage]
    pub type Pools<T> = StorageMap<_, Twox64Concat, Role, Counts, ValueQuery>;

    /// Which ticket lies at a place of a role's pool.
    #[pallet::storage]
    pub type Places<T> = StorageDoubleMap<_, Twox64Concat, Role, Twox64Concat, Place, TicketId>;

    /// Prices that are no longer the first one.
    #[pallet::storage]
    pub type Prices<T> = StorageMap<_, Twox64Concat, Role, u128>;

    /// Live tickets by the block in which they expire.
    #[pallet::storage]
    pub type Expiries<T> = StorageDoubleMap<_, Twox64Concat, u32, Twox64Concat, TicketId, ()>;

    /// The first block whose expiring tickets may not all have left.
    #[pallet::storage]
    pub type Swept<T> = StorageValue<_, u32>;

    /// The validators last chosen, ascending.
    #[pallet::storage]
    pub type Chosen<T: Config> = StorageValue<
        _,
        BoundedVec<T::AccountId, ConstU32<{ session::MAX_VALIDATORS }>>,
        ValueQuery,
    >;

    /// Who votes in the present session.
    #[pallet::storage]
    pub type Seated<T: Config> = StorageValue<_, Seats<T::AccountId>>;

    /// Hashes of who voted in the sessions whose votes can be reported.
    #[pallet::storage]
    pub type SeatHashes<T: Config> = StorageMap<_, Twox64Concat, u32, T::Hash>;

    /// The first session of which a hash may be kept.
    #[pallet::storage]
    pub type OldestSeats<T> = StorageValue<_, u32>;

    /// Last session of those who validate no more.
    #[pallet::storage]
    pub type Unseated<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32>;

    /// Those convicted of voting for two chains by the set of validators in which they did, in order.
    #[pallet::storage]
    pub type Convicts<T: Config> = StorageMap<
        _,
        Twox64Concat,
        u64,
        BoundedVec<T::AccountId, ConstU32<{ session::MAX_VALIDATORS }>>,
        ValueQuery,
    >;

    /// Convicts who are not elected: those since the last election, and those whom the rules of change have
    /// kept in office since.
    #[pallet::storage]
    pub type Suspended<T: Config> = StorageValue<
        _,
        BoundedVec<T::AccountId, ConstU32<{ session::MAX_VALIDATORS }>>,
        ValueQuery,
    >;

    /// First tickets of a chain; it must be built after the balances.
    ///
    /// Their supervisors count as validating, and only who validates already, or has a reputation, is ever
    /// elected: without any, nobody could be for long.
    #[pallet::genesis_config]
    #[derive(frame::derive::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Owner, role, stake and most duties at a time: ids in order.
        pub tickets: Vec<(T::AccountId, Role, u128, u32)>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            for (owner, role, stake, concurrent) in &self.tickets {
                let preferences = Preferences::any(*concurrent);
                let checked = Pallet::<T>::check(&preferences);
                assert!(
                    checked.is_ok(),
                    "tickets: an impossible preference in genesis"
                );
                assert!(*stake > 0, "tickets: no stake in genesis");
                let issued = Pallet::<T>::issue(owner.clone(), *role, *stake, preferences);
                assert!(issued.is_ok(), "tickets: genesis: {issued:?}");
            }
            let first: BTreeSet<T::AccountId> = self
                .tickets
                .iter()
                .filter(|(_, role, ..)| *role == Role::Supervisor)
                .map(|(owner, ..)| owner.clone())
                .collect();
            assert!(
                self.tickets.is_empty() || !first.is_empty(),
                "tickets: genesis has no supervisor, so nobody could be elected to validate"
            );
            let first = BoundedVec::try_from(first.into_iter().collect::<Vec<_>>());
            assert!(first.is_ok(), "tickets: too many supervisors in genesis");
            Chosen::<T>::put(first.unwrap_or_default());
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A ticket was bought.
        Bought {
            /// Its id.
            ticket: TicketId,
            /// Who owns it.
            owner: T::AccountId,
            /// What it licenses.
            role: Role,
            /// What is held for it.
            stake: u128,
        },
        /// A ticket is live for another lifetime.
        Renewed {
            /// The ticket.
            ticket: TicketId,
            /// Block from which on it is no longer live.
            expires: u32,
            /// What is held for it.
            stake: u128,
        },
        /// What a ticket's owner is willing to do has changed.
        PreferencesSet {
            /// The ticket.
            ticket: TicketId,
        },
        /// A ticket was retired: by its owner, because this was convicted, or because a slash left too little.
        Retired {
            /// The ticket.
            ticket: TicketId,
            /// Block from which on its stake can be withdrawn.
            withdrawable: u32,
        },
        /// A ticket's time is up.
        Expired {
            /// The ticket.
            ticket: TicketId,
            /// Block from which on its stake can be withdrawn.
            withdrawable: u32,
        },
        /// A ticket's stake went back to its owner, and the ticket is gone.
        Withdrawn {
            /// The ticket.
            ticket: TicketId,
            /// What was returned.
            stake: u128,
        },
        /// A ticket was drawn for a duty.
        Drawn {
            /// The ticket.
            ticket: TicketId,
            /// The duty.
            duty: Duty,
        },
        /// A ticket's duty has ended.
        Relieved {
            /// The ticket.
            ticket: TicketId,
            /// The duty.
            duty: Duty,
        },
        /// A part of a ticket's stake was taken.
        Slashed {
            /// The ticket.
            ticket: TicketId,
            /// What was burnt.
            burnt: u128,
            /// What went to the reporter.
            reported: u128,
            /// What is left; with nothing left the ticket is gone.
            left: u128,
        },
        /// A validator has voted for two chains at once.
        Convicted {
            /// The validator.
            who: T::AccountId,
            /// The set of validators in which it did, by GRANDPA's number.
            set: u64,
            /// The part of its supervisors' stakes that was burnt.
            part: Permill,
        },
        /// A role's price has changed.
        Repriced {
            /// The role.
            role: Role,
            /// What a ticket costs at least from now on.
            price: u128,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No ticket has this id. It was never bought, or it is withdrawn or slashed to nothing.
        UnknownTicket,
        /// The ticket belongs to another account. Sign with its owner's key.
        NotTheOwner,
        /// The stake is below the role's price. Ask for the price and stake at least that.
        StakeTooLow,
        /// The owner has as many tickets as one account may have. Withdraw one first.
        TooManyTickets,
        /// The preferences allow no duty, or more than a ticket can have at a time.
        BadConcurrency,
        /// The contact is no UTF-8 text. Give a multiaddress in text form, or none.
        BadContact,
        /// The ticket was retired or has expired already. Withdraw it, or renew it.
        Leaving,
        /// The ticket is live. Retire it first.
        NotLeaving,
        /// The ticket's unbonding time is not over. Wait until the block in which it is withdrawable.
        Unbonding,
        /// The ticket has a duty. Wait until the task or audit has ended.
        OnDuty,
        /// The owner validates, or its votes can still be reported. Wait until others have been elected and
        /// that time is over.
        Answering,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(number: BlockNumberFor<T>) -> Weight {
            let now = number.saturated_into();
            let expired = Self::sweep(now);
            let weight = T::WeightInfo::sweep(expired);
            if now.checked_rem(T::PriceInterval::get()) != Some(0) {
                return weight;
            }
            Self::reprice();
            weight.saturating_add(T::WeightInfo::reprice())
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Buys a ticket: holds `stake`, at least the role's price.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::buy())]
        pub fn buy(
            origin: OriginFor<T>,
            role: Role,
            stake: u128,
            preferences: Preferences,
        ) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            Self::check(&preferences)?;
            ensure!(stake >= Self::price(role), Error::<T>::StakeTooLow);
            let ticket = Self::issue(owner.clone(), role, stake, preferences)?;
            Self::deposit_event(Event::Bought {
                ticket,
                owner,
                role,
                stake,
            });
            Ok(())
        }

        /// Makes the caller's ticket live for a whole lifetime from now on, be it live or leaving, and
        /// holds what its stake lacks of the role's price.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::renew())]
        pub fn renew(origin: OriginFor<T>, ticket: TicketId) -> DispatchResult {
            let mut renewed = Self::owned(origin, ticket)?;
            let lacking = Self::price(renewed.role).saturating_sub(renewed.stake);
            if lacking > 0 {
                T::Currency::hold(&HoldReason::Stake.into(), &renewed.owner, lacking)?;
            }
            renewed.stake = renewed.stake.saturating_add(lacking);
            if !renewed.is_leaving() {
                Self::end(ticket, &renewed);
            }
            renewed.renew(Self::now().saturating_add(Self::lifetime()));
            Self::begin(ticket, &renewed);
            let (expires, stake) = (renewed.expires, renewed.stake);
            Self::file(ticket, renewed);
            Self::deposit_event(Event::Renewed {
                ticket,
                expires,
                stake,
            });
            Ok(())
        }

        /// Changes what the owner of the caller's ticket is willing to do. Duties it has stay.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::set_preferences())]
        pub fn set_preferences(
            origin: OriginFor<T>,
            ticket: TicketId,
            preferences: Preferences,
        ) -> DispatchResult {
            let mut changed = Self::owned(origin, ticket)?;
            Self::check(&preferences)?;
            changed.preferences = preferences;
            Self::file(ticket, changed);
            Self::deposit_event(Event::PreferencesSet { ticket });
            Ok(())
        }

        /// Ends the life of the caller's ticket: it is drawn no more, and its stake can be withdrawn
        /// after the unbonding time.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::retire())]
        pub fn retire(origin: OriginFor<T>, ticket: TicketId) -> DispatchResult {
            let retired = Self::owned(origin, ticket)?;
            ensure!(!retired.is_leaving(), Error::<T>::Leaving);
            let withdrawable = Self::leave(ticket, retired);
            Self::deposit_event(Event::Retired {
                ticket,
                withdrawable,
            });
            Ok(())
        }

        /// Returns the stake of the caller's ticket, once its unbonding time is over and its last duty
        /// has ended; a supervisor's, once no vote of its owner on finality can be reported any more.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::withdraw())]
        pub fn withdraw(origin: OriginFor<T>, ticket: TicketId) -> DispatchResult {
            let withdrawn = Self::owned(origin, ticket)?;
            let from = withdrawn.withdrawable.ok_or(Error::<T>::NotLeaving)?;
            ensure!(Self::now() >= from, Error::<T>::Unbonding);
            ensure!(withdrawn.duties.is_empty(), Error::<T>::OnDuty);
            if withdrawn.role == Role::Supervisor {
                ensure!(!Self::answers(&withdrawn.owner), Error::<T>::Answering);
                Unseated::<T>::remove(&withdrawn.owner);
            }
            let stake = withdrawn.stake;
            let reason = HoldReason::Stake.into();
            T::Currency::release(&reason, &withdrawn.owner, stake, Precision::Exact)?;
            Self::forget(ticket, withdrawn);
            Self::deposit_event(Event::Withdrawn { ticket, stake });
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// What a ticket of this role costs at least.
        pub fn price(role: Role) -> u128 {
            let price = Prices::<T>::get(role).unwrap_or_else(T::BasePrice::get);
            price.max(Self::floor())
        }

        /// Live tickets of this role, busy or not.
        pub fn pool(role: Role) -> u32 {
            Live::<T>::get(role)
        }

        pub(crate) fn tickets_of(
            owner: &T::AccountId,
        ) -> impl Iterator<Item = Ticket<T::AccountId>> {
            TicketsOf::<T>::get(owner)
                .into_iter()
                .filter_map(Tickets::<T>::get)
        }

        /// Least price. A stake above zero is what a ticket is.
        pub(crate) fn floor() -> u128 {
            T::PriceFloor::get().max(1)
        }

        /// Blocks for which a ticket is live. The sweep has passed the present block already.
        pub(crate) fn lifetime() -> u32 {
            T::Lifetime::get().max(1)
        }

        pub(crate) fn now() -> u32 {
            frame_system::Pallet::<T>::block_number().saturated_into()
        }

        /// Checks the bounds that the type of preferences does not.
        pub(crate) fn check(preferences: &Preferences) -> Result<(), Error<T>> {
            ensure!(
                (1..=MAX_DUTIES).contains(&preferences.concurrent),
                Error::<T>::BadConcurrency
            );
            ensure!(
                core::str::from_utf8(&preferences.contact).is_ok(),
                Error::<T>::BadContact
            );
            Ok(())
        }

        /// The ticket, if it is the signer's.
        fn owned(
            origin: OriginFor<T>,
            ticket: TicketId,
        ) -> Result<Ticket<T::AccountId>, DispatchError> {
            let owner = ensure_signed(origin)?;
            let found = Tickets::<T>::get(ticket).ok_or(Error::<T>::UnknownTicket)?;
            ensure!(found.owner == owner, Error::<T>::NotTheOwner);
            Ok(found)
        }

        /// Moves every role's price towards its pool's target.
        pub(crate) fn reprice() {
            for role in Role::ALL {
                let (live, target) = (Live::<T>::get(role), T::PoolTarget::get());
                let before = Self::price(role);
                let price = price::next(before, live, target, Self::floor());
                if price != before {
                    Prices::<T>::insert(role, price);
                    Self::deposit_event(Event::Repriced { role, price });
                }
            }
        }
    }
}
