//! What an engine has done.

use core::time::Duration;

/// Counters of an engine; all saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Votes counted, vetoed ones and abstentions among them; refused ones not.
    pub votes: u64,
    /// Polls that ended.
    pub polls: u64,
    /// Of them those in which something got αp votes.
    pub successful: u64,
    /// Blocks accepted.
    pub accepted: u64,
    /// Blocks rejected.
    pub rejected: u64,
    /// Blocks neither accepted nor rejected yet.
    pub processing: u64,
    /// Time from opening polls to their end, summed.
    pub latency: Duration,
}

impl Stats {
    /// Mean time from opening a poll to its end.
    pub fn mean_latency(&self) -> Duration {
        let nanos = self.latency.as_nanos().checked_div(u128::from(self.polls));
        Duration::from_nanos(u64::try_from(nanos.unwrap_or(0)).unwrap_or(u64::MAX))
    }
}
