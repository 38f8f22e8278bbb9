//! The keys with which a node votes on finality in an account's name.

use crate::{Account, Client, Error, text};
use serde::Deserialize;
use subxt::rpcs::rpc_params;

/// The public keys of a node's session keys, and the proof that the node holds the secret ones.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SessionKeys {
    /// The public keys, as the runtime encodes them.
    #[serde(with = "text::bytes")]
    pub keys: Vec<u8>,
    /// Signatures by the keys over the account.
    #[serde(with = "text::bytes")]
    pub proof: Vec<u8>,
}

impl Client {
    /// Has the node make new session keys, which it keeps, for `owner` to enter with [`crate::Call::SetSessionKeys`].
    ///
    /// # Errors
    /// Connection errors; a node refuses whoever is not on its own machine.
    pub async fn make_session_keys(&self, owner: &Account) -> Result<SessionKeys, Error> {
        let owner = text::hex32(owner);
        self.request("author_rotateKeysWithOwner", rpc_params![owner])
            .await
    }
}
