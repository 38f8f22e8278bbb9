//! Confidence along the preferred path.
//!
//! Every bit of the id of every block is one Snowflake instance. Those beside the preferred path have missed the
//! latest poll, so their confidence is 0. Along the path votes only get fewer, so confidence never grows on the way:
//! it is a staircase of at most β + 1 steps, however long the path is.

use alloc::vec::Vec;

use crate::id::ID_BITS;

/// A bit of the preferred path: the height of its block, and the bit of that block's id.
pub(crate) type Place = (u64, u16);

/// The place behind all bits of the block at `height`.
pub(crate) fn behind(height: u64) -> Place {
    (height, ID_BITS)
}

/// Consecutive successful polls of every place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streaks {
    polls: u64,
    /// From this place on to the next step: the number of the poll that last failed there. Both ascend.
    steps: Vec<(Place, u64)>,
}

impl Streaks {
    /// Starts again at `from` and everywhere behind it.
    pub(crate) fn interrupt(&mut self, from: Place) {
        while self.steps.last().is_some_and(|(place, _)| *place >= from) {
            self.steps.pop();
        }
        if self
            .steps
            .last()
            .is_none_or(|(_, failed)| *failed != self.polls)
        {
            self.steps.push((from, self.polls));
        }
    }

    /// Takes in a poll that succeeded before `reach` and failed from there on.
    pub(crate) fn poll(&mut self, reach: Place) {
        self.polls = self.polls.saturating_add(1);
        self.interrupt(reach);
    }

    /// The first place, not before `start`, with fewer than `beta` successful polls in a row. Places before `start`
    /// are forgotten.
    pub(crate) fn unsettled(&mut self, start: Place, beta: u32) -> Option<Place> {
        let passed = self
            .steps
            .partition_point(|(place, _)| *place <= start)
            .saturating_sub(1);
        self.steps.drain(..passed);
        let open = |failed: u64| self.polls.saturating_sub(failed) < u64::from(beta);
        let step = self.steps.iter().find(|(_, failed)| open(*failed));
        step.map(|(place, _)| start.max(*place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_starts_again_from_its_place_on() {
        let mut streaks = Streaks::default();
        streaks.interrupt((1, 0));
        streaks.poll(behind(3));
        streaks.poll((2, 7));
        assert_eq!(streaks.unsettled((1, 0), 1), Some((2, 7)));
        assert_eq!(streaks.unsettled((1, 0), 2), Some((2, 7)));
        assert_eq!(streaks.unsettled((1, 0), 3), Some((1, 0)));
        streaks.poll(behind(3));
        assert_eq!(streaks.unsettled((1, 0), 1), Some(behind(3)));
        assert_eq!(streaks.unsettled((2, 9), 2), Some((2, 9)));
    }

    #[test]
    fn no_more_steps_are_kept_than_polls_decide() {
        let mut streaks = Streaks::default();
        for poll in 0..10_000u64 {
            streaks.poll((1 + poll * 7 % 50, 0));
            let _ = streaks.unsettled((1, 0), 9);
            assert!(streaks.steps.len() <= 50);
        }
    }
}
