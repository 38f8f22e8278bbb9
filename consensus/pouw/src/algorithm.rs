//! The work itself, as `sc-consensus-pow` sees it: the runtime is asked, at the parent's state.

use crate::{
    Metrics,
    digest::{self, DigestError},
};
use parking_lot::Mutex;
use polkadot_sdk::{
    sc_consensus_pow::{Error as PowError, PowAlgorithm},
    sp_api::{ApiError, ProvideRuntimeApi},
    sp_blockchain::HeaderBackend,
    sp_consensus_pow::Seal,
    sp_core::H256,
    sp_runtime::{
        AccountId32,
        generic::BlockId,
        traits::{BlakeTwo256, Block as BlockT, Hash},
    },
};
use quern_api::{RunInfo, WorkApi, WorkRules};
use quern_work::{SealError, Shape, SignedSeal};
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

/// Seals remembered as checked. A block passes the check twice on its way, and few are on their way
/// at one time.
const REMEMBERED: usize = 16;

/// Why a seal does not make a block.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The seal breaks a rule.
    #[error("{name}: {0}", name = .0.name())]
    Refused(SealError),
    /// The header does not say who sealed it, or with what.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The runtime could not be asked; the seal may be good.
    #[error("the runtime could not check the seal: {0}")]
    Runtime(#[from] ApiError),
}

/// Proof of useful work: difficulty counts MACs, and the runtime checks seals.
///
/// Clones share the memory of what has been checked.
pub struct UsefulWork<C> {
    client: Arc<C>,
    genesis: H256,
    metrics: Metrics,
    checked: Arc<Mutex<VecDeque<H256>>>,
    noise_rank: Arc<OnceLock<u32>>,
}

impl<C> Clone for UsefulWork<C> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            genesis: self.genesis,
            metrics: self.metrics.clone(),
            checked: self.checked.clone(),
            noise_rank: self.noise_rank.clone(),
        }
    }
}

impl<C> UsefulWork<C> {
    /// Asks the runtime through `client` about seals of the client's chain, and counts in `metrics`.
    pub fn new<B>(client: Arc<C>, metrics: Metrics) -> Self
    where
        B: BlockT<Hash = H256>,
        C: HeaderBackend<B>,
    {
        Self {
            genesis: client.info().genesis_hash,
            client,
            metrics,
            checked: Arc::default(),
            noise_rank: Arc::default(),
        }
    }

    /// Checks the bytes of a `SignedSeal` for a block on `parent` by `author`.
    ///
    /// Takes the runtime about a millisecond; at once for a seal that has just passed.
    pub fn check<B>(
        &self,
        parent: H256,
        pre_hash: &H256,
        author: &AccountId32,
        seal: &[u8],
    ) -> Result<(), CheckError>
    where
        B: BlockT<Hash = H256>,
        C: ProvideRuntimeApi<B>,
        C::Api: WorkApi<B>,
    {
        let question = fingerprint(&parent, pre_hash, author, seal);
        if self.checked.lock().contains(&question) {
            return Ok(());
        }
        self.metrics.seal_checked();
        self.client
            .runtime_api()
            .verify_seal(
                parent,
                self.genesis,
                *pre_hash,
                author.clone(),
                seal.to_vec(),
            )?
            .map_err(|refusal| {
                self.metrics.seal_refused(refusal.name());
                CheckError::Refused(refusal)
            })?;
        let mut checked = self.checked.lock();
        if checked.len() == REMEMBERED {
            checked.pop_front();
        }
        checked.push_back(question);
        Ok(())
    }

    /// Expected MACs of a block on `parent`.
    pub(crate) fn difficulty_on<B>(&self, parent: H256) -> Result<u128, ApiError>
    where
        B: BlockT<Hash = H256>,
        C: ProvideRuntimeApi<B>,
        C::Api: WorkApi<B>,
    {
        self.client.runtime_api().difficulty(parent)
    }

    /// The rules that hold for a block on `parent`.
    pub(crate) fn rules_on<B>(&self, parent: H256) -> Result<WorkRules, ApiError>
    where
        B: BlockT<Hash = H256>,
        C: ProvideRuntimeApi<B>,
        C::Api: WorkApi<B>,
    {
        self.client.runtime_api().rules(parent)
    }

    /// What `author` may mine on `parent`.
    pub(crate) fn runs_on<B>(
        &self,
        parent: H256,
        author: &AccountId32,
    ) -> Result<Vec<RunInfo>, ApiError>
    where
        B: BlockT<Hash = H256>,
        C: ProvideRuntimeApi<B>,
        C::Api: WorkApi<B>,
    {
        self.client.runtime_api().runs_of(parent, author.clone())
    }

    /// MACs of the tile that drew this seal, for the display of draws only.
    fn tile_macs<B>(&self, parent: H256, seal: &[u8]) -> Option<u64>
    where
        B: BlockT<Hash = H256>,
        C: ProvideRuntimeApi<B>,
        C::Api: WorkApi<B>,
    {
        let r = match self.noise_rank.get() {
            Some(rank) => *rank,
            None => {
                let rank = self.rules_on::<B>(parent).ok()?.noise_rank;
                *self.noise_rank.get_or_init(|| rank)
            }
        };
        let seal = SignedSeal::decode_strict(seal).ok()?.seal;
        let k = seal.a_rows.len() / quern_work::TILE;
        let tile = quern_work::TILE as u32;
        Some(
            Shape {
                m: tile,
                n: tile,
                k: k as u32,
                r,
            }
            .tile_macs(),
        )
    }
}

impl<B, C> PowAlgorithm<B> for UsefulWork<C>
where
    B: BlockT<Hash = H256>,
    C: ProvideRuntimeApi<B>,
    C::Api: WorkApi<B>,
{
    type Difficulty = u128;

    fn difficulty(&self, parent: H256) -> Result<u128, PowError<B>> {
        self.difficulty_on(parent)
            .map_err(|error| PowError::Runtime(error.to_string()))
    }

    /// A refusal is an error that names the rule, so that the import error does too.
    fn verify(
        &self,
        parent: &BlockId<B>,
        pre_hash: &H256,
        pre_digest: Option<&[u8]>,
        seal: &Seal,
        difficulty: u128,
    ) -> Result<bool, PowError<B>> {
        let BlockId::Hash(parent) = parent else {
            return Err(PowError::Environment(
                "the parent is not given by its hash".into(),
            ));
        };
        let author = pre_digest
            .ok_or(DigestError::NoAuthor)
            .and_then(digest::decode_author)
            .map_err(|error| PowError::Other(error.to_string()))?;
        self.check::<B>(*parent, pre_hash, &author, seal)
            .map_err(|error| PowError::Other(error.to_string()))?;
        self.metrics
            .block_sealed(difficulty, self.tile_macs::<B>(*parent, seal));
        Ok(true)
    }
}

/// Stands for everything a check depends on; the parent's state holds the rest.
fn fingerprint(parent: &H256, pre_hash: &H256, author: &AccountId32, seal: &[u8]) -> H256 {
    let author: &[u8] = author.as_ref();
    BlakeTwo256::hash(&[parent.as_bytes(), pre_hash.as_bytes(), author, seal].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Chain, GOOD, TRAP, TestBlock, TestClient, refused_as};
    use codec::Encode;

    fn work() -> (Arc<TestClient>, UsefulWork<TestClient>) {
        let client = TestClient::new(&Chain::new());
        (
            client.clone(),
            UsefulWork::new(client, Metrics::new(None).unwrap()),
        )
    }

    fn alice() -> AccountId32 {
        AccountId32::new([1; 32])
    }

    fn verify(
        work: &UsefulWork<TestClient>,
        pre_digest: Option<&[u8]>,
        seal: &[u8],
    ) -> Result<bool, String> {
        let parent = BlockId::<TestBlock>::Hash(H256::zero());
        work.verify(&parent, &H256::zero(), pre_digest, &seal.to_vec(), 1)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_seal_is_accepted() {
        assert_eq!(verify(&work().1, Some(&alice().encode()), GOOD), Ok(true));
    }

    #[test]
    fn a_refusal_names_the_rule() {
        let seal = refused_as(SealError::AboveTarget);
        let error = verify(&work().1, Some(&alice().encode()), &seal).unwrap_err();
        assert_eq!(error, "AboveTarget: the draw is above the target");
    }

    #[test]
    fn a_header_without_a_proper_author_is_refused_unasked() {
        let (client, work) = work();
        assert!(
            verify(&work, None, GOOD)
                .unwrap_err()
                .starts_with("NoAuthor: ")
        );
        assert!(
            verify(&work, Some(&[1; 31]), GOOD)
                .unwrap_err()
                .starts_with("OddAuthor: ")
        );
        assert_eq!(client.checks(), 0);
    }

    #[test]
    fn the_runtime_is_asked_once_about_a_good_seal() {
        let (client, work) = work();
        for _ in 0..3 {
            assert_eq!(
                verify(&work.clone(), Some(&alice().encode()), GOOD),
                Ok(true)
            );
        }
        assert_eq!(client.checks(), 1);
    }

    #[test]
    fn the_same_seal_for_another_block_parent_or_author_is_checked_anew() {
        let (client, work) = work();
        let (zero, one) = (H256::zero(), H256::repeat_byte(1));
        let bob = AccountId32::new([2; 32]);
        for (parent, pre_hash, author) in [
            (zero, zero, alice()),
            (one, zero, alice()),
            (zero, one, alice()),
            (zero, zero, bob),
        ] {
            work.check::<TestBlock>(parent, &pre_hash, &author, GOOD)
                .unwrap();
        }
        assert_eq!(client.checks(), 4);
    }

    #[test]
    fn a_refused_seal_is_not_remembered() {
        let (client, work) = work();
        for seal in [refused_as(SealError::AboveTarget), TRAP.to_vec()] {
            assert!(verify(&work, Some(&alice().encode()), &seal).is_err());
            assert!(verify(&work, Some(&alice().encode()), &seal).is_err());
        }
        assert_eq!(client.checks(), 4);
    }
}
