//! Why something was refused.

use crate::Id;

/// A refusal; it names the parameter, the field or the id. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter breaks its bound, see [`crate::Parameters::validate`].
    #[error("parameter {0} is out of bounds")]
    Parameter(&'static str),
    /// Thresholds are empty, not ascending in αc, below αp, or ask for zero polls.
    #[error("threshold {0} is out of order or zero")]
    Threshold(usize),
    /// The block is already known, processing or decided.
    #[error("block {0} is already known")]
    Duplicate(Id),
    /// The parent is neither processing nor the last accepted block: add it first, or the branch is rejected.
    #[error("parent {0} is not known")]
    UnknownParent(Id),
    /// A block's height is not its parent's plus one.
    #[error("block {0} does not stand one above its parent")]
    Height(Id),
    /// The block is unknown or decided, so that there is nothing to ask about it.
    #[error("block {0} is not processing")]
    NotProcessing(Id),
    /// A vertex has too few or too many parents, or one twice.
    #[error("the parents of vertex {0} are too few, too many or not distinct")]
    Parents(Id),
    /// A vertex carries nothing new, too much, two transactions that conflict, or one before what it spends from.
    #[error("the transactions of vertex {0} are none, too many, in conflict or out of order")]
    Transactions(Id),
    /// The transaction spends what an accepted one has spent.
    #[error("transaction {0} spends what is spent")]
    Spent(Id),
    /// The transaction was rejected, so that nothing may carry it or spend from it.
    #[error("transaction {0} is rejected")]
    Rejected(Id),
    /// An answer names more vertices than a frontier holds.
    #[error("a frontier of {0} vertices is too long")]
    Frontier(usize),
    /// As many blocks, vertices or transactions are processing as `max_outstanding_items`: wait for decisions.
    #[error("block {0} would exceed max_outstanding_items")]
    TooManyBlocks(Id),
    /// As many polls are open as `concurrent_polls`: wait for answers or time them out.
    #[error("concurrent_polls polls are open")]
    TooManyPolls,
    /// A poll that is not open: never was, or has ended.
    #[error("poll {0} is not open")]
    UnknownPoll(u64),
    /// A voter that this poll did not ask, or that does not exist.
    #[error("voter {0} was not asked")]
    UnknownVoter(u32),
    /// The voter's answer to this poll is already counted.
    #[error("voter {0} has already answered")]
    DuplicateVote(u32),
    /// The bag holds more votes than `k`.
    #[error("{0} votes are more than k")]
    TooManyVotes(u64),
    /// A poll of other than `k` slots, or a slot twice.
    #[error("the poll's slots do not make k")]
    Slots,
    /// A validator without stake.
    #[error("validator {0} has no stake")]
    NoStake(u32),
    /// The sum of stakes exceeds 64 bits.
    #[error("the stake of validators overflows")]
    StakeOverflow,
    /// Fewer stake units than slots, or too many validators.
    #[error("stake of {0} units is less than k")]
    TooLittleStake(u64),
    /// A frame of other than eight bytes.
    #[error("a frame has 8 bytes, not {0}")]
    FrameLength(usize),
    /// A frame's byte or field has no meaning.
    #[error("frame field {0} has no meaning")]
    FrameField(&'static str),
}
