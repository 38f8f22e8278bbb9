//! What draws and windows follow: the noise rank, which genesis fixes, and limits that governance may
//! change between any two blocks.
//!
//! A change counts from the block after it for seals (a seal is checked against its parent's state), at
//! once for shares and claims. A window that becomes shorter takes nothing back: what steps past its new end
//! earned stays, they only can't be mined or claimed until the window has moved; it never is shorter than
//! one segment of its run ([`Run::ahead`]), so no run gets stuck. A share credits the share target that it
//! met, and shares of a run come in order whatever the target, so none counts twice.

use crate::*;

/// The part of [`WorkRules`] that governance may change. No value makes anything fail: at worst nobody
/// finds a share, or the first tile alone may win.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WorkLimits {
    /// A step may be at most this far past the last committed one.
    pub max_ahead: u64,
    /// Expected MACs of a share; 0 counts as 1.
    pub share_difficulty: u128,
    /// Tiles that may win per batch row, Q32.32.
    pub omega_b: u64,
    /// Tiles that may win per model parameter, Q32.32.
    pub omega_m: u64,
    /// MACs that a voter may be asked to execute for one ballot; of tasks that are opened from now on.
    pub max_vote_macs: u64,
    /// Bytes that a voter may be asked to fetch for one ballot, likewise.
    pub max_vote_bytes: u64,
}

impl WorkLimits {
    /// These limits on a chain with this noise rank.
    pub fn with_rank(self, noise_rank: u32) -> WorkRules {
        WorkRules {
            noise_rank,
            max_ahead: self.max_ahead,
            share_difficulty: self.share_difficulty,
            omega_b: self.omega_b,
            omega_m: self.omega_m,
            max_vote_macs: self.max_vote_macs,
            max_vote_bytes: self.max_vote_bytes,
        }
    }
}

impl<T: Config> Pallet<T> {
    /// What draws and windows follow, for the runtime API: all zero on a chain without work.
    pub fn rules() -> WorkRules {
        Self::rules_in_force().unwrap_or_default()
    }

    /// The rules; `None` on a chain whose genesis set no noise rank.
    pub(crate) fn rules_in_force() -> Option<WorkRules> {
        let rank = NoiseRank::<T>::get();
        (rank > 0).then(|| T::Limits::get().with_rank(rank))
    }
}
