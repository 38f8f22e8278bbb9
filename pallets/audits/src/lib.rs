//! # Audits
//!
//! Claims of what a run reached, checked by drawn verifiers who re-execute parts of them.
//!
//! - An *audit* is opened when a claim is revealed. [`Config::DrawAfter`] blocks later, with randomness
//!   that did not exist at the time, [`Config::Verifiers`] verifiers other than the author are *drawn*,
//!   or as many as there are, busy or not, and [`Config::Segments`] segments: the last one, which ends in the claimed
//!   state, then those that sealed blocks, then any.
//! - All verifiers re-execute the same segments, so their votes answer one question: were each given
//!   segments of its own, whoever alone came upon a false one would be outvoted.
//! - They *vote* by commitment, then reveal ([`quern_market::ballot`]). A vote is what executing the
//!   segments gave, and opens one step of each that is another for every voter and ballot ([`Question`]):
//!   what others have revealed is no answer. Whether it agrees with the claim the pallet finds out itself
//!   ([`AuditVote::agrees`]).
//! - Two thirds of the seats make a quorum. With two thirds of the votes for it the claim is *accepted*,
//!   with two thirds against it *rejected*, if there are [`MIN_REJECTING`] seats; that its data were not
//!   served counts against it. Without an outcome in time verifiers are drawn anew, twice; then the claim
//!   *lapses*.
//! - Who voted with the outcome gains reputation, whoever diverged from two thirds of the votes loses
//!   some, and a part of the ticket's stake; so does, to a lesser part, who was absent. Where nobody has
//!   committed to a vote, only reputation is lost; so where a verifier was not served what others were.
//! - Votes for an accepted claim are paid by the MACs of the drawn segments: they prove the work. A vote
//!   against a claim proves none, and is not paid: false claims would be a business of their own.
//! - Where nobody but the author holds a live verifier's ticket, the claim is accepted as it is: nobody
//!   is there to check it. While so many others are busy that a quorum would be smaller than it should, it
//!   waits, and lapses after [`MAX_WAITS`] draws.
//! - A ticket has at most [`MAX_PER_TICKET`] claims under audit.
//!
//! Numbers and times are read when verifiers are drawn, and may change between blocks: a ballot keeps its
//! deadlines.
//!
//! What an audit does next it does in the block of the *agenda* in which it is filed, or a little later
//! if too many are.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};
use frame::{
    deps::{frame_support::traits::PostInherents, sp_core::H256, sp_runtime::Permill},
    prelude::*,
    traits::Get,
};
use quern_market::{
    AuditId, AuditVote, Ballot, Claim, Duty, Role, RunId, TicketId,
    ballot::{BallotError, MAX_SEATS},
    claim::training_macs,
    seams::{Claims, Deed, Draw, Outcome, Reputation, Tickets, VoterRewards},
    vote::{self, Question},
};
use quern_work::{
    Hash,
    hash::{Context, derive},
};

mod info;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod invariants;
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
pub use types::{Answer, Audit, MIN_REJECTING, Stage, Verdict, longest};
pub use weights::WeightInfo;

/// Part of its stake that a verifier's ticket loses by a vote against two thirds of the others.
pub const DIVERGED: Permill = Permill::from_percent(5);

/// Part of its stake that a verifier's ticket loses by not revealing a vote in a ballot to which anybody has
/// committed one: a quorum seat that is taken and left empty keeps others waiting.
pub const ABSENT: Permill = Permill::from_percent(1);

/// Most claims of one ticket under audit.
pub const MAX_PER_TICKET: u32 = 4;

/// Ballots after the first that may end without an outcome before a claim lapses.
pub const MAX_REDRAWS: u32 = 2;

/// Draws that may find too many verifiers busy before a claim lapses.
pub const MAX_WAITS: u32 = 50;

/// Most audits that one block draws or ends by itself; the next block goes on.
pub const DUE_A_BLOCK: u32 = 4;

/// Most blocks of the agenda that one block looks into.
const LOOK: u32 = 16;

const DRAW: Context = Context::new("quern/v1/audit-draw");

#[frame::pallet]
pub mod pallet {
    use super::*;

    /// Version of the storage's layout.
    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
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

        /// Verifiers of an audit; between 1 and [`MAX_SEATS`] whatever it says.
        type Verifiers: Get<u32>;

        /// Segments that they re-execute; between 1 and [`vote::MAX_DRAWN_SEGMENTS`] whatever it says.
        type Segments: Get<u32>;

        /// Blocks from a claim's reveal to the draw; at least 1 whatever it says, or the randomness of the
        /// draw would be known at the reveal.
        type DrawAfter: Get<u32>;

        /// Blocks for commitments to votes.
        type CommitWithin: Get<u32>;

        /// Blocks for the votes after that.
        type RevealWithin: Get<u32>;

        /// Most audits under way.
        #[pallet::constant]
        type MaxActive: Get<u32>;

        /// Randomness of the parent's seal, which came after all that draws depend on: nobody can choose it without
        /// the work of another seal.
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

    /// Claims under audit by their author's ticket, above zero.
    #[pallet::storage]
    pub type UnderAudit<T> = StorageMap<_, Twox64Concat, TicketId, u32, ValueQuery>;

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
        /// As many claims of the author's ticket are under audit as may be. Reveal the claim once one of them
        /// is decided, or use several tickets.
        TooManyOfTicket,
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

        /// Reveals the vote that the caller is committed to. After the last one the next block counts them: a
        /// vote is no heavier than its own check, and finds room in a full block. Free of fee.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::reveal_vote())]
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
            let question = Question {
                audit,
                redraws: found.redraws,
                voter: who.as_ref(),
            };
            let answer = if *vote == AuditVote::NotServed {
                Answer::NotServed
            } else if vote.agrees(&found.claim, found.segments, drawn, question) {
                Answer::Agrees
            } else {
                Answer::Differs
            };
            ballot
                .reveal(&who, now, digest, answer)
                .map_err(Error::<T>::from)?;
            let next = now.saturating_add(1);
            if ballot.is_over(now) && found.due > next {
                Agenda::<T>::mutate_exists(found.due, |ids| {
                    let filed = ids.as_mut()?;
                    filed.retain(|id| *id != audit);
                    ids.take_if(|filed| filed.is_empty())
                });
                Self::file(audit, found, next);
            } else {
                Audits::<T>::insert(audit, found);
            }
            Self::deposit_event(Event::Voted {
                audit,
                voter: who,
                agrees: answer == Answer::Agrees,
            });
            Ok(Pays::No.into())
        }
    }

    /// Once the parent's seal is recorded: who is drawn among was fixed before that seal was found.
    impl<T: Config> PostInherents for Pallet<T> {
        fn post_inherents() {
            let weight = Self::work_off(Self::now());
            frame_system::Pallet::<T>::register_extra_weight_unchecked(
                weight,
                DispatchClass::Mandatory,
            );
        }
    }

    impl<T: Config> Pallet<T> {
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
                for audit in due {
                    weight.saturating_accrue(Self::act(audit, now));
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

        /// Does what is due about an audit that was taken off the agenda; returns what it weighs at most.
        fn act(id: AuditId, now: u32) -> Weight {
            let Some(audit) = Audits::<T>::get(id) else {
                defensive!("audits: an audit on the agenda does not exist");
                return T::WeightInfo::commit_vote();
            };
            match &audit.stage {
                Stage::Waiting => {
                    // A draw that is given up relieves those drawn, but doesn't look for seals, which weighs
                    // more; one that accepts or lets lapse pays and slashes nobody.
                    let drawing = T::WeightInfo::draw()
                        .saturating_add(T::Tickets::draw_weight(Self::verifiers()));
                    Self::draw(id, audit, now);
                    drawing.max(T::WeightInfo::conclude())
                }
                Stage::Voting { ballot, .. } if ballot.is_over(now) => Self::conclude(id, audit),
                Stage::Voting { ballot, .. } => {
                    let due = ballot.reveal_until.saturating_add(1);
                    Self::file(id, audit, due);
                    T::WeightInfo::commit_vote()
                        .saturating_add(T::DbWeight::get().reads_writes(1, 1))
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
            let wanted = Self::verifiers();
            let voters = T::Tickets::draw(&Draw {
                role: Role::Verifier,
                wanted,
                seed,
                duty: Duty::Audit(id),
                order: None,
                excluded: core::slice::from_ref(&audit.author),
            });
            let wanted = wanted.min(T::Tickets::others(
                Role::Verifier,
                core::slice::from_ref(&audit.author),
            ));
            if wanted == 0 {
                return Self::end(id, &audit, Outcome::Accepted, &[]);
            }
            // With fewer, whoever keeps the others busy could audit alone.
            if voters.len() < wanted as usize {
                for (ticket, _) in voters {
                    T::Tickets::relieve(ticket, Duty::Audit(id));
                }
                return Self::wait(id, audit);
            }
            let claim = &audit.claim;
            // A claim's segments are all of the same length.
            let length = claim.to.saturating_sub(claim.from) / u64::from(audit.segments).max(1);
            let sealed: Vec<u32> = T::Claims::sealed(claim.run, claim.from, claim.to)
                .into_iter()
                .map(|(step, _)| (step.saturating_sub(claim.from) / length.max(1)).saturated_into())
                .collect();
            let drawn = segments::draw(&seed, audit.segments, &sealed, T::Segments::get());
            let (commit, reveal) = (T::CommitWithin::get().max(1), T::RevealWithin::get().max(1));
            let ballot = Ballot::new(voters, now, commit, reveal);
            Self::deposit_event(Event::Drawn {
                audit: id,
                verifiers: ballot.seats.len().saturated_into(),
            });
            let due = ballot.commit_until.saturating_add(1);
            audit.stage = Stage::Voting { ballot, drawn };
            Self::file(id, audit, due);
        }

        /// Ends a ballot to which nothing can be added any more; the audit is on no agenda. Returns what its
        /// outcome weighs at most.
        ///
        /// Where nobody has committed to a vote, no stake is lost: the work may be more than anybody can do in
        /// time.
        pub(crate) fn conclude(id: AuditId, audit: Audit<T::AccountId>) -> Weight {
            let Stage::Voting { ballot, .. } = &audit.stage else {
                return Weight::zero();
            };
            let seats = &ballot.seats;
            let feasible = seats.iter().any(|seat| seat.commitment.is_some());
            let answers = || seats.iter().filter_map(|seat| seat.vote);
            let agree = answers().filter(|answer| *answer == Answer::Agrees).count();
            let verdict = Verdict::of(
                seats.len().saturated_into(),
                agree.saturated_into(),
                answers().count().saturating_sub(agree).saturated_into(),
            );
            let macs = match verdict {
                Verdict::Accepted => Self::macs(&audit),
                Verdict::Rejected | Verdict::Undecided => 0,
            };
            let mut verifiers = Vec::with_capacity(seats.len());
            for seat in seats {
                T::Tickets::relieve(seat.ticket, Duty::Audit(id));
                match (seat.vote, verdict) {
                    (None, _) => {
                        T::Reputation::note(&seat.voter, Deed::Absent);
                        if feasible {
                            T::Tickets::slash(seat.ticket, ABSENT, None);
                        }
                    }
                    (Some(_), Verdict::Undecided) => {}
                    // The author chooses whom it serves: that must not cost anybody's stake.
                    (Some(Answer::NotServed), Verdict::Accepted) => {
                        T::Reputation::note(&seat.voter, Deed::Absent);
                    }
                    (Some(Answer::Agrees), Verdict::Accepted)
                    | (Some(Answer::Differs | Answer::NotServed), Verdict::Rejected) => {
                        T::Reputation::note(&seat.voter, Deed::Agreed);
                        if macs > 0 {
                            T::Voters::voted(&seat.voter, macs);
                        }
                        verifiers.push(seat.voter.clone());
                    }
                    (Some(Answer::Differs), Verdict::Accepted)
                    | (Some(Answer::Agrees), Verdict::Rejected) => {
                        T::Reputation::note(&seat.voter, Deed::Diverged);
                        T::Tickets::slash(seat.ticket, DIVERGED, None);
                    }
                }
            }
            match verdict {
                Verdict::Undecided => Self::redraw(id, audit),
                Verdict::Accepted => Self::end(id, &audit, Outcome::Accepted, &verifiers),
                Verdict::Rejected => Self::end(id, &audit, Outcome::Rejected, &verifiers),
            }
            match verdict {
                Verdict::Accepted => T::WeightInfo::conclude(),
                Verdict::Rejected => T::WeightInfo::reject(),
                Verdict::Undecided => T::WeightInfo::conclude().max(T::WeightInfo::reject()),
            }
        }

        /// MACs of executing the drawn segments.
        fn macs(audit: &Audit<T::AccountId>) -> u128 {
            let Stage::Voting { drawn, .. } = &audit.stage else {
                return 0;
            };
            let length = audit.claim.to.saturating_sub(audit.claim.from);
            let steps = length / u64::from(audit.segments.max(1)) * drawn.len() as u64;
            T::Claims::origin(audit.claim.run)
                .map_or(0, |origin| training_macs(&origin.spec, steps))
        }

        /// Tries again later, since too many verifiers are busy, or lets the claim lapse after too long.
        fn wait(id: AuditId, mut audit: Audit<T::AccountId>) {
            if audit.waits >= MAX_WAITS {
                return Self::end(id, &audit, Outcome::Lapsed, &[]);
            }
            audit.waits = audit.waits.saturating_add(1);
            Self::file(id, audit, Self::drawing());
        }

        /// Has verifiers drawn anew, or lets the claim lapse after too many ballots.
        fn redraw(id: AuditId, mut audit: Audit<T::AccountId>) {
            if audit.redraws >= MAX_REDRAWS {
                return Self::end(id, &audit, Outcome::Lapsed, &[]);
            }
            audit.redraws = audit.redraws.saturating_add(1);
            audit.stage = Stage::Waiting;
            Self::file(id, audit, Self::drawing());
            Self::deposit_event(Event::Redrawn { audit: id });
        }

        /// Ends an audit that is on no agenda and binds nobody.
        fn end(
            id: AuditId,
            audit: &Audit<T::AccountId>,
            outcome: Outcome,
            verifiers: &[T::AccountId],
        ) {
            let claim = &audit.claim;
            Audits::<T>::remove(id);
            UnderAudit::<T>::mutate_exists(audit.ticket, |count| {
                *count = count
                    .and_then(|count| count.checked_sub(1))
                    .filter(|left| *left > 0);
            });
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

        /// Verifiers of an audit.
        fn verifiers() -> u32 {
            T::Verifiers::get().clamp(1, MAX_SEATS)
        }

        /// Block of a draw whose randomness does not exist yet.
        fn drawing() -> u32 {
            Self::now().saturating_add(T::DrawAfter::get().max(1))
        }

        pub(crate) fn now() -> u32 {
            frame_system::Pallet::<T>::block_number().saturated_into()
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
            let count = UnderAudit::<T>::get(ticket);
            ensure!(count < MAX_PER_TICKET, Error::<T>::TooManyOfTicket);
            UnderAudit::<T>::insert(ticket, count.saturating_add(1));
            let id = NextAudit::<T>::get();
            NextAudit::<T>::put(id.saturating_add(1));
            let due = Self::drawing();
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
