//! Who validates: the supervisors with most stake.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;
use frame::{prelude::*, traits::Get};
use polkadot_sdk::pallet_session::SessionManager;
use quern_market::{Role, TicketId, seams::Reputation};

use crate::{Chosen, Config, Pallet, Places, Pools, Tickets};

/// Most tickets that are looked at, from the bucket of the largest stakes down.
const MAX_LOOKS: usize = 128;

/// With fewer qualified supervisors than this, reputation is no condition: a smaller set could not lose
/// even one of its members.
const QUORUM: usize = 4;

/// What a supervisor stands for election with.
struct Standing {
    stake: u128,
    oldest: TicketId,
}

impl<T: Config> Pallet<T> {
    /// The supervisors that should validate, ascending.
    fn elect() -> Vec<T::AccountId> {
        let now = Self::now();
        let counts = Pools::<T>::get(Role::Supervisor);
        let mut standings = BTreeMap::<T::AccountId, Standing>::new();
        for place in counts.places_down().take(MAX_LOOKS) {
            let Some(id) = Places::<T>::get(Role::Supervisor, place) else {
                continue;
            };
            let Some(ticket) = Tickets::<T>::get(id).filter(|ticket| ticket.is_live(now)) else {
                continue;
            };
            let standing = standings.entry(ticket.owner).or_insert(Standing {
                stake: 0,
                oldest: id,
            });
            standing.stake = standing.stake.saturating_add(ticket.stake);
            standing.oldest = standing.oldest.min(id);
        }
        standings.retain(|owner, _| T::KeysOf::contains(owner));
        let mut elected: Vec<(T::AccountId, Standing)> = standings.into_iter().collect();
        let qualified: Vec<bool> = elected
            .iter()
            .map(|(owner, _)| T::Reputation::qualifies(owner))
            .collect();
        if qualified.iter().filter(|qualified| **qualified).count() >= QUORUM {
            let mut qualified = qualified.into_iter();
            elected.retain(|_| qualified.next() == Some(true));
        }
        elected.sort_by_key(|(_, standing)| (Reverse(standing.stake), standing.oldest));
        elected.truncate(T::MaxValidators::get() as usize);
        let mut elected: Vec<T::AccountId> = elected.into_iter().map(|(owner, _)| owner).collect();
        elected.sort_unstable();
        elected
    }
}

/// The validators stay while nobody stands for election, or the same are elected again.
impl<T: Config> SessionManager<T::AccountId> for Pallet<T> {
    fn new_session(_: u32) -> Option<Vec<T::AccountId>> {
        let elected = Self::elect();
        if elected.is_empty() || *elected == **Chosen::<T>::get() {
            return None;
        }
        Chosen::<T>::put(BoundedVec::truncate_from(elected.clone()));
        Some(elected)
    }

    fn start_session(_: u32) {}

    fn end_session(_: u32) {}
}
