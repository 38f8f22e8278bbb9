//! Who validates: the supervisors with most stake, of those who validate already or have the reputation for
//! a quorum seat.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;
use frame::{prelude::*, traits::Get};
use polkadot_sdk::pallet_session::SessionManager;
use quern_market::{Role, TicketId, seams::Reputation};

use crate::{Chosen, Config, Pallet, Places, Pools, Suspended, Tickets, Unseated, WeightInfo};

/// Most validators that there can ever be: as many as the finality gadget takes.
pub const MAX_VALIDATORS: u32 = 128;

/// Most tickets that are looked at, from the bucket of the largest stakes down.
pub(crate) const MAX_LOOKS: usize = 128;

/// What a supervisor stands for election with.
struct Standing {
    stake: u128,
    oldest: TicketId,
}

impl<T: Config> Pallet<T> {
    /// The supervisors that should validate, ascending.
    pub(crate) fn elect() -> Vec<T::AccountId> {
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
        let chosen = Chosen::<T>::get().into_inner();
        let suspended = Suspended::<T>::get();
        standings.retain(|owner, _| {
            let may = chosen.contains(owner) || T::Reputation::qualifies(owner);
            may && !suspended.contains(owner) && T::KeysOf::contains(owner)
        });
        let mut elected: Vec<(T::AccountId, Standing)> = standings.into_iter().collect();
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
}

/// The next set: as elected, but with no more newcomers, and no more leavers, than a third of the set, and one
/// at least; of the leavers the first of `chosen` leave. A set changes only once it has finalised the change:
/// were more of it silent at once, it never would, and nothing could put that right.
fn change<AccountId: Clone + Ord>(chosen: &[AccountId], elected: Vec<AccountId>) -> Vec<AccountId> {
    let most = (chosen.len() / 3).max(1);
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
        let elected = Self::elect();
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
