//! Many equal-sized messages through BLAKE3 at once: one message per SIMD lane.
//!
//! BLAKE3 fills its lanes with the chunks of one message. A neuron block has a dozen chunks and a transcript a single block, so
//! lanes would stay empty; across messages they are all full.

use std::cell::RefCell;

use blake3::{
    IncrementCounter,
    hazmat::{HasherExt, hash_derive_key_context},
    platform::Platform,
};
use quern_work::{Hash, Transcript, U256, hash::Context};

#[cfg(target_arch = "x86_64")]
use super::wide;
#[cfg(target_arch = "x86_64")]
use crate::backend::matrix::Line;
use crate::backend::{
    Isa,
    matrix::{Panels, TILE, unpack},
    pool::Pool,
    product::Words,
};

/// Messages at once: as many as the widest lanes take.
pub(super) const LANES: usize = 16;

/// Bytes of a block and of a chunk.
pub(super) const BLOCK: usize = 64;
pub(super) const CHUNK: usize = 1024;

// Domain flags.
pub(super) const CHUNK_START: u8 = 1 << 0;
pub(super) const CHUNK_END: u8 = 1 << 1;
pub(super) const PARENT: u8 = 1 << 2;
pub(super) const ROOT: u8 = 1 << 3;
pub(super) const KEYED: u8 = 1 << 4;
pub(super) const DERIVE_KEY: u8 = 1 << 6;

thread_local! {
    /// Room for the messages of one group, kept from step to step.
    static MESSAGES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The same, word by word.
    #[cfg(target_arch = "x86_64")]
    static WORDS: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Which of `words` have draws up to `threshold` under a job's draw key, and the draws.
pub(super) fn wins(isa: Isa, key: &Hash, words: &[Words], threshold: U256) -> Vec<(usize, U256)> {
    let mut wins = Vec::new();
    for (group, words) in words.chunks(LANES).enumerate() {
        if may_win(isa, key, words, threshold) {
            let draws = (LANES * group..).zip(draws(key, words));
            wins.extend(draws.filter(|(_, draw)| *draw <= threshold));
        }
    }
    wins
}

/// Whether one of up to 16 transcripts has a draw whose most significant word is not above the threshold's.
fn may_win(isa: Isa, key: &Hash, words: &[Words], threshold: U256) -> bool {
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512Vnni {
        let mut transcripts = [Words::default(); LANES];
        transcripts[..words.len()].copy_from_slice(words);
        // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
        let last_words = unsafe { wide::last_words(&key_words(key), &transcripts) };
        let most = (threshold >> 224).low_u32();
        return last_words[..words.len()].iter().any(|&word| word <= most);
    }
    let _ = (isa, key, words, threshold);
    true
}

/// The draws of transcripts under a job's draw key.
pub(super) fn draws(key: &Hash, words: &[Words]) -> Vec<U256> {
    let platform = Platform::detect();
    let key = key_words(key);
    let mut draws = Vec::with_capacity(words.len());
    for words in words.chunks(LANES) {
        let mut blocks = [[0; BLOCK]; LANES];
        for (block, words) in blocks.iter_mut().zip(words) {
            *block = Transcript(*words).to_bytes();
        }
        let mut hashes = [Hash::default(); LANES];
        // A chunk of one block that is also the root.
        platform.hash_many(
            &blocks.each_ref()[..words.len()],
            &key,
            0,
            IncrementCounter::No,
            KEYED,
            CHUNK_START,
            CHUNK_END | ROOT,
            hashes.as_flattened_mut(),
        );
        draws.extend(
            hashes[..words.len()]
                .iter()
                .map(|hash| U256::from_little_endian(hash)),
        );
    }
    draws
}

/// The Merkle leaf hashes of neuron blocks, packed as panels of 16 lines of `k` entries without offset.
///
/// A valid shape of rank 4 has k ≥ 64: a message is longer than a chunk.
pub(super) fn leaves(isa: Isa, pool: &Pool, panels: &Panels, k: usize) -> Vec<Hash> {
    assert!(k >= 64, "messages of more than a chunk");
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512Vnni && k.is_multiple_of(4) {
        let key = key_words(&hash_derive_key_context(Context::MERKLE_LEAF.as_str()));
        let mut leaves = vec![Hash::default(); panels.panels()];
        pool.chunks(&mut leaves, LANES, |group, leaves| {
            let first = LANES * group;
            // The last panel fills lanes that are left over.
            let last = first + leaves.len() - 1;
            let group = std::array::from_fn(|lane| panels.panel((first + lane).min(last)));
            let hashes = WORDS.with_borrow_mut(|words| {
                // SAFETY: the backend is made only for an instruction set that `Isa::is_available` found.
                unsafe { wide::leaves(&key, first as u64, group, words) }
            });
            leaves.copy_from_slice(&hashes[..leaves.len()]);
        });
        return leaves;
    }
    // Index and rows, as `merkle::leaf` concatenates them.
    leaves_of(pool, panels.panels(), 8 + TILE * k, |j, message| {
        message[..8].copy_from_slice(&(j as u64).to_le_bytes());
        unpack(isa, panels.panel(j), k, &mut message[8..]);
    })
}

/// The root of the Merkle tree over `leaves`.
pub(super) fn root(mut level: Vec<Hash>) -> Hash {
    let platform = Platform::detect();
    let key = key_words(&hash_derive_key_context(Context::MERKLE_NODE.as_str()));
    while level.len() > 1 {
        let (pairs, odd) = level.as_chunks::<2>();
        let blocks: Vec<&[u8; BLOCK]> = pairs
            .iter()
            .filter_map(|pair| pair.as_flattened().first_chunk())
            .collect();
        let mut above = vec![Hash::default(); blocks.len()];
        // A chunk of one block that is also the root.
        platform.hash_many(
            &blocks,
            &key,
            0,
            IncrementCounter::No,
            DERIVE_KEY,
            CHUNK_START,
            CHUNK_END | ROOT,
            above.as_flattened_mut(),
        );
        above.extend(odd);
        level = above;
    }
    level[0]
}

/// The Merkle leaf hashes of `count` messages of `len` bytes, more than one chunk each; `write` writes message j.
fn leaves_of(
    pool: &Pool,
    count: usize,
    len: usize,
    write: impl Fn(usize, &mut [u8]) + Sync,
) -> Vec<Hash> {
    let platform = Platform::detect();
    let lanes = platform.simd_degree();
    let key = hash_derive_key_context(Context::MERKLE_LEAF.as_str());
    let mut leaves = vec![Hash::default(); count];
    pool.chunks(&mut leaves, lanes, |group, leaves| {
        MESSAGES.with_borrow_mut(|messages| {
            messages.resize(messages.len().max(leaves.len() * len), 0);
            let messages = &mut messages[..leaves.len() * len];
            for (lane, message) in messages.chunks_exact_mut(len).enumerate() {
                write(group * lanes + lane, message);
            }
            derive_many(platform, &key, messages, len, leaves);
        });
    });
    leaves
}

/// BLAKE3 derive-key digests of messages of `len > 1024` bytes, at most as many as there are lanes.
fn derive_many(platform: Platform, key: &Hash, messages: &[u8], len: usize, digests: &mut [Hash]) {
    let words = key_words(key);
    let chunks = len.div_ceil(CHUNK);
    let mut level: Vec<Vec<Hash>> = Vec::with_capacity(chunks);
    for chunk in 0..chunks - 1 {
        let inputs: Vec<&[u8; CHUNK]> = messages
            .chunks_exact(len)
            .filter_map(|message| message[chunk * CHUNK..].first_chunk())
            .collect();
        let mut values = vec![Hash::default(); digests.len()];
        let out = values.as_flattened_mut();
        platform.hash_many(
            &inputs,
            &words,
            chunk as u64,
            IncrementCounter::No,
            DERIVE_KEY,
            CHUNK_START,
            CHUNK_END,
            out,
        );
        level.push(values);
    }
    let last = (chunks - 1) * CHUNK;
    let tail = |message: &[u8]| {
        let mut hasher = blake3::Hasher::new_from_context_key(key);
        hasher
            .set_input_offset(last as u64)
            .update(&message[last..])
            .finalize_non_root()
    };
    level.push(messages.chunks_exact(len).map(tail).collect());

    // Neighbours merge and a last odd one moves up: the left-full tree of BLAKE3.
    while level.len() > 1 {
        let root = if level.len() == 2 { ROOT } else { 0 };
        let merge = |pair: &[Vec<Hash>]| match pair {
            [left, right] => {
                let blocks: Vec<[u8; BLOCK]> = left
                    .iter()
                    .zip(right)
                    .map(|(left, right)| parent(left, right))
                    .collect();
                let blocks: Vec<&[u8; BLOCK]> = blocks.iter().collect();
                let mut values = vec![Hash::default(); blocks.len()];
                let out = values.as_flattened_mut();
                platform.hash_many(
                    &blocks,
                    &words,
                    0,
                    IncrementCounter::No,
                    DERIVE_KEY | PARENT | root,
                    0,
                    0,
                    out,
                );
                values
            }
            odd => odd.concat(),
        };
        level = level.chunks(2).map(merge).collect();
    }
    digests.copy_from_slice(&level[0]);
}

fn parent(left: &Hash, right: &Hash) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..32].copy_from_slice(left);
    block[32..].copy_from_slice(right);
    block
}

fn key_words(key: &Hash) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

#[cfg(test)]
mod tests {
    use quern_work::{Job, JobInput, Shape, hash, merkle};

    use super::*;
    use crate::backend::matrix::Strips;

    #[test]
    fn leaves_of_every_length_and_number_are_the_definition_s() {
        for len in [1032, 1033, 2048, 2049, 3080, 5000, 12_552, 16_392] {
            for count in [1, 3, 16, 17, 40] {
                let content = |j: usize, at: usize| (j * 31 + at * 7 + at / 251) as u8;
                let pool = Pool::new(2).expect("two threads");
                let found = leaves_of(&pool, count, len, |j, message| {
                    message[..8].copy_from_slice(&(j as u64).to_le_bytes());
                    message
                        .iter_mut()
                        .enumerate()
                        .skip(8)
                        .for_each(|(at, byte)| *byte = content(j, at));
                });
                let expected: Vec<Hash> = (0..count)
                    .map(|j| {
                        merkle::leaf(
                            j as u64,
                            &(8..len).map(|at| content(j, at)).collect::<Vec<_>>(),
                        )
                    })
                    .collect();
                assert_eq!(found, expected, "{count} of {len} bytes");
            }
        }
    }

    #[test]
    fn every_path_hashes_neuron_blocks_and_their_tree() {
        let pool = Pool::new(2).expect("two threads");
        for k in [64, 65, 66, 68, 124, 128, 252, 255, 256, 784] {
            for blocks in [1, 2, 16, 17, 40] {
                let mut strips = Strips::default();
                strips.resize(k, TILE * blocks);
                let value = |row: usize, col: usize| (row * 37 + col * 101 + row * col % 7) as i8;
                for (j, strip) in strips.tiles_mut().chunks_mut(k.div_ceil(TILE)).enumerate() {
                    for row in 0..k {
                        strip[row / TILE].0[row % TILE] =
                            std::array::from_fn(|lane| value(row, TILE * j + lane));
                    }
                }
                let expected: Vec<Hash> = (0..blocks)
                    .map(|j| {
                        let rows = (TILE * j..TILE * (j + 1))
                            .flat_map(|col| (0..k).map(move |row| value(row, col)));
                        merkle::rows_leaf(j as u64, &rows.collect::<Vec<_>>(), &[])
                    })
                    .collect();
                for isa in Isa::available() {
                    let mut panels = Panels::default();
                    panels.pack_columns(isa, &pool, &strips, 0);
                    let found = leaves(isa, &pool, &panels, k);
                    assert_eq!(found, expected, "{isa}, {blocks} of k = {k}");
                }
                assert_eq!(root(expected.clone()), merkle::Tree::new(expected).root());
            }
        }
    }

    #[test]
    fn every_path_draws_what_the_job_draws() {
        let job = Job::new(&JobInput {
            genesis: [1; 32],
            pre_hash: [2; 32],
            author: [3; 32],
            run: 4,
            step: 5,
            shape: Shape {
                m: 16,
                n: 16,
                k: 64,
                r: 4,
            },
            dataset_root: [6; 32],
            row_blocks: 7,
            weights_root: [8; 32],
        });
        let words: Vec<Words> = (0..37)
            .map(|i| std::array::from_fn(|w| (i * 977 + w as u32).wrapping_mul(0x9E37_79B1)))
            .collect();
        let key = hash::derive(hash::Context::DRAW, &[&job.hash()]);
        let expected: Vec<U256> = words
            .iter()
            .map(|words| job.draw(&Transcript(*words)))
            .collect();
        assert_eq!(draws(&key, &words), expected);
        for isa in Isa::available() {
            for threshold in [U256::zero(), U256::MAX, expected[0], expected[36] - 1] {
                for count in [0, 1, 16, 37] {
                    let within: Vec<_> = (0..count)
                        .map(|i| (i, expected[i]))
                        .filter(|(_, draw)| *draw <= threshold)
                        .collect();
                    let found = wins(isa, &key, &words[..count], threshold);
                    assert_eq!(found, within, "{isa}, {count} up to {threshold}");
                }
            }
        }
    }
}
