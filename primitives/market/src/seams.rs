//! The traits through which the market's pallets reach each other; the runtime wires them.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use polkadot_sdk::sp_runtime::{DispatchError, DispatchResult, Permill, Weight};
use quern_work::{Hash, TaskSpec};
use scale_info::TypeInfo;

use crate::{AuditId, Claim, Duty, Order, Role, RunId, TaskId, TicketId};

/// A draw of tickets.
pub struct Draw<'a, AccountId> {
    /// The role.
    pub role: Role,
    /// How many, at most; no owner twice.
    pub wanted: u32,
    /// Randomness that nobody could choose.
    pub seed: Hash,
    /// What the drawn are bound to.
    pub duty: Duty,
    /// The order that miners must fit; for other roles `None`, and only stake weighs.
    pub order: Option<&'a Order>,
    /// Owners who must not be drawn.
    pub excluded: &'a [AccountId],
}

/// Tickets, as other pallets see them.
pub trait Tickets<AccountId> {
    /// Owner of a ticket that exists.
    fn owner(ticket: TicketId) -> Option<AccountId>;

    /// Whether the ticket is live and licenses this role.
    fn licenses(ticket: TicketId, role: Role) -> bool;

    /// How many accounts, but these, hold a live ticket of this role, be it idle or not.
    fn others(role: Role, excluded: &[AccountId]) -> u32;

    /// Draws live, idle tickets at random without replacement and binds each to the duty.
    ///
    /// Miners by fit, stake and reputation; others by stake, those with the reputation for a quorum
    /// seat first. Bounded work: with few willing tickets among many it may find fewer than there are.
    fn draw(draw: &Draw<'_, AccountId>) -> Vec<(TicketId, AccountId)>;

    /// What the most expensive draw of so many weighs: one among many tickets of which few are taken.
    fn draw_weight(wanted: u32) -> Weight;

    /// Ends a duty; nothing happens if the ticket has it not.
    fn relieve(ticket: TicketId, duty: Duty);

    /// Takes a part of the ticket's stake, or of the least price where the stake is below it: half is burnt,
    /// half goes to the reporter, or all is burnt. A live ticket whose stake falls below half of the least
    /// price retires. Returns what was taken.
    fn slash(ticket: TicketId, part: Permill, reporter: Option<&AccountId>) -> u128;

    /// A live ticket of this role and owner.
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(owner: &AccountId, role: Role, preferences: crate::Preferences) -> TicketId;
}

/// What moves an account's reputation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deed {
    /// A claim was accepted.
    Accepted,
    /// A claim was rejected.
    Rejected,
    /// An audit's or evaluation's vote was with the outcome.
    Agreed,
    /// It was against it.
    Diverged,
    /// It was not revealed, or a deadline was missed.
    Absent,
    /// A validator voted for two chains at once.
    Equivocated,
}

/// Reputation, as other pallets see it.
pub trait Reputation<AccountId> {
    /// Records a deed.
    fn note(who: &AccountId, deed: Deed);

    /// The factor on an account's chances and rewards, in [0, 1].
    fn factor(who: &AccountId) -> Permill;

    /// Whether the account has the reputation for a quorum seat.
    fn qualifies(who: &AccountId) -> bool;
}

/// Tasks, as runs see them.
pub trait TaskBook<AccountId> {
    /// What the task trains.
    fn spec(task: TaskId) -> Option<TaskSpec>;

    /// Steps of each run; `None` for a commons task, which never ends.
    fn steps(task: TaskId) -> Option<u64>;

    /// Opens a run of the task with this ticket.
    ///
    /// # Errors
    /// Unless the task is open to the ticket: commons are to any miner's, paid ones to those assigned.
    fn open(task: TaskId, ticket: TicketId, run: RunId) -> DispatchResult;

    /// An audit accepted the run's steps before `to`, worth `macs`, with this state root after them;
    /// these verifiers agreed.
    fn accepted(
        task: TaskId,
        run: RunId,
        to: u64,
        macs: u128,
        state_root: Hash,
        verifiers: &[AccountId],
    );

    /// An audit rejected a claim of the run: it counts no more for a paid task, and another is drawn for its
    /// seat.
    fn rejected(task: TaskId, run: RunId);

    /// The audit of a claim of the run had no outcome, which is not its owner's fault.
    fn lapsed(task: TaskId, run: RunId);

    /// The run is closed.
    fn closed(task: TaskId, run: RunId);

    /// A paid task at its fullest, in which this ticket has a seat and is to open its run.
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(spec: TaskSpec, owner: &AccountId, ticket: TicketId) -> TaskId;
}

/// Runs, as tasks see them.
pub trait Runs {
    /// Whether a claim of the run is under audit: its owner waits for others.
    fn under_audit(run: RunId) -> bool;
}

/// Who pays for training that no client ordered.
pub trait CommonsPay<AccountId> {
    /// Pays `owner` for so many accepted MACs of a commons run, if there is a rate and money for it; what
    /// was paid. Called where nothing may fail.
    fn pay(owner: &AccountId, macs: u128) -> u128;
}

/// How an audit ended.
#[derive(
    Clone,
    Copy,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Encode,
    Eq,
    MaxEncodedLen,
    PartialEq,
    TypeInfo,
)]
pub enum Outcome {
    /// The claim is right: what vests on it is paid.
    Accepted,
    /// The claim is wrong, or its data were not served: what vests on it is burnt.
    Rejected,
    /// No quorum could be had: the claim counts for nothing, and nothing is paid or burnt yet.
    Lapsed,
}

/// What a run executes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Its task.
    pub task: TaskId,
    /// What the task trains.
    pub spec: TaskSpec,
    /// Seed of initialisation, batches and rounding.
    pub seed: Hash,
}

/// Claims, as audits see them.
pub trait Claims<AccountId> {
    /// What an open run executes.
    fn origin(run: RunId) -> Option<Origin>;

    /// The steps of `[from, to)` that sealed blocks since the last accepted claim, with the weights
    /// roots of their seals, ascending.
    fn sealed(run: RunId, from: u64, to: u64) -> Vec<(u64, Hash)>;

    /// The audit of a revealed claim has ended; these verifiers voted with the outcome.
    fn decided(claim: &Claim, outcome: Outcome, verifiers: &[AccountId]);

    /// A claim that is under audit, of a run of the author's in a paid task, with as many segments as a
    /// claim may have. As many segments as may have sealed, and something vests on each.
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(author: &AccountId, ticket: TicketId) -> Claim;
}

/// Audits, as claims see them.
pub trait Audits<AccountId> {
    /// Has the claim audited: `segments` segments, by anyone but its author. The outcome comes in a
    /// later block.
    ///
    /// # Errors
    /// When no more audits can be under way.
    fn open(
        claim: &Claim,
        segments: u32,
        author: &AccountId,
        ticket: TicketId,
    ) -> Result<AuditId, DispatchError>;
}

/// Where the pool for evaluators and verifiers hears of verifiers' accepted votes.
pub trait VoterRewards<AccountId> {
    /// A vote of this account was accepted in this block; finding it out took so many MACs.
    fn voted(who: &AccountId, macs: u128);

    /// Has as many votes wait as leave room for one ballot's.
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare();
}

/// Where that pool hears of evaluators' accepted votes.
pub trait EvaluatorRewards<AccountId> {
    /// As [`VoterRewards::voted`], but it earns `most` at most: its MACs are the client's word.
    fn scored(who: &AccountId, macs: u128, most: u128);

    /// As [`VoterRewards::prepare`].
    #[cfg(feature = "runtime-benchmarks")]
    fn prepare();
}
