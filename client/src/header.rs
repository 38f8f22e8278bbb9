//! Block headers. What a digest says is found by engine id, never by position: other engines put their own items there.

use crate::{Account, Error};
use codec::{Decode, Encode};
use quern_work::{Hash, SealError, SignedSeal, WorkSeal};
use subxt::config::{
    Hasher,
    substrate::{BlakeTwo256, H256, SubstrateHeader},
};

pub use subxt::config::substrate::DigestItem;

/// The engine id under which author and seal stand in a digest.
pub const POW_ENGINE_ID: [u8; 4] = *b"pow_";

/// The header of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Height; genesis is 0.
    pub number: u64,
    /// BLAKE2b-256 of [`Header::encoded`].
    pub hash: Hash,
    /// The parent's hash.
    pub parent: Hash,
    /// Root of the state after the block.
    pub state_root: Hash,
    /// Root of the block's extrinsics.
    pub extrinsics_root: Hash,
    /// What the consensus engines wrote.
    pub digest: Vec<DigestItem>,
    /// The SCALE bytes of the whole header, seal included.
    pub encoded: Vec<u8>,
}

impl Header {
    /// Reads the SCALE bytes of a header.
    ///
    /// # Errors
    /// [`Error::Decode`] when the bytes are not exactly one header.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, Error> {
        let header = SubstrateHeader::<H256>::decode(&mut bytes)
            .map_err(|reason| Error::decode("a header", reason))?;
        if !bytes.is_empty() {
            return Err(Error::decode("a header", "bytes are left over"));
        }
        Ok(header.into())
    }

    /// The account that authored the block; none at genesis.
    #[must_use]
    pub fn author(&self) -> Option<Account> {
        self.digest.iter().find_map(|item| match item {
            DigestItem::PreRuntime(POW_ENGINE_ID, author) => author.as_slice().try_into().ok(),
            _ => None,
        })
    }

    /// The bytes of the signed seal; none at genesis.
    #[must_use]
    pub fn seal_bytes(&self) -> Option<&[u8]> {
        self.digest.iter().find_map(|item| match item {
            DigestItem::Seal(POW_ENGINE_ID, seal) => Some(seal.as_slice()),
            _ => None,
        })
    }

    /// The seal with its author's signature; none at genesis.
    ///
    /// # Errors
    /// What a strict decode of the bytes refuses.
    pub fn signed_seal(&self) -> Result<Option<SignedSeal>, SealError> {
        self.seal_bytes().map(SignedSeal::decode_strict).transpose()
    }

    /// The work seal; none at genesis.
    ///
    /// # Errors
    /// What a strict decode of the bytes refuses.
    pub fn seal(&self) -> Result<Option<WorkSeal>, SealError> {
        Ok(self.signed_seal()?.map(|signed| signed.seal))
    }

    /// The SCALE bytes of the header without its work seal: what the seal commits to.
    #[must_use]
    pub fn unsealed(&self) -> Vec<u8> {
        SubstrateHeader::<H256> {
            parent_hash: self.parent.into(),
            number: self.number,
            state_root: self.state_root.into(),
            extrinsics_root: self.extrinsics_root.into(),
            digest: subxt::config::substrate::Digest {
                logs: self
                    .digest
                    .iter()
                    .filter(|item| !matches!(item, DigestItem::Seal(POW_ENGINE_ID, _)))
                    .cloned()
                    .collect(),
            },
        }
        .encode()
    }

    /// BLAKE2b-256 of [`Header::unsealed`]: the hash that names a template.
    #[must_use]
    pub fn pre_hash(&self) -> Hash {
        BlakeTwo256.hash(&self.unsealed()).0
    }
}

impl From<SubstrateHeader<H256>> for Header {
    fn from(header: SubstrateHeader<H256>) -> Self {
        let encoded = header.encode();
        Self {
            number: header.number,
            hash: BlakeTwo256.hash(&encoded).0,
            parent: header.parent_hash.0,
            state_root: header.state_root.0,
            extrinsics_root: header.extrinsics_root.0,
            digest: header.digest.logs,
            encoded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER_ENGINE: [u8; 4] = *b"FRNK";

    fn header(digest: Vec<DigestItem>) -> Header {
        SubstrateHeader::<H256> {
            parent_hash: [1; 32].into(),
            number: 7,
            state_root: [2; 32].into(),
            extrinsics_root: [3; 32].into(),
            digest: subxt::config::substrate::Digest { logs: digest },
        }
        .into()
    }

    #[test]
    fn author_and_seal_are_found_by_engine_id_wherever_they_stand() {
        let header = header(vec![
            DigestItem::Seal(OTHER_ENGINE, vec![9]),
            DigestItem::PreRuntime(OTHER_ENGINE, vec![8; 32]),
            DigestItem::Seal(POW_ENGINE_ID, vec![5, 6]),
            DigestItem::Consensus(OTHER_ENGINE, vec![7]),
            DigestItem::PreRuntime(POW_ENGINE_ID, vec![4; 32]),
        ]);
        assert_eq!(header.author(), Some([4; 32]));
        assert_eq!(header.seal_bytes(), Some([5, 6].as_slice()));
    }

    #[test]
    fn a_header_without_the_engines_items_has_neither_author_nor_seal() {
        let header = header(vec![
            DigestItem::PreRuntime(OTHER_ENGINE, vec![8; 32]),
            DigestItem::Seal(OTHER_ENGINE, vec![9]),
        ]);
        assert_eq!(header.author(), None);
        assert_eq!(header.seal_bytes(), None);
        assert_eq!(header.pre_hash(), header.hash);
    }

    #[test]
    fn an_author_that_is_no_account_is_none() {
        let header = header(vec![DigestItem::PreRuntime(POW_ENGINE_ID, vec![4; 31])]);
        assert_eq!(header.author(), None);
    }

    #[test]
    fn the_pre_hash_is_the_hash_of_the_header_before_it_was_sealed() {
        let author = DigestItem::PreRuntime(POW_ENGINE_ID, vec![4; 32]);
        let other = DigestItem::Seal(OTHER_ENGINE, vec![9]);
        let before = header(vec![author.clone(), other.clone()]);
        let sealed = header(vec![
            author,
            DigestItem::Seal(POW_ENGINE_ID, vec![5, 6]),
            other,
        ]);
        assert_ne!(sealed.hash, before.hash);
        assert_eq!(sealed.pre_hash(), before.hash);
        assert_eq!(sealed.unsealed(), before.encoded);
    }

    #[test]
    fn a_header_survives_its_bytes() {
        let header = header(vec![DigestItem::PreRuntime(POW_ENGINE_ID, vec![4; 32])]);
        assert_eq!(Header::from_bytes(&header.encoded).unwrap(), header);
        assert!(Header::from_bytes(&header.encoded[1..]).is_err());
    }

    #[test]
    fn a_header_reads_from_the_nodes_json() {
        let json = r#"{"parentHash":"0x0101010101010101010101010101010101010101010101010101010101010101",
            "number":"0x7","stateRoot":"0x0202020202020202020202020202020202020202020202020202020202020202",
            "extrinsicsRoot":"0x0303030303030303030303030303030303030303030303030303030303030303",
            "digest":{"logs":["0x06706f775f800404040404040404040404040404040404040404040404040404040404040404"]}}"#;
        let read: SubstrateHeader<H256> = serde_json::from_str(json).unwrap();
        let expected = header(vec![DigestItem::PreRuntime(POW_ENGINE_ID, vec![4; 32])]);
        assert_eq!(Header::from(read), expected);
    }
}
