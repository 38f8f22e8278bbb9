//! How much a block emits and how it is split, free of storage.

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

    proptest! {
        #[test]
        fn a_split_loses_nothing(emission in any::<u128>()) {
            let Split { worker, pool, author } = split(emission);
            prop_assert_eq!(worker.checked_add(pool).and_then(|s| s.checked_add(author)), Some(emission));
        }
    }
}
