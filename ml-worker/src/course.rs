//! One run in training: its state, its window, and what it has found out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quern_client::{Run, Template};
use quern_training::{Dataset, State};
use quern_work::{Hash, Shape, U256, target};

use crate::{
    WorkerError,
    backend::{self, Lottery, Win},
    chain::Settled,
    checkpoint::Store,
    claim::BUNDLE,
    display::Phase,
    submitter::Order,
    trace::{SharedTrace, Trace},
    trainer::Surroundings,
    window::{Chain, Decision, Window},
};

/// Time between two evaluations when no number of steps is given.
const EVALUATE_EVERY: Duration = Duration::from_secs(2);

/// Bytes of states that a run may keep for its audits; where more is under audit or to be claimed, not every segment's start is kept,
/// and what is missing is trained again.
const STATES_BUDGET: u64 = 1 << 30;

/// How much a course is worth working on, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// New steps of a paid task.
    Paid,
    /// New steps of the commons.
    Commons,
    /// Steps of the commons once more, under a new template.
    CommonsAgain,
    /// Steps of a paid task once more.
    PaidAgain,
}

/// Rows that a model is shown on, and how often.
#[derive(Clone, Debug)]
pub struct Show {
    /// The rows; never trained on.
    pub held_out: Arc<Dataset>,
    /// Steps between two evaluations; none for every two seconds.
    pub every: Option<u64>,
}

/// A run in training.
pub struct Course {
    training: backend::Run,
    store: Arc<Store>,
    trace: SharedTrace,
    show: Option<Show>,
    window: Window,
    finds: Finds,
    settled: Settled,
    /// Whether it has caught up with the chain since it came here.
    ready: bool,
    evaluated: Instant,
}

impl Course {
    /// A course of the run that `store` keeps. `training` holds any state of that run; `trace` is filled and shared with whoever claims.
    pub fn new(
        training: backend::Run,
        store: Arc<Store>,
        trace: SharedTrace,
        show: Option<Show>,
    ) -> Self {
        Self {
            training,
            trace,
            show,
            window: Window::default(),
            finds: Finds::default(),
            settled: Settled::default(),
            ready: false,
            evaluated: Instant::now(),
            store,
        }
    }

    /// The run's number.
    pub(crate) fn run(&self) -> u64 {
        self.store.owner().run
    }

    /// The run, if the template still shows it.
    pub(crate) fn own<'a>(&self, template: &'a Template) -> Option<&'a Run> {
        let owner = self.store.owner();
        template.runs.iter().find(|run| owner.is(run))
    }

    /// Number of the claim's worth of steps that it stands in.
    pub(crate) fn bundle(&self) -> u64 {
        let segment = u64::from(self.store.owner().spec.segment.max(1));
        self.training.step_number() / (BUNDLE * segment)
    }

    /// What working on it now is worth; none if there is nothing to do under this template.
    pub(crate) fn worth(&self, run: &Run, chain: &Chain) -> Option<Worth> {
        let step = self.training.step_number();
        let paid = run.steps.is_some();
        let leads_on = !self.stands(chain) || self.window.leads_on(step, chain);
        if leads_on {
            return Some(if paid { Worth::Paid } else { Worth::Commons });
        }
        let waits = self.window.decide(step, chain) == Decision::Wait;
        let again = if paid {
            Worth::PaidAgain
        } else {
            Worth::CommonsAgain
        };
        (!waits).then_some(again)
    }

    /// Whether state and trace are where the chain can be followed from.
    fn stands(&self, chain: &Chain) -> bool {
        let trace = self.trace.lock();
        self.ready && trace.covers(chain.accepted) && self.training.step_number() <= trace.next()
    }

    /// One decision, applied.
    pub(crate) fn turn(
        &mut self,
        out: &mut Surroundings,
        template: &Template,
        run: &Run,
    ) -> Result<(), WorkerError> {
        let chain = Chain::new(template, run);
        let step = self.training.step_number();
        out.gauges.update(|progress| {
            progress.step = step;
            progress.committed = run.committed;
            progress.seals = run.seals;
            progress.shares = run.shares;
        });
        if !self.stands(&chain) {
            self.catch_up(out, run, &chain)?;
            if !self.ready {
                self.ready = true;
                self.evaluate(out)?;
                tracing::info!(
                    "run {} goes on at step {}",
                    run.id,
                    self.training.step_number()
                );
            }
            return Ok(());
        }
        agree(run, self.trace.lock().root_at(run.accepted))?;
        match self.window.decide(step, &chain) {
            Decision::Wait => Ok(()),
            Decision::CatchUp => self.catch_up(out, run, &chain),
            Decision::Return(front) => {
                self.replay(out, front)?;
                self.window.returned();
                Ok(())
            }
            Decision::Train => self.train(out, template, run, &chain),
            Decision::Rewind => {
                self.keep()?;
                self.window.rewound(step);
                self.replay(out, chain.accepted)
            }
        }
    }

    /// Keeps the state, so that another worker can go on from it.
    pub(crate) fn leave(&mut self) -> Result<(), WorkerError> {
        let trace = self.trace.lock();
        let step = self.training.step_number();
        // a worker that went back has kept the state from which it did
        if trace.resumes_at(step) {
            self.store.save(&self.training.state()?)?;
            self.store.save_trace(&trace)?;
        }
        tracing::info!(
            "stopped; run {} is kept at step {}",
            self.run(),
            trace.next()
        );
        Ok(())
    }

    /// Lets go of what lies before the steps that are accepted for good in block `number`. Whether those are all steps of the run.
    pub(crate) fn accept(&mut self, run: &Run, number: u64) -> bool {
        let height = u32::try_from(number).unwrap_or(u32::MAX);
        let settled = self.settled.of(run.accepted, height);
        let mut trace = self.trace.lock();
        if trace.from() < settled && trace.covers(settled) {
            trace.accept(settled);
            self.store.prune(settled);
        }
        run.steps.is_some_and(|steps| settled >= steps)
    }

    /// Does the current step with draws.
    fn train(
        &mut self,
        out: &mut Surroundings,
        template: &Template,
        run: &Run,
        chain: &Chain,
    ) -> Result<(), WorkerError> {
        let shape = run.spec.lottery_shape(template.rules.noise_rank);
        let rules = &template.rules;
        let lottery = Lottery {
            genesis: template.genesis,
            pre_hash: template.pre_hash,
            author: template.author,
            run: run.id,
            noise_rank: rules.noise_rank,
            allowance: target::allowance(
                rules.omega_b,
                rules.omega_m,
                shape.m,
                run.spec.parameters(),
            ),
            threshold: self.finds.threshold(template, &shape),
        };
        let done = self.training.step(Some(&lottery))?;
        self.window.worked(done.step, chain);
        for order in self.finds.sift(done.wins, template, run, &shape) {
            out.order(order);
        }
        if let Some(weights_root) = done.weights_root {
            self.record(done.step, weights_root, done.correct, chain.last)?;
        }
        out.gauges.update(|progress| {
            progress.phase = Phase::Mining;
            progress.macs += u128::from(shape.product_macs());
            progress.smooth_loss(done.loss);
        });
        let due = match self.show.as_ref().and_then(|show| show.every) {
            Some(steps) => (done.step + 1).is_multiple_of(steps),
            None => self.evaluated.elapsed() >= EVALUATE_EVERY,
        };
        if due {
            self.evaluate(out)?;
        }
        Ok(())
    }

    /// Records a step that is new. At its segment's end keeps the trace, and the state, or in any case the run's last one.
    fn record(
        &mut self,
        step: u64,
        weights_root: Hash,
        correct: u32,
        last: Option<u64>,
    ) -> Result<(), WorkerError> {
        {
            let mut trace = self.trace.lock();
            if trace.next() != step || !trace.push(weights_root, correct) {
                return Ok(());
            }
        }
        // hashing and writing a large state takes long: nobody else waits for it
        let state = self.training.state()?;
        let root = state.root();
        let known = {
            let mut trace = self.trace.lock();
            if trace.next() != state.step {
                // given up meanwhile
                return Ok(());
            }
            trace.close(root);
            trace.clone()
        };
        let spec = &self.store.owner().spec;
        let segment = u64::from(spec.segment.max(1));
        let segments = (known.whole() - known.from()) / segment;
        let every = spacing(State::encoded_len(&spec.sizes()), segments) * segment;
        if state.step.is_multiple_of(every) || last == Some(state.step) {
            self.said(self.store.save(&state));
            self.store.thin(known.from(), every);
        }
        self.said(self.store.save_trace(&known));
        Ok(())
    }

    /// Brings state and trace to where the chain can be followed from: the newest kept state that the trace leads past, else the
    /// accepted step. What the trace has found out beyond the state stays.
    fn catch_up(
        &mut self,
        out: &mut Surroundings,
        run: &Run,
        chain: &Chain,
    ) -> Result<(), WorkerError> {
        let accepted = chain.accepted;
        let known = self.trace.lock().clone();
        let from_here = |step| known.covers(accepted) && (accepted..=known.next()).contains(&step);
        let step = match self.store.newest(from_here) {
            Some(state) => {
                self.training.restore(&state)?;
                state.step
            }
            None => {
                self.replay(out, accepted)?;
                accepted
            }
        };
        if self.training.step_number() != step {
            // told to stop on the way
            return Ok(());
        }
        let mut trace = self.trace.lock();
        if !trace.covers(accepted) || step > trace.next() {
            if step > accepted {
                // what this state follows from was given up meanwhile
                return Ok(());
            }
            let segment = self.store.owner().spec.segment;
            *trace = Trace::new(segment, accepted, self.training.state()?.root());
        }
        self.store.forget_after(trace.next());
        self.said(self.store.save_trace(&trace));
        self.window.returned();
        agree(run, trace.root_at(accepted))
    }

    /// Brings the state to exactly `to` steps, from the nearest one at hand: the current one, a kept one, or the seed.
    fn replay(&mut self, out: &mut Surroundings, to: u64) -> Result<(), WorkerError> {
        let current = self.training.step_number();
        let nearer = if current <= to { current + 1 } else { 0 };
        if let Some(state) = self.store.newest(|step| (nearer..=to).contains(&step)) {
            self.training.restore(&state)?;
        } else if current > to {
            let owner = self.store.owner();
            let state = State::initial(&owner.spec.sizes(), &owner.seed)?;
            self.training.restore(&state)?;
        }
        while self.training.step_number() < to && !out.stopping() {
            let step = self.training.step_number();
            out.gauges.update(|progress| {
                progress.phase = Phase::Replaying(to);
                progress.step = step;
            });
            self.training.step(None)?;
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<(), WorkerError> {
        let state = self.training.state()?;
        self.said(self.store.save(&state));
        self.said(self.store.save_trace(&self.trace.lock()));
        Ok(())
    }

    /// A full disk is said, and training goes on: the state can be replayed.
    fn said(&self, kept: Result<(), crate::checkpoint::StoreError>) {
        if let Err(error) = kept {
            tracing::warn!("{error}");
        }
    }

    fn evaluate(&mut self, out: &Surroundings) -> Result<(), WorkerError> {
        self.evaluated = Instant::now();
        if let Some(show) = &self.show {
            let found = self.training.accuracy(&show.held_out)?;
            let accuracy = found.correct as f64 / found.rows as f64;
            out.gauges
                .update(|progress| progress.accuracy = Some(accuracy));
        }
        Ok(())
    }
}

/// Segments between two kept states of `len` bytes, where so many segments are under audit or to be claimed: a power of two, so that
/// those kept at wider spacing are among those at narrower.
fn spacing(len: u64, segments: u64) -> u64 {
    let all = len.saturating_mul(segments);
    all.div_ceil(STATES_BUDGET).max(1).next_power_of_two()
}

/// Compares the state root at the accepted step with the one that the chain has.
fn agree(run: &Run, ours: Option<Hash>) -> Result<(), WorkerError> {
    match (run.state_root, ours) {
        (Some(chain), Some(ours)) if chain != ours => Err(WorkerError::OtherState {
            run: run.id,
            step: run.accepted,
            ours,
            chain,
        }),
        _ => Ok(()),
    }
}

/// What has been handed over, so that nothing is handed over twice.
#[derive(Debug, Default)]
struct Finds {
    /// The template that has been sealed.
    sealed: Option<Hash>,
    /// Step and ordinal of the last share.
    last_share: Option<(u64, u32)>,
}

impl Finds {
    /// Largest draw that is worth reporting.
    fn threshold(&self, template: &Template, shape: &Shape) -> U256 {
        let share = target::threshold(template.rules.share_difficulty, shape.tile_macs());
        if self.sealed == Some(template.pre_hash) {
            share
        } else {
            share.max(target::threshold(template.difficulty, shape.tile_macs()))
        }
    }

    /// What to submit of a step's wins, which come in ascending order of their tiles: one seal per template, and shares in
    /// strictly ascending order of step and tile.
    fn sift(
        &mut self,
        wins: Vec<Win>,
        template: &Template,
        run: &Run,
        shape: &Shape,
    ) -> Vec<Order> {
        let meets = |draw, difficulty| target::wins(draw, difficulty, shape.tile_macs());
        let mut orders = Vec::new();
        for Win { draw, seal } in wins {
            let pre_hash = template.pre_hash;
            let place = (seal.step, shape.ordinal(seal.tile) as u32);
            if self.sealed != Some(pre_hash) && meets(draw, template.difficulty) {
                self.sealed = Some(pre_hash);
                orders.push(Order::Seal { pre_hash, seal });
            } else if meets(draw, template.rules.share_difficulty)
                && Some(place) > self.last_share.max(run.last_share)
            {
                self.last_share = Some(place);
                orders.push(Order::Share { pre_hash, seal });
            }
        }
        orders
    }
}

#[cfg(test)]
mod tests {
    use quern_client::WorkRules;
    use quern_work::{
        WorkSeal,
        task::{self, TaskSpec},
    };

    use super::*;

    const SHAPE: Shape = Shape {
        m: 32,
        n: 32,
        k: 512,
        r: 32,
    };

    fn template(name: u8) -> Template {
        Template {
            number: 1,
            parent: [0; 32],
            pre_hash: [name; 32],
            genesis: [0; 32],
            author: [0; 32],
            difficulty: 1 << 40,
            rules: WorkRules {
                noise_rank: 32,
                max_ahead: 64,
                share_difficulty: 1 << 30,
                omega_b: 0,
                omega_m: 0,
                max_vote_macs: 1 << 44,
                max_vote_bytes: 1 << 34,
            },
            runs: Vec::new(),
        }
    }

    fn run(last_share: Option<(u64, u32)>) -> Run {
        Run {
            id: 0,
            task: 0,
            seed: [0; 32],
            spec: TaskSpec {
                dataset: task::Dataset {
                    root: [0; 32],
                    row_blocks: 1,
                    features: 512,
                    classes: 2,
                },
                hidden: vec![32].try_into().unwrap(),
                batch: 32,
                lr_shift: 4,
                lr_every: 0,
                segment: 8,
            },
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
            last_share,
            vesting: 0,
        }
    }

    fn win(step: u64, tile: (u32, u32), difficulty: u128) -> Win {
        let seal = WorkSeal {
            run: 0,
            step,
            tile,
            weights_root: [0; 32],
            a_rows: Vec::new(),
            labels: [0; 16],
            a_path: Vec::new(),
            b_rows: Vec::new(),
            b_path: Vec::new(),
        };
        Win {
            draw: target::threshold(difficulty, SHAPE.tile_macs()),
            seal,
        }
    }

    /// `S` for a seal, `s` for a share, with step and tile.
    fn names(orders: &[Order]) -> Vec<(char, u64, (u32, u32))> {
        let name = |order: &Order| match order {
            Order::Seal { seal, .. } => ('S', seal.step, seal.tile),
            Order::Share { seal, .. } => ('s', seal.step, seal.tile),
        };
        orders.iter().map(name).collect()
    }

    #[test]
    fn a_template_is_sealed_once_and_further_wins_are_shares() {
        let mut finds = Finds::default();
        let wins = || vec![win(5, (0, 1), 1 << 40), win(5, (1, 0), 1 << 40)];
        let orders = finds.sift(wins(), &template(1), &run(None), &SHAPE);
        assert_eq!(names(&orders), [('S', 5, (0, 1)), ('s', 5, (1, 0))]);
        let orders = finds.sift(wins(), &template(2), &run(None), &SHAPE);
        assert_eq!(names(&orders), [('S', 5, (0, 1))]);
    }

    #[test]
    fn shares_ascend_in_step_and_tile() {
        let mut finds = Finds::default();
        let wins = vec![win(5, (0, 0), 1 << 30), win(5, (0, 1), 1 << 30)];
        let orders = finds.sift(wins, &template(1), &run(Some((5, 0))), &SHAPE);
        assert_eq!(names(&orders), [('s', 5, (0, 1))]);
        let earlier = vec![win(4, (1, 1), 1 << 30)];
        assert!(
            finds
                .sift(earlier, &template(1), &run(None), &SHAPE)
                .is_empty()
        );
        let later = vec![win(6, (0, 0), 1 << 30)];
        assert_eq!(finds.sift(later, &template(1), &run(None), &SHAPE).len(), 1);
    }

    #[test]
    fn a_draw_above_both_targets_is_nothing() {
        let wins = vec![win(5, (0, 0), 1 << 29)];
        let orders = Finds::default().sift(wins, &template(1), &run(None), &SHAPE);
        assert!(orders.is_empty());
    }

    #[test]
    fn every_start_is_kept_of_as_many_segments_as_there_is_room_for() {
        // 8 million parameters: a claim of 8 segments under audit and as many trained meanwhile
        const LEN: u64 = 8 * 8_000_000;
        assert_eq!(spacing(LEN, 16), 1);
        assert_eq!(spacing(LEN, 17), 2);
        assert_eq!(spacing(LEN, 128), 8);
        assert_eq!(spacing(100, 128), 1);
        assert_eq!(spacing(2 << 30, 3), 8);
    }

    #[test]
    fn the_easier_target_decides_what_is_reported() {
        let mut finds = Finds::default();
        let mut template = template(1);
        let threshold = |difficulty| target::threshold(difficulty, SHAPE.tile_macs());
        assert_eq!(finds.threshold(&template, &SHAPE), threshold(1 << 30));
        template.difficulty = 1 << 20;
        assert_eq!(finds.threshold(&template, &SHAPE), threshold(1 << 20));
        finds.sealed = Some(template.pre_hash);
        assert_eq!(finds.threshold(&template, &SHAPE), threshold(1 << 30));
    }
}
