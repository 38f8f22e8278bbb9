//! A run being trained on a device.

use std::sync::Arc;

use quern_training::{Dataset, State, arithmetic::FRACTION, step::rounding_key};
use quern_work::{Hash, JobInput, Shape, TILE, TaskSpec, U256, WorkSeal, batch, merkle::Tree};

use super::{
    Accelerator,
    accelerator::Buffer,
    control::{Control, keys},
    lottery::{Commitment, Room},
    matrix::Matrix,
    network::Network,
};
use crate::backend::{
    Accuracy, Backend, BackendError, DeviceError, Lottery, Step, Win,
    contract::{LARGEST_LR_SHIFT, check_run, check_state, lottery_shape},
};

/// Bytes that a row of the dataset is padded to.
const UNIT: usize = 16;

/// One run being trained on a CUDA device.
pub(crate) struct Cuda {
    device: Arc<dyn Accelerator>,
    spec: TaskSpec,
    seed: Hash,
    dataset: Arc<Dataset>,
    step: u64,
    /// All rows, padded to whole units, and all labels.
    rows: Buffer,
    row_labels: Buffer,
    /// The batch's labels.
    labels: Buffer,
    keys: Buffer,
    control: Control,
    network: Network,
    commitment: Commitment,
    room: Option<Room>,
}

impl Cuda {
    /// The run with this seed in `state`.
    ///
    /// # Errors
    /// If data, state or batch do not fit, and the device's.
    pub(crate) fn new(
        device: Arc<dyn Accelerator>,
        spec: &TaskSpec,
        seed: Hash,
        dataset: Arc<Dataset>,
        state: &State,
    ) -> Result<Self, BackendError> {
        check_run(spec, &dataset, state)?;
        let (batch, features) = (spec.batch as usize, dataset.features());
        let n = state.sizes[1] as usize;
        let cuda = Self {
            spec: spec.clone(),
            seed,
            step: state.step,
            rows: Buffer::of(&device, &padded(dataset.x(), features))?,
            row_labels: Buffer::of(&device, &label_bytes(dataset.y()))?,
            labels: Buffer::new(&device, 2 * batch)?,
            keys: keys(&device, &seed)?,
            control: Control::new(&device)?,
            network: Network::new(&device, &state.sizes, batch)?,
            commitment: Commitment::new(&device, n, features)?,
            room: None,
            dataset,
            device,
        };
        cuda.network.load(&*cuda.device, &cuda.control, state)?;
        Ok(cuda)
    }

    /// Begins a lottery of this shape. Its room is kept from step to step.
    fn enter(&mut self, lottery: &Lottery, shape: Shape) -> Result<(), DeviceError> {
        // What has another shape goes before what comes needs its place.
        let kept = self.room.take().filter(|room| room.shape == shape);
        let room = kept.map_or_else(|| Room::new(&self.device, shape), Ok)?;
        let input = JobInput {
            genesis: lottery.genesis,
            pre_hash: lottery.pre_hash,
            author: lottery.author,
            run: lottery.run,
            step: self.step,
            shape,
            dataset_root: self.spec.dataset.root,
            row_blocks: self.spec.dataset.row_blocks,
            // The device fills in its own.
            weights_root: [0; 32],
        };
        self.room.insert(room).begin(&input, lottery.threshold)
    }

    /// Brings the batch's rows and labels together.
    fn gather(&self) -> Result<(), DeviceError> {
        let input = &self.network.layers[0].input;
        let arguments = [
            input.address(),
            input.ld() as u64,
            self.labels.address(),
            self.rows.address(),
            self.row_labels.address(),
            self.dataset.features().div_ceil(UNIT) as u64,
            self.keys.address(),
            self.step,
            self.dataset.row_blocks().into(),
        ];
        let slots = self.spec.batch / TILE as u32;
        // SAFETY: the batch has so many slots, and the dataset so many row blocks.
        unsafe { self.device.launch("gather", [slots, 1], 128, 0, &arguments) }
    }

    /// The first layer's pass as a lottery: commitment, noise, product, draws.
    fn draw(&self, lottery: &Lottery) -> Result<(), DeviceError> {
        let (device, control) = (&*self.device, &self.control);
        let Some(room) = &self.room else {
            return Ok(());
        };
        let layer = &self.network.layers[0];
        let weights: &Matrix = &layer.columns;
        self.commitment
            .commit(device, weights, &self.keys, control)?;
        room.noise(device, &self.keys, control, &layer.input, weights)?;
        let arguments = self.network.activation(control, 0);
        // SAFETY: the layer above takes as many columns.
        unsafe { room.multiply(device, control, "activate", &arguments)? };
        room.draw(device, control, lottery.allowance)
    }

    /// The proofs of so many draws.
    fn wins(&self, lottery: &Lottery, count: u32, root: Hash) -> Result<Vec<Win>, DeviceError> {
        let Some(room) = self.room.as_ref().filter(|_| count > 0) else {
            return Ok(Vec::new());
        };
        let tree = Tree::new(self.commitment.leaves()?);
        let win = |(ordinal, draw): (u32, U256)| {
            let (i, j) = (
                ordinal / room.shape.tiles_n(),
                ordinal % room.shape.tiles_n(),
            );
            let block = batch::block(&self.seed, self.step, i, self.dataset.row_blocks());
            let (a_rows, block_labels) = self.dataset.row_block(block);
            let mut labels = [0; TILE];
            labels.copy_from_slice(block_labels);
            let columns = &self.network.layers[0].columns;
            let seal = WorkSeal {
                run: lottery.run,
                step: self.step,
                tile: (i, j),
                weights_root: root,
                a_rows: a_rows.to_vec(),
                labels,
                a_path: self.dataset.tree().path(block as usize),
                b_rows: columns.read_rows(j as usize * TILE, TILE)?,
                b_path: tree.path(j as usize),
            };
            Ok(Win { draw, seal })
        };
        room.winners(count)?.into_iter().map(win).collect()
    }
}

impl Backend for Cuda {
    fn step(&mut self, lottery: Option<&Lottery>) -> Result<Step, BackendError> {
        let step = self.step;
        let next_step = step.checked_add(1).ok_or(BackendError::Exhausted)?;
        if let Some(lottery) = lottery {
            self.enter(lottery, lottery_shape(&self.spec, lottery)?)?;
        }
        let (device, control, network) = (&*self.device, &self.control, &self.network);
        let batch = self.spec.batch;
        let count = network.layers.len();
        network.start(device, control)?;
        self.gather()?;
        for index in 0..count {
            network.quantise(device, control, index)?;
        }
        network.forget_peaks(device, control)?;
        if let Some(lottery) = lottery {
            self.draw(lottery)?;
        }
        let first = usize::from(lottery.is_some());
        network.forward(device, control, first, batch as usize)?;
        let key = |layer: usize| rounding_key(&self.seed, step, layer as u32);
        let labels = self.labels.address();
        network.score(device, control, labels, batch as usize, Some(key(count)))?;
        let lr_shift = self.spec.lr_shift_at(step).min(LARGEST_LR_SHIFT);
        let rate = FRACTION - lr_shift as i32 - batch.ilog2() as i32;
        for index in (0..count).rev() {
            network.backward(device, control, index, key(index), rate)?;
        }
        network.finish(device, control)?;
        let report = control.report()?;
        let weights_root = report.weights_root;
        let wins = lottery.map_or_else(
            || Ok(Vec::new()),
            |lottery| self.wins(lottery, report.wins, weights_root),
        )?;
        self.step = next_step;
        Ok(Step {
            step,
            weights_root: lottery.map(|_| weights_root),
            loss: report.nats() / f64::from(batch),
            correct: report.correct,
            wins,
        })
    }

    fn weights_root(&mut self) -> Result<Hash, BackendError> {
        let (device, control) = (&*self.device, &self.control);
        self.network.start(device, control)?;
        self.network.quantise(device, control, 0)?;
        let weights = &self.network.layers[0].columns;
        self.commitment
            .commit(device, weights, &self.keys, control)?;
        Ok(control.report()?.weights_root)
    }

    fn state(&mut self) -> Result<State, BackendError> {
        Ok(self.network.state(&self.control, self.step)?)
    }

    fn restore(&mut self, state: &State) -> Result<(), BackendError> {
        check_state(&self.spec, state)?;
        self.network.load(&*self.device, &self.control, state)?;
        self.step = state.step;
        Ok(())
    }

    fn step_number(&self) -> u64 {
        self.step
    }

    fn accuracy(&mut self, held_out: &Dataset) -> Result<Accuracy, BackendError> {
        let task = &self.spec.dataset;
        if held_out.features() != task.features as usize || held_out.classes() != task.classes {
            return Err(BackendError::Dataset);
        }
        let (device, control, network) = (&*self.device, &self.control, &self.network);
        network.start(device, control)?;
        for index in 0..network.layers.len() {
            network.quantise(device, control, index)?;
        }
        let batch = self.spec.batch as usize;
        let chunks = held_out.x().chunks(batch * held_out.features());
        for (x, labels) in chunks.zip(held_out.y().chunks(batch)) {
            network.layers[0].input.write_rows(0, x)?;
            self.labels.write(0, &label_bytes(labels))?;
            network.forward(device, control, 0, labels.len())?;
            network.score(device, control, self.labels.address(), labels.len(), None)?;
        }
        let report = control.report()?;
        let rows = held_out.rows() as u64;
        Ok(Accuracy {
            correct: report.correct.into(),
            rows,
            loss: report.nats() / rows as f64,
        })
    }
}

/// Rows padded to whole units.
fn padded(x: &[i8], features: usize) -> Vec<u8> {
    let ld = features.next_multiple_of(UNIT);
    let mut bytes = vec![0; x.len() / features * ld];
    for (row, out) in x.chunks_exact(features).zip(bytes.chunks_exact_mut(ld)) {
        out.iter_mut()
            .zip(row)
            .for_each(|(out, &value)| *out = value as u8);
    }
    bytes
}

fn label_bytes(labels: &[u16]) -> Vec<u8> {
    labels
        .iter()
        .flat_map(|label| label.to_le_bytes())
        .collect()
}
