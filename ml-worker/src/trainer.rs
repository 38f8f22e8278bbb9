//! The loop on the training thread: take the newest template, do what [`Window`] decides, hand over what came of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use quern_client::{Run, Template};
use quern_training::{Dataset, State};
use quern_work::{Hash, Shape, U256, target};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use crate::{
    WorkerError,
    backend::{Cpu, Lottery, Win},
    checkpoint::Store,
    display::{Gauges, Phase},
    link::Feed,
    submitter::Order,
    window::{Chain, Checkpoint, Decision, Window},
};

/// Longest pause before looking for a newer template or for the end again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Time between two evaluations, besides those at checkpoints, when no number of steps is given.
const EVALUATE_EVERY: Duration = Duration::from_secs(2);

/// Where the trainer's inputs come from and its results go.
#[derive(Debug)]
pub struct Surroundings {
    /// The node's templates.
    pub feed: watch::Receiver<Feed>,
    /// What is to be submitted; never waited for.
    pub orders: mpsc::Sender<Order>,
    /// What a person sees.
    pub gauges: Gauges,
    /// Set from outside to end the loop after the current step.
    pub stop: Arc<AtomicBool>,
    /// The runtime on whose clock the trainer waits.
    pub runtime: Handle,
}

/// Trains one run.
pub struct Trainer {
    cpu: Cpu,
    store: Store,
    held_out: Dataset,
    held_out_every: Option<u64>,
    window: Window,
    claims: Claims,
    out: Surroundings,
    started: Instant,
    evaluated: Instant,
}

impl Trainer {
    /// A trainer of the run that `store` keeps. `cpu` holds any state of that run. The model is evaluated on `held_out` at every
    /// checkpoint, and besides every `held_out_every` steps; none means every two seconds.
    pub fn new(
        cpu: Cpu,
        store: Store,
        held_out: Dataset,
        held_out_every: Option<u64>,
        out: Surroundings,
    ) -> Self {
        Self {
            cpu,
            store,
            held_out,
            held_out_every,
            window: Window::default(),
            claims: Claims::default(),
            out,
            started: Instant::now(),
            evaluated: Instant::now(),
        }
    }

    /// Trains until told to stop, then keeps the state.
    ///
    /// # Errors
    /// [`WorkerError::OtherState`] when the chain's state is not the one that exact training gives, and errors of the
    /// back-end and of keeping the last state.
    pub fn run(mut self) -> Result<(), WorkerError> {
        let mut resumed = false;
        while !self.stopping() {
            let template = self.out.feed.borrow_and_update().template.clone();
            let Some(template) = template else {
                self.wait(Phase::Connecting);
                continue;
            };
            let Some(run) = self.own(&template) else {
                self.wait(Phase::NoRun);
                continue;
            };
            let step = self.cpu.step_number();
            self.out.gauges.update(|progress| {
                progress.step = step;
                progress.committed = run.committed;
                progress.seals = run.seals;
                progress.shares = run.shares;
            });
            let chain = Chain {
                committed: run.committed,
                max_ahead: template.rules.max_ahead,
                segment: run.spec.segment.into(),
                template: template.pre_hash,
                block: template.number,
            };
            if resumed {
                self.turn(&template, run, &chain)?;
            } else {
                self.catch_up(run, &chain)?;
                self.evaluate()?;
                resumed = true;
                tracing::info!("run {} goes on at step {}", run.id, self.cpu.step_number());
            }
        }
        self.store.save(&self.cpu.state())?;
        tracing::info!(
            "stopped; the state after {} steps is kept",
            self.cpu.step_number()
        );
        Ok(())
    }

    /// One decision, applied.
    fn turn(&mut self, template: &Template, run: &Run, chain: &Chain) -> Result<(), WorkerError> {
        let step = self.cpu.step_number();
        let decision = self.window.decide(step, chain);
        match decision {
            Decision::CatchUp => return self.catch_up(run, chain),
            Decision::Return(front) => {
                self.replay(front)?;
                self.window.returned();
                return Ok(());
            }
            Decision::Train | Decision::Rewind | Decision::Wait => {
                self.checkpoint(run, step, chain)?
            }
        }
        if decision == Decision::Train {
            self.train(template, run, chain)
        } else if decision == Decision::Rewind {
            self.keep(&self.cpu.state());
            self.window.rewound(step);
            self.replay(chain.committed)?;
            self.agree(run)
        } else {
            self.wait(Phase::Waiting);
            Ok(())
        }
    }

    /// The run this trainer trains, if the template still shows it.
    fn own<'a>(&self, template: &'a Template) -> Option<&'a Run> {
        let owner = self.store.owner();
        let same =
            |run: &&Run| run.id == owner.run && run.seed == owner.seed && run.spec == owner.spec;
        template.runs.iter().find(same)
    }

    fn stopping(&self) -> bool {
        self.out.stop.load(Ordering::Relaxed)
    }

    fn wait(&mut self, phase: Phase) {
        let entered = self.out.gauges.read().phase != phase;
        if entered && phase == Phase::NoRun {
            tracing::warn!(
                "run {} is not live at this node; waiting for it",
                self.store.owner().run
            );
        }
        self.out.gauges.update(|progress| progress.phase = phase);
        let feed = &mut self.out.feed;
        let news = async { tokio::time::timeout(LOOK_AGAIN, feed.changed()).await };
        if let Ok(Err(_gone)) = self.out.runtime.block_on(news) {
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Does the current step with draws.
    fn train(&mut self, template: &Template, run: &Run, chain: &Chain) -> Result<(), WorkerError> {
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
            threshold: self.claims.threshold(template, &shape),
        };
        let done = self.cpu.step(Some(&lottery))?;
        self.window.worked(done.step, chain);
        for order in self.claims.sift(done.wins, template, run, &shape) {
            self.order(order);
        }
        self.out.gauges.update(|progress| {
            progress.phase = Phase::Mining;
            progress.macs += u128::from(shape.product_macs());
            progress.smooth_loss(done.loss);
        });
        let due = match self.held_out_every {
            Some(steps) => (done.step + 1).is_multiple_of(steps),
            None => self.evaluated.elapsed() >= EVALUATE_EVERY,
        };
        if due {
            self.evaluate()?;
        }
        Ok(())
    }

    /// Submits a checkpoint if one is due.
    fn checkpoint(&mut self, run: &Run, step: u64, chain: &Chain) -> Result<(), WorkerError> {
        let now = self.started.elapsed();
        let (to, root) = match self.window.checkpoint(step, chain, now) {
            None => return Ok(()),
            Some(Checkpoint::Again { to, root }) => (to, root),
            Some(Checkpoint::New) => {
                let state = self.cpu.state();
                self.keep(&state);
                self.store.prune(chain.committed);
                self.evaluate()?;
                (step, state.root())
            }
        };
        self.order(Order::Checkpoint {
            run: run.id,
            to,
            root,
        });
        self.window.submitted(to, root, chain, now);
        Ok(())
    }

    /// Brings the worker into the window: to the newest kept state inside it or at its end, else to its first step.
    fn catch_up(&mut self, run: &Run, chain: &Chain) -> Result<(), WorkerError> {
        let steps = chain.steps();
        match self.store.newest(steps.start..steps.end.saturating_add(1)) {
            Some(state) => self.cpu.restore(&state)?,
            None => self.replay(chain.committed)?,
        }
        self.agree(run)
    }

    /// Brings the state to exactly `to` steps, from the nearest one at hand: the current one, a kept one, or the seed.
    fn replay(&mut self, to: u64) -> Result<(), WorkerError> {
        let current = self.cpu.step_number();
        let nearer = if current <= to { current + 1 } else { 0 };
        if let Some(state) = self.store.newest(nearer..to.saturating_add(1)) {
            self.cpu.restore(&state)?;
        } else if current > to {
            let owner = self.store.owner();
            let state = State::initial(&owner.spec.sizes(), &owner.seed)?;
            self.cpu.restore(&state)?;
        }
        while self.cpu.step_number() < to && !self.stopping() {
            let step = self.cpu.step_number();
            self.out.gauges.update(|progress| {
                progress.phase = Phase::Replaying(to);
                progress.step = step;
            });
            self.cpu.step(None)?;
        }
        Ok(())
    }

    /// Compares the state with the one that the chain committed, if it is the same step's.
    fn agree(&self, run: &Run) -> Result<(), WorkerError> {
        let Some(chain) = run
            .state_root
            .filter(|_| self.cpu.step_number() == run.committed)
        else {
            return Ok(());
        };
        let ours = self.cpu.state().root();
        if ours == chain {
            return Ok(());
        }
        Err(WorkerError::OtherState {
            run: run.id,
            step: run.committed,
            ours,
            chain,
        })
    }

    /// Keeps a state. A full disk is said, and training goes on: the state can be replayed.
    fn keep(&self, state: &State) {
        if let Err(error) = self.store.save(state) {
            tracing::warn!("{error}");
        }
    }

    fn evaluate(&mut self) -> Result<(), WorkerError> {
        self.evaluated = Instant::now();
        let found = self.cpu.accuracy(&self.held_out)?;
        let accuracy = found.correct as f64 / found.rows as f64;
        self.out
            .gauges
            .update(|progress| progress.accuracy = Some(accuracy));
        Ok(())
    }

    fn order(&self, order: Order) {
        if self.out.orders.try_send(order).is_err() {
            tracing::debug!("too many orders wait: one is dropped");
        }
    }
}

/// What has been handed over, so that nothing is handed over twice.
#[derive(Debug, Default)]
struct Claims {
    /// The template that has been sealed.
    sealed: Option<Hash>,
    /// Step and ordinal of the last share.
    last_share: Option<(u64, u32)>,
}

impl Claims {
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
            committed: 0,
            state_root: None,
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
            Order::Checkpoint { .. } => panic!("no win is a checkpoint"),
        };
        orders.iter().map(name).collect()
    }

    #[test]
    fn a_template_is_sealed_once_and_further_wins_are_shares() {
        let mut claims = Claims::default();
        let wins = || vec![win(5, (0, 1), 1 << 40), win(5, (1, 0), 1 << 40)];
        let orders = claims.sift(wins(), &template(1), &run(None), &SHAPE);
        assert_eq!(names(&orders), [('S', 5, (0, 1)), ('s', 5, (1, 0))]);
        let orders = claims.sift(wins(), &template(2), &run(None), &SHAPE);
        assert_eq!(names(&orders), [('S', 5, (0, 1))]);
    }

    #[test]
    fn shares_ascend_in_step_and_tile() {
        let mut claims = Claims::default();
        let wins = vec![win(5, (0, 0), 1 << 30), win(5, (0, 1), 1 << 30)];
        let orders = claims.sift(wins, &template(1), &run(Some((5, 0))), &SHAPE);
        assert_eq!(names(&orders), [('s', 5, (0, 1))]);
        let earlier = vec![win(4, (1, 1), 1 << 30)];
        assert!(
            claims
                .sift(earlier, &template(1), &run(None), &SHAPE)
                .is_empty()
        );
        let later = vec![win(6, (0, 0), 1 << 30)];
        assert_eq!(
            claims.sift(later, &template(1), &run(None), &SHAPE).len(),
            1
        );
    }

    #[test]
    fn a_draw_above_both_targets_is_nothing() {
        let wins = vec![win(5, (0, 0), 1 << 29)];
        let orders = Claims::default().sift(wins, &template(1), &run(None), &SHAPE);
        assert!(orders.is_empty());
    }

    #[test]
    fn the_easier_target_decides_what_is_reported() {
        let mut claims = Claims::default();
        let mut template = template(1);
        let threshold = |difficulty| target::threshold(difficulty, SHAPE.tile_macs());
        assert_eq!(claims.threshold(&template, &SHAPE), threshold(1 << 30));
        template.difficulty = 1 << 20;
        assert_eq!(claims.threshold(&template, &SHAPE), threshold(1 << 20));
        claims.sealed = Some(template.pre_hash);
        assert_eq!(claims.threshold(&template, &SHAPE), threshold(1 << 30));
    }
}
