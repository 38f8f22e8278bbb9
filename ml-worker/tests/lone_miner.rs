//! The trainer against a chain's double: templates in, orders out, every seal and segment checked by the plain code.

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quern_client::{Run, SegmentResult, Template, WorkRules};
use quern_market::claim::steps_tree;
use quern_training::{Dataset, State, weights_tree};
use quern_work::{Hash, Terms, WorkSeal, hash, target, task::TaskSpec, verify};
use quern_worker::{
    WorkerError,
    backend::{Device, Hardware, Isa},
    checkpoint::{Owner, Store},
    course::{Course, Show},
    display::{Gauges, Phase, Progress},
    link::Feed,
    submitter::Order,
    trace::{SharedTrace, Trace},
    trainer::{Surroundings, Trainer},
};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
};

#[path = "../src/backend/cuda/emulation/library.rs"]
mod library;

const SEED: Hash = [7; 32];
const FEATURES: usize = 512;
const MAX_AHEAD: u64 = 32;
const SEGMENT: u32 = 8;

fn dataset() -> Dataset {
    let mut bytes = vec![0; 256 * FEATURES];
    hash::xof(&SEED, b"rows").fill(&mut bytes);
    let x = bytes.iter().map(|byte| (byte >> 2) as i8).collect();
    let y = (0..256).map(|row| row % 3).collect();
    Dataset::new(x, y, FEATURES, 3).unwrap()
}

fn spec() -> TaskSpec {
    TaskSpec {
        dataset: dataset().commitment(),
        hidden: vec![48].try_into().unwrap(),
        batch: 64,
        lr_shift: 4,
        lr_every: 100,
        segment: SEGMENT,
    }
}

fn run() -> Run {
    Run {
        id: 3,
        task: 0,
        seed: SEED,
        spec: spec(),
        ticket: 0,
        steps: None,
        accepted: 0,
        committed: 0,
        state_root: None,
        pending: None,
        last_sealed: None,
        macs: 0,
        seals: 0,
        shares: 0,
        last_share: None,
        vesting: 0,
    }
}

/// The state after `steps` steps, by the plain code.
fn exact_state(steps: u64) -> State {
    let (spec, data) = (spec(), dataset());
    let mut state = State::initial(&spec.sizes(), &SEED).unwrap();
    for step in 0..steps {
        let (x, y) = data.batch(&SEED, step, spec.batch);
        state
            .train_step(&SEED, spec.lr_shift_at(step), &x, &y)
            .unwrap();
    }
    state
}

/// What the segment after `from` steps gives, by the plain code.
fn exact_segment(from: u64) -> SegmentResult {
    let (spec, data) = (spec(), dataset());
    let mut state = exact_state(from);
    let start_root = state.root();
    let (mut weights, mut correct) = (Vec::new(), 0);
    for step in from..from + u64::from(SEGMENT) {
        weights.push(weights_tree(&state.first_operand_transposed(), FEATURES).root());
        let (x, y) = data.batch(&SEED, step, spec.batch);
        let answers = state.predict(&x).unwrap();
        correct += answers.iter().zip(&y).filter(|(a, b)| a == b).count() as u32;
        state
            .train_step(&SEED, spec.lr_shift_at(step), &x, &y)
            .unwrap();
    }
    SegmentResult {
        start_root,
        state_root: state.root(),
        steps_root: steps_tree(&weights).root(),
        correct,
    }
}

/// The CPU; what the worker chooses by itself where a CUDA device is known to be, and then it says which.
fn device() -> Device {
    if env::var_os("QUERN_GPU").is_none() {
        return Device::Cpu;
    }
    let lines = tracing_subscriber::fmt().with_writer(io::stderr);
    // Another course may have begun before.
    let _ = lines.with_ansi(false).try_init();
    Device::Auto
}

fn owner(run: &Run) -> Owner {
    Owner {
        genesis: [5; 32],
        run: run.id,
        seed: SEED,
        spec: spec(),
    }
}

/// A course of a run with its folder under `data_dir`, and the trace that it fills.
fn course(data_dir: &Path, run: &Run) -> (Course, SharedTrace) {
    let store = Arc::new(Store::open(data_dir, owner(run)).unwrap());
    let first = exact_state(0);
    let trace = store
        .trace()
        .unwrap_or_else(|| Trace::new(SEGMENT, 0, first.root()));
    let trace = SharedTrace::new(trace);
    let hardware = Hardware::open(device(), 1, Isa::detect()).unwrap();
    let data = Arc::new(dataset());
    let training = hardware.begin(&spec(), SEED, data, first).unwrap();
    let show = Show {
        held_out: Arc::new(dataset()),
        every: None,
    };
    (
        Course::new(training, store, trace.clone(), Some(show)),
        trace,
    )
}

/// A chain of one run, and the trainer that works it.
struct Double {
    template: Template,
    feed: watch::Sender<Feed>,
    orders: mpsc::Receiver<Order>,
    gauges: Gauges,
    stop: Arc<AtomicBool>,
    courses: mpsc::Sender<Course>,
    trace: SharedTrace,
    trainer: std::thread::JoinHandle<Result<(), WorkerError>>,
    runtime: Runtime,
}

impl Double {
    fn start(data_dir: &Path, run: Run) -> Self {
        Self::with_window(data_dir, run, MAX_AHEAD)
    }

    fn with_window(data_dir: &Path, run: Run, max_ahead: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let template = Template {
            number: 1,
            parent: [0; 32],
            pre_hash: [1; 32],
            genesis: [5; 32],
            author: [6; 32],
            difficulty: 1 << 23,
            rules: WorkRules {
                noise_rank: 32,
                max_ahead,
                share_difficulty: 1 << 22,
                omega_b: 1 << 32,
                omega_m: 0,
                max_vote_macs: 1 << 44,
                max_vote_bytes: 1 << 34,
            },
            runs: vec![run.clone()],
        };
        let (course, trace) = course(data_dir, &run);
        let (courses, arrivals) = mpsc::channel(2);
        courses.try_send(course).unwrap();
        let (feed, templates) = watch::channel(Feed {
            template: Some(Arc::new(template.clone())),
            best: 0,
            finalised: 0,
        });
        let (sender, orders) = mpsc::channel(1000);
        let (gauges, stop) = (Gauges::default(), Arc::new(AtomicBool::new(false)));
        let out = Surroundings {
            feed: templates,
            orders: sender,
            gauges: gauges.clone(),
            stop: stop.clone(),
            runtime: runtime.handle().clone(),
            only: Some(run.id),
        };
        let trainer = Trainer::new(arrivals, out);
        Self {
            courses,
            trace,
            template,
            feed,
            orders,
            gauges,
            stop,
            trainer: std::thread::spawn(move || trainer.run()),
            runtime,
        }
    }

    /// The next order; fails the test when the trainer has nothing to say for a long time.
    fn order(&mut self) -> Order {
        let orders = &mut self.orders;
        let next = async { tokio::time::timeout(Duration::from_secs(20), orders.recv()).await };
        self.runtime
            .block_on(next)
            .expect("the trainer is stuck")
            .expect("the trainer has ended")
    }

    /// The next seal or share of the current template, checked as a node checks it.
    fn checked_seal(&mut self) -> WorkSeal {
        loop {
            let (pre_hash, seal, difficulty) = match self.order() {
                Order::Seal { pre_hash, seal } => (pre_hash, seal, self.template.difficulty),
                Order::Share { pre_hash, seal } => {
                    (pre_hash, seal, self.template.rules.share_difficulty)
                }
            };
            let rules = self.template.rules;
            let terms = Terms {
                genesis: self.template.genesis,
                pre_hash,
                author: self.template.author,
                run_seed: SEED,
                shape: spec().lottery_shape(rules.noise_rank),
                dataset_root: spec().dataset.root,
                row_blocks: spec().dataset.row_blocks,
                difficulty,
                allowance: target::allowance(rules.omega_b, rules.omega_m, 64, spec().parameters()),
            };
            verify(&seal, &terms).unwrap();
            if pre_hash == self.template.pre_hash && difficulty == self.template.difficulty {
                return seal;
            }
        }
    }

    /// Publishes the next template, after `change`.
    fn next_template(&mut self, change: impl FnOnce(&mut Template)) {
        self.template.number += 1;
        self.template.pre_hash = blake3::hash(&self.template.pre_hash).into();
        change(&mut self.template);
        let template = Arc::new(self.template.clone());
        self.feed.send_modify(|feed| feed.template = Some(template));
    }

    /// Waits until the trainer's report fits.
    fn wait_until(&self, fits: impl Fn(&Progress) -> bool) -> Progress {
        for _ in 0..2000 {
            let progress = self.gauges.read();
            if fits(&progress) {
                return progress;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the trainer is stuck: {:?}", self.gauges.read());
    }

    fn stop(self) -> Result<(), WorkerError> {
        self.stop.store(true, Ordering::Relaxed);
        self.trainer.join().unwrap()
    }
}

/// Has the chain accept so many steps of the run.
fn accept(run: &mut Run, steps: u64) {
    run.accepted = steps;
    run.committed = steps;
    run.state_root = (steps > 0).then(|| exact_state(steps).root());
}

#[test]
fn every_seal_share_and_segment_of_a_lone_miner_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::start(folder.path(), run());
    let mut accepted = 0;
    for _ in 0..12 {
        let seal = chain.checked_seal();
        let kept = chain.wait_until(|progress| progress.step >= accepted + MAX_AHEAD / 4);
        assert!(seal.step < kept.committed + MAX_AHEAD);
        let results = chain
            .trace
            .lock()
            .between(accepted, accepted + 8)
            .unwrap()
            .to_vec();
        assert_eq!(results, [exact_segment(accepted)]);
        accepted += 8;
        chain.next_template(|template| accept(&mut template.runs[0], accepted));
    }
    chain.stop().unwrap();
}

#[test]
fn a_claim_under_audit_lets_training_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::start(folder.path(), run());
    chain.wait_until(|progress| progress.phase == Phase::Waiting);
    assert_eq!(chain.trace.lock().next(), MAX_AHEAD);
    chain.next_template(|template| template.runs[0].committed = 16);
    let trained = || chain.trace.lock().next() == 16 + MAX_AHEAD;
    chain.wait_until(|progress| progress.phase == Phase::Waiting && trained());
    let trace = chain.trace.lock().clone();
    assert_eq!((trace.from(), trace.next()), (0, 16 + MAX_AHEAD));
    chain.stop().unwrap();
}

#[test]
fn what_was_not_accepted_is_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::start(folder.path(), run());
    chain.wait_until(|progress| progress.phase == Phase::Waiting);
    let before = chain.trace.lock().clone();
    chain.trace.lock().truncate(0);
    chain.next_template(|_| ());
    for _ in 0..2000 {
        if *chain.trace.lock() == before {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(*chain.trace.lock(), before);
    chain.stop().unwrap();
}

#[test]
fn a_paid_run_is_trained_to_its_end_before_the_commons() {
    let folder = tempfile::tempdir().unwrap();
    let paid = Run {
        id: 9,
        task: 1,
        steps: Some(24),
        ..run()
    };
    let mut chain = Double::with_window(folder.path(), run(), u64::MAX);
    chain.wait_until(|progress| progress.step >= 5);
    let (course, trace) = course(folder.path(), &paid);
    chain.courses.try_send(course).unwrap();
    chain.next_template(|template| template.runs.push(paid));
    for _ in 0..2000 {
        if trace.lock().next() == 24 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(trace.lock().next(), 24, "the paid run is stuck");
    let commons = chain.trace.lock().next();
    chain.wait_until(|progress| progress.step > commons);
    assert_eq!(trace.lock().next(), 24);
    // its last state is kept, however the worker ends
    chain.next_template(|template| accept(&mut template.runs[1], 24));
    chain.stop().unwrap();
    let (_course, trace) = self::course(folder.path(), &Run { id: 9, ..run() });
    assert_eq!(trace.lock().whole(), 24);
}

#[test]
fn paid_runs_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::with_window(folder.path(), run(), u64::MAX);
    chain.wait_until(|progress| progress.step >= 5);
    let paid = [9, 10].map(|id| Run {
        id,
        task: 1,
        steps: Some(100_000),
        ..run()
    });
    let traces = paid.each_ref().map(|paid| {
        let (course, trace) = course(folder.path(), paid);
        chain.courses.try_send(course).unwrap();
        trace
    });
    chain.next_template(|template| template.runs.extend(paid));
    // more than one turn each
    chain.wait_until(|_| traces.iter().all(|trace| trace.lock().whole() > 64));
    chain.stop().unwrap();
}

#[test]
fn a_window_that_nobody_moves_is_mined_over_and_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::start(folder.path(), run());
    let mut last_step = 0;
    let mut went_back = false;
    for _ in 0..20 {
        let seal = chain.checked_seal();
        assert!(seal.step < MAX_AHEAD);
        went_back |= seal.step < last_step;
        last_step = seal.step;
        chain.wait_until(|progress| progress.phase == Phase::Waiting);
        chain.next_template(|_| ());
    }
    assert!(went_back);
    chain.stop().unwrap();
}

#[test]
fn a_restarted_worker_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let first = Double::with_window(folder.path(), run(), u64::MAX);
    first.wait_until(|progress| progress.step >= 5);
    let gauges = first.gauges.clone();
    first.stop().unwrap();
    let kept = gauges.read().step;
    let mut second = Double::with_window(folder.path(), run(), u64::MAX);
    let resumed = second.wait_until(|progress| progress.phase == Phase::Mining);
    assert!(resumed.step >= kept, "{} after {kept}", resumed.step);
    second.checked_seal();
    second.stop().unwrap();
}

#[test]
fn what_a_killed_worker_had_found_out_the_next_one_knows_before_it_trains_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = Double::start(folder.path(), run());
    first.wait_until(|progress| progress.phase == Phase::Waiting);
    let known = first.trace.lock().clone();
    assert_eq!(known.whole(), MAX_AHEAD);
    // what lies there when it is killed, with no state but an early one
    let left = tempfile::tempdir().unwrap();
    let own = Path::new("0505050505050505").join(format!("run-{}", owner(&run()).name()));
    fs::create_dir_all(left.path().join(&own)).unwrap();
    for file in ["trace.json", "step-000000000008.state"] {
        let file = own.join(file);
        fs::copy(folder.path().join(&file), left.path().join(&file)).unwrap();
    }
    first.stop().unwrap();
    let second = Double::start(left.path(), run());
    // It may have been at the window's end by the time that it is looked at.
    second.wait_until(|progress| matches!(progress.phase, Phase::Mining | Phase::Waiting));
    assert_eq!(*second.trace.lock(), known);
    second.stop().unwrap();
}

#[test]
fn a_worker_stopped_at_the_end_of_its_window_starts_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = Double::start(folder.path(), run());
    first.wait_until(|progress| progress.phase == Phase::Waiting);
    first.stop().unwrap();
    let mut moved = run();
    accept(&mut moved, 8);
    let mut second = Double::start(folder.path(), moved);
    assert!(second.checked_seal().step >= MAX_AHEAD);
    second.stop().unwrap();
}

#[test]
fn a_worker_without_its_folder_replays_up_to_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let mut ahead = run();
    accept(&mut ahead, 40);
    let mut chain = Double::start(folder.path(), ahead);
    assert!(chain.checked_seal().step >= 40);
    chain.stop().unwrap();
}

#[test]
fn a_state_that_exact_training_does_not_give_ends_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = Run {
        accepted: 8,
        committed: 8,
        state_root: Some([9; 32]),
        ..run()
    };
    let chain = Double::start(folder.path(), wrong);
    let ended = chain.trainer.join().unwrap();
    assert!(
        matches!(ended, Err(WorkerError::OtherState { step: 8, .. })),
        "{ended:?}"
    );
}

#[test]
fn the_trouble_of_a_run_that_was_not_asked_for_ends_its_training_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::with_window(folder.path(), run(), u64::MAX);
    let wrong = Run {
        id: 9,
        steps: Some(100_000),
        accepted: 8,
        committed: 8,
        state_root: Some([9; 32]),
        ..run()
    };
    let (course, trace) = course(folder.path(), &wrong);
    chain.courses.try_send(course).unwrap();
    chain.next_template(|template| template.runs.push(wrong));
    // it comes first, as a paid one, up to the step with the other state
    chain.wait_until(|_| trace.lock().from() == 8);
    let next = chain.trace.lock().next();
    chain.wait_until(|_| chain.trace.lock().next() > next + 8);
    assert_eq!(trace.lock().next(), 8);
    chain.stop().unwrap();
}

#[test]
fn what_is_accepted_is_kept_until_that_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::start(folder.path(), run());
    chain.wait_until(|progress| progress.phase == Phase::Waiting);
    chain.next_template(|template| accept(&mut template.runs[0], 24));
    chain.wait_until(|_| chain.trace.lock().next() == 24 + MAX_AHEAD);
    assert_eq!(chain.trace.lock().from(), 0);
    chain.next_template(|template| template.number += 16);
    chain.wait_until(|_| chain.trace.lock().from() == 24);
    chain.stop().unwrap();
}

#[test]
fn a_chain_that_takes_an_acceptance_back_is_followed_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::start(folder.path(), run());
    chain.checked_seal();
    chain.next_template(|template| accept(&mut template.runs[0], 24));
    chain.wait_until(|progress| progress.committed == 24);
    chain.wait_until(|progress| progress.phase == Phase::Waiting);
    chain.next_template(|template| accept(&mut template.runs[0], 0));
    assert!(chain.checked_seal().step < MAX_AHEAD);
    chain.stop().unwrap();
}

#[test]
fn no_node_and_no_run_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Double::start(folder.path(), run());
    chain.checked_seal();
    chain.next_template(|template| template.runs.clear());
    chain.wait_until(|progress| progress.phase == Phase::NoRun);
    chain.feed.send_modify(|feed| feed.template = None);
    chain.wait_until(|progress| progress.phase == Phase::Connecting);
    chain.next_template(|template| template.runs.push(run()));
    chain.checked_seal();
    chain.stop().unwrap();
}

/// What a test of this file says in a process that finds the emulation where NVIDIA's driver would be, and the device fails in its
/// `last` launch; nothing, and one line that says why, where nothing can be emulated.
fn on_an_emulated_driver(test: &str, last: u32) -> Option<String> {
    let driver = match library::driver() {
        Ok(driver) => driver,
        Err(why) => {
            let _ = writeln!(io::stderr(), "skipped: the driver is not emulated: {why}");
            return None;
        }
    };
    let done = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("LD_LIBRARY_PATH", &driver.folder)
        .env("QUERN_GPU", "1")
        .env("QUERN_KERNELS", &driver.kernels)
        .env("QUERN_EMULATION_LAUNCHES", last.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let complained = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("1 passed"), "{said}{complained}");
    Some(complained.into_owned())
}

#[test]
fn a_miner_on_a_device_gives_the_same_and_goes_on_without_it() {
    const TRAINING: &str = "training on emulated driver (cuda:0)";
    const LOST: &str = "goes on on the CPU from step";
    for (last, losses) in [(u32::MAX, 0), (500, 1)] {
        let test = "every_seal_share_and_segment_of_a_lone_miner_holds";
        let Some(said) = on_an_emulated_driver(test, last) else {
            return;
        };
        assert_eq!(said.matches(TRAINING).count(), 1, "{said}");
        assert_eq!(said.matches(LOST).count(), losses, "{said}");
    }
}
