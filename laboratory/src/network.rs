//! How messages travel: latency, loss and partitions, all in integers of virtual time.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// One second of virtual time, whose unit is the microsecond.
pub const SECOND: u64 = 1_000_000;

/// Longest latency, timeout or interval: an hour.
pub const MAX_DELAY: u64 = 3_600 * SECOND;

/// Most partitions.
pub const MAX_PARTITIONS: usize = 64;

/// All messages of a million.
const MILLION: u32 = 1_000_000;

/// How latencies are distributed between `min_us` and `max_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latency {
    /// Always `min_us`.
    Constant,
    /// Every value between both, equally likely.
    Uniform,
    /// `min_us`, doubled as long as a fair coin shows heads, at most `max_us`.
    Tail,
}

/// The network between nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How latencies are distributed.
    pub latency: Latency,
    /// The shortest way of one message, in microseconds.
    pub min_us: u64,
    /// The longest.
    pub max_us: u64,
    /// Messages of a million that are lost, questions and answers alike. Blocks always arrive.
    pub loss_per_million: u32,
    /// How long an asker waits for answers.
    pub timeout_us: u64,
    /// Least time between two polls that a node opens.
    pub interval_us: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Latency::Uniform,
            min_us: 5_000,
            max_us: 50_000,
            loss_per_million: 0,
            timeout_us: 250_000,
            interval_us: 10_000,
        }
    }
}

/// Nodes that nobody else reaches for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The first node that is cut off.
    pub first: u32,
    /// How many there are; among each other they are connected.
    pub count: u32,
    /// When it begins.
    pub from_us: u64,
    /// When it is over.
    pub until_us: u64,
}

impl Network {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bounds = [
            (
                "network.min_us",
                self.min_us <= MAX_DELAY,
                "at most 3 600 000 000",
            ),
            (
                "network.max_us",
                (self.min_us..=MAX_DELAY).contains(&self.max_us),
                "min_us to 3 600 000 000",
            ),
            (
                "network.loss_per_million",
                self.loss_per_million <= MILLION,
                "at most 1 000 000",
            ),
            (
                "network.timeout_us",
                (1..=MAX_DELAY).contains(&self.timeout_us),
                "1 to 3 600 000 000",
            ),
            (
                "network.interval_us",
                (1..=MAX_DELAY).contains(&self.interval_us),
                "1 to 3 600 000 000",
            ),
        ];
        ConfigError::first(&bounds)
    }

    /// The way of one message.
    pub fn delay(&self, rng: &mut impl Rng) -> u64 {
        match self.latency {
            Latency::Constant => self.min_us,
            Latency::Uniform => rng.gen_range(self.min_us..=self.max_us),
            Latency::Tail => {
                let heads = rng.next_u32().trailing_zeros();
                self.min_us.saturating_mul(1 << heads).min(self.max_us)
            }
        }
    }

    /// Whether one message is lost.
    pub fn loses(&self, rng: &mut impl Rng) -> bool {
        self.loss_per_million > 0 && rng.gen_range(0..MILLION) < self.loss_per_million
    }

    /// Mean way of one message.
    pub fn mean_delay_us(&self) -> f64 {
        let (min, max) = (self.min_us as f64, self.max_us as f64);
        match self.latency {
            Latency::Constant => min,
            Latency::Uniform => (min + max) / 2.0,
            // Each number of heads j has probability 2^-(j+1); doublings are capped at `max`.
            Latency::Tail => (0..32)
                .map(|heads| (min * f64::powi(2.0, heads)).min(max) / f64::powi(2.0, heads + 1))
                .sum(),
        }
    }
}

impl Partition {
    pub(crate) fn validate(&self, nodes: u32) -> Result<(), ConfigError> {
        let end = self.first.checked_add(self.count);
        let bounds = [
            (
                "partition.count",
                self.count > 0 && end.is_some_and(|end| end <= nodes),
                "at least 1, and first + count at most nodes",
            ),
            (
                "partition.until_us",
                self.until_us > self.from_us,
                "after from_us",
            ),
        ];
        ConfigError::first(&bounds)
    }

    fn holds(&self, node: u32) -> bool {
        node.checked_sub(self.first)
            .is_some_and(|place| place < self.count)
    }
}

/// When the partitions that keep `a` and `b` apart at `time` are over; none if they are connected.
pub fn severed_until(partitions: &[Partition], a: u32, b: u32, time: u64) -> Option<u64> {
    partitions
        .iter()
        .filter(|cut| (cut.from_us..cut.until_us).contains(&time) && cut.holds(a) != cut.holds(b))
        .map(|cut| cut.until_us)
        .max()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_partition_severs_both_ways_while_it_lasts() {
        let cut = Partition {
            first: 2,
            count: 2,
            from_us: 10,
            until_us: 20,
        };
        for (a, b, time, until) in [
            (0, 2, 10, Some(20)),
            (3, 1, 19, Some(20)),
            (2, 3, 15, None),
            (0, 1, 15, None),
            (0, 2, 20, None),
            (0, 2, 9, None),
        ] {
            assert_eq!(severed_until(&[cut], a, b, time), until);
        }
    }

    #[test]
    fn the_mean_is_what_is_drawn() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for latency in [Latency::Constant, Latency::Uniform, Latency::Tail] {
            let network = Network {
                latency,
                ..Network::default()
            };
            let drawn: u64 = (0..20_000).map(|_| network.delay(&mut rng)).sum();
            let mean = drawn as f64 / 20_000.0;
            let expected = network.mean_delay_us();
            assert!(
                (mean / expected - 1.0).abs() < 0.02,
                "{latency:?} {mean} {expected}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_message_is_faster_or_slower_than_the_bounds(min in 0u64..MAX_DELAY, more in 0u64..1000, seed: u64) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for latency in [Latency::Uniform, Latency::Tail] {
                let network = Network { latency, min_us: min, max_us: min + more, ..Network::default() };
                prop_assert!((min..=min + more).contains(&network.delay(&mut rng)));
            }
        }
    }
}
