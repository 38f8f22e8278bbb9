//! Votes per second through dedup, poll and tree, time of a block add, and bytes per processing block.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use quern_snow::{Block, Chain, Core, Id, Parameters, PollSet, Sampler, Vote};
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

const REPETITIONS: usize = 7;

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

/// Polls of 20 slots, all but the first voter of one mind, until 1000 pairs of siblings are decided; votes
/// counted, and time.
fn votes(sample: bool) -> (u64, Duration) {
    let parameters = Parameters::default();
    let mut chain = Chain::new(parameters, Id::default(), 0).unwrap();
    let mut polls = PollSet::new(parameters).unwrap();
    let sampler = Sampler::new(&[1000; 100]).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let all = blocks(2000);
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

    let parameters = Parameters {
        max_outstanding_items: 1000,
        ..Parameters::default()
    };
    for (name, blocks) in [
        ("a line of 1000", {
            let mut parent = Id::default();
            let line = (1..=1000).map(|height| {
                let block = block(parent, height, 0);
                parent = block.id();
                block
            });
            line.collect::<Vec<_>>()
        }),
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

    let seconds = fastest(|| {
        let mut chain = Chain::new(parameters, Id::default(), 0).unwrap();
        let mut tip = Id::default();
        for height in 1..=1000 {
            tip = chain.add(&block(tip, height, 0)).unwrap();
        }
        let votes = [(tip, 20)].into_iter().collect();
        let start = Instant::now();
        for _ in 1..parameters.beta {
            black_box(chain.record_poll(&votes).unwrap());
        }
        start.elapsed() / (parameters.beta - 1)
    });
    println!(
        "a poll for the tip of a line of 1000: {:.1} µs",
        seconds * 1e6
    );
}
