//! Low-rank noise `E = L·P`.
//!
//! L is dense (lines × r), with entries in [-32, 31]. Every column l of P (r × k) has one +1 at row p and one -1 at
//! row q ≠ p, so `E[i][l] = L[i][p] - L[i][q]` lies in [-63, 63]: an operand in [-64, 63] plus its noise stays in
//! [-127, 126]. L comes from a seekable stream, so a verifier makes only the lines of one tile.

use alloc::{vec, vec::Vec};

use crate::{Hash, MAX_INNER, hash::xof};

/// The noise of one operand.
#[derive(Clone, Debug)]
pub struct Noise {
    pairs: Vec<(u16, u16)>,
    dense: blake3::OutputReader,
    rank: u32,
}

impl Noise {
    /// Noise for lines of `k` entries with rank `r`.
    ///
    /// # Panics
    /// Unless `r` is a power of two in `[2, 65 536]` and `k ≤ 65 536`, as in a valid [`Shape`](crate::Shape).
    pub fn new(seed: &Hash, k: u32, r: u32) -> Self {
        assert!(
            r.is_power_of_two() && (2..=MAX_INNER).contains(&r) && k <= MAX_INNER,
            "noise of rank {r} for {k}"
        );
        let mut words = vec![0; 4 * k as usize];
        xof(seed, b"sparse").fill(&mut words);
        let pairs = words
            .as_chunks()
            .0
            .iter()
            .map(|&word| {
                let u = u32::from_le_bytes(word);
                let p = u & (r - 1);
                // p ^ d with d in [1, r-1]: never p itself, and below r because r is a power of two.
                let q = p ^ (1 + ((u64::from(r - 1) * u64::from(u)) >> 32) as u32);
                (p as u16, q as u16)
            })
            .collect();
        Self {
            pairs,
            dense: xof(seed, b"dense"),
            rank: r,
        }
    }

    /// `(p, q)` of each of the k columns of P: rows of the +1 and of the -1, both below r.
    pub fn pairs(&self) -> &[(u16, u16)] {
        &self.pairs
    }

    /// Lines `[first, first + count)` of L, row-major `count × r`, entries in [-32, 31].
    pub fn dense(&self, first: u32, count: u32) -> Vec<i8> {
        let mut bytes = vec![0; count as usize * self.rank as usize];
        let mut stream = self.dense.clone();
        stream.set_position(u64::from(first) * u64::from(self.rank));
        stream.fill(&mut bytes);
        bytes
            .into_iter()
            .map(|byte| (byte & 63) as i8 - 32)
            .collect()
    }

    /// Adds lines `[first, first + count)` of E to `operand`, row-major `count × k` with entries in [-64, 63].
    ///
    /// # Panics
    /// If the length of `operand` is not a multiple of k. Entries out of range wrap.
    pub fn add_to(&self, first: u32, operand: &mut [i8]) {
        let (k, r) = (self.pairs.len(), self.rank as usize);
        assert!(
            operand.len().is_multiple_of(k),
            "operand lines have {k} entries"
        );
        let dense = self.dense(first, (operand.len() / k) as u32);
        for (line, dense) in operand.chunks_exact_mut(k).zip(dense.chunks_exact(r)) {
            for (value, &(p, q)) in line.iter_mut().zip(&self.pairs) {
                // |L[p] - L[q]| ≤ 63: exact in i8.
                *value = value.wrapping_add(dense[p as usize].wrapping_sub(dense[q as usize]));
            }
        }
    }

    /// Line `row` of E, entries in [-63, 63].
    ///
    /// # Panics
    /// Unless `out` has k entries.
    pub fn line(&self, row: u32, out: &mut [i8]) {
        assert_eq!(out.len(), self.pairs.len(), "a noise line has k entries");
        out.fill(0);
        self.add_to(row, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_is_the_product_of_its_factors(seed: Hash, log_r in 1_u32..8, extra in 0_u32..100, row in 0_u32..100_000) {
            let (r, k) = (1 << log_r, 16 * (1 << log_r) + extra);
            let noise = Noise::new(&seed, k, r);
            let mut line = vec![0; k as usize];
            noise.line(row, &mut line);
            let dense = noise.dense(row, 1);
            prop_assert!(dense.iter().all(|entry| (-32..=31).contains(entry)));
            for (&entry, &(p, q)) in line.iter().zip(noise.pairs()) {
                prop_assert!(p != q && u32::from(p) < r && u32::from(q) < r);
                prop_assert_eq!(entry, dense[p as usize] - dense[q as usize]);
            }
        }

        #[test]
        fn lines_can_be_made_alone_or_together(seed: Hash, first in 0_u32..5000) {
            let noise = Noise::new(&seed, 40, 2);
            let mut lines = [[0; 40]; 3];
            (first..).zip(&mut lines).for_each(|(row, line)| noise.line(row, line));
            let mut together = [0; 120];
            noise.add_to(first, &mut together);
            prop_assert_eq!(lines.concat(), together);
        }

        #[test]
        fn extreme_operands_stay_within_eight_bits(seed: Hash) {
            let noise = Noise::new(&seed, 64, 4);
            for value in [crate::OPERAND_MIN, crate::OPERAND_MAX] {
                let (mut line, mut noised) = ([0; 64], [value; 64]);
                noise.line(0, &mut line);
                noise.add_to(0, &mut noised);
                for (noised, line) in noised.into_iter().zip(line) {
                    prop_assert_eq!(i16::from(noised), i16::from(value) + i16::from(line));
                    prop_assert!(noised >= -127);
                }
            }
        }
    }
}
