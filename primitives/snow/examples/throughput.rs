//! Votes per second through dedup, poll and tree, also under many undecided blocks and in a DAG; time of a block add;
//! bytes per processing block.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use quern_snow::{
    Block, Chain, Core, Dag, Engine, Id, Output, Parameters, PollSet, Sampler, Transaction, Vertex,
    Vote,
};
use rand::{SeedableRng, rngs::StdRng};

/// Counts the bytes asked for.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Many and short, so that some of them have the core for themselves.
const REPETITIONS: usize = 50;

fn block(parent: Id, height: u64, payload: u64) -> Block {
    Block {
        parent,
        height,
        payload: payload.to_le_bytes().to_vec(),
    }
}

/// Blocks in pairs of siblings, each pair on the first of the pair before.
fn blocks(count: u64) -> Vec<Block> {
    let mut parent = Id::default();
    let mut blocks = Vec::new();
    for height in 1..=count / 2 {
        let pair = [0, 1].map(|payload| block(parent, height, payload));
        parent = pair[0].id();
        blocks.extend(pair);
    }
    blocks
}

/// Seconds of the fastest repetition.
fn fastest(mut work: impl FnMut() -> Duration) -> f64 {
    (0..REPETITIONS)
        .map(|_| work().as_secs_f64())
        .fold(f64::INFINITY, f64::min)
}

/// Polls of 20 slots, all but the first voter of one mind, until 100 pairs of siblings are decided; votes
/// counted, and time.
fn votes(sample: bool) -> (u64, Duration) {
    let parameters = Parameters::default();
    let mut chain = Chain::new(parameters, Id::default(), 0).unwrap();
    let mut polls = PollSet::new(parameters).unwrap();
    let sampler = Sampler::new(&[1000; 100]).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let all = blocks(200);
    let mut processed = 0u64;
    let fixed: Vec<_> = (0..20).map(|voter| (voter, 1)).collect();
    let start = Instant::now();
    for pair in all.chunks(2) {
        let ids = [chain.add(&pair[0]).unwrap(), chain.add(&pair[1]).unwrap()];
        while chain.processing() > 0 {
            let drawn = if sample {
                sampler.draw(20, &mut rng).unwrap()
            } else {
                fixed.clone()
            };
            let poll = polls.open(&drawn, Duration::ZERO).unwrap();
            for (at, (voter, slots)) in drawn.iter().enumerate() {
                let vote = Vote {
                    poll,
                    voter: *voter,
                    choice: Some(ids[usize::from(at == 0)]),
                };
                // Once the poll has ended, what comes late is refused: work, but no vote.
                processed += u64::from(black_box(polls.vote(&vote, *slots)).is_ok());
                while let Some((bag, _)) = polls.take() {
                    chain.record_poll(&bag).unwrap();
                }
            }
        }
    }
    (processed, start.elapsed())
}

/// A line of blocks.
fn line(count: u64) -> Vec<Block> {
    let mut parent = Id::default();
    let next = |height| {
        let block = block(parent, height, 0);
        parent = block.id();
        block
    };
    (1..=count).map(next).collect()
}

/// Polls under `blocks` that decide none of them: by turns nearly all voters name the tip, half of them name the
/// middle, and half of them something unknown. Votes, and time.
fn deep(blocks: &[Block]) -> (u64, Duration) {
    const POLLS: usize = 3000;
    let parameters = Parameters::default();
    let mut chain = Chain::new(parameters, Id::default(), 0).unwrap();
    for block in blocks {
        chain.add(block).unwrap();
    }
    let tip = chain.preference();
    let others = [blocks[0].id(), blocks[blocks.len() / 2].id(), Id([7; 32])];
    let mut polls = PollSet::new(parameters).unwrap();
    let seats: Vec<_> = (0..20).map(|voter| (voter, 1)).collect();
    let mut processed = 0;
    let start = Instant::now();
    for number in 0..POLLS {
        let poll = polls.open(&seats, Duration::ZERO).unwrap();
        let against = [1, 10, 10][number % 3];
        for (voter, _) in &seats {
            let vote = Vote {
                poll,
                voter: *voter,
                choice: Some(if *voter < against {
                    others[number % 3]
                } else {
                    tip
                }),
            };
            processed += u64::from(black_box(polls.vote(&vote, 1)).is_ok());
            while let Some((bag, _)) = polls.take() {
                black_box(chain.record_poll(&bag).unwrap());
            }
        }
    }
    assert_eq!(chain.processing(), blocks.len());
    (processed, start.elapsed())
}

/// Polls in a DAG of `width` vertices on each level, two of which conflict, each level decided before the next one
/// comes; votes, and time.
fn dag(width: u32) -> (u64, Duration) {
    const LEVELS: u32 = 10;
    let parameters = Parameters::default();
    let genesis = [Id([1; 32]), Id([2; 32])];
    let core = Dag::new(parameters, 15, &genesis).unwrap();
    let mut engine = Engine::new(core, Sampler::new(&[1; 20]).unwrap()).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut time = Duration::ZERO;
    for level in 0..LEVELS {
        let parents = engine.core().parents(2);
        for n in 0..width {
            let coin = Output {
                transaction: Id::default(),
                index: level * width + n.max(1),
            };
            let vertex = Vertex {
                parents: parents.clone(),
                transactions: vec![Transaction {
                    inputs: vec![coin],
                    payload: n.to_le_bytes().to_vec(),
                }],
            };
            engine.add(&vertex).unwrap();
        }
        let start = Instant::now();
        while engine.stats().processing > 0 {
            let choice = engine.preference();
            let first = choice.ids()[0];
            let request = engine.poll(&first, Duration::ZERO, &mut rng).unwrap();
            for (voter, _) in request.voters {
                let vote = Vote {
                    poll: request.poll,
                    voter,
                    choice: Some(choice.clone()),
                };
                let _ = black_box(engine.process_vote(&vote, Duration::ZERO));
            }
        }
        time += start.elapsed();
    }
    (engine.stats().votes, time)
}

fn main() {
    for (name, sample) in [
        ("dedup + poll + tree", false),
        ("the same with sampling", true),
    ] {
        let mut count = 0;
        let seconds = fastest(|| {
            let (votes, elapsed) = votes(sample);
            count = votes;
            elapsed
        });
        println!(
            "{name}: {:.2} M votes/s ({count} votes)",
            count as f64 / seconds / 1e6
        );
    }

    for (name, blocks) in [
        ("under a line of 1000", line(1000)),
        ("under 500 pairs of siblings", blocks(1000)),
    ] {
        let mut count = 0;
        let seconds = fastest(|| {
            let (votes, elapsed) = deep(&blocks);
            count = votes;
            elapsed
        });
        println!("{name}: {:.2} M votes/s", count as f64 / seconds / 1e6);
    }
    for width in [2, 50] {
        let mut count = 0;
        let seconds = fastest(|| {
            let (votes, elapsed) = dag(width);
            count = votes;
            elapsed
        });
        println!(
            "a DAG {width} wide: {:.2} M votes/s, {:.2} M on transactions",
            count as f64 / seconds / 1e6,
            count as f64 * f64::from(width - 1) / seconds / 1e6,
        );
    }

    let parameters = Parameters::default();
    for (name, blocks) in [
        ("a line of 1000", line(1000)),
        ("500 pairs of siblings", blocks(1000)),
    ] {
        let before = LIVE.load(Ordering::Relaxed);
        let mut chain = Chain::new(parameters, Id::default(), 0).unwrap();
        for block in &blocks {
            chain.add(block).unwrap();
        }
        let bytes = (LIVE.load(Ordering::Relaxed) - before) as f64 / chain.processing() as f64;
        let seconds = fastest(|| {
            let mut chain = Chain::new(parameters, Id::default(), 0).unwrap();
            let start = Instant::now();
            for block in &blocks {
                black_box(chain.add(block).unwrap());
            }
            start.elapsed()
        });
        println!(
            "{name}: {bytes:.0} bytes and {:.2} µs (hash included) per block",
            seconds * 1e6 / blocks.len() as f64
        );
    }
}
