//! The chain's parameters: what a referendum may change without a new runtime.

use crate::{Client, Error, spec::TOKEN_DECIMALS, text};
use codec::Decode;
use core::fmt;
use quern_work::Hash;
use serde::{Deserialize, Serialize};

/// Bits behind the point of a [`Scale::Binary`].
const POINT: u32 = 32;
/// Decimals that tell every such number from its neighbours.
const SHOWN_DECIMALS: usize = 10;
/// Decimals that one may be written with.
const READ_DECIMALS: usize = 12;

/// A parameter of the chain. Its numbers are as the chain has them: counted in [`Parameter::unit`].
#[derive(Clone, Debug, PartialEq, Eq, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its module and its name there, such as `work.omega_m`.
    pub name: String,
    /// What its numbers count, such as `blocks` or `10^-12 QRN`.
    pub unit: String,
    /// The value in force.
    #[serde(with = "text::decimal")]
    pub value: u128,
    /// The value where no referendum has set another: the runtime brings it.
    #[serde(with = "text::decimal")]
    pub default: u128,
    /// The least that a referendum may set.
    #[serde(with = "text::decimal")]
    pub minimum: u128,
    /// The most that a referendum may set.
    #[serde(with = "text::decimal")]
    pub maximum: u128,
}

/// A parameter's unit, taken apart: people write `1 QRN`, the chain 10¹² times `10^-12 QRN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit<'a> {
    scale: Scale,
    label: &'a str,
}

/// How the chain's number relates to the one that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// It is the same.
    One,
    /// It counts 10⁻¹².
    Decimal,
    /// It counts 2⁻³².
    Binary,
    /// It is 0 for no and 1 for yes.
    Switch,
}

/// A value that is none of a parameter's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// No parameter has this name: `quern gov parameters` lists them.
    #[error("there is no parameter {0}: `quern gov parameters` lists them")]
    Unknown(String),
    /// The text is no value of the parameter's kind: write it as the message says.
    #[error("{text:?} is no value of {name}: expected {expected}")]
    Malformed {
        /// The parameter.
        name: String,
        /// What was written.
        text: String,
        /// What could have been.
        expected: String,
    },
    /// The chain would refuse the value: choose one between the bounds.
    #[error("{name} is from {bounds}, not {text}")]
    OutOfBounds {
        /// The parameter.
        name: String,
        /// What was written.
        text: String,
        /// The bounds, as [`Parameter::bounds`] writes them.
        bounds: String,
    },
}

impl<'a> Unit<'a> {
    /// Money.
    pub const MONEY: Unit<'static> = Unit {
        scale: Scale::Decimal,
        label: "QRN",
    };

    /// Reads a unit as the chain names it.
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        let of = |scale, label| Self { scale, label };
        if name == "switch" {
            of(Scale::Switch, "")
        } else if let Some(label) = name.strip_prefix("10^-12 ") {
            of(Scale::Decimal, label)
        } else if let Some(label) = name.strip_prefix("2^-32 ") {
            of(Scale::Binary, label)
        } else {
            of(Scale::One, name)
        }
    }

    /// A number as people write it: `1 QRN`, `20 %`, `0.00390625 tiles per row`, `yes`.
    #[must_use]
    pub fn show(self, number: u128) -> String {
        let written = self.number(number);
        match self.label {
            "" => written,
            label => format!("{written} {label}"),
        }
    }

    /// The same without the unit's name.
    #[must_use]
    pub fn number(self, number: u128) -> String {
        match self.scale {
            Scale::One => number.to_string(),
            Scale::Decimal => text::decimals(number, TOKEN_DECIMALS),
            Scale::Binary => {
                // Bits behind the point become decimals behind the point, rounded to the nearest.
                let whole = number >> POINT;
                let bits = number & ((1 << POINT) - 1);
                let one = 10_u128.pow(SHOWN_DECIMALS as u32);
                let decimals = (bits * one + (1 << (POINT - 1))) >> POINT;
                let carry = decimals / one;
                let decimals = text::decimals(decimals % one, SHOWN_DECIMALS);
                let decimals = decimals
                    .split_once('.')
                    .map_or("", |(_, decimals)| decimals);
                let point = if decimals.is_empty() { "" } else { "." };
                format!("{}{point}{decimals}", whole + carry)
            }
            Scale::Switch => if number == 0 { "no" } else { "yes" }.to_owned(),
        }
    }

    /// Reads what [`Unit::show`] and [`Unit::number`] write.
    #[must_use]
    pub fn read(self, written: &str) -> Option<u128> {
        let number = written.strip_suffix(self.label).unwrap_or(written).trim();
        match self.scale {
            Scale::One => text::parse_decimal(number, 0),
            Scale::Decimal => text::parse_decimal(number, TOKEN_DECIMALS),
            Scale::Binary => {
                let one = 10_u128.pow(READ_DECIMALS as u32);
                let parts = text::parse_decimal(number, READ_DECIMALS)?.checked_mul(1 << POINT)?;
                Some(parts.checked_add(one / 2)? / one)
            }
            Scale::Switch => match number {
                "no" | "false" => Some(0),
                "yes" | "true" => Some(1),
                _ => None,
            },
        }
    }
}

impl fmt::Display for Unit<'_> {
    /// What [`Unit::read`] takes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label;
        match self.scale {
            Scale::One => write!(formatter, "a whole number ({label})"),
            Scale::Decimal | Scale::Binary => {
                write!(
                    formatter,
                    "a number such as 12.5 ({label}), with at most 12 decimals"
                )
            }
            Scale::Switch => formatter.write_str("yes or no"),
        }
    }
}

impl Parameter {
    /// A number of this parameter's, as people write it.
    #[must_use]
    pub fn show(&self, number: u128) -> String {
        Unit::new(&self.unit).show(number)
    }

    /// Its bounds, as people write them: `1 to 432000 blocks`.
    #[must_use]
    pub fn bounds(&self) -> String {
        let least = Unit::new(&self.unit).number(self.minimum);
        format!("{least} to {}", self.show(self.maximum))
    }

    /// Reads a value for this parameter.
    ///
    /// # Errors
    /// [`ParameterError::Malformed`] and [`ParameterError::OutOfBounds`].
    pub fn read(&self, written: &str) -> Result<u128, ParameterError> {
        let unit = Unit::new(&self.unit);
        let number = (unit.read(written)).ok_or_else(|| ParameterError::Malformed {
            name: self.name.clone(),
            text: written.to_owned(),
            expected: unit.to_string(),
        })?;
        if (self.minimum..=self.maximum).contains(&number) {
            return Ok(number);
        }
        Err(ParameterError::OutOfBounds {
            name: self.name.clone(),
            text: written.to_owned(),
            bounds: self.bounds(),
        })
    }
}

/// `omega_m` from `OmegaM`.
pub(super) fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

impl Client {
    /// All parameters at block `at`, by default the best one.
    ///
    /// # Errors
    /// As [`Client::state_call`].
    pub async fn parameters(&self, at: Option<Hash>) -> Result<Vec<Parameter>, Error> {
        self.state_call("GovernanceApi_parameters", &[], at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;
    use proptest::prelude::*;

    const UNITS: [&str; 6] = [
        "blocks",
        "%",
        "switch",
        "10^-12 QRN per 10^12 MACs",
        "10^-12 QRN",
        "2^-32 tiles per row",
    ];

    fn omega() -> Parameter {
        Parameter {
            name: "work.omega_m".into(),
            unit: "2^-32 tiles per parameter".into(),
            value: 1 << 24,
            default: 1 << 24,
            minimum: 1 << 16,
            maximum: 1 << 32,
        }
    }

    #[test]
    fn values_are_written_in_their_units() {
        let show = |unit, number| Unit::new(unit).show(number);
        let read = |unit, text| Unit::new(unit).read(text);
        assert_eq!(show(UNITS[5], 1 << 24), "0.00390625 tiles per row");
        assert_eq!(show(UNITS[5], (1 << 32) - 1), "0.9999999998 tiles per row");
        assert_eq!(show(UNITS[5], 3 << 32), "3 tiles per row");
        assert_eq!(show("10^-12 QRN", 1_500_000_000_000), "1.5 QRN");
        assert_eq!(show("%", 20), "20 %");
        assert_eq!(show("switch", 1), "yes");
        assert_eq!(read("%", "20%"), Some(20));
        assert_eq!(read("10^-12 QRN", "1.5"), Some(1_500_000_000_000));
        assert_eq!(read("switch", "maybe"), None);
        assert_eq!(read("blocks", "1.5"), None);
        assert_eq!(read("blocks", "-1"), None);
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_with_the_bounds() {
        assert_eq!(omega().read("0.5"), Ok(1 << 31));
        let error = omega().read("1.5").unwrap_err();
        assert_eq!(
            error.to_string(),
            "work.omega_m is from 0.0000152588 to 1 tiles per parameter, not 1.5"
        );
        let error = omega().read("much").unwrap_err();
        assert!(matches!(error, ParameterError::Malformed { .. }), "{error}");
    }

    #[test]
    fn names_come_from_the_runtimes_variants() {
        assert_eq!(snake("OmegaM"), "omega_m");
        assert_eq!(snake("Work"), "work");
    }

    #[test]
    fn a_parameter_reads_from_the_runtimes_bytes() {
        let parameter = omega();
        let told = quern_api::ParameterInfo {
            name: parameter.name.clone(),
            unit: parameter.unit.clone(),
            value: parameter.value,
            default: parameter.default,
            minimum: parameter.minimum,
            maximum: parameter.maximum,
        };
        let bytes = told.encode();
        assert_eq!(Parameter::decode(&mut bytes.as_slice()), Ok(parameter));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(number in any::<u64>(), unit in 0..UNITS.len()) {
            let number = if UNITS[unit] == "switch" { number % 2 } else { number };
            let unit = Unit::new(UNITS[unit]);
            prop_assert_eq!(unit.read(&unit.show(number.into())), Some(number.into()));
        }

        #[test]
        fn no_text_makes_reading_panic(text in ".*") {
            for unit in UNITS {
                let _ = Unit::new(unit).read(&text);
            }
        }

        #[test]
        fn showing_never_panics(number in any::<u128>()) {
            for unit in UNITS {
                let _ = Unit::new(unit).show(number);
            }
        }
    }
}
