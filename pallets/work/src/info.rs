//! Answers to the runtime API.

use crate::*;
use quern_api::RunInfo;

impl<T: Config> Pallet<T> {
    /// An open run as its worker sees it, for the runtime API.
    pub fn run_info(id: RunId) -> Option<RunInfo> {
        let run = Runs::<T>::get(id)?;
        let spec = T::Tasks::spec(run.task)?;
        Some(RunInfo {
            id,
            task: run.task,
            owner: (*run.owner.as_ref()).into(),
            seed: run.seed,
            spec,
            ticket: run.ticket,
            steps: run.steps,
            accepted: run.accepted,
            committed: run.committed,
            state_root: run.state_root,
            pending: run.pending,
            last_sealed: run.last_sealed,
            macs: run.macs,
            seals: run.seals,
            shares: run.shares,
            last_share: run.last_share,
            vesting: T::Rewards::vesting(id),
        })
    }

    /// The open runs of an account, for the runtime API.
    pub fn runs_of(owner: &T::AccountId) -> Vec<RunInfo> {
        RunsOf::<T>::get(owner)
            .into_iter()
            .filter_map(Self::run_info)
            .collect()
    }
}
