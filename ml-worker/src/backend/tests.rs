//! Every instruction set and number of threads against the definitions.

use std::sync::Arc;

use quern_training::{Dataset, State};
use quern_work::{
    Hash, Job, JobInput, Shape, TaskSpec, Terms, U256, hash,
    hash::{Context, xof},
    verify,
};
use serde_json::Value;

use super::{Backend, BackendError, Cpu, Isa, Lottery};

pub(super) const VECTORS: &str = include_str!("../../../primitives/work/tests/vectors.json");

/// Bytes that look random, one stream per name.
fn bytes(name: &str, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    xof(&[7; 32], name.as_bytes()).fill(&mut bytes);
    bytes
}

/// Rows with features over all of [-64, 63].
pub(super) fn wild_dataset(rows: usize, features: usize, classes: u32) -> Arc<Dataset> {
    let x = bytes("x", rows * features)
        .into_iter()
        .map(|byte| byte as i8 >> 1)
        .collect();
    let y = bytes("y", 4 * rows);
    let y = y
        .as_chunks::<4>()
        .0
        .iter()
        .map(|word| (u32::from_le_bytes(*word) % classes) as u16)
        .collect();
    Arc::new(Dataset::new(x, y, features, classes).expect("rows within bounds"))
}

/// The reference's toy dataset: 512 rows of 512 features around ten centres.
pub(super) fn toy_dataset() -> Arc<Dataset> {
    let key = hash::derive(Context::new("quern/v1/toy"), &[]);
    let stream = |label: &[u8], count: usize| {
        let mut bytes = vec![0; count];
        xof(&key, label).fill(&mut bytes);
        bytes
    };
    let (rows, k, classes) = (512, 512, 10_u32);
    let y = stream(b"y", 4 * rows);
    let y: Vec<u16> = y
        .as_chunks::<4>()
        .0
        .iter()
        .map(|word| (u32::from_le_bytes(*word) % classes) as u16)
        .collect();
    let (centres, noise) = (
        stream(b"centres", classes as usize * k),
        stream(b"noise", rows * k),
    );
    let mut x = Vec::with_capacity(rows * k);
    for (noise, &class) in noise.chunks_exact(k).zip(&y) {
        let centre = &centres[usize::from(class) * k..][..k];
        x.extend(
            centre
                .iter()
                .zip(noise)
                .map(|(centre, noise)| (((centre & 63) + (noise & 31)) >> 1) as i8),
        );
    }
    Arc::new(Dataset::new(x, y, k, classes).expect("rows within bounds"))
}

pub(super) fn spec(
    dataset: &Dataset,
    hidden: &[u32],
    batch: u32,
    lr_shift: u8,
    lr_every: u32,
) -> TaskSpec {
    TaskSpec {
        dataset: dataset.commitment(),
        hidden: hidden.to_vec().try_into().expect("few layers"),
        batch,
        lr_shift,
        lr_every,
        segment: 64,
    }
}

pub(super) fn lottery(noise_rank: u32, allowance: u32) -> Lottery {
    Lottery {
        genesis: [0; 32],
        pre_hash: [0x11; 32],
        author: [0x22; 32],
        run: 3,
        noise_rank,
        allowance,
        threshold: U256::MAX,
    }
}

fn variants() -> Vec<(Isa, usize)> {
    Isa::available()
        .into_iter()
        .flat_map(|isa| [(isa, 1), (isa, 2)])
        .collect()
}

/// The definition of `steps` steps.
pub(super) fn train(
    spec: &TaskSpec,
    seed: &Hash,
    dataset: &Dataset,
    state: &mut State,
    steps: u64,
) {
    for _ in 0..steps {
        let (x, y) = dataset.batch(seed, state.step, spec.batch);
        let lr_shift = spec.lr_shift_at(state.step);
        state
            .train_step(seed, lr_shift, &x, &y)
            .expect("a batch within bounds");
    }
}

#[test]
fn every_path_trains_the_vectors_states_and_draws_the_vectors_draws() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors are JSON");
    let dataset = toy_dataset();
    let spec = spec(&dataset, &[48], 64, 4, 0);
    let seed = hash::derive(Context::new("quern/v1/toy-run"), &[]);
    for (isa, threads) in variants() {
        let state = State::initial(&spec.sizes(), &seed).expect("sizes within bounds");
        let mut cpu =
            Cpu::new(&spec, seed, dataset.clone(), state, threads, isa).expect("a task that fits");
        for t in 0..20 {
            let root = hex::encode(cpu.state().expect("a state").root());
            assert_eq!(
                root,
                vectors["states"][t].as_str().expect("a root"),
                "{isa} ×{threads}, step {t}"
            );
            let lottery = lottery(32, 100);
            let step = cpu.step((t % 5 == 0).then_some(&lottery)).expect("a step");
            if t == 5 {
                let draws = vectors["lottery"]["draws"].as_object().expect("draws");
                assert_eq!(step.wins.len(), draws.len());
                for win in &step.wins {
                    let (i, j) = win.seal.tile;
                    assert_eq!(
                        format!("{:064x}", win.draw),
                        draws[&format!("{i},{j}")].as_str().expect("a draw")
                    );
                    assert_eq!(
                        hex::encode(win.seal.weights_root),
                        vectors["weights_roots"][5].as_str().expect("a root")
                    );
                }
            }
        }
        assert_eq!(
            hex::encode(cpu.state().expect("a state").root()),
            vectors["states"][20].as_str().expect("a root"),
            "{isa} ×{threads}"
        );
    }
}

#[test]
fn every_path_trains_odd_shapes_bit_for_bit() {
    // features, hidden, classes, batch, lr_shift, lr_every
    let shapes = [
        (67, &[16][..], 2, 16, 2, 0),
        (100, &[48], 10, 32, 3, 4),
        (784, &[80, 32], 10, 64, 3, 0),
        (1, &[16, 112, 16], 17, 16, 1, 0),
        (130, &[144, 64], 33, 128, 0, 3),
        (515, &[16, 16, 16, 16], 100, 256, 5, 0),
        (33, &[256], 16, 16, 4, 0),
    ];
    for (features, hidden, classes, batch, lr_shift, lr_every) in shapes {
        let dataset = wild_dataset(330, features, classes);
        let spec = spec(&dataset, hidden, batch, lr_shift, lr_every);
        let seed = [features as u8; 32];
        let initial = State::initial(&spec.sizes(), &seed).expect("sizes within bounds");
        let mut expected = initial.clone();
        train(&spec, &seed, &dataset, &mut expected, 12);
        for (isa, threads) in variants() {
            let mut cpu = Cpu::new(&spec, seed, dataset.clone(), initial.clone(), threads, isa)
                .expect("a task that fits");
            assert_eq!(cpu.state().as_ref(), Ok(&initial));
            for t in 0..12 {
                let lottery = lottery(4, u32::MAX);
                let step = cpu
                    .step((features >= 64 && t % 3 == 1).then_some(&lottery))
                    .expect("a step");
                assert_eq!(step.step, t);
            }
            assert!(
                cpu.state().as_ref() == Ok(&expected),
                "{isa} ×{threads}, {features} {hidden:?} {classes} ×{batch}"
            );
            let held_out = cpu.accuracy(&dataset).expect("the same task");
            let predicted = expected.predict(dataset.x()).expect("whole rows");
            let correct = predicted
                .iter()
                .zip(dataset.y())
                .filter(|(p, y)| p == y)
                .count();
            assert_eq!(held_out.correct, correct as u64, "{isa} ×{threads}");
        }
    }
}

#[test]
fn every_path_draws_what_the_definition_draws() {
    // features, n, batch, rank
    let shapes = [
        (64, 16, 16, 4),
        (784, 48, 64, 32),
        (785, 16, 32, 16),
        (131, 80, 16, 8),
        (2051, 32, 16, 128),
        (9001, 16, 16, 8),
    ];
    for (features, n, batch, rank) in shapes {
        let dataset = wild_dataset(100, features, 5);
        let spec = spec(&dataset, &[n], batch, 3, 0);
        let seed = [9; 32];
        let state = State::initial(&spec.sizes(), &seed).expect("sizes within bounds");
        let bt = state.first_operand_transposed();
        let shape = Shape {
            m: batch,
            n,
            k: features as u32,
            r: rank,
        };
        let weights_root = quern_training::weights_tree(&bt, features).root();
        let commitment = dataset.commitment();
        let terms = lottery(rank, u32::MAX);
        let job = Job::new(&JobInput {
            genesis: terms.genesis,
            pre_hash: terms.pre_hash,
            author: terms.author,
            run: terms.run,
            step: 0,
            shape,
            dataset_root: commitment.root,
            row_blocks: commitment.row_blocks,
            weights_root,
        });
        let (x, _) = dataset.batch(&seed, 0, batch);
        let (_, draws) = quern_work::product(&x, &bt, &job);
        let mut expected = state.clone();
        train(&spec, &seed, &dataset, &mut expected, 1);
        for (isa, threads) in variants() {
            let mut cpu = Cpu::new(&spec, seed, dataset.clone(), state.clone(), threads, isa)
                .expect("a task that fits");
            let wins = cpu.step(Some(&terms)).expect("a step").wins;
            assert_eq!(
                wins.iter().map(|win| win.draw).collect::<Vec<_>>(),
                draws,
                "{isa} ×{threads}, {shape:?}"
            );
            assert!(
                cpu.state().as_ref() == Ok(&expected),
                "peeled, {isa} ×{threads}, {shape:?}"
            );
            let seal = &wins[wins.len() - 1].seal;
            let chain = Terms {
                genesis: terms.genesis,
                pre_hash: terms.pre_hash,
                author: terms.author,
                run_seed: seed,
                shape,
                dataset_root: commitment.root,
                row_blocks: commitment.row_blocks,
                difficulty: 1,
                allowance: u32::MAX,
            };
            assert_eq!(verify(seal, &chain), Ok(()), "{isa} ×{threads}, {shape:?}");
        }
    }
}

#[test]
fn only_tiles_within_allowance_and_threshold_win() {
    let dataset = wild_dataset(64, 128, 3);
    let spec = spec(&dataset, &[64], 32, 3, 0);
    let state = State::initial(&spec.sizes(), &[1; 32]).expect("sizes within bounds");
    let new = || {
        Cpu::new(
            &spec,
            [1; 32],
            dataset.clone(),
            state.clone(),
            1,
            Isa::detect(),
        )
        .expect("a task that fits")
    };
    let all = new()
        .step(Some(&lottery(8, u32::MAX)))
        .expect("a step")
        .wins;
    assert_eq!(all.len(), 2 * 4);
    let few = new().step(Some(&lottery(8, 5))).expect("a step").wins;
    assert_eq!(few, all[..5]);
    let threshold = all[3].draw;
    let good = new()
        .step(Some(&Lottery {
            threshold,
            ..lottery(8, u32::MAX)
        }))
        .expect("a step")
        .wins;
    assert_eq!(
        good,
        all.into_iter()
            .filter(|win| win.draw <= threshold)
            .collect::<Vec<_>>()
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let dataset = wild_dataset(64, 40, 3);
    let spec = spec(&dataset, &[16], 16, 3, 0);
    let state = State::initial(&spec.sizes(), &[1; 32]).expect("sizes within bounds");
    let new = |spec: &TaskSpec, state: &State, dataset: &Arc<Dataset>| {
        Cpu::new(
            spec,
            [1; 32],
            dataset.clone(),
            state.clone(),
            1,
            Isa::Scalar,
        )
        .err()
    };
    assert_eq!(new(&spec, &state, &dataset), None);
    assert_eq!(
        new(&spec, &state, &wild_dataset(80, 40, 3)),
        Some(BackendError::Dataset)
    );
    assert_eq!(
        new(
            &TaskSpec {
                batch: 24,
                ..spec.clone()
            },
            &state,
            &dataset
        ),
        Some(BackendError::Batch)
    );
    let other = State::initial(&[40, 32, 3], &[1; 32]).expect("sizes within bounds");
    assert_eq!(new(&spec, &other, &dataset), Some(BackendError::State));

    let mut cpu = Cpu::new(&spec, [1; 32], dataset, state.clone(), 1, Isa::detect())
        .expect("a task that fits");
    for rank in [0, 2, 3, 4, 64] {
        assert_eq!(
            cpu.step(Some(&lottery(rank, 1))),
            Err(BackendError::Rank(rank))
        );
    }
    assert_eq!(cpu.restore(&other), Err(BackendError::State));
    assert_eq!(cpu.state(), Ok(state));
}

#[test]
fn a_run_goes_on_from_where_it_was() {
    let dataset = wild_dataset(64, 40, 3);
    let spec = spec(&dataset, &[16], 16, 3, 2);
    let state = State::initial(&spec.sizes(), &[1; 32]).expect("sizes within bounds");
    let mut cpu =
        Cpu::new(&spec, [1; 32], dataset, state, 1, Isa::detect()).expect("a task that fits");
    cpu.step(None).expect("a step");
    let kept = cpu.state().expect("a state");
    cpu.step(None).expect("a step");
    let after = cpu.state().expect("a state");
    cpu.restore(&kept).expect("its own state");
    assert_eq!(cpu.step_number(), 1);
    cpu.step(None).expect("a step");
    assert_eq!(cpu.state(), Ok(after));
}
