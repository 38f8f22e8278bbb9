//! The discrete-event simulator: virtual time, one queue, real engines.
//!
//! Every honest node drives an engine of the library. It polls about the block that it prefers, at most
//! `concurrent_polls` at a time and one each `interval_us`; questions and answers travel by [`crate::network`]. A node
//! that is asked answers at once with its preference and its last accepted block; for voters that are late the asker
//! takes the last accepted block that it knows of them. Blocks are not lost: a partition only delays them.

mod event;
mod finish;
mod node;
mod poll;
#[cfg(test)]
mod tests;

use std::collections::{BinaryHeap, VecDeque};

use quern_snow::{
    Chain, Core, Dag, Engine, Error, Flat, Id, Parameters, Sampler, Snowball, Snowflake,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use self::{
    event::{Event, Scheduled},
    node::{Fate, Honest, Node},
};
use crate::{
    blocks::{Blocks, GENESIS},
    config::{ConfigError, Configuration, EngineName, Start},
    forecast::{Forecasts, Pace},
    network::severed_until,
    outcome::{End, HeightRow, NodeRow, Outcome},
    record::{Matrix, Record, States},
    subject::Subject,
};

/// Why a run could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// The configuration breaks a bound.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An engine refused what the simulator did with it: a defect of one of them, worth a report with the
    /// configuration.
    #[error("node {node}'s engine refused at {time_us} µs: {error}")]
    Engine {
        /// The node.
        node: u32,
        /// When.
        time_us: u64,
        /// What it said.
        error: Error,
    },
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// Each node in sum.
    pub nodes: Vec<NodeRow>,
    /// What was recorded; empty without recording.
    pub record: Record,
}

/// Runs a configuration to its end. `progress` hears how many heights honest nodes have decided, and of how many.
///
/// # Errors
/// The configuration breaks a bound, or an engine refuses what it must take.
pub fn simulate(
    configuration: &Configuration,
    recording: bool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Run, SimulationError> {
    configuration.validate()?;
    match configuration.engine {
        EngineName::Chain | EngineName::Tree => run::<Chain>(configuration, recording, progress),
        EngineName::Snowball => run::<Flat<Snowball<Id>>>(configuration, recording, progress),
        EngineName::Snowflake => run::<Flat<Snowflake<Id>>>(configuration, recording, progress),
        EngineName::Dag => run::<Dag>(configuration, recording, progress),
    }
}

fn run<C: Subject>(
    configuration: &Configuration,
    recording: bool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Run, SimulationError> {
    let mut simulation = Simulation::<C>::new(configuration, recording)?;
    let end = simulation.run(progress)?;
    Ok(simulation.finish(end))
}

struct Simulation<'a, C: Core> {
    configuration: &'a Configuration,
    parameters: Parameters,
    queue: BinaryHeap<Scheduled>,
    now: u64,
    sequence: u64,
    events: u64,
    rng: ChaCha8Rng,
    blocks: Blocks,
    /// Honest nodes whose stance a block is.
    supporters: Vec<u32>,
    accepted_by: Vec<u32>,
    heights: Vec<HeightRow>,
    first_rivals: Vec<u32>,
    nodes: Vec<Node<C>>,
    rows: Vec<NodeRow>,
    decided: u32,
    decisions: u64,
    disagreements: u64,
    forecasts: Forecasts,
    states: Option<States>,
    record: Record,
}

impl<'a, C: Subject> Simulation<'a, C> {
    fn new(configuration: &'a Configuration, recording: bool) -> Result<Self, SimulationError> {
        let parameters = Parameters::from(configuration.parameters);
        let stakes = configuration.stakes();
        let sampler = Sampler::new(&stakes).map_err(ConfigError::from)?;
        // One stream for the network, one for each node.
        let rng = ChaCha8Rng::seed_from_u64(configuration.seed);
        let mut nodes = Vec::new();
        let mut rows = Vec::new();
        for (node, stake) in (0..configuration.nodes).zip(stakes) {
            let byzantine = configuration.is_byzantine(node);
            rows.push(NodeRow {
                node,
                role: if byzantine {
                    configuration.byzantine.strategy.name()
                } else {
                    "honest"
                },
                stake,
                asked: 0,
                prefer: 0,
                accept: 0,
                reject: 0,
                nothing: 0,
                polls: 0,
                quorums: 0,
                height: 0,
                accepted: None,
                decided_us: None,
            });
            nodes.push(if byzantine {
                Node::Byzantine(0)
            } else {
                let mut rng = rng.clone();
                rng.set_stream(u64::from(node) + 1);
                let core = C::begin(configuration).map_err(ConfigError::from)?;
                let engine = Engine::new(core, sampler.clone()).map_err(ConfigError::from)?;
                Node::Honest(Box::new(Honest {
                    engine,
                    rng,
                    fates: vec![Fate::Accepted],
                    waiting: Vec::new(),
                    open: VecDeque::new(),
                    opened: 0,
                    ended: 0,
                    quorums: 0,
                    next_poll_us: 0,
                    awake: false,
                    preference: GENESIS,
                    stance: GENESIS,
                    last: GENESIS,
                    height: 0,
                    confidence: 0,
                    pace: Pace::default(),
                    peers: Vec::new(),
                    decided_us: None,
                }))
            });
        }
        let honest = configuration.honest();
        let matrix = if recording { configuration.nodes } else { 0 };
        Ok(Self {
            configuration,
            parameters,
            queue: BinaryHeap::new(),
            now: 0,
            sequence: 0,
            events: 0,
            rng,
            blocks: Blocks::new(Id::default()),
            supporters: vec![honest],
            accepted_by: vec![honest],
            heights: Vec::new(),
            first_rivals: configuration.first_rivals(),
            nodes,
            rows,
            decided: 0,
            decisions: 0,
            disagreements: 0,
            forecasts: Forecasts::new(parameters.beta),
            states: recording.then(States::default),
            record: Record {
                matrix: Matrix::new(matrix),
                ..Record::default()
            },
        })
    }

    fn run(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<End, SimulationError> {
        let configuration = self.configuration;
        let (limits, honest) = (&configuration.limits, configuration.honest());
        let total = u64::from(honest) * u64::from(configuration.workload.heights);
        let mut told = u64::MAX;
        self.issue(GENESIS);
        while self.decided < honest {
            if self.decisions != told {
                told = self.decisions;
                progress(told, total);
            }
            // An empty queue is a standstill until the limit of time.
            let next = self.queue.peek().map_or(u64::MAX, |next| next.time);
            if next > limits.time_us {
                self.now = limits.time_us;
                return Ok(End::Time);
            }
            if self.events >= limits.events {
                return Ok(End::Events);
            }
            if let Some(mut states) = self.states.take() {
                states.upto(next, || self.state());
                self.states = Some(states);
            }
            if let Some(scheduled) = self.queue.pop() {
                self.now = scheduled.time;
                self.events += 1;
                self.handle(scheduled.event)?;
            }
        }
        progress(self.decisions, total);
        Ok(End::Decided)
    }

    fn schedule(&mut self, time: u64, event: Event) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.queue.push(Scheduled {
            time,
            sequence,
            event,
        });
    }

    fn honest(&self, node: u32) -> Option<&Honest<C>> {
        match self.nodes.get(node as usize)? {
            Node::Honest(honest) => Some(honest),
            Node::Byzantine(_) => None,
        }
    }

    fn honest_mut(&mut self, node: u32) -> Option<&mut Honest<C>> {
        match self.nodes.get_mut(node as usize)? {
            Node::Honest(honest) => Some(honest),
            Node::Byzantine(_) => None,
        }
    }

    fn refused(&self, node: u32, error: Error) -> SimulationError {
        SimulationError::Engine {
            node,
            time_us: self.now,
            error,
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), SimulationError> {
        match event {
            Event::Wake { node } => self.wake(node),
            Event::Block { node, block } => self.deliver(node, block),
            Event::Question {
                asker,
                voter,
                poll,
                asked,
            } => {
                self.question(asker, voter, poll, asked);
                Ok(())
            }
            Event::Answer {
                asker,
                voter,
                poll,
                answer,
            } => self.answer(asker, voter, poll, answer),
            Event::Timeout { asker, poll } => self.timeout(asker, poll),
        }
    }

    /// Issues the rivals on a block, unless all heights are there. Each node knows its own one at once.
    fn issue(&mut self, parent: u32) {
        let workload = &self.configuration.workload;
        let above = self.blocks.get(parent);
        if above.height >= workload.heights || !above.children.is_empty() {
            return;
        }
        // With disagreements there may be several parents at a height.
        let most = u64::from(workload.heights) * u64::from(workload.rivals);
        if self.blocks.len() as u64 > most {
            return;
        }
        for rival in 0..workload.rivals {
            let (id, made) = C::ids(&C::block(&self.blocks, parent, rival));
            let block = self.blocks.issue(parent, id, made);
            self.supporters.push(0);
            self.accepted_by.push(0);
            let proposer = rival % self.configuration.nodes;
            let mut place = 0;
            for node in 0..self.configuration.nodes {
                if self.honest(node).is_none() {
                    continue;
                }
                let own = match workload.start {
                    Start::Shares => self.first_rivals.get(place) == Some(&rival),
                    Start::Arrival => node == proposer,
                };
                place += 1;
                let cuts = &self.configuration.partition;
                let leaves = severed_until(cuts, proposer, node, self.now);
                let leaves = leaves.filter(|_| !own).unwrap_or(self.now);
                let way = match own {
                    true => 0,
                    false => self.configuration.network.delay(&mut self.rng),
                };
                self.schedule(leaves.saturating_add(way), Event::Block { node, block });
            }
        }
    }

    /// A block arrives at a node; with it, those that waited for it.
    fn deliver(&mut self, node: u32, block: u32) -> Result<(), SimulationError> {
        let Node::Honest(honest) = &mut self.nodes[node as usize] else {
            return Ok(());
        };
        let mut arrived = vec![block];
        let mut refusal = None;
        while let Some(block) = arrived.pop() {
            if honest.fate(block) != Fate::Unknown {
                continue;
            }
            let parent = honest.fate(self.blocks.get(block).parent);
            if parent == Fate::Rejected {
                honest.set_fate(block, Fate::Rejected);
                continue;
            }
            let entry = self.blocks.get(block);
            let whole = C::block(&self.blocks, entry.parent, entry.rival);
            match honest.engine.add(&whole) {
                Ok(_) => {
                    honest.set_fate(block, Fate::Processing);
                    arrived.append(&mut honest.waiting);
                }
                Err(Error::UnknownParent(_)) if parent != Fate::Unknown => {
                    // A rival of it is accepted already.
                    honest.set_fate(block, Fate::Rejected);
                }
                Err(Error::Spent(_) | Error::Rejected(_)) => honest.set_fate(block, Fate::Rejected),
                Err(Error::UnknownParent(_) | Error::TooManyBlocks(_)) => {
                    honest.waiting.push(block);
                }
                Err(error) => refusal = Some(error),
            }
        }
        if let Some(error) = refusal {
            return Err(self.refused(node, error));
        }
        self.refresh(node);
        self.rouse(node);
        Ok(())
    }
}
