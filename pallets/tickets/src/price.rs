//! What tickets cost, free of storage.

/// The next price: half as much again while the pool is above 6/5 of its target, a fifth less below 4/5 of
/// it, never below the floor.
pub fn next(price: u128, live: u32, target: u32, floor: u128) -> u128 {
    let (live, target) = (u64::from(live) * 5, u64::from(target));
    let next = if live > target * 6 {
        price.saturating_add(price / 2)
    } else if live < target * 4 {
        price - price.div_ceil(5)
    } else {
        price
    };
    next.max(floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_price_follows_the_pool() {
        let price = |live| next(1_000, live, 100, 10);
        assert_eq!(
            [price(0), price(79), price(80), price(120)],
            [800, 800, 1_000, 1_000]
        );
        assert_eq!([price(121), price(u32::MAX)], [1_500, 1_500]);
        assert_eq!(next(11, 0, 100, 10), 10);
        assert_eq!(next(u128::MAX, 2, 1, 10), u128::MAX);
    }

    proptest! {
        #[test]
        fn the_price_keeps_to_its_floor(
            price in any::<u128>(),
            live in any::<u32>(),
            target in any::<u32>(),
            floor in any::<u128>(),
        ) {
            prop_assert!(next(price, live, target, floor) >= floor);
        }
    }
}
