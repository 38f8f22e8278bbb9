//! What happens, and in which order.

use std::cmp::Ordering;

use crate::record::Said;

/// What happens at a time.
#[derive(Debug)]
pub(super) enum Event {
    /// A node looks whether to open a poll.
    Wake { node: u32 },
    /// A block arrives.
    Block { node: u32, block: u32 },
    /// A question arrives.
    Question {
        asker: u32,
        voter: u32,
        poll: u64,
        asked: u32,
    },
    /// An answer arrives.
    Answer {
        asker: u32,
        voter: u32,
        poll: u64,
        answer: Answer,
    },
    /// The asker waits no longer.
    Timeout { asker: u32, poll: u64 },
}

/// What a voter answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) choice: u32,
    pub(super) accepted: u32,
    pub(super) said: Said,
}

/// An event in the queue.
#[derive(Debug)]
pub(super) struct Scheduled {
    pub(super) time: u64,
    pub(super) sequence: u64,
    pub(super) event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    /// The earliest is the greatest; of one time, what was scheduled first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.sequence).cmp(&(self.time, self.sequence))
    }
}
