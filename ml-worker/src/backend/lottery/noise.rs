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
    matrix::{Line, OFFSET, Panels, Strips, TILE, offset_sums, pack_rows},
    pool::Pool,
};

/// Most columns of a segment that meet in one row of P: `258 · 127 = 32 766` fits i16, negated too.
const MOST_MEETING: u32 = 258;

/// Rows of P with a +1 and with a -1 in four neighbouring columns. Columns beyond the last have both in row 0: no noise.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    plus: [u16; 4],
    minus: [u16; 4],
}

/// The factors of one operand's noise.
pub(super) struct Factors {
    /// P, by groups of four columns.
    columns: Vec<Columns>,
    /// L, lines × r.
    dense: Vec<i8>,
    /// Runs of groups over which sums of P's columns fit i16.
    segments: Vec<Segment>,
    rank: usize,
}

/// A run of groups of columns.
struct Segment {
    groups: Range<usize>,
    /// For each row of P, the number of its -1 less that of its +1 in these columns.
    net: Vec<i32>,
}

impl Segment {
    fn new(columns: &[Columns], groups: Range<usize>, rank: usize) -> Self {
        let mut net = vec![0; rank];
        for columns in &columns[groups.clone()] {
            columns
                .plus
                .iter()
                .for_each(|&row| net[usize::from(row)] -= 1);
            columns
                .minus
                .iter()
                .for_each(|&row| net[usize::from(row)] += 1);
        }
        Self { groups, net }
    }
}

impl Factors {
    pub(super) fn new(noise: &Noise, lines: u32, rank: u32) -> Self {
        let group = |pairs: &[(u16, u16)]| {
            let mut columns = Columns::default();
            for (i, &(p, q)) in pairs.iter().enumerate() {
                (columns.plus[i], columns.minus[i]) = (p, q);
            }
            columns
        };
        let columns: Vec<_> = noise.pairs().chunks(4).map(group).collect();
        let segments = segments(&columns, rank as usize);
        Self {
            columns,
            dense: noise.dense(0, lines),
            segments,
            rank: rank as usize,
        }
    }

    /// Row c of the result: entry c of 16 lines of L from line 16·`panel` on, in all four bytes of each lane.
    fn transposed(&self, isa: Isa, panel: usize) -> Vec<Line> {
        let mut transposed = vec![Line::ZERO; self.rank];
        replicate(
            isa,
            &self.dense[panel * TILE * self.rank..][..TILE * self.rank],
            &mut transposed,
        );
        transposed
    }

    /// Lines of pairs that one segment takes.
    fn lines(&self) -> usize {
        self.rank / 2
    }
}

fn segments(columns: &[Columns], rank: usize) -> Vec<Segment> {
    let (mut segments, mut first, mut meeting) = (Vec::new(), 0, vec![0; rank]);
    for (group, now) in columns.iter().enumerate() {
        let rows = || {
            now.plus
                .iter()
                .chain(&now.minus)
                .map(|&row| usize::from(row))
        };
        // A group adds at most four to a row.
        if rows().any(|row| meeting[row] > MOST_MEETING - 4) {
            segments.push(Segment::new(columns, first..group, rank));
            first = group;
            meeting.fill(0);
        }
        rows().for_each(|row| meeting[row] += 1);
    }
    segments.push(Segment::new(columns, first..columns.len(), rank));
    segments
}

/// The left side of a noised product.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) noised: Panels,
    /// Negated offset sums per chunk, see [`Noised`](crate::backend::product::Noised).
    pub(super) sums: Vec<[i32; TILE]>,
    /// `[batch·P_otherᵀ, L_own]`.
    pub(super) factors: Panels,
}

impl Batch {
    /// Packs the rows of `batch` and adds the noise `own`.
    pub(super) fn noise(
        &mut self,
        isa: Isa,
        pool: &Pool,
        batch: &Strips,
        own: &Factors,
        other: &Factors,
        chunks: usize,
    ) {
        self.noised.resize(TILE * batch.height(), batch.cols());
        resize(&mut self.factors, self.noised.panels(), own, other);
        self.sums
            .resize(self.noised.panels() * (chunks + 1), [0; TILE]);
        let (groups, factor_lines) = (self.noised.groups(), self.factors.groups());
        let per_chunk = own.rank / 4;
        let panels = self.noised.lines_mut().chunks_mut(groups);
        let factors = self.factors.lines_mut().chunks_mut(factor_lines);
        let mut outputs: Vec<_> = panels
            .zip(factors)
            .zip(self.sums.chunks_mut(chunks + 1))
            .collect();
        pool.each(&mut outputs, |p, ((panel, factors), sums)| {
            pack_rows(isa, batch, p, 0, panel);
            let (gathered, dense) = factors.split_at_mut(other.segments.len() * other.lines());
            gather(isa, panel, 0, other, 1, gathered);
            let transposed = own.transposed(isa, p);
            for lines in dense.chunks_mut(own.lines()) {
                pair_up(isa, &transposed, 1, lines);
            }
            add_noise(isa, panel, &own.columns, &transposed, 0);
            let (drawn, rest) = panel.split_at(per_chunk * chunks);
            for (sums, chunk) in sums.iter_mut().zip(drawn.chunks(per_chunk).chain([rest])) {
                *sums = offset_sums(isa, chunk);
            }
        });
    }
}

/// What belongs to the right side of a noised product beside its panels.
#[derive(Default)]
pub(super) struct Weights {
    /// `[-L_own; -(P_other·weights')ᵀ]`.
    pub(super) factors: Panels,
}

impl Weights {
    /// Adds the noise `own` and the offset to the packed columns of the weights.
    pub(super) fn noise(
        &mut self,
        isa: Isa,
        pool: &Pool,
        weights: &mut Panels,
        own: &Factors,
        other: &Factors,
    ) {
        resize(&mut self.factors, weights.panels(), own, other);
        let (groups, factor_lines) = (weights.groups(), self.factors.groups());
        let panels = weights.lines_mut().chunks_mut(groups);
        let mut outputs: Vec<_> = panels
            .zip(self.factors.lines_mut().chunks_mut(factor_lines))
            .collect();
        pool.each(&mut outputs, |p, (panel, factors)| {
            let (dense, gathered) = factors.split_at_mut(other.segments.len() * own.lines());
            let transposed = own.transposed(isa, p);
            for lines in dense.chunks_mut(own.lines()) {
                pair_up(isa, &transposed, -1, lines);
            }
            add_noise(isa, panel, &own.columns, &transposed, OFFSET);
            gather(isa, panel, OFFSET, other, -1, gathered);
        });
    }
}

fn resize(factors: &mut Panels, panels: usize, own: &Factors, other: &Factors) {
    // Two i16 where four i8 would be.
    let inner = own.rank * (own.segments.len() + other.segments.len());
    factors.resize(TILE * panels, 2 * inner);
}

per_isa! {
    /// Transposes 16 rows of r bytes, each byte repeated in its lane.
    fn replicate(dense: &[i8], transposed: &mut [Line]) {
        let rank = transposed.len();
        for (first, rows) in (0..rank).step_by(4).zip(transposed.as_chunks_mut::<4>().0) {
            let mut words = [0; TILE];
            for (word, line) in words.iter_mut().zip(dense.chunks_exact(rank)) {
                let bytes = [line[first] as u8, line[first + 1] as u8, line[first + 2] as u8, line[first + 3] as u8];
                *word = u32::from_le_bytes(bytes);
            }
            for (byte, row) in (0..).zip(rows) {
                let mut repeated = [0_u32; TILE];
                for lane in 0..TILE {
                    repeated[lane] = ((words[lane] >> (8 * byte)) & 0xFF).wrapping_mul(0x0101_0101);
                }
                *row = Line::from_words(&repeated);
            }
        }
    }
}

per_isa! {
    /// Adds `L[p] - L[q]` to every column of a packed panel, and XORs every byte with `flip`. Entries stay in [-127, 127].
    fn add_noise(panel: &mut [Line], columns: &[Columns], transposed: &[Line], flip: u8) {
        for (line, columns) in panel.iter_mut().zip(columns) {
            let plus = select(&columns.plus, transposed);
            let minus = select(&columns.minus, transposed);
            for (byte, (plus, minus)) in line.0.iter_mut().zip(plus.0.iter().zip(&minus.0)) {
                *byte = byte.wrapping_add(*plus).wrapping_sub(*minus) ^ flip;
            }
        }
    }
}

/// Byte b of each lane from row `rows[b]`.
#[inline(always)]
fn select(rows: &[u16; 4], transposed: &[Line]) -> Line {
    let row = |b: usize| transposed[usize::from(rows[b])].words();
    let (a, b, c, d) = (row(0), row(1), row(2), row(3));
    let mut words = [0; TILE];
    for lane in 0..TILE {
        words[lane] =
            (a[lane] & 0xFF) | (b[lane] & 0xFF00) | (c[lane] & 0xFF_0000) | (d[lane] & 0xFF00_0000);
    }
    Line::from_words(&words)
}

/// `sign · X·Pᵀ` for the P of `factors`, segment by segment, as pairs of i16: the entry of a line that has a column's +1 gets the
/// column, that with its -1 loses it. The bytes of `panel` come XORed with `flip`.
fn gather(isa: Isa, panel: &[Line], flip: u8, factors: &Factors, sign: i32, lines: &mut [Line]) {
    let mut sums = vec![Sums([0; TILE]); factors.rank];
    for (segment, lines) in factors
        .segments
        .iter()
        .zip(lines.chunks_mut(factors.lines()))
    {
        let (panel, columns) = (
            &panel[segment.groups.clone()],
            &factors.columns[segment.groups.clone()],
        );
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found, and the rows of P are below r.
            Isa::Avx512Vnni => unsafe {
                avx512::gather(panel, flip, columns, &segment.net, &mut sums)
            },
            _ => gather_portable(isa, panel, flip, columns, &mut sums),
        }
        for (line, sums) in lines.iter_mut().zip(sums.as_chunks::<2>().0) {
            *line = paired(&sums[0].0, &sums[1].0, sign);
        }
    }
}

/// One sum for each line of a panel.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Sums([i32; TILE]);

per_isa! {
    fn gather_portable(panel: &[Line], flip: u8, columns: &[Columns], sums: &mut [Sums]) {
        let flip = u32::from_le_bytes([flip; 4]);
        sums.fill(Sums([0; TILE]));
        for (line, columns) in panel.iter().zip(columns) {
            let words = line.words();
            for b in 0..4 {
                let mut values = [0; TILE];
                for lane in 0..TILE {
                    values[lane] = ((words[lane] ^ flip) << (24 - 8 * b)) as i32 >> 24;
                }
                for (sum, value) in sums[usize::from(columns.plus[b])].0.iter_mut().zip(&values) {
                    *sum = sum.wrapping_add(*value);
                }
                for (sum, value) in sums[usize::from(columns.minus[b])].0.iter_mut().zip(&values) {
                    *sum = sum.wrapping_sub(*value);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{Columns, Line, OFFSET, Sums, TILE};

    /// A multiply–accumulate with ±1 at one of four bytes adds or subtracts that byte of every lane. It takes the bytes with
    /// their offset, 128, of which `net` takes off what does not cancel.
    ///
    /// # Safety
    /// Every row in `columns` is one of `sums`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) unsafe fn gather(
        panel: &[Line],
        flip: u8,
        columns: &[Columns],
        net: &[i32],
        sums: &mut [Sums],
    ) {
        let flip = _mm512_set1_epi8((flip ^ OFFSET) as i8);
        for (sums, net) in sums.iter_mut().zip(net) {
            *sums = Sums([net * i32::from(OFFSET); TILE]);
        }
        let mut plus = [_mm512_setzero_si512(); 4];
        let mut minus = plus;
        for b in 0..4 {
            plus[b] = _mm512_set1_epi32(1 << (8 * b));
            minus[b] = _mm512_set1_epi32(0xFF << (8 * b));
        }
        let rows: *mut __m512i = sums.as_mut_ptr().cast();
        for (line, columns) in panel.iter().zip(columns) {
            // SAFETY: a line is 64 readable bytes, aligned to 64; so are sums, by the caller's promise.
            unsafe {
                let line = _mm512_xor_si512(_mm512_load_si512(line.0.as_ptr().cast()), flip);
                for b in 0..4 {
                    let row = rows.add(usize::from(columns.plus[b]));
                    _mm512_store_si512(
                        row,
                        _mm512_dpbusd_epi32(_mm512_load_si512(row), line, plus[b]),
                    );
                    let row = rows.add(usize::from(columns.minus[b]));
                    _mm512_store_si512(
                        row,
                        _mm512_dpbusd_epi32(_mm512_load_si512(row), line, minus[b]),
                    );
                }
            }
        }
    }
}

per_isa! {
    /// `sign · L` as pairs of i16.
    fn pair_up(transposed: &[Line], sign: i32, lines: &mut [Line]) {
        for (line, rows) in lines.iter_mut().zip(transposed.as_chunks::<2>().0) {
            let (low, high) = (rows[0].words(), rows[1].words());
            let mut entries = [[0; TILE]; 2];
            for lane in 0..TILE {
                entries[0][lane] = low[lane] as i32 >> 24;
                entries[1][lane] = high[lane] as i32 >> 24;
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
