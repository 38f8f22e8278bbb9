//! Author and seal in a header's digest, found by engine id and never by position.

use codec::{Decode, Encode};
use polkadot_sdk::{
    sp_consensus_pow::POW_ENGINE_ID,
    sp_runtime::{AccountId32, DigestItem, traits::Header},
};

/// Why a header's digest does not say who sealed the block, or with what.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DigestError {
    /// There is no pre-runtime item of this engine.
    #[error("NoAuthor: the header names no author")]
    NoAuthor,
    /// The pre-runtime item is not exactly an account's 32 bytes.
    #[error("OddAuthor: the header's author is not a 32-byte account")]
    OddAuthor,
    /// There is more than one pre-runtime item of this engine.
    #[error("SeveralAuthors: the header names more than one author")]
    SeveralAuthors,
    /// There is more than one seal of this engine.
    #[error("SeveralSeals: the header carries more than one seal")]
    SeveralSeals,
}

/// The pre-runtime item that names the author of a block.
pub fn author_item(author: &AccountId32) -> DigestItem {
    DigestItem::PreRuntime(POW_ENGINE_ID, author.encode())
}

/// The item that seals a block with the bytes of a `SignedSeal`.
pub fn seal_item(seal: Vec<u8>) -> DigestItem {
    DigestItem::Seal(POW_ENGINE_ID, seal)
}

/// The author a header names.
pub fn author(header: &impl Header) -> Result<AccountId32, DigestError> {
    let mut items = header.digest().logs().iter().filter_map(|item| match item {
        DigestItem::PreRuntime(POW_ENGINE_ID, bytes) => Some(bytes),
        _ => None,
    });
    let bytes = items.next().ok_or(DigestError::NoAuthor)?;
    if items.next().is_some() {
        return Err(DigestError::SeveralAuthors);
    }
    decode_author(bytes)
}

/// The account in the bytes of a pre-runtime item.
pub(crate) fn decode_author(bytes: &[u8]) -> Result<AccountId32, DigestError> {
    let mut rest = bytes;
    match AccountId32::decode(&mut rest) {
        Ok(author) if rest.is_empty() => Ok(author),
        _ => Err(DigestError::OddAuthor),
    }
}

/// The bytes of the signed seal in a header; none in the genesis header and in an unsealed one.
pub fn seal(header: &impl Header) -> Result<Option<&[u8]>, DigestError> {
    let mut items = header.digest().logs().iter().filter_map(|item| match item {
        DigestItem::Seal(POW_ENGINE_ID, bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    let seal = items.next();
    if items.next().is_some() {
        return Err(DigestError::SeveralSeals);
    }
    Ok(seal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::header;
    use polkadot_sdk::sp_core::H256;

    const GRANDPA: [u8; 4] = *b"FRNK";

    fn alice() -> AccountId32 {
        AccountId32::new([1; 32])
    }

    #[test]
    fn author_and_seal_are_found_among_other_engines_items() {
        let header = header(
            1,
            H256::zero(),
            [
                DigestItem::Consensus(GRANDPA, vec![1]),
                DigestItem::PreRuntime(GRANDPA, vec![2; 32]),
                author_item(&alice()),
                seal_item(vec![3]),
                DigestItem::Seal(GRANDPA, vec![4]),
                DigestItem::Other(vec![5]),
            ],
        );
        assert_eq!(author(&header), Ok(alice()));
        assert_eq!(seal(&header), Ok(Some(&[3][..])));
    }

    #[test]
    fn an_unsealed_header_has_no_seal_and_no_author() {
        let header = header(0, H256::zero(), []);
        assert_eq!(author(&header), Err(DigestError::NoAuthor));
        assert_eq!(seal(&header), Ok(None));
    }

    #[test]
    fn two_items_of_one_kind_are_refused() {
        let twice = header(
            1,
            H256::zero(),
            [
                author_item(&alice()),
                author_item(&alice()),
                seal_item(vec![3]),
                seal_item(vec![3]),
            ],
        );
        assert_eq!(author(&twice), Err(DigestError::SeveralAuthors));
        assert_eq!(seal(&twice), Err(DigestError::SeveralSeals));
    }

    #[test]
    fn an_author_that_is_not_32_bytes_is_refused() {
        for length in [0, 31, 33] {
            let header = header(
                1,
                H256::zero(),
                [DigestItem::PreRuntime(POW_ENGINE_ID, vec![1; length])],
            );
            assert_eq!(author(&header), Err(DigestError::OddAuthor));
        }
    }
}
