//! The protocol's golden vectors: a toy run of twenty steps, with the lottery product of its sixth.

use std::collections::BTreeMap;

use quern_training::{
    Dataset, Hash, State,
    arithmetic::{hash32, softmax_gradient},
    weights_tree,
};
use quern_work::{
    Job, JobInput, Shape, U256,
    hash::{Context, derive, xof},
    product,
};
use serde_json::Value;

const SIZES: [u32; 3] = [512, 48, 10];
const ROWS: u32 = 64;
const LR_SHIFT: u32 = 4;
const DATASET_ROWS: usize = 512;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../work/tests/vectors.json")).unwrap()
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(read).collect()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn run_seed() -> Hash {
    derive(Context::new("quern/v1/toy-run"), &[])
}

/// Noisy copies of one random centre per class.
fn toy_dataset(features: u32) -> Dataset {
    let (features, classes) = (features as usize, SIZES[2] as usize);
    let key = derive(Context::new("quern/v1/toy"), &[]);
    let stream = |label: &[u8], length: usize| {
        let mut bytes = vec![0; length];
        xof(&key, label).fill(&mut bytes);
        bytes
    };
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let y: Vec<u16> = stream(b"y", 4 * DATASET_ROWS)
        .chunks(4)
        .map(|bytes| (word(bytes) % classes as u32) as u16)
        .collect();
    let centres = stream(b"centres", classes * features);
    let noise = stream(b"noise", DATASET_ROWS * features);
    let x = noise
        .chunks(features)
        .zip(&y)
        .flat_map(|(noise, &class)| {
            let centre = &centres[usize::from(class) * features..][..features];
            centre
                .iter()
                .zip(noise)
                .map(|(centre, noise)| (((centre & 63) + (noise & 31)) >> 1) as i8)
        })
        .collect();
    Dataset::new(x, y, features, SIZES[2]).unwrap()
}

#[test]
fn counter_hashes_agree() {
    let hashes: Vec<i64> = (0..3).map(|index| hash32(index, 12_345).into()).collect();
    assert_eq!(hashes, list(&vectors()["hash32"], number));
}

#[test]
fn softmax_gradients_agree() {
    let mut gradient = [0; 4];
    softmax_gradient(&[1000, -500, 0, 250], -8, 1, &mut gradient);
    assert_eq!(
        gradient.map(i64::from)[..],
        list(&vectors()["softmax"], number)
    );
}

#[test]
fn dataset_commitments_agree() {
    let commitment = toy_dataset(SIZES[0]).commitment();
    let dataset = &vectors()["dataset"];
    assert_eq!(hex::encode(commitment.root), text(&dataset["root"]));
    assert_eq!(
        i64::from(commitment.row_blocks),
        number(&dataset["row_blocks"])
    );
}

#[test]
fn twenty_steps_agree_on_every_root_and_learn_the_toy_dataset() {
    let (dataset, seed) = (toy_dataset(SIZES[0]), run_seed());
    let mut state = State::initial(&SIZES, &seed).unwrap();
    let (mut states, mut weights) = (vec![], vec![]);
    let mut record = |state: &State| {
        states.push(hex::encode(state.root()));
        weights.push(hex::encode(
            weights_tree(&state.first_operand_transposed(), SIZES[0] as usize).root(),
        ));
        assert_eq!(State::decode(&state.encode()).as_ref(), Ok(state));
    };
    record(&state);
    for step in 0..20 {
        let (x, y) = dataset.batch(&seed, step, ROWS);
        state.train_step(&seed, LR_SHIFT, &x, &y).unwrap();
        record(&state);
    }
    let vectors = vectors();
    assert_eq!(states, list(&vectors["states"], text));
    assert_eq!(weights, list(&vectors["weights_roots"], text));

    let predicted = state.predict(dataset.x()).unwrap();
    let right = predicted
        .iter()
        .zip(dataset.y())
        .filter(|(predicted, label)| predicted == label)
        .count();
    assert_eq!(
        (right * 1000 / dataset.rows()) as i64,
        number(&vectors["accuracy_after_20_steps_permille"])
    );
}

#[test]
fn every_draw_of_the_sixth_step_agrees() {
    let (dataset, seed) = (toy_dataset(SIZES[0]), run_seed());
    let mut state = State::initial(&SIZES, &seed).unwrap();
    for step in 0..5 {
        let (x, y) = dataset.batch(&seed, step, ROWS);
        state.train_step(&seed, LR_SHIFT, &x, &y).unwrap();
    }
    let (bt, k) = (state.first_operand_transposed(), SIZES[0] as usize);
    let shape = Shape {
        m: ROWS,
        n: SIZES[1],
        k: SIZES[0],
        r: 32,
    };
    let commitment = dataset.commitment();
    let job = Job::new(&JobInput {
        genesis: [0; 32],
        pre_hash: [0x11; 32],
        author: [0x22; 32],
        run: 3,
        step: 5,
        shape,
        dataset_root: commitment.root,
        row_blocks: commitment.row_blocks,
        weights_root: weights_tree(&bt, k).root(),
    });
    let (x, _) = dataset.batch(&seed, 5, ROWS);
    let (product, draws) = product(&x, &bt, &job);
    let expected: BTreeMap<String, U256> = vectors()["lottery"]["draws"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(tile, draw)| (tile.clone(), U256::from_str_radix(&text(draw), 16).unwrap()))
        .collect();
    let n = shape.tiles_n();
    let draws: BTreeMap<String, U256> = (0..)
        .zip(draws)
        .map(|(ordinal, draw)| (format!("{},{}", ordinal / n, ordinal % n), draw))
        .collect();
    assert_eq!(draws, expected);

    let plain = quern_training::matrix::product(&x, &state.operand(0).values, k, SIZES[1] as usize);
    assert_eq!(product, plain);
}

/// Computed by the same reference as the vectors: three hidden layers, features that are no multiple of the noise rank.
#[test]
fn forty_steps_of_a_deeper_network_and_their_draws_agree() {
    const ROOT: &str = "38b4710f2b9986f167bb0a15eab396175232ba4bc42416047f8d006f85bf38bf";
    const DRAWS: &str = "e15bdf1d100b401cd29f7be3911db1d470ceabed1f51998f3ff7859e20dd0649";
    let sizes = [77, 32, 48, 16, 10];
    let (dataset, seed) = (toy_dataset(sizes[0]), run_seed());
    let mut state = State::initial(&sizes, &seed).unwrap();
    for step in 0..40 {
        let (x, y) = dataset.batch(&seed, step, 32);
        if step == 30 {
            let bt = state.first_operand_transposed();
            let commitment = dataset.commitment();
            let job = Job::new(&JobInput {
                genesis: [0; 32],
                pre_hash: [0x11; 32],
                author: [0x22; 32],
                run: 3,
                step,
                shape: Shape {
                    m: 32,
                    n: sizes[1],
                    k: sizes[0],
                    r: 4,
                },
                dataset_root: commitment.root,
                row_blocks: commitment.row_blocks,
                weights_root: weights_tree(&bt, sizes[0] as usize).root(),
            });
            let draws: Vec<u8> = product(&x, &bt, &job)
                .1
                .iter()
                .flat_map(|draw| draw.to_little_endian())
                .collect();
            assert_eq!(
                hex::encode(derive(Context::new("quern/v1/toy"), &[&draws])),
                DRAWS
            );
        }
        state.train_step(&seed, 6, &x, &y).unwrap();
    }
    assert_eq!(hex::encode(state.root()), ROOT);
}
