//! Upgrades: the code that a referendum has authorised, and whether a file is it.

use super::value::bytes32;
use crate::{Client, Error, text::hex32};
use quern_work::Hash;
use subxt::{
    config::{Hasher, substrate::BlakeTwo256},
    dynamic::At,
};

/// BLAKE2-256 of bytes: what names a runtime's code, and a call's preimage.
#[must_use]
pub fn code_hash(bytes: &[u8]) -> Hash {
    BlakeTwo256.hash(bytes).0
}

/// Why a runtime cannot be enacted. The names are the chain's own for the same refusals.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// No referendum has authorised a runtime, or its enactment is still to come: `quern gov show` tells when it is.
    #[error(
        "System::NothingAuthorized: no runtime is authorised now; `quern gov show` tells when a referendum's authorisation \
         is enacted"
    )]
    NothingAuthorized,
    /// Another runtime was authorised: take the file that the referendum was about.
    #[error(
        "System::Unauthorized: the chain has authorised the runtime {}, this file is {}",
        hex32(.authorised),
        hex32(.found)
    )]
    Unauthorized {
        /// The hash that was authorised.
        authorised: Hash,
        /// The hash of the file.
        found: Hash,
    },
    /// The chain took the code and then refused its version, and has forgotten the authorisation: a referendum about another
    /// build is needed.
    #[error("System::{0}: the chain refuses the runtime's version; a new referendum is needed")]
    Version(String),
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] Error),
}

impl Client {
    /// The hash of the runtime that may be enacted at block `at`, by default the best one.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Decode`] when the runtime keeps it in another form.
    pub async fn authorised_upgrade(&self, at: Option<Hash>) -> Result<Option<Hash>, Error> {
        let at = self.block_or_best(at).await?;
        let runtime = self.runtime_at(at).await?;
        let (pallet, entry) = ("System", "AuthorizedUpgrade");
        let key = runtime.storage_key(pallet, entry, Vec::new())?;
        let Some(bytes) = self.storage(at, &key).await? else {
            return Ok(None);
        };
        let value = runtime.storage_value(pallet, entry, &bytes)?;
        let hash = bytes32(value.at("code_hash"));
        hash.map(Some)
            .ok_or_else(|| Error::decode("System.AuthorizedUpgrade", value))
    }

    /// Makes sure that the chain would take this code now.
    ///
    /// # Errors
    /// [`UpgradeError::NothingAuthorized`], [`UpgradeError::Unauthorized`], or connection errors.
    pub async fn expect_authorised(&self, code: &[u8]) -> Result<Hash, UpgradeError> {
        let authorised = self.authorised_upgrade(None).await?;
        let authorised = authorised.ok_or(UpgradeError::NothingAuthorized)?;
        let found = code_hash(code);
        if authorised == found {
            Ok(found)
        } else {
            Err(UpgradeError::Unauthorized { authorised, found })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_names_both_hashes() {
        let error = UpgradeError::Unauthorized {
            authorised: [1; 32],
            found: [2; 32],
        };
        let message = error.to_string();
        assert!(message.starts_with("System::Unauthorized: "), "{message}");
        assert!(message.contains(&"01".repeat(32)) && message.contains(&"02".repeat(32)));
    }
}
