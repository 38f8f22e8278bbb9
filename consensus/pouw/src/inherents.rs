//! The inherent data of a block: the time, and the seal of its parent.

use crate::digest;
use polkadot_sdk::{
    sp_blockchain::HeaderBackend,
    sp_inherents::CreateInherentDataProviders,
    sp_runtime::traits::{Block as BlockT, Header},
    sp_timestamp,
};
use quern_api::{ParentSeal, ParentSealProvider, luck};
use quern_work::SignedSeal;
use std::{error::Error, sync::Arc};

/// Provides inherent data for a child of any imported block, for building it and for checking it.
pub struct Inherents<C> {
    client: Arc<C>,
}

impl<C> Inherents<C> {
    /// Reads parents' headers from `client`.
    pub fn new(client: Arc<C>) -> Self {
        Self { client }
    }
}

impl<C> Clone for Inherents<C> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone())
    }
}

#[async_trait::async_trait]
impl<B, C> CreateInherentDataProviders<B, ()> for Inherents<C>
where
    B: BlockT,
    C: HeaderBackend<B>,
{
    type InherentDataProviders = (sp_timestamp::InherentDataProvider, ParentSealProvider);

    async fn create_inherent_data_providers(
        &self,
        parent: B::Hash,
        (): (),
    ) -> Result<Self::InherentDataProviders, Box<dyn Error + Send + Sync>> {
        let header = self.client.expect_header(parent)?;
        Ok((
            sp_timestamp::InherentDataProvider::from_system_time(),
            ParentSealProvider(parent_seal(&header)?),
        ))
    }
}

/// What the child of this header must record of it.
fn parent_seal(header: &impl Header) -> Result<Option<ParentSeal>, Box<dyn Error + Send + Sync>> {
    let Some(bytes) = digest::seal(header)? else {
        return Ok(None);
    };
    let seal = SignedSeal::decode_strict(bytes)?.seal;
    let mut unsealed = header.clone();
    let logs = &mut unsealed.digest_mut().logs;
    logs.retain(|item| item.as_seal().is_none());
    Ok(Some(ParentSeal {
        run: seal.run,
        step: seal.step,
        weights_root: seal.weights_root,
        luck: luck(unsealed.hash().as_ref(), &seal),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{header, signed_seal};
    use polkadot_sdk::{sp_core::H256, sp_runtime::DigestItem};

    #[test]
    fn the_parents_seal_is_recorded_wherever_it_stands_in_the_digest() {
        let sealed = header(
            1,
            H256::zero(),
            [
                digest::seal_item(signed_seal(7, 11)),
                DigestItem::Seal(*b"FRNK", vec![1]),
            ],
        );
        let recorded = parent_seal(&sealed).unwrap().unwrap();
        assert_eq!((recorded.run, recorded.step), (7, 11));
        assert_eq!(recorded.weights_root, [3; 32]);
    }

    #[test]
    fn another_signature_of_the_same_seal_gives_the_same_luck() {
        let luck = |bytes| {
            let sealed = header(1, H256::zero(), [digest::seal_item(bytes)]);
            parent_seal(&sealed).unwrap().unwrap().luck
        };
        let mut resigned = signed_seal(7, 11);
        resigned[9] ^= 1;
        assert_eq!(luck(signed_seal(7, 11)), luck(resigned));
        assert_ne!(luck(signed_seal(7, 11)), luck(signed_seal(7, 12)));
    }

    #[test]
    fn genesis_has_no_seal_to_record() {
        assert_eq!(parent_seal(&header(0, H256::zero(), [])).unwrap(), None);
    }

    #[test]
    fn a_parent_with_a_malformed_seal_is_an_error() {
        let sealed = header(1, H256::zero(), [digest::seal_item(vec![1, 2, 3])]);
        assert!(parent_seal(&sealed).is_err());
    }
}
