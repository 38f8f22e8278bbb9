//! Checks seals as blocks arrive, before anything else of them is looked at.

use crate::{CheckError, UsefulWork, digest};
use polkadot_sdk::{
    sc_consensus::{BlockImportParams, Verifier},
    sc_consensus_pow::PowVerifier,
    sp_api::ProvideRuntimeApi,
    sp_core::H256,
    sp_runtime::traits::{Block as BlockT, Header},
};
use quern_api::WorkApi;

/// Takes the seal off a header and has it checked.
///
/// Here a refusal costs the peer that sent the block its reputation; the import would only have
/// turned the block down, and only after executing runtime code on its inherents.
pub struct SealVerifier<B: BlockT, C> {
    pow: PowVerifier<B, UsefulWork<C>>,
    work: UsefulWork<C>,
}

impl<B: BlockT, C> SealVerifier<B, C> {
    /// Verifies with `work`.
    pub fn new(work: UsefulWork<C>) -> Self {
        Self {
            pow: PowVerifier::new(work.clone()),
            work,
        }
    }
}

#[async_trait::async_trait]
impl<B, C> Verifier<B> for SealVerifier<B, C>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B> + Send + Sync,
    C::Api: WorkApi<B>,
{
    async fn verify(&self, block: BlockImportParams<B>) -> Result<BlockImportParams<B>, String> {
        let sealed = block.header.clone();
        let block = self.pow.verify(block).await?;
        let checked = digest::seal(&sealed)
            .map_err(CheckError::Digest)
            .and_then(|seal| {
                let author = digest::author(&block.header)?;
                let parent = *block.header.parent_hash();
                self.work.check::<B>(
                    parent,
                    &block.header.hash(),
                    &author,
                    seal.unwrap_or_default(),
                )
            });
        match checked {
            Ok(()) => Ok(block),
            // Our own trouble, which must not be held against the peer: the import runs into it again.
            Err(CheckError::Runtime(_)) => Ok(block),
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Metrics,
        testing::{Chain, GOOD, TRAP, TestBlock, TestClient, header, refused_as},
    };
    use futures::executor::block_on;
    use polkadot_sdk::{
        sp_consensus::BlockOrigin,
        sp_runtime::{AccountId32, DigestItem},
    };
    use quern_work::SealError;

    fn verify(
        items: impl IntoIterator<Item = DigestItem>,
    ) -> Result<BlockImportParams<TestBlock>, String> {
        let client = TestClient::new(&Chain::new());
        let work = UsefulWork::new(client, Metrics::new(None).unwrap());
        let sealed = header(1, H256::zero(), items);
        let block = BlockImportParams::new(BlockOrigin::NetworkBroadcast, sealed);
        block_on(SealVerifier::new(work).verify(block))
    }

    fn alice() -> DigestItem {
        digest::author_item(&AccountId32::new([1; 32]))
    }

    fn seal(bytes: &[u8]) -> DigestItem {
        digest::seal_item(bytes.to_vec())
    }

    #[test]
    fn a_good_seal_is_taken_off_the_header() {
        let block = verify([alice(), seal(GOOD)]).unwrap();
        assert_eq!(block.header.digest().logs(), &[alice()]);
        assert_eq!(block.post_digests, [seal(GOOD)]);
        assert_eq!(
            block.post_hash(),
            header(1, H256::zero(), [alice(), seal(GOOD)]).hash()
        );
    }

    #[test]
    fn a_refused_seal_stops_here_and_names_the_rule() {
        for refusal in [SealError::AboveTarget, SealError::NotTheAuthor] {
            let error = verify([alice(), seal(&refused_as(refusal))]).err().unwrap();
            assert!(error.starts_with(refusal.name()), "{error}");
        }
    }

    #[test]
    fn a_header_without_seal_or_author_stops_here() {
        assert!(verify([alice()]).is_err());
        assert!(verify([]).is_err());
        assert!(
            verify([seal(GOOD)])
                .err()
                .unwrap()
                .starts_with("NoAuthor: ")
        );
    }

    #[test]
    fn a_header_with_two_seals_stops_here() {
        let error = verify([alice(), seal(GOOD), seal(GOOD)]).err().unwrap();
        assert!(error.starts_with("SeveralSeals: "));
    }

    #[test]
    fn a_runtime_that_does_not_answer_is_not_the_peers_fault() {
        assert!(verify([alice(), seal(TRAP)]).is_ok());
    }
}
