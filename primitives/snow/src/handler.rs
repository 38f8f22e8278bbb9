//! A veto, or less weight, for single votes.

use crate::{Id, Vote};

/// Looks at every vote before it counts.
pub trait VoteHandler<T = Id> {
    /// How many of the voter's `slots` the vote is to fill: 0 vetoes it, more than `slots` count as `slots`. Slots
    /// left out abstain.
    fn weigh(&mut self, vote: &Vote<T>, slots: u32) -> u32;
}

/// Counts every vote in full.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptAll;

impl<T> VoteHandler<T> for AcceptAll {
    fn weigh(&mut self, _: &Vote<T>, slots: u32) -> u32 {
        slots
    }
}
