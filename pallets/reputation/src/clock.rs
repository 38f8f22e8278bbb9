//! The clock by which scores decay, free of storage.

use codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// A half-life on the clock, in its units.
pub const HALF_LIFE: u64 = 1 << 32;

/// Counts half-lives, in 2⁻³² of one, since block 0.
///
/// Its hand only goes forward, and a half-life that changes changes its speed from then on: what has decayed
/// stays so, and no score grows.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Clock {
    /// Where its hand was when its speed was last changed.
    pub hand: u64,
    /// Block of that change.
    pub since: u32,
    /// Blocks in which the hand goes one half-life forward, at least one.
    pub half_life: u32,
}

impl Clock {
    /// A clock at block 0.
    pub fn new(half_life: u32) -> Self {
        Self {
            hand: 0,
            since: 0,
            half_life: half_life.max(1),
        }
    }

    /// Where its hand is in block `now`.
    pub fn hand(&self, now: u32) -> u64 {
        let blocks = u64::from(now.saturating_sub(self.since));
        // Below 2³² · 2³².
        let gone = (blocks << 32) / u64::from(self.half_life.max(1));
        self.hand.saturating_add(gone)
    }

    /// The clock with another half-life from block `now` on; `None` if it has it already.
    pub fn turned(&self, now: u32, half_life: u32) -> Option<Self> {
        let turned = Self {
            hand: self.hand(now),
            since: now,
            half_life: half_life.max(1),
        };
        (turned.half_life != self.half_life).then_some(turned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hand_goes_one_half_life_in_one() {
        let clock = Clock::new(7);
        assert_eq!(clock.hand(0), 0);
        for from in 0..50 {
            assert_eq!(clock.hand(from + 7) - clock.hand(from), HALF_LIFE);
        }
    }

    #[test]
    fn another_half_life_is_another_speed_from_then_on() {
        let clock = Clock::new(10);
        assert_eq!(clock.turned(5, 10), None);
        let turned = clock.turned(5, 20).unwrap();
        assert_eq!(turned.hand(5), HALF_LIFE / 2);
        assert_eq!(turned.hand(25), HALF_LIFE / 2 + HALF_LIFE);
        assert_eq!(Clock::new(0), Clock::new(1));
        assert_eq!(Clock::new(1).turned(9, 0), None);
    }

    proptest! {
        #[test]
        fn the_hand_never_goes_back(
            first in any::<u32>(),
            turns in prop::collection::vec((0..u32::MAX / 16, any::<u32>()), 1..16),
        ) {
            let (mut clock, mut now) = (Clock::new(first), 0u32);
            for (blocks, half_life) in turns {
                let before = clock.hand(now);
                now += blocks;
                let hand = clock.hand(now);
                prop_assert!(hand >= before);
                clock = clock.turned(now, half_life).unwrap_or(clock);
                prop_assert_eq!(clock.hand(now), hand);
            }
        }
    }
}
