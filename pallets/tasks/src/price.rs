//! The going rate for clients who ask what a fee should be, free of storage and of any clock.
//!
//! In the smallest unit of money per 10⁹ MACs:
//!
//! ```text
//! rate = BASE · pressure · complexity · utilisation,   kept within [LEAST, MOST]
//!
//! pressure    = demand / (supply per block · HORIZON)             in [1/10, 10]
//! complexity  = 1 + log₂(demand / tasks / SIMPLE) / 16            in [1, 2]
//! utilisation = 1 + tasks / most tasks                            in [1, 2]
//! ```
//!
//! `demand` is the MACs of all unfinished paid tasks, `tasks` their number, and supply the MACs that the
//! chain absorbs per block. log₂ is linear between powers of two. Factors are integers in millionths,
//! each rounded down, so that every machine finds the same rate.

use frame::deps::sp_core::U256;

/// The rate when a day's supply is in demand, for simple tasks on an idle chain: a thousandth of a QRN.
pub const BASE: u128 = 1_000_000_000;
/// The lowest rate.
pub const LEAST: u128 = BASE / 10;
/// The highest rate.
pub const MOST: u128 = 20 * BASE;
/// Blocks whose supply is set against the demand: a day of six-second blocks.
pub const HORIZON: u32 = 14_400;
/// MACs up to which a task counts as simple.
pub const SIMPLE: u128 = 1 << 40;
/// Doublings of a task's MACs that add one to the complexity.
const DOUBLINGS: u128 = 16;

/// One, in millionths.
const ONE: u128 = 1_000_000;

/// What the rate depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Market {
    /// MACs of all unfinished paid tasks.
    pub demand: u128,
    /// MACs that the chain absorbs per block.
    pub supply: u128,
    /// Unfinished paid tasks.
    pub tasks: u32,
    /// How many there may be.
    pub most: u32,
}

impl Market {
    /// The going rate, in the smallest unit per 10⁹ MACs.
    pub fn rate(&self) -> u128 {
        // At most 10⁹ · 10⁷ · 2·10⁶ · 2·10⁶ < 2¹²⁸.
        let rate = BASE * self.pressure() * self.complexity() * self.utilisation();
        (rate / (ONE * ONE * ONE)).clamp(LEAST, MOST)
    }

    fn pressure(&self) -> u128 {
        let supply = U256::from(self.supply.max(1)) * U256::from(HORIZON);
        // The quotient is below 2¹²⁸ · 10⁶.
        let pressure = U256::from(self.demand) * U256::from(ONE) / supply;
        pressure.min((10 * ONE).into()).low_u128().max(ONE / 10)
    }

    fn complexity(&self) -> u128 {
        let mean = self.demand.checked_div(self.tasks.into()).unwrap_or(0);
        let over = log2(mean.max(SIMPLE)) - log2(SIMPLE);
        (ONE + over / DOUBLINGS).min(2 * ONE)
    }

    fn utilisation(&self) -> u128 {
        let used = ONE * u128::from(self.tasks) / u128::from(self.most.max(1));
        ONE + used.min(ONE)
    }
}

/// log₂ in millionths, linear between powers of two; 0 of 0.
fn log2(x: u128) -> u128 {
    let whole = x.checked_ilog2().unwrap_or(0);
    // The bits after the leading one, as a fraction of it, on at most 32 bits.
    let fraction = x & !(1u128.checked_shl(whole).unwrap_or(0));
    let fraction = if whole > 32 {
        fraction >> (whole - 32)
    } else {
        fraction << (32 - whole)
    };
    if x == 0 {
        0
    } else {
        u128::from(whole) * ONE + (fraction * ONE >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A day's supply in demand by one simple task, among very many that might be.
    const CALM: Market = Market {
        demand: SIMPLE,
        supply: SIMPLE / HORIZON as u128,
        tasks: 0,
        most: 1_000,
    };

    #[test]
    fn a_days_demand_of_simple_tasks_costs_the_base_rate() {
        let off = CALM.rate().abs_diff(BASE);
        assert!(off <= BASE / 1_000, "{off}");
    }

    #[test]
    fn each_factor_moves_the_rate_and_is_bounded() {
        let twice = Market {
            demand: 2 * CALM.demand,
            ..CALM
        };
        assert!(twice.rate().abs_diff(2 * CALM.rate()) <= BASE / 1_000);
        let full = Market {
            tasks: 1_000,
            most: 1_000,
            ..CALM
        };
        assert_eq!(full.utilisation(), 2 * ONE);
        let overfull = Market {
            tasks: 5_000,
            ..full
        };
        assert_eq!(overfull.utilisation(), 2 * ONE);
        let large = Market {
            demand: SIMPLE << 8,
            tasks: 1,
            ..CALM
        };
        assert_eq!(large.complexity(), ONE + ONE / 2);
        let huge = Market {
            demand: u128::MAX,
            tasks: 1,
            ..CALM
        };
        assert_eq!((huge.complexity(), huge.pressure()), (2 * ONE, 10 * ONE));
        assert_eq!(huge.rate(), MOST);
        let idle = Market {
            demand: 0,
            tasks: 0,
            ..CALM
        };
        assert_eq!(idle.rate(), LEAST);
    }

    #[test]
    fn the_logarithm_is_exact_at_powers_and_linear_between() {
        for power in 0..128u32 {
            assert_eq!(log2(1 << power), u128::from(power) * ONE);
        }
        assert_eq!((log2(0), log2(3), log2(6)), (0, 1_500_000, 2_500_000));
        assert_eq!(log2(u128::MAX), 127 * ONE + 999_999);
    }

    fn market() -> impl Strategy<Value = Market> {
        let macs = || (any::<u128>(), 0..128u32).prop_map(|(x, shift)| x >> shift);
        (macs(), macs(), any::<u32>(), any::<u32>()).prop_map(|(demand, supply, tasks, most)| {
            Market {
                demand,
                supply,
                tasks,
                most,
            }
        })
    }

    proptest! {
        #[test]
        fn the_rate_is_within_its_bounds(market in market()) {
            prop_assert!((LEAST..=MOST).contains(&market.rate()));
        }

        #[test]
        fn the_rate_never_falls_with_demand_nor_rises_with_supply(
            market in market(),
            more in any::<u128>(),
        ) {
            let wanted = Market { demand: market.demand.saturating_add(more), ..market };
            prop_assert!(wanted.rate() >= market.rate());
            let supplied = Market { supply: market.supply.saturating_add(more), ..market };
            prop_assert!(supplied.rate() <= market.rate());
        }

        #[test]
        fn the_logarithm_is_monotone(a in any::<u128>(), b in any::<u128>(), shift in 0..128u32) {
            let (a, b) = (a >> shift, b >> shift);
            prop_assert!(log2(a.min(b)) <= log2(a.max(b)));
        }
    }
}
