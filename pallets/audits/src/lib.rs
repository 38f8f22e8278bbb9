//! # Audits
//!
//! Claims of what a run reached, checked by drawn verifiers who re-execute parts of them.
//!
//! - An *audit* is opened when a claim is revealed. [`Config::DrawAfter`] blocks later, with randomness
//!   that did not exist at the time, [`Config::Verifiers`] verifiers other than the author are *drawn*,
//!   or as many as there are, and [`Config::Segments`] segments: the last one, which ends in the claimed
//!   state, then those that sealed blocks, then any.
//! - All verifiers re-execute the same segments, so their votes answer one question: were each given
//!   segments of its own, whoever alone came upon a false one would be outvoted.
//! - They *vote* by commitment, then reveal ([`quern_market::ballot`]). A vote is what executing the
//!   segments gave; whether it agrees with the claim the pallet finds out itself ([`AuditVote::agrees`]).
//! - Two thirds of the seats make a quorum. With two thirds of the votes for it the claim is *accepted*,
//!   otherwise *rejected*; that its data were not served counts against it. Without a quorum in time
//!   verifiers are drawn anew, twice; then the claim *lapses*.
//! - Who voted with the outcome is paid and gains reputation, whoever diverged from two thirds of the
//!   votes loses some, and a part of the ticket's stake; so does, in reputation, who was absent.
//! - Where nobody but the author holds a live verifier's ticket, the claim is accepted as it is: nobody
//!   is there to check it. If all others are busy, it waits and then lapses.
//!
//! What an audit does next it does in the block of the *agenda* in which it is filed, or a little later
//! if too many are.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};
use frame::{
    deps::{sp_core::H256, sp_runtime::Permill},
    prelude::*,
    traits::Get,
};
use quern_api::market::{AuditInfo, BallotInfo, SeatInfo};
use quern_market::{
    AuditId, AuditVote, Ballot, Claim, Duty, Role, RunId, TicketId,
    ballot::{BallotError, MAX_SEATS, Seat},
    seams::{Claims, Deed, Draw, Outcome, Reputation, Tickets, VoterRewards},
    vote::{self, MAX_DRAWN_SEGMENTS},
};
use quern_work::{
    Hash,
    hash::{Context, derive},
};

pub mod segments;
pub mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use types::{Audit, Stage, Verdict};
pub use weights::WeightInfo;

/// Part of its stake that a verifier's ticket loses by a vote against two thirds of the others.
pub const DIVERGED: Permill = Permill::from_percent(5);

/// Ballots after the first that may end without an outcome before a claim lapses.
pub const MAX_REDRAWS: u32 = 2;

/// Draws that may find all verifiers busy before a claim lapses.
pub const MAX_WAITS: u32 = 50;

/// Most audits that one block draws or ends by itself; the next block goes on.
pub const DUE_A_BLOCK: u32 = 4;

/// Most blocks of the agenda that one block looks into.
const LOOK: u32 = 16;

const DRAW: Context = Context::new("quern/v1/audit-draw");

#[frame::pallet]
pub mod pallet {
    use super::*;

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId: AsRef<[u8; 32]>, Hash = H256> {
        /// Who may verify.
        type Tickets: Tickets<Self::AccountId>;

        /// What votes move.
        type Reputation: Reputation<Self::AccountId>;

        /// Where claims come from, and outcomes go.
        type Claims: Claims<Self::AccountId>;

        /// Who pays for votes.
        type Voters: VoterRewards<Self::AccountId>;

        /// Verifiers of an audit, in [1, [`MAX_SEATS`]].
        #[pallet::constant]
        type Verifiers: Get<u32>;

        /// Segments that they re-execute, in [1, [`MAX_DRAWN_SEGMENTS`]].
        #[pallet::constant]
        type Segments: Get<u32>;

        /// Blocks from a claim's reveal to the draw, at least 1.
        #[pallet::constant]
        type DrawAfter: Get<u32>;

        /// Blocks for commitments to votes.
        #[pallet::constant]
        type CommitWithin: Get<u32>;

        /// Blocks for the votes after that.
        #[pallet::constant]
        type RevealWithin: Get<u32>;

        /// Most audits under way.
        #[pallet::constant]
        type MaxActive: Get<u32>;

        /// Randomness of the block before the last: nobody can choose it without the work of another seal.
        type Randomness: Get<Hash>;

        /// Weights of the calls and hooks.
        type WeightInfo: WeightInfo;
    }

    /// Audits under way.
    #[pallet::storage]
    pub type Audits<T: Config> = CountedStorageMap<_, Twox64Concat, AuditId, Audit<T::AccountId>>;

    /// Id of the next audit.
    #[pallet::storage]
    pub type NextAudit<T> = StorageValue<_, AuditId, ValueQuery>;

    /// Audits by the block in which something is to be done about them; each is filed once.
    #[pallet::storage]
    pub type Agenda<T: Config> =
        StorageMap<_, Twox64Concat, u32, BoundedVec<AuditId, T::MaxActive>, ValueQuery>;

    /// Earliest block of the agenda that is not done.
    #[pallet::storage]
    pub type Cursor<T> = StorageValue<_, u32>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A claim is to be audited.
        Opened {
            /// The audit.
            audit: AuditId,
            /// The claim's run.
            run: RunId,
        },
        /// Verifiers were drawn, and may commit to votes.
        Drawn {
            /// The audit.
            audit: AuditId,
            /// How many.
            verifiers: u32,
        },
        /// A vote was revealed.
        Voted {
            /// The audit.
            audit: AuditId,
            /// Who voted.
            voter: T::AccountId,
            /// Whether the vote agrees with the claim.
            agrees: bool,
        },
        /// No quorum could be had: verifiers will be drawn anew.
        Redrawn {
            /// The audit.
            audit: AuditId,
        },
        /// An audit ended.
        Ended {
            /// The audit.
            audit: AuditId,
            /// The claim's run.
            run: RunId,
            /// How.
            outcome: Outcome,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No audit under way has this id. It has ended, or was never opened.
        UnknownAudit,
        /// As many audits are under way as may be. Reveal the claim in a later block.
        TooManyAudits,
        /// Verifiers are yet to be drawn. Wait for it.
        NotYetDrawn,
        /// The account was not drawn for this audit, or another one was since.
        NotDrawn,
        /// The account has committed to a vote, or revealed it, already.
        AlreadyVoted,
        /// The time for it is over.
        TooLate,
        /// Others may still commit to their votes. Reveal once all have or their time is over.
        TooEarly,
        /// The account has committed to no vote.
        NotCommitted,
        /// The vote is not the one that the account has committed to, or the salt is another.
        AnotherVote,
    }

    impl<T> From<BallotError> for Error<T> {
        fn from(error: BallotError) -> Self {
            match error {
                BallotError::NotDrawn => Self::NotDrawn,
                BallotError::AlreadyVoted => Self::AlreadyVoted,
                BallotError::TooLate => Self::TooLate,
                BallotError::TooEarly => Self::TooEarly,
                BallotError::NotCommitted => Self::NotCommitted,
                BallotError::AnotherVote => Self::AnotherVote,
            }
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            Self::work_off(Self::now())
        }

        fn integrity_test() {
            assert!(
                (1..=MAX_SEATS).contains(&T::Verifiers::get()),
                "audits: the number of verifiers is out of bounds"
            );
            assert!(
                (1..=MAX_DRAWN_SEGMENTS).contains(&T::Segments::get()),
                "audits: the number of segments is out of bounds"
            );
            assert!(
                T::DrawAfter::get() > 0,
                "audits: the randomness of the draw would be known at the reveal"
            );
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), frame::deps::sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Commits the caller, a drawn verifier, to a vote by its digest ([`vote::commitment`] over the
        /// audit's id). Free of fee.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::commit_vote())]
        pub fn commit_vote(
            origin: OriginFor<T>,
            audit: AuditId,
            digest: Hash,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Audits::<T>::try_mutate(audit, |found| {
                let found = found.as_mut().ok_or(Error::<T>::UnknownAudit)?;
                let Stage::Voting { ballot, .. } = &mut found.stage else {
                    return Err(Error::<T>::NotYetDrawn);
                };
                Ok(ballot.commit(&who, Self::now(), digest)?)
            })?;
            Ok(Pays::No.into())
        }

        /// Reveals the vote that the caller is committed to; the last one ends the audit. Free of fee.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::reveal_vote().saturating_add(T::WeightInfo::conclude()))]
        pub fn reveal_vote(
            origin: OriginFor<T>,
            audit: AuditId,
            vote: Box<AuditVote>,
            salt: Hash,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let now = Self::now();
            let mut found = Audits::<T>::get(audit).ok_or(Error::<T>::UnknownAudit)?;
            let Stage::Voting { ballot, drawn } = &mut found.stage else {
                return Err(Error::<T>::NotYetDrawn.into());
            };
            let digest = vote::commitment(audit, who.as_ref(), &*vote, &salt);
            let agrees = vote.agrees(&found.claim, found.segments, drawn);
            ballot
                .reveal(&who, now, digest, agrees)
                .map_err(Error::<T>::from)?;
            let over = ballot.is_over(now);
            Audits::<T>::insert(audit, &found);
            Self::deposit_event(Event::Voted {
                audit,
                voter: who,
                agrees,
            });
            if over {
                Agenda::<T>::mutate(found.due, |ids| ids.retain(|id| *id != audit));
                Self::conclude(audit, found);
            }
            Ok(Pays::No.into())
        }
    }

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

        /// Does what is due in block `now`, as far as one block may.
        pub(crate) fn work_off(now: u32) -> Weight {
            let mut block = Cursor::<T>::get().unwrap_or(now);
            let last = now.min(block.saturating_add(LOOK).saturating_sub(1));
            let mut left = DUE_A_BLOCK as usize;
            let mut weight = T::WeightInfo::agenda();
            while block <= last {
                let mut due = Agenda::<T>::take(block).into_inner();
                let later = due.split_off(due.len().min(left));
                left = left.saturating_sub(due.len());
                let drawing = T::WeightInfo::draw()
                    .saturating_add(T::Tickets::draw_weight(T::Verifiers::get()));
                let each = drawing.max(T::WeightInfo::conclude());
                weight.saturating_accrue(each.saturating_mul(due.len() as u64));
                for audit in due {
                    Self::act(audit, now);
                }
                if !later.is_empty() {
                    Agenda::<T>::insert(block, BoundedVec::truncate_from(later));
                    break;
                }
                block = block.saturating_add(1);
            }
            Cursor::<T>::put(block);
            weight
        }

        /// Does what is due about an audit that was taken off the agenda.
        fn act(id: AuditId, now: u32) {
            let Some(audit) = Audits::<T>::get(id) else {
                defensive!("audits: an audit on the agenda does not exist");
                return;
            };
            match &audit.stage {
                Stage::Waiting => Self::draw(id, audit, now),
                Stage::Voting { ballot, .. } if ballot.is_over(now) => Self::conclude(id, audit),
                Stage::Voting { ballot, .. } => {
                    let due = ballot.reveal_until.saturating_add(1);
                    Self::file(id, audit, due);
                }
            }
        }

        /// Draws verifiers and segments.
        pub(crate) fn draw(id: AuditId, mut audit: Audit<T::AccountId>, now: u32) {
            let seed = derive(
                DRAW,
                &[
                    &T::Randomness::get(),
                    &id.to_le_bytes(),
                    &audit.redraws.to_le_bytes(),
                ],
            );
            let voters = T::Tickets::draw(&Draw {
                role: Role::Verifier,
                wanted: T::Verifiers::get(),
                seed,
                duty: Duty::Audit(id),
                order: None,
                excluded: core::slice::from_ref(&audit.author),
            });
            if voters.is_empty() {
                if T::Tickets::others(Role::Verifier, &audit.author) {
                    Self::wait(id, audit);
                } else {
                    Self::end(id, &audit.claim, Outcome::Accepted, &[]);
                }
                return;
            }
            let claim = &audit.claim;
            // A claim's segments are all of the same length.
            let length = claim.to.saturating_sub(claim.from) / u64::from(audit.segments).max(1);
            let sealed: Vec<u32> = T::Claims::sealed(claim.run, claim.from, claim.to)
                .into_iter()
                .map(|(step, _)| (step.saturating_sub(claim.from) / length.max(1)).saturated_into())
                .collect();
            let drawn = segments::draw(&seed, audit.segments, &sealed, T::Segments::get());
            let (commit, reveal) = (T::CommitWithin::get(), T::RevealWithin::get());
            let ballot = Ballot::new(voters, now, commit, reveal);
            Self::deposit_event(Event::Drawn {
                audit: id,
                verifiers: ballot.seats.len().saturated_into(),
            });
            let due = ballot.commit_until.saturating_add(1);
            audit.stage = Stage::Voting { ballot, drawn };
            Self::file(id, audit, due);
        }

        /// Ends a ballot to which nothing can be added any more; the audit is on no agenda.
        pub(crate) fn conclude(id: AuditId, audit: Audit<T::AccountId>) {
            let Stage::Voting { ballot, .. } = &audit.stage else {
                return;
            };
            let seats = &ballot.seats;
            let count = |answer: Option<bool>| {
                let given = seats.iter().filter(|seat| seat.vote == answer);
                given.count().saturated_into()
            };
            let verdict = Verdict::of(
                seats.len().saturated_into(),
                count(Some(true)),
                count(Some(false)),
            );
            let outcome = match verdict {
                Verdict::Undecided => None,
                Verdict::Accepted => Some(true),
                Verdict::Rejected => Some(false),
            };
            let mut verifiers = Vec::with_capacity(seats.len());
            for seat in seats {
                T::Tickets::relieve(seat.ticket, Duty::Audit(id));
                if seat.vote.is_none() {
                    T::Reputation::note(&seat.voter, Deed::Absent);
                } else if seat.vote == outcome {
                    T::Reputation::note(&seat.voter, Deed::Agreed);
                    T::Voters::voted(&seat.voter);
                    verifiers.push(seat.voter.clone());
                } else if outcome.is_some() {
                    T::Reputation::note(&seat.voter, Deed::Diverged);
                    T::Tickets::slash(seat.ticket, DIVERGED, None);
                }
            }
            match outcome {
                None => Self::redraw(id, audit),
                Some(accepted) => {
                    let outcome = if accepted {
                        Outcome::Accepted
                    } else {
                        Outcome::Rejected
                    };
                    Self::end(id, &audit.claim, outcome, &verifiers);
                }
            }
        }

        /// Tries again later, since all verifiers are busy, or lets the claim lapse after too long.
        fn wait(id: AuditId, mut audit: Audit<T::AccountId>) {
            if audit.waits >= MAX_WAITS {
                return Self::end(id, &audit.claim, Outcome::Lapsed, &[]);
            }
            audit.waits = audit.waits.saturating_add(1);
            let due = Self::now().saturating_add(T::DrawAfter::get().max(1));
            Self::file(id, audit, due);
        }

        /// Has verifiers drawn anew, or lets the claim lapse after too many ballots.
        fn redraw(id: AuditId, mut audit: Audit<T::AccountId>) {
            if audit.redraws >= MAX_REDRAWS {
                return Self::end(id, &audit.claim, Outcome::Lapsed, &[]);
            }
            audit.redraws = audit.redraws.saturating_add(1);
            audit.stage = Stage::Waiting;
            let due = Self::now().saturating_add(T::DrawAfter::get());
            Self::file(id, audit, due);
            Self::deposit_event(Event::Redrawn { audit: id });
        }

        /// Ends an audit that is on no agenda and binds nobody.
        fn end(id: AuditId, claim: &Claim, outcome: Outcome, verifiers: &[T::AccountId]) {
            Audits::<T>::remove(id);
            Self::deposit_event(Event::Ended {
                audit: id,
                run: claim.run,
                outcome,
            });
            T::Claims::decided(claim, outcome, verifiers);
        }

        /// Puts an audit on the agenda of block `due`, which has not begun.
        fn file(id: AuditId, mut audit: Audit<T::AccountId>, due: u32) {
            audit.due = due;
            Audits::<T>::insert(id, audit);
            let filed = Agenda::<T>::try_mutate(due, |ids| ids.try_push(id));
            // Each audit is on it once, and there are at most as many as it holds.
            defensive_assert!(filed.is_ok(), "audits: the agenda is full");
        }

        fn now() -> u32 {
            frame_system::Pallet::<T>::block_number().saturated_into()
        }

        /// Every audit is on the agenda once, where it says, and is of a run that exists; nobody who
        /// made the claim votes on it.
        ///
        /// # Errors
        /// The first invariant that does not hold.
        #[cfg(any(feature = "std", feature = "try-runtime"))]
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
            for (id, audit) in Audits::<T>::iter() {
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
            Ok(())
        }
    }

    impl<T: Config> quern_market::seams::Audits<T::AccountId> for Pallet<T> {
        fn open(
            claim: &Claim,
            segments: u32,
            author: &T::AccountId,
            ticket: TicketId,
        ) -> Result<AuditId, DispatchError> {
            ensure!(
                Audits::<T>::count() < T::MaxActive::get(),
                Error::<T>::TooManyAudits
            );
            let id = NextAudit::<T>::get();
            NextAudit::<T>::put(id.saturating_add(1));
            let due = Self::now().saturating_add(T::DrawAfter::get().max(1));
            let audit = Audit {
                claim: claim.clone(),
                segments,
                author: author.clone(),
                ticket,
                redraws: 0,
                waits: 0,
                due,
                stage: Stage::Waiting,
            };
            Self::file(id, audit, due);
            Self::deposit_event(Event::Opened {
                audit: id,
                run: claim.run,
            });
            Ok(id)
        }
    }
}

/// A seat as verifiers see it.
fn info<AccountId: AsRef<[u8; 32]>>(seat: &Seat<AccountId, bool>, drawn: &[u32]) -> SeatInfo {
    SeatInfo {
        ticket: seat.ticket,
        voter: (*seat.voter.as_ref()).into(),
        segments: drawn.to_vec(),
        committed: seat.commitment.is_some(),
        revealed: seat.vote.is_some(),
    }
}
