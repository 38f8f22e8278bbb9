//! Runs and the arithmetic of their windows and credits, free of storage.

use codec::{Decode, Encode, MaxEncodedLen};
use quern_api::WorkRules;
use quern_work::{Hash, Shape, TILE, TaskError, TaskSpec};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Identifies a task.
pub type TaskId = u32;

/// Identifies a run.
pub type RunId = u64;

/// One execution of a task from a seed, by one owner.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Run<AccountId> {
    /// What is executed.
    pub task: TaskId,
    /// Who may mine it, and is paid.
    pub owner: AccountId,
    /// Seed of initialisation, batches and rounding.
    pub seed: Hash,
    /// Held from the owner until the run is closed; 0 for runs of genesis.
    pub deposit: u128,
    /// Steps covered by the last checkpoint; the window opens here.
    pub committed: u64,
    /// State root claimed after `committed` steps.
    pub state_root: Option<Hash>,
    /// The latest step that sealed a block.
    pub last_sealed: Option<u64>,
    /// Step and tile ordinal of the latest share.
    pub last_share: Option<(u64, u32)>,
    /// MACs credited by seals and shares.
    pub macs: u128,
    /// Blocks sealed.
    pub seals: u64,
    /// Shares accepted.
    pub shares: u64,
}

/// Features in one unit of a seal's weight.
pub const FEATURES_PER_UNIT: u32 = 256;

/// Units of weight of a seal of `bytes` bytes: two strips of 16 rows make almost all of it.
pub fn weight_units(bytes: usize) -> u32 {
    let unit = 2 * TILE * FEATURES_PER_UNIT as usize;
    u32::try_from(bytes.div_ceil(unit)).unwrap_or(u32::MAX)
}

/// What a recorded seal earns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Earns {
    /// The worker share vests until the segment of the step is committed.
    Vesting,
    /// The step is committed already: the worker share is paid at once.
    Payment,
    /// The step, or a later one, has sealed before: no worker share.
    Nothing,
}

impl<AccountId> Run<AccountId> {
    /// A run at its start.
    pub fn new(task: TaskId, owner: AccountId, seed: Hash, deposit: u128) -> Self {
        Self {
            task,
            owner,
            seed,
            deposit,
            committed: 0,
            state_root: None,
            last_sealed: None,
            last_share: None,
            macs: 0,
            seals: 0,
            shares: 0,
        }
    }

    /// Whether `step` may be mined now: `committed ≤ step < committed + max_ahead`.
    pub fn admits(&self, step: u64, max_ahead: u64) -> bool {
        step >= self.committed && step - self.committed < max_ahead
    }

    /// Whether a step that no checkpoint covers yet has sealed a block or made a share.
    pub fn has_open_work(&self) -> bool {
        let shared = self.last_share.map(|(step, _)| step);
        self.last_sealed.max(shared) >= Some(self.committed)
    }

    /// Steps the run has shown or claimed.
    fn steps(&self) -> u64 {
        let sealed = self.last_sealed.map_or(0, |step| step.saturating_add(1));
        let shared = self
            .last_share
            .map_or(0, |(step, _)| step.saturating_add(1));
        self.committed.max(sealed).max(shared)
    }

    /// Credits `macs`, but never more than the products of the steps shown so far contain.
    fn credit(&mut self, macs: u128, shape: &Shape) {
        let contained = u128::from(self.steps()).saturating_mul(shape.product_macs().into());
        self.macs = self.macs.saturating_add(macs).min(contained).max(self.macs);
    }

    /// Records that `step` sealed a block that cost `macs`.
    pub fn seal(&mut self, step: u64, macs: u128, shape: &Shape) -> Earns {
        self.seals = self.seals.saturating_add(1);
        let earns = match self.last_sealed {
            Some(last) if step <= last => Earns::Nothing,
            _ if step < self.committed => Earns::Payment,
            _ => Earns::Vesting,
        };
        self.last_sealed = self.last_sealed.max(Some(step));
        self.credit(macs, shape);
        earns
    }

    /// Records a share; `None`, and nothing changed, unless it is later than the last one.
    pub fn share(&mut self, at: (u64, u32), macs: u128, shape: &Shape) -> Option<()> {
        if self.last_share.is_some_and(|last| at <= last) {
            return None;
        }
        self.last_share = Some(at);
        self.shares = self.shares.saturating_add(1);
        self.credit(macs, shape);
        Some(())
    }
}

/// What genesis chooses for draws and windows.
#[derive(
    Clone, Debug, Decode, Deserialize, Encode, Eq, MaxEncodedLen, PartialEq, Serialize, TypeInfo,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// Rank of the noise: a power of two, at least 2.
    pub noise_rank: u32,
    /// Steps that may be mined past the last committed one.
    pub max_ahead: u64,
    /// Expected MACs of a share.
    pub share_difficulty: u128,
    /// Tiles that may win per batch row, Q32.32.
    pub omega_b: u64,
    /// Tiles that may win per model parameter, Q32.32.
    pub omega_m: u64,
}

impl Rules {
    /// Whether a task can be mined under these rules.
    ///
    /// # Errors
    /// The first bound that does not hold; a segment longer than the window counts as out of bounds.
    pub fn admit(&self, spec: &TaskSpec) -> Result<(), TaskError> {
        spec.validate(self.noise_rank)?;
        if self.max_ahead < u64::from(spec.segment) {
            return Err(TaskError::Segment);
        }
        Ok(())
    }
}

impl From<Rules> for WorkRules {
    fn from(rules: Rules) -> Self {
        let Rules {
            noise_rank,
            max_ahead,
            share_difficulty,
            omega_b,
            omega_m,
        } = rules;
        Self {
            noise_rank,
            max_ahead,
            share_difficulty,
            omega_b,
            omega_m,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        m: 64,
        n: 48,
        k: 512,
        r: 32,
    };
    const STEP: u128 = 64 * 48 * 512;

    fn run() -> Run<u8> {
        Run {
            committed: 64,
            ..Run::new(0, 1, [0; 32], 0)
        }
    }

    #[test]
    fn the_window_opens_at_the_committed_step() {
        let run = run();
        assert!(!run.admits(63, 128));
        assert!(run.admits(64, 128) && run.admits(191, 128));
        assert!(!run.admits(192, 128) && !run.admits(u64::MAX, 128));
    }

    #[test]
    fn a_step_earns_once_and_only_if_it_is_the_latest() {
        let mut run = run();
        assert_eq!(run.seal(70, 1, &SHAPE), Earns::Vesting);
        assert_eq!(run.seal(70, 1, &SHAPE), Earns::Nothing);
        assert_eq!(run.seal(69, 1, &SHAPE), Earns::Nothing);
        assert_eq!(run.seal(71, 1, &SHAPE), Earns::Vesting);
        run.committed = 128;
        assert_eq!(run.seal(100, 1, &SHAPE), Earns::Payment);
        assert_eq!((run.last_sealed, run.seals), (Some(100), 5));
    }

    #[test]
    fn work_is_open_until_a_checkpoint_covers_it() {
        let mut run = run();
        assert!(!run.has_open_work());
        run.seal(63, 1, &SHAPE);
        assert!(!run.has_open_work());
        run.share((64, 0), 1, &SHAPE);
        assert!(run.has_open_work());
        run.committed = 128;
        assert!(!run.has_open_work());
        run.seal(128, 1, &SHAPE);
        assert!(run.has_open_work());
    }

    #[test]
    fn shares_come_in_order() {
        let mut run = run();
        assert_eq!(run.share((70, 3), 1, &SHAPE), Some(()));
        assert_eq!(run.share((70, 3), 1, &SHAPE), None);
        assert_eq!(run.share((69, 9), 1, &SHAPE), None);
        assert_eq!(run.share((70, 4), 1, &SHAPE), Some(()));
        assert_eq!(run.share((71, 0), 1, &SHAPE), Some(()));
        assert_eq!(run.shares, 3);
    }

    #[test]
    fn credit_never_exceeds_the_steps_shown() {
        let mut run = run();
        run.seal(64, u128::MAX, &SHAPE);
        assert_eq!(run.macs, 65 * STEP);
        run.share((65, 0), 1, &SHAPE);
        assert_eq!(run.macs, 65 * STEP + 1);
        run.share((65, 1), u128::MAX, &SHAPE);
        assert_eq!(run.macs, 66 * STEP);
    }
}
