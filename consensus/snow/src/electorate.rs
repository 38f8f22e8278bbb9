//! Who may vote: one GRANDPA authority set.

use std::collections::BTreeMap;

use polkadot_sdk::sp_consensus_grandpa::AuthorityId;
use quern_snow::{Error, Parameters, Sampler};
use rand::{CryptoRng, Rng};

/// An authority set with its weights, and which of its members this node is.
#[derive(Clone, Debug)]
pub struct Electorate {
    set_id: u64,
    weights: Vec<u64>,
    places: BTreeMap<AuthorityId, u32>,
    total: u64,
    sampler: Sampler,
    own: Option<(u32, AuthorityId)>,
}

impl Electorate {
    /// The set with this number. `is_own` tells the keys that this node holds; of several the first counts.
    ///
    /// A poll asks `k` units of weight. Weights are counted in the largest unit that makes a set of at least `k`, so that
    /// in a small set every member fills several slots and luck has little part in who is asked.
    ///
    /// # Errors
    /// No members, a member without weight, or weights that overflow: such a set cannot be polled.
    pub fn new(
        set_id: u64,
        members: impl IntoIterator<Item = (AuthorityId, u64)>,
        is_own: impl Fn(&AuthorityId) -> bool,
        parameters: &Parameters,
    ) -> Result<Self, Error> {
        let mut weights = Vec::new();
        let mut places = BTreeMap::new();
        let mut own = None;
        for (id, weight) in members {
            let place = u32::try_from(weights.len()).map_err(|_| Error::StakeOverflow)?;
            if own.is_none() && is_own(&id) {
                own = Some((place, id.clone()));
            }
            weights.push(weight);
            places.insert(id, place);
        }
        let total = weights
            .iter()
            .try_fold(0u64, |sum, weight| sum.checked_add(*weight))
            .ok_or(Error::StakeOverflow)?;
        if total == 0 {
            return Err(Error::TooLittleStake(0));
        }
        let parts = u64::from(parameters.k).div_ceil(total);
        let units: Option<Vec<u64>> = weights.iter().map(|w| w.checked_mul(parts)).collect();
        let sampler = Sampler::new(&units.ok_or(Error::StakeOverflow)?)?;
        Ok(Self {
            set_id,
            weights,
            places,
            total,
            sampler,
            own,
        })
    }

    /// The set's number.
    pub fn set_id(&self) -> u64 {
        self.set_id
    }

    /// Weight of all members.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Members.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are no members: never, such a set is refused.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// The member's place in the set.
    pub fn place(&self, id: &AuthorityId) -> Option<u32> {
        self.places.get(id).copied()
    }

    /// Weight of the member at this place, 0 for none.
    pub fn weight(&self, place: u32) -> u64 {
        self.weights.get(place as usize).copied().unwrap_or(0)
    }

    /// This node's place in the set.
    pub fn own_place(&self) -> Option<u32> {
        self.own.as_ref().map(|(place, _)| *place)
    }

    /// The key that this node answers with.
    pub fn own_key(&self) -> Option<&AuthorityId> {
        self.own.as_ref().map(|(_, id)| id)
    }

    /// Whom to ask, and how many slots each fills.
    ///
    /// # Errors
    /// Never: there are at least `k` units.
    pub fn draw<R: Rng + CryptoRng>(
        &self,
        parameters: &Parameters,
        rng: &mut R,
    ) -> Result<Vec<(u32, u32)>, Error> {
        self.sampler.draw(parameters.k, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polkadot_sdk::{sp_consensus_grandpa::AuthorityPair, sp_core::Pair};
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn id(seed: u8) -> AuthorityId {
        AuthorityPair::from_seed(&[seed; 32]).public()
    }

    fn set(weights: &[u64]) -> Result<Electorate, Error> {
        let members = weights
            .iter()
            .enumerate()
            .map(|(i, w)| (id(i as u8 + 1), *w));
        Electorate::new(4, members, |key| *key == id(2), &Parameters::default())
    }

    #[test]
    fn a_set_knows_its_members_and_this_node() {
        let set = set(&[1, 2, 3]).unwrap();
        assert_eq!((set.set_id(), set.len(), set.total()), (4, 3, 6));
        assert_eq!((set.place(&id(3)), set.place(&id(9))), (Some(2), None));
        assert_eq!((set.weight(2), set.weight(3)), (3, 0));
        assert_eq!((set.own_place(), set.own_key()), (Some(1), Some(&id(2))));
    }

    #[test]
    fn sets_that_cannot_be_polled_are_refused_by_name() {
        assert_eq!(set(&[]).unwrap_err(), Error::TooLittleStake(0));
        assert_eq!(set(&[1, 0]).unwrap_err(), Error::NoStake(1));
        assert_eq!(set(&[u64::MAX, 1]).unwrap_err(), Error::StakeOverflow);
        assert!(set(&[u64::MAX - 1, 1]).is_ok());
    }

    #[test]
    fn three_equal_members_share_the_slots_of_every_poll() {
        let set = set(&[1, 1, 1]).unwrap();
        let mut rng = StdRng::seed_from_u64(0);
        for _ in 0..100 {
            let drawn = set.draw(&Parameters::default(), &mut rng).unwrap();
            let mut slots: Vec<u32> = drawn.into_iter().map(|(_, slots)| slots).collect();
            slots.sort_unstable();
            assert_eq!(slots, [6, 7, 7]);
        }
    }

    proptest! {
        #[test]
        fn every_draw_fills_k_slots(weights in prop::collection::vec(1u64..1_000_000, 1..40), seed: u64) {
            let set = set(&weights).unwrap();
            let parameters = Parameters::default();
            let drawn = set.draw(&parameters, &mut StdRng::seed_from_u64(seed)).unwrap();
            prop_assert_eq!(drawn.iter().map(|(_, slots)| slots).sum::<u32>(), parameters.k);
            prop_assert!(drawn.iter().all(|(place, _)| (*place as usize) < weights.len()));
        }
    }
}
