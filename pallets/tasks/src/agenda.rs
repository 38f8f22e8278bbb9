//! When tasks are looked at, and what happens to them then.
//!
//! Every unfinished paid task is due in exactly one block to come, or overdue. A block looks at the
//! tasks that have waited longest, at most [`TICKS`] of them, and does one thing to each: it draws miners,
//! or evaluators, or settles the fee. The cursor stays where some are left.

use crate::*;
use frame::deps::frame_support::traits::PostInherents;
use quern_market::Role;

/// Tasks that one block looks at: the dearest draw, of eight miners, takes some percent of a block.
const TICKS: u32 = 1;

/// Blocks of the agenda that one block may get through: more than one, so that it catches up.
const BLOCKS: u32 = 4;

/// Once the parent's seal is recorded: who is drawn among was fixed before that seal was found.
impl<T: Config> PostInherents for Pallet<T> {
    fn post_inherents() {
        let now = frame_system::Pallet::<T>::block_number().saturated_into();
        let weight = Self::tick_due(now).saturating_add(T::WeightInfo::idle());
        frame_system::Pallet::<T>::register_extra_weight_unchecked(
            weight,
            DispatchClass::Mandatory,
        );
    }
}

impl<T: Config> Pallet<T> {
    /// Looks at the tasks due in block `now`; returns what was done to them at most weighs.
    pub(crate) fn tick_due(now: u32) -> Weight {
        let mut at = Cursor::<T>::get();
        let mut ticks = 0;
        let mut weight = Weight::zero();
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
                weight.saturating_accrue(Self::tick(id, at, now));
                ticks = ticks.saturating_add(1);
            }
            if !through {
                break;
            }
            at = at.saturating_add(1);
        }
        Cursor::<T>::put(at);
        weight
    }

    /// Looks at one task that was due in block `at`; returns what was done to it at most weighs.
    fn tick(id: TaskId, at: u32, now: u32) -> Weight {
        let Some(mut task) = Tasks::<T>::get(id).filter(|task| task.wake == at) else {
            defensive!("tasks: the agenda names a task that is not due");
            Agenda::<T>::remove(at, id);
            return T::WeightInfo::idle();
        };
        let draws = |wanted| T::Tickets::draw_weight(wanted);
        let (end, weight) = if !task.has_time(now) {
            let expired = !task.close_training();
            let end = expired.then(|| (End::Expired, Vec::new()));
            (end, T::WeightInfo::settle())
        } else if task.wanted() > 0 {
            let weight = T::WeightInfo::assign()
                .saturating_add(draws(task.wanted()))
                .saturating_add(draws(1));
            Self::assign(id, &mut task, now);
            (None, weight)
        } else {
            // Both count that those drawn are bound, so a draw of too few may free them again.
            let drawing = T::WeightInfo::evaluate().saturating_add(draws(task.order.evaluators));
            let end = Self::evaluate(id, &mut task, now);
            (end, drawing.max(T::WeightInfo::settle()))
        };
        if let Some((end, agreed)) = end {
            Self::end(id, task, end, &agreed);
        } else {
            // The more tasks wait for miners, the less often each is looked at: the agenda stays short.
            let retry = RETRY.max(Unfinished::<T>::get() / TICKS);
            let wake = task.next_wake(now, retry);
            Self::put(id, task, wake);
        }
        weight
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

    /// Stores an unfinished task of which a call made a draw necessary: it is not looked at sooner, even if it
    /// would have been, since who called could then know who is drawn.
    pub(crate) fn keep_for_draw(id: TaskId, task: TaskOf<T>, now: u32) {
        Self::put(id, task, now.saturating_add(DRAW_AFTER));
    }

    /// Randomness for a draw of this block.
    pub(crate) fn seed(id: TaskId, role: Role) -> Hash {
        let luck = T::Randomness::get();
        derive(DRAW, &[&luck, &id.to_le_bytes(), &role.encode()])
    }
}
