//! Nonces of extrinsics in flight: several may wait in the pool for one key before the node counts them.

use crate::Account;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What is in flight, by account.
#[derive(Clone, Default)]
pub(crate) struct Nonces(Arc<Mutex<HashMap<Account, Flight>>>);

#[derive(Default)]
struct Flight {
    /// Extrinsics submitted whose end is not yet known.
    waiting: usize,
    /// One past the highest nonce among them.
    next: u64,
}

/// A nonce in use; dropping it says that the extrinsic's end is known or no longer of interest.
pub(crate) struct Reserved {
    nonces: Nonces,
    account: Account,
    nonce: u64,
}

impl Nonces {
    /// The nonce for the next extrinsic of `account`, where the node would count on with `at_node`.
    pub(crate) fn reserve(&self, account: Account, at_node: u64) -> Reserved {
        let nonce = self.with(|flights| {
            let flight = flights.entry(account).or_default();
            let nonce = at_node.max(flight.next);
            flight.waiting += 1;
            flight.next = nonce + 1;
            nonce
        });
        Reserved {
            nonces: self.clone(),
            account,
            nonce,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Account, Flight>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reserved {
    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The extrinsic will never be in a block: its nonce is free again, and the node's count is to be trusted.
    pub(crate) fn abandon(&self) {
        self.nonces.with(|flights| {
            if let Some(flight) = flights.get_mut(&self.account) {
                flight.next = 0;
            }
        });
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.nonces.with(|flights| {
            if let Some(flight) = flights.get_mut(&self.account) {
                flight.waiting -= 1;
                if flight.waiting == 0 {
                    flights.remove(&self.account);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Account = [1; 32];
    const BOB: Account = [2; 32];

    #[test]
    fn extrinsics_in_flight_take_consecutive_nonces() {
        let nonces = Nonces::default();
        let first = nonces.reserve(ALICE, 5);
        let second = nonces.reserve(ALICE, 5);
        assert_eq!((first.nonce(), second.nonce()), (5, 6));
        assert_eq!(nonces.reserve(BOB, 0).nonce(), 0);
    }

    #[test]
    fn the_nodes_count_wins_when_it_is_ahead() {
        let nonces = Nonces::default();
        let _first = nonces.reserve(ALICE, 5);
        assert_eq!(nonces.reserve(ALICE, 9).nonce(), 9);
    }

    #[test]
    fn nothing_in_flight_means_the_nodes_count() {
        let nonces = Nonces::default();
        drop(nonces.reserve(ALICE, 5));
        assert_eq!(nonces.reserve(ALICE, 5).nonce(), 5);
    }

    #[test]
    fn an_abandoned_nonce_is_given_again() {
        let nonces = Nonces::default();
        let _first = nonces.reserve(ALICE, 5);
        let second = nonces.reserve(ALICE, 5);
        second.abandon();
        drop(second);
        assert_eq!(nonces.reserve(ALICE, 6).nonce(), 6);
    }
}
