//! What every backend does, and what can stand in its way.

use quern_training::{Dataset, State};
use quern_work::{Hash, MAX_INNER, Shape, TaskSpec, task::MIN_BATCH};

use super::{DeviceError, Isa, Lottery, Win};

/// Smallest noise rank whose chunks are whole groups of four columns, as kernels take them.
pub(crate) const MIN_RANK: u32 = 4;

/// Learning-rate exponents from here on change nothing: every update rounds to 0.
pub(crate) const LARGEST_LR_SHIFT: u32 = 1 << 16;

/// One run being trained on some device. All of them give the same bits.
pub trait Backend: Send {
    /// Trains one step on the batch that the chain's rule dictates. With a lottery, its noise passes through the first
    /// product and leaves the same state behind.
    ///
    /// # Errors
    /// [`BackendError::Rank`] or [`BackendError::Exhausted`], and the state is then as before; or the device's error, and then
    /// there is no state any more but that of the last success.
    fn step(&mut self, lottery: Option<&Lottery>) -> Result<Step, BackendError>;

    /// Root of the first layer's operand that the next step begins with.
    ///
    /// # Errors
    /// The device's.
    fn weights_root(&mut self) -> Result<Hash, BackendError>;

    /// The run's state.
    ///
    /// # Errors
    /// The device's.
    fn state(&mut self) -> Result<State, BackendError>;

    /// Goes on from `state`.
    ///
    /// # Errors
    /// [`BackendError::State`], and the run's own state is then as before; or the device's.
    fn restore(&mut self, state: &State) -> Result<(), BackendError>;

    /// Steps done.
    fn step_number(&self) -> u64;

    /// Classifies all rows of `held_out`.
    ///
    /// # Errors
    /// [`BackendError::Dataset`] if its features or classes are not the task's; or the device's.
    fn accuracy(&mut self, held_out: &Dataset) -> Result<Accuracy, BackendError>;
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step's number, the one in its seals: steps done before it.
    pub step: u64,
    /// Root of the first layer's operand that the step began with; only with a lottery, which commits to it anyway.
    pub weights_root: Option<Hash>,
    /// Mean cross-entropy of the batch before the update, nats. For display only: devices differ in its last digits.
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The device that was asked for cannot be used, or not any more.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Whether data, batch and state are the task's.
pub(crate) fn check_run(
    spec: &TaskSpec,
    dataset: &Dataset,
    state: &State,
) -> Result<(), BackendError> {
    if dataset.commitment() != spec.dataset {
        return Err(BackendError::Dataset);
    }
    if !(MIN_BATCH..=MAX_INNER).contains(&spec.batch) || !spec.batch.is_power_of_two() {
        return Err(BackendError::Batch);
    }
    check_state(spec, state)
}

/// Whether `state` has the sizes of the task's network throughout.
pub(crate) fn check_state(spec: &TaskSpec, state: &State) -> Result<(), BackendError> {
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

/// The shape of the task's lottery products, if the noise fits.
pub(crate) fn lottery_shape(spec: &TaskSpec, lottery: &Lottery) -> Result<Shape, BackendError> {
    let shape = spec.lottery_shape(lottery.noise_rank);
    let fits = shape.is_valid() && shape.r >= MIN_RANK;
    fits.then_some(shape)
        .ok_or(BackendError::Rank(lottery.noise_rank))
}
