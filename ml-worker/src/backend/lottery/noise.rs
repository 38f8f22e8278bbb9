//! Noising the packed operands, and the factors that peel the noise off again.
//!
//! With `A' = A + L_A·P_A` and `B' = B + (L_B·P_B)ᵀ`, `A·B = A'·B' - (A·P_Bᵀ)·L_Bᵀ - L_A·(P_A·B')`: one more product of
//! small inner dimension whose sides are `[A·P_Bᵀ, L_A]` and `[-L_B; -(P_A·B')ᵀ]`, in pairs of i16. A sum over
//! columns that would leave i16 is cut into segments of columns, each with its own r entries.

use std::ops::Range;

use quern_work::Noise;

use crate::backend::{
    Isa,
    isa::per_isa,
    matrix::{Line, OFFSET, Panels, Strips, TILE, offset_sums},
    pool::Pool,
};

/// Most columns of a segment that meet in one row of P: `258 · 127 = 32 766` fits i16, negated too.
const MOST_MEETING: u16 = 258;

/// The factors of one operand's noise.
pub(super) struct Factors {
    pairs: Vec<(u16, u16)>,
    /// L, lines × r.
    dense: Vec<i8>,
    /// Column ranges over which sums of P's columns fit i16.
    segments: Vec<Range<usize>>,
    rank: usize,
}

impl Factors {
    pub(super) fn new(noise: &Noise, lines: u32, rank: u32) -> Self {
        let pairs = noise.pairs().to_vec();
        let segments = segments(&pairs, rank as usize);
        Self { pairs, dense: noise.dense(0, lines), segments, rank: rank as usize }
    }

    /// Row c of the result: entry c of 16 lines of L from line 16·`panel` on, in all four bytes of each lane.
    fn transposed(&self, isa: Isa, panel: usize) -> Vec<[u32; TILE]> {
        let mut transposed = vec![[0; TILE]; self.rank];
        replicate(isa, &self.dense[panel * TILE * self.rank..][..TILE * self.rank], &mut transposed);
        transposed
    }
}

fn segments(pairs: &[(u16, u16)], rank: usize) -> Vec<Range<usize>> {
    let (mut segments, mut first, mut meeting) = (Vec::new(), 0, vec![0; rank]);
    for (column, &(p, q)) in pairs.iter().enumerate() {
        let (p, q) = (usize::from(p), usize::from(q));
        if meeting[p] == MOST_MEETING || meeting[q] == MOST_MEETING {
            segments.push(first..column);
            first = column;
            meeting.fill(0);
        }
        meeting[p] += 1;
        meeting[q] += 1;
    }
    segments.push(first..pairs.len());
    segments
}

/// One noised operand.
#[derive(Default)]
pub(super) struct Side {
    pub(super) noised: Panels,
    /// Left side only: negated offset sums per chunk, see [`Noised`](crate::backend::product::Noised).
    pub(super) sums: Vec<[i32; TILE]>,
    pub(super) factors: Panels,
}

impl Side {
    /// The left side: the rows of `batch`, with noise `own`, and the factors `[batch·P_otherᵀ, L_own]`.
    pub(super) fn noise_batch(
        &mut self,
        isa: Isa,
        pool: &Pool,
        batch: &Strips,
        own: &Factors,
        other: &Factors,
        chunks: usize,
    ) {
        self.noised.pack_rows(isa, pool, batch, 0);
        self.resize_factors(own, other);
        self.sums.resize(self.noised.panels() * (chunks + 1), [0; TILE]);
        let (groups, factor_lines) = (self.noised.groups(), self.factors.groups());
        let per_chunk = own.rank / 4;
        let panels = self.noised.lines_mut().chunks_mut(groups);
        let factors = self.factors.lines_mut().chunks_mut(factor_lines);
        let mut outputs: Vec<_> = panels.zip(factors).zip(self.sums.chunks_mut(chunks + 1)).collect();
        pool.each(&mut outputs, |p, ((panel, factors), sums)| {
            let (gathered, dense) = factors.split_at_mut(other.segments.len() * own.rank / 2);
            for (range, lines) in other.segments.iter().zip(gathered.chunks_mut(own.rank / 2)) {
                gather(isa, panel, range.clone(), &other.pairs, 1, lines);
            }
            let transposed = own.transposed(isa, p);
            for lines in dense.chunks_mut(own.rank / 2) {
                pair_up(isa, &transposed, 1, lines);
            }
            add_noise(isa, panel, &own.pairs, &transposed);
            let (drawn, rest) = panel.split_at(per_chunk * chunks);
            for (sums, chunk) in sums.iter_mut().zip(drawn.chunks(per_chunk).chain([rest])) {
                *sums = offset_sums(isa, chunk);
            }
        });
    }

    /// The right side: the columns of `operand`, with noise `own`, and the factors `[-L_own; -(P_other·operand')ᵀ]`.
    pub(super) fn noise_weights(&mut self, isa: Isa, pool: &Pool, operand: &Strips, own: &Factors, other: &Factors) {
        self.noised.pack_columns(isa, pool, operand, 0);
        self.resize_factors(own, other);
        let (groups, factor_lines) = (self.noised.groups(), self.factors.groups());
        let panels = self.noised.lines_mut().chunks_mut(groups);
        let mut outputs: Vec<_> = panels.zip(self.factors.lines_mut().chunks_mut(factor_lines)).collect();
        pool.each(&mut outputs, |p, (panel, factors)| {
            let (dense, gathered) = factors.split_at_mut(own.segments.len() * own.rank / 2);
            let transposed = own.transposed(isa, p);
            for lines in dense.chunks_mut(own.rank / 2) {
                pair_up(isa, &transposed, -1, lines);
            }
            add_noise(isa, panel, &own.pairs, &transposed);
            for (range, lines) in other.segments.iter().zip(gathered.chunks_mut(own.rank / 2)) {
                gather(isa, panel, range.clone(), &other.pairs, -1, lines);
            }
            flip(isa, panel);
        });
    }

    fn resize_factors(&mut self, own: &Factors, other: &Factors) {
        // Two i16 where four i8 would be.
        let inner = own.rank * (own.segments.len() + other.segments.len());
        self.factors.resize(TILE * self.noised.panels(), 2 * inner);
    }
}

per_isa! {
    /// Transposes 16 rows of r bytes, each byte repeated in its lane.
    fn replicate(dense: &[i8], transposed: &mut [[u32; TILE]]) {
        let rank = transposed.len();
        for (first, rows) in (0..rank).step_by(4).zip(transposed.as_chunks_mut::<4>().0) {
            let mut words = [0; TILE];
            for (word, line) in words.iter_mut().zip(dense.chunks_exact(rank)) {
                *word = u32::from_le_bytes([line[first] as u8, line[first + 1] as u8, line[first + 2] as u8, line[first + 3] as u8]);
            }
            for (byte, row) in (0..).zip(rows) {
                for lane in 0..TILE {
                    row[lane] = ((words[lane] >> (8 * byte)) & 0xFF).wrapping_mul(0x0101_0101);
                }
            }
        }
    }
}

per_isa! {
    /// Adds `L[p] - L[q]` to every column of a packed panel. Entries stay in [-127, 127].
    fn add_noise(panel: &mut [Line], pairs: &[(u16, u16)], transposed: &[[u32; TILE]]) {
        let (whole, rest) = pairs.as_chunks::<4>();
        let (lines, last) = panel.split_at_mut(whole.len());
        for (line, pairs) in lines.iter_mut().zip(whole) {
            add_group(line, pairs, transposed);
        }
        if let Some(line) = last.first_mut() {
            let mut padded = [(0, 0); 4];
            padded[..rest.len()].copy_from_slice(rest);
            add_group(line, &padded, transposed);
        }
    }
}

#[inline(always)]
fn add_group(line: &mut Line, pairs: &[(u16, u16); 4], transposed: &[[u32; TILE]]) {
    let row = |index: u16| &transposed[usize::from(index)];
    let plus = [row(pairs[0].0), row(pairs[1].0), row(pairs[2].0), row(pairs[3].0)];
    let minus = [row(pairs[0].1), row(pairs[1].1), row(pairs[2].1), row(pairs[3].1)];
    let (plus, minus) = (select(plus), select(minus));
    for (byte, (plus, minus)) in line.0.iter_mut().zip(plus.0.iter().zip(&minus.0)) {
        *byte = byte.wrapping_add(*plus).wrapping_sub(*minus);
    }
}

/// Byte b of each lane from row b.
#[inline(always)]
fn select(rows: [&[u32; TILE]; 4]) -> Line {
    let mut words = [0; TILE];
    for lane in 0..TILE {
        let low = (rows[0][lane] & 0xFF) | (rows[1][lane] & 0xFF00);
        words[lane] = low | (rows[2][lane] & 0xFF_0000) | (rows[3][lane] & 0xFF00_0000);
    }
    Line::from_words(&words)
}

/// `sign · X·Pᵀ` over the columns of `range`, as pairs of i16: entry p of a line gets its column, entry q loses it.
fn gather(isa: Isa, panel: &[Line], range: Range<usize>, pairs: &[(u16, u16)], sign: i32, lines: &mut [Line]) {
    let mut sums = vec![[0_i32; TILE]; 2 * lines.len()];
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
        Isa::Avx512Vnni => unsafe { avx512::gather(panel, range, pairs, &mut sums) },
        _ => gather_portable(isa, panel, range, pairs, &mut sums),
    }
    for (line, sums) in lines.iter_mut().zip(sums.as_chunks::<2>().0) {
        *line = paired(&sums[0], &sums[1], sign);
    }
}

per_isa! {
    fn gather_portable(panel: &[Line], range: std::ops::Range<usize>, pairs: &[(u16, u16)], sums: &mut [[i32; TILE]]) {
        for column in range {
            let (p, q) = (usize::from(pairs[column].0), usize::from(pairs[column].1));
            let shift = 24 - 8 * (column as u32 % 4);
            let mut values = [0; TILE];
            for (value, word) in values.iter_mut().zip(panel[column / 4].words()) {
                *value = (word << shift) as i32 >> 24;
            }
            for (sum, value) in sums[p].iter_mut().zip(&values) {
                *sum = sum.wrapping_add(*value);
            }
            for (sum, value) in sums[q].iter_mut().zip(&values) {
                *sum = sum.wrapping_sub(*value);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::{arch::x86_64::*, ops::Range};

    use super::{Line, OFFSET, TILE};

    /// A multiply–accumulate with ±1 at one of four bytes adds or subtracts that byte of every lane. It takes the bytes with
    /// their offset, which the sums start without.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn gather(panel: &[Line], range: Range<usize>, pairs: &[(u16, u16)], sums: &mut [[i32; TILE]]) {
        let offset = _mm512_set1_epi8(OFFSET as i8);
        let mut net = vec![0_i32; sums.len()];
        for &(p, q) in &pairs[range.clone()] {
            net[usize::from(p)] += 1;
            net[usize::from(q)] -= 1;
        }
        for (sums, net) in sums.iter_mut().zip(net) {
            *sums = [-i32::from(OFFSET) * net; TILE];
        }
        for column in range {
            let (p, q) = pairs[column];
            let byte = 8 * (column as u32 % 4);
            // SAFETY: a line and a row of sums are 64 readable and writable bytes.
            unsafe {
                let line = _mm512_xor_si512(_mm512_load_si512(panel[column / 4].0.as_ptr().cast()), offset);
                let row = sums[usize::from(p)].as_mut_ptr().cast::<__m512i>();
                let plus = _mm512_set1_epi32(1 << byte);
                _mm512_storeu_si512(row, _mm512_dpbusd_epi32(_mm512_loadu_si512(row), line, plus));
                let row = sums[usize::from(q)].as_mut_ptr().cast::<__m512i>();
                let minus = _mm512_set1_epi32(0xFF << byte);
                _mm512_storeu_si512(row, _mm512_dpbusd_epi32(_mm512_loadu_si512(row), line, minus));
            }
        }
    }
}

per_isa! {
    /// `sign · L` as pairs of i16.
    fn pair_up(transposed: &[[u32; TILE]], sign: i32, lines: &mut [Line]) {
        for (line, rows) in lines.iter_mut().zip(transposed.as_chunks::<2>().0) {
            let mut entries = [[0; TILE]; 2];
            for (entries, row) in entries.iter_mut().zip(rows) {
                for lane in 0..TILE {
                    entries[lane] = row[lane] as i32 >> 24;
                }
            }
            *line = paired(&entries[0], &entries[1], sign);
        }
    }
}

#[inline(always)]
fn paired(low: &[i32; TILE], high: &[i32; TILE], sign: i32) -> Line {
    let mut words = [0; TILE];
    for lane in 0..TILE {
        let (low, high) = (low[lane].wrapping_mul(sign), high[lane].wrapping_mul(sign));
        words[lane] = (low as u32 & 0xFFFF) | (high as u32) << 16;
    }
    Line::from_words(&words)
}

per_isa! {
    /// Adds the right side's offset.
    fn flip(panel: &mut [Line]) {
        for line in panel {
            for byte in &mut line.0 {
                *byte ^= OFFSET;
            }
        }
    }
}
