//! The measurements of a CUDA device, beside the CPU and beside cuBLASLt. The tables are Markdown, to be kept as they are.

use std::time::{Duration, Instant};

use quern_work::{Shape, U256};

use super::{BenchError, Fastest, Options, SEED, made_up, template};
use crate::backend::{Backend, BackendError, Cpu, CudaTrial, Device, Hardware, Isa, Lottery};

/// Products measured, m×k×n.
const PRODUCTS: [(u32, u32, u32); 4] = [
    (8192, 8192, 8192),
    (8192, 4096, 8192),
    (8192, 4096, 4096),
    (8192, 784, 4096),
];

/// Noise ranks of the lotteries measured.
const RANKS: [u32; 3] = [32, 64, 128];

/// Networks measured: features, hidden layers, classes and batch.
const NETWORKS: [(u32, &[u32], u32, u32); 4] = [
    (784, &[4096, 4096], 10, 8192),
    (784, &[4096], 10, 4096),
    (784, &[1024], 10, 512),
    (784, &[256], 10, 128),
];

/// Launches of one product between two looks at the clock, so that waiting for the device counts little.
const LAUNCHES: u32 = 8;

/// Steps on the device between two looks at the clock.
const STEPS: u32 = 4;

/// Rounds in which the sides of a comparison take turns.
const ROUNDS: u32 = 10;

/// Prints tables of products, of lotteries and of training steps.
pub(super) fn run(number: u32, options: &Options, isa: Isa) -> Result<(), BenchError> {
    let slice = Duration::from_secs_f64(options.seconds.max(0.01) / f64::from(ROUNDS));
    let threads = options.threads.max(1);
    let first = CudaTrial::new(number, shape(PRODUCTS[3], RANKS[0]))?;
    println!(
        "{}; CPU: {isa}, {threads} thread(s); fastest repetition\n",
        first.name()
    );
    drop(first);

    println!("| product m×k×n | plain TOPS | cuBLASLt TOPS | plain/cuBLASLt |");
    println!("| --- | ---: | ---: | ---: |");
    for (m, k, n) in PRODUCTS {
        let mut trial = CudaTrial::new(number, shape((m, k, n), RANKS[0]))?;
        let (mut plain, mut peer) = (Fastest::default(), Fastest::default());
        let mut compared = true;
        for _ in 0..ROUNDS {
            plain.try_repeat(slice, || trial.plain(LAUNCHES))?;
            if compared {
                compared = trial.cublaslt(LAUNCHES)?;
            }
            if compared {
                peer.try_repeat(slice, || trial.cublaslt(LAUNCHES).map(drop))?;
            }
        }
        let ours = tops((m, k, n), &plain);
        if compared {
            let theirs = tops((m, k, n), &peer);
            println!(
                "| {m}×{k}×{n} | {ours:.1} | {theirs:.1} | {:.2} |",
                ours / theirs
            );
        } else {
            println!("| {m}×{k}×{n} | {ours:.1} | not here | |");
        }
    }

    println!("\n| lottery m×k×n | rank | lottery TOPS | lottery/plain |");
    println!("| --- | ---: | ---: | ---: |");
    for product in PRODUCTS {
        for rank in RANKS {
            if !shape(product, rank).is_valid() {
                continue;
            }
            let mut trial = CudaTrial::new(number, shape(product, rank))?;
            let (mut plain, mut lottery) = (Fastest::default(), Fastest::default());
            for round in 0..ROUNDS {
                plain.try_repeat(slice, || trial.plain(LAUNCHES))?;
                let draw = || {
                    trial
                        .lottery([round as u8; 32], U256::zero(), LAUNCHES)
                        .map(drop)
                };
                lottery.try_repeat(slice, draw)?;
            }
            let (m, k, n) = product;
            let (plain, lottery) = (tops(product, &plain), tops(product, &lottery));
            println!(
                "| {m}×{k}×{n} | {rank} | {lottery:.1} | {:.2} |",
                lottery / plain
            );
        }
    }

    println!("\n| network | batch | plain steps/s | lottery steps/s | CPU steps/s | plain/CPU |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let hardware = Hardware::open(Device::Cuda(number), threads, isa)
        .map_err(|reason| BenchError::Backend(reason.into()))?;
    for (features, hidden, classes, batch) in NETWORKS {
        let (spec, dataset, state) = made_up(features, hidden, classes, batch)?;
        let mut run = hardware.begin(&spec, SEED, dataset.clone(), state.clone())?;
        let mut cpu = Cpu::new(&spec, SEED, dataset, state, threads, isa)?;
        let (mut plain, mut lottery, mut peer) =
            (Fastest::default(), Fastest::default(), Fastest::default());
        let template = template();
        let mut steps = |lottery: Option<&Lottery>| -> Result<(), BackendError> {
            (0..STEPS).try_for_each(|_| run.step(lottery).map(drop))
        };
        // A step of the CPU may take longer than its slice: a few are enough.
        let start = Instant::now();
        for _ in 0..ROUNDS {
            plain.try_repeat(slice, || steps(None))?;
            lottery.try_repeat(slice, || steps(Some(&template)))?;
            if start.elapsed() < slice * ROUNDS * 4 {
                peer.try_repeat(slice, || cpu.step(None).map(drop))?;
            }
        }
        let of_device = |fastest: &Fastest| f64::from(STEPS) / fastest.seconds();
        let (plain, lottery, peer) = (of_device(&plain), of_device(&lottery), 1.0 / peer.seconds());
        let sizes: Vec<String> = spec.sizes().iter().map(u32::to_string).collect();
        println!(
            "| {} | {batch} | {plain:.1} | {lottery:.1} | {peer:.1} | {:.1} |",
            sizes.join("-"),
            plain / peer
        );
    }
    Ok(())
}

fn shape((m, k, n): (u32, u32, u32), r: u32) -> Shape {
    Shape { m, n, k, r }
}

/// Operations of 10¹² a second, two for each multiplication and addition.
fn tops((m, k, n): (u32, u32, u32), fastest: &Fastest) -> f64 {
    let operations = 2.0 * f64::from(m) * f64::from(k) * f64::from(n) * f64::from(LAUNCHES);
    operations / fastest.seconds() / 1e12
}
