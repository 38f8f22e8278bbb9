//! The inherent that carries a parent's seal into its child.

use codec::{Decode, DecodeWithMemTracking, Encode};
use polkadot_sdk::sp_inherents::{InherentIdentifier, IsFatalError};
use quern_work::{
    Hash, WorkSeal,
    hash::{Context, derive},
};
use scale_info::TypeInfo;

/// Identifier of the inherent data.
pub const PARENT_SEAL: InherentIdentifier = *b"quernwrk";

/// Which step of which run sealed the parent block.
#[derive(Clone, Copy, Debug, Decode, DecodeWithMemTracking, Encode, Eq, PartialEq, TypeInfo)]
pub struct ParentSeal {
    /// The run.
    pub run: u64,
    /// The step.
    pub step: u64,
    /// Root of the first layer's weights that the seal names.
    pub weights_root: Hash,
    /// Randomness that took the work of a seal to get: see [`luck`].
    pub luck: Hash,
}

/// The randomness of a seal, for draws: the pre-hash and the seal, without the signature, of which its
/// signer could make many.
pub fn luck(pre_hash: &[u8], seal: &WorkSeal) -> Hash {
    derive(Context::new("quern/v1/luck"), &[pre_hash, &seal.encode()])
}

/// Why a block's record of its parent's seal is refused.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cfg_attr(feature = "std", derive(thiserror::Error))]
pub enum InherentError {
    /// The block records another run or step than its parent's header carries.
    #[cfg_attr(
        feature = "std",
        error("the block records another seal than its parent carries")
    )]
    AnotherSeal,
    /// The block does not record its parent's seal.
    #[cfg_attr(feature = "std", error("the block does not record its parent's seal"))]
    Missing,
}

impl IsFatalError for InherentError {
    fn is_fatal_error(&self) -> bool {
        true
    }
}

/// Provides the parent's seal as inherent data: `None` on top of the genesis block, which has none.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct ParentSealProvider(pub Option<ParentSeal>);

#[cfg(feature = "std")]
#[async_trait::async_trait]
impl polkadot_sdk::sp_inherents::InherentDataProvider for ParentSealProvider {
    async fn provide_inherent_data(
        &self,
        data: &mut polkadot_sdk::sp_inherents::InherentData,
    ) -> Result<(), polkadot_sdk::sp_inherents::Error> {
        match &self.0 {
            Some(seal) => data.put_data(PARENT_SEAL, seal),
            None => Ok(()),
        }
    }

    async fn try_handle_error(
        &self,
        identifier: &InherentIdentifier,
        mut error: &[u8],
    ) -> Option<Result<(), polkadot_sdk::sp_inherents::Error>> {
        (identifier == &PARENT_SEAL).then(|| {
            InherentError::decode(&mut error)
                .map_err(|error| {
                    polkadot_sdk::sp_inherents::Error::DecodingFailed(error, PARENT_SEAL)
                })
                .and_then(|error| {
                    Err(polkadot_sdk::sp_inherents::Error::Application(Box::new(
                        error,
                    )))
                })
        })
    }
}
