//! Where live tickets lie so that one can be drawn without looking at the others, free of storage.
//!
//! A role's pool is a row of *buckets*; in bucket b lie, numbered without gaps, the tickets whose stake is
//! at least 2^b and below 2^(b+1) [units](UNIT). Knowing how many lie in each is enough to name any place.

use codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What stakes are weighed in: a thousandth of a QRN.
pub const UNIT: u128 = 1_000_000_000;

/// Buckets of a pool: a stake has less than 2⁶⁴ units.
pub const BUCKETS: u8 = 64;

/// Where a ticket lies in its role's pool.
#[derive(
    Clone, Copy, Debug, Decode, Encode, Eq, MaxEncodedLen, Ord, PartialEq, PartialOrd, TypeInfo,
)]
pub struct Place {
    /// The bucket.
    pub bucket: u8,
    /// The number inside it.
    pub index: u32,
}

/// Weight of a stake: its units, at least one.
pub fn units(stake: u128) -> u64 {
    u64::try_from(stake / UNIT).unwrap_or(u64::MAX).max(1)
}

/// The bucket of a stake.
pub fn bucket(stake: u128) -> u8 {
    // Below 64.
    units(stake).ilog2() as u8
}

/// How many tickets lie in each bucket of a pool.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Counts([u32; BUCKETS as usize]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; BUCKETS as usize])
    }
}

impl Counts {
    /// Makes room for one more in the bucket.
    pub fn push(&mut self, bucket: u8) -> Option<Place> {
        let count = self.0.get_mut(usize::from(bucket))?;
        let index = *count;
        *count = index.checked_add(1)?;
        Some(Place { bucket, index })
    }

    /// Takes the bucket's last place away.
    pub fn pop(&mut self, bucket: u8) -> Option<Place> {
        let count = self.0.get_mut(usize::from(bucket))?;
        *count = count.checked_sub(1)?;
        Some(Place {
            bucket,
            index: *count,
        })
    }

    /// How many tickets lie in the pool.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// Length of a line on which every ticket of bucket b owns `width(b)` ≤ 2⁶⁴ points.
    pub fn length(&self, width: impl Fn(u8) -> u128) -> u128 {
        // At most 2⁶ · 2³² · 2⁶⁴.
        self.buckets()
            .map(|(bucket, count)| u128::from(count) * width(bucket))
            .sum()
    }

    /// Whose piece of that line `point` lies in, and how far from the piece's start.
    pub fn locate(&self, mut point: u128, width: impl Fn(u8) -> u128) -> Option<(Place, u128)> {
        for (bucket, count) in self.buckets() {
            let width = width(bucket);
            let span = u128::from(count) * width;
            if point < span {
                let index = u32::try_from(point / width).ok()?;
                return Some((Place { bucket, index }, point % width));
            }
            point -= span;
        }
        None
    }

    fn buckets(&self) -> impl DoubleEndedIterator<Item = (u8, u32)> + '_ {
        (0..BUCKETS).zip(self.0.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_doubles_the_one_below() {
        let milli = |units: u128| bucket(units * UNIT);
        assert_eq!(
            [milli(0), milli(1), milli(2), milli(3), milli(4)],
            [0, 0, 1, 1, 2]
        );
        assert_eq!(bucket(u128::MAX), 63);
        assert_eq!(units(UNIT - 1), 1);
    }

    #[test]
    fn places_are_numbered_without_gaps() {
        let mut counts = Counts::default();
        assert_eq!(counts.pop(3), None);
        assert_eq!(
            counts.push(3),
            Some(Place {
                bucket: 3,
                index: 0
            })
        );
        assert_eq!(
            counts.push(3),
            Some(Place {
                bucket: 3,
                index: 1
            })
        );
        assert_eq!(
            counts.push(5),
            Some(Place {
                bucket: 5,
                index: 0
            })
        );
        assert_eq!(counts.push(64), None);
        assert_eq!(
            counts.pop(3),
            Some(Place {
                bucket: 3,
                index: 1
            })
        );
        assert_eq!(counts.total(), 2);
    }

    #[test]
    fn every_point_of_the_line_has_one_owner() {
        let mut counts = Counts::default();
        for bucket in [1, 1, 2] {
            counts.push(bucket);
        }
        let width = |bucket: u8| 2u128 << bucket;
        assert_eq!(counts.length(width), 4 + 4 + 8);
        let at = |point| {
            counts
                .locate(point, width)
                .map(|(p, offset)| (p.bucket, p.index, offset))
        };
        assert_eq!(at(0), Some((1, 0, 0)));
        assert_eq!(at(3), Some((1, 0, 3)));
        assert_eq!(at(4), Some((1, 1, 0)));
        assert_eq!(at(8), Some((2, 0, 0)));
        assert_eq!(at(15), Some((2, 0, 7)));
        assert_eq!(at(16), None);
    }

    proptest! {
        #[test]
        fn a_stake_lies_between_its_buckets_bounds(stake in any::<u128>()) {
            let (units, bucket) = (u128::from(units(stake)), bucket(stake));
            prop_assert!(1 << bucket <= units && units < 2 << bucket);
        }
    }
}
