//! The retargeting rule, free of storage: how one block's time moves the difficulty of the next.
//!
//! Two loops, as in DOIN's hybrid. The fast one follows an exponential moving average of the block
//! interval (α = 1/10) and nudges by at most 2 % a block. The slow one measures, over an epoch of
//! [`EPOCH`] blocks, how many MACs the chain absorbed per millisecond and sets the difficulty to
//! what that rate does in one target interval, at most a factor of 4 away. Integers only.

use codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Blocks between two corrections of the slow loop.
pub const EPOCH: u32 = 100;

/// Largest difficulty, in MACs: keeps every product below 2¹²⁸ (see [`Retarget::next`]).
pub const MAX_DIFFICULTY: u128 = 1 << 100;

/// Largest target interval, in milliseconds (about 17 minutes).
pub const MAX_TARGET_MS: u64 = (1 << 20) - 1;

/// Fraction bits of the moving average.
const EMA_BITS: u32 = 10;

/// An interval counts for at most this many targets in the moving average, so that one lost hour
/// does not lower the difficulty for the hundred blocks after it.
const LONGEST: u64 = 10;

/// One part per million.
const PPM: u64 = 1_000_000;

/// The fast loop's reach: 2 % a block.
const NUDGE_PPM: u64 = 20_000;

/// The slow loop's reach: a factor of 4 an epoch.
const CORRECTION: u128 = 4;

/// What a chain chooses at genesis.
#[derive(
    Clone, Debug, Decode, Deserialize, Encode, Eq, MaxEncodedLen, PartialEq, Serialize, TypeInfo,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Wanted interval between blocks, in milliseconds, 1 to [`MAX_TARGET_MS`].
    pub interval_ms: u64,
    /// The difficulty never falls below this, in MACs, 1 to [`MAX_DIFFICULTY`].
    pub floor: u128,
}

impl Target {
    /// Whether both values are within their bounds.
    pub fn is_valid(&self) -> bool {
        (1..=MAX_TARGET_MS).contains(&self.interval_ms)
            && (1..=MAX_DIFFICULTY).contains(&self.floor)
    }
}

/// Difficulty, and what the two loops remember.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Retarget {
    /// Expected MACs of the next block.
    pub difficulty: u128,
    /// Expected MACs of the block before it.
    pub parent: u128,
    /// Moving average of the interval, in 2⁻¹⁰ ms.
    pub average: u64,
    /// Time of the last block, in milliseconds; `None` before the first.
    pub last_ms: Option<u64>,
    /// Time of the block that opened the epoch.
    pub epoch_start_ms: u64,
    /// Blocks since then.
    pub epoch_blocks: u32,
    /// Sum of their difficulties.
    pub epoch_work: u128,
}

impl Retarget {
    /// Before the first block.
    pub fn initial(difficulty: u128, target: &Target) -> Self {
        Self {
            difficulty: difficulty.clamp(target.floor, MAX_DIFFICULTY),
            parent: 0,
            average: target.interval_ms << EMA_BITS,
            last_ms: None,
            epoch_start_ms: 0,
            epoch_blocks: 0,
            epoch_work: 0,
        }
    }

    /// After a block made at `now_ms` at the current difficulty.
    ///
    /// The first block only starts the clock. Bounds, with `difficulty ≤ 2¹⁰⁰`, a target below 2²⁰
    /// ms and a valid `target`: the nudge multiplies by less than 2²⁰, the epoch's work is at most
    /// `100 · 2¹⁰⁰ < 2¹⁰⁷` and is multiplied by less than 2²⁰, the average is at most
    /// `10 · 2²⁰ · 2¹⁰ < 2³⁴`: nothing overflows.
    pub fn next(self, now_ms: u64, target: &Target) -> Self {
        let sealed = self.difficulty;
        let Some(last_ms) = self.last_ms else {
            return Self {
                parent: sealed,
                last_ms: Some(now_ms),
                epoch_start_ms: now_ms,
                ..self
            };
        };
        let interval = now_ms
            .saturating_sub(last_ms)
            .clamp(1, LONGEST * target.interval_ms);
        let average = self.average - self.average / 10 + (interval << EMA_BITS) / 10;
        let epoch_blocks = self.epoch_blocks + 1;
        let epoch_work = self.epoch_work.saturating_add(sealed);
        let within = |difficulty: u128| difficulty.clamp(target.floor, MAX_DIFFICULTY);
        if epoch_blocks < EPOCH {
            let nudge = ((target.interval_ms << EMA_BITS) * PPM / average.max(1))
                .clamp(PPM - NUDGE_PPM, PPM + NUDGE_PPM);
            return Self {
                difficulty: within(sealed * u128::from(nudge) / u128::from(PPM)),
                parent: sealed,
                average,
                last_ms: Some(now_ms),
                epoch_blocks,
                epoch_work,
                ..self
            };
        }
        let elapsed = now_ms.saturating_sub(self.epoch_start_ms).max(1);
        let measured = epoch_work * u128::from(target.interval_ms) / u128::from(elapsed);
        Self {
            difficulty: within(measured.clamp(sealed / CORRECTION, sealed * CORRECTION)),
            parent: sealed,
            average: target.interval_ms << EMA_BITS,
            last_ms: Some(now_ms),
            epoch_start_ms: now_ms,
            epoch_blocks: 0,
            epoch_work: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TARGET: Target = Target {
        interval_ms: 3_000,
        floor: 1_000,
    };

    /// Mines `blocks` blocks with `macs_per_ms`, each taking exactly its expected time.
    fn mine(mut state: Retarget, blocks: u32, macs_per_ms: u128, now: &mut u64) -> Retarget {
        for _ in 0..blocks {
            *now += u64::try_from(state.difficulty / macs_per_ms)
                .unwrap()
                .max(1);
            state = state.next(*now, &TARGET);
        }
        state
    }

    #[test]
    fn the_first_block_only_starts_the_clock() {
        let state = Retarget::initial(10_000, &TARGET).next(1_700_000_000_000, &TARGET);
        assert_eq!(state.difficulty, 10_000);
        assert_eq!(state.parent, 10_000);
        assert_eq!(state.epoch_start_ms, 1_700_000_000_000);
    }

    #[test]
    fn blocks_on_time_leave_the_difficulty() {
        let mut state = Retarget::initial(1_000_000, &TARGET).next(0, &TARGET);
        for block in 1..=250u64 {
            state = state.next(block * TARGET.interval_ms, &TARGET);
        }
        assert_eq!(state.difficulty, 1_000_000);
    }

    #[test]
    fn a_block_moves_the_difficulty_by_at_most_two_percent() {
        let start = Retarget::initial(1_000_000, &TARGET).next(0, &TARGET);
        assert_eq!(start.clone().next(1, &TARGET).difficulty, 1_020_000);
        assert_eq!(start.next(1_000_000, &TARGET).difficulty, 980_000);
    }

    #[test]
    fn an_epoch_corrects_by_at_most_four() {
        let state = Retarget {
            epoch_blocks: EPOCH - 1,
            epoch_work: 99_000_000,
            last_ms: Some(0),
            ..Retarget::initial(1_000_000, &TARGET)
        };
        assert_eq!(state.clone().next(1, &TARGET).difficulty, 4_000_000);
        assert_eq!(state.next(u64::MAX, &TARGET).difficulty, 250_000);
    }

    #[test]
    fn the_difficulty_follows_the_hash_rate_within_three_epochs() {
        let mut now = 0;
        let mut state = Retarget::initial(1_000_000, &TARGET).next(now, &TARGET);
        for rate in [1_000_000, 50_000] {
            state = mine(state, 3 * EPOCH, rate, &mut now);
            let wanted = rate * u128::from(TARGET.interval_ms);
            assert!(
                state.difficulty.abs_diff(wanted) < wanted / 20,
                "{} is not within 5 % of {wanted}",
                state.difficulty
            );
        }
    }

    proptest! {
        #[test]
        fn any_times_keep_the_bounds(
            times in prop::collection::vec(any::<u64>(), 1..400),
            difficulty in any::<u128>(),
            interval_ms in 1..=MAX_TARGET_MS,
            floor in 1..=MAX_DIFFICULTY,
        ) {
            let target = Target { interval_ms, floor };
            prop_assert!(target.is_valid());
            let mut state = Retarget::initial(difficulty, &target);
            for now in times {
                let before = state.difficulty;
                state = state.next(now, &target);
                prop_assert!((floor..=MAX_DIFFICULTY).contains(&state.difficulty));
                prop_assert!(state.difficulty <= before * 4 && state.difficulty >= before / 4);
                prop_assert_eq!(state.parent, before);
                prop_assert!(state.epoch_blocks < EPOCH);
            }
        }
    }
}
