//! The connection to the node: connect, follow, and connect again.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use quern_client::{Client, Error, Template, Templates};
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
    /// Height of the best block.
    pub best: u64,
    /// Height of the last finalised block.
    pub finalised: u64,
}

/// Where what the node says goes to.
pub struct Ends {
    /// Templates, and how far finality is.
    pub feed: watch::Sender<Feed>,
    /// The connection in force.
    pub client: watch::Sender<Option<Client>>,
    /// Height of the best block; 0 before the first connection.
    pub blocks: watch::Sender<u32>,
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
    /// Whether templates are wanted; a node without an author has none.
    pub templates: bool,
}

impl Link {
    /// Tells what the node says and the connection in force, for as long as that is possible.
    ///
    /// Gives the reason why it is not any longer: another chain, a node that serves no templates, or, without
    /// [`Link::retry`], a connection that failed.
    pub async fn follow(mut self, ends: Ends) -> Error {
        let mut pause = FIRST_PAUSE;
        let mut last_reason = String::new();
        let mut ever_followed = false;
        loop {
            let reason = self.session(&ends).await;
            let was_following = match self.templates {
                true => ends.feed.borrow().template.is_some(),
                false => ends.client.borrow().is_some(),
            };
            ends.feed.send_modify(|feed| feed.template = None);
            ends.client.send_replace(None);
            ever_followed |= was_following;
            // a node that stops or starts may answer anything; one that has never served what is wanted never will
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
    async fn session(&mut self, ends: &Ends) -> Error {
        match self.connect(ends).await {
            Ok(never) => match never {},
            Err(reason) => reason,
        }
    }

    async fn connect(&mut self, ends: &Ends) -> Result<std::convert::Infallible, Error> {
        let client = Client::connect(&self.url).await?;
        client.expect_genesis(self.genesis.get_or_insert(client.genesis_hash()))?;
        let mut templates = match self.templates {
            true => Some(client.subscribe_templates().await?),
            false => None,
        };
        let mut best = client.best_headers().await?;
        let mut finalised = client.finalised_headers().await?;
        tracing::info!("connected to {}", self.url);
        ends.client.send_replace(Some(client));
        loop {
            tokio::select! {
                template = next(&mut templates) => {
                    let template = Arc::new(template?);
                    ends.feed.send_modify(|feed| feed.template = Some(template));
                }
                header = best.next() => {
                    let height = header.unwrap_or(Err(Error::Closed))?.number;
                    ends.feed.send_modify(|feed| feed.best = height);
                    ends.blocks.send_replace(u32::try_from(height).unwrap_or(u32::MAX));
                }
                header = finalised.next() => {
                    let height = header.unwrap_or(Err(Error::Closed))?.number;
                    ends.feed.send_modify(|feed| feed.finalised = height);
                }
            }
        }
    }
}

/// The next template; none ever comes where none are wanted.
async fn next(templates: &mut Option<Templates>) -> Result<Template, Error> {
    match templates {
        Some(templates) => templates.next().await,
        None => std::future::pending().await,
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
            templates: true,
        };
        link.follow(Ends {
            feed: watch::channel(Feed::default()).0,
            client: watch::channel(None).0,
            blocks: watch::channel(0).0,
        })
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
