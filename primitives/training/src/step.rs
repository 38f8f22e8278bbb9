//! The training step and prediction.

use alloc::{vec, vec::Vec};
use quern_work::{Hash, MAX_INNER, hash::xof, task::MIN_BATCH};

use crate::{
    arithmetic::{
        FRACTION, GRADIENT_EXPONENT, fitting_exponent, peak, quantise, quantise_sr, shift,
        softmax_gradient, update,
    },
    matrix,
    state::{Operand, State},
};

/// Learning-rate exponents from here on change nothing: every update rounds to 0.
const LARGEST_LR_SHIFT: u32 = 1 << 16;

/// What a step saw of its batch, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Logits before the update, row-major rows × classes.
    pub logits: Vec<i32>,
    /// Real logit = integer · 2^exponent.
    pub exponent: i32,
}

/// One layer's part of a forward pass.
struct Activation {
    /// What entered the layer, rows × fan-in.
    input: Vec<i8>,
    operand: Operand,
    /// What left it before the ReLU, rows × fan-out.
    output: Vec<i32>,
    /// Exponent of `output`.
    exponent: i32,
}

impl State {
    /// One step of stochastic gradient descent on `x` (rows × features, row-major) and `y` (one label per row).
    ///
    /// `seed` is the run's seed and `lr_shift` the step's learning-rate exponent (the rate is `2^-lr_shift`). On an error the
    /// state is as before.
    ///
    /// # Errors
    /// The first bound of the batch that does not hold.
    pub fn train_step(
        &mut self,
        seed: &Hash,
        lr_shift: u32,
        x: &[i8],
        y: &[u16],
    ) -> Result<StepReport, StepError> {
        let rows = u32::try_from(y.len()).map_err(|_| StepError::Rows)?;
        if !(MIN_BATCH..=MAX_INNER).contains(&rows) || !rows.is_power_of_two() {
            return Err(StepError::Rows);
        }
        if x.len() != y.len() * self.features() {
            return Err(StepError::Length);
        }
        if !y.iter().all(|&label| usize::from(label) < self.classes()) {
            return Err(StepError::LabelOutOfRange);
        }
        let next_step = self.step.checked_add(1).ok_or(StepError::Exhausted)?;

        let count = self.layers.len();
        let passes = self.forward(x);
        let mut activation_exponents = self.activation_exponents.clone();
        for (exponent, pass) in activation_exponents.iter_mut().zip(&passes) {
            let peak = pass
                .output
                .iter()
                .copied()
                .max()
                .unwrap_or(0)
                .max(0)
                .unsigned_abs();
            delay(exponent, peak, pass.exponent);
        }

        let logits = &passes[count - 1];
        let mut gradient = vec![0; logits.output.len()];
        let classes = self.classes();
        for ((logits_row, out), &label) in logits
            .output
            .chunks_exact(classes)
            .zip(gradient.chunks_exact_mut(classes))
            .zip(y)
        {
            softmax_gradient(logits_row, logits.exponent, label, out);
        }
        let mut exponent = GRADIENT_EXPONENT;
        let mut error_exponents = self.error_exponents.clone();
        // The mean over the batch and the learning rate are shifts.
        let rate = FRACTION - lr_shift.min(LARGEST_LR_SHIFT) as i32 - rows.ilog2() as i32;
        for layer in (0..count).rev() {
            // `gradient` is the error at this layer's output.
            let error_exponent = self.error_exponents[layer];
            delay(&mut error_exponents[layer], peak(&gradient), exponent);
            let key = rounding_key(seed, self.step, layer as u32 + 1);
            let error: Vec<i8> = gradient
                .iter()
                .enumerate()
                .map(|(index, &g)| quantise_sr(g, index as u32, exponent, error_exponent, key))
                .collect();

            let Activation { input, operand, .. } = &passes[layer];
            let (fan_in, fan_out) = (self.sizes[layer] as usize, self.sizes[layer + 1] as usize);
            let weight_gradient = matrix::product_transposed_left(input, &error, fan_in, fan_out);
            let bias_gradient = matrix::product(&vec![1; y.len()], &error, y.len(), fan_out);
            let activation_exponent = self.activation_exponent(layer);
            if let Some(below) = layer.checked_sub(1) {
                gradient = matrix::product_transposed_right(&error, &operand.values, fan_out);
                for (g, &z) in gradient.iter_mut().zip(&passes[below].output) {
                    if z <= 0 {
                        *g = 0;
                    }
                }
                exponent = error_exponent + operand.exponent;
            }
            let layer = &mut self.layers[layer];
            update(
                &mut layer.w,
                &mut layer.v,
                &weight_gradient,
                activation_exponent + error_exponent + rate,
            );
            update(
                &mut layer.b,
                &mut layer.vb,
                &bias_gradient,
                error_exponent + rate,
            );
        }
        self.activation_exponents = activation_exponents;
        self.error_exponents = error_exponents;
        self.step = next_step;
        let Activation {
            output, exponent, ..
        } = passes.into_iter().next_back().ok_or(StepError::Rows)?;
        Ok(StepReport {
            logits: output,
            exponent,
        })
    }

    /// The most likely class of each row of `x` (rows × features, row-major), the lowest on a tie.
    ///
    /// # Errors
    /// [`StepError::Length`] if `x` is not whole rows.
    pub fn predict(&self, x: &[i8]) -> Result<Vec<u16>, StepError> {
        let logits = self.logits(x)?.logits;
        let best = |row: &[i32]| {
            let best = (0..row.len())
                .rev()
                .max_by_key(|&class| row[class])
                .unwrap_or(0);
            best as u16
        };
        Ok(logits.chunks_exact(self.classes()).map(best).collect())
    }

    /// The logits of each row of `x` (rows × features, row-major).
    ///
    /// # Errors
    /// [`StepError::Length`] if `x` is not whole rows.
    pub fn logits(&self, x: &[i8]) -> Result<StepReport, StepError> {
        if !x.len().is_multiple_of(self.features()) {
            return Err(StepError::Length);
        }
        let Activation {
            output, exponent, ..
        } = self.forward(x).pop().ok_or(StepError::Length)?;
        Ok(StepReport {
            logits: output,
            exponent,
        })
    }

    /// The forward pass of all layers.
    fn forward(&self, x: &[i8]) -> Vec<Activation> {
        let mut passes: Vec<Activation> = Vec::with_capacity(self.layers.len());
        for (layer, parameters) in self.layers.iter().enumerate() {
            let input_exponent = self.activation_exponent(layer);
            let input = match passes.last() {
                None => x.to_vec(),
                Some(below) => below
                    .output
                    .iter()
                    .map(|&z| quantise(z.max(0), below.exponent, input_exponent))
                    .collect(),
            };
            let operand = self.operand(layer);
            let exponent = input_exponent + operand.exponent;
            let (fan_in, fan_out) = (self.sizes[layer] as usize, self.sizes[layer + 1] as usize);
            let mut output = matrix::product(&input, &operand.values, fan_in, fan_out);
            let bias: Vec<i32> = parameters
                .b
                .iter()
                .map(|&b| shift(b, -FRACTION - exponent))
                .collect();
            for row in output.chunks_exact_mut(fan_out) {
                for (z, bias) in row.iter_mut().zip(&bias) {
                    *z += bias;
                }
            }
            passes.push(Activation {
                input,
                operand,
                output,
                exponent,
            });
        }
        passes
    }
}

/// Sets a delayed exponent from a tensor's largest magnitude; an all-zero tensor leaves it alone.
pub fn delay(delayed: &mut i32, peak: u32, exponent: i32) {
    if peak > 0 {
        *delayed = fitting_exponent(peak, exponent);
    }
}

/// Key of the stochastic rounding of the errors leaving `layer` (1 to L) at `step`.
pub fn rounding_key(seed: &Hash, step: u64, layer: u32) -> u32 {
    let mut label = [0; 17];
    label[..5].copy_from_slice(b"round");
    label[5..13].copy_from_slice(&step.to_le_bytes());
    label[13..].copy_from_slice(&layer.to_le_bytes());
    let mut key = [0; 4];
    xof(seed, &label).fill(&mut key);
    u32::from_le_bytes(key)
}

/// Why a batch cannot be trained on or predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The number of rows is out of bounds.
    #[error("a batch must have a power of two of rows in [16, 65536]")]
    Rows,
    /// Features and rows do not fit.
    #[error("the features do not fit the rows")]
    Length,
    /// A label names no class.
    #[error("labels must be below the number of classes")]
    LabelOutOfRange,
    /// The step counter is at its end.
    #[error("the run is at its last step")]
    Exhausted,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::LIM;
    use proptest::{collection::vec, prelude::*};

    const SIZES: [u32; 4] = [20, 32, 16, 5];

    fn batch(rows: usize, features: usize, classes: usize) -> (Vec<i8>, Vec<u16>) {
        let x = (0..rows * features)
            .map(|at| ((at * 37 + at / 11) % 128) as i8 - 64)
            .collect();
        (x, (0..rows).map(|row| (row % classes) as u16).collect())
    }

    /// A state as far from zero as its encoding allows: `extremes` picks signs, magnitudes and ends of ranges.
    fn extreme_state(step: u64, extremes: &[u8]) -> State {
        let mut state = State::initial(&SIZES, &[1; 32]).unwrap();
        let mut picks = extremes.iter().copied().cycle();
        let mut pick = || picks.next().unwrap_or(0);
        for layer in &mut state.layers {
            for value in [&mut layer.w, &mut layer.v, &mut layer.b, &mut layer.vb]
                .into_iter()
                .flatten()
            {
                *value = [LIM, -LIM, LIM, -LIM, 0, 1][usize::from(pick() % 6)];
            }
        }
        let (activations, errors) = ([(-30, 18), (-54, 42)], [(-64, 42), (-40, 18), (-16, -6)]);
        let mut end = |(low, high)| if pick() % 2 == 0 { low } else { high };
        state.activation_exponents = activations.map(&mut end).to_vec();
        state.error_exponents = errors.map(&mut end).to_vec();
        state.step = step;
        state
    }

    proptest! {
        /// Overflow checks are on, so this also says that no sum leaves its range.
        #[test]
        fn any_state_that_decodes_trains_to_one_that_decodes(
            step in 0..u64::MAX, extremes in vec(any::<u8>(), 1..40), value: i8, lr_shift: u32,
        ) {
            let mut state = extreme_state(step, &extremes);
            prop_assert!(State::decode(&state.encode()).as_ref() == Ok(&state));
            let (mut x, y) = batch(16, 20, 5);
            x[..200].fill(value);
            for lr_shift in [lr_shift, 0, lr_shift % 40] {
                if state.train_step(&[2; 32], lr_shift, &x, &y).is_err() {
                    prop_assert_eq!(state.step, u64::MAX);
                }
                prop_assert!(State::decode(&state.encode()).as_ref() == Ok(&state));
            }
        }
    }

    #[test]
    fn the_widest_sum_with_the_largest_bias_does_not_overflow() {
        let sizes = [65_536, 16, 2];
        let mut state = State::initial(&sizes, &[0; 32]).unwrap();
        state.layers[0].w.fill(LIM);
        state.layers[0].b.fill(LIM);
        let x = vec![127; 16 * 65_536];
        state.train_step(&[0; 32], 0, &x, &[0; 16]).unwrap();
        assert_eq!(State::decode(&state.encode()).as_ref(), Ok(&state));
    }

    #[test]
    fn rows_do_not_depend_on_each_other() {
        let mut state = State::initial(&SIZES, &[1; 32]).unwrap();
        let (x, y) = batch(32, 20, 5);
        for _ in 0..3 {
            state.train_step(&[2; 32], 3, &x, &y).unwrap();
        }
        let together = state.logits(&x).unwrap().logits;
        let alone: Vec<i32> = x
            .chunks(20)
            .flat_map(|row| state.logits(row).unwrap().logits)
            .collect();
        assert_eq!(together, alone);
    }

    #[test]
    fn the_report_holds_the_logits_before_the_update() {
        let mut state = State::initial(&SIZES, &[1; 32]).unwrap();
        let (x, y) = batch(16, 20, 5);
        let before = state.logits(&x).unwrap();
        assert_eq!(state.train_step(&[2; 32], 3, &x, &y), Ok(before));
        assert_eq!(state.step, 1);
    }

    #[test]
    fn a_vanishing_learning_rate_changes_no_weight() {
        let mut state = State::initial(&SIZES, &[1; 32]).unwrap();
        let layers = state.layers.clone();
        let (x, y) = batch(16, 20, 5);
        state.train_step(&[2; 32], u32::MAX, &x, &y).unwrap();
        assert_eq!(state.layers, layers);
    }

    #[test]
    fn a_tie_goes_to_the_lowest_class() {
        let mut state = State::initial(&SIZES, &[1; 32]).unwrap();
        state.layers[2].w.fill(0);
        assert_eq!(state.predict(&[1; 40]), Ok(vec![0, 0]));
        state.layers[2].b[3] = LIM;
        state.layers[2].b[4] = LIM;
        assert_eq!(state.predict(&[1; 40]), Ok(vec![3, 3]));
    }

    #[test]
    fn each_bound_has_its_own_error_and_leaves_the_state_alone() {
        let initial = State::initial(&SIZES, &[1; 32]).unwrap();
        let mut state = initial.clone();
        let (x, mut y) = batch(32, 20, 5);
        assert_eq!(
            state.train_step(&[2; 32], 3, &x, &y[..24]),
            Err(StepError::Rows)
        );
        assert_eq!(
            state.train_step(&[2; 32], 3, &x, &y[..8]),
            Err(StepError::Rows)
        );
        assert_eq!(
            state.train_step(&[2; 32], 3, &x, &y[..16]),
            Err(StepError::Length)
        );
        y[31] = 5;
        assert_eq!(
            state.train_step(&[2; 32], 3, &x, &y),
            Err(StepError::LabelOutOfRange)
        );
        assert_eq!(state.predict(&x[1..]), Err(StepError::Length));
        assert_eq!(state, initial);
        state.step = u64::MAX;
        y[31] = 0;
        assert_eq!(
            state.train_step(&[2; 32], 3, &x, &y),
            Err(StepError::Exhausted)
        );
    }
}
