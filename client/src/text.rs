//! How numbers and hashes look in JSON: hashes as `0x`-hex, numbers that may not fit a double as decimal strings.

use quern_work::Hash;

/// Writes 32 bytes as `0x` and 64 hexadecimal digits.
#[must_use]
pub fn hex32(hash: &Hash) -> String {
    format!("0x{}", hex::encode(hash))
}

/// Reads 32 bytes from 64 hexadecimal digits, with or without `0x`; `None` when it is anything else.
#[must_use]
pub fn parse_hex32(text: &str) -> Option<Hash> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut hash = Hash::default();
    hex::decode_to_slice(digits, &mut hash).ok()?;
    Some(hash)
}

/// Reads a decimal number such as `12.5` as a count of `10^-places`; `None` when it is anything else, has more places, or is
/// too large. Exact: no float takes part.
#[must_use]
pub fn parse_decimal(text: &str, places: usize) -> Option<u128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > places {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

/// Writes a count of `10^-places` as a decimal number, without trailing zeros.
#[must_use]
pub fn decimals(count: u128, places: usize) -> String {
    let digits = format!("{count:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    match part.trim_end_matches('0') {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

/// For `#[serde(with)]`: 32 bytes as a `0x`-hex string.
pub mod hash {
    use super::{Hash, hex32, parse_hex32};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Serialises 32 bytes as a `0x`-hex string.
    ///
    /// # Errors
    /// What the serialiser refuses.
    pub fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex32(hash))
    }

    /// Deserialises 32 bytes from a hexadecimal string.
    ///
    /// # Errors
    /// Refuses a string that is not 64 hexadecimal digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_hex32(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not 32 bytes in hex")))
    }
}

/// For `#[serde(with)]`: 32 bytes as a `0x`-hex string, or null.
pub mod maybe_hash {
    use super::{Hash, hex32, parse_hex32};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Serialises 32 bytes as a `0x`-hex string, nothing as null.
    ///
    /// # Errors
    /// What the serialiser refuses.
    pub fn serialize<S: Serializer>(hash: &Option<Hash>, serializer: S) -> Result<S::Ok, S::Error> {
        hash.as_ref().map(hex32).serialize(serializer)
    }

    /// Deserialises 32 bytes from a hexadecimal string, nothing from null.
    ///
    /// # Errors
    /// Refuses a string that is not 64 hexadecimal digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Hash>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| {
                parse_hex32(&text)
                    .ok_or_else(|| D::Error::custom(format!("{text:?} is not 32 bytes in hex")))
            })
            .transpose()
    }
}

/// For `#[serde(with)]`: bytes as a `0x`-hex string.
pub mod bytes {
    use serde::{Deserialize, Deserializer, de::Error};

    /// Deserialises bytes from a hexadecimal string.
    ///
    /// # Errors
    /// Refuses a string that is not hexadecimal digits in pairs.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text.strip_prefix("0x").unwrap_or(&text))
            .map_err(|_| D::Error::custom(format!("{text:?} is not bytes in hex")))
    }
}

/// For `#[serde(with)]`: an unsigned number as a decimal string.
pub mod decimal {
    use core::{fmt::Display, str::FromStr};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Serialises a number as a decimal string.
    ///
    /// # Errors
    /// What the serialiser refuses.
    pub fn serialize<T: Display, S: Serializer>(
        number: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    /// Deserialises a number from a decimal string.
    ///
    /// # Errors
    /// Refuses a string that is no decimal number of the type.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|reason| {
            D::Error::custom(format!("{text:?} is not a decimal number: {reason}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text() {
        let hash = [0xab; 32];
        assert_eq!(parse_hex32(&hex32(&hash)), Some(hash));
        assert_eq!(parse_hex32(&hex::encode(hash)), Some(hash));
    }

    #[test]
    fn bytes_read_from_hex_alone() {
        let read = |text: &str| bytes::deserialize(serde_json::Value::from(text)).ok();
        assert_eq!(read("0x00ff"), Some(vec![0, 255]));
        assert_eq!(read("ab"), Some(vec![0xab]));
        assert_eq!(read("0x0"), None);
        assert_eq!(read("0xgg"), None);
    }

    #[test]
    fn decimals_are_exact_both_ways() {
        for (text, count) in [("0", 0), ("12.5", 12_500), ("0.001", 1), ("7", 7_000)] {
            assert_eq!(parse_decimal(text, 3), Some(count));
            assert_eq!(decimals(count, 3), text);
        }
        assert_eq!(parse_decimal("1.5000", 3), Some(1_500));
        for text in ["", ".5", "-1", "+1", "1.0001", "1e3", "1,5", " 1"] {
            assert_eq!(parse_decimal(text, 3), None, "{text}");
        }
        assert_eq!(parse_decimal(&"9".repeat(40), 0), None);
    }

    #[test]
    fn text_that_is_no_hash_is_refused() {
        assert_eq!(parse_hex32("0xabcd"), None);
        assert_eq!(parse_hex32(&"zz".repeat(32)), None);
    }
}
