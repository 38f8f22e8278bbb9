//! The kernels against the definitions and against the CPU: on emulated devices everywhere, and on a CUDA device where there is one.

mod compiled;
mod driver;
mod loss;

use std::{
    io::{self, Write},
    sync::Arc,
};

use quern_training::{Dataset, State};
use quern_work::{
    Hash, Job, JobInput, Shape, Terms, U256, hash,
    hash::{Context, xof},
    verify,
};
use serde_json::Value;

use super::{Accelerator, Cuda, CudaTrial, Driver, emulation};
use crate::backend::{
    Backend, BackendError, Cpu, Isa, Lottery,
    tests::{VECTORS, lottery, spec, toy_dataset, train, wild_dataset},
};

/// Says that a test is skipped, past the test harness, which shows nothing of a test that passes.
pub(super) fn skip(why: &str) {
    let _ = writeln!(io::stderr(), "skipped: {why}");
}

/// The CUDA device of this machine; none, and one line that says why, where there is none.
fn gpu() -> Option<Arc<dyn Accelerator>> {
    match Driver::open(0) {
        Ok(device) => Some(device),
        Err(reason) => {
            // A machine that is known to have one must not pass by skipping.
            assert!(std::env::var_os("QUERN_GPU").is_none(), "{reason}");
            skip(&format!("needs a CUDA device: {reason}"));
            None
        }
    }
}

fn initial(sizes: &[u32], seed: &Hash) -> State {
    State::initial(sizes, seed).expect("sizes within bounds")
}

/// The golden vectors: states, weights roots and draws of twenty steps.
fn the_vectors_hold_on(device: Arc<dyn Accelerator>) {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors are JSON");
    let dataset = toy_dataset();
    let spec = spec(&dataset, &[48], 64, 4, 0);
    let seed = hash::derive(Context::new("quern/v1/toy-run"), &[]);
    let state = initial(&spec.sizes(), &seed);
    let name = device.name().to_string();
    let mut cuda =
        Cuda::new(device, &spec, seed, dataset.clone(), &state).expect("a task that fits");
    for t in 0..20 {
        let state = cuda.state().expect("a state");
        let root = hex::encode(state.root());
        assert_eq!(
            root,
            vectors["states"][t].as_str().expect("a root"),
            "{name}, step {t}"
        );
        let weights_root = hex::encode(cuda.weights_root().expect("a root"));
        let expected = vectors["weights_roots"][t].as_str().expect("a root");
        assert_eq!(weights_root, expected, "{name}, step {t}");
        let lottery = lottery(32, 100);
        let drawn = (t % 5 == 0).then_some(&lottery);
        let step = cuda.step(drawn).expect("a step");
        assert_eq!(step.weights_root.is_some(), drawn.is_some());
        if t == 5 {
            let draws = vectors["lottery"]["draws"].as_object().expect("draws");
            assert_eq!(step.wins.len(), draws.len(), "{name}");
            for win in &step.wins {
                let (i, j) = win.seal.tile;
                let draw = draws[&format!("{i},{j}")].as_str().expect("a draw");
                assert_eq!(format!("{:064x}", win.draw), draw, "{name}");
                assert_eq!(hex::encode(win.seal.weights_root), expected, "{name}");
            }
        }
    }
    let root = hex::encode(cuda.state().expect("a state").root());
    assert_eq!(
        root,
        vectors["states"][20].as_str().expect("a root"),
        "{name}"
    );
    let found = cuda.accuracy(&dataset).expect("the same task");
    let permille = vectors["accuracy_after_20_steps_permille"].as_u64();
    assert_eq!(Some(found.correct * 1000 / found.rows), permille, "{name}");
}

/// A network, and how it is trained.
struct Case {
    features: usize,
    hidden: &'static [u32],
    classes: u32,
    batch: u32,
    lr_shift: u8,
    lr_every: u32,
    /// Rank of the noise of every third step's lottery, where the features suffice.
    rank: u32,
}

const fn case(
    features: usize,
    hidden: &'static [u32],
    classes: u32,
    batch: u32,
    lr_shift: u8,
    lr_every: u32,
    rank: u32,
) -> Case {
    Case {
        features,
        hidden,
        classes,
        batch,
        lr_shift,
        lr_every,
        rank,
    }
}

/// Trains `steps` steps beside the CPU, and compares everything that comes out.
fn training_is_the_cpu_s_on(device: &Arc<dyn Accelerator>, case: &Case, steps: u64) {
    let Case {
        features,
        hidden,
        classes,
        batch,
        ..
    } = *case;
    let name = format!(
        "{}, {features} {hidden:?} {classes} ×{batch}",
        device.name()
    );
    let dataset = wild_dataset(330, features, classes);
    let spec = spec(&dataset, hidden, batch, case.lr_shift, case.lr_every);
    let seed = [features as u8; 32];
    let state = initial(&spec.sizes(), &seed);
    let mut cpu = Cpu::new(
        &spec,
        seed,
        dataset.clone(),
        state.clone(),
        1,
        Isa::detect(),
    )
    .expect("a task that fits");
    let mut cuda =
        Cuda::new(device.clone(), &spec, seed, dataset.clone(), &state).expect("a task that fits");
    assert_eq!(cuda.state(), Ok(state));
    let noised = features >= 16 * case.rank as usize;
    for t in 0..steps {
        let lottery = lottery(case.rank, u32::MAX);
        let drawn = (noised && t % 3 == 1).then_some(&lottery);
        let (ours, theirs) = (cuda.step(drawn), cpu.step(drawn));
        let (ours, theirs) = (ours.expect("a step"), theirs.expect("a step"));
        assert_eq!(
            (ours.step, ours.weights_root, ours.correct),
            (theirs.step, theirs.weights_root, theirs.correct),
            "{name}, step {t}"
        );
        // Seals are too long to be shown.
        assert!(ours.wins == theirs.wins, "wins, {name}, step {t}");
        let near = (ours.loss - theirs.loss).abs() <= 1e-3 * (1.0 + theirs.loss);
        assert!(near, "{name}, step {t}: {} and {}", ours.loss, theirs.loss);
    }
    assert!(cuda.state() == cpu.state(), "{name}");
    assert_eq!(cuda.weights_root(), cpu.weights_root(), "{name}");
    let (ours, theirs) = (cuda.accuracy(&dataset), cpu.accuracy(&dataset));
    let (ours, theirs) = (ours.expect("an accuracy"), theirs.expect("an accuracy"));
    assert_eq!(
        (ours.correct, ours.rows),
        (theirs.correct, theirs.rows),
        "{name}"
    );
}

/// The draws and the peeled product of random operands, by definition. If they are `aligned` with the noise, one row of either
/// sparse factor gathers sums of the largest magnitude.
fn products_are_the_definition_s_on(device: &Arc<dyn Accelerator>, shape: Shape, aligned: bool) {
    let name = format!("{}, {shape:?}", device.name());
    let mut trial = CudaTrial::on(device.clone(), shape).expect("a shape that fits");
    let [mut a, mut bt] = trial.operands().expect("operands");
    let pre_hash = [shape.k as u8; 32];
    let job = Job::new(&JobInput {
        genesis: [0; 32],
        pre_hash,
        author: [0; 32],
        run: 0,
        step: 0,
        shape,
        dataset_root: [0; 32],
        row_blocks: 1,
        weights_root: [0; 32],
    });
    if aligned {
        for (operand, noise) in [(&mut a, job.noise_b()), (&mut bt, job.noise_a())] {
            for (at, &(p, q)) in noise.pairs().iter().enumerate() {
                for row in operand.chunks_exact_mut(shape.k as usize) {
                    row[at] = [row[at], 63, -64][usize::from(p == 0) + 2 * usize::from(q == 0)];
                }
            }
        }
        trial.load(&a, &bt).expect("operands");
    }
    let (product, draws) = quern_work::product(&a, &bt, &job);
    trial.plain(1).expect("a product");
    assert!(trial.product().as_ref() == Ok(&product), "plain, {name}");
    trial.plain(2).expect("products");
    let count = trial.lottery(pre_hash, U256::MAX, 1).expect("a lottery");
    assert_eq!(count as usize, draws.len(), "{name}");
    let found = trial.draws(count).expect("draws");
    let expected: Vec<_> = (0..).zip(draws).collect();
    assert!(found == expected, "draws, {name}");
    assert!(trial.product().as_ref() == Ok(&product), "peeled, {name}");
}

const fn shape(m: u32, n: u32, k: u32, r: u32) -> Shape {
    Shape { m, n, k, r }
}

/// Small, odd and deep: rows and columns beyond one tile of any kernel, ranks below and above the tensor cores' least, columns left
/// over.
const SHAPES: [Shape; 9] = [
    shape(16, 16, 64, 4),
    shape(48, 80, 333, 16),
    shape(144, 160, 515, 32),
    shape(272, 16, 640, 32),
    shape(16, 272, 1100, 64),
    shape(32, 48, 2051, 128),
    shape(64, 64, 4100, 256),
    shape(128, 128, 785, 32),
    shape(16, 32, 9001, 8),
];

/// Shapes whose gathered sums need three digits if they are aligned with the noise.
const DEEP: [Shape; 2] = [shape(16, 16, 2100, 4), shape(16, 16, 16_600, 32)];

const CASES: [Case; 8] = [
    case(67, &[16], 2, 16, 2, 0, 4),
    case(100, &[48], 10, 32, 3, 4, 4),
    case(784, &[80, 32], 10, 64, 3, 0, 32),
    case(1, &[16, 112, 16], 17, 16, 1, 0, 4),
    case(130, &[144, 64], 33, 128, 0, 3, 8),
    case(515, &[16, 16, 16, 16], 100, 256, 5, 0, 32),
    case(33, &[256], 16, 16, 4, 0, 4),
    case(1040, &[48], 3, 32, 4, 0, 64),
];

#[test]
fn emulated_kernels_train_the_vectors_states_and_draw_the_vectors_draws() {
    for device in emulation::devices() {
        the_vectors_hold_on(device);
    }
}

#[test]
fn emulated_kernels_multiply_and_draw_as_defined() {
    for device in emulation::devices() {
        for shape in SHAPES {
            products_are_the_definition_s_on(&device, shape, false);
        }
        for shape in DEEP {
            products_are_the_definition_s_on(&device, shape, true);
        }
    }
}

#[test]
fn emulated_kernels_train_as_the_cpu_does() {
    for device in emulation::devices() {
        for case in &CASES {
            training_is_the_cpu_s_on(&device, case, 7);
        }
    }
}

#[test]
fn emulated_seals_pass_the_chain_s_check() {
    for device in emulation::devices() {
        a_seal_passes_on(device);
    }
}

fn a_seal_passes_on(device: Arc<dyn Accelerator>) {
    let (features, rank, batch) = (131, 8, 32);
    let dataset = wild_dataset(100, features, 5);
    let spec = spec(&dataset, &[48], batch, 3, 0);
    let seed = [9; 32];
    let state = initial(&spec.sizes(), &seed);
    let name = device.name().to_string();
    let mut cuda =
        Cuda::new(device, &spec, seed, dataset.clone(), &state).expect("a task that fits");
    let all = cuda
        .step(Some(&lottery(rank, u32::MAX)))
        .expect("a step")
        .wins;
    assert_eq!(all.len(), 2 * 3, "{name}");
    let terms = lottery(rank, u32::MAX);
    let chain = Terms {
        genesis: terms.genesis,
        pre_hash: terms.pre_hash,
        author: terms.author,
        run_seed: seed,
        shape: spec.lottery_shape(rank),
        dataset_root: spec.dataset.root,
        row_blocks: spec.dataset.row_blocks,
        difficulty: 1,
        allowance: u32::MAX,
    };
    for win in &all {
        assert_eq!(verify(&win.seal, &chain), Ok(()), "{name}");
    }
    // Only those within allowance and threshold win.
    let mut again = |lottery: &Lottery| {
        cuda.restore(&state).expect("its own state");
        cuda.step(Some(lottery)).expect("a step").wins
    };
    assert!(again(&lottery(rank, 4)) == all[..4], "{name}");
    let threshold = all[3].draw;
    let good = again(&Lottery {
        threshold,
        ..lottery(rank, u32::MAX)
    });
    let within = all.iter().filter(|win| win.draw <= threshold);
    assert!(good.iter().eq(within), "{name}");
}

/// States as far from zero as their encoding allows, where every saturation happens.
#[test]
fn emulated_kernels_saturate_as_the_definition_does() {
    use quern_training::arithmetic::LIM;
    let dataset = wild_dataset(64, 20, 5);
    let spec = spec(&dataset, &[32, 16], 16, 0, 0);
    for (number, device) in (0_u8..).zip(emulation::devices()) {
        for pattern in 0..6_u8 {
            let mut picks = vec![0; 4096];
            xof(&[number; 32], &[pattern]).fill(&mut picks);
            let mut picks = picks.into_iter().cycle();
            let mut state = initial(&spec.sizes(), &[1; 32]);
            for layer in &mut state.layers {
                let tensors = [&mut layer.w, &mut layer.v, &mut layer.b, &mut layer.vb];
                for value in tensors.into_iter().flatten() {
                    let pick = usize::from(picks.next().unwrap_or(0) % 6);
                    *value = [LIM, -LIM, LIM, -LIM, 0, 1][pick];
                }
            }
            let mut end = |low, high| if picks.next() > Some(127) { low } else { high };
            state.activation_exponents = vec![end(-30, 18), end(-54, 42)];
            state.error_exponents = vec![end(-64, 42), end(-40, 18), end(-16, -6)];
            state.step = u64::from(pattern) << 40;
            let mut expected = state.clone();
            train(&spec, &[2; 32], &dataset, &mut expected, 3);
            let mut cuda = Cuda::new(device.clone(), &spec, [2; 32], dataset.clone(), &state)
                .expect("a task that fits");
            for _ in 0..3 {
                cuda.step(None).expect("a step");
            }
            assert!(
                cuda.state() == Ok(expected),
                "{}, pattern {pattern}",
                device.name()
            );
        }
    }
}

/// Exponents for which every rounding of a step shifts by `s`.
fn shifting_by(s: i32, state: &State) -> State {
    let mut state = state.clone();
    let count = state.layers.len();
    for layer in 0..count - 1 {
        let output = state.activation_exponent(layer) + state.operand(layer).exponent;
        state.activation_exponents[layer] = output - s;
    }
    let mut gradient = quern_training::arithmetic::GRADIENT_EXPONENT;
    for layer in (0..count).rev() {
        state.error_exponents[layer] = gradient + s;
        gradient = state.error_exponents[layer] + state.operand(layer).exponent;
    }
    state
}

#[test]
fn emulated_kernels_round_as_the_definition_does_whatever_the_shift() {
    let dataset = wild_dataset(64, 20, 5);
    let spec = spec(&dataset, &[32, 16], 16, 3, 0);
    let mut state = initial(&spec.sizes(), &[1; 32]);
    train(&spec, &[2; 32], &dataset, &mut state, 3);
    for device in emulation::devices() {
        let mut cuda = Cuda::new(device.clone(), &spec, [2; 32], dataset.clone(), &state)
            .expect("a task that fits");
        for s in -35..=35 {
            let mut expected = shifting_by(s, &state);
            cuda.restore(&expected).expect("its own sizes");
            train(&spec, &[2; 32], &dataset, &mut expected, 1);
            cuda.step(None).expect("a step");
            assert!(cuda.state() == Ok(expected), "{}, 2^-{s}", device.name());
        }
    }
}

/// The least likelihood that counts: with one unit more in the sum of powers, the likeliest class has one unit less.
#[test]
fn emulated_kernels_count_a_class_that_is_two_to_the_sixteenth_as_likely() {
    let dataset = wild_dataset(64, 20, 5);
    let spec = spec(&dataset, &[16], 64, 0, 0);
    let mut state = initial(&spec.sizes(), &[1; 32]);
    // Weights of 0 have exponent -24, logits so -17, and a distance d is d · 47 274 · 2^-16 in 16.16 fixed point.
    state.layers[1].w.fill(0);
    state.activation_exponents = vec![7];
    state.error_exponents[1] = quern_training::arithmetic::GRADIENT_EXPONENT;
    for least in [0, 1] {
        let distance = ((16 << 32) + 47_273) / 47_274 + least;
        let bias = |distance: i64| (-distance << 7) as i32;
        state.layers[1].b = vec![
            0,
            bias(distance),
            bias(1 << 22),
            bias(1 << 22),
            bias(1 << 22),
        ];
        let mut expected = state.clone();
        train(&spec, &[2; 32], &dataset, &mut expected, 1);
        for device in emulation::devices() {
            let name = device.name().to_string();
            let mut cuda = Cuda::new(device, &spec, [2; 32], dataset.clone(), &state)
                .expect("a task that fits");
            cuda.step(None).expect("a step");
            assert!(cuda.state().as_ref() == Ok(&expected), "{name}, {distance}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_the_state_alone() {
    let Some(device) = emulation::devices().pop() else {
        return;
    };
    let dataset = wild_dataset(64, 40, 3);
    let spec = spec(&dataset, &[16], 16, 3, 0);
    let state = initial(&spec.sizes(), &[1; 32]);
    let other = initial(&[40, 32, 3], &[1; 32]);
    let new = |dataset: &Arc<Dataset>, state: &State| {
        Cuda::new(device.clone(), &spec, [1; 32], dataset.clone(), state).err()
    };
    assert_eq!(
        new(&wild_dataset(80, 40, 3), &state),
        Some(BackendError::Dataset)
    );
    assert_eq!(new(&dataset, &other), Some(BackendError::State));
    let mut cuda = Cuda::new(device.clone(), &spec, [1; 32], dataset.clone(), &state)
        .expect("a task that fits");
    for rank in [0, 2, 3, 4, 64] {
        let refused = cuda.step(Some(&lottery(rank, 1)));
        assert_eq!(refused, Err(BackendError::Rank(rank)));
    }
    assert_eq!(cuda.restore(&other), Err(BackendError::State));
    let unlike = cuda.accuracy(&wild_dataset(64, 41, 3));
    assert_eq!(unlike, Err(BackendError::Dataset));
    assert_eq!(cuda.state(), Ok(state));
}

#[test]
fn a_gpu_trains_the_vectors_states_and_draws_the_vectors_draws() {
    if let Some(device) = gpu() {
        the_vectors_hold_on(device);
    }
}

#[test]
fn a_gpu_multiplies_and_draws_as_defined() {
    if let Some(device) = gpu() {
        for shape in SHAPES {
            products_are_the_definition_s_on(&device, shape, false);
        }
        for shape in DEEP {
            products_are_the_definition_s_on(&device, shape, true);
        }
        products_are_the_definition_s_on(&device, shape(512, 768, 1024, 64), false);
        products_are_the_definition_s_on(&device, shape(16, 16, 65_536, 4096), false);
    }
}

/// What ours is measured beside is the same product.
#[test]
fn a_gpu_multiplies_as_cublaslt_does() {
    if gpu().is_none() {
        return;
    }
    let shape = shape(272, 400, 784, 32);
    let mut trial = CudaTrial::new(0, shape).expect("a shape that fits");
    trial.plain(1).expect("a product");
    let ours = trial.product().expect("a product");
    if !trial.cublaslt(1).expect("a product") {
        return skip("needs cuBLASLt's library");
    }
    let theirs = trial.product().expect("a product");
    let (m, n) = (shape.m as usize, shape.n as usize);
    let transposed = (0..m * n).map(|at| theirs[at % n * m + at / n]);
    assert!(transposed.eq(ours), "column by column");
}

#[test]
fn a_gpu_is_in_the_cpu_s_state_after_a_thousand_steps() {
    if let Some(device) = gpu() {
        for case in &CASES {
            training_is_the_cpu_s_on(&device, case, 1000);
        }
        for case in [
            case(784, &[1024], 10, 512, 3, 300, 32),
            case(2048, &[512, 256], 100, 256, 3, 0, 128),
        ] {
            training_is_the_cpu_s_on(&device, &case, 1000);
        }
    }
}

#[test]
fn a_gpu_s_seals_pass_the_chain_s_check() {
    if let Some(device) = gpu() {
        a_seal_passes_on(device);
    }
}
