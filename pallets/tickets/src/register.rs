//! Where tickets are filed: under their owner, their expiry and their place in the pool.

use alloc::vec::Vec;
use frame::{prelude::*, traits::fungible::MutateHold};
use quern_market::{Preferences, Role, TicketId};

use crate::{
    Config, Error, Event, Expiries, HoldReason, Holders, Holdings, Live, NextTicket, Pallet, Place,
    Places, Pools, Swept, Ticket, Tickets, TicketsOf,
};

/// Most tickets that expire in one block; the others do in the next ones.
pub const MAX_EXPIRED: u32 = 8;

/// Most blocks whose expiries one block looks for, so that a delay is caught up with.
pub(crate) const MAX_CAUGHT_UP: u32 = 16;

impl<T: Config> Pallet<T> {
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
        let (now, lifetime) = (Self::now(), Self::lifetime());
        let ticket = Ticket::new(owner, role, stake, preferences, now, lifetime);
        Self::begin(id, &ticket);
        Self::file(id, ticket);
        Ok(id)
    }

    /// Counts the ticket as live until it expires.
    pub(crate) fn begin(id: TicketId, ticket: &Ticket<T::AccountId>) {
        Live::<T>::mutate(ticket.role, |live| *live = live.saturating_add(1));
        let before = Holdings::<T>::get(ticket.role, &ticket.owner);
        Holdings::<T>::insert(ticket.role, &ticket.owner, before.saturating_add(1));
        if before == 0 {
            Holders::<T>::mutate(ticket.role, |holders| *holders = holders.saturating_add(1));
        }
        Expiries::<T>::insert(ticket.expires, id, ());
    }

    /// Counts the ticket as live no more.
    pub(crate) fn end(id: TicketId, ticket: &Ticket<T::AccountId>) {
        Live::<T>::mutate(ticket.role, |live| *live = live.saturating_sub(1));
        match Holdings::<T>::get(ticket.role, &ticket.owner).saturating_sub(1) {
            0 => {
                Holdings::<T>::remove(ticket.role, &ticket.owner);
                Holders::<T>::mutate(ticket.role, |holders| *holders = holders.saturating_sub(1));
            }
            left => Holdings::<T>::insert(ticket.role, &ticket.owner, left),
        }
        Expiries::<T>::remove(ticket.expires, id);
    }

    /// Ends a live ticket's life; returns the block from which on it can be withdrawn.
    pub(crate) fn leave(id: TicketId, mut ticket: Ticket<T::AccountId>) -> u32 {
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
            ticket.place = bucket
                .and_then(|bucket| Pools::<T>::mutate(ticket.role, |counts| counts.push(bucket)));
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
}
