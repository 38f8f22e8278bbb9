//! Who made a block: the pre-runtime digest of the proof-of-work engine names the account.

use crate::AccountId;
use codec::DecodeAll;
use polkadot_sdk::{
    frame_support::traits::FindAuthor, frame_system, sp_consensus_pow::POW_ENGINE_ID,
    sp_runtime::ConsensusEngineId,
};

/// Finds the author by the engine's id, wherever in the digest it stands.
pub struct SealAuthor;

impl FindAuthor<AccountId> for SealAuthor {
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

/// The author of the block being executed.
pub fn current() -> Option<AccountId> {
    let digest = frame_system::Pallet::<crate::Runtime>::digest();
    SealAuthor::find_author(digest.logs.iter().filter_map(|log| log.as_pre_runtime()))
}
