//! The pallet's errors for what its parts refuse.

use crate::*;
use quern_market::ballot::BallotError;
use quern_work::TaskError;

impl<T> From<OrderError> for Error<T> {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Task(error) => error.into(),
            OrderError::HeldOut => Self::HeldOut,
            OrderError::Steps => Self::Steps,
            OrderError::Workers => Self::Workers,
            OrderError::Evaluators => Self::Evaluators,
            OrderError::Target => Self::Target,
            OrderError::Deadline => Self::Deadline,
            OrderError::Name => Self::Name,
            OrderError::ScoringMacs => Self::ScoringMacs,
            OrderError::ScoringBytes => Self::ScoringBytes,
        }
    }
}

impl<T> From<TaskError> for Error<T> {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Features => Self::Features,
            TaskError::Classes => Self::Classes,
            TaskError::Hidden => Self::Hidden,
            TaskError::Parameters => Self::Parameters,
            TaskError::NoData => Self::NoData,
            TaskError::Batch => Self::Batch,
            TaskError::Segment => Self::Segment,
            TaskError::Rank => Self::Rank,
            TaskError::Activations => Self::Activations,
            TaskError::VoteMacs => Self::VoteMacs,
            TaskError::VoteBytes => Self::VoteBytes,
        }
    }
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
