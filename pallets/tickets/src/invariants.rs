//! What must hold between two blocks.

use frame::{prelude::*, traits::fungible::InspectHold};
use quern_market::Role;

use crate::{
    Chosen, Config, Expiries, HoldReason, Holders, Holdings, Live, NextTicket, OldestSeats, Pallet,
    Places, Pools, SeatHashes, Seated, Tickets, TicketsOf, session::MAX_VALIDATORS,
};

impl<T: Config> Pallet<T> {
    /// Every ticket is filed under its owner, its expiry and its place, and nothing else is; every
    /// stake is held, and who holds how many live ones is counted. Who votes now can be proven.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
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
        ensure!(
            Holdings::<T>::iter_values().all(|count| count > 0)
                && Holdings::<T>::iter_values().sum::<u32>() == live,
            "tickets: holdings are miscounted"
        );
        for role in Role::ALL {
            ensure!(
                Holdings::<T>::iter_key_prefix(role).count() == Holders::<T>::get(role) as usize,
                "tickets: holders are miscounted"
            );
        }
        ensure!(
            Chosen::<T>::get().len() <= MAX_VALIDATORS as usize,
            "tickets: too many validators"
        );
        if let Some(seats) = Seated::<T>::get() {
            let kept = SeatHashes::<T>::get(seats.session);
            ensure!(
                kept == Some(T::Hashing::hash_of(&seats)),
                "tickets: seats without their hash"
            );
        }
        let oldest = OldestSeats::<T>::get().unwrap_or(0);
        ensure!(
            SeatHashes::<T>::iter_keys().all(|session| session >= oldest),
            "tickets: seats of too long ago"
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
