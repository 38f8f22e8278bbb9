//! Nodes and their open polls.

use std::collections::VecDeque;

use quern_snow::{Core, Engine};
use rand_chacha::ChaCha8Rng;

use crate::forecast::Pace;

/// What a node knows of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    #[default]
    Unknown,
    Processing,
    Accepted,
    Rejected,
}

/// One voter of a poll.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) voter: u32,
    pub(super) slots: u32,
    pub(super) answered: bool,
}

/// A poll whose time is not over; it may have ended.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) poll: u64,
    pub(super) opened_us: u64,
    pub(super) asked: u32,
    pub(super) seats: Vec<Seat>,
    /// Slots by block at the undecided height.
    pub(super) tally: Vec<(u32, u32)>,
    pub(super) answered: u32,
}

impl Open {
    /// An answer came; `block` gets its slots, if it supports any.
    pub(super) fn support(&mut self, block: Option<u32>, slots: u32) {
        self.answered += slots;
        let Some(block) = block else {
            return;
        };
        match self.tally.iter_mut().find(|(other, _)| *other == block) {
            Some((_, sum)) => *sum += slots,
            None => self.tally.push((block, slots)),
        }
    }

    pub(super) fn count(&self, block: u32) -> u32 {
        let of = self.tally.iter().find(|(other, _)| *other == block);
        of.map_or(0, |(_, slots)| *slots)
    }

    /// The block with most slots, of equals the one that came first.
    pub(super) fn leading(&self) -> Option<(u32, u32)> {
        let best = |a: (u32, u32), b: (u32, u32)| if b.1 > a.1 { b } else { a };
        self.tally.iter().copied().reduce(best)
    }
}

/// A node that follows the rules.
pub(super) struct Honest<C: Core> {
    pub(super) engine: Engine<C>,
    pub(super) rng: ChaCha8Rng,
    pub(super) fates: Vec<Fate>,
    /// Blocks that wait for their parent.
    pub(super) waiting: Vec<u32>,
    pub(super) open: VecDeque<Open>,
    pub(super) opened: u64,
    pub(super) ended: u64,
    pub(super) quorums: u64,
    /// No poll before.
    pub(super) next_poll_us: u64,
    pub(super) awake: bool,
    pub(super) preference: u32,
    /// The preferred block at the undecided height, or the last accepted one.
    pub(super) stance: u32,
    pub(super) last: u32,
    pub(super) height: u32,
    pub(super) confidence: u32,
    pub(super) pace: Pace,
    /// Last accepted blocks of others, as they said.
    pub(super) peers: Vec<u32>,
    pub(super) decided_us: Option<u64>,
}

impl<C: Core> Honest<C> {
    pub(super) fn fate(&self, block: u32) -> Fate {
        let known = self.fates.get(block as usize);
        known.copied().unwrap_or_default()
    }

    /// The height that it decides next, or the last one.
    pub(super) fn undecided(&self, heights: u32) -> u32 {
        self.height.saturating_add(1).min(heights)
    }

    pub(super) fn set_fate(&mut self, block: u32, fate: Fate) {
        let place = block as usize;
        if self.fates.len() <= place {
            self.fates.resize(place + 1, Fate::Unknown);
        }
        self.fates[place] = fate;
    }

    pub(super) fn open_mut(&mut self, poll: u64) -> Option<&mut Open> {
        let first = self.open.front()?.poll;
        let place = usize::try_from(poll.checked_sub(first)?).ok()?;
        self.open.get_mut(place)
    }
}

/// One node: honest ones own an engine, Byzantine ones count their answers.
pub(super) enum Node<C: Core> {
    Honest(Box<Honest<C>>),
    Byzantine(u64),
}
