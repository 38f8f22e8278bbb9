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
//! - A *slash* takes a part of the stake: half is burnt and half goes to the reporter. A ticket with no
//!   stake left is gone.
//! - The supervisors with most stake become the validators of the next session.
//!
//! | file | what it decides |
//! | --- | --- |
//! | `ticket.rs` | a ticket's life |
//! | `pool.rs` | where tickets lie |
//! | `sampling.rs` | which are drawn |
//! | `price.rs` | what they cost |
//! | `market.rs` | what other pallets may ask and do |
//! | `session.rs` | who validates |

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
use quern_api::market::TicketInfo;
use quern_market::{Duty, Preferences, Role, TicketId, seams::Reputation, ticket::MAX_DUTIES};

mod market;
pub mod pool;
pub mod price;
pub mod sampling;
mod session;
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
pub use ticket::Ticket;
pub use weights::WeightInfo;

/// Most tickets that expire in one block; the others do in the next ones.
pub const MAX_EXPIRED: u32 = 8;

/// Most blocks whose expiries one block looks for, so that a delay is caught up with.
const MAX_CAUGHT_UP: u32 = 16;

#[frame::pallet]
pub mod pallet {
    use super::*;

    #[pallet::pallet]
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

        /// Blocks for which a ticket is live.
        #[pallet::constant]
        type Lifetime: Get<u32>;

        /// Blocks from a ticket's end until its stake can be withdrawn; longer than any audit.
        #[pallet::constant]
        type Unbonding: Get<u32>;

        /// First price of every role.
        #[pallet::constant]
        type BasePrice: Get<u128>;

        /// Least price, above zero.
        #[pallet::constant]
        type PriceFloor: Get<u128>;

        /// Blocks between two prices.
        #[pallet::constant]
        type PriceInterval: Get<u32>;

        /// Live tickets of a role at which its price stays.
        #[pallet::constant]
        type PoolTarget: Get<u32>;

        /// Most tickets of one owner.
        #[pallet::constant]
        type MaxPerOwner: Get<u32>;

        /// Most validators of a session.
        #[pallet::constant]
        type MaxValidators: Get<u32>;

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
    pub type Chosen<T: Config> =
        StorageValue<_, BoundedVec<T::AccountId, T::MaxValidators>, ValueQuery>;

    /// First tickets of a chain; it must be built after the balances.
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
            let supervisors = self
                .tickets
                .iter()
                .filter(|(_, role, ..)| *role == Role::Supervisor);
            let first: BTreeSet<T::AccountId> =
                supervisors.map(|(owner, ..)| owner.clone()).collect();
            Chosen::<T>::put(BoundedVec::truncate_from(first.into_iter().collect()));
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
        /// A ticket was retired by its owner.
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

        fn integrity_test() {
            assert!(
                T::PriceFloor::get() > 0,
                "tickets: a ticket must cost something"
            );
            assert!(
                T::Lifetime::get() > 0,
                "tickets: a ticket must live for a block"
            );
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
            renewed.renew(Self::now().saturating_add(T::Lifetime::get()));
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
        /// has ended.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::withdraw())]
        pub fn withdraw(origin: OriginFor<T>, ticket: TicketId) -> DispatchResult {
            let withdrawn = Self::owned(origin, ticket)?;
            let from = withdrawn.withdrawable.ok_or(Error::<T>::NotLeaving)?;
            ensure!(Self::now() >= from, Error::<T>::Unbonding);
            ensure!(withdrawn.duties.is_empty(), Error::<T>::OnDuty);
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
            Prices::<T>::get(role).unwrap_or_else(T::BasePrice::get)
        }

        /// Live tickets of this role, busy or not.
        pub fn pool(role: Role) -> u32 {
            Live::<T>::get(role)
        }

        /// A ticket as its owner sees it, for the runtime API.
        pub fn ticket_info(id: TicketId) -> Option<TicketInfo> {
            let ticket = Tickets::<T>::get(id)?;
            Some(TicketInfo {
                id,
                owner: (*ticket.owner.as_ref()).into(),
                role: ticket.role,
                stake: ticket.stake,
                preferences: ticket.preferences,
                bought: ticket.bought,
                expires: ticket.expires,
                withdrawable: ticket.withdrawable,
                duties: ticket.duties.into_inner(),
            })
        }

        /// The tickets of an account, by ascending id, for the runtime API.
        pub fn tickets_of_info(owner: &T::AccountId) -> Vec<TicketInfo> {
            TicketsOf::<T>::get(owner)
                .into_iter()
                .filter_map(Self::ticket_info)
                .collect()
        }

        /// Stakes of all tickets of an account, leaving ones among them.
        pub fn stake_of(owner: &T::AccountId) -> u128 {
            Self::tickets_of(owner).fold(0, |sum, ticket| sum.saturating_add(ticket.stake))
        }

        /// Roles of an account's live tickets, each once.
        pub fn roles_of(owner: &T::AccountId) -> Vec<Role> {
            let now = Self::now();
            let live: Vec<Role> = Self::tickets_of(owner)
                .filter(|ticket| ticket.is_live(now))
                .map(|ticket| ticket.role)
                .collect();
            Role::ALL
                .into_iter()
                .filter(|role| live.contains(role))
                .collect()
        }

        pub(crate) fn tickets_of(
            owner: &T::AccountId,
        ) -> impl Iterator<Item = Ticket<T::AccountId>> {
            TicketsOf::<T>::get(owner)
                .into_iter()
                .filter_map(Tickets::<T>::get)
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

        /// Holds the stake and files a new live ticket.
        pub(crate) fn issue(
            owner: T::AccountId,
            role: Role,
            stake: u128,
            preferences: Preferences,
        ) -> Result<TicketId, DispatchError> {
            let id = NextTicket::<T>::get();
            let mut ids = TicketsOf::<T>::get(&owner);
            ids.try_push(id).map_err(|_| Error::<T>::TooManyTickets)?;
            T::Currency::hold(&HoldReason::Stake.into(), &owner, stake)?;
            TicketsOf::<T>::insert(&owner, ids);
            NextTicket::<T>::put(id.saturating_add(1));
            let (now, lifetime) = (Self::now(), T::Lifetime::get());
            let ticket = Ticket::new(owner, role, stake, preferences, now, lifetime);
            Self::begin(id, &ticket);
            Self::file(id, ticket);
            Ok(id)
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

        /// Counts the ticket as live until it expires.
        fn begin(id: TicketId, ticket: &Ticket<T::AccountId>) {
            Live::<T>::mutate(ticket.role, |live| *live = live.saturating_add(1));
            Expiries::<T>::insert(ticket.expires, id, ());
        }

        /// Counts the ticket as live no more.
        fn end(id: TicketId, ticket: &Ticket<T::AccountId>) {
            Live::<T>::mutate(ticket.role, |live| *live = live.saturating_sub(1));
            Expiries::<T>::remove(ticket.expires, id);
        }

        /// Ends a live ticket's life; returns the block from which on it can be withdrawn.
        fn leave(id: TicketId, mut ticket: Ticket<T::AccountId>) -> u32 {
            Self::end(id, &ticket);
            let withdrawable = Self::now().saturating_add(T::Unbonding::get());
            ticket.leave(withdrawable);
            Self::file(id, ticket);
            withdrawable
        }

        /// Removes a ticket of which nothing is held any more.
        pub(crate) fn forget(id: TicketId, mut ticket: Ticket<T::AccountId>) {
            if !ticket.is_leaving() {
                Self::end(id, &ticket);
            }
            if let Some(place) = ticket.place.take() {
                Self::vacate(ticket.role, place);
            }
            TicketsOf::<T>::mutate_exists(&ticket.owner, |filed| {
                let ids = filed.as_mut()?;
                ids.retain(|other| *other != id);
                filed.take_if(|ids| ids.is_empty())
            });
            Tickets::<T>::remove(id);
        }

        /// Stores a ticket and moves it to the place in the pool where it should lie.
        pub(crate) fn file(id: TicketId, mut ticket: Ticket<T::AccountId>) {
            let bucket = ticket.bucket();
            if ticket.place.map(|place| place.bucket) != bucket {
                if let Some(place) = ticket.place.take() {
                    Self::vacate(ticket.role, place);
                }
                ticket.place = bucket.and_then(|bucket| {
                    Pools::<T>::mutate(ticket.role, |counts| counts.push(bucket))
                });
                if let Some(place) = ticket.place {
                    Places::<T>::insert(ticket.role, place, id);
                }
            }
            Tickets::<T>::insert(id, ticket);
        }

        /// Takes a ticket out of the pool; the last one of its bucket moves to its place.
        fn vacate(role: Role, place: Place) {
            let Some(last) = Pools::<T>::mutate(role, |counts| counts.pop(place.bucket)) else {
                return;
            };
            let moved = Places::<T>::take(role, last);
            if let Some(moved) = moved.filter(|_| last != place) {
                Places::<T>::insert(role, place, moved);
                Tickets::<T>::mutate(moved, |ticket| {
                    if let Some(ticket) = ticket {
                        ticket.place = Some(place);
                    }
                });
            }
        }

        /// Lets tickets leave whose time is up; returns how many.
        pub(crate) fn sweep(now: u32) -> u32 {
            let mut at = Swept::<T>::get().unwrap_or(now);
            let mut expired = 0;
            for _ in 0..MAX_CAUGHT_UP {
                if at > now || expired >= MAX_EXPIRED {
                    break;
                }
                let room = (MAX_EXPIRED - expired) as usize;
                let due: Vec<TicketId> = Expiries::<T>::iter_key_prefix(at).take(room).collect();
                if due.len() < room {
                    at = at.saturating_add(1);
                }
                for id in due {
                    expired += 1;
                    if let Some(ticket) = Tickets::<T>::get(id) {
                        let withdrawable = Self::leave(id, ticket);
                        Self::deposit_event(Event::Expired {
                            ticket: id,
                            withdrawable,
                        });
                    }
                }
            }
            Swept::<T>::put(at);
            expired
        }

        /// Moves every role's price towards its pool's target.
        pub(crate) fn reprice() {
            for role in Role::ALL {
                let (live, target) = (Live::<T>::get(role), T::PoolTarget::get());
                let before = Self::price(role);
                let price = price::next(before, live, target, T::PriceFloor::get());
                if price != before {
                    Prices::<T>::insert(role, price);
                    Self::deposit_event(Event::Repriced { role, price });
                }
            }
        }

        /// Every ticket is filed under its owner, its expiry and its place, and nothing else is; every
        /// stake is held.
        #[cfg(any(feature = "std", feature = "try-runtime"))]
        pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            use frame::traits::fungible::InspectHold;
            let (mut tickets, mut expiring, mut placed) = (0usize, 0usize, 0u64);
            for (id, ticket) in Tickets::<T>::iter() {
                tickets += 1;
                ensure!(id < NextTicket::<T>::get(), "tickets: one from the future");
                ensure!(ticket.stake > 0, "tickets: one without stake");
                ensure!(
                    TicketsOf::<T>::get(&ticket.owner).contains(&id),
                    "tickets: one that is not filed under its owner"
                );
                ensure!(
                    ticket.place.map(|place| place.bucket) == ticket.bucket(),
                    "tickets: one in another bucket than it should lie in"
                );
                if let Some(place) = ticket.place {
                    placed += 1;
                    ensure!(
                        Places::<T>::get(ticket.role, place) == Some(id),
                        "tickets: one that does not lie at its place"
                    );
                }
                if !ticket.is_leaving() {
                    expiring += 1;
                    ensure!(
                        Expiries::<T>::contains_key(ticket.expires, id),
                        "tickets: a live one that never expires"
                    );
                }
            }
            let live: u32 = Role::ALL.into_iter().map(Live::<T>::get).sum();
            ensure!(
                live as usize == expiring,
                "tickets: live ones are miscounted"
            );
            ensure!(
                Expiries::<T>::iter_keys().count() == expiring,
                "tickets: an expiry of none"
            );
            let lying: u64 = Role::ALL
                .into_iter()
                .map(|role| Pools::<T>::get(role).total())
                .sum();
            ensure!(lying == placed, "tickets: a pool is miscounted");
            ensure!(
                Places::<T>::iter_keys().count() as u64 == placed,
                "tickets: a place of none"
            );
            let mut filed = 0;
            for (owner, ids) in TicketsOf::<T>::iter() {
                filed += ids.len();
                ensure!(
                    T::Currency::balance_on_hold(&HoldReason::Stake.into(), &owner)
                        == Self::stake_of(&owner),
                    "tickets: stakes and holds differ"
                );
            }
            ensure!(filed == tickets, "tickets: filed ones and tickets differ");
            Ok(())
        }
    }
}
