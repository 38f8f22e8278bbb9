//! What a run leaves behind: every vote and every poll, blocks, states over time.

/// Most states over time that are kept.
pub const MAX_STATES: usize = 256;

/// Time between two states at first; it doubles whenever they grow too many.
const FIRST_SPACING: u64 = 1_000;

/// What a voter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// It prefers the block.
    Prefer,
    /// It has accepted the block.
    Accept,
    /// It has rejected the block that it was asked about, and names the one it accepted.
    Reject,
    /// Nothing in time.
    Nothing,
}

impl Said {
    /// All of them in their order, with their names in files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("prefer", Self::Prefer),
        ("accept", Self::Accept),
        ("reject", Self::Reject),
        ("nothing", Self::Nothing),
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// One answer to a poll, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteRow {
    /// When it arrived, or when the asker gave up.
    pub time_us: u64,
    /// Who asked.
    pub asker: u32,
    /// The asker's poll.
    pub poll: u64,
    /// Who was asked.
    pub voter: u32,
    /// Slots of the poll that the voter fills.
    pub slots: u32,
    /// The block that the asker asked about.
    pub asked: u32,
    /// The block that the voter named.
    pub choice: Option<u32>,
    /// The block at the asker's undecided height that this supports.
    pub supports: Option<u32>,
    /// What it says.
    pub said: Said,
    /// Whether the poll was still open.
    pub counted: bool,
    /// From question to answer.
    pub latency_us: u64,
}

/// One poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollRow {
    /// Who asked.
    pub asker: u32,
    /// Its number among the asker's polls.
    pub poll: u64,
    /// When it was opened.
    pub opened_us: u64,
    /// When it ended.
    pub ended_us: u64,
    /// The block that it asked about.
    pub asked: u32,
    /// Slots that were answered.
    pub answered: u32,
    /// The block at the undecided height with most support.
    pub leading: Option<u32>,
    /// Its slots.
    pub leading_slots: u32,
    /// Whether they are αp.
    pub quorum: bool,
    /// Consecutive polls with αc for the asker's preference, this one with them.
    pub confidence: u32,
    /// Blocks accepted when it ended.
    pub accepted: u32,
    /// Blocks rejected.
    pub rejected: u32,
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Its number.
    pub number: u32,
    /// Its parent's.
    pub parent: u32,
    /// Its height.
    pub height: u32,
    /// Which rival it is.
    pub rival: u32,
    /// Honest nodes that accepted it.
    pub accepted_by: u32,
    /// Its id, as 64 hex digits.
    pub id: String,
}

/// One node at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Height that it has decided.
    pub height: u32,
    /// The rival that it prefers at the next height, or has accepted at the last.
    pub rival: u32,
    /// Consecutive polls with αc for its preference.
    pub confidence: u32,
}

/// All nodes at one time; Byzantine ones have no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// When.
    pub time_us: u64,
    /// Each node.
    pub nodes: Vec<Option<NodeState>>,
}

/// States over time: evenly spaced, at most [`MAX_STATES`] and the last.
#[derive(Clone, Debug)]
pub struct States {
    spacing: u64,
    next: u64,
    states: Vec<State>,
}

impl Default for States {
    fn default() -> Self {
        Self {
            spacing: FIRST_SPACING,
            next: 0,
            states: Vec::new(),
        }
    }
}

impl States {
    /// Takes in how all nodes are from now on until `time`.
    pub fn upto(&mut self, time: u64, nodes: impl Fn() -> Vec<Option<NodeState>>) {
        while self.next < time {
            self.states.push(State {
                time_us: self.next,
                nodes: nodes(),
            });
            if self.states.len() >= MAX_STATES {
                let mut even = false;
                self.states.retain(|_| {
                    even = !even;
                    even
                });
                self.spacing *= 2;
                self.next = self.states.len() as u64 * self.spacing;
            } else {
                self.next += self.spacing;
            }
        }
    }

    /// The states, with the last one at `time`.
    pub fn finish(mut self, time: u64, nodes: Vec<Option<NodeState>>) -> Vec<State> {
        self.states.push(State {
            time_us: time,
            nodes,
        });
        self.states
    }
}

/// How many answers each asker got from each voter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    nodes: u32,
    counts: Vec<u32>,
}

impl Matrix {
    /// No answers among `nodes` nodes.
    pub fn new(nodes: u32) -> Self {
        Self {
            nodes,
            counts: vec![0; nodes as usize * nodes as usize],
        }
    }

    fn place(&self, asker: u32, voter: u32) -> Option<usize> {
        let inside = asker < self.nodes && voter < self.nodes;
        inside.then(|| asker as usize * self.nodes as usize + voter as usize)
    }

    /// Counts an answer; of nodes that don't exist nothing.
    pub fn count(&mut self, asker: u32, voter: u32, answers: u32) {
        if let Some(place) = self.place(asker, voter) {
            self.counts[place] = self.counts[place].saturating_add(answers);
        }
    }

    /// Answers that `asker` got from `voter`.
    pub fn get(&self, asker: u32, voter: u32) -> u32 {
        self.place(asker, voter)
            .map_or(0, |place| self.counts[place])
    }

    /// Nodes on each side.
    pub const fn nodes(&self) -> u32 {
        self.nodes
    }
}

/// Everything that was recorded of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Votes in the order in which they arrived.
    pub votes: Vec<VoteRow>,
    /// Polls in the order in which they ended.
    pub polls: Vec<PollRow>,
    /// Votes and polls beyond the limit.
    pub left_out: u64,
    /// All blocks, but for the one that everybody begins with.
    pub blocks: Vec<BlockRow>,
    /// States over time.
    pub states: Vec<State>,
    /// Answers by asker and voter.
    pub matrix: Matrix,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_stay_evenly_spaced_and_few() {
        let mut states = States::default();
        for time in [0, 1, 500_000, 10_000_000] {
            states.upto(time, || vec![None]);
        }
        let states = states.finish(10_000_000, vec![None]);
        assert!(states.len() > MAX_STATES / 2 && states.len() <= MAX_STATES + 1);
        let spacing = states[1].time_us;
        for (place, state) in states[..states.len() - 1].iter().enumerate() {
            assert_eq!(state.time_us, place as u64 * spacing);
        }
        assert_eq!(states.last().unwrap().time_us, 10_000_000);
    }

    #[test]
    fn the_matrix_counts_by_asker_and_voter_and_ignores_strangers() {
        let mut matrix = Matrix::new(2);
        matrix.count(0, 1, 3);
        matrix.count(0, 1, u32::MAX);
        matrix.count(2, 0, 1);
        assert_eq!(
            (matrix.get(0, 1), matrix.get(1, 0), matrix.get(2, 0)),
            (u32::MAX, 0, 0)
        );
    }
}
