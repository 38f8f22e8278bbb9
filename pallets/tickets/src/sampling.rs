//! Drawing tickets from a pool at random without replacement, free of storage.
//!
//! Every ticket owns a piece of a line, and a part of its piece, its *weight*, is a hit. A throw at the
//! line that hits takes the ticket; one that misses is thrown again. So tickets are drawn exactly in
//! proportion to their weights, and only those whose pieces are thrown at are looked at: a bounded number
//! of throws costs a bounded number of looks, whatever the size of the pool.

use alloc::{collections::BTreeMap, vec::Vec};
use quern_market::TicketId;

use crate::pool::{Counts, Place};

/// Most tickets of one draw.
pub const MAX_WANTED: u32 = 16;

/// Throws of a draw, besides those for each ticket wanted.
pub const THROWS: u32 = 64;

/// Throws more for each ticket wanted.
pub const THROWS_EACH: u32 = 16;

/// Neighbouring places that are looked at when the throws did not take all that were wanted: no ticket of
/// a pool up to this size is ever overlooked, however little it weighs beside others.
pub const SCAN: u64 = 64;

/// A ticket that may be drawn.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate<AccountId> {
    /// The ticket.
    pub ticket: TicketId,
    /// Its owner.
    pub owner: AccountId,
    /// The part of its piece that is a hit.
    pub weight: u128,
    /// Whether it is drawn by hits; if not, it only fills what they leave.
    pub qualified: bool,
}

/// Draws at most `wanted` tickets, no owner twice.
///
/// `width(b)` is the piece of a ticket in bucket b, `entropy` gives uniform numbers, and `look` says who
/// lies at a place, `None` if it must not be drawn. When the throws and the scan have not filled all
/// seats, those seen fill them: the qualified first, then by lowest id.
pub fn draw<AccountId: Clone + PartialEq>(
    counts: &Counts,
    width: impl Fn(u8) -> u128,
    wanted: u32,
    mut entropy: impl FnMut() -> u128,
    mut look: impl FnMut(Place) -> Option<Candidate<AccountId>>,
) -> Vec<(TicketId, AccountId)> {
    let wanted = wanted.min(MAX_WANTED);
    let seats = wanted as usize;
    let mut drawn: Vec<(TicketId, AccountId)> = Vec::new();
    let free = |drawn: &[(TicketId, AccountId)], candidate: &Candidate<AccountId>| {
        drawn.len() < seats && drawn.iter().all(|(_, owner)| *owner != candidate.owner)
    };
    let mut seen = BTreeMap::new();

    let length = counts.length(&width);
    for _ in 0..THROWS + THROWS_EACH * wanted {
        if drawn.len() == seats {
            return drawn;
        }
        let thrown = below(entropy(), length).and_then(|point| counts.locate(point, &width));
        let Some((place, offset)) = thrown else {
            continue;
        };
        let found = seen.entry(place).or_insert_with(|| look(place));
        if let Some(hit) = found
            .as_ref()
            .filter(|found| found.qualified && offset < found.weight)
            && free(&drawn, hit)
        {
            drawn.push((hit.ticket, hit.owner.clone()));
        }
    }

    let total = counts.total();
    let first = below(entropy(), total.into()).unwrap_or(0);
    for rank in 0..total.min(SCAN) {
        let rank = (first + u128::from(rank)) % u128::from(total);
        if let Some((place, _)) = counts.locate(rank, |_| 1) {
            seen.entry(place).or_insert_with(|| look(place));
        }
    }
    let mut rest: Vec<Candidate<AccountId>> = seen.into_values().flatten().collect();
    rest.sort_by_key(|candidate| (!candidate.qualified, candidate.ticket));
    for candidate in rest {
        if free(&drawn, &candidate) {
            drawn.push((candidate.ticket, candidate.owner));
        }
    }
    drawn
}

/// A number below `bound`, exactly uniform if `random` is; `None` for the few numbers that would bend it.
fn below(random: u128, bound: u128) -> Option<u128> {
    let whole = u128::MAX.checked_div(bound)?.checked_mul(bound)?;
    (random < whole).then(|| random % bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{UNIT, bucket, units};
    use proptest::prelude::*;
    use quern_work::hash;

    /// A pool in memory: tickets with their stakes in units, ids in order, owner = id.
    struct Pond {
        counts: Counts,
        places: BTreeMap<Place, Candidate<u64>>,
        looks: u32,
    }

    impl Pond {
        fn new(stakes: impl IntoIterator<Item = u64>) -> Self {
            let mut counts = Counts::default();
            let mut places = BTreeMap::new();
            for (ticket, stake) in (0..).zip(stakes) {
                let weight = units(u128::from(stake) * UNIT).into();
                let place = counts.push(bucket(u128::from(stake) * UNIT)).unwrap();
                let candidate = Candidate {
                    ticket,
                    owner: ticket,
                    weight,
                    qualified: true,
                };
                places.insert(place, candidate);
            }
            Self {
                counts,
                places,
                looks: 0,
            }
        }

        fn change(&mut self, change: impl Fn(&mut Candidate<u64>)) {
            self.places.values_mut().for_each(change);
        }

        fn draw(&mut self, wanted: u32, seed: u64) -> Vec<u64> {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&seed.to_le_bytes());
            let mut stream = hash::xof(&key, b"test");
            let entropy = || {
                let mut bytes = [0; 16];
                stream.fill(&mut bytes);
                u128::from_le_bytes(bytes)
            };
            let look = |place| {
                self.looks += 1;
                self.places.get(&place).cloned()
            };
            draw(&self.counts, |bucket| 2 << bucket, wanted, entropy, look)
                .into_iter()
                .map(|(ticket, _)| ticket)
                .collect()
        }
    }

    /// Checks counts of outcomes against their exact chances, given as parts of `whole`: no count is five
    /// standard deviations off, and Pearson's statistic is below `most` (in hundredths).
    fn fits(observed: &[u64], chances: &[u64], whole: u64, most: u128) {
        let draws: u128 = observed.iter().copied().map(u128::from).sum();
        let whole = u128::from(whole);
        let mut statistic = 0;
        for (&observed, &chance) in observed.iter().zip(chances) {
            let (observed, chance) = (u128::from(observed), u128::from(chance));
            let off = (observed * whole).abs_diff(draws * chance).pow(2);
            assert!(
                off <= 25 * draws * chance * (whole - chance),
                "{observed} of {draws}"
            );
            statistic += off * 100 / (draws * chance * whole);
        }
        assert!(statistic <= most, "chi-square {statistic}/100");
    }

    #[test]
    fn one_ticket_is_drawn_in_proportion_to_its_stake() {
        let stakes = [1_000, 1_500, 3_000, 10_000, 17, 1, 4_096, 4_095];
        let mut pond = Pond::new(stakes);
        let mut observed = [0; 8];
        for seed in 0..40_000 {
            let drawn = pond.draw(1, seed);
            observed[drawn[0] as usize] += 1;
        }
        // Seven degrees of freedom: 24.32 is passed once in a thousand times.
        fits(&observed, &stakes, stakes.iter().sum(), 2_432);
    }

    #[test]
    fn pairs_are_drawn_in_order_without_replacement() {
        let stakes = [6u64, 4, 2];
        let mut pond = Pond::new(stakes);
        let mut observed = BTreeMap::new();
        for seed in 0..40_000 {
            *observed.entry(pond.draw(2, seed)).or_insert(0) += 1;
        }
        // P(i, then j) = sᵢ/12 · sⱼ/(12 − sᵢ), in parts of 12·6·8·10 = 5760.
        let chance = |i: usize, j: usize| 5_760 / 12 * stakes[i] * stakes[j] / (12 - stakes[i]);
        let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        let chances: Vec<u64> = pairs.iter().map(|&(i, j)| chance(i, j)).collect();
        let counts: Vec<u64> = pairs
            .iter()
            .map(|&(i, j)| observed[&vec![i as u64, j as u64]])
            .collect();
        assert_eq!(chances.iter().sum::<u64>(), 5_760);
        // Five degrees of freedom: 20.52 is passed once in a thousand times.
        fits(&counts, &chances, 5_760, 2_052);
    }

    #[test]
    fn a_large_pool_costs_no_more_looks_than_a_small_one() {
        let most = |tickets: u64| {
            let mut pond = Pond::new((0..tickets).map(|i| 1_000 + i * 7919 % 100_000));
            let looks = (0..200).map(|seed| {
                pond.looks = 0;
                assert_eq!(pond.draw(3, seed).len(), 3);
                pond.looks
            });
            looks.max().unwrap()
        };
        // Each throw takes a ticket with a chance above a half.
        assert!(most(100) <= 30 && most(40_960) <= 30);
    }

    #[test]
    fn looks_are_bounded_even_where_nobody_can_be_drawn() {
        let mut pond = Pond::new((0..40_960).map(|_| 1_000));
        pond.places.clear();
        assert_eq!(pond.draw(16, 1), [0u64; 0]);
        assert!(pond.looks <= THROWS + 16 * THROWS_EACH + SCAN as u32);
    }

    #[test]
    fn an_empty_pool_gives_nobody() {
        assert_eq!(Pond::new([]).draw(3, 1), [0u64; 0]);
        assert_eq!(Pond::new([5]).draw(0, 1), [0u64; 0]);
    }

    #[test]
    fn nobody_is_overlooked_in_a_small_pool() {
        let stakes = (0..63).map(|_| 1).chain([u64::MAX >> 1]);
        let mut pond = Pond::new(stakes);
        for seed in 0..50 {
            let drawn = pond.draw(3, seed);
            // The giant by a hit, then the oldest of those seen.
            assert_eq!(drawn, [63, 0, 1]);
        }
    }

    #[test]
    fn an_owner_is_drawn_once() {
        let mut pond = Pond::new([5, 6, 7, 8]);
        pond.change(|candidate| candidate.owner = candidate.ticket % 2);
        for seed in 0..50 {
            let mut drawn = pond.draw(3, seed);
            drawn.iter_mut().for_each(|ticket| *ticket %= 2);
            drawn.sort_unstable();
            assert_eq!(drawn, [0, 1]);
        }
    }

    #[test]
    fn the_unqualified_fill_what_the_qualified_leave_oldest_first() {
        let mut pond = Pond::new([9, 9, 1, 9, 9]);
        pond.change(|candidate| candidate.qualified = candidate.ticket == 2);
        for seed in 0..50 {
            assert_eq!(pond.draw(3, seed), [2, 0, 1]);
        }
    }

    proptest! {
        #[test]
        fn a_draw_gives_as_many_different_owners_as_there_are(
            stakes in prop::collection::vec(1..1_000_000u64, 0..60),
            owners in 1..20u64,
            wanted in 0..20u32,
            seed in any::<u64>(),
        ) {
            let mut pond = Pond::new(stakes.iter().copied());
            pond.change(|candidate| candidate.owner = candidate.ticket % owners);
            let mut drawn = pond.draw(wanted, seed);
            drawn.iter_mut().for_each(|ticket| *ticket %= owners);
            drawn.sort_unstable();
            prop_assert!(drawn.is_sorted_by(|a, b| a < b));
            let there = owners.min(stakes.len() as u64).min(wanted.min(MAX_WANTED).into());
            prop_assert_eq!(drawn.len() as u64, there);
        }

        #[test]
        fn below_is_below(random in any::<u128>(), bound in any::<u128>()) {
            let found = below(random, bound);
            prop_assert!(found.is_none_or(|found| found < bound));
            prop_assert!(bound == 0 || bound > u128::MAX / 2 || found.is_some() || random > u128::MAX / 2);
        }
    }
}
