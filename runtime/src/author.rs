//! Who made a block: the pre-runtime digest of the proof-of-work engine names the account.

use crate::{AccountId, System};
use codec::DecodeAll;
use polkadot_sdk::{
    frame_support::traits::{FindAuthor, Get},
    sp_consensus_pow::POW_ENGINE_ID,
    sp_runtime::ConsensusEngineId,
};

/// The author of the block being executed, found by the engine's id, wherever in the digest it stands.
pub struct Author;

impl Get<Option<AccountId>> for Author {
    fn get() -> Option<AccountId> {
        let digest = System::digest();
        Self::find_author(digest.logs.iter().filter_map(|log| log.as_pre_runtime()))
    }
}

impl FindAuthor<AccountId> for Author {
    fn find_author<'a, I>(digests: I) -> Option<AccountId>
    where
        I: 'a + IntoIterator<Item = (ConsensusEngineId, &'a [u8])>,
    {
        let (_, mut author) = digests
            .into_iter()
            .find(|(engine, _)| *engine == POW_ENGINE_ID)?;
        AccountId::decode_all(&mut author).ok()
    }
}
