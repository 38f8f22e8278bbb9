//! All the money of a chain, read from its state without the client under test.

use quern_client::{Account, Hash};

use crate::Node;

/// twox128("System") ‖ twox128("Account"): the prefix of all accounts.
const ACCOUNTS: &str = "0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9";
/// twox128("Rewards") ‖ twox128("Emitted").
const EMITTED: &str = "0x540a4f8754aa5298a3d6e9aa09e93f97bfb11d8c21b5cc651ec2158f5cf5317d";
/// Bytes of an account before its balance: nonce and three reference counts.
const COUNTERS: usize = 16;

/// One QRN.
pub const QRN: u128 = 1_000_000_000_000;

/// The pool for evaluators and verifiers: `modl`, the pallet's id, zeros.
pub const POOL: Account = *b"modlqrn/pool\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The treasury: `modl`, the pallet's id, zeros.
pub const TREASURY: Account = *b"modlqrn/trsy\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What everybody owns at one block.
#[derive(Clone, Debug)]
pub struct Books {
    /// Each account's money, free and held together.
    pub accounts: Vec<(Account, u128)>,
    /// Everything emitted so far, genesis included.
    pub emitted: u128,
}

impl Books {
    /// Reads the state after a block.
    ///
    /// # Panics
    /// If the state is not as expected.
    pub fn read(node: &Node, at: &Hash) -> Self {
        let accounts = node.keys(ACCOUNTS, at).into_iter().map(|key| {
            let id = hex::decode(&key[key.len() - 64..]).expect("an account ends its key");
            let entry = node.storage(&key, at).expect("an account");
            let (free, held) = (amount(&entry[COUNTERS..]), amount(&entry[COUNTERS + 16..]));
            (id.try_into().expect("32 bytes"), free + held)
        });
        let accounts = accounts.collect();
        let emitted = node.storage(EMITTED, at).expect("the total of emissions");
        Self {
            accounts,
            emitted: amount(&emitted),
        }
    }

    /// The money of all accounts together.
    pub fn total(&self) -> u128 {
        self.accounts.iter().map(|(_, money)| money).sum()
    }

    /// The money of one account.
    pub fn of(&self, account: &Account) -> u128 {
        let found = self.accounts.iter().find(|(id, _)| id == account);
        found.map_or(0, |(_, money)| *money)
    }
}

fn amount(bytes: &[u8]) -> u128 {
    u128::from_le_bytes(bytes[..16].try_into().expect("16 bytes"))
}
