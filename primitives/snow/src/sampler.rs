//! Who is asked: stake units without replacement.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use rand::{CryptoRng, Rng};

use crate::Error;

/// Validators by stake.
#[derive(Clone, Debug)]
pub struct Sampler {
    /// Stake of all validators up to and with each.
    upto: Vec<u64>,
}

impl Sampler {
    /// Validators `0..stakes.len()` with their stakes.
    ///
    /// # Errors
    /// A validator without stake, named; stakes that overflow, or more than 2³² validators.
    pub fn new(stakes: &[u64]) -> Result<Self, Error> {
        let mut total = 0u64;
        let mut upto = Vec::with_capacity(stakes.len());
        for (voter, stake) in stakes.iter().enumerate() {
            let voter = u32::try_from(voter).map_err(|_| Error::StakeOverflow)?;
            if *stake == 0 {
                return Err(Error::NoStake(voter));
            }
            total = total.checked_add(*stake).ok_or(Error::StakeOverflow)?;
            upto.push(total);
        }
        Ok(Self { upto })
    }

    /// All stake.
    pub fn total(&self) -> u64 {
        self.upto.last().copied().unwrap_or(0)
    }

    /// Draws `k` different stake units, each set of them as likely as any other (Floyd's algorithm); the voters
    /// with the number of their units. The generator is local: nobody else must be able to foresee it.
    ///
    /// # Errors
    /// Less stake than `k`.
    pub fn draw<R: Rng + CryptoRng>(&self, k: u32, rng: &mut R) -> Result<Vec<(u32, u32)>, Error> {
        let total = self.total();
        let first = total
            .checked_sub(k.into())
            .ok_or(Error::TooLittleStake(total))?;
        let mut units = BTreeSet::new();
        for last in first..total {
            let unit = rng.gen_range(0..=last);
            if !units.insert(unit) {
                units.insert(last);
            }
        }
        let mut slots = BTreeMap::<u32, u32>::new();
        for unit in units {
            let voter = self.upto.partition_point(|upto| *upto <= unit) as u32;
            *slots.entry(voter).or_default() += 1;
        }
        Ok(slots.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn bad_stakes_are_refused_by_name() {
        assert_eq!(Sampler::new(&[1, 0]).unwrap_err(), Error::NoStake(1));
        assert_eq!(
            Sampler::new(&[u64::MAX, 1]).unwrap_err(),
            Error::StakeOverflow
        );
        let sampler = Sampler::new(&[1, 2]).unwrap();
        let mut rng = StdRng::seed_from_u64(0);
        assert_eq!(sampler.draw(4, &mut rng), Err(Error::TooLittleStake(3)));
        assert_eq!(sampler.draw(3, &mut rng), Ok(alloc::vec![(0, 1), (1, 2)]));
    }

    #[test]
    fn stake_is_drawn_in_proportion() {
        let sampler = Sampler::new(&[100, 300, 600]).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let mut drawn = [0u32; 3];
        for _ in 0..10_000 {
            for (voter, slots) in sampler.draw(10, &mut rng).unwrap() {
                drawn[voter as usize] += slots;
            }
        }
        // Six standard deviations around 10 %, 30 % and 60 % of 100 000.
        for (drawn, expected) in drawn.into_iter().zip([10_000, 30_000, 60_000]) {
            assert!(expected - 1000 < drawn && drawn < expected + 1000);
        }
    }

    proptest! {
        #[test]
        fn nobody_fills_more_slots_than_stake(stakes in prop::collection::vec(1u64..9, 1..20), seed: u64) {
            let sampler = Sampler::new(&stakes).unwrap();
            let k = (sampler.total() as u32).div_ceil(2);
            let drawn = sampler.draw(k, &mut StdRng::seed_from_u64(seed)).unwrap();
            prop_assert_eq!(drawn.iter().map(|(_, slots)| slots).sum::<u32>(), k);
            for (voter, slots) in drawn {
                prop_assert!(u64::from(slots) <= stakes[voter as usize]);
            }
        }
    }
}
