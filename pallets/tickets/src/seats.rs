//! Whose key a vote on finality was signed with, session by session.
//!
//! When a session begins, those who vote in it are stored with their keys, and a hash of that is kept for as
//! many sessions as votes can be reported. A report carries the whole list, which the hash proves. So a key
//! stays its owner's for what it signed, whatever keys the owner has chosen since.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame::{deps::sp_runtime::KeyTypeId, prelude::*, traits::Get};
use polkadot_sdk::{
    frame_support::traits::KeyOwnerProofSystem,
    sp_session::{GetSessionNumber, GetValidatorCount},
};
use scale_info::TypeInfo;

use crate::{
    Chosen, Config, OldestSeats, Pallet, SeatHashes, Seated, Unseated, session::MAX_VALIDATORS,
};

/// A public key that votes on finality are signed with.
pub type Key = [u8; 32];

/// Most hashes that are forgotten when a session begins, should fewer be kept from now on.
const MAX_FORGOTTEN: u32 = 4;

/// Who votes in a session.
#[derive(
    Clone, Debug, Decode, DecodeWithMemTracking, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo,
)]
pub struct Seats<AccountId> {
    /// The session.
    pub session: u32,
    /// Keys and whose they are.
    pub voters: BoundedVec<(Key, AccountId), ConstU32<MAX_VALIDATORS>>,
}

impl<AccountId> Seats<AccountId> {
    /// Who votes with this key.
    fn owner(&self, key: &[u8]) -> Option<&AccountId> {
        let mut voters = self.voters.iter();
        let (_, owner) = voters.find(|(other, _)| other == key)?;
        Some(owner)
    }
}

impl<AccountId> GetSessionNumber for Seats<AccountId> {
    fn session(&self) -> u32 {
        self.session
    }
}

impl<AccountId> GetValidatorCount for Seats<AccountId> {
    fn validator_count(&self) -> u32 {
        // At most MAX_VALIDATORS, a u32.
        self.voters.len() as u32
    }
}

/// Keys are of one kind only.
impl<T: Config, K: AsRef<[u8]>> KeyOwnerProofSystem<(KeyTypeId, K)> for Pallet<T> {
    type IdentificationTuple = T::AccountId;
    type Proof = Seats<T::AccountId>;

    fn prove((_, key): (KeyTypeId, K)) -> Option<Self::Proof> {
        Seated::<T>::get().filter(|seats| seats.owner(key.as_ref()).is_some())
    }

    fn check_proof((_, key): (KeyTypeId, K), seats: Self::Proof) -> Option<T::AccountId> {
        let kept = SeatHashes::<T>::get(seats.session)?;
        let proven = kept == T::Hashing::hash_of(&seats);
        seats.owner(key.as_ref()).filter(|_| proven).cloned()
    }
}

impl<T: Config> Pallet<T> {
    /// Stores who votes in the session that begins, and forgets the sessions whose votes can be reported no
    /// more.
    pub(crate) fn seat(session: u32) {
        let voters: Vec<(Key, T::AccountId)> = T::Voters::get();
        let voters = BoundedVec::truncate_from(voters);
        let seats = Seats { session, voters };
        SeatHashes::<T>::insert(session, T::Hashing::hash_of(&seats));
        Seated::<T>::put(seats);

        let oldest = OldestSeats::<T>::get().unwrap_or(session);
        let kept = session.saturating_sub(T::ReportWithin::get());
        let until = kept.clamp(oldest, oldest.saturating_add(MAX_FORGOTTEN));
        (oldest..until).for_each(SeatHashes::<T>::remove);
        OldestSeats::<T>::put(until);
    }

    /// Weight of [`seat`](Self::seat) at its most expensive.
    pub(crate) fn seat_weight() -> Weight {
        T::DbWeight::get().reads_writes(3, u64::from(3 + MAX_FORGOTTEN))
    }

    /// Whether the account validates, or votes that it cast as a validator can still be reported.
    pub(crate) fn answers(who: &T::AccountId) -> bool {
        Chosen::<T>::get().contains(who)
            || Unseated::<T>::get(who).is_some_and(SeatHashes::<T>::contains_key)
    }
}
