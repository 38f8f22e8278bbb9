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

/// [`OFFSET`] in every byte.
const OFFSETS: u32 = u32::from_le_bytes([OFFSET; 4]);

/// Panels that are gathered from at once: they share the reading of P.
const PAIR: usize = 2;

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
    /// P's entries in these columns, row by row.
    entries: Vec<Entry>,
    /// For each row of P, the end of its entries.
    ends: Vec<usize>,
    /// For each row of P, the number of its -1 less that of its +1 in these columns.
    net: Vec<i32>,
}

/// An entry of P: +1 or -1.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// The group of its column, counted from the segment's first.
    group: u16,
    /// The column's place in its group, 4 more for a -1.
    unit: u16,
}

impl Segment {
    fn new(columns: &[Columns], groups: Range<usize>, rank: usize) -> Self {
        let columns = &columns[groups.clone()];
        let (mut ends, mut net) = (vec![0; rank], vec![0; rank]);
        for columns in columns {
            for (&plus, &minus) in columns.plus.iter().zip(&columns.minus) {
                ends[usize::from(plus)] += 1;
                ends[usize::from(minus)] += 1;
                net[usize::from(plus)] -= 1;
                net[usize::from(minus)] += 1;
            }
        }
        // Ends are starts until the entries move them on.
        let mut start = 0;
        for end in &mut ends {
            (start, *end) = (start + *end, start);
        }
        let mut entries = vec![Entry::default(); start];
        for (group, columns) in (0..).zip(columns) {
            let rows = columns.plus.iter().chain(&columns.minus);
            for (unit, &row) in (0..).zip(rows) {
                let end = &mut ends[usize::from(row)];
                entries[*end] = Entry { group, unit };
                *end += 1;
            }
        }
        Self {
            groups,
            entries,
            ends,
            net,
        }
    }

    /// The entries of every row of P.
    fn rows(&self) -> impl Iterator<Item = &[Entry]> {
        let mut rest = &self.entries[..];
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let (row, after) = rest.split_at(end - start);
            (rest, start) = (after, end);
            row
        })
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
        pool.chunks(&mut outputs, PAIR, |pair, outputs| {
            for (p, ((panel, _), _)) in (PAIR * pair..).zip(&mut *outputs) {
                pack_rows(isa, batch, p, OFFSET, panel);
            }
            let gathered = other.segments.len() * other.lines();
            gather(
                isa,
                other,
                false,
                outputs
                    .iter_mut()
                    .map(|((panel, factors), _)| (&**panel, &mut factors[..gathered])),
            );
            for (p, ((panel, factors), sums)) in (PAIR * pair..).zip(outputs) {
                let transposed = own.transposed(isa, p);
                for lines in factors[gathered..].chunks_mut(own.lines()) {
                    pair_up(isa, &transposed, false, lines);
                }
                add_noise(isa, panel, &own.columns, &transposed);
                let (drawn, rest) = panel.split_at(per_chunk * chunks);
                for (sums, chunk) in sums.iter_mut().zip(drawn.chunks(per_chunk).chain([rest])) {
                    *sums = offset_sums(isa, chunk);
                }
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
        pool.chunks(&mut outputs, PAIR, |pair, outputs| {
            let dense = other.segments.len() * own.lines();
            for (p, (panel, factors)) in (PAIR * pair..).zip(&mut *outputs) {
                let transposed = own.transposed(isa, p);
                for lines in factors[..dense].chunks_mut(own.lines()) {
                    pair_up(isa, &transposed, true, lines);
                }
                add_noise(isa, panel, &own.columns, &transposed);
            }
            gather(
                isa,
                other,
                true,
                outputs
                    .iter_mut()
                    .map(|(panel, factors)| (&**panel, &mut factors[dense..])),
            );
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

/// Adds `L[p] - L[q]` to every column of a packed panel, and the offset, or takes the one that it has off. Entries stay in [-127, 127].
fn add_noise(isa: Isa, panel: &mut [Line], columns: &[Columns], transposed: &[Line]) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found, and the rows of P are below r.
        Isa::Avx512Vnni => unsafe { avx512::add_noise(panel, columns, transposed) },
        _ => add_noise_portable(isa, panel, columns, transposed),
    }
}

per_isa! {
    fn add_noise_portable(panel: &mut [Line], columns: &[Columns], transposed: &[Line]) {
        for (line, columns) in panel.iter_mut().zip(columns) {
            let plus = select(&columns.plus, transposed);
            let minus = select(&columns.minus, transposed);
            for (byte, (plus, minus)) in line.0.iter_mut().zip(plus.0.iter().zip(&minus.0)) {
                *byte = byte.wrapping_add(*plus).wrapping_sub(*minus) ^ OFFSET;
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

/// `X·Pᵀ`, or its negation, for the P of `factors` and each of up to two panels X with offset, segment by segment, as
/// pairs of i16: the entry of a line that has a column's +1 gets the column, that with its -1 loses it.
fn gather<'a>(
    isa: Isa,
    factors: &Factors,
    negate: bool,
    mut sides: impl Iterator<Item = (&'a [Line], &'a mut [Line])>,
) {
    match (sides.next(), sides.next()) {
        (Some(one), Some(two)) => gather_panels(isa, factors, negate, [one, two]),
        (Some(one), None) => gather_panels(isa, factors, negate, [one]),
        _ => {}
    }
}

fn gather_panels<const N: usize>(
    isa: Isa,
    factors: &Factors,
    negate: bool,
    mut sides: [(&[Line], &mut [Line]); N],
) {
    for (i, segment) in factors.segments.iter().enumerate() {
        let sides = sides.each_mut().map(|(panel, lines)| {
            (
                &panel[segment.groups.clone()],
                &mut lines[i * factors.lines()..][..factors.lines()],
            )
        });
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
            Isa::Avx512Vnni => unsafe { avx512::gather(segment, negate, sides) },
            _ => {
                for (panel, lines) in sides {
                    gather_portable(isa, panel, segment, negate, lines);
                }
            }
        }
    }
}

per_isa! {
    fn gather_portable(panel: &[Line], segment: &Segment, negate: bool, lines: &mut [Line]) {
        let mut rows = segment.rows();
        for line in lines {
            if let (Some(low), Some(high)) = (rows.next(), rows.next()) {
                *line = paired(&row_sums(panel, low), &row_sums(panel, high), negate);
            }
        }
    }
}

/// The sums of the columns that a row of P adds and subtracts.
#[inline(always)]
fn row_sums(panel: &[Line], entries: &[Entry]) -> [i32; TILE] {
    let mut sums = [0_i32; TILE];
    for entry in entries {
        let words = panel[usize::from(entry.group)].words();
        let (shift, sign) = (
            24 - 8 * u32::from(entry.unit % 4),
            -i32::from(entry.unit >= 4),
        );
        for lane in 0..TILE {
            let value = ((words[lane] ^ OFFSETS) << shift) as i32 >> 24;
            sums[lane] = sums[lane].wrapping_add((value ^ sign).wrapping_sub(sign));
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{Columns, Entry, Line, OFFSET, Segment, TILE};

    /// Sums of a row's entries that add up side by side, to hide the latency of the multiplier.
    const CHAINS: usize = 4;

    /// The upper i16 of every lane.
    const HIGH: u32 = 0xAAAA_AAAA;

    /// 1, and from the fourth on -1, at one of the four bytes of every lane.
    static UNITS: [Line; 8] = {
        let mut units = [Line::ZERO; 8];
        let mut at = 0;
        while at < 8 * TILE {
            let (unit, lane) = (at / TILE, at % TILE);
            units[unit].0[4 * lane + unit % 4] = if unit < 4 { 1 } else { 0xFF };
            at += 1;
        }
        units
    };

    /// # Safety
    /// Every row in `columns` is one of `transposed`.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn add_noise(panel: &mut [Line], columns: &[Columns], transposed: &[Line]) {
        let offset = _mm512_set1_epi8(OFFSET as i8);
        for (line, columns) in panel.iter_mut().zip(columns) {
            // Two sums, each half as long a chain of additions.
            let (mut sum, mut noise) = (load(line), offset);
            for b in 0..4 {
                let mask = 0x1111_1111_1111_1111 << b;
                // SAFETY: the caller's promise.
                let [plus, minus] = [columns.plus[b], columns.minus[b]]
                    .map(|row| unsafe { transposed.get_unchecked(usize::from(row)) });
                sum = _mm512_mask_add_epi8(sum, mask, sum, load(plus));
                noise = _mm512_mask_sub_epi8(noise, mask, noise, load(minus));
            }
            // Modulo 256, adding the offset adds it or takes it off.
            store(line, _mm512_add_epi8(sum, noise));
        }
    }

    /// The upper byte of every i16 in a row of `transposed` is its lane's entry.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn pair_up(transposed: &[Line], negate: bool, lines: &mut [Line]) {
        for (line, rows) in lines.iter_mut().zip(transposed.as_chunks::<2>().0) {
            let widen = |row| _mm512_srai_epi16::<8>(load(row));
            let [low, high] = rows;
            let pairs = _mm512_mask_mov_epi16(widen(low), HIGH, widen(high));
            store(line, negated(pairs, negate));
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn negated(pairs: __m512i, negate: bool) -> __m512i {
        if negate {
            _mm512_sub_epi16(_mm512_setzero_si512(), pairs)
        } else {
            pairs
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn gather<const N: usize>(
        segment: &Segment,
        negate: bool,
        sides: [(&[Line], &mut [Line]); N],
    ) {
        let panels = sides.each_ref().map(|(panel, _)| *panel);
        for panel in panels {
            assert!(panel.len() == segment.groups.len(), "a segment's columns");
        }
        let mut rows = segment.rows().zip(&segment.net);
        let mut line = 0;
        while let (Some((low, low_net)), Some((high, high_net))) = (rows.next(), rows.next()) {
            // SAFETY: a segment's entries are within its groups, which the panels have.
            let [low, high] = unsafe {
                [
                    row_sums(panels, low, *low_net),
                    row_sums(panels, high, *high_net),
                ]
            };
            for side in 0..N {
                let pairs =
                    _mm512_mask_mov_epi16(low[side], HIGH, _mm512_slli_epi32::<16>(high[side]));
                store(&mut sides[side].1[line], negated(pairs, negate));
            }
            line += 1;
        }
    }

    /// A multiply–accumulate with ±1 at one of four bytes adds or subtracts that byte of every lane. It takes the bytes with their
    /// offset, 128, of which `net` takes off what does not cancel.
    ///
    /// # Safety
    /// Every entry's group is in every panel, and its unit is one of [`UNITS`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn row_sums<const N: usize>(
        panels: [&[Line]; N],
        entries: &[Entry],
        net: i32,
    ) -> [__m512i; N] {
        let mut sums = [[_mm512_setzero_si512(); N]; CHAINS];
        sums[0] = [_mm512_set1_epi32(net.wrapping_mul(OFFSET.into())); N];
        let (fours, rest) = entries.as_chunks::<CHAINS>();
        for entries in fours {
            for (sums, entry) in sums.iter_mut().zip(entries) {
                // SAFETY: the caller's promise.
                unsafe { add(sums, panels, entry) };
            }
        }
        for (sums, entry) in sums.iter_mut().zip(rest) {
            // SAFETY: the caller's promise.
            unsafe { add(sums, panels, entry) };
        }
        let [mut sum, b, c, d] = sums;
        for side in 0..N {
            let (ab, cd) = (
                _mm512_add_epi32(sum[side], b[side]),
                _mm512_add_epi32(c[side], d[side]),
            );
            sum[side] = _mm512_add_epi32(ab, cd);
        }
        sum
    }

    /// # Safety
    /// As for [`row_sums`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn add<const N: usize>(sums: &mut [__m512i; N], panels: [&[Line]; N], entry: &Entry) {
        // SAFETY: the caller's promise.
        let unit = load(unsafe { UNITS.get_unchecked(usize::from(entry.unit)) });
        for (sum, panel) in sums.iter_mut().zip(panels) {
            // SAFETY: the caller's promise.
            let line = load(unsafe { panel.get_unchecked(usize::from(entry.group)) });
            *sum = _mm512_dpbusd_epi32(*sum, line, unit);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(line: &Line) -> __m512i {
        // SAFETY: a line is 64 readable bytes, aligned to 64.
        unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(line: &mut Line, vector: __m512i) {
        // SAFETY: a line is 64 writable bytes, aligned to 64.
        unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), vector) };
    }
}

/// `L`, or its negation, as pairs of i16.
fn pair_up(isa: Isa, transposed: &[Line], negate: bool, lines: &mut [Line]) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
        Isa::Avx512Vnni => unsafe { avx512::pair_up(transposed, negate, lines) },
        _ => pair_up_portable(isa, transposed, negate, lines),
    }
}

per_isa! {
    fn pair_up_portable(transposed: &[Line], negate: bool, lines: &mut [Line]) {
        for (line, rows) in lines.iter_mut().zip(transposed.as_chunks::<2>().0) {
            let (low, high) = (rows[0].words(), rows[1].words());
            let mut entries = [[0; TILE]; 2];
            for lane in 0..TILE {
                entries[0][lane] = low[lane] as i32 >> 24;
                entries[1][lane] = high[lane] as i32 >> 24;
            }
            *line = paired(&entries[0], &entries[1], negate);
        }
    }
}

#[inline(always)]
fn paired(low: &[i32; TILE], high: &[i32; TILE], negate: bool) -> Line {
    let sign = -i32::from(negate);
    let mut words = [0; TILE];
    for lane in 0..TILE {
        let (low, high) = (
            (low[lane] ^ sign).wrapping_sub(sign),
            (high[lane] ^ sign).wrapping_sub(sign),
        );
        words[lane] = (low as u32 & 0xFFFF) | (high as u32) << 16;
    }
    Line::from_words(&words)
}
