//! How a node is doing.

use crate::{Account, text};
use quern_work::Hash;
use serde::{Deserialize, Serialize};

/// A node's own account of its chain and its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Height of the best block.
    pub height: u64,
    /// Hash of the best block.
    #[serde(with = "text::hash")]
    pub best: Hash,
    /// Height of the last finalised block.
    pub finalised: u64,
    /// Hash of the last finalised block.
    #[serde(with = "text::hash")]
    pub finalised_hash: Hash,
    /// Expected multiply–accumulates per block, after the best block.
    #[serde(with = "text::decimal")]
    pub difficulty: u128,
    /// The account that the node's blocks credit; none on a node that only follows.
    #[serde(with = "text::maybe_hash")]
    pub author: Option<Account>,
    /// Templates built since the node started.
    pub templates: u64,
    /// Workers that listen for templates.
    pub subscribers: u64,
    /// Seals taken over RPC since the node started.
    pub seals_accepted: u64,
    /// Seals refused over RPC since the node started.
    pub seals_refused: u64,
    /// Peers connected, where the node tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<u64>,
    /// Whether the node is catching up, where the node tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syncing: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(extra: &str) -> String {
        format!(
            r#"{{"height":12,"best":"0x{}","finalised":10,"finalisedHash":"0x{}","difficulty":"1000000","author":null,
            "templates":30,"subscribers":1,"sealsAccepted":12,"sealsRefused":2{extra}}}"#,
            "01".repeat(32),
            "02".repeat(32)
        )
    }

    #[test]
    fn a_status_reads_with_and_without_the_networks_part() {
        let bare: Status = serde_json::from_str(&json("")).unwrap();
        assert_eq!((bare.height, bare.finalised), (12, 10));
        assert_eq!((bare.author, bare.peers, bare.syncing), (None, None, None));
        let full: Status = serde_json::from_str(&json(r#","peers":3,"syncing":false"#)).unwrap();
        assert_eq!((full.peers, full.syncing), (Some(3), Some(false)));
    }
}
