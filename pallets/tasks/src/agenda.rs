//! When tasks are looked at, and what happens to them then.
//!
//! Every unfinished paid task is due in exactly one block to come, or overdue. A block looks at the
//! tasks that have waited longest, at most [`TICKS`] of them; the cursor stays where some are left.

use crate::*;
use quern_market::Role;

/// Tasks that one block looks at.
const TICKS: u32 = 2;

/// Blocks of the agenda that one block may get through: more than one, so that it catches up.
const BLOCKS: u32 = 4;

impl<T: Config> Pallet<T> {
    /// Looks at the tasks due in block `now`; returns how many it looked at.
    pub(crate) fn tick_due(now: u32) -> u32 {
        let mut at = Cursor::<T>::get();
        let mut ticks = 0;
        for _ in 0..BLOCKS {
            if at > now {
                break;
            }
            let left = TICKS.saturating_sub(ticks);
            let due: Vec<TaskId> = Agenda::<T>::iter_key_prefix(at)
                .take(left as usize)
                .collect();
            let through = (due.len() as u32) < left;
            for id in due {
                Self::tick(id, at, now);
                ticks = ticks.saturating_add(1);
            }
            if !through {
                break;
            }
            at = at.saturating_add(1);
        }
        Cursor::<T>::put(at);
        ticks
    }

    /// Looks at one task that was due in block `at`.
    fn tick(id: TaskId, at: u32, now: u32) {
        let Some(mut task) = Tasks::<T>::get(id).filter(|task| task.wake == at) else {
            defensive!("tasks: the agenda names a task that is not due");
            Agenda::<T>::remove(at, id);
            return;
        };
        let end = if task.has_time(now) {
            Self::assign(id, &mut task, now);
            None
        } else {
            (!task.close_training()).then(|| (End::Expired, Vec::new()))
        };
        let end = end.or_else(|| Self::evaluate(id, &mut task, now));
        if let Some((end, agreed)) = end {
            Self::end(id, task, end, &agreed);
        } else {
            // The more tasks wait for miners, the less often each is looked at: the agenda stays short.
            let retry = RETRY.max(Unfinished::<T>::get() / TICKS);
            let wake = task.next_wake(now, retry);
            Self::put(id, task, wake);
        }
    }

    /// Stores an unfinished task, to be looked at in block `wake`.
    pub(crate) fn put(id: TaskId, mut task: TaskOf<T>, wake: u32) {
        Agenda::<T>::remove(task.wake, id);
        Agenda::<T>::insert(wake, id, ());
        task.wake = wake;
        Tasks::<T>::insert(id, task);
    }

    /// Stores an unfinished task that a call changed: it is looked at when it would have been, or sooner. One
    /// that is overdue keeps its place.
    pub(crate) fn keep(id: TaskId, task: TaskOf<T>, now: u32) {
        let wake = task.next_wake(now, RETRY).min(task.wake);
        Self::put(id, task, wake);
    }

    /// As [`Self::keep`], but in the next block at the latest.
    pub(crate) fn keep_soon(id: TaskId, task: TaskOf<T>, now: u32) {
        let wake = task.wake.min(now.saturating_add(1));
        Self::put(id, task, wake);
    }

    /// Randomness for a draw of this block.
    pub(crate) fn seed(id: TaskId, role: Role) -> Hash {
        let luck = T::Randomness::get();
        derive(DRAW, &[&luck, &id.to_le_bytes(), &role.encode()])
    }
}
