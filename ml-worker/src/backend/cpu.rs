//! A run being trained.

use std::sync::Arc;

use quern_training::{
    Dataset, State,
    arithmetic::{FRACTION, GRADIENT_EXPONENT},
    step::{delay, rounding_key},
    weights_tree,
};
use quern_work::{Hash, TILE, TaskSpec, batch};

use super::{
    Accuracy, Backend, BackendError, Isa, Lottery, Step,
    contract::{LARGEST_LR_SHIFT, MIN_RANK, check_run, check_state, lottery_shape},
    elementwise::{
        Peaks,
        error::{self, Rounding},
        parameters, peak,
        shift::Shift,
        softmax,
    },
    lottery::{self, Draws, Ticket},
    matrix::{OFFSET, Panels, SmallTile, Strips, Tile},
    network::{Layer, Network, Operand},
    pass::Pass,
    pool::Pool,
    product::{Left, product},
};

/// Fewest features whose neuron blocks are hashed side by side: those of a first layer that noise of [`MIN_RANK`] fits.
const COMMITTED_FEATURES: usize = 16 * MIN_RANK as usize;

/// Rows of one pass over held-out data.
const EVALUATION_ROWS: usize = 1024;

/// One run being trained on the CPU.
pub struct Cpu {
    spec: TaskSpec,
    seed: Hash,
    dataset: Arc<Dataset>,
    network: Network,
    isa: Isa,
    pool: Pool,
    scratch: Scratch,
}

/// Buffers that keep their place from step to step.
#[derive(Default)]
struct Scratch {
    operands: Vec<Operand>,
    /// The first layer's operand as it is committed to, where no lottery does that.
    first: Operand,
    pass: Pass,
    /// Error at each layer's output, rows × fan-out.
    errors: Vec<Strips>,
    left: Left,
    right: Panels,
    draws: Draws,
}

impl Cpu {
    /// The run with this seed in `state`, with `threads` threads (0 counts as 1).
    ///
    /// # Errors
    /// If machine, data, state or batch do not fit.
    pub fn new(
        spec: &TaskSpec,
        seed: Hash,
        dataset: Arc<Dataset>,
        state: State,
        threads: usize,
        isa: Isa,
    ) -> Result<Self, BackendError> {
        if !isa.is_available() {
            return Err(BackendError::Isa(isa));
        }
        check_run(spec, &dataset, &state)?;
        Ok(Self {
            spec: spec.clone(),
            seed,
            dataset,
            network: Network::new(&state, isa),
            isa,
            pool: Pool::new(threads).map_err(|_| BackendError::Threads(threads))?,
            scratch: Scratch::default(),
        })
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The number of threads in use.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }
}

impl Backend for Cpu {
    fn step(&mut self, lottery: Option<&Lottery>) -> Result<Step, BackendError> {
        let Self {
            spec,
            seed,
            dataset,
            network,
            isa,
            pool,
            scratch,
        } = self;
        let (isa, pool) = (*isa, &*pool);
        let step = network.step;
        let next_step = step.checked_add(1).ok_or(BackendError::Exhausted)?;
        let shape =
            lottery.map(|lottery| lottery_shape(spec, lottery).map(|shape| (lottery, shape)));
        let lottery = shape.transpose()?;

        let slots = spec.batch / TILE as u32;
        let blocks = (0..slots)
            .map(|slot| dataset.row_block(batch::block(seed, step, slot, dataset.row_blocks())));
        let (blocks, labels): (Vec<_>, Vec<_>) = blocks.unzip();
        let labels = labels.concat();
        let count = network.layers.len();
        let Scratch {
            operands,
            pass,
            errors,
            left,
            right,
            draws,
            ..
        } = scratch;
        pass.load(pool, &blocks, dataset.features(), count);
        operands.resize_with(count, Operand::default);
        for (index, (operand, layer)) in operands.iter_mut().zip(&network.layers).enumerate() {
            // The lottery's noise comes before the offset.
            let flip = if index == 0 && lottery.is_some() {
                0
            } else {
                OFFSET
            };
            operand.quantise(isa, pool, layer, index, flip);
        }
        let (weights_root, wins) = match lottery {
            None => {
                pass.forward(isa, pool, network, operands, left, None);
                (None, Vec::new())
            }
            Some((lottery, shape)) => {
                let weights = &mut operands[0].columns;
                let ticket = Ticket::new(isa, pool, lottery, step, &spec.dataset, weights, shape);
                draws.noise(isa, pool, ticket.job(), &pass.inputs[0], weights);
                pass.forward(isa, pool, network, operands, left, Some(draws));
                let wins = ticket.wins(
                    isa,
                    pool,
                    lottery,
                    seed,
                    dataset,
                    &operands[0].strips,
                    &pass.words,
                );
                (Some(ticket.root()), wins)
            }
        };

        errors.resize_with(count, Strips::default);
        for (error, layer) in errors.iter_mut().zip(&network.layers) {
            error.resize(spec.batch as usize, layer.fan_out);
        }
        let mut error_exponents = network.error_exponents.clone();
        let last = count - 1;
        let rounding = Rounding::new(
            GRADIENT_EXPONENT,
            network.error_exponents[last],
            rounding_key(seed, step, count as u32),
        );
        let mut peaks = [0; TILE];
        let logits = pass.logits();
        let score = softmax::softmax_errors(
            isa,
            &logits,
            &labels,
            rounding,
            errors[last].tiles_mut(),
            &mut peaks,
        );
        delay(&mut error_exponents[last], peak([peaks]), GRADIENT_EXPONENT);

        let lr_shift = spec.lr_shift_at(step).min(LARGEST_LR_SHIFT);
        let rate = FRACTION - lr_shift as i32 - spec.batch.ilog2() as i32;
        for index in (0..count).rev() {
            let error_exponent = network.error_exponents[index];
            if let Some(below) = index.checked_sub(1) {
                let exponent = error_exponent + operands[index].exponent;
                let rounding = Rounding::new(
                    exponent,
                    network.error_exponents[below],
                    rounding_key(seed, step, index as u32),
                );
                left.of_rows(isa, pool, &errors[index]);
                right.pack_rows(isa, pool, &operands[index].strips, OFFSET);
                let target = &mut errors[below];
                let peak = propagate(
                    isa,
                    pool,
                    left,
                    right,
                    &pass.positive[below],
                    rounding,
                    target,
                );
                delay(&mut error_exponents[below], peak, exponent);
            }
            let scale = network.activation_exponent(index) + error_exponent + rate;
            left.of_columns(isa, pool, &pass.inputs[index]);
            right.pack_columns(isa, pool, &errors[index], OFFSET);
            let layer = &mut network.layers[index];
            descend(isa, pool, left, right, Shift::new(scale), layer);
            for ((b, vb), strip) in layer
                .b
                .iter_mut()
                .zip(&mut layer.vb)
                .zip(errors[index].strips())
            {
                let gradient = parameters::column_sums(isa, strip);
                parameters::update_bias(isa, b, vb, &gradient, Shift::new(error_exponent + rate));
            }
        }
        for (exponent, (peak, unit)) in network.activation_exponents.iter_mut().zip(&pass.peaks) {
            delay(exponent, *peak, *unit);
        }
        network.error_exponents = error_exponents;
        network.step = next_step;
        Ok(Step {
            step,
            weights_root,
            loss: score.loss / f64::from(spec.batch),
            correct: score.correct,
            wins,
        })
    }

    fn weights_root(&mut self) -> Result<Hash, BackendError> {
        let features = self.dataset.features();
        if features < COMMITTED_FEATURES {
            let state = self.network.state();
            return Ok(weights_tree(&state.first_operand_transposed(), features).root());
        }
        let operand = &mut self.scratch.first;
        operand.quantise(self.isa, &self.pool, &self.network.layers[0], 0, 0);
        Ok(lottery::commitment(
            self.isa,
            &self.pool,
            &operand.columns,
            features,
        ))
    }

    fn state(&mut self) -> Result<State, BackendError> {
        Ok(self.network.state())
    }

    fn restore(&mut self, state: &State) -> Result<(), BackendError> {
        check_state(&self.spec, state)?;
        self.network = Network::new(state, self.isa);
        Ok(())
    }

    fn step_number(&self) -> u64 {
        self.network.step
    }

    fn accuracy(&mut self, held_out: &Dataset) -> Result<Accuracy, BackendError> {
        let task = &self.spec.dataset;
        if held_out.features() != task.features as usize || held_out.classes() != task.classes {
            return Err(BackendError::Dataset);
        }
        let (isa, pool) = (self.isa, &self.pool);
        let mut operands: Vec<Operand> = Vec::new();
        operands.resize_with(self.network.layers.len(), Operand::default);
        for (index, (operand, layer)) in operands.iter_mut().zip(&self.network.layers).enumerate() {
            operand.quantise(isa, pool, layer, index, OFFSET);
        }
        let (mut pass, mut left) = (Pass::default(), Left::default());
        let (mut correct, mut loss) = (0, 0.0);
        let features = held_out.features();
        let chunks = held_out
            .x()
            .chunks(EVALUATION_ROWS * features)
            .zip(held_out.y().chunks(EVALUATION_ROWS));
        for (x, labels) in chunks {
            let blocks: Vec<_> = x.chunks_exact(TILE * features).collect();
            pass.load(pool, &blocks, features, operands.len());
            pass.forward(isa, pool, &self.network, &operands, &mut left, None);
            let score = softmax::score(isa, &pass.logits(), labels);
            correct += u64::from(score.correct);
            loss += score.loss;
        }
        let rows = held_out.rows();
        Ok(Accuracy {
            correct,
            rows: rows as u64,
            loss: loss / rows as f64,
        })
    }
}

/// One strip of errors.
struct ErrorStrip<'a> {
    positive: &'a [SmallTile],
    error: &'a mut [SmallTile],
    peaks: Peaks,
}

/// The rounded error of a hidden layer's output, and its largest magnitude before rounding.
fn propagate(
    isa: Isa,
    pool: &Pool,
    left: &Left,
    right: &Panels,
    positive: &Strips,
    rounding: Rounding,
    error: &mut Strips,
) -> u32 {
    let (height, cols) = (error.height(), error.cols());
    let strips = positive.strips().zip(error.tiles_mut().chunks_mut(height));
    let mut strips: Vec<_> = strips
        .map(|(positive, error)| ErrorStrip {
            positive,
            error,
            peaks: [0; TILE],
        })
        .collect();
    product(isa, pool, left, right, &mut strips, |strip, i, j, sums| {
        let index = (i * TILE * cols + j * TILE) as u32;
        let (positive, error) = (&strip.positive[i], &mut strip.error[i]);
        error::round_error(
            isa,
            sums,
            positive,
            rounding,
            index,
            cols as u32,
            error,
            &mut strip.peaks,
        );
    });
    peak(strips.iter().map(|strip| strip.peaks))
}

/// One strip of a layer's weights and momentum.
struct ParameterStrip<'a> {
    w: &'a mut [Tile],
    v: &'a mut [Tile],
    peaks: Peaks,
}

/// Updates the weights of `layer` by the gradient, the product of `left` and `right`.
fn descend(isa: Isa, pool: &Pool, left: &Left, right: &Panels, shift: Shift, layer: &mut Layer) {
    let height = layer.height();
    let strips = layer.w.chunks_mut(height).zip(layer.v.chunks_mut(height));
    let mut strips: Vec<_> = strips
        .map(|(w, v)| ParameterStrip {
            w,
            v,
            peaks: [0; TILE],
        })
        .collect();
    product(
        isa,
        pool,
        left,
        right,
        &mut strips,
        |strip, i, _, gradient| {
            parameters::update(
                isa,
                &mut strip.w[i],
                &mut strip.v[i],
                gradient,
                shift,
                &mut strip.peaks,
            );
        },
    );
    layer.peak = peak(strips.iter().map(|strip| strip.peaks));
}
