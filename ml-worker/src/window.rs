//! Which step of a run to do next: decisions about its window, apart from the work itself.
//!
//! A run may be worked from its accepted step up to `max_ahead` steps past the committed one, and no further than its last step. When
//! that is used up before the chain has moved it, the worker goes back to the accepted step and mines over the same steps again under
//! newer templates: their training is repeated and no step earns twice, but their draws are new, so a lone miner can always seal
//! the block that moves the window. Each function here returns a decision and the trainer applies it.

use std::{collections::BTreeMap, ops::Range};

use quern_client::{Run, Template};
use quern_work::Hash;

/// What the newest template says about the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// First step of the window.
    pub accepted: u64,
    /// Last step covered by a claim.
    pub committed: u64,
    /// Steps of the window past the committed one.
    pub max_ahead: u64,
    /// Steps of the whole run; none if it has no end.
    pub last: Option<u64>,
    /// The template's name, its pre-hash.
    pub template: Hash,
}

impl Chain {
    /// What the template says about this run of it.
    pub fn new(template: &Template, run: &Run) -> Self {
        Self {
            accepted: run.accepted,
            committed: run.committed,
            // a window is never shorter than a segment
            max_ahead: template.rules.max_ahead.max(run.spec.segment.into()),
            last: run.steps,
            template: template.pre_hash,
        }
    }

    /// Steps that may be worked.
    pub fn steps(&self) -> Range<u64> {
        let end = self.committed.saturating_add(self.max_ahead);
        self.accepted..end.min(self.last.unwrap_or(u64::MAX))
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do the current step and draw under the current template.
    Train,
    /// The chain is ahead of the worker: take the newest state at or after the accepted step, or replay up to it.
    CatchUp,
    /// The window is used up: keep the current state, and go back to the accepted step.
    Rewind,
    /// The window has moved on: return to the step from which the worker went back.
    Return(u64),
    /// Nothing new can be drawn: wait for the next template.
    Wait,
}

/// The memory behind the decisions.
#[derive(Debug, Default)]
pub struct Window {
    /// The template under which each step of the window was last worked.
    worked: BTreeMap<u64, Hash>,
    /// The step from which the worker went back.
    front: Option<u64>,
}

impl Window {
    /// What to do at `step`, the number of steps that the current state contains.
    pub fn decide(&self, step: u64, chain: &Chain) -> Decision {
        let steps = chain.steps();
        let drawn = |step: &u64| self.worked.get(step) == Some(&chain.template);
        match self.front {
            Some(front) if step < front && steps.contains(&front) => Decision::Return(front),
            _ if step < steps.start => Decision::CatchUp,
            _ if steps.is_empty() => Decision::Wait,
            _ if step >= steps.end && drawn(&steps.start) => Decision::Wait,
            _ if step >= steps.end => Decision::Rewind,
            _ if drawn(&step) => Decision::Wait,
            _ => Decision::Train,
        }
    }

    /// Whether the work at `step` would lead to steps that nobody has trained yet.
    pub fn leads_on(&self, step: u64, chain: &Chain) -> bool {
        match self.decide(step, chain) {
            Decision::CatchUp | Decision::Return(_) => true,
            Decision::Train => self.front.is_none_or(|front| step >= front),
            Decision::Rewind | Decision::Wait => false,
        }
    }

    /// Notes that `step` was worked under the current template.
    pub fn worked(&mut self, step: u64, chain: &Chain) {
        if self
            .worked
            .first_key_value()
            .is_some_and(|(first, _)| *first < chain.accepted)
        {
            self.worked = self.worked.split_off(&chain.accepted);
        }
        self.worked.insert(step, chain.template);
    }

    /// Notes that the worker went back from `step` to the accepted one.
    pub fn rewound(&mut self, step: u64) {
        self.front = self.front.max(Some(step));
    }

    /// Notes that the worker stands at the step from which it went back, or will never be there again.
    pub fn returned(&mut self) {
        self.front = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(accepted: u64, template: u8) -> Chain {
        Chain {
            accepted,
            committed: accepted,
            max_ahead: 32,
            last: None,
            template: [template; 32],
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
    fn a_claim_under_audit_opens_the_window_further() {
        let (mut window, mut step) = (Window::default(), 0);
        let chain = Chain {
            committed: 16,
            ..chain(0, 1)
        };
        work(&mut window, &mut step, &chain);
        assert_eq!(step, 48);
    }

    #[test]
    fn training_stops_at_the_last_step_of_a_run_that_has_one() {
        let (mut window, mut step) = (Window::default(), 0);
        let chain = Chain {
            last: Some(20),
            ..chain(0, 1)
        };
        work(&mut window, &mut step, &chain);
        assert_eq!(step, 20);
        let done = Chain {
            accepted: 20,
            committed: 20,
            ..chain
        };
        assert_eq!(window.decide(20, &done), Decision::Wait);
        let newer = Chain {
            template: [2; 32],
            ..done
        };
        assert_eq!(window.decide(20, &newer), Decision::Wait);
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
    fn only_steps_that_nobody_has_trained_lead_on() {
        let mut window = Window::default();
        assert!(window.leads_on(5, &chain(0, 1)));
        assert!(window.leads_on(5, &chain(8, 1)));
        assert!(!window.leads_on(32, &chain(0, 1)));
        window.rewound(32);
        assert!(!window.leads_on(5, &chain(0, 2)));
        assert!(window.leads_on(5, &chain(8, 2)));
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
    fn a_lone_miner_never_deadlocks() {
        // the chain takes a claim only in a block, and a block needs a draw under the newest template
        let (mut window, mut step, mut chain) = (Window::default(), 0, chain(0, 0));
        for block in 0..200u64 {
            chain.template = [block as u8; 32];
            let mut drew = false;
            while !drew {
                match window.decide(step, &chain) {
                    Decision::Train => {
                        window.worked(step, &chain);
                        step += 1;
                        drew = true;
                    }
                    Decision::CatchUp => step = chain.accepted,
                    Decision::Rewind => {
                        window.rewound(step);
                        step = chain.accepted;
                    }
                    Decision::Return(front) => {
                        window.returned();
                        step = front;
                    }
                    Decision::Wait => panic!("nothing left to mine at step {step}"),
                }
            }
            // a claim is revealed, and its audit ends a long time later
            match block % 90 {
                40 => chain.committed += 16,
                89 => chain.accepted = chain.committed,
                _ => {}
            }
        }
        assert!(chain.accepted > 0);
    }
}
