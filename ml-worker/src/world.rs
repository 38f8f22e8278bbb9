//! A small task for tests, trained by the plain code.

use std::sync::OnceLock;

use quern_client::{SegmentResult, TaskSpec};
use quern_training::{Dataset, State, weights_tree};
use quern_work::{Hash, hash};

use crate::trace::Trace;

pub(crate) const SEED: Hash = [7; 32];
pub(crate) const SEGMENT: u32 = 4;
const FEATURES: usize = 64;
/// Steps that [`states`] and [`trace`] know.
pub(crate) const STEPS: u64 = 12;

fn rows(label: &[u8], count: usize) -> Dataset {
    let mut bytes = vec![0; count * FEATURES];
    hash::xof(&SEED, label).fill(&mut bytes);
    let x = bytes.iter().map(|byte| (byte >> 2) as i8).collect();
    let y = (0..count).map(|row| (row % 3) as u16).collect();
    Dataset::new(x, y, FEATURES, 3).unwrap()
}

/// The rows trained on.
pub(crate) fn data() -> Dataset {
    rows(b"rows", 64)
}

/// The rows held out.
pub(crate) fn held_out() -> Dataset {
    rows(b"held out", 48)
}

/// The task.
pub(crate) fn spec() -> TaskSpec {
    TaskSpec {
        dataset: data().commitment(),
        hidden: vec![32].try_into().unwrap(),
        batch: 16,
        lr_shift: 4,
        lr_every: 0,
        segment: SEGMENT,
    }
}

struct Training {
    /// The states after 0, 1, … steps.
    states: Vec<State>,
    trace: Trace,
    weights: Vec<Hash>,
}

fn training() -> &'static Training {
    static TRAINING: OnceLock<Training> = OnceLock::new();
    TRAINING.get_or_init(|| {
        let (spec, data) = (spec(), data());
        let mut state = State::initial(&spec.sizes(), &SEED).unwrap();
        let mut trace = Trace::new(SEGMENT, 0, state.root());
        let (mut states, mut weights) = (vec![state.clone()], Vec::new());
        for step in 0..STEPS {
            let root = weights_tree(&state.first_operand_transposed(), FEATURES).root();
            let (x, y) = data.batch(&SEED, step, spec.batch);
            let answers = state.predict(&x).unwrap();
            let correct = answers.iter().zip(&y).filter(|(a, b)| a == b).count() as u32;
            let rate = spec.lr_shift_at(step);
            state.train_step(&SEED, rate, &x, &y).unwrap();
            if trace.push(root, correct) {
                trace.close(state.root());
            }
            states.push(state.clone());
            weights.push(root);
        }
        Training {
            states,
            trace,
            weights,
        }
    })
}

/// The states after 0 to `steps` steps.
pub(crate) fn states(steps: u64) -> &'static [State] {
    &training().states[..=steps as usize]
}

/// What training [`STEPS`] steps finds out.
pub(crate) fn trace() -> Trace {
    training().trace.clone()
}

/// The results of all segments.
pub(crate) fn results() -> Vec<SegmentResult> {
    trace().between(0, STEPS).unwrap().to_vec()
}

/// The weights root that a step begins with.
pub(crate) fn weights(step: u64) -> Hash {
    training().weights[step as usize]
}
