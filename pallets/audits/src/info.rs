//! What the runtime API tells about audits.

use quern_api::market::{AuditInfo, BallotInfo, SeatInfo};
use quern_market::{AuditId, ballot::Seat, seams::Claims};

use crate::{Answer, Audits, Config, Pallet, Stage};

impl<T: Config> Pallet<T> {
    /// An audit under way as verifiers see it, for the runtime API.
    pub fn audit_info(id: AuditId) -> Option<AuditInfo> {
        let audit = Audits::<T>::get(id)?;
        let origin = T::Claims::origin(audit.claim.run)?;
        let sealed = T::Claims::sealed(audit.claim.run, audit.claim.from, audit.claim.to);
        let next = Self::now().saturating_add(1);
        let ballot = match audit.stage {
            Stage::Waiting => None,
            Stage::Voting { ballot, drawn } => Some(BallotInfo {
                seats: ballot.seats.iter().map(|seat| info(seat, &drawn)).collect(),
                commit_until: ballot.commit_until,
                reveal_until: ballot.reveal_until,
                reveals: ballot.reveals(next),
            }),
        };
        Some(AuditInfo {
            id,
            claim: audit.claim,
            task: origin.task,
            seed: origin.seed,
            spec: origin.spec,
            author: (*audit.author.as_ref()).into(),
            ticket: audit.ticket,
            sealed,
            ballot,
            redraws: audit.redraws,
        })
    }
}

/// A seat as verifiers see it.
fn info<AccountId: AsRef<[u8; 32]>>(seat: &Seat<AccountId, Answer>, drawn: &[u32]) -> SeatInfo {
    SeatInfo {
        ticket: seat.ticket,
        voter: (*seat.voter.as_ref()).into(),
        segments: drawn.to_vec(),
        committed: seat.commitment.is_some(),
        revealed: seat.vote.is_some(),
    }
}
