//! What features are given in.

use core::{fmt, str::FromStr};

/// Units of a scale per unit of a feature.
const MILLION: u64 = 1_000_000;

/// The magnitude that fills int7: a feature `x` becomes `⌊64·x / scale⌋`, within [-64, 63].
///
/// Grey bytes have scale 256, so that a byte becomes `byte >> 2`; features in [-1, 1] have scale 1. Kept in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(u64);

/// A number that is no scale.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no scale: give a number from 0.000001 to 1000000000, with at most 6 decimals")]
pub struct NoScale(String);

impl Scale {
    /// That of grey bytes.
    pub const GREY: Self = Self(256 * MILLION);
    /// The largest one, in millionths.
    const MAX: u64 = 1_000_000_000 * MILLION;

    /// The scale of this many millionths.
    ///
    /// # Errors
    /// [`NoScale`] when it is zero or above a thousand million.
    pub fn from_millionths(millionths: u64) -> Result<Self, NoScale> {
        if (1..=Self::MAX).contains(&millionths) {
            Ok(Self(millionths))
        } else {
            Err(NoScale(format!("{millionths} millionths")))
        }
    }

    /// The scale in millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// The scale itself.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0 as f64 / MILLION as f64
    }

    /// A feature as int7; none when it is beyond the scale, or no number.
    #[must_use]
    pub fn int7(self, feature: f64) -> Option<i8> {
        let scale = self.value();
        (feature.abs() <= scale).then(|| (64.0 * feature / scale).floor().clamp(-64.0, 63.0) as i8)
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::GREY
    }
}

impl FromStr for Scale {
    type Err = NoScale;

    fn from_str(text: &str) -> Result<Self, NoScale> {
        crate::text::parse_decimal(text, 6)
            .and_then(|millionths| Self::from_millionths(u64::try_from(millionths).ok()?).ok())
            .ok_or_else(|| NoScale(format!("{text:?}")))
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&crate::text::decimals(self.0.into(), 6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_bytes_lose_their_two_lowest_bits() {
        for byte in 0..=255_u8 {
            assert_eq!(Scale::GREY.int7(byte.into()), Some((byte >> 2) as i8));
        }
    }

    #[test]
    fn what_lies_beyond_the_scale_is_refused() {
        let unit: Scale = "1".parse().unwrap();
        assert_eq!(
            [-1.0, 0.0, 1.0].map(|x| unit.int7(x)),
            [Some(-64), Some(0), Some(63)]
        );
        assert_eq!([-1.01, 1.01, f64::NAN].map(|x| unit.int7(x)), [None; 3]);
    }

    #[test]
    fn a_scale_survives_its_text() {
        for text in ["256", "0.5", "0.000001", "1000000000"] {
            assert_eq!(text.parse::<Scale>().unwrap().to_string(), text);
        }
        for text in ["0", "-1", "1e3", "", ".", "1000000001", "0.0000001"] {
            assert!(text.parse::<Scale>().is_err(), "{text}");
        }
    }
}
