//! The development accounts that take part.

use quern_client::{Account, Signer, ss58};

/// A development account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// Validator and owner of run 0 on both chains.
    Alice,
    /// Validator and owner of run 1 on the local chain.
    Bob,
    /// Validator and owner of run 2 on the local chain.
    Charlie,
    /// Has money, and no part in either chain.
    Dave,
    /// As Dave.
    Eve,
    /// As Dave.
    Ferdie,
}

impl Player {
    /// Its name, as in the node's flag and in the secret URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alice => "Alice",
            Self::Bob => "Bob",
            Self::Charlie => "Charlie",
            Self::Dave => "Dave",
            Self::Eve => "Eve",
            Self::Ferdie => "Ferdie",
        }
    }

    /// The secret URI of its key.
    pub fn suri(self) -> String {
        format!("//{}", self.name())
    }

    /// Its key.
    ///
    /// # Panics
    /// Never: the URI is one.
    pub fn signer(self) -> Signer {
        Signer::from_suri(&self.suri()).expect("a development key")
    }

    /// Its account.
    pub fn account(self) -> Account {
        self.signer().account()
    }

    /// Its SS58 address.
    pub fn address(self) -> String {
        ss58(&self.account())
    }
}
