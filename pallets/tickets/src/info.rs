//! What the runtime API tells about tickets.

use alloc::vec::Vec;
use quern_api::market::TicketInfo;
use quern_market::{Role, TicketId};

use crate::{Config, Pallet, Tickets, TicketsOf};

impl<T: Config> Pallet<T> {
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
}
