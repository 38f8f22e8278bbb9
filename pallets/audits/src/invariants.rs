//! What must hold between two blocks.

use alloc::collections::BTreeMap;
use frame::{prelude::*, traits::Get};
use quern_market::{TicketId, seams::Claims};

use crate::{
    Agenda, Audits, Config, Cursor, MAX_PER_TICKET, MAX_REDRAWS, NextAudit, Pallet, Stage,
    UnderAudit,
};

impl<T: Config> Pallet<T> {
    /// Every audit is on the agenda once, where it says, and is of a run that exists; nobody who
    /// made the claim votes on it.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn do_try_state() -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
        let mut filed = 0u32;
        for (block, ids) in Agenda::<T>::iter() {
            for id in &ids {
                filed = filed.saturating_add(1);
                ensure!(
                    Audits::<T>::get(id).is_some_and(|audit| audit.due == block),
                    "audits: the agenda has an audit that is filed elsewhere"
                );
            }
            ensure!(
                Cursor::<T>::get().is_none_or(|cursor| block >= cursor),
                "audits: an audit is forgotten"
            );
        }
        ensure!(
            filed == Audits::<T>::count() && filed <= T::MaxActive::get(),
            "audits: not every audit is on the agenda once"
        );
        let mut per_ticket = BTreeMap::<TicketId, u32>::new();
        for (id, audit) in Audits::<T>::iter() {
            let count = per_ticket.entry(audit.ticket).or_default();
            *count = count.saturating_add(1);
            ensure!(
                *count <= MAX_PER_TICKET && *count <= UnderAudit::<T>::get(audit.ticket),
                "audits: too many claims of one ticket"
            );
            ensure!(
                id < NextAudit::<T>::get(),
                "audits: an audit from the future"
            );
            ensure!(
                T::Claims::origin(audit.claim.run).is_some(),
                "audits: an audit of no run"
            );
            ensure!(audit.redraws <= MAX_REDRAWS, "audits: too many draws");
            let Stage::Voting { ballot, drawn } = &audit.stage else {
                continue;
            };
            ensure!(!ballot.seats.is_empty(), "audits: a ballot of nobody");
            ensure!(
                ballot.seats.iter().all(|seat| seat.voter != audit.author),
                "audits: an author audits itself"
            );
            ensure!(
                drawn.last() == audit.segments.checked_sub(1).as_ref(),
                "audits: the last segment is not drawn"
            );
        }
        let counted = UnderAudit::<T>::iter().collect::<BTreeMap<_, _>>();
        ensure!(counted == per_ticket, "audits: claims are miscounted");
        Ok(())
    }
}
