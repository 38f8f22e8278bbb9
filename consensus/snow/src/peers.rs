//! Which connected peer speaks for which authority.
//!
//! A peer is taken for an authority only after it has sent an answer that the authority has signed. Until then it is
//! greeted from time to time with a question that belongs to no poll.

use std::{collections::BTreeMap, time::Duration};

use polkadot_sdk::sc_network_types::PeerId;

/// Time between two greetings of a peer that has not shown an authority's key.
pub const GREETING_INTERVAL: Duration = Duration::from_secs(5);

/// Questions in a row that a peer may leave without a good answer before its authority counts as out of reach.
pub const MISSES: u32 = 10;

/// Questions of one peer that are answered within a second. An honest one has at most 50 polls in that time.
pub const QUESTIONS_A_SECOND: u32 = 200;

#[derive(Clone, Copy, Debug)]
struct Peer {
    place: Option<u32>,
    misses: u32,
    greet_at: Duration,
}

/// The connected peers.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    peers: BTreeMap<PeerId, Peer>,
    speakers: BTreeMap<u32, PeerId>,
    second: u64,
    asked: BTreeMap<PeerId, u32>,
}

impl Peers {
    /// A peer has connected; it is to be greeted.
    pub fn connected(&mut self, peer: PeerId, now: Duration) {
        self.peers.entry(peer).or_insert(Peer {
            place: None,
            misses: 0,
            greet_at: now,
        });
    }

    /// A peer has gone.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.unbind(peer);
        self.peers.remove(peer);
    }

    /// The peer has shown the key of the authority at `place`. Another peer that spoke for it does no longer.
    pub fn bind(&mut self, peer: PeerId, place: u32) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        known.misses = 0;
        if known.place == Some(place) {
            return;
        }
        self.unbind(&peer);
        if let Some(former) = self.speakers.insert(place, peer)
            && let Some(former) = self.peers.get_mut(&former)
        {
            former.place = None;
        }
        if let Some(known) = self.peers.get_mut(&peer) {
            known.place = Some(place);
        }
    }

    /// The peer has left a question without a good answer.
    pub fn missed(&mut self, peer: &PeerId, now: Duration) {
        let Some(known) = self.peers.get_mut(peer) else {
            return;
        };
        known.misses = known.misses.saturating_add(1);
        if known.misses >= MISSES && known.place.is_some() {
            known.misses = 0;
            known.greet_at = now + GREETING_INTERVAL;
            self.unbind(peer);
        }
    }

    /// Nobody speaks for anybody any more: there is another authority set.
    pub fn forget_places(&mut self, now: Duration) {
        self.speakers.clear();
        for peer in self.peers.values_mut() {
            *peer = Peer {
                place: None,
                misses: 0,
                greet_at: now,
            };
        }
    }

    fn unbind(&mut self, peer: &PeerId) {
        if let Some(known) = self.peers.get_mut(peer)
            && let Some(place) = known.place.take()
        {
            self.speakers.remove(&place);
        }
    }

    /// Who speaks for the authority at this place.
    pub fn speaker(&self, place: u32) -> Option<PeerId> {
        self.speakers.get(&place).copied()
    }

    /// The places of all authorities in reach.
    pub fn places(&self) -> impl Iterator<Item = u32> + '_ {
        self.speakers.keys().copied()
    }

    /// The peers to be greeted now; each is due again an interval later.
    pub fn greet(&mut self, now: Duration) -> Vec<PeerId> {
        let due = self
            .peers
            .iter_mut()
            .filter(|(_, peer)| peer.place.is_none() && peer.greet_at <= now);
        due.map(|(id, peer)| {
            peer.greet_at = now + GREETING_INTERVAL;
            *id
        })
        .collect()
    }

    /// Whether this question of the peer is still within its share of the second.
    pub fn may_ask(&mut self, peer: PeerId, now: Duration) -> bool {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.asked.clear();
        }
        let asked = self.asked.entry(peer).or_default();
        *asked = asked.saturating_add(1);
        *asked <= QUESTIONS_A_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn two() -> (Peers, PeerId, PeerId) {
        let (a, b) = (PeerId::random(), PeerId::random());
        let mut peers = Peers::default();
        peers.connected(a, NOW);
        peers.connected(b, NOW);
        (peers, a, b)
    }

    #[test]
    fn a_peer_is_greeted_until_it_speaks_for_an_authority() {
        let (mut peers, a, b) = two();
        assert_eq!(peers.greet(NOW).len(), 2);
        assert!(peers.greet(NOW).is_empty());
        peers.bind(a, 0);
        assert_eq!(peers.greet(NOW + GREETING_INTERVAL), [b]);
        assert_eq!(peers.speaker(0), Some(a));
    }

    #[test]
    fn an_authority_has_one_speaker_and_a_speaker_one_authority() {
        let (mut peers, a, b) = two();
        peers.bind(a, 0);
        peers.bind(b, 0);
        assert_eq!(
            (peers.speaker(0), peers.places().collect::<Vec<_>>()),
            (Some(b), vec![0])
        );
        peers.bind(b, 1);
        assert_eq!((peers.speaker(0), peers.speaker(1)), (None, Some(b)));
        peers.disconnected(&a);
        assert_eq!(peers.speaker(1), Some(b));
        peers.bind(a, 2);
        assert_eq!(peers.speaker(2), None, "a stranger speaks for nobody");
    }

    #[test]
    fn a_silent_peer_speaks_for_nobody() {
        let (mut peers, a, _) = two();
        peers.bind(a, 0);
        for _ in 1..MISSES {
            peers.missed(&a, NOW);
        }
        assert_eq!(peers.speaker(0), Some(a));
        peers.bind(a, 0);
        for _ in 0..MISSES {
            peers.missed(&a, NOW);
        }
        assert_eq!(peers.speaker(0), None);
        peers.bind(a, 0);
        peers.forget_places(NOW);
        assert_eq!(peers.places().count(), 0);
    }

    #[test]
    fn a_peer_has_its_share_of_every_second() {
        let (mut peers, a, b) = two();
        for _ in 0..QUESTIONS_A_SECOND {
            assert!(peers.may_ask(a, NOW));
        }
        assert!(!peers.may_ask(a, NOW) && peers.may_ask(b, NOW));
        assert!(peers.may_ask(a, NOW + Duration::from_secs(1)));
    }
}
