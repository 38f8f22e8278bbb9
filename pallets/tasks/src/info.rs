//! Answers to the runtime API.

use crate::*;
use quern_api::market::{BallotInfo, MinerInfo, SeatInfo, TaskInfo, TaskStage};
use quern_market::OrderError;

/// Most tasks of one answer.
const MAX_TASKS: u32 = 100;

impl<T: Config> Pallet<T> {
    /// One task.
    pub fn task_info(id: TaskId) -> Option<TaskInfo> {
        match Commons::<T>::get(id) {
            Some(spec) => Some(commons(id, spec)),
            None => Tasks::<T>::get(id).map(|task| Self::paid(id, task)),
        }
    }

    /// At most `limit` (at most 100) tasks from id `from` downwards, the latest first.
    pub fn tasks(from: TaskId, limit: u32) -> Vec<TaskInfo> {
        let above = NextTask::<T>::get().min(from.saturating_add(1));
        (0..above)
            .rev()
            .take(limit.min(MAX_TASKS) as usize)
            .filter_map(Self::task_info)
            .collect()
    }

    /// The going rate, in the smallest unit per 10⁹ MACs.
    pub fn price_hint() -> u128 {
        let market = Market {
            demand: Demand::<T>::get(),
            supply: T::ChainWork::get(),
            tasks: Unfinished::<T>::get(),
            most: T::MaxOpen::get(),
        };
        market.rate()
    }

    /// The least fee that an order takes, submitted now.
    ///
    /// # Errors
    /// Why it would be refused whatever the fee.
    pub fn quote(order: &Order) -> Result<u128, OrderError> {
        Self::check(order)?;
        Ok(Self::least_fee())
    }

    fn paid(id: TaskId, task: TaskOf<T>) -> TaskInfo {
        let stage = match &task.stage {
            Stage::Open => TaskStage::Open,
            Stage::Assigned => TaskStage::Assigned,
            Stage::Training => TaskStage::Training,
            Stage::Evaluating(_) => TaskStage::Evaluating,
            Stage::Ended(End::Completed(_)) => TaskStage::Completed,
            Stage::Ended(End::Failed(_) | End::Unserved) => TaskStage::Failed,
            Stage::Ended(End::Expired) => TaskStage::Expired,
            Stage::Ended(End::Cancelled) => TaskStage::Cancelled,
        };
        let best = match task.stage {
            Stage::Ended(End::Completed(best)) => Some(best),
            Stage::Ended(End::Failed(best)) => best,
            _ => None,
        };
        let evaluation = match &task.stage {
            Stage::Evaluating(evaluation) => evaluation.ballot.as_ref().map(|ballot| BallotInfo {
                seats: ballot
                    .seats
                    .iter()
                    .map(|seat| SeatInfo {
                        ticket: seat.ticket,
                        voter: (*seat.voter.as_ref()).into(),
                        segments: Vec::new(),
                        committed: seat.commitment.is_some(),
                        revealed: seat.vote.is_some(),
                    })
                    .collect(),
                commit_until: ballot.commit_until,
                reveal_until: ballot.reveal_until,
                reveals: ballot.reveals(Self::now().saturating_add(1)),
            }),
            _ => None,
        };
        let miners = task.miners.iter().map(|miner| MinerInfo {
            ticket: miner.ticket,
            owner: (*miner.owner.as_ref()).into(),
            run: miner.progress.run(),
            accepted: miner.accepted,
            macs: miner.macs,
            state_root: miner.state_root,
            due: Self::due(miner).unwrap_or(u32::MAX),
        });
        TaskInfo {
            id,
            client: Some((*task.client.as_ref()).into()),
            spec: task.order.spec.clone(),
            fee: task.fee,
            stage,
            submitted: task.submitted,
            deadline: task.deadline,
            miners: miners.collect(),
            supervisor: task
                .supervisor
                .as_ref()
                .map(|(ticket, who)| (*ticket, (*who.as_ref()).into())),
            evaluation,
            best,
            order: Some(task.order),
        }
    }
}

fn commons(id: TaskId, spec: TaskSpec) -> TaskInfo {
    TaskInfo {
        id,
        client: None,
        spec,
        order: None,
        fee: 0,
        stage: TaskStage::Commons,
        submitted: 0,
        deadline: u32::MAX,
        miners: Vec::new(),
        supervisor: None,
        evaluation: None,
        best: None,
    }
}
