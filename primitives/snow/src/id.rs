//! The name of a block.

use core::fmt;

use codec::{Decode, Encode, MaxEncodedLen};

/// Bits of an [`Id`].
pub const ID_BITS: u16 = 256;

/// A 256-bit id. Bit `i` is bit `i mod 8`, counted from the least significant, of byte `i / 8`.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, MaxEncodedLen,
)]
pub struct Id(pub [u8; 32]);

impl Id {
    /// Bit `index`; false from [`ID_BITS`] on.
    pub fn bit(&self, index: u16) -> bool {
        self.0
            .get(usize::from(index / 8))
            .is_some_and(|byte| (byte >> (index % 8)) & 1 == 1)
    }

    /// The first bit in which both differ, [`ID_BITS`] for equal ids.
    pub fn first_difference(&self, other: &Self) -> u16 {
        let mut bits = 0u16;
        for (a, b) in self.0.iter().zip(&other.0) {
            if a != b {
                return bits + (a ^ b).trailing_zeros() as u16;
            }
            bits += 8;
        }
        ID_BITS
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_from_the_least_significant() {
        let mut id = Id::default();
        id.0[1] = 0b10;
        assert!(id.bit(9) && !id.bit(8) && !id.bit(256));
        assert_eq!(id.first_difference(&Id::default()), 9);
        assert_eq!(id.first_difference(&id), ID_BITS);
    }
}
