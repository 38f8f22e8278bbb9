//! BLAKE3 of 16 messages at once with AVX-512: a vector holds the same word of each of them.
//!
//! Unlike BLAKE3's own lanes it takes messages as a transposition of panels leaves them, which need not be written out one by one,
//! and ends of messages that are no whole blocks.

// Loops count states and words: registers cannot be iterated over.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use quern_work::Hash;

use super::hashing::{
    BLOCK, CHUNK, CHUNK_END, CHUNK_START, DERIVE_KEY, KEYED, LANES, PARENT, ROOT,
};
use crate::backend::{
    matrix::{Line, avx512::transpose},
    product::Words,
};

/// Words of a block and of a chunk.
const WORDS: usize = BLOCK / 4;
const CHUNK_WORDS: usize = CHUNK / 4;

const IV: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];

/// Which words of the block each round takes.
const SCHEDULE: [[usize; WORDS]; 7] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8],
    [3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1],
    [10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6],
    [12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4],
    [9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7],
    [11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13],
];

/// Chaining values of all lanes.
type Values = [__m512i; 8];

/// The Merkle leaf hashes, under their context's `key`, of 16 neuron blocks: index `first + j`, then the rows that are the lines of
/// `panels[j]`, of 4 entries per group. `message` is room for the messages.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn leaves(
    key: &[u32; 8],
    first: u64,
    panels: [&[Line]; LANES],
    message: &mut Vec<Line>,
) -> [Hash; LANES] {
    let groups = panels[0].len();
    let words = 2 + LANES * groups;
    let padded = words.next_multiple_of(WORDS);
    message.resize(message.len().max(padded), Line::ZERO);
    let message = &mut message[..padded];
    let indices: [u64; LANES] = std::array::from_fn(|lane| first + lane as u64);
    message[0] = Line::from_words(&indices.map(|index| index as u32));
    message[1] = Line::from_words(&indices.map(|index| (index >> 32) as u32));
    for group in 0..groups {
        let mut rows = [_mm512_setzero_si512(); LANES];
        for (vector, panel) in rows.iter_mut().zip(panels) {
            *vector = load(&panel[group]);
        }
        for (row, vector) in transpose(rows).into_iter().enumerate() {
            store(&mut message[2 + row * groups + group], vector);
        }
    }
    message[words..].fill(Line::ZERO);

    let mut count = words.div_ceil(CHUNK_WORDS);
    // The chaining values of one level of the tree after the other, eight lines each.
    let mut level = vec![Line::ZERO; 8 * count];
    let values = level.as_chunks_mut().0;
    let chunk = |i: usize| &message[i * CHUNK_WORDS..];
    let pairs = words / CHUNK_WORDS / 2;
    for i in (0..2 * pairs).step_by(2) {
        let pair = hash_chunks(key, i as u64, [chunk(i), chunk(i + 1)], CHUNK);
        [values[i], values[i + 1]] = [lines(pair[0]), lines(pair[1])];
    }
    for i in 2 * pairs..count {
        let len = (4 * words - i * CHUNK).min(CHUNK);
        let [value] = hash_chunks(key, i as u64, [chunk(i)], len);
        values[i] = lines(value);
    }
    // Neighbours merge and a last odd one moves up.
    while count > 1 {
        let root = if count == 2 { ROOT } else { 0 };
        for i in 0..count / 2 {
            let mut value = [splat(key)];
            let parent = Block {
                words: &level.as_chunks().0[i],
                counter: 0,
                len: BLOCK,
                flags: DERIVE_KEY | PARENT | root,
            };
            compress(&mut value, [parent]);
            level.as_chunks_mut().0[i] = lines(value[0]);
        }
        if count % 2 == 1 {
            level.copy_within(8 * (count - 1)..8 * count, 8 * (count / 2));
        }
        count = count.div_ceil(2);
    }
    let mut hashes = [Hash::default(); LANES];
    for (word, line) in level[..8].iter().enumerate() {
        for (hash, bytes) in hashes.iter_mut().zip(line.0.as_chunks::<4>().0) {
            hash[4 * word..][..4].copy_from_slice(bytes);
        }
    }
    hashes
}

/// The last and most significant words of the draws of 16 transcripts under a job's draw key.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn last_words(key: &[u32; 8], transcripts: &[Words; LANES]) -> [u32; LANES] {
    let mut rows = [_mm512_setzero_si512(); LANES];
    for (vector, words) in rows.iter_mut().zip(transcripts) {
        // SAFETY: a transcript is 64 readable bytes.
        *vector = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    }
    let mut block = [Line::ZERO; WORDS];
    for (line, vector) in block.iter_mut().zip(transpose(rows)) {
        store(line, vector);
    }
    let block = Block {
        words: &block,
        counter: 0,
        len: BLOCK,
        flags: KEYED | CHUNK_START | CHUNK_END | ROOT,
    };
    let mut values = [splat(key)];
    compress(&mut values, [block]);
    let mut line = Line::ZERO;
    store(&mut line, values[0][7]);
    line.words()
}

/// The chaining values of N neighbouring chunks of `len` bytes each, which lead their slices; the first is chunk `counter`.
#[inline]
#[target_feature(enable = "avx512f")]
fn hash_chunks<const N: usize>(
    key: &[u32; 8],
    counter: u64,
    chunks: [&[Line]; N],
    len: usize,
) -> [Values; N] {
    let mut values = [splat(key); N];
    let blocks = len.div_ceil(BLOCK);
    for at in 0..blocks {
        let start = if at == 0 { CHUNK_START } else { 0 };
        let end = if at == blocks - 1 { CHUNK_END } else { 0 };
        let mut block = [Block {
            words: &chunks[0].as_chunks().0[at],
            counter,
            len: (len - at * BLOCK).min(BLOCK),
            flags: DERIVE_KEY | start | end,
        }; N];
        for n in 1..N {
            block[n].words = &chunks[n].as_chunks().0[at];
            block[n].counter = counter + n as u64;
        }
        compress(&mut values, block);
    }
    values
}

/// A block to compress, and what goes into the compression beside it.
#[derive(Clone, Copy)]
struct Block<'a> {
    words: &'a [Line; WORDS],
    counter: u64,
    len: usize,
    flags: u8,
}

/// Compresses a block into each of N chaining values; two side by side hide each other's latency.
#[inline]
#[target_feature(enable = "avx512f")]
fn compress<const N: usize>(values: &mut [Values; N], blocks: [Block<'_>; N]) {
    let all = |word: u64| _mm512_set1_epi32(word as i32);
    let mut states = [[_mm512_setzero_si512(); 16]; N];
    for n in 0..N {
        let block = &blocks[n];
        states[n][..8].copy_from_slice(&values[n]);
        for i in 0..4 {
            states[n][8 + i] = all(IV[i].into());
        }
        states[n][12] = all(block.counter);
        states[n][13] = all(block.counter >> 32);
        states[n][14] = all(block.len as u64);
        states[n][15] = all(block.flags.into());
    }
    for words in &SCHEDULE {
        let pairs = words.as_chunks().0;
        for n in 0..N {
            for i in 0..4 {
                let column = [i, 4 + i, 8 + i, 12 + i];
                mix(&mut states[n], column, blocks[n].words, pairs[i]);
            }
        }
        for n in 0..N {
            for i in 0..4 {
                let diagonal = [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4];
                mix(&mut states[n], diagonal, blocks[n].words, pairs[4 + i]);
            }
        }
    }
    for n in 0..N {
        for i in 0..8 {
            values[n][i] = _mm512_xor_si512(states[n][i], states[n][i + 8]);
        }
    }
}

/// Words x and y of the block go into one column or diagonal of the state.
#[inline]
#[target_feature(enable = "avx512f")]
fn mix(v: &mut [__m512i; 16], [a, b, c, d]: [usize; 4], block: &[Line; WORDS], [x, y]: [usize; 2]) {
    let (x, y) = (load(&block[x]), load(&block[y]));
    v[a] = _mm512_add_epi32(_mm512_add_epi32(v[a], x), v[b]);
    v[d] = _mm512_ror_epi32::<16>(_mm512_xor_si512(v[d], v[a]));
    v[c] = _mm512_add_epi32(v[c], v[d]);
    v[b] = _mm512_ror_epi32::<12>(_mm512_xor_si512(v[b], v[c]));
    v[a] = _mm512_add_epi32(_mm512_add_epi32(v[a], y), v[b]);
    v[d] = _mm512_ror_epi32::<8>(_mm512_xor_si512(v[d], v[a]));
    v[c] = _mm512_add_epi32(v[c], v[d]);
    v[b] = _mm512_ror_epi32::<7>(_mm512_xor_si512(v[b], v[c]));
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(key: &[u32; 8]) -> Values {
    key.map(|word| _mm512_set1_epi32(word as i32))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn lines(values: Values) -> [Line; 8] {
    let mut lines = [Line::ZERO; 8];
    for (line, value) in lines.iter_mut().zip(values) {
        store(line, value);
    }
    lines
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
