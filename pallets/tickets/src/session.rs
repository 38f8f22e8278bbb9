//! Who validates: the supervisors with most stake, of those who validate already or who stake no less than the
//! middle one of these and have the reputation for a quorum seat.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;
use frame::{prelude::*, traits::Get};
use polkadot_sdk::pallet_session::SessionManager;
use quern_market::{Role, TicketId, seams::Reputation};

use crate::{
    Chosen, Config, Pallet, Places, Pools, Suspended, Tickets, TicketsOf, Unseated, WeightInfo,
};

/// Most validators that there can ever be: as many as the finality gadget takes.
pub const MAX_VALIDATORS: u32 = 128;

/// Most tickets of others than the validators that are looked at in an election.
pub(crate) const MAX_LOOKS: u64 = 128;

/// What a supervisor stands for election with.
struct Standing {
    stake: u128,
    oldest: TicketId,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            stake: 0,
            oldest: TicketId::MAX,
        }
    }
}

impl Standing {
    fn add(&mut self, id: TicketId, stake: u128) {
        self.stake = self.stake.saturating_add(stake);
        self.oldest = self.oldest.min(id);
    }
}

impl<T: Config> Pallet<T> {
    /// The supervisors that should validate, ascending, from this session on.
    ///
    /// Who validates stands with all its tickets, whatever others buy. Of the other tickets so many are
    /// looked at as there may be looks, from the bucket of the largest stakes down; if there are more,
    /// later elections go on where this one ends, and begin anew after the last.
    pub(crate) fn elect(session: u32) -> Vec<T::AccountId> {
        let now = Self::now();
        let live = |id: &TicketId| {
            Tickets::<T>::get(id)
                .filter(|ticket| ticket.role == Role::Supervisor && ticket.is_live(now))
        };
        let chosen = Chosen::<T>::get().into_inner();
        let suspended = Suspended::<T>::get();
        let may = |owner: &T::AccountId| !suspended.contains(owner) && T::KeysOf::contains(owner);

        let mut standings = BTreeMap::<T::AccountId, Standing>::new();
        let mut looks = 0u64;
        for owner in &chosen {
            for id in TicketsOf::<T>::get(owner) {
                looks = looks.saturating_add(1);
                if let Some(ticket) = live(&id) {
                    let standing = standings.entry(owner.clone()).or_default();
                    standing.add(id, ticket.stake);
                }
            }
        }
        // The first of each is in the weight of an election.
        let more = looks.saturating_sub(chosen.len() as u64);
        register::<T>(T::DbWeight::get().reads(more));
        standings.retain(|owner, _| may(owner));
        let least = middle(standings.values().map(|standing| standing.stake).collect());

        let mut newcomers = BTreeMap::<T::AccountId, Standing>::new();
        for (id, ticket) in Self::looked_at(session).filter_map(|id| Some((id, live(&id)?))) {
            if !chosen.contains(&ticket.owner) {
                let standing = newcomers.entry(ticket.owner).or_default();
                standing.add(id, ticket.stake);
            }
        }
        newcomers.retain(|owner, standing| {
            standing.stake >= least && may(owner) && T::Reputation::qualifies(owner)
        });

        let mut elected: Vec<(T::AccountId, Standing)> =
            standings.into_iter().chain(newcomers).collect();
        elected.sort_by_key(|(_, standing)| (Reverse(standing.stake), standing.oldest));
        elected.truncate(T::MaxValidators::get().min(MAX_VALIDATORS) as usize);
        if elected.is_empty() {
            return chosen;
        }
        let elected = elected.into_iter().map(|(owner, _)| owner).collect();
        // Supervisors of genesis may never have had keys: they vote on nothing, and leave at once.
        let mut seated: Vec<T::AccountId> =
            chosen.into_iter().filter(T::KeysOf::contains).collect();
        // Who comes first leaves first.
        seated.sort_by_key(|who| !suspended.contains(who));
        change(&seated, elected)
    }

    /// The tickets in the places that the election of a session looks at.
    fn looked_at(session: u32) -> impl Iterator<Item = TicketId> {
        let counts = Pools::<T>::get(Role::Supervisor);
        let total = counts.total();
        let first = u64::from(session).saturating_mul(MAX_LOOKS);
        (0..total.min(MAX_LOOKS)).filter_map(move |look| {
            let down = first.saturating_add(look).checked_rem(total)?;
            // Places are located from the smallest stakes up; `down` is less than `total`.
            let (place, _) = counts.locate(u128::from(total - 1 - down), |_| 1)?;
            Places::<T>::get(Role::Supervisor, place)
        })
    }
}

/// The middle one of some stakes, the smaller of two; zero of none.
fn middle(mut stakes: Vec<u128>) -> u128 {
    stakes.sort_unstable();
    let middle = stakes.len().saturating_sub(1) / 2;
    stakes.get(middle).copied().unwrap_or(0)
}

/// The next set: as elected, but with no more newcomers, and no more leavers, than may be silent in a set of this
/// size, fewer than a third of it, and one at least; of the leavers the first of `chosen` leave. A set changes
/// only once it has finalised the change: were more of it silent at once, it never would, and nothing could put
/// that right.
fn change<AccountId: Clone + Ord>(chosen: &[AccountId], elected: Vec<AccountId>) -> Vec<AccountId> {
    let most = (chosen.len().saturating_sub(1) / 3).max(1);
    let leaving = chosen.iter().filter(|who| !elected.contains(who));
    let kept = leaving.skip(most).cloned();
    let (old, new): (Vec<_>, Vec<_>) = elected
        .iter()
        .cloned()
        .partition(|who| chosen.contains(who));
    let mut next: Vec<AccountId> = old.into_iter().chain(kept).collect();
    next.extend(new.into_iter().take(most));
    next.sort_unstable();
    next
}

/// Counts what is done for the session pallet: it asks while it begins a block, and counts but its own part.
fn register<T: Config>(weight: Weight) {
    frame_system::Pallet::<T>::register_extra_weight_unchecked(weight, DispatchClass::Mandatory);
}

/// The validators stay while nobody stands for election, or the same are elected again.
impl<T: Config> SessionManager<T::AccountId> for Pallet<T> {
    fn new_session(index: u32) -> Option<Vec<T::AccountId>> {
        let chosen = Chosen::<T>::get();
        let elected = Self::elect(index);
        register::<T>(T::WeightInfo::new_session());
        for who in chosen.iter().filter(|who| !elected.contains(who)) {
            // The choice is of the session after the next.
            Unseated::<T>::insert(who, index.saturating_sub(1));
        }
        Suspended::<T>::mutate_exists(|suspended| {
            let held = suspended.as_mut()?;
            held.retain(|who| elected.contains(who));
            suspended.take_if(|held| held.is_empty())
        });
        if *elected == **chosen {
            return None;
        }
        // Within the bound: neither who was elected nor who stays beside them is more than so many.
        Chosen::<T>::put(BoundedVec::truncate_from(elected.clone()));
        Some(elected)
    }

    fn start_session(index: u32) {
        register::<T>(Self::seat_weight());
        Self::seat(index);
    }

    fn end_session(_: u32) {}
}
