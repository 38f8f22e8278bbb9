//! Tracks: what a kind of referendum needs to pass, and how long each of its stages lasts.

use super::{
    TrackId, metadata,
    value::{items, number, signed, small, text, variant},
};
use crate::{Client, Error, text as words};
use quern_work::Hash;
use serde::Serialize;
use subxt::dynamic::{At, Value};

/// Parts of a whole in a `Perbill`.
const WHOLE: u128 = 1_000_000_000;

/// What a kind of referendum needs. Periods are in blocks; they follow the chain's parameter `governance.day`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// Its number.
    pub id: TrackId,
    /// Its name: `root`, `parameters`, `treasury` or `emergency`.
    pub name: String,
    /// Referenda that are decided on at a time; others queue.
    pub max_deciding: u32,
    /// What somebody must deposit before the decision begins.
    #[serde(with = "words::decimal")]
    pub decision_deposit: u128,
    /// Blocks between submission and decision.
    pub prepare: u32,
    /// Blocks in which it must come to pass, else it is rejected.
    pub decision: u32,
    /// Blocks for which it must keep passing.
    pub confirm: u32,
    /// Blocks between approval and enactment.
    pub enactment: u32,
    /// Ayes that are needed among the votes.
    pub approval: Curve,
    /// Ayes that are needed among all tokens.
    pub support: Curve,
}

/// How a threshold falls over the decision period. Parts of a whole are parts of 10⁹.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Curve {
    /// In a straight line from `ceil` to `floor` over `length`; flat afterwards.
    Linear {
        /// Part of the decision period in which it falls.
        length: u64,
        /// Where it ends.
        floor: u64,
        /// Where it begins.
        ceil: u64,
    },
    /// From `begin` by `step` each `period`, down to `end`.
    Stepped {
        /// Where it begins.
        begin: u64,
        /// Where it ends.
        end: u64,
        /// How far each step goes.
        step: u64,
        /// Part of the decision period between two steps.
        period: u64,
    },
    /// As `factor / (x + x_offset) + y_offset`.
    Reciprocal {
        /// Above the line.
        factor: i64,
        /// Added below the line.
        x_offset: i64,
        /// Added in the end.
        y_offset: i64,
    },
}

impl Curve {
    /// The threshold in ten-thousandths, rounded up, after `elapsed` of `period` blocks.
    #[must_use]
    pub fn threshold(&self, elapsed: u32, period: u32) -> u32 {
        let x = (WHOLE * u128::from(elapsed) / u128::from(period.max(1))).min(WHOLE);
        let needed = match *self {
            Self::Linear {
                length,
                floor,
                ceil,
            } => {
                let (length, fall) = (
                    u128::from(length.max(1)),
                    u128::from(ceil.saturating_sub(floor)),
                );
                u128::from(ceil).saturating_sub(x.min(length) * fall / length)
            }
            Self::Stepped {
                begin,
                end,
                step,
                period,
            } => {
                let steps = x / u128::from(period.max(1));
                let fallen = u128::from(begin).saturating_sub(u128::from(step) * steps);
                fallen.max(end.into())
            }
            Self::Reciprocal {
                factor,
                x_offset,
                y_offset,
            } => {
                let whole = WHOLE as i128;
                let divisor = x as i128 + i128::from(x_offset);
                let quotient = (i128::from(factor) * whole).checked_div(divisor);
                let needed = quotient.map_or(whole, |quotient| quotient + i128::from(y_offset));
                needed.clamp(0, whole) as u128
            }
        };
        (needed.min(WHOLE) * 10_000).div_ceil(WHOLE) as u32
    }

    fn read(value: &Value) -> Option<Self> {
        let (kind, fields) = variant(value)?;
        let part = |name| small::<u64>(fields.at(name));
        let fixed = |name| i64::try_from(signed(fields.at(name)?)?).ok();
        Some(match kind {
            "LinearDecreasing" => Self::Linear {
                length: part("length")?,
                floor: part("floor")?,
                ceil: part("ceil")?,
            },
            "SteppedDecreasing" => Self::Stepped {
                begin: part("begin")?,
                end: part("end")?,
                step: part("step")?,
                period: part("period")?,
            },
            "Reciprocal" => Self::Reciprocal {
                factor: fixed("factor")?,
                x_offset: fixed("x_offset")?,
                y_offset: fixed("y_offset")?,
            },
            _ => return None,
        })
    }
}

impl Track {
    fn read(value: &Value) -> Option<Self> {
        let (id, info) = (value.at(0), value.at(1)?);
        let blocks = |name| small::<u32>(info.at(name));
        Some(Self {
            id: small(id)?,
            name: text(info.at("name")?)?,
            max_deciding: blocks("max_deciding")?,
            decision_deposit: number(info.at("decision_deposit")?)?,
            prepare: blocks("prepare_period")?,
            decision: blocks("decision_period")?,
            confirm: blocks("confirm_period")?,
            enactment: blocks("min_enactment_period")?,
            approval: Curve::read(info.at("min_approval")?)?,
            support: Curve::read(info.at("min_support")?)?,
        })
    }
}

impl Client {
    /// The tracks, by ascending number. They are of the block at which this client first met the runtime's version: connect
    /// anew after `governance.day` has changed.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Decode`] where the runtime has none.
    pub async fn tracks(&self, at: Option<Hash>) -> Result<Vec<Track>, Error> {
        let at = self.block_or_best(at).await?;
        let runtime = self.runtime_at(at).await?;
        let tracks = metadata::constant(&runtime, "Referenda", "Tracks")?;
        let tracks: Option<Vec<Track>> = items(&tracks).into_iter().map(Track::read).collect();
        tracks.ok_or_else(|| Error::decode("Referenda.Tracks", "a track is of another form"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PERCENT: u64 = 10_000_000;

    fn perbill(parts: u64) -> Value {
        Value::unnamed_composite([Value::u128(parts.into())])
    }

    #[test]
    fn a_track_reads_from_the_metadatas_constant() {
        let linear = Value::named_variant(
            "LinearDecreasing",
            [
                ("length", perbill(100 * PERCENT)),
                ("floor", perbill(50 * PERCENT)),
                ("ceil", perbill(100 * PERCENT)),
            ],
        );
        let info = Value::named_composite([
            ("name", Value::string("root\0\0\0")),
            ("max_deciding", Value::u128(1)),
            ("decision_deposit", Value::u128(100)),
            ("prepare_period", Value::u128(1)),
            ("decision_period", Value::u128(28)),
            ("confirm_period", Value::u128(4)),
            ("min_enactment_period", Value::u128(4)),
            ("min_approval", linear.clone()),
            ("min_support", linear),
        ]);
        let track = Track::read(&Value::unnamed_composite([Value::u128(0), info])).unwrap();
        assert_eq!((track.id, track.name.as_str()), (0, "root"));
        assert_eq!((track.decision, track.enactment), (28, 4));
        assert_eq!(track.approval.threshold(0, 28), 10_000);
        assert_eq!(track.approval.threshold(14, 28), 7_500);
        assert_eq!(track.approval.threshold(99, 28), 5_000);
    }

    #[test]
    fn steps_and_reciprocals_fall_as_the_sdk_says() {
        let stepped = Curve::Stepped {
            begin: 80 * PERCENT,
            end: 30 * PERCENT,
            step: 10 * PERCENT,
            period: 15 * PERCENT,
        };
        // The SDK's own example: `SteppedDecreasing` from 80 % by 10 % each 15 %.
        for (elapsed, needed) in [
            (0, 8_000),
            (14, 8_000),
            (15, 7_000),
            (75, 3_000),
            (100, 3_000),
        ] {
            assert_eq!(stepped.threshold(elapsed, 100), needed, "{elapsed}");
        }
        let reciprocal = Curve::Reciprocal {
            factor: 62_500_000,
            x_offset: 125_000_000,
            y_offset: 0,
        };
        assert_eq!(reciprocal.threshold(0, 8), 5_000);
        assert_eq!(reciprocal.threshold(1, 8), 2_500);
        let pole = Curve::Reciprocal {
            factor: 1,
            x_offset: 0,
            y_offset: 0,
        };
        assert_eq!(pole.threshold(0, 8), 10_000, "a pole asks for everything");
    }

    proptest! {
        #[test]
        fn a_threshold_never_rises_and_is_part_of_a_whole(
            parts in [0..=WHOLE as u64, 0..=WHOLE as u64, 1..=WHOLE as u64],
            elapsed in 0..100_u32,
            period in 0..100_u32,
        ) {
            let [a, b, length] = parts;
            let (floor, ceil) = (a.min(b), a.max(b));
            for curve in [
                Curve::Linear { length, floor, ceil },
                Curve::Stepped { begin: ceil, end: floor, step: length, period: length },
            ] {
                let (now, later) = (curve.threshold(elapsed, period), curve.threshold(elapsed + 1, period));
                prop_assert!(later <= now && now <= 10_000);
            }
        }
    }
}
