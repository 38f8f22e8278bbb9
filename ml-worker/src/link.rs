//! The connection to the node: connect, follow, and connect again.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use quern_client::{Client, Error, Template};
use quern_work::Hash;
use tokio::sync::watch;

/// Pause before the second attempt; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the node says now.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// The newest template; none while there is no connection.
    pub template: Option<Arc<Template>>,
    /// Height of the last finalised block.
    pub finalised: u64,
}

/// Where to connect, and what to insist on.
#[derive(Debug)]
pub struct Link {
    /// The node's websocket.
    pub url: String,
    /// The chain to insist on; after the first connection the one found there.
    pub genesis: Option<Hash>,
    /// Whether to try again when the node is not reachable.
    pub retry: bool,
}

impl Link {
    /// Publishes every template in `feed` and the connection in force in `client`, for as long as that is possible.
    ///
    /// Gives the reason why it is not any longer: another chain, a node that serves no templates, or, without
    /// [`Link::retry`], a connection that failed.
    pub async fn follow(
        mut self,
        feed: watch::Sender<Feed>,
        client: watch::Sender<Option<Client>>,
    ) -> Error {
        let mut pause = FIRST_PAUSE;
        let mut last_reason = String::new();
        let mut ever_followed = false;
        loop {
            let reason = self.session(&feed, &client).await;
            let was_following = feed.borrow().template.is_some();
            feed.send_modify(|feed| feed.template = None);
            client.send_replace(None);
            ever_followed |= was_following;
            // a node that stops or starts may answer anything; one that has never served a template never will
            let hopeless = match &reason {
                Error::WrongGenesis { .. } => true,
                reason => !reason.is_connection() && !ever_followed,
            };
            if hopeless || !self.retry {
                return reason;
            }
            if was_following {
                pause = FIRST_PAUSE;
                last_reason.clear();
            }
            let words = reason.to_string();
            if words != last_reason {
                tracing::warn!("{words}; trying again");
                last_reason = words;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One connection, from connecting to losing it.
    async fn session(
        &mut self,
        feed: &watch::Sender<Feed>,
        current: &watch::Sender<Option<Client>>,
    ) -> Error {
        match self.connect(feed, current).await {
            Ok(never) => match never {},
            Err(reason) => reason,
        }
    }

    async fn connect(
        &mut self,
        feed: &watch::Sender<Feed>,
        current: &watch::Sender<Option<Client>>,
    ) -> Result<std::convert::Infallible, Error> {
        let client = Client::connect(&self.url).await?;
        client.expect_genesis(self.genesis.get_or_insert(client.genesis_hash()))?;
        let mut templates = client.subscribe_templates().await?;
        let mut finalised = client.finalised_headers().await?;
        tracing::info!("connected to {}", self.url);
        current.send_replace(Some(client));
        loop {
            tokio::select! {
                template = templates.next() => {
                    let template = Arc::new(template?);
                    feed.send_modify(|feed| feed.template = Some(template));
                }
                header = finalised.next() => {
                    let height = header.unwrap_or(Err(Error::Closed))?.number;
                    feed.send_modify(|feed| feed.finalised = height);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(retry: bool) -> impl Future<Output = Error> {
        // nobody listens on port 1 of the loopback
        let link = Link {
            url: "ws://127.0.0.1:1".into(),
            genesis: None,
            retry,
        };
        link.follow(watch::channel(Feed::default()).0, watch::channel(None).0)
    }

    #[tokio::test]
    async fn an_unreachable_node_ends_a_link_that_does_not_retry() {
        let reason = link(false).await;
        assert!(matches!(reason, Error::NotReachable { .. }), "{reason}");
    }

    #[tokio::test]
    async fn an_unreachable_node_is_tried_again() {
        let ended = tokio::time::timeout(2 * FIRST_PAUSE, link(true)).await;
        assert!(ended.is_err());
    }
}
