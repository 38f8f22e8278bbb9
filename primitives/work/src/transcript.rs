//! The fold of a tile's running sums.

use alloc::vec::Vec;

use crate::TILE;

/// Words of a transcript.
pub const WORDS: usize = 16;

/// Sixteen words folded from the running sums of a noised tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript(pub [u32; WORDS]);

impl Transcript {
    /// Transcript of the tile `a · btᵀ`, where `a` and `bt` are 16 noised lines of `k` each, row-major.
    ///
    /// After every `r` columns the XOR of the 256 running sums goes into word `chunk mod 16` (rotated left by 13 first).
    /// The `k mod r` columns left over do not count. Entries are in [-127, 127] (any i8 will do: with k ≤ 65 536
    /// a sum stays within 2³⁰, and sums are taken modulo 2³² in any case).
    ///
    /// # Panics
    /// If `r` is 0 or an operand does not have 16·k entries.
    pub fn of_tile(a: &[i8], bt: &[i8], k: usize, r: usize) -> Self {
        assert!(
            a.len() == TILE * k && bt.len() == TILE * k,
            "a tile has 16 lines of {k} on both sides"
        );
        // Sixteen-bit operands let the compiler use multiply-add instructions.
        let a: Vec<i16> = a.iter().map(|&x| x.into()).collect();
        let bt: Vec<i16> = bt.iter().map(|&x| x.into()).collect();
        let mut sums = [0_i32; TILE * TILE];
        let mut transcript = Self::default();
        for chunk in 0..k / r {
            let columns = chunk * r..(chunk + 1) * r;
            for (a_line, sums) in a.chunks_exact(k).zip(sums.chunks_exact_mut(TILE)) {
                let a_line = &a_line[columns.clone()];
                for (b_line, sum) in bt.chunks_exact(k).zip(sums) {
                    *sum = sum.wrapping_add(dot(a_line, &b_line[columns.clone()]));
                }
            }
            transcript.fold(chunk, sums.iter().fold(0, |xor, &sum| xor ^ sum as u32));
        }
        transcript
    }

    /// Folds `xor`, the XOR of all running sums after chunk `chunk`.
    pub fn fold(&mut self, chunk: usize, xor: u32) {
        let word = &mut self.0[chunk % WORDS];
        *word = word.rotate_left(13) ^ xor;
    }

    /// The words, little-endian.
    pub fn to_bytes(&self) -> [u8; 4 * WORDS] {
        let mut bytes = [0; 4 * WORDS];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// Sum of products of 8-bit entries; exact for at most 65 536 of them, `128²·65 536 = 2³⁰`.
fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).fold(0, |sum: i32, (&a, &b)| {
        sum.wrapping_add(i32::from(a).wrapping_mul(b.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::{collection::vec, prelude::*};

    /// The definition: one multiplication after the other, folded after every r columns.
    fn by_definition(a: &[i8], bt: &[i8], k: usize, r: usize) -> Transcript {
        let mut sums = [[0_i64; TILE]; TILE];
        let mut transcript = Transcript::default();
        for l in 0..k / r * r {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum += i64::from(a[i * k + l]) * i64::from(bt[j * k + l]);
                }
            }
            if (l + 1) % r == 0 {
                transcript.fold(
                    l / r,
                    sums.iter().flatten().fold(0, |xor, &sum| xor ^ sum as u32),
                );
            }
        }
        transcript
    }

    proptest! {
        #[test]
        fn it_folds_the_running_sums_after_every_r_columns(
            log_r in 0..6, k in 64_usize..200, entries in vec(-127_i8..=127, 2 * TILE * 200),
        ) {
            let (a, bt) = (&entries[..TILE * k], &entries[TILE * 200..][..TILE * k]);
            let r = 1_usize << log_r;
            prop_assert_eq!(Transcript::of_tile(a, bt, k, r), by_definition(a, bt, k, r));
        }
    }

    /// Equal lines would cancel in the XOR: the first line alone is not 0.
    fn first_line(value: i8, k: usize) -> Vec<i8> {
        let mut lines = vec![0; TILE * k];
        lines[..k].fill(value);
        lines
    }

    #[test]
    fn the_longest_sums_are_exact() {
        let (k, r) = (65_536, 4096);
        for (a, bt) in [(127, 127), (-127, 127)] {
            let (a, bt) = (first_line(a, k), first_line(bt, k));
            let transcript = Transcript::of_tile(&a, &bt, k, r);
            assert_ne!(transcript, Transcript::default());
            assert_eq!(transcript, by_definition(&a, &bt, k, r));
        }
    }

    #[test]
    fn columns_left_over_do_not_count() {
        let (mut a, bt) = (first_line(3, 33), first_line(5, 33));
        let before = Transcript::of_tile(&a, &bt, 33, 2);
        a[32] = 7;
        assert_eq!(Transcript::of_tile(&a, &bt, 33, 2), before);
        a[31] = 7;
        assert_ne!(Transcript::of_tile(&a, &bt, 33, 2), before);
    }
}
