//! How much a block emits, how it is split, and what a vote is owed, free of storage.

use frame::deps::sp_runtime::{Rounding, helpers_128bit::multiply_by_rational_with_rounding};

/// Parts of a block's emission that vest on the run that sealed it, in percent.
pub const WORKER_PERCENT: u128 = 65;

/// Parts that go to the block's author at once, in percent. The rest, dust included, goes to the
/// pool for evaluators and verifiers.
pub const AUTHOR_PERCENT: u128 = 5;

/// A block's emission, split.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Split {
    /// Vests on the run that sealed the block.
    pub worker: u128,
    /// Waits for evaluators and verifiers.
    pub pool: u128,
    /// Paid to the block's author.
    pub author: u128,
}

/// Emission of block `number ≥ 1`: `first`, halved after every `halving` blocks, zero after 128
/// halvings.
pub fn subsidy(number: u64, first: u128, halving: u64) -> u128 {
    let halvings = number.saturating_sub(1) / halving.max(1);
    u32::try_from(halvings)
        .ok()
        .and_then(|by| first.checked_shr(by))
        .unwrap_or(0)
}

/// Splits 65/30/5; what rounding leaves goes to the pool.
pub fn split(emission: u128) -> Split {
    // percent · emission / 100 without overflow: emission = 100 q + r, r < 100.
    let part = |percent: u128| emission / 100 * percent + emission % 100 * percent / 100;
    let (worker, author) = (part(WORKER_PERCENT), part(AUTHOR_PERCENT));
    Split {
        worker,
        pool: emission - worker - author,
        author,
    }
}

/// What a vote that took `macs` to find out is owed: of a block's part of the pool, `pool`, as much as
/// `macs` is of `chain`, the MACs that a block absorbs; all of it at most.
///
/// So a MAC that verifies earns what the pool gets for a MAC that seals, 30/65 of what its miner gets. And
/// however many MACs a claim is said to be, a vote on it earns no more than a block's part.
pub fn vote(pool: u128, macs: u128, chain: u128) -> u128 {
    share(pool, macs.min(chain), chain)
}

/// `amount` · `part` / `whole`, rounded down, for a part of the whole; nothing of nothing.
pub fn share(amount: u128, part: u128, whole: u128) -> u128 {
    // The product is taken in 256 bits. It fails without a whole, or past it.
    multiply_by_rational_with_rounding(amount, part.min(whole), whole, Rounding::Down).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_subsidy_halves_and_the_whole_schedule_stays_below_the_cap() {
        let (first, halving) = (50_000_000_000_000u128, 210_000);
        assert_eq!(subsidy(1, first, halving), first);
        assert_eq!(subsidy(210_000, first, halving), first);
        assert_eq!(subsidy(210_001, first, halving), first / 2);
        assert_eq!(subsidy(u64::MAX, first, halving), 0);
        let total: u128 = (0..200)
            .map(|era| subsidy(era * halving + 1, first, halving) * u128::from(halving))
            .sum();
        assert!(total <= 21_000_000 * 1_000_000_000_000);
    }

    #[test]
    fn fifty_coins_split_exactly() {
        assert_eq!(
            split(50_000_000_000_000),
            Split {
                worker: 32_500_000_000_000,
                pool: 15_000_000_000_000,
                author: 2_500_000_000_000
            }
        );
    }

    #[test]
    fn dust_goes_to_the_pool() {
        assert_eq!(
            split(19),
            Split {
                worker: 12,
                pool: 7,
                author: 0
            }
        );
    }

    #[test]
    fn a_vote_is_owed_by_its_macs_up_to_a_blocks_part() {
        let owed = |macs| vote(15_000, macs, 1_000_000);
        assert_eq!([owed(0), owed(66), owed(67)], [0, 0, 1]);
        assert_eq!([owed(500_000), owed(1_000_000)], [7_500, 15_000]);
        assert_eq!([owed(1_000_001), owed(u128::MAX)], [15_000, 15_000]);
        assert_eq!(vote(15_000, 1, 0), 0);
        assert_eq!(vote(u128::MAX, u128::MAX, u128::MAX), u128::MAX);
    }

    proptest! {
        #[test]
        fn votes_of_a_chains_macs_are_owed_a_blocks_part_together(
            pool: u128,
            macs in prop::collection::vec(0..u128::MAX / 64, 1..64),
        ) {
            let chain: u128 = macs.iter().sum();
            let owed: u128 = macs.iter().map(|macs| vote(pool, *macs, chain)).sum();
            prop_assert!(owed <= pool);
            if chain > 0 {
                prop_assert!(pool - owed < macs.len() as u128);
            }
        }

        #[test]
        fn a_share_is_no_more_than_the_whole(amount: u128, part: u128, whole: u128) {
            prop_assert!(share(amount, part, whole) <= amount);
        }

        #[test]
        fn a_split_loses_nothing(emission in any::<u128>()) {
            let Split { worker, pool, author } = split(emission);
            prop_assert_eq!(worker.checked_add(pool).and_then(|s| s.checked_add(author)), Some(emission));
        }
    }
}
