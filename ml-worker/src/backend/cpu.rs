//! A run being trained.

use std::sync::Arc;

use quern_training::{
    Dataset, State,
    arithmetic::{FRACTION, GRADIENT_EXPONENT},
    step::{delay, rounding_key},
    weights_tree,
};
use quern_work::{Hash, MAX_INNER, TILE, TaskSpec, batch, task::MIN_BATCH};

use super::{
    Isa, Lottery, Win,
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

/// Smallest noise rank whose chunks are whole groups of a panel.
const MIN_RANK: u32 = 4;

/// Fewest features whose neuron blocks are hashed side by side: those of a first layer that noise of [`MIN_RANK`] fits.
const COMMITTED_FEATURES: usize = 16 * MIN_RANK as usize;

/// Learning-rate exponents from here on change nothing: every update rounds to 0.
const LARGEST_LR_SHIFT: u32 = 1 << 16;

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

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step's number, the one in its seals: steps done before it.
    pub step: u64,
    /// Root of the first layer's operand that the step began with; only with a lottery, which commits to it anyway.
    pub weights_root: Option<Hash>,
    /// Mean cross-entropy of the batch before the update, nats. For display only.
    pub loss: f64,
    /// Rows of the batch that were classified right before the update.
    pub correct: u32,
    /// Draws within the threshold, ascending tile ordinal.
    pub wins: Vec<Win>,
}

/// How well a network classifies rows it was not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Rows classified right; the lowest class wins a tie.
    pub correct: u64,
    /// Rows in all.
    pub rows: u64,
    /// Mean cross-entropy, nats. For display only.
    pub loss: f64,
}

/// Why a run cannot be trained here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The machine lacks the instruction set that was asked for.
    #[error("this machine has no {0}")]
    Isa(Isa),
    /// The operating system refused threads.
    #[error("cannot start {0} threads")]
    Threads(usize),
    /// The data are not those that the task names.
    #[error("the dataset is not the task's")]
    Dataset,
    /// The state is not one of this task's network.
    #[error("the state does not have the sizes of the task's network")]
    State,
    /// The batch size is out of bounds.
    #[error("a batch must have a power of two of rows in [16, 65536]")]
    Batch,
    /// The noise rank does not fit the first layer.
    #[error("noise of rank {0} does not fit the task's first layer")]
    Rank(u32),
    /// The step counter is at its end.
    #[error("the run is at its last step")]
    Exhausted,
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
        if dataset.commitment() != spec.dataset {
            return Err(BackendError::Dataset);
        }
        if !(MIN_BATCH..=MAX_INNER).contains(&spec.batch) || !spec.batch.is_power_of_two() {
            return Err(BackendError::Batch);
        }
        check_state(spec, &state)?;
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

    /// Trains one step on the batch that the chain's rule dictates. With a lottery, its noise passes through the first
    /// product and leaves the same state behind.
    ///
    /// # Errors
    /// [`BackendError::Rank`] or [`BackendError::Exhausted`]; the state is then as before.
    pub fn step(&mut self, lottery: Option<&Lottery>) -> Result<Step, BackendError> {
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
        let shape = lottery.map(|lottery| {
            let shape = spec.lottery_shape(lottery.noise_rank);
            let fits = shape.is_valid() && shape.r >= MIN_RANK;
            fits.then_some((lottery, shape))
                .ok_or(BackendError::Rank(lottery.noise_rank))
        });
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

    /// Root of the first layer's operand that the next step begins with.
    pub fn weights_root(&mut self) -> Hash {
        let features = self.dataset.features();
        if features < COMMITTED_FEATURES {
            let state = self.network.state();
            return weights_tree(&state.first_operand_transposed(), features).root();
        }
        let operand = &mut self.scratch.first;
        operand.quantise(self.isa, &self.pool, &self.network.layers[0], 0, 0);
        lottery::commitment(self.isa, &self.pool, &operand.columns, features)
    }

    /// The run's state.
    pub fn state(&self) -> State {
        self.network.state()
    }

    /// Goes on from `state`.
    ///
    /// # Errors
    /// [`BackendError::State`]; the run's own state is then as before.
    pub fn restore(&mut self, state: &State) -> Result<(), BackendError> {
        check_state(&self.spec, state)?;
        self.network = Network::new(state, self.isa);
        Ok(())
    }

    /// Steps done.
    pub fn step_number(&self) -> u64 {
        self.network.step
    }

    /// Classifies all rows of `held_out`.
    ///
    /// # Errors
    /// [`BackendError::Dataset`] if its features or classes are not the task's.
    pub fn accuracy(&self, held_out: &Dataset) -> Result<Accuracy, BackendError> {
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

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The number of threads in use.
    pub fn threads(&self) -> usize {
        self.pool.threads()
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

/// Whether `state` has the sizes of the task's network throughout.
fn check_state(spec: &TaskSpec, state: &State) -> Result<(), BackendError> {
    let count = state.sizes.len().saturating_sub(1);
    let fits = state.sizes == spec.sizes()
        && count >= 2
        && state.layers.len() == count
        && state.activation_exponents.len() == count - 1
        && state.error_exponents.len() == count
        && state
            .layers
            .iter()
            .zip(state.sizes.windows(2))
            .all(|(layer, sizes)| {
                let (fan_in, fan_out) = (sizes[0] as usize, sizes[1] as usize);
                [&layer.w, &layer.v]
                    .iter()
                    .all(|tensor| tensor.len() == fan_in * fan_out)
                    && [&layer.b, &layer.vb]
                        .iter()
                        .all(|tensor| tensor.len() == fan_out)
            });
    fits.then_some(()).ok_or(BackendError::State)
}
