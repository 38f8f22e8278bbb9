//! Master parameters, and what a pass leaves for the next.

use std::sync::Arc;

use quern_training::{Layer as PlainLayer, State};

use super::{
    accelerator::{Accelerator, Buffer},
    control::Control,
    matrix::{Matrix, SQUARE, Side, Transpose, multiply, signed},
};
use crate::backend::DeviceError;

/// One dense layer.
pub(crate) struct Layer {
    pub(crate) fan_in: usize,
    pub(crate) fan_out: usize,
    /// Weights and momentum, row by row without padding, and those of the biases.
    w: Buffer,
    v: Buffer,
    b: Buffer,
    vb: Buffer,
    /// The operand as the error's product takes it, fan-in × fan-out; none of the first layer, below which there is no error.
    rows: Option<Matrix>,
    /// The operand transposed, fan-out × fan-in.
    pub(crate) columns: Matrix,
    /// What enters the layer, rows of the batch × fan-in.
    pub(crate) input: Matrix,
    /// Which of its inputs were positive before rounding; none of the first layer's.
    positive: Option<Matrix>,
    /// Error at its output, rows of the batch × fan-out.
    error: Matrix,
}

/// A network on a device, with room for one batch.
pub(crate) struct Network {
    pub(crate) layers: Vec<Layer>,
    sizes: Vec<u32>,
    logits: Buffer,
    inputs_transposed: Transpose,
    errors_transposed: Transpose,
}

/// Threads of kernels that give a warp to each row.
const ROW_THREADS: u32 = 128;

/// Blocks of such kernels for so many rows.
fn row_blocks(rows: usize) -> [u32; 2] {
    [rows.div_ceil(ROW_THREADS as usize / 32) as u32, 1]
}

impl Network {
    /// Room for a network of these sizes and batches of `batch` rows.
    pub(crate) fn new(
        device: &Arc<dyn Accelerator>,
        sizes: &[u32],
        batch: usize,
    ) -> Result<Self, DeviceError> {
        let pairs: Vec<(usize, usize)> = sizes
            .windows(2)
            .map(|pair| (pair[0] as usize, pair[1] as usize))
            .collect();
        let layer = |(index, &(fan_in, fan_out)): (usize, &(usize, usize))| {
            let above_the_first = |rows, cols| {
                let matrix = (index > 0).then(|| Matrix::new(device, rows, cols));
                matrix.transpose()
            };
            Ok(Layer {
                fan_in,
                fan_out,
                w: Buffer::new(device, 4 * fan_in * fan_out)?,
                v: Buffer::new(device, 4 * fan_in * fan_out)?,
                b: Buffer::new(device, 4 * fan_out)?,
                vb: Buffer::new(device, 4 * fan_out)?,
                rows: above_the_first(fan_in, fan_out)?,
                columns: Matrix::new(device, fan_out, fan_in)?,
                input: Matrix::new(device, batch, fan_in)?,
                positive: above_the_first(batch, fan_in)?,
                error: Matrix::new(device, batch, fan_out)?,
            })
        };
        let layers: Result<Vec<Layer>, DeviceError> = pairs.iter().enumerate().map(layer).collect();
        let classes = pairs.last().map_or(0, |pair| pair.1);
        Ok(Self {
            layers: layers?,
            sizes: sizes.to_vec(),
            logits: Buffer::new(device, 4 * batch * classes)?,
            inputs_transposed: Transpose::new(device, pairs.iter().map(|pair| (batch, pair.0)))?,
            errors_transposed: Transpose::new(device, pairs.iter().map(|pair| (batch, pair.1)))?,
        })
    }

    /// Takes the parameters of `state`, whose sizes are the network's.
    pub(crate) fn load(
        &self,
        device: &dyn Accelerator,
        control: &Control,
        state: &State,
    ) -> Result<(), DeviceError> {
        control.begin(&state.activation_exponents, &state.error_exponents)?;
        for (index, (layer, plain)) in self.layers.iter().zip(&state.layers).enumerate() {
            let tensors = [
                (&layer.w, &plain.w),
                (&layer.v, &plain.v),
                (&layer.b, &plain.b),
                (&layer.vb, &plain.vb),
            ];
            for (buffer, values) in tensors {
                let bytes: Vec<u8> = values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                buffer.write(0, &bytes)?;
            }
            let count = plain.w.len();
            let grid = [count.div_ceil(256).min(1024) as u32, 1];
            let arguments = [
                layer.w.address(),
                count as u64,
                control.address(),
                index as u64,
            ];
            // SAFETY: so many weights there are.
            unsafe { device.launch("peak", grid, 256, 0, &arguments)? };
        }
        Ok(())
    }

    /// The state after `step` steps.
    pub(crate) fn state(&self, control: &Control, step: u64) -> Result<State, DeviceError> {
        let (activation_exponents, error_exponents) = control.exponents(self.layers.len())?;
        let layer = |layer: &Layer| {
            let weights = layer.fan_in * layer.fan_out;
            Ok(PlainLayer {
                w: layer.w.read_words(weights)?,
                v: layer.v.read_words(weights)?,
                b: layer.b.read_words(layer.fan_out)?,
                vb: layer.vb.read_words(layer.fan_out)?,
            })
        };
        let layers: Result<_, DeviceError> = self.layers.iter().map(layer).collect();
        Ok(State {
            step,
            sizes: self.sizes.clone(),
            activation_exponents,
            error_exponents,
            layers: layers?,
        })
    }

    /// Begins a pass: operands' exponents, counts.
    pub(crate) fn start(
        &self,
        device: &dyn Accelerator,
        control: &Control,
    ) -> Result<(), DeviceError> {
        self.one_warp(device, "start", control)
    }

    /// Lets the weights' peaks be taken in anew, once all operands are made.
    pub(crate) fn forget_peaks(
        &self,
        device: &dyn Accelerator,
        control: &Control,
    ) -> Result<(), DeviceError> {
        self.one_warp(device, "forget_peaks", control)
    }

    /// Ends a step: the next one's exponents.
    pub(crate) fn finish(
        &self,
        device: &dyn Accelerator,
        control: &Control,
    ) -> Result<(), DeviceError> {
        self.one_warp(device, "finish", control)
    }

    fn one_warp(
        &self,
        device: &dyn Accelerator,
        kernel: &str,
        control: &Control,
    ) -> Result<(), DeviceError> {
        let arguments = [control.address(), self.layers.len() as u64];
        // SAFETY: control has room for any network's layers.
        unsafe { device.launch(kernel, [1, 1], 32, 0, &arguments) }
    }

    /// Rounds the weights of a layer to its operand.
    pub(crate) fn quantise(
        &self,
        device: &dyn Accelerator,
        control: &Control,
        index: usize,
    ) -> Result<(), DeviceError> {
        let layer = &self.layers[index];
        let (rows, ld) = layer
            .rows
            .as_ref()
            .map_or((0, 0), |rows| (rows.address(), rows.ld() as u64));
        let arguments = [
            layer.w.address(),
            layer.fan_in as u64,
            layer.fan_out as u64,
            control.address(),
            index as u64,
            rows,
            ld,
            layer.columns.address(),
            layer.columns.ld() as u64,
        ];
        let [down, across] = layer.columns.squares();
        debug_assert_eq!(
            down as usize * SQUARE,
            layer.columns.ld(),
            "squares of the operand"
        );
        // SAFETY: both operands are padded to whole squares.
        unsafe { device.launch("quantise", [across, down], 256, 0, &arguments) }
    }

    /// The arguments by which a product becomes the input of the layer above layer `index`.
    pub(crate) fn activation(&self, control: &Control, index: usize) -> [u64; 6] {
        let above = &self.layers[index + 1];
        let positive = above.positive.as_ref().map_or(0, Matrix::address);
        [
            above.input.address(),
            positive,
            above.input.ld() as u64,
            self.layers[index].b.address(),
            control.address(),
            index as u64,
        ]
    }

    /// The forward passes of the layers from `first` on, of the first `rows` rows.
    pub(crate) fn forward(
        &self,
        device: &dyn Accelerator,
        control: &Control,
        first: usize,
        rows: usize,
    ) -> Result<(), DeviceError> {
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate().skip(first) {
            let (a, b) = (
                Side::from(&layer.input).first(rows),
                (&layer.columns).into(),
            );
            // SAFETY: the layer above takes as many columns, and the logits have as many.
            unsafe {
                if index < last {
                    let arguments = self.activation(control, index);
                    multiply(device, "activate", a, b, None, &arguments)?;
                } else {
                    let arguments = [
                        self.logits.address(),
                        layer.b.address(),
                        control.address(),
                        index as u64,
                    ];
                    multiply(device, "logits", a, b, None, &arguments)?;
                }
            }
        }
        Ok(())
    }

    /// Compares the logits of the first `rows` rows with the labels at `labels`; with a key, their rounded errors as well.
    pub(crate) fn score(
        &self,
        device: &dyn Accelerator,
        control: &Control,
        labels: u64,
        rows: usize,
        key: Option<u32>,
    ) -> Result<(), DeviceError> {
        let index = self.layers.len() - 1;
        let layer = &self.layers[index];
        let errors = key.map_or(0, |_| layer.error.address());
        let arguments = [
            self.logits.address(),
            labels,
            rows as u64,
            layer.fan_out as u64,
            errors,
            layer.error.ld() as u64,
            control.address(),
            index as u64,
            key.unwrap_or(0).into(),
        ];
        // SAFETY: there are as many logits and errors.
        unsafe { device.launch("softmax", row_blocks(rows), ROW_THREADS, 0, &arguments) }
    }

    /// The backward pass of layer `index`: the error below it, with that one's key, and the updates. `rate` holds learning rate and
    /// mean.
    pub(crate) fn backward(
        &self,
        device: &dyn Accelerator,
        control: &Control,
        index: usize,
        key: u32,
        rate: i32,
    ) -> Result<(), DeviceError> {
        let layer = &self.layers[index];
        if let (Some(below), Some(rows), Some(positive)) =
            (index.checked_sub(1), &layer.rows, &layer.positive)
        {
            let error = &self.layers[below].error;
            let arguments = [
                error.address(),
                positive.address(),
                error.ld() as u64,
                control.address(),
                below as u64,
                key.into(),
            ];
            let (a, b) = ((&layer.error).into(), rows.into());
            // SAFETY: the error below has as many columns.
            unsafe { multiply(device, "propagate", a, b, None, &arguments)? };
        }
        let inputs = self.inputs_transposed.of(device, &layer.input)?;
        let errors = self.errors_transposed.of(device, &layer.error)?;
        let update = [
            layer.w.address(),
            layer.v.address(),
            control.address(),
            index as u64,
            signed(rate),
        ];
        let (a, b) = (Side::from(&inputs), Side::from(&errors));
        let bias = [
            errors.address(),
            errors.ld() as u64,
            layer.b.address(),
            layer.vb.address(),
            layer.fan_out as u64,
            control.address(),
            index as u64,
            signed(rate),
        ];
        // SAFETY: inputs and errors have as many rows as the weights have rows and columns.
        unsafe {
            multiply(device, "update", a, b, None, &update)?;
            device.launch(
                "update_bias",
                row_blocks(layer.fan_out),
                ROW_THREADS,
                0,
                &bias,
            )
        }
    }
}
