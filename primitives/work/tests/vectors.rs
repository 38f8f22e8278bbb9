//! The protocol's golden vectors: whatever two machines must agree on.

use quern_work::{
    Hash, Job, JobInput, SealError, Shape, TILE, Terms, Transcript, U256, WorkSeal, batch,
    hash::{Context, derive, xof},
    merkle::{self, Tree},
    verify,
};
use serde_json::Value;

const SHAPE: Shape = Shape {
    m: 64,
    n: 48,
    k: 512,
    r: 32,
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn hash(value: &Value) -> Hash {
    bytes(value).try_into().unwrap()
}

fn numbers(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_i64().unwrap())
        .collect()
}

fn run_seed() -> Hash {
    derive(Context::new("quern/v1/toy-run"), &[])
}

fn seal(lottery: &Value) -> WorkSeal {
    let seal = &lottery["seal"];
    let rows = |value| bytes(value).into_iter().map(|byte| byte as i8).collect();
    let path = |value: &Value| value.as_array().unwrap().iter().map(hash).collect();
    let tile = numbers(&seal["tile"]);
    WorkSeal {
        run: seal["run"].as_u64().unwrap(),
        step: seal["step"].as_u64().unwrap(),
        tile: (tile[0] as u32, tile[1] as u32),
        weights_root: hash(&seal["weights_root"]),
        a_rows: rows(&seal["a_rows"]),
        labels: core::array::from_fn(|row| numbers(&seal["labels"])[row] as u16),
        a_path: path(&seal["a_path"]),
        b_rows: rows(&seal["b_rows"]),
        b_path: path(&seal["b_path"]),
    }
}

fn terms(vectors: &Value) -> Terms {
    Terms {
        genesis: [0; 32],
        pre_hash: [0x11; 32],
        author: [0x22; 32],
        run_seed: run_seed(),
        shape: SHAPE,
        dataset_root: hash(&vectors["dataset"]["root"]),
        row_blocks: vectors["dataset"]["row_blocks"].as_u64().unwrap() as u32,
        difficulty: 1,
        allowance: 100,
    }
}

fn job(seal: &WorkSeal, terms: &Terms) -> Job {
    Job::new(&JobInput {
        genesis: terms.genesis,
        pre_hash: terms.pre_hash,
        author: terms.author,
        run: seal.run,
        step: seal.step,
        shape: terms.shape,
        dataset_root: terms.dataset_root,
        row_blocks: terms.row_blocks,
        weights_root: seal.weights_root,
    })
}

fn best_draw(lottery: &Value) -> U256 {
    let best = numbers(&lottery["best"]);
    let draw = lottery["draws"][format!("{},{}", best[0], best[1])]
        .as_str()
        .unwrap();
    U256::from_str_radix(draw, 16).unwrap()
}

#[test]
fn streams_agree() {
    let mut stream = [0; 16];
    xof(&run_seed(), b"init\0\0\0\0").fill(&mut stream);
    assert_eq!(stream[..], bytes(&vectors()["xof"]));
}

#[test]
fn merkle_roots_agree() {
    for (count, root) in (1..).zip(vectors()["merkle"].as_array().unwrap()) {
        let tree = Tree::new(
            (0..count)
                .map(|index| merkle::leaf(index.into(), &[index]))
                .collect(),
        );
        assert_eq!(tree.root(), hash(root), "{count} leaves");
    }
}

#[test]
fn batches_agree() {
    let vectors = vectors();
    let blocks: Vec<i64> = (0..4)
        .map(|slot| batch::block(&run_seed(), 7, slot, terms(&vectors).row_blocks).into())
        .collect();
    assert_eq!(blocks, numbers(&vectors["batch_blocks"]));
}

#[test]
fn the_job_its_noise_and_its_best_draw_agree() {
    let vectors = vectors();
    let lottery = &vectors["lottery"];
    let seal = seal(lottery);
    let job = job(&seal, &terms(&vectors));
    assert_eq!(job.hash(), hash(&lottery["job"]));

    let (noise_a, noise_b) = (job.noise_a(), job.noise_b());
    let mut line = [0; SHAPE.k as usize];
    noise_a.line(0, &mut line);
    let first: Vec<i64> = line[..16].iter().map(|&entry| entry.into()).collect();
    assert_eq!(first, numbers(&lottery["noise_a_row0"]));

    let (mut a, mut bt) = (seal.a_rows, seal.b_rows);
    noise_a.add_to(seal.tile.0 * TILE as u32, &mut a);
    noise_b.add_to(seal.tile.1 * TILE as u32, &mut bt);
    let transcript = Transcript::of_tile(&a, &bt, SHAPE.k as usize, SHAPE.r as usize);
    assert_eq!(job.draw(&transcript), best_draw(lottery));
}

#[test]
fn the_seal_is_judged_as_the_vectors_say() {
    let vectors = vectors();
    let (seal, terms) = (seal(&vectors["lottery"]), terms(&vectors));
    let easy =
        (U256::MAX / best_draw(&vectors["lottery"])).as_u128() * u128::from(SHAPE.tile_macs());
    let at = |difficulty| Terms {
        difficulty,
        ..terms.clone()
    };
    assert_eq!(verify(&seal, &at(easy / 2)), Ok(()));
    assert_eq!(verify(&seal, &at(easy * 2)), Err(SealError::AboveTarget));
    assert_eq!(
        verify(
            &seal,
            &Terms {
                pre_hash: [0; 32],
                ..terms.clone()
            }
        ),
        Ok(())
    );
    assert_eq!(
        verify(&WorkSeal { step: 6, ..seal }, &terms),
        Err(SealError::NotTheBatch)
    );
}
