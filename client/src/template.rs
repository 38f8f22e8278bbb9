//! Block templates: what a node would like to have sealed next.

use crate::{Account, Error, Run, WorkRules, text};
use core::{
    pin::Pin,
    task::{Context, Poll},
};
use futures::{Stream, StreamExt, stream::BoxStream};
use quern_work::Hash;
use serde::{Deserialize, Serialize};

/// A block that lacks only its seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// The height of the block to be.
    pub number: u64,
    /// The hash of its parent.
    #[serde(with = "text::hash")]
    pub parent: Hash,
    /// The hash of its header without the seal: it names the template and seeds the noise.
    #[serde(with = "text::hash")]
    pub pre_hash: Hash,
    /// The chain's genesis hash.
    #[serde(with = "text::hash")]
    pub genesis: Hash,
    /// The account that the block will credit.
    #[serde(with = "text::hash")]
    pub author: Account,
    /// Expected multiply–accumulates per block.
    #[serde(with = "text::decimal")]
    pub difficulty: u128,
    /// The rules at the parent's state.
    pub rules: WorkRules,
    /// The author's live runs at the parent's state.
    pub runs: Vec<Run>,
}

/// A subscription to templates: the current one at once, then every newer one. A lost connection is one
/// [`Error::Closed`], then the stream ends.
pub struct Templates(BoxStream<'static, Result<Template, Error>>);

impl Templates {
    pub(crate) const fn new(stream: BoxStream<'static, Result<Template, Error>>) -> Self {
        Self(stream)
    }

    /// The next template.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is lost, [`Error::Decode`] when node and client differ in version.
    pub async fn next(&mut self) -> Result<Template, Error> {
        self.0.next().await.unwrap_or(Err(Error::Closed))
    }
}

impl Stream for Templates {
    type Item = Result<Template, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::PendingClaim;
    use quern_work::task::{Dataset, TaskSpec};

    pub(crate) const RUN_JSON: &str = r#"{
        "id": 3, "task": 1,
        "seed": "0x0909090909090909090909090909090909090909090909090909090909090909",
        "spec": {
            "dataset": {
                "root": "0x0808080808080808080808080808080808080808080808080808080808080808",
                "rowBlocks": 1000, "features": 784, "classes": 10
            },
            "hidden": [1024, 256], "batch": 512, "lrShift": 4, "lrEvery": 1000, "segment": 64
        },
        "ticket": 6, "steps": null, "accepted": 64, "committed": 128, "stateRoot": null,
        "pending": {"revealed": {"audit": 2, "to": 128}}, "lastSealed": 130,
        "macs": "340282366920938463463374607431768211455",
        "seals": 2, "shares": 5, "lastShare": [131, 17], "vesting": "12000000000000"
    }"#;

    pub(crate) fn run() -> Run {
        Run {
            id: 3,
            task: 1,
            seed: [9; 32],
            spec: TaskSpec {
                dataset: Dataset {
                    root: [8; 32],
                    row_blocks: 1000,
                    features: 784,
                    classes: 10,
                },
                hidden: vec![1024, 256].try_into().unwrap(),
                batch: 512,
                lr_shift: 4,
                lr_every: 1000,
                segment: 64,
            },
            ticket: 6,
            steps: None,
            accepted: 64,
            committed: 128,
            state_root: None,
            pending: Some(PendingClaim::Revealed { audit: 2, to: 128 }),
            last_sealed: Some(130),
            macs: u128::MAX,
            seals: 2,
            shares: 5,
            last_share: Some((131, 17)),
            vesting: 12_000_000_000_000,
        }
    }

    fn template_json() -> String {
        format!(
            r#"{{"number": 43, "parent": "0x{}", "preHash": "0x{}", "genesis": "0x{}", "author": "0x{}",
            "difficulty": "123456789012345678901234567890",
            "rules": {{"noiseRank": 32, "maxAhead": 4096, "shareDifficulty": "77", "omegaB": "4294967296", "omegaM": "0", "maxVoteMacs": "17592186044416", "maxVoteBytes": "17179869184"}},
            "runs": [{RUN_JSON}]}}"#,
            "01".repeat(32),
            "02".repeat(32),
            "03".repeat(32),
            "04".repeat(32)
        )
    }

    #[test]
    fn a_template_reads_from_the_nodes_json_and_back() {
        let read: Template = serde_json::from_str(&template_json()).unwrap();
        let expected = Template {
            number: 43,
            parent: [1; 32],
            pre_hash: [2; 32],
            genesis: [3; 32],
            author: [4; 32],
            difficulty: 123_456_789_012_345_678_901_234_567_890,
            rules: WorkRules {
                noise_rank: 32,
                max_ahead: 4096,
                share_difficulty: 77,
                omega_b: 1 << 32,
                omega_m: 0,
                max_vote_macs: 1 << 44,
                max_vote_bytes: 1 << 34,
            },
            runs: vec![run()],
        };
        assert_eq!(read, expected);
        let json: serde_json::Value = serde_json::from_str(&template_json()).unwrap();
        assert_eq!(serde_json::to_value(&expected).unwrap(), json);
    }

    #[test]
    fn a_template_with_a_short_hash_is_refused() {
        let json = template_json().replace(&"02".repeat(32), "0202");
        assert!(serde_json::from_str::<Template>(&json).is_err());
    }

    #[tokio::test]
    async fn the_end_of_the_subscription_is_a_closed_connection() {
        let mut templates = Templates::new(futures::stream::empty().boxed());
        assert!(matches!(templates.next().await, Err(Error::Closed)));
    }
}
