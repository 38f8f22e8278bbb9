//! The loop on the training thread: take the newest template, work on the run that is worth most, hand over what came of it.
//!
//! One run is trained at a time. Paid tasks come first; when they have nothing new to train, because their windows wait for audits,
//! the commons are trained; only when nothing new is left anywhere are steps worked again under new templates. Runs that are worth
//! the same take turns, a claim's worth of steps each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use quern_client::Template;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use crate::{
    WorkerError,
    course::Course,
    display::{Gauges, Phase},
    link::Feed,
    submitter::Order,
    window::Chain,
};

/// Longest pause before looking for a newer template or for the end again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Blocks after which a paid task's run that templates do not show any more is let go.
const LET_GO_AFTER: u64 = 256;

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
    /// The run whose trouble ends the trainer; another's ends that run's training alone.
    pub only: Option<u64>,
}

impl Surroundings {
    /// Whether the loop is to end.
    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Hands something over.
    pub(crate) fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!("too many orders wait: one is dropped");
        }
    }
}

/// A course, and when the chain last showed its run.
struct Place {
    course: Course,
    paid: bool,
    seen: u64,
    /// Its last turn's number.
    turn: u64,
}

/// Trains runs.
pub struct Trainer {
    places: Vec<Place>,
    arrivals: mpsc::Receiver<Course>,
    out: Surroundings,
    /// Turns that have ended.
    turns: u64,
}

impl Trainer {
    /// A trainer of the runs that arrive.
    pub fn new(arrivals: mpsc::Receiver<Course>, out: Surroundings) -> Self {
        Self {
            places: Vec::new(),
            arrivals,
            out,
            turns: 0,
        }
    }

    /// Trains until told to stop, then keeps the states.
    ///
    /// # Errors
    /// Those of keeping the last states, and of the run that was asked for: [`WorkerError::OtherState`] when the chain's state is
    /// not the one that exact training gives, and errors of the back-end.
    pub fn run(mut self) -> Result<(), WorkerError> {
        while !self.out.stopping() {
            while let Ok(course) = self.arrivals.try_recv() {
                self.places.push(Place {
                    course,
                    paid: false,
                    seen: 0,
                    turn: self.turns,
                });
            }
            let template = self.out.feed.borrow_and_update().template.clone();
            let Some(template) = template else {
                self.wait(Phase::Connecting);
                continue;
            };
            self.let_go(&template);
            if let Some(place) = self.choose(&template) {
                self.train(place, &template)?;
            } else if self
                .places
                .iter()
                .any(|p| p.course.own(&template).is_some())
            {
                self.wait(Phase::Waiting);
            } else {
                self.wait(Phase::NoRun);
            }
        }
        let left = self.places.iter_mut().map(|place| place.course.leave());
        left.fold(Ok(()), Result::and)
    }

    /// Gives a course its turn, and its place to others after a claim's worth of steps. One that cannot go on is dropped.
    fn train(&mut self, place: usize, template: &Template) -> Result<(), WorkerError> {
        let Place { course, turn, .. } = &mut self.places[place];
        let Some(run) = course.own(template) else {
            return Ok(());
        };
        let bundle = course.bundle();
        match course.turn(&mut self.out, template, run) {
            Ok(()) if course.bundle() == bundle => Ok(()),
            Ok(()) => {
                self.turns += 1;
                *turn = self.turns;
                Ok(())
            }
            Err(error) if self.out.only == Some(run.id) => Err(error),
            Err(error) => {
                tracing::error!("run {} is trained no longer: {error}", run.id);
                self.places.remove(place);
                Ok(())
            }
        }
    }

    /// The course that is worth most now; of equal ones that whose turn is the longest ago.
    fn choose(&self, template: &Template) -> Option<usize> {
        let worth = |place: &Place| {
            let run = place.course.own(template)?;
            let worth = place.course.worth(run, &Chain::new(template, run))?;
            Some((worth, place.turn, run.id))
        };
        let ranked = self.places.iter().enumerate();
        let ranked = ranked.filter_map(|(index, place)| Some((worth(place)?, index)));
        ranked.min().map(|(_, index)| index)
    }

    /// Lets go of paid tasks' runs that have no steps left, and of those that are gone or whose numbers other runs have.
    fn let_go(&mut self, template: &Template) {
        self.places.retain_mut(|place| {
            if let Some(run) = place.course.own(template) {
                place.seen = template.number;
                place.paid = run.steps.is_some();
                return !place.course.accept(run, template.number);
            }
            let usurped = template.runs.iter().any(|run| run.id == place.course.run());
            let may_go = place.paid || usurped;
            !may_go || template.number < place.seen.saturating_add(LET_GO_AFTER)
        });
    }

    fn wait(&mut self, phase: Phase) {
        let entered = self.out.gauges.read().phase != phase;
        if entered && phase == Phase::NoRun {
            for place in &self.places {
                let run = place.course.run();
                tracing::warn!("run {run} is not live at this node; waiting for it");
            }
        }
        self.out.gauges.update(|progress| progress.phase = phase);
        let feed = &mut self.out.feed;
        let news = async { tokio::time::timeout(LOOK_AGAIN, feed.changed()).await };
        if let Ok(Err(_gone)) = self.out.runtime.block_on(news) {
            thread::sleep(LOOK_AGAIN);
        }
    }
}
