//! What a validator loses that votes for two chains at once.
//!
//! It is convicted once for a set of validators, however often it voted so: more reports of the same are no
//! news, and cost nobody anything. The part of the stake that is taken grows with the number of those
//! convicted in the set, and what earlier ones were spared is taken then: who is careless alone loses little,
//! who attacks with others loses all. Nothing goes to whoever reports it, who might be the validator itself.

use alloc::vec::Vec;
use frame::{prelude::*, traits::Get};
use quern_market::{
    Role, TicketId,
    seams::{Deed, Reputation, Tickets as Seam},
};

use crate::{Config, Convicts, Event, Pallet, Suspended, Tickets, TicketsOf, WeightInfo};

/// The least part of its stake that a convicted validator loses.
pub const LEAST: Permill = Permill::from_percent(10);

/// The part to take of what `before` has left, so that `after` of the whole is gone.
fn rise(before: Permill, after: Permill) -> Permill {
    let (more, left) = (
        after.saturating_sub(before),
        Permill::one().saturating_sub(before),
    );
    if more.is_zero() {
        return more;
    }
    Permill::from_rational(more.deconstruct(), left.deconstruct())
}

impl<T: Config> Pallet<T> {
    /// Whether the account was convicted of voting for two chains in this set of validators.
    pub fn is_convicted(set: u64, who: &T::AccountId) -> bool {
        Convicts::<T>::get(set).contains(who)
    }

    /// Convicts a validator of having voted for two chains in this set: part of its supervisors' stakes is
    /// burnt, these tickets are retired, its reputation falls, and it is not elected next time.
    ///
    /// `part(n)` is to be taken from each of n convicts, and does not fall with n. False, and nothing
    /// changed, if it was convicted already.
    pub fn convict(set: u64, who: &T::AccountId, part: impl Fn(u32) -> Permill) -> bool {
        let mut convicts = Convicts::<T>::get(set);
        let earlier = convicts.clone();
        if earlier.contains(who) || convicts.try_push(who.clone()).is_err() {
            return false;
        }
        // At most MAX_VALIDATORS, a u32.
        let before = match earlier.len() as u32 {
            0 => Permill::zero(),
            count => part(count).max(LEAST),
        };
        let now = part(convicts.len() as u32).max(LEAST);
        Convicts::<T>::insert(set, convicts);

        let spared = rise(before, now);
        if !spared.is_zero() {
            earlier.iter().for_each(|one| Self::slash_more(one, spared));
        }
        for id in Self::bonds(who) {
            Self::slash(id, now, None);
            if let Some(ticket) = Tickets::<T>::get(id).filter(|ticket| !ticket.is_leaving()) {
                let withdrawable = Self::leave(id, ticket);
                Self::deposit_event(Event::Retired {
                    ticket: id,
                    withdrawable,
                });
            }
        }
        T::Reputation::note(who, Deed::Equivocated);
        Suspended::<T>::mutate(|suspended| {
            // More than there are seats of are convicted between two elections only of old votes; those
            // too many have lost their tickets all the same.
            if !suspended.contains(who) {
                let _ = suspended.try_push(who.clone());
            }
        });
        Self::deposit_event(Event::Convicted {
            who: who.clone(),
            set,
            part: now,
        });
        true
    }

    /// What convicting the first validator of a set weighs at most; what is taken from earlier ones is
    /// counted as it is done.
    pub fn conviction_weight() -> Weight {
        Self::bond_weight()
            .saturating_mul(T::MaxPerOwner::get().into())
            .saturating_add(T::DbWeight::get().reads_writes(6, 4))
    }

    /// What slashing and retiring a ticket weighs.
    fn bond_weight() -> Weight {
        T::WeightInfo::retire().saturating_add(T::DbWeight::get().reads_writes(5, 5))
    }

    /// Takes a part of what an earlier convict has left.
    fn slash_more(who: &T::AccountId, part: Permill) {
        let bonds = Self::bonds(who);
        let weight = Self::bond_weight().saturating_mul(bonds.len() as u64);
        frame_system::Pallet::<T>::register_extra_weight_unchecked(weight, DispatchClass::Normal);
        for id in bonds {
            Self::slash(id, part, None);
        }
    }

    /// The supervisors' tickets of an account, live or leaving: what its votes answer with.
    fn bonds(who: &T::AccountId) -> Vec<TicketId> {
        let supervises = |id: &TicketId| {
            Tickets::<T>::get(id).is_some_and(|ticket| ticket.role == Role::Supervisor)
        };
        let mut ids = TicketsOf::<T>::get(who).into_inner();
        ids.retain(supervises);
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_rises_takes_what_was_spared() {
        let percent = Permill::from_percent;
        assert_eq!(rise(percent(0), percent(10)), percent(10));
        assert_eq!(rise(percent(10), percent(55)), percent(50));
        assert_eq!(rise(percent(50), percent(50)), percent(0));
        assert_eq!(rise(percent(50), percent(100)), percent(100));
        assert_eq!(rise(percent(100), percent(100)), percent(0));
    }

    proptest! {
        #[test]
        fn two_slashes_take_as_much_as_one(
            stake in 0..u128::from(u64::MAX),
            before in 0..=1_000_000u32,
            after in 0..=1_000_000u32,
        ) {
            let (before, after) = (before.min(after), before.max(after));
            let [before, after] = [before, after].map(Permill::from_parts);
            let left = stake - before.mul_ceil(stake);
            let left = left - rise(before, after).mul_ceil(left);
            // A millionth and the rounding of each.
            prop_assert!(left.abs_diff(stake - after.mul_ceil(stake)) <= stake / 1_000_000 + 2);
        }
    }
}
