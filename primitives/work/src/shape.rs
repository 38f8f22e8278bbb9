//! The dimensions of a lottery product.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{MAX_INNER, TILE};

/// Dimensions of a lottery product `C (m×n) = A (m×k) · B (k×n)` with noise of rank `r`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct Shape {
    /// Rows of the batch: a nonzero multiple of 16, at most 65 536.
    pub m: u32,
    /// Neurons of the first layer: a nonzero multiple of 16, at most 65 536.
    pub n: u32,
    /// Features: at least 16·r, at most 65 536.
    pub k: u32,
    /// Noise rank: a power of two, at least 2.
    pub r: u32,
}

impl Shape {
    /// Whether every dimension keeps its bounds. The other functions of this crate ask for a valid shape.
    pub fn is_valid(&self) -> bool {
        let tiled = |side: u32| side > 0 && side <= MAX_INNER && side.is_multiple_of(TILE as u32);
        tiled(self.m)
            && tiled(self.n)
            && self.k <= MAX_INNER
            && self.r >= 2
            && self.r.is_power_of_two()
            && self.r <= self.k / 16
    }

    /// Rows of tiles, m/16.
    pub fn tiles_m(&self) -> u32 {
        self.m / TILE as u32
    }

    /// Columns of tiles, n/16.
    pub fn tiles_n(&self) -> u32 {
        self.n / TILE as u32
    }

    /// Position of a tile in the order in which the allowance counts tiles, `I·(n/16) + J`.
    pub fn ordinal(&self, tile: (u32, u32)) -> u64 {
        u64::from(tile.0) * u64::from(self.tiles_n()) + u64::from(tile.1)
    }

    /// Multiply–accumulates behind one draw, `256·r·⌊k/r⌋` (below 2²⁵); 0 if the rank is 0.
    pub fn tile_macs(&self) -> u64 {
        let chunks = self.k.checked_div(self.r).unwrap_or(0);
        (TILE * TILE) as u64 * u64::from(self.r) * u64::from(chunks)
    }

    /// Multiply–accumulates of the plain product, m·k·n (at most 2⁴⁸ for a valid shape).
    pub fn product_macs(&self) -> u64 {
        (u64::from(self.m) * u64::from(self.k)).saturating_mul(u64::from(self.n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        m: 512,
        n: 1024,
        k: 784,
        r: 32,
    };

    #[test]
    fn a_draw_stands_for_the_columns_in_whole_chunks() {
        assert_eq!(SHAPE.tile_macs(), 256 * 768);
        assert_eq!(SHAPE.product_macs(), 512 * 1024 * 784);
        assert_eq!(Shape { r: 0, ..SHAPE }.tile_macs(), 0);
    }

    #[test]
    fn tiles_are_counted_row_by_row() {
        assert_eq!((SHAPE.tiles_m(), SHAPE.tiles_n()), (32, 64));
        assert_eq!(SHAPE.ordinal((2, 3)), 131);
    }

    #[test]
    fn bounds_are_kept() {
        assert!(SHAPE.is_valid());
        assert!(
            Shape {
                m: 65_536,
                n: 65_536,
                k: 65_536,
                r: 4096
            }
            .is_valid()
        );
        assert!(
            Shape {
                m: 16,
                n: 16,
                k: 32,
                r: 2
            }
            .is_valid()
        );
        for shape in [
            Shape { m: 0, ..SHAPE },
            Shape { m: 24, ..SHAPE },
            Shape { n: 65_552, ..SHAPE },
            Shape { k: 511, ..SHAPE },
            Shape { k: 65_537, ..SHAPE },
            Shape { r: 1, ..SHAPE },
            Shape { r: 48, ..SHAPE },
            Shape { r: 64, ..SHAPE },
        ] {
            assert!(!shape.is_valid(), "{shape:?}");
        }
    }
}
