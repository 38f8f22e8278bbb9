//! The words through which kernels tell each other peaks, exponents and seeds: `Control` and `Keys` of `kernels/control.cuh`.

use std::sync::Arc;

use quern_training::arithmetic::FEATURE_EXPONENT;
use quern_work::{Hash, hash::Context, task::MAX_HIDDEN};

use super::accelerator::{Accelerator, Buffer};
use crate::backend::DeviceError;

/// Most layers of a network.
const LAYERS: usize = MAX_HIDDEN as usize + 1;

// Places of `Control`'s members, in words.
const ACTIVATION_EXPONENTS: usize = 4 * LAYERS;
const ERROR_EXPONENTS: usize = 5 * LAYERS;
const COUNTS: usize = 6 * LAYERS;
const LOSS: usize = COUNTS + 4;
const WEIGHTS_ROOT: usize = LOSS + 2;
const SEEDS: usize = WEIGHTS_ROOT + 8;
const WORDS: usize = SEEDS + 3 * 8;

/// The words of one run.
pub(crate) struct Control {
    buffer: Buffer,
}

/// What a step, or an evaluation, says at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Rows classified right.
    pub(crate) correct: u32,
    /// Draws within the threshold.
    pub(crate) wins: u32,
    /// Cross-entropy of all rows, in 2⁻¹⁶ bits.
    pub(crate) loss: u64,
    /// Root of the first layer's operand, where it was asked for.
    pub(crate) weights_root: Hash,
}

impl Report {
    /// The cross-entropy in nats.
    pub(crate) fn nats(&self) -> f64 {
        self.loss as f64 / 65_536.0 * std::f64::consts::LN_2
    }
}

impl Control {
    /// All zero.
    pub(crate) fn new(device: &Arc<dyn Accelerator>) -> Result<Self, DeviceError> {
        Ok(Self {
            buffer: Buffer::new(device, 4 * WORDS)?,
        })
    }

    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        self.buffer.address()
    }

    /// Address of the seed of the left operand's noise, and of the right one's.
    pub(crate) fn noise_seeds(&self) -> [u64; 2] {
        [SEEDS, SEEDS + 8].map(|word| self.address() + 4 * word as u64)
    }

    /// Forgets everything and takes these exponents: of the activations entering layers 1 on, and of the errors leaving layers.
    pub(crate) fn begin(&self, activations: &[i32], errors: &[i32]) -> Result<(), DeviceError> {
        self.buffer.clear()?;
        let write = |word: usize, exponents: &[i32]| {
            let bytes: Vec<u8> = exponents.iter().flat_map(|e| e.to_le_bytes()).collect();
            self.buffer.write(4 * word, &bytes)
        };
        write(
            ACTIVATION_EXPONENTS,
            &[&[FEATURE_EXPONENT], activations].concat(),
        )?;
        write(ERROR_EXPONENTS, errors)
    }

    /// The exponents of a network of so many layers, as [`begin`](Self::begin) takes them.
    pub(crate) fn exponents(&self, layers: usize) -> Result<(Vec<i32>, Vec<i32>), DeviceError> {
        let words = self.buffer.read_words(COUNTS)?;
        let from = |word: usize, count: usize| words[word..][..count].to_vec();
        Ok((
            from(ACTIVATION_EXPONENTS + 1, layers - 1),
            from(ERROR_EXPONENTS, layers),
        ))
    }

    /// What the kernels counted, after all of them.
    pub(crate) fn report(&self) -> Result<Report, DeviceError> {
        let bytes = self.buffer.read(4 * COUNTS, 4 * (SEEDS - COUNTS))?;
        let word = |at: usize| {
            let at = 4 * (at - COUNTS);
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut weights_root = [0; 32];
        weights_root.copy_from_slice(&bytes[4 * (WEIGHTS_ROOT - COUNTS)..]);
        Ok(Report {
            correct: word(COUNTS + 1),
            wins: word(COUNTS + 2),
            loss: u64::from(word(LOSS + 1)) << 32 | u64::from(word(LOSS)),
            weights_root,
        })
    }
}

/// The keys that a run's hashes begin with.
pub(crate) fn keys(device: &Arc<dyn Accelerator>, run_seed: &Hash) -> Result<Buffer, DeviceError> {
    let contexts = [
        Context::MERKLE_LEAF,
        Context::MERKLE_NODE,
        Context::JOB,
        Context::NOISE_A,
        Context::NOISE_B,
        Context::DRAW,
    ];
    let keys = contexts.map(|context| blake3::hazmat::hash_derive_key_context(context.as_str()));
    Buffer::of(device, &[&[*run_seed], &keys[..]].concat().concat())
}
