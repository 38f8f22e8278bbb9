//! Everything that the next step needs.

use alloc::{vec, vec::Vec};
use quern_work::{
    Hash, TILE,
    hash::xof,
    merkle::{Tree, blob_root, rows_leaf},
    task::{MAX_HIDDEN, TaskError, check_sizes, parameters},
};

use crate::{
    arithmetic::{FEATURE_EXPONENT, FRACTION, LIM, bits, peak, rsh},
    matrix,
};

/// Exponent of activations before the first step.
const FIRST_ACTIVATION_EXPONENT: i32 = -4;

/// Exponent of errors before the first step.
const FIRST_ERROR_EXPONENT: i32 = -7;

/// Most by which an exponent moves from one layer to the next (see [`State::decode`]).
const EXPONENT_REACH: i32 = 24;

/// One dense layer: master weights, biases and their momenta, exponent -24, within ±[`LIM`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Weights, row-major fan-in × fan-out.
    pub w: Vec<i32>,
    /// Momentum of the weights.
    pub v: Vec<i32>,
    /// Biases, one per output.
    pub b: Vec<i32>,
    /// Momentum of the biases.
    pub vb: Vec<i32>,
}

/// The 8-bit operand of a layer's product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Row-major fan-in × fan-out, in [-63, 63] for the first layer and [-127, 127] for the others.
    pub values: Vec<i8>,
    /// Real = value · 2^exponent; in [-24, 0].
    pub exponent: i32,
}

/// The state of a run between two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Features, hidden layers, classes: one more than there are layers.
    pub sizes: Vec<u32>,
    /// Exponents of the activations entering layers 1 to L-1.
    pub activation_exponents: Vec<i32>,
    /// Exponents of the errors leaving layers 1 to L (the gradients at the outputs of layers 0 to L-1).
    pub error_exponents: Vec<i32>,
    /// The L layers.
    pub layers: Vec<Layer>,
}

impl State {
    /// The state before the first step: uniform weights within `±√(6 / fan-in)`, everything else 0.
    ///
    /// # Errors
    /// [`StateError::Sizes`].
    pub fn initial(sizes: &[u32], seed: &Hash) -> Result<Self, StateError> {
        check_sizes(sizes)?;
        let layers = (0..)
            .zip(sizes.windows(2))
            .map(|(layer, pair)| initial_layer(seed, layer, pair[0], pair[1]))
            .collect();
        let count = sizes.len() - 1;
        Ok(Self {
            step: 0,
            sizes: sizes.to_vec(),
            activation_exponents: vec![FIRST_ACTIVATION_EXPONENT; count - 1],
            error_exponents: vec![FIRST_ERROR_EXPONENT; count],
            layers,
        })
    }

    /// Features per row.
    pub fn features(&self) -> usize {
        self.sizes[0] as usize
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.sizes[self.sizes.len() - 1] as usize
    }

    /// Exponent of the activations entering `layer`; of the features for layer 0.
    pub fn activation_exponent(&self, layer: usize) -> i32 {
        layer
            .checked_sub(1)
            .map_or(FEATURE_EXPONENT, |hidden| self.activation_exponents[hidden])
    }

    /// The operand of `layer`'s product, a function of its weights alone.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn operand(&self, layer: usize) -> Operand {
        let w = &self.layers[layer].w;
        let operand_bits = if layer == 0 { 6 } else { 7 };
        let limit = (1 << operand_bits) - 1;
        let s = bits(peak(w)).saturating_sub(operand_bits);
        let values = w
            .iter()
            .map(|&w| rsh(w, s).clamp(-limit, limit) as i8)
            .collect();
        Operand {
            values,
            exponent: s as i32 - FRACTION,
        }
    }

    /// The first layer's operand transposed, n×k row-major: one row per neuron, as the lottery product takes it.
    pub fn first_operand_transposed(&self) -> Vec<i8> {
        matrix::transpose(&self.operand(0).values, self.sizes[1] as usize)
    }

    /// Bytes of a state of `sizes`, one more than there are layers, at any step; saturating.
    pub fn encoded_len(sizes: &[u32]) -> u64 {
        let layers = (sizes.len() as u64).saturating_sub(1);
        let exponents = (2 * layers).saturating_sub(1);
        let words = 1 + sizes.len() as u64 + exponents;
        parameters(sizes)
            .saturating_mul(8)
            .saturating_add(8 + 4 * words)
    }

    /// The state's bytes, little-endian: step u64, number of layers u32, sizes u32, activation and error exponents i32, then per
    /// layer weights, momentum, biases and their momentum i32.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::encoded_len(&self.sizes).try_into().unwrap_or(0));
        bytes.extend(self.step.to_le_bytes());
        bytes.extend((self.layers.len() as u32).to_le_bytes());
        bytes.extend(self.sizes.iter().flat_map(|size| size.to_le_bytes()));
        let exponents = self
            .activation_exponents
            .iter()
            .chain(&self.error_exponents);
        let tensors = self
            .layers
            .iter()
            .flat_map(|layer| [&layer.w, &layer.v, &layer.b, &layer.vb])
            .flatten();
        bytes.extend(
            exponents
                .chain(tensors)
                .flat_map(|value| value.to_le_bytes()),
        );
        bytes
    }

    /// The state with these bytes. Every state that training can reach is accepted, and none whose next step could overflow.
    ///
    /// Sizes are checked and the length of `bytes` compared with what they imply before anything is allocated. Values are
    /// within ±[`LIM`]. An exponent moves at most 24 from one layer to the next: a layer's operand has exponent in [-24, 0], and
    /// fitting 31-bit sums into 7 bits adds at most 24. So the activations entering layer l have exponents in `-6 ± 24·l`, and
    /// the errors leaving layer l, of L, in `[-16 - 24·(L-l), -6 + 24·(L-l)]` (a softmax gradient has at most 17 bits).
    ///
    /// # Errors
    /// The first bound that does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let total = bytes.len() as u64;
        let mut reader = Reader(bytes);
        let step = reader.u64()?;
        let count = reader.u32()?;
        if !(2..=MAX_HIDDEN + 1).contains(&count) {
            return Err(TaskError::Hidden.into());
        }
        let sizes = (0..=count)
            .map(|_| reader.u32())
            .collect::<Result<Vec<_>, _>>()?;
        check_sizes(&sizes)?;
        if Self::encoded_len(&sizes) != total {
            return Err(StateError::Length);
        }
        let (first, last) = (FEATURE_EXPONENT, (-16, -6));
        let activation_exponents = (1..count as i32)
            .map(|l| reader.exponent(first - EXPONENT_REACH * l, first + EXPONENT_REACH * l))
            .collect::<Result<_, _>>()?;
        let error_exponents = (0..count as i32)
            .rev()
            .map(|above| {
                reader.exponent(
                    last.0 - EXPONENT_REACH * above,
                    last.1 + EXPONENT_REACH * above,
                )
            })
            .collect::<Result<_, _>>()?;
        let layers = sizes
            .windows(2)
            .map(|pair| {
                let (fan_in, fan_out) = (pair[0] as usize, pair[1] as usize);
                Ok(Layer {
                    w: reader.values(fan_in * fan_out)?,
                    v: reader.values(fan_in * fan_out)?,
                    b: reader.values(fan_out)?,
                    vb: reader.values(fan_out)?,
                })
            })
            .collect::<Result<_, StateError>>()?;
        Ok(Self {
            step,
            sizes,
            activation_exponents,
            error_exponents,
            layers,
        })
    }

    /// Merkle root over the 64 KiB chunks of the state's bytes.
    pub fn root(&self) -> Hash {
        blob_root(&self.encode())
    }
}

/// The Merkle tree over the neuron blocks of `bt`, a first layer's transposed operand of n rows of `k`.
///
/// # Panics
/// If `bt` has fewer than 16 rows.
pub fn weights_tree(bt: &[i8], k: usize) -> Tree {
    Tree::new(
        (0..)
            .zip(bt.chunks_exact(TILE * k))
            .map(|(block, rows)| rows_leaf(block, rows, &[]))
            .collect(),
    )
}

/// Uniform weights within `±⌊√(6·2⁴⁸ / fan_in)⌋ < 2^25.3`, from the seed's `init` stream of `layer`.
fn initial_layer(seed: &Hash, layer: u32, fan_in: u32, fan_out: u32) -> Layer {
    let (fan_in, fan_out) = (fan_in as usize, fan_out as usize);
    let radius = ((6_u64 << (2 * FRACTION)) / fan_in as u64).isqrt();
    let mut label = [0; 8];
    label[..4].copy_from_slice(b"init");
    label[4..].copy_from_slice(&layer.to_le_bytes());
    let mut stream = xof(seed, &label);
    let mut word = || {
        let mut word = [0; 4];
        stream.fill(&mut word);
        u64::from(u32::from_le_bytes(word))
    };
    let w = (0..fan_in * fan_out)
        .map(|_| ((word() * (2 * radius + 1)) >> 32) as i32 - radius as i32)
        .collect();
    Layer {
        w,
        v: vec![0; fan_in * fan_out],
        b: vec![0; fan_out],
        vb: vec![0; fan_out],
    }
}

/// A cursor over a state's bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], StateError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(StateError::Length)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        self.take(N)?.try_into().map_err(|_| StateError::Length)
    }

    fn u64(&mut self) -> Result<u64, StateError> {
        self.array().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, StateError> {
        self.array().map(u32::from_le_bytes)
    }

    fn exponent(&mut self, low: i32, high: i32) -> Result<i32, StateError> {
        let exponent = self.array().map(i32::from_le_bytes)?;
        (low..=high)
            .contains(&exponent)
            .then_some(exponent)
            .ok_or(StateError::Exponent)
    }

    fn values(&mut self, count: usize) -> Result<Vec<i32>, StateError> {
        let words = self.take(4 * count)?.as_chunks().0;
        let values: Vec<_> = words.iter().map(|&word| i32::from_le_bytes(word)).collect();
        values
            .iter()
            .all(|value| (-LIM..=LIM).contains(value))
            .then_some(values)
            .ok_or(StateError::Value)
    }
}

/// Why bytes or sizes are not a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The network's sizes are out of bounds.
    #[error(transparent)]
    Sizes(#[from] TaskError),
    /// The length does not fit the sizes.
    #[error("the length of the state does not fit its sizes")]
    Length,
    /// An exponent that training cannot reach.
    #[error("an exponent is out of range")]
    Exponent,
    /// A weight, bias or momentum beyond ±(2³⁰ - 1).
    #[error("a value is out of range")]
    Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    const SIZES: [u32; 4] = [5, 32, 16, 3];
    /// Offsets of the first size, the first exponent and the first weight in the bytes of a state of [`SIZES`].
    const SIZE: usize = 12;
    const EXPONENT: usize = SIZE + 4 * 4;
    const WEIGHT: usize = EXPONENT + 4 * 5;

    fn bytes() -> Vec<u8> {
        State::initial(&SIZES, &[3; 32]).unwrap().encode()
    }

    fn with_word(at: usize, word: i32) -> Result<State, StateError> {
        let mut bytes = bytes();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        State::decode(&bytes)
    }

    #[test]
    fn a_state_survives_its_encoding() {
        let state = State::initial(&SIZES, &[3; 32]).unwrap();
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }

    #[test]
    fn a_states_length_follows_from_its_sizes() {
        for sizes in [&SIZES[..], &[784, 16, 10], &[16; 18]] {
            let state = State::initial(sizes, &[0; 32]).unwrap();
            assert_eq!(State::encoded_len(sizes), state.encode().len() as u64);
        }
        assert_eq!(State::encoded_len(&[u32::MAX; 18]), u64::MAX);
        assert_eq!(State::encoded_len(&[]), 12);
    }

    #[test]
    fn first_weights_are_spread_over_their_range() {
        let state = State::initial(&SIZES, &[3; 32]).unwrap();
        let radius = ((6_u64 << 48) / 5).isqrt() as u32;
        let peak = peak(&state.layers[0].w);
        assert!(
            peak <= radius && peak > radius / 10 * 9,
            "{peak} of {radius}"
        );
    }

    #[test]
    fn missing_and_trailing_bytes_are_refused() {
        let bytes = bytes();
        for length in 0..bytes.len() {
            assert!(State::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(
            State::decode(&[&bytes[..], &[0]].concat()),
            Err(StateError::Length)
        );
    }

    #[test]
    fn sizes_are_bounded_before_anything_is_allocated() {
        for count in [0, 1, 18, -1] {
            assert_eq!(with_word(SIZE - 4, count), Err(TaskError::Hidden.into()));
        }
        assert_eq!(with_word(SIZE, 0), Err(TaskError::Features.into()));
        assert_eq!(with_word(SIZE, 65_537), Err(TaskError::Features.into()));
        assert_eq!(with_word(SIZE, 65_536), Err(StateError::Length));
        assert_eq!(with_word(SIZE + 4, 33), Err(TaskError::Hidden.into()));
        assert_eq!(with_word(SIZE + 12, 1), Err(TaskError::Classes.into()));
        assert_eq!(with_word(SIZE + 12, 65_536), Err(TaskError::Classes.into()));
    }

    #[test]
    fn exponents_beyond_reach_are_refused() {
        // Activations entering layers 1 and 2, errors leaving layers 1, 2 and 3.
        let reach = [(-30, 18), (-54, 42), (-64, 42), (-40, 18), (-16, -6)];
        for (at, (low, high)) in (EXPONENT..).step_by(4).zip(reach) {
            assert!(with_word(at, low).is_ok() && with_word(at, high).is_ok());
            assert_eq!(with_word(at, low - 1), Err(StateError::Exponent));
            assert_eq!(with_word(at, high + 1), Err(StateError::Exponent));
            assert_eq!(with_word(at, i32::MIN), Err(StateError::Exponent));
        }
    }

    #[test]
    fn values_beyond_the_limit_are_refused() {
        for value in [LIM, -LIM] {
            assert!(with_word(WEIGHT, value).is_ok());
        }
        for value in [LIM + 1, -LIM - 1, i32::MAX, i32::MIN] {
            assert_eq!(with_word(WEIGHT, value), Err(StateError::Value));
            assert_eq!(with_word(bytes().len() - 4, value), Err(StateError::Value));
        }
    }

    #[test]
    fn operands_use_their_bits_and_no_more() {
        let mut state = State::initial(&SIZES, &[3; 32]).unwrap();
        for (layer, limit) in [(0, 63), (1, 127)] {
            for w in [LIM, -LIM, 1, 0] {
                state.layers[layer].w.fill(w);
                let Operand { values, exponent } = state.operand(layer);
                assert!(
                    values
                        .iter()
                        .all(|&value| i32::from(value) == w.clamp(-limit, limit)),
                    "{w}"
                );
                assert!((-24..=0).contains(&exponent));
            }
        }
    }

    #[test]
    fn the_first_operand_is_committed_by_neurons() {
        let state = State::initial(&SIZES, &[3; 32]).unwrap();
        let (values, bt) = (state.operand(0).values, state.first_operand_transposed());
        assert!((0..5).all(|l| (0..32).all(|j| values[l * 32 + j] == bt[j * 5 + l])));
        let tree = weights_tree(&bt, 5);
        assert_eq!(
            tree.root(),
            Tree::new(vec![
                rows_leaf(0, &bt[..80], &[]),
                rows_leaf(1, &bt[80..], &[])
            ])
            .root()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_a_state_that_encodes_to_them_or_to_none(
            noise in vec(any::<u8>(), 0..200), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            prop_assert!(State::decode(&noise).is_err());
            let mut bytes = bytes();
            for (at, value) in changes {
                *at.get_mut(&mut bytes) = value;
            }
            if let Ok(state) = State::decode(&bytes) {
                prop_assert_eq!(state.encode(), bytes);
            }
        }
    }
}
