//! The proof of a winning draw.

use alloc::vec::Vec;
use codec::{Decode, DecodeAll, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{Hash, MAX_INNER, TILE};

/// Most hashes of a Merkle path: indices are u32.
pub const MAX_PATH: usize = 32;

/// Most entries of one operand strip.
pub const MAX_ROWS: usize = TILE * MAX_INNER as usize;

/// Bytes of the largest seal that decodes, 2 MiB and a little. At k = 784 a seal has about 25.5 KiB.
pub const MAX_SEAL_BYTES: usize =
    8 + 8 + 4 + 4 + 32 + 2 * TILE + 2 * (4 + MAX_ROWS) + 2 * (1 + 32 * MAX_PATH);

/// The proof of a winning draw: both strips of one tile, opened under their commitments.
///
/// SCALE, in this order. The encoded size is 56 + 32 bytes for the fixed fields, 16·k for each strip, 32 for each
/// hash of a path, and 1 to 4 for each of the four lengths.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct WorkSeal {
    /// The author's run.
    pub run: u64,
    /// Training step of the run.
    pub step: u64,
    /// Tile row and tile column, (I, J).
    pub tile: (u32, u32),
    /// Merkle root of the first layer's operand at this step.
    pub weights_root: Hash,
    /// Row block of the batch, 16×k row-major, entries in [-64, 63].
    pub a_rows: Vec<i8>,
    /// Labels of the row block.
    pub labels: [u16; TILE],
    /// Merkle path of the row block under the dataset root.
    pub a_path: Vec<Hash>,
    /// Neuron block of the transposed weights, 16×k row-major, entries in [-64, 63].
    pub b_rows: Vec<i8>,
    /// Merkle path of the neuron block under `weights_root`.
    pub b_path: Vec<Hash>,
}

impl WorkSeal {
    /// Decodes a seal: no trailing bytes, one encoding per seal, lengths within their bounds.
    ///
    /// Nothing is allocated beyond the length of `bytes`, which is itself bounded by [`MAX_SEAL_BYTES`].
    ///
    /// # Errors
    /// [`SealError::Malformed`].
    pub fn decode_strict(bytes: &[u8]) -> Result<Self, SealError> {
        if bytes.len() > MAX_SEAL_BYTES {
            return Err(SealError::Malformed);
        }
        let seal = Self::decode_all(&mut &bytes[..]).map_err(|_| SealError::Malformed)?;
        let bounded = seal.a_rows.len() <= MAX_ROWS
            && seal.b_rows.len() <= MAX_ROWS
            && seal.a_path.len() <= MAX_PATH
            && seal.b_path.len() <= MAX_PATH;
        bounded.then_some(seal).ok_or(SealError::Malformed)
    }
}

/// The rule that a seal breaks, in the order in which the rules are checked; but for the last, which came later.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    thiserror::Error,
)]
pub enum SealError {
    /// Not the encoding of a seal.
    #[error("the bytes are not a seal")]
    Malformed,
    /// The run does not exist or is closed.
    #[error("the run does not exist or is closed")]
    UnknownRun,
    /// The run belongs to another account.
    #[error("the run belongs to another author")]
    NotTheAuthor,
    /// The step is committed already or too far ahead.
    #[error("the step is outside the run's window")]
    StepOutsideWindow,
    /// The product has no such tile.
    #[error("the product has no such tile")]
    TileOutOfRange,
    /// The tile may not win.
    #[error("the tile is beyond the allowance")]
    BeyondAllowance,
    /// A strip does not have 16·k entries.
    #[error("an operand strip does not have 16·k entries")]
    BadLength,
    /// An operand entry is not int7.
    #[error("an operand entry is outside [-64, 63]")]
    OperandOutOfRange,
    /// The rows are not the row block that the batch rule dictates.
    #[error("the rows are not the batch's row block")]
    NotTheBatch,
    /// The neuron block is not under the weights root.
    #[error("the neuron block is not under the weights root")]
    NotTheWeights,
    /// The draw does not meet the target.
    #[error("the draw is above the target")]
    AboveTarget,
    /// The run's owner has not signed the seal for this block. Checked right after the author.
    #[error("the run's owner has not signed the seal for this block")]
    BadSignature,
}

impl SealError {
    /// The error's name, as RPC and metrics carry it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed => "Malformed",
            Self::UnknownRun => "UnknownRun",
            Self::NotTheAuthor => "NotTheAuthor",
            Self::StepOutsideWindow => "StepOutsideWindow",
            Self::TileOutOfRange => "TileOutOfRange",
            Self::BeyondAllowance => "BeyondAllowance",
            Self::BadLength => "BadLength",
            Self::OperandOutOfRange => "OperandOutOfRange",
            Self::NotTheBatch => "NotTheBatch",
            Self::NotTheWeights => "NotTheWeights",
            Self::AboveTarget => "AboveTarget",
            Self::BadSignature => "BadSignature",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::mined;
    use alloc::{format, vec};
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        let bytes = mined().0.encode();
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(WorkSeal::decode_strict(&longer), Err(SealError::Malformed));
        for length in 0..bytes.len() {
            assert_eq!(
                WorkSeal::decode_strict(&bytes[..length]),
                Err(SealError::Malformed),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn the_largest_seal_decodes_and_a_larger_one_does_not() {
        let mut seal = mined().0;
        seal.a_rows = vec![0; MAX_ROWS];
        seal.b_rows = vec![0; MAX_ROWS];
        seal.a_path = vec![[0; 32]; MAX_PATH];
        seal.b_path = vec![[0; 32]; MAX_PATH];
        let bytes = seal.encode();
        assert_eq!(bytes.len(), MAX_SEAL_BYTES);
        assert_eq!(WorkSeal::decode_strict(&bytes).as_ref(), Ok(&seal));

        seal.a_rows.push(0);
        assert_eq!(
            WorkSeal::decode_strict(&seal.encode()),
            Err(SealError::Malformed)
        );
        seal.b_rows.truncate(16);
        assert_eq!(
            WorkSeal::decode_strict(&seal.encode()),
            Err(SealError::Malformed)
        );
        seal.a_rows.truncate(16);
        seal.a_path.push([0; 32]);
        assert_eq!(
            WorkSeal::decode_strict(&seal.encode()),
            Err(SealError::Malformed)
        );
    }

    #[test]
    fn a_claimed_length_beyond_the_bytes_is_refused() {
        let mut bytes = mined().0.encode();
        let rows = 8 + 8 + 4 + 4 + 32;
        bytes[rows..rows + 4].copy_from_slice(&[0xFE, 0xFF, 0xFF, 0xFF]);
        assert_eq!(WorkSeal::decode_strict(&bytes), Err(SealError::Malformed));
    }

    #[test]
    fn a_seal_at_28_by_28_features_has_at_most_27_kib() {
        let mut seal = mined().0;
        seal.a_rows = vec![0; TILE * 784];
        seal.b_rows = vec![0; TILE * 784];
        seal.a_path = vec![[0; 32]; 13];
        seal.b_path = vec![[0; 32]; 6];
        assert!(seal.encoded_size() <= 27 * 1024);
    }

    #[test]
    fn an_error_is_named_like_its_variant() {
        for tag in 0..12 {
            let error = SealError::decode(&mut &[tag][..]).unwrap();
            assert_eq!(error.name(), format!("{error:?}"));
        }
        assert!(SealError::decode(&mut &[12][..]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_a_seal_that_encodes_to_them_or_to_none(bytes in vec(any::<u8>(), 0..300)) {
            if let Ok(seal) = WorkSeal::decode_strict(&bytes) {
                prop_assert_eq!(seal.encode(), bytes);
            }
        }
    }

    #[test]
    fn a_seal_with_any_two_bytes_changed_has_one_encoding() {
        let bytes = mined().0.encode();
        proptest!(|(first in 0..bytes.len(), second in 0..bytes.len(), value: (u8, u8))| {
            let mut bytes = bytes.clone();
            (bytes[first], bytes[second]) = value;
            if let Ok(seal) = WorkSeal::decode_strict(&bytes) {
                prop_assert_eq!(seal.encode(), bytes);
            }
        });
    }
}
