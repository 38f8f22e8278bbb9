//! What becomes of claims: the audits' answers.

use crate::*;
use frame::deps::{frame_support::storage::with_storage_layer, sp_runtime::Permill};
use quern_market::{
    claim::training_macs,
    seams::{Claims, Deed, Origin, Outcome},
};

/// Part of its stake that a ticket loses by a rejected claim.
pub const REJECTED_CLAIM: Permill = Permill::from_percent(10);

impl<T: Config> Pallet<T> {
    /// Whether a claim of the run pays a fee.
    pub(crate) fn pays_for_claim(run: &Run<T::AccountId>) -> Pays {
        if run.has_open_work() {
            Pays::No
        } else {
            Pays::Yes
        }
    }

    /// Forgets all seals of the run.
    pub(crate) fn unseal(run: RunId) {
        // There are at most so many: the result says nothing new.
        let _ = Sealed::<T>::clear_prefix(run, types::MAX_PAID_STEPS, None);
    }

    /// Forgets the seals of the run before step `to`; whether later ones are left.
    fn unseal_before(run: RunId, to: u64) -> bool {
        let (old, left): (Vec<u64>, Vec<u64>) =
            Sealed::<T>::iter_key_prefix(run).partition(|step| *step < to);
        for step in old {
            Sealed::<T>::remove(run, step);
        }
        !left.is_empty()
    }

    /// Pays for an accepted claim's segments, and moves the window.
    fn accept(claim: &Claim, mut run: Run<T::AccountId>, verifiers: &[T::AccountId]) {
        let segments = run.segment_of(claim.from)..run.segment_of(claim.to);
        let released = with_storage_layer(|| T::Rewards::release(claim.run, &run.owner, segments));
        if let Err(error) = released {
            defensive!("work: what vests is not held", error);
        }
        let vests = Self::unseal_before(claim.run, claim.to);
        run.accept(claim.to, claim.state_root, vests, Self::now());
        T::Reputation::note(&run.owner, Deed::Accepted);
        let steps = claim.to.saturating_sub(claim.from);
        let macs = T::Tasks::spec(run.task).map_or(0, |spec| training_macs(&spec, steps));
        if run.steps.is_none() {
            let amount = T::Commons::pay(&run.owner, macs);
            if amount > 0 {
                Self::deposit_event(Event::CommonsPaid {
                    run: claim.run,
                    amount,
                });
            }
        }
        let task = run.task;
        Runs::<T>::insert(claim.run, run);
        T::Tasks::accepted(task, claim.run, claim.to, macs, claim.state_root, verifiers);
        Self::deposit_event(Event::ClaimAccepted {
            run: claim.run,
            to: claim.to,
        });
    }

    /// Burns what vests on the run of a rejected claim, and slashes its ticket; a paid task replaces it.
    fn reject(id: RunId, mut run: Run<T::AccountId>) {
        run.reject(Self::now());
        T::Rewards::burn(id, &run.owner);
        Self::unseal(id);
        let slashed = T::Tickets::slash(run.ticket, REJECTED_CLAIM, None);
        T::Reputation::note(&run.owner, Deed::Rejected);
        let (task, accepted) = (run.task, run.accepted);
        Runs::<T>::insert(id, run);
        T::Tasks::rejected(task, id);
        Self::deposit_event(Event::ClaimRejected {
            run: id,
            accepted,
            slashed,
        });
    }
}

impl<T: Config> Claims<T::AccountId> for Pallet<T> {
    fn origin(run: RunId) -> Option<Origin> {
        let run = Runs::<T>::get(run)?;
        Some(Origin {
            task: run.task,
            spec: T::Tasks::spec(run.task)?,
            seed: run.seed,
        })
    }

    fn sealed(run: RunId, from: u64, to: u64) -> Vec<(u64, Hash)> {
        let mut sealed: Vec<(u64, Hash)> = Sealed::<T>::iter_prefix(run)
            .filter(|(step, _)| (from..to).contains(step))
            .collect();
        sealed.sort_unstable();
        sealed
    }

    fn decided(claim: &Claim, outcome: Outcome, verifiers: &[T::AccountId]) {
        // An open run keeps its claim under audit.
        let Some(mut run) = Runs::<T>::get(claim.run) else {
            return;
        };
        match outcome {
            Outcome::Accepted => Self::accept(claim, run, verifiers),
            Outcome::Rejected => Self::reject(claim.run, run),
            Outcome::Lapsed => {
                run.lapse(Self::now());
                let task = run.task;
                Runs::<T>::insert(claim.run, run);
                T::Tasks::lapsed(task, claim.run);
                Self::deposit_event(Event::ClaimLapsed { run: claim.run });
            }
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(author: &T::AccountId, ticket: TicketId) -> Claim {
        benchmarking::claim_under_audit::<T>(author, ticket)
    }
}
