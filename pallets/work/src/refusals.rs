//! The pallet's errors for what its parts refuse.

use crate::*;

impl<T> From<SealError> for Error<T> {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Malformed => Self::Malformed,
            SealError::UnknownRun => Self::UnknownRun,
            SealError::NotTheAuthor => Self::NotTheAuthor,
            SealError::StepOutsideWindow => Self::StepOutsideWindow,
            SealError::TileOutOfRange => Self::TileOutOfRange,
            SealError::BeyondAllowance => Self::BeyondAllowance,
            SealError::BadLength => Self::BadLength,
            SealError::OperandOutOfRange => Self::OperandOutOfRange,
            SealError::NotTheBatch => Self::NotTheBatch,
            SealError::NotTheWeights => Self::NotTheWeights,
            SealError::AboveTarget => Self::AboveTarget,
            SealError::BadSignature => Self::BadSignature,
        }
    }
}

impl<T> From<ClaimError> for Error<T> {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::NotCommitted => Self::NotCommitted,
            ClaimError::TooEarly => Self::RevealTooEarly,
            ClaimError::TooLate => Self::RevealTooLate,
            ClaimError::AnotherClaim => Self::AnotherClaim,
            ClaimError::NotTheNext => Self::NotTheNextClaim,
            ClaimError::NotWholeSegments => Self::NotWholeSegments,
            ClaimError::OutsideWindow => Self::StepOutsideWindow,
        }
    }
}
