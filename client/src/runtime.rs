//! The runtime in force at a block, as far as a client needs it: its metadata encodes calls and decodes events.

use crate::Error;
use quern_work::Hash;
use std::sync::Arc;
use subxt::{
    Metadata, OfflineClient, OfflineClientAtBlock, SubstrateConfig,
    config::substrate::SpecVersionForRange, dynamic::Value, error::DispatchError,
};

/// One version of the runtime.
#[derive(Clone)]
pub(crate) struct Runtime {
    spec_version: u32,
    inner: OfflineClientAtBlock<SubstrateConfig>,
}

impl Runtime {
    /// Reads the metadata of a runtime version.
    pub(crate) fn new(
        genesis: Hash,
        spec_version: u32,
        transaction_version: u32,
        metadata: &[u8],
    ) -> Result<Self, Error> {
        let decode = |reason: String| Error::decode("the runtime's metadata", reason);
        let metadata =
            Metadata::decode_from(metadata).map_err(|reason| decode(reason.to_string()))?;
        let config = SubstrateConfig::builder()
            .set_genesis_hash(genesis.into())
            .set_metadata_for_spec_versions([(spec_version, Arc::new(metadata))])
            .set_spec_version_for_block_ranges([SpecVersionForRange {
                block_range: 0..u64::MAX,
                spec_version,
                transaction_version,
            }])
            .build();
        let inner = OfflineClient::new_with_config(config)
            .at_block(0u64)
            .map_err(|reason| decode(reason.to_string()))?;
        Ok(Self {
            spec_version,
            inner,
        })
    }

    pub(crate) const fn spec_version(&self) -> u32 {
        self.spec_version
    }

    pub(crate) const fn inner(&self) -> &OfflineClientAtBlock<SubstrateConfig> {
        &self.inner
    }

    /// The storage key of `pallet.entry` at `keys`.
    pub(crate) fn storage_key(
        &self,
        pallet: &str,
        entry: &str,
        keys: Vec<Value>,
    ) -> Result<Vec<u8>, Error> {
        self.inner
            .storage()
            .entry((pallet, entry))
            .and_then(|found| found.fetch_key(keys))
            .map_err(|reason| Error::decode(format!("{pallet}.{entry}"), reason))
    }

    /// Decodes the bytes of `pallet.entry` by the type the metadata gives it.
    pub(crate) fn storage_value(
        &self,
        pallet: &str,
        entry: &str,
        mut bytes: &[u8],
    ) -> Result<Value, Error> {
        let what = || format!("{pallet}.{entry}");
        let metadata = self.inner.metadata_ref();
        let type_id = metadata
            .pallet_by_name(pallet)
            .and_then(|pallet| pallet.storage()?.entry_by_name(entry))
            .ok_or_else(|| Error::decode(what(), "the runtime has no such storage"))?
            .value_ty();
        subxt::ext::scale_value::scale::decode_as_type(&mut bytes, type_id, metadata.types())
            .map(|value| value.remove_context())
            .map_err(|reason| Error::decode(what(), reason))
    }

    /// The error that a failed call's event carries, named by the metadata.
    pub(crate) fn dispatch_error(&self, bytes: &[u8]) -> Error {
        match DispatchError::decode_from(bytes, self.inner.metadata()) {
            Ok(DispatchError::Module(error)) => match error.details() {
                Ok(details) => Error::Dispatch {
                    pallet: Some(details.pallet.name().to_owned()),
                    error: details.variant.name.clone(),
                },
                Err(reason) => Error::decode("a dispatch error", reason),
            },
            Ok(error) => Error::Dispatch {
                pallet: None,
                error: dispatch_variant(&error),
            },
            Err(reason) => Error::decode("a dispatch error", reason),
        }
    }
}

/// `Token::FundsUnavailable` from `Token(FundsUnavailable)`, `BadOrigin` from `BadOrigin`.
fn dispatch_variant(error: &DispatchError) -> String {
    format!("{error:?}").replace('(', "::").replace(')', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use subxt::error::TokenError;

    #[test]
    fn an_error_of_the_runtime_itself_is_named_by_its_variants() {
        assert_eq!(dispatch_variant(&DispatchError::BadOrigin), "BadOrigin");
        assert_eq!(
            dispatch_variant(&DispatchError::Token(TokenError::FundsUnavailable)),
            "Token::FundsUnavailable"
        );
    }
}
