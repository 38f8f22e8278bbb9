//! Measures products and training steps on this machine, beside NumPy if asked.
//!
//! Every figure is that of the fastest repetition, and everything compared takes turns within one run, so that other load on the
//! machine meets all sides alike.

mod device;

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use codec::Encode;
use quern_training::{Dataset, DatasetError, State, StateError};
use quern_work::{Hash, SealError, Shape, TaskSpec, Terms, U256, WorkSeal, hash::xof};

use crate::backend::{Backend, BackendError, Cpu, Device, DeviceError, Isa, Lottery, Trial};

/// Options of `bench`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What to measure: `cpu`, `cuda:N` beside the CPU, or `auto`, the first CUDA device that can be used, else the CPU.
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Cpu)]
    pub device: Device,
    /// Instruction set: scalar, avx2 or avx512-vnni; the best one that the machine has if not given.
    #[arg(long)]
    pub isa: Option<Isa>,
    /// Number of threads.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// Compare with NumPy through this script, `scripts/bench-numpy.py`.
    #[arg(long, value_name = "SCRIPT")]
    pub numpy: Option<PathBuf>,
}

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The backend refuses.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The made-up dataset is refused.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The made-up network is refused.
    #[error(transparent)]
    State(#[from] StateError),
    /// A seal made here is refused.
    #[error("a seal made here is refused: {0}")]
    Seal(#[from] SealError),
    /// A network has too many layers.
    #[error("too many hidden layers")]
    Hidden,
    /// NumPy's side failed.
    #[error("{script}: {reason}")]
    Numpy {
        /// The script.
        script: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// Noise rank of the development chains.
const RANK: u32 = 32;

/// Seed of the runs measured.
const SEED: Hash = [0; 32];

/// Rounds in which the sides of a comparison take turns.
const ROUNDS: u32 = 40;

/// Products measured, m×k×n.
const PRODUCTS: [(u32, u32, u32); 3] = [(1024, 1024, 1024), (512, 784, 1024), (128, 784, 256)];

/// Networks measured: features, hidden layers, classes and batch.
const NETWORKS: [(u32, &[u32], u32, u32); 3] = [
    (784, &[1024], 10, 512),
    (784, &[256], 10, 128),
    (784, &[256], 10, 32),
];

/// Prints a table of products and one of training steps.
///
/// # Errors
/// If the machine lacks the instruction set or NumPy's side fails.
pub fn run(options: &Options) -> Result<(), BenchError> {
    let isa = options.isa.unwrap_or_else(Isa::detect);
    match options.device {
        Device::Cpu => {}
        Device::Cuda(number) => return device::run(number, options, isa),
        Device::Auto => match device::run(0, options, isa) {
            Err(BenchError::Backend(BackendError::Device(
                reason @ (DeviceError::NoDriver | DeviceError::NoDevice(_)),
            ))) => println!("measuring the CPU: {reason}"),
            done => return done,
        },
    }
    let slice = Duration::from_secs_f64(options.seconds.max(0.01) / f64::from(ROUNDS));
    let mut numpy = options
        .numpy
        .clone()
        .map(|script| Numpy::start(script, options.threads))
        .transpose()?;
    println!(
        "{isa}, {} thread(s), fastest repetition",
        options.threads.max(1)
    );

    println!(
        "\nproduct (m×k×n)    plain GMAC/s  lottery GMAC/s  lottery/plain time{}",
        heading(&numpy, "GMAC/s", "plain/NumPy")
    );
    for (m, k, n) in PRODUCTS {
        let mut trial = Trial::new(Shape { m, n, k, r: RANK }, options.threads, isa)?;
        let (mut plain, mut lottery, mut peer) =
            (Fastest::default(), Fastest::default(), f64::INFINITY);
        for round in 0..ROUNDS {
            plain.repeat(slice, || trial.plain());
            lottery.repeat(slice, || {
                trial.lottery([round as u8; 32], U256::zero());
            });
            if let Some(numpy) = &mut numpy {
                peer = peer.min(numpy.time(&format!("product {m} {k} {n}"), slice)?);
            }
        }
        let gmacs = f64::from(m) * f64::from(k) * f64::from(n) / 1e9;
        let (plain, lottery) = (plain.seconds(), lottery.seconds());
        print!(
            "{:<18} {:>12.1} {:>15.1} {:>19.2}",
            format!("{m}×{k}×{n}"),
            gmacs / plain,
            gmacs / lottery,
            lottery / plain
        );
        println!(
            "{}",
            numpy.as_ref().map_or_else(String::new, |_| format!(
                " {:>14.1} {:>12.2}",
                gmacs / peer,
                peer / plain
            ))
        );
    }

    println!(
        "\nstep               plain steps/s lottery steps/s  lottery/plain time{}",
        heading(&numpy, "steps/s", "plain/NumPy")
    );
    for (features, hidden, classes, batch) in NETWORKS {
        let (mut cpu, _) = run_of(features, hidden, classes, batch, options.threads, isa)?;
        let template = template();
        let (mut plain, mut lottery, mut peer) =
            (Fastest::default(), Fastest::default(), f64::INFINITY);
        let layers: Vec<String> = [&[features], hidden, &[classes]]
            .concat()
            .iter()
            .map(u32::to_string)
            .collect();
        for _ in 0..ROUNDS {
            plain.try_repeat(slice, || cpu.step(None).map(drop))?;
            lottery.try_repeat(slice, || cpu.step(Some(&template)).map(drop))?;
            if let Some(numpy) = &mut numpy {
                peer = peer.min(numpy.time(&format!("step {batch} {}", layers.join(" ")), slice)?);
            }
        }
        let (plain, lottery) = (plain.seconds(), lottery.seconds());
        let name = format!("{} ×{batch}", layers.join("-"));
        print!(
            "{name:<18} {:>13.1} {:>15.1} {:>19.2}",
            1.0 / plain,
            1.0 / lottery,
            lottery / plain
        );
        println!(
            "{}",
            numpy.as_ref().map_or_else(String::new, |_| format!(
                " {:>14.1} {:>12.2}",
                1.0 / peer,
                peer / plain
            ))
        );
    }

    let (bytes, seconds) = seal_check(isa, slice)?;
    println!(
        "\nseal at k = 784: {bytes} bytes, decoded and checked in {:.3} ms",
        1e3 * seconds
    );
    Ok(())
}

/// Size of a seal of the first network, and the seconds that its native check takes.
fn seal_check(isa: Isa, slice: Duration) -> Result<(usize, f64), BenchError> {
    let (features, hidden, classes, batch) = NETWORKS[0];
    let (mut cpu, spec) = run_of(features, hidden, classes, batch, 1, isa)?;
    let lottery = Lottery {
        allowance: 1,
        threshold: U256::MAX,
        ..template()
    };
    let wins = cpu.step(Some(&lottery))?.wins;
    let bytes = wins
        .first()
        .map(|win| win.seal.encode())
        .unwrap_or_default();
    let terms = Terms {
        genesis: lottery.genesis,
        pre_hash: lottery.pre_hash,
        author: lottery.author,
        run_seed: SEED,
        shape: spec.lottery_shape(RANK),
        dataset_root: spec.dataset.root,
        row_blocks: spec.dataset.row_blocks,
        difficulty: 1,
        allowance: lottery.allowance,
    };
    let mut fastest = Fastest::default();
    fastest.try_repeat(slice, || {
        WorkSeal::decode_strict(&bytes).and_then(|seal| quern_work::verify(&seal, &terms))
    })?;
    Ok((bytes.len(), fastest.seconds()))
}

fn heading(numpy: &Option<Numpy>, unit: &str, ratio: &str) -> String {
    numpy.as_ref().map_or_else(String::new, |_| {
        format!(" {:>14} {ratio:>12}", format!("NumPy {unit}"))
    })
}

/// The fastest of many repetitions.
#[derive(Default)]
struct Fastest(Option<Duration>);

impl Fastest {
    fn try_repeat<E>(
        &mut self,
        slice: Duration,
        mut task: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let start = Instant::now();
        while start.elapsed() < slice {
            let repetition = Instant::now();
            task()?;
            let taken = repetition.elapsed();
            self.0 = Some(self.0.map_or(taken, |fastest| fastest.min(taken)));
        }
        Ok(())
    }

    fn repeat(&mut self, slice: Duration, mut task: impl FnMut()) {
        let Ok(()) = self.try_repeat(slice, || {
            task();
            Ok::<(), std::convert::Infallible>(())
        });
    }

    fn seconds(&self) -> f64 {
        self.0
            .map_or(f64::INFINITY, |fastest| fastest.as_secs_f64())
    }
}

/// A run over made-up data, on the CPU.
fn run_of(
    features: u32,
    hidden: &[u32],
    classes: u32,
    batch: u32,
    threads: usize,
    isa: Isa,
) -> Result<(Cpu, TaskSpec), BenchError> {
    let (spec, dataset, state) = made_up(features, hidden, classes, batch)?;
    let cpu = Cpu::new(&spec, SEED, dataset, state, threads, isa)?;
    Ok((cpu, spec))
}

/// A task over made-up data, and its first state.
fn made_up(
    features: u32,
    hidden: &[u32],
    classes: u32,
    batch: u32,
) -> Result<(TaskSpec, Arc<Dataset>, State), BenchError> {
    const ROWS: usize = 8192;
    let mut x = vec![0; ROWS * features as usize];
    xof(&[0; 32], b"x").fill(&mut x);
    let x = x.into_iter().map(|byte| (byte >> 2) as i8).collect();
    let y = (0..ROWS)
        .map(|row| (row % classes as usize) as u16)
        .collect();
    let dataset = Arc::new(Dataset::new(x, y, features as usize, classes)?);
    let spec = TaskSpec {
        dataset: dataset.commitment(),
        hidden: hidden.to_vec().try_into().map_err(|_| BenchError::Hidden)?,
        batch,
        lr_shift: 4,
        lr_every: 0,
        segment: 64,
    };
    let state = State::initial(&spec.sizes(), &SEED)?;
    Ok((spec, dataset, state))
}

/// A lottery whose every tile may win and none does.
fn template() -> Lottery {
    Lottery {
        genesis: [0; 32],
        pre_hash: [1; 32],
        author: [2; 32],
        run: 0,
        noise_rank: RANK,
        allowance: u32::MAX,
        threshold: U256::zero(),
    }
}

/// NumPy's side: a process that answers one line `… SECONDS` with the seconds of its fastest repetition.
struct Numpy {
    script: PathBuf,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Numpy {
    fn start(script: PathBuf, threads: usize) -> Result<Self, BenchError> {
        let fail = |reason: String| BenchError::Numpy {
            script: script.clone(),
            reason,
        };
        let mut child = Command::new("python3")
            .arg(&script)
            .env("OPENBLAS_NUM_THREADS", threads.max(1).to_string())
            .env("OMP_NUM_THREADS", threads.max(1).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| fail(error.to_string()))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail("no pipe".into()));
        };
        Ok(Self {
            script,
            child,
            requests,
            answers: BufReader::new(answers),
        })
    }

    fn time(&mut self, request: &str, slice: Duration) -> Result<f64, BenchError> {
        let mut ask = || {
            writeln!(self.requests, "{request} {}", slice.as_secs_f64())?;
            self.requests.flush()?;
            let mut answer = String::new();
            self.answers.read_line(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = ask().map_err(|error| error.to_string());
        answer
            .and_then(|answer| {
                answer
                    .trim()
                    .parse()
                    .map_err(|_| format!("no answer to {request:?}: {answer:?}"))
            })
            .map_err(|reason| BenchError::Numpy {
                script: self.script.clone(),
                reason,
            })
    }
}

impl Drop for Numpy {
    fn drop(&mut self) {
        // It would end by itself at the end of its input; nothing depends on how it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
