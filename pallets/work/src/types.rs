//! Runs and the arithmetic of their windows and credits, free of storage.

use codec::{Decode, Encode, MaxEncodedLen};
use frame::prelude::{BoundedVec, ConstU32};
use quern_work::{Hash, Shape, TILE};
use scale_info::TypeInfo;

/// Identifies a task.
pub type TaskId = u32;

/// Identifies a run.
pub type RunId = u64;

/// Most steps that may earn a worker share each between two checkpoints.
pub const MAX_PAID_STEPS: u32 = 256;

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
    /// Steps from the window before the last checkpoint on that have earned a worker share.
    pub paid: BoundedVec<u64, ConstU32<MAX_PAID_STEPS>>,
    /// Step and tile ordinal of the latest share.
    pub last_share: Option<(u64, u32)>,
    /// Block of the latest share.
    pub shared_at: Option<u64>,
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
    /// The step has sealed before, or too many have since the last checkpoint: no worker share.
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
            paid: BoundedVec::new(),
            last_share: None,
            shared_at: None,
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
        self.last_sealed = self.last_sealed.max(Some(step));
        self.credit(macs, shape);
        if self.paid.contains(&step) || self.paid.try_push(step).is_err() {
            Earns::Nothing
        } else if step < self.committed {
            Earns::Payment
        } else {
            Earns::Vesting
        }
    }

    /// Records a share made in block `number`; `None`, and nothing changed, unless it is later than
    /// the last one. Otherwise, whether it is the run's first in that block.
    pub fn share(
        &mut self,
        at: (u64, u32),
        number: u64,
        macs: u128,
        shape: &Shape,
    ) -> Option<bool> {
        if self.last_share.is_some_and(|last| at <= last) {
            return None;
        }
        self.last_share = Some(at);
        self.shares = self.shares.saturating_add(1);
        self.credit(macs, shape);
        Some(self.shared_at.replace(number) != Some(number))
    }

    /// Records that the state after `to` steps has this root. The block that does so may itself have
    /// been sealed by a step before `to`: steps back to the checkpoint before stay on record.
    pub fn commit(&mut self, to: u64, state_root: Hash) {
        let before = self.committed;
        self.paid.retain(|step| *step >= before);
        self.committed = to;
        self.state_root = Some(state_root);
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
    fn a_step_earns_once_in_whatever_order_steps_seal() {
        let mut run = run();
        assert_eq!(run.seal(70, 1, &SHAPE), Earns::Vesting);
        assert_eq!(run.seal(70, 1, &SHAPE), Earns::Nothing);
        assert_eq!(run.seal(69, 1, &SHAPE), Earns::Vesting);
        assert_eq!((run.last_sealed, run.seals), (Some(70), 3));
    }

    #[test]
    fn a_step_that_its_own_block_commits_earns_unless_it_sealed_before() {
        let mut run = run();
        run.seal(70, 1, &SHAPE);
        run.commit(128, [1; 32]);
        assert_eq!(run.seal(70, 1, &SHAPE), Earns::Nothing);
        assert_eq!(run.seal(71, 1, &SHAPE), Earns::Payment);
        run.commit(192, [2; 32]);
        assert!(run.paid.is_empty());
    }

    #[test]
    fn steps_beyond_the_record_earn_nothing_until_a_checkpoint() {
        let mut run = run();
        let many = u64::from(MAX_PAID_STEPS);
        assert!((64..64 + many).all(|step| run.seal(step, 1, &SHAPE) == Earns::Vesting));
        assert_eq!(run.seal(64 + many, 1, &SHAPE), Earns::Nothing);
        run.commit(64 + many, [1; 32]);
        run.commit(64 + 2 * many, [2; 32]);
        assert_eq!(run.seal(64 + 2 * many, 1, &SHAPE), Earns::Vesting);
    }

    #[test]
    fn work_is_open_until_a_checkpoint_covers_it() {
        let mut run = run();
        assert!(!run.has_open_work());
        run.seal(63, 1, &SHAPE);
        assert!(!run.has_open_work());
        run.share((64, 0), 1, 1, &SHAPE);
        assert!(run.has_open_work());
        run.committed = 128;
        assert!(!run.has_open_work());
        run.seal(128, 1, &SHAPE);
        assert!(run.has_open_work());
    }

    #[test]
    fn shares_come_in_order_and_the_first_of_a_block_is_known() {
        let mut run = run();
        assert_eq!(run.share((70, 3), 9, 1, &SHAPE), Some(true));
        assert_eq!(run.share((70, 3), 9, 1, &SHAPE), None);
        assert_eq!(run.share((69, 9), 9, 1, &SHAPE), None);
        assert_eq!(run.share((70, 4), 9, 1, &SHAPE), Some(false));
        assert_eq!(run.share((71, 0), 10, 1, &SHAPE), Some(true));
        assert_eq!(run.shares, 3);
    }

    #[test]
    fn credit_never_exceeds_the_steps_shown() {
        let mut run = run();
        run.seal(64, u128::MAX, &SHAPE);
        assert_eq!(run.macs, 65 * STEP);
        run.share((65, 0), 1, 1, &SHAPE);
        assert_eq!(run.macs, 65 * STEP + 1);
        run.share((65, 1), 1, u128::MAX, &SHAPE);
        assert_eq!(run.macs, 66 * STEP);
    }
}
