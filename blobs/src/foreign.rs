use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use libp2p::{
    PeerId,
    kad::{ProviderRecord, RecordKey, store::RecordStore},
};

use crate::limits::{MAX_FOREIGN_RECORDS, MAX_FOREIGN_RECORDS_PER_PEER, PROVIDER_TTL};

/// The provider records of others: how many are kept, in all and of one peer, and which have expired. The store of
/// records bounds neither.
#[derive(Default)]
pub(crate) struct Foreign {
    kept: HashMap<(RecordKey, PeerId), Instant>,
    /// In the order of `kept`'s times as they were when entered; a record told again is entered again when its turn comes.
    turns: VecDeque<(Instant, RecordKey, PeerId)>,
    of_peer: HashMap<PeerId, usize>,
}

impl Foreign {
    /// Takes the record into `store` if it is within the bounds.
    pub(crate) fn accept(
        &mut self,
        store: &mut impl RecordStore,
        mut record: ProviderRecord,
        now: Instant,
    ) {
        self.expire(store, now);
        record.addresses.truncate(8);
        let (key, peer) = (record.key.clone(), record.provider);
        let known = self.kept.contains_key(&(key.clone(), peer));
        let of_peer = self.of_peer.get(&peer).copied().unwrap_or(0);
        let full = self.kept.len() >= MAX_FOREIGN_RECORDS
            || of_peer >= MAX_FOREIGN_RECORDS_PER_PEER
            || key.as_ref().len() != 32;
        if (full && !known) || store.add_provider(record).is_err() {
            return;
        }
        let expires = now + PROVIDER_TTL;
        self.kept.insert((key.clone(), peer), expires);
        if !known {
            self.turns.push_back((expires, key, peer));
            *self.of_peer.entry(peer).or_default() += 1;
        }
    }

    fn expire(&mut self, store: &mut impl RecordStore, now: Instant) {
        while let Some((_, key, peer)) = self.turns.pop_front_if(|(turn, _, _)| *turn <= now) {
            let of = (key, peer);
            let expires = self.kept.get(&of).copied().unwrap_or(now);
            let (key, peer) = of;
            if expires > now {
                self.turns.push_back((expires, key, peer));
                continue;
            }
            store.remove_provider(&key, &peer);
            self.kept.remove(&(key, peer));
            if let Some(count) = self.of_peer.get_mut(&peer) {
                *count -= 1;
                if *count == 0 {
                    self.of_peer.remove(&peer);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};

    use super::*;

    fn store() -> MemoryStore {
        let config = MemoryStoreConfig {
            max_provided_keys: usize::MAX,
            ..MemoryStoreConfig::default()
        };
        MemoryStore::with_config(PeerId::random(), config)
    }

    fn record(index: u32, peer: PeerId) -> ProviderRecord {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&index.to_le_bytes());
        ProviderRecord::new(RecordKey::new(&key), peer, Vec::new())
    }

    #[test]
    fn one_peer_cannot_fill_the_table() {
        let (mut foreign, mut store, peer) = (Foreign::default(), store(), PeerId::random());
        let now = Instant::now();
        for index in 0..MAX_FOREIGN_RECORDS_PER_PEER as u32 + 5 {
            foreign.accept(&mut store, record(index, peer), now);
        }
        assert_eq!(foreign.kept.len(), MAX_FOREIGN_RECORDS_PER_PEER);
        let other = PeerId::random();
        foreign.accept(&mut store, record(7, other), now);
        assert_eq!(store.providers(&record(7, other).key).len(), 2);
    }

    #[test]
    fn a_record_expires_unless_it_is_told_again() {
        let (mut foreign, mut store, peer) = (Foreign::default(), store(), PeerId::random());
        let start = Instant::now();
        let half = start + PROVIDER_TTL / 2;
        foreign.accept(&mut store, record(0, peer), start);
        foreign.accept(&mut store, record(1, peer), start);
        foreign.accept(&mut store, record(1, peer), half);
        foreign.expire(&mut store, start + PROVIDER_TTL + Duration::from_secs(1));
        assert!(store.providers(&record(0, peer).key).is_empty());
        assert_eq!(store.providers(&record(1, peer).key).len(), 1);
        foreign.expire(&mut store, half + PROVIDER_TTL);
        assert!(foreign.kept.is_empty() && foreign.of_peer.is_empty());
    }
}
