//! Which step to do next: decisions about a run's window, apart from the work itself.
//!
//! A run may be worked from its committed step up to `max_ahead` steps further. When that is used up before the chain has taken a
//! checkpoint, the worker goes back to the committed step and mines over the same steps again under newer templates: their
//! training is repeated and earns no share, but their draws are new, so a lone miner can always seal the block that takes
//! the checkpoint. Each function here returns a decision and the trainer applies it.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use quern_work::Hash;

/// Time between two checkpoints of a run that does not use up its window.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);
/// Blocks after which a checkpoint that the chain has not taken is submitted again.
const RESUBMIT_AFTER_BLOCKS: u64 = 8;

/// What the newest template says about the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// First step of the window.
    pub committed: u64,
    /// Steps of the window.
    pub max_ahead: u64,
    /// Steps between two state roots: only its multiples can be checkpointed.
    pub segment: u64,
    /// The template's name, its pre-hash.
    pub template: Hash,
    /// Height of the block to be sealed.
    pub block: u64,
}

impl Chain {
    /// Steps that may be worked.
    pub fn steps(&self) -> Range<u64> {
        self.committed..self.committed.saturating_add(self.max_ahead)
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do the current step and draw under the current template.
    Train,
    /// The chain is ahead of the worker: take the newest state at or after the committed step, or replay up to it.
    CatchUp,
    /// The window is used up: keep the current state, and go back to the committed step.
    Rewind,
    /// The window has moved on: return to the step from which the worker went back.
    Return(u64),
    /// Nothing new can be drawn: wait for the next template.
    Wait,
}

/// A checkpoint that the chain has not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Steps it commits to.
    pub to: u64,
    /// State root after these steps.
    pub root: Hash,
    /// Height of the template when it was last submitted.
    block: u64,
}

/// A checkpoint to submit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// The current state is a new one.
    New,
    /// This one got lost.
    Again {
        /// Steps it commits to.
        to: u64,
        /// State root after these steps.
        root: Hash,
    },
}

/// The memory behind the decisions.
#[derive(Debug, Default)]
pub struct Window {
    /// The template under which each step of the window was last worked.
    worked: BTreeMap<u64, Hash>,
    /// The step from which the worker went back.
    front: Option<u64>,
    pending: Option<Pending>,
    last_checkpoint: Duration,
}

impl Window {
    /// What to do at `step`, the number of steps that the current state contains.
    pub fn decide(&self, step: u64, chain: &Chain) -> Decision {
        let steps = chain.steps();
        let drawn = |step: &u64| self.worked.get(step) == Some(&chain.template);
        match self.front {
            Some(front) if step < front && steps.contains(&front) => Decision::Return(front),
            _ if step < steps.start => Decision::CatchUp,
            _ if step >= steps.end && drawn(&steps.start) => Decision::Wait,
            _ if step >= steps.end => Decision::Rewind,
            _ if drawn(&step) => Decision::Wait,
            _ => Decision::Train,
        }
    }

    /// Whether to submit a checkpoint at `step`. `now` is the time since the worker started.
    pub fn checkpoint(&self, step: u64, chain: &Chain, now: Duration) -> Option<Checkpoint> {
        if let Some(Pending { to, root, block }) = self.pending.filter(|p| p.to > chain.committed) {
            let lost = chain.block >= block.saturating_add(RESUBMIT_AFTER_BLOCKS);
            return lost.then_some(Checkpoint::Again { to, root });
        }
        let ahead = step.checked_sub(chain.committed)?;
        let possible =
            ahead > 0 && ahead <= chain.max_ahead && step.is_multiple_of(chain.segment.max(1));
        let due = ahead >= chain.max_ahead / 4
            || now.saturating_sub(self.last_checkpoint) >= CHECKPOINT_EVERY;
        (possible && due).then_some(Checkpoint::New)
    }

    /// Notes that `step` was worked under the current template.
    pub fn worked(&mut self, step: u64, chain: &Chain) {
        if self
            .worked
            .first_key_value()
            .is_some_and(|(first, _)| *first < chain.committed)
        {
            self.worked = self.worked.split_off(&chain.committed);
        }
        self.worked.insert(step, chain.template);
    }

    /// Notes that a checkpoint was submitted.
    pub fn submitted(&mut self, to: u64, root: Hash, chain: &Chain, now: Duration) {
        self.pending = Some(Pending {
            to,
            root,
            block: chain.block,
        });
        self.last_checkpoint = now;
    }

    /// Notes that the worker went back from `step` to the committed one.
    pub fn rewound(&mut self, step: u64) {
        self.front = self.front.max(Some(step));
    }

    /// Notes that the worker stands at a saved or replayed step again.
    pub fn returned(&mut self) {
        self.front = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn chain(committed: u64, template: u8) -> Chain {
        Chain {
            committed,
            max_ahead: 32,
            segment: 4,
            template: [template; 32],
            block: 10,
        }
    }

    /// Works steps until something else is decided.
    fn work(window: &mut Window, step: &mut u64, chain: &Chain) -> Decision {
        loop {
            match window.decide(*step, chain) {
                Decision::Train => {
                    window.worked(*step, chain);
                    *step += 1;
                }
                other => return other,
            }
        }
    }

    #[test]
    fn training_stops_at_the_end_of_the_window() {
        let (mut window, mut step) = (Window::default(), 0);
        assert_eq!(work(&mut window, &mut step, &chain(0, 1)), Decision::Wait);
        assert_eq!(step, 32);
    }

    #[test]
    fn a_used_up_window_is_mined_again_only_under_a_newer_template() {
        let (mut window, mut step) = (Window::default(), 0);
        work(&mut window, &mut step, &chain(0, 1));
        assert_eq!(window.decide(step, &chain(0, 2)), Decision::Rewind);
        window.rewound(step);
        step = 0;
        assert_eq!(work(&mut window, &mut step, &chain(0, 2)), Decision::Wait);
        assert_eq!(step, 32);
    }

    #[test]
    fn no_step_is_worked_twice_under_one_template() {
        let (mut window, mut step) = (Window::default(), 0);
        work(&mut window, &mut step, &chain(0, 1));
        window.rewound(step);
        step = 0;
        // the second pass sees a newer template only from step 8 on
        for _ in 0..8 {
            assert_eq!(window.decide(step, &chain(0, 2)), Decision::Train);
            window.worked(step, &chain(0, 2));
            step += 1;
        }
        work(&mut window, &mut step, &chain(0, 3));
        assert_eq!(window.decide(step, &chain(0, 3)), Decision::Rewind);
        window.rewound(step);
        step = 0;
        assert_eq!(work(&mut window, &mut step, &chain(0, 3)), Decision::Wait);
        assert_eq!(step, 8);
        assert_eq!(window.decide(step, &chain(0, 4)), Decision::Train);
    }

    #[test]
    fn a_moved_window_brings_the_worker_back_to_where_it_was() {
        let mut window = Window::default();
        window.rewound(32);
        assert_eq!(window.decide(5, &chain(0, 2)), Decision::Train);
        assert_eq!(window.decide(5, &chain(8, 3)), Decision::Return(32));
        window.returned();
        assert_eq!(window.decide(32, &chain(8, 3)), Decision::Train);
    }

    #[test]
    fn a_worker_behind_the_chain_catches_up() {
        assert_eq!(Window::default().decide(3, &chain(8, 1)), Decision::CatchUp);
    }

    #[test]
    fn a_step_beyond_a_window_that_moved_back_is_left() {
        assert_eq!(
            Window::default().decide(100, &chain(8, 1)),
            Decision::Rewind
        );
    }

    #[test]
    fn a_checkpoint_is_due_after_a_quarter_of_the_window_or_some_seconds() {
        let mut window = Window::default();
        window.submitted(4, [7; 32], &chain(0, 1), NOW);
        let chain = chain(4, 1);
        assert_eq!(window.checkpoint(8, &chain, NOW), None);
        assert_eq!(window.checkpoint(12, &chain, NOW), Some(Checkpoint::New));
        let later = NOW + CHECKPOINT_EVERY;
        assert_eq!(window.checkpoint(8, &chain, later), Some(Checkpoint::New));
    }

    #[test]
    fn only_whole_segments_inside_the_window_are_checkpointed() {
        let window = Window::default();
        assert_eq!(window.checkpoint(13, &chain(0, 1), NOW), None);
        assert_eq!(window.checkpoint(8, &chain(8, 1), NOW), None);
        assert_eq!(window.checkpoint(4, &chain(8, 1), NOW), None);
        assert_eq!(
            window.checkpoint(32, &chain(0, 1), NOW),
            Some(Checkpoint::New)
        );
        assert_eq!(window.checkpoint(36, &chain(0, 1), NOW), None);
    }

    #[test]
    fn one_checkpoint_is_on_its_way_at_a_time_and_a_lost_one_is_sent_again() {
        let mut window = Window::default();
        window.submitted(8, [7; 32], &chain(0, 1), NOW);
        let mut chain = chain(0, 2);
        assert_eq!(window.checkpoint(16, &chain, NOW * 2), None);
        chain.block += RESUBMIT_AFTER_BLOCKS;
        let again = Checkpoint::Again {
            to: 8,
            root: [7; 32],
        };
        assert_eq!(window.checkpoint(16, &chain, NOW * 2), Some(again));
        chain.committed = 8;
        assert_eq!(
            window.checkpoint(16, &chain, NOW * 2),
            Some(Checkpoint::New)
        );
    }

    #[test]
    fn a_lone_miner_never_deadlocks() {
        // the chain takes a checkpoint only in a block, and a block needs a draw under the newest template
        let (mut window, mut step, mut chain) = (Window::default(), 0, chain(0, 0));
        for block in 0..200u64 {
            chain.block = block;
            chain.template = [block as u8; 32];
            let mut drew = false;
            while !drew {
                if let Some(Checkpoint::New) = window.checkpoint(step, &chain, Duration::ZERO) {
                    window.submitted(step, [0; 32], &chain, Duration::ZERO);
                }
                match window.decide(step, &chain) {
                    Decision::Train => {
                        window.worked(step, &chain);
                        step += 1;
                        drew = true;
                    }
                    Decision::CatchUp => step = chain.committed,
                    Decision::Rewind => {
                        window.rewound(step);
                        step = chain.committed;
                    }
                    Decision::Return(front) => {
                        window.returned();
                        step = front;
                    }
                    Decision::Wait => panic!("nothing left to mine at step {step}"),
                }
            }
            // blocks are full for a long time, so checkpoints wait
            if block % 90 == 89 {
                chain.committed = window.pending.map_or(chain.committed, |pending| pending.to);
            }
        }
        assert!(chain.committed > 0);
    }
}
