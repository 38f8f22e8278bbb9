//! Who trains a paid task, and whether in time.

use codec::{Decode, Encode, MaxEncodedLen};
use quern_market::{RunId, TicketId};
use quern_work::Hash;
use scale_info::TypeInfo;

/// Most miners of one task that are replaced.
pub const MAX_FORMER: u32 = 24;

/// An assigned miner.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Miner<AccountId> {
    /// Its ticket.
    pub ticket: TicketId,
    /// The ticket's owner.
    pub owner: AccountId,
    /// Where it stands.
    pub progress: Progress,
    /// Block since which it stands there, or of the latest accepted claim.
    pub since: u32,
    /// Steps accepted by audits.
    pub accepted: u64,
    /// MACs accepted by audits.
    pub macs: u128,
    /// State root after the accepted steps.
    pub state_root: Option<Hash>,
}

/// Where a miner stands.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub enum Progress {
    /// Is to open its run.
    Waiting,
    /// Trains in this run.
    Running(RunId),
    /// This run has all its steps accepted.
    Finished(RunId),
    /// Closed its run before the end.
    Left,
}

impl Progress {
    /// The run, open or finished.
    pub fn run(self) -> Option<RunId> {
        match self {
            Self::Running(run) | Self::Finished(run) => Some(run),
            Self::Waiting | Self::Left => None,
        }
    }
}

/// A replaced miner.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Former<AccountId> {
    /// Owner of its ticket.
    pub owner: AccountId,
    /// MACs accepted by audits while it was assigned.
    pub macs: u128,
}

/// Blocks that a miner has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// From its assignment to its run's opening.
    pub start: u32,
    /// From one accepted claim to the next.
    pub progress: u32,
}

/// Whether a miner is late.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lateness {
    /// It has time left, or has finished.
    OnTime,
    /// Its time is up: the supervisor may replace it.
    Late,
    /// Twice its time is up: anybody may replace it.
    VeryLate,
}

impl<AccountId> Miner<AccountId> {
    /// Last block in which it is on time; `None` if it has finished.
    pub fn due(&self, pace: Pace) -> Option<u32> {
        let allowed = match self.progress {
            Progress::Waiting => pace.start,
            Progress::Running(_) => pace.progress,
            Progress::Left => 0,
            Progress::Finished(_) => return None,
        };
        Some(self.since.saturating_add(allowed))
    }

    /// Whether it is late in block `now`.
    pub fn lateness(&self, pace: Pace, now: u32) -> Lateness {
        let grace = match self.progress {
            Progress::Running(_) => pace.progress,
            _ => pace.start,
        };
        match self.due(pace) {
            Some(due) if now > due.saturating_add(grace) => Lateness::VeryLate,
            Some(due) if now > due => Lateness::Late,
            _ => Lateness::OnTime,
        }
    }
}
