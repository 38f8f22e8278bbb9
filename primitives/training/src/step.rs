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
fn delay(delayed: &mut i32, peak: u32, exponent: i32) {
    if peak > 0 {
        *delayed = fitting_exponent(peak, exponent);
    }
}

/// Key of the stochastic rounding of the errors leaving `layer` (1 to L) at `step`.
fn rounding_key(seed: &Hash, step: u64, layer: u32) -> u32 {
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
