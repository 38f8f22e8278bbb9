//! A ticket and what becomes of it, free of storage.
//!
//! ```text
//! live ──retire, expire──▶ leaving ──withdraw──▶ (gone)
//!   ▲                         │
//!   └─────────renew───────────┘
//! ```
//! A slash that takes the whole stake ends it from anywhere; one that leaves less than half of the least price
//! makes it leave.

use codec::{Decode, Encode, MaxEncodedLen};
use frame::prelude::{BoundedVec, ConstU32};
use quern_market::{Duty, Preferences, Role, ticket::MAX_DUTIES};
use scale_info::TypeInfo;

use crate::pool::{self, Place};

/// A staked licence for one role.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Ticket<AccountId> {
    /// Who owns it.
    pub owner: AccountId,
    /// What it licenses.
    pub role: Role,
    /// Money held for it, above zero.
    pub stake: u128,
    /// What its owner is willing to do.
    pub preferences: Preferences,
    /// Block in which it was bought.
    pub bought: u32,
    /// Block from which on it is no longer live, unless renewed.
    pub expires: u32,
    /// While leaving, the block from which on its stake can be withdrawn.
    pub withdrawable: Option<u32>,
    /// What it is bound to do now.
    pub duties: BoundedVec<Duty, ConstU32<MAX_DUTIES>>,
    /// Where it lies in its role's pool.
    pub place: Option<Place>,
}

impl<AccountId> Ticket<AccountId> {
    /// A new ticket.
    pub fn new(
        owner: AccountId,
        role: Role,
        stake: u128,
        preferences: Preferences,
        now: u32,
        lifetime: u32,
    ) -> Self {
        Self {
            owner,
            role,
            stake,
            preferences,
            bought: now,
            expires: now.saturating_add(lifetime),
            withdrawable: None,
            duties: BoundedVec::new(),
            place: None,
        }
    }

    /// Whether it has been retired or has expired.
    pub fn is_leaving(&self) -> bool {
        self.withdrawable.is_some()
    }

    /// Whether it licenses its role in block `now`. Its time may be up before it is seen to leave.
    pub fn is_live(&self, now: u32) -> bool {
        !self.is_leaving() && now < self.expires
    }

    /// Whether it can take one more duty.
    pub fn has_room(&self) -> bool {
        u32::try_from(self.duties.len()).is_ok_and(|duties| duties < self.preferences.concurrent)
            && !self.duties.is_full()
    }

    /// The bucket in which it should lie, if in any: tickets with room for a duty do, and all of
    /// supervisors, who vote on finality besides.
    pub fn bucket(&self) -> Option<u8> {
        let pooled = !self.is_leaving() && (self.has_room() || self.role == Role::Supervisor);
        pooled.then(|| pool::bucket(self.stake))
    }

    /// Makes it live until `expires`.
    pub fn renew(&mut self, expires: u32) {
        self.withdrawable = None;
        self.expires = expires;
    }

    /// Makes it leave: its stake can be withdrawn from block `withdrawable` on.
    pub fn leave(&mut self, withdrawable: u32) {
        self.withdrawable = Some(withdrawable);
    }

    /// Binds it to a duty; false, and nothing changed, unless it has room and is not bound to it.
    pub fn bind(&mut self, duty: Duty) -> bool {
        self.has_room() && !self.duties.contains(&duty) && self.duties.try_push(duty).is_ok()
    }

    /// Ends a duty; false unless it was bound to it.
    pub fn relieve(&mut self, duty: Duty) -> bool {
        let before = self.duties.len();
        self.duties.retain(|bound| *bound != duty);
        self.duties.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(role: Role, concurrent: u32) -> Ticket<u8> {
        Ticket::new(
            1,
            role,
            10 * pool::UNIT,
            Preferences::any(concurrent),
            5,
            100,
        )
    }

    #[test]
    fn a_ticket_is_live_until_its_time_is_up_or_it_leaves() {
        let mut ticket = ticket(Role::Miner, 1);
        assert!(ticket.is_live(104) && !ticket.is_live(105));
        ticket.leave(200);
        assert!(!ticket.is_live(50) && ticket.bucket().is_none());
        ticket.renew(300);
        assert!(ticket.is_live(299) && ticket.bucket() == Some(3));
    }

    #[test]
    fn a_full_ticket_is_out_of_the_pool_unless_it_is_a_supervisors() {
        let mut miner = ticket(Role::Miner, 2);
        assert!(miner.bind(Duty::Mine(1)) && miner.bucket().is_some());
        assert!(!miner.bind(Duty::Mine(1)));
        assert!(miner.bind(Duty::Mine(2)) && miner.bucket().is_none());
        assert!(!miner.bind(Duty::Mine(3)));
        assert!(miner.relieve(Duty::Mine(1)) && miner.bucket().is_some());
        assert!(!miner.relieve(Duty::Mine(1)));
        let mut supervisor = ticket(Role::Supervisor, 1);
        assert!(supervisor.bind(Duty::Supervise(1)));
        assert!(!supervisor.has_room() && supervisor.bucket() == Some(3));
    }

    #[test]
    fn no_preference_makes_room_beyond_the_bound() {
        let mut ticket = ticket(Role::Verifier, u32::MAX);
        assert!((0..u64::from(MAX_DUTIES)).all(|audit| ticket.bind(Duty::Audit(audit))));
        assert!(!ticket.has_room() && !ticket.bind(Duty::Audit(99)));
    }
}
