//! What the trainer found, handed to the node in order.
//!
//! Orders wait in a short queue. While there is no connection they are dropped: a seal or share is worth nothing by the time
//! the node is back, and the trainer sends a lost checkpoint again by itself.

use std::sync::Arc;

use quern_client::{Client, Error, Signer, Submitted};
use quern_work::{Hash, WorkSeal};
use tokio::sync::{Semaphore, mpsc, watch};

/// Orders that may wait.
const QUEUE: usize = 32;
/// Shares that may be on their way into a block at once.
const SHARES_IN_FLIGHT: usize = 16;

/// One thing to hand to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A draw that met the block target of the template with this pre-hash.
    Seal {
        /// The template.
        pre_hash: Hash,
        /// The proof.
        seal: WorkSeal,
    },
    /// A draw that met the share target.
    Share {
        /// The template under which it was drawn.
        pre_hash: Hash,
        /// The proof.
        seal: WorkSeal,
    },
    /// A state root to commit.
    Checkpoint {
        /// The run.
        run: u64,
        /// Steps the root stands for.
        to: u64,
        /// The state root.
        root: Hash,
    },
}

/// Takes orders until all senders are gone.
pub struct Submitter {
    orders: mpsc::Receiver<Order>,
    client: watch::Receiver<Option<Client>>,
    signer: Signer,
    shares: Arc<Semaphore>,
}

impl Submitter {
    /// A submitter that signs with `signer`, and the sender of its orders.
    pub fn new(
        client: watch::Receiver<Option<Client>>,
        signer: Signer,
    ) -> (mpsc::Sender<Order>, Self) {
        let (sender, orders) = mpsc::channel(QUEUE);
        let shares = Arc::new(Semaphore::new(SHARES_IN_FLIGHT));
        let submitter = Self {
            orders,
            client,
            signer,
            shares,
        };
        (sender, submitter)
    }

    /// Hands orders over, one after another.
    pub async fn run(mut self) {
        while let Some(order) = self.orders.recv().await {
            let client = self.client.borrow().clone();
            match client {
                Some(client) => self.submit(&client, order).await,
                None => tracing::debug!("no connection: an order is dropped"),
            }
        }
    }

    async fn submit(&self, client: &Client, order: Order) {
        match order {
            Order::Seal { pre_hash, seal } => match client.submit_seal(pre_hash, &seal).await {
                Ok(block) => {
                    tracing::debug!(step = seal.step, "sealed block 0x{}", hex::encode(block))
                }
                Err(error) => refused("seal", seal.step, &error),
            },
            Order::Share { pre_hash, seal } => {
                let Ok(permit) = self.shares.clone().try_acquire_owned() else {
                    return tracing::debug!(step = seal.step, "too many shares on their way");
                };
                let step = seal.step;
                let sent = client.submit_proof(&self.signer, pre_hash, &seal).await;
                follow("share", step, sent, Some(permit));
            }
            Order::Checkpoint { run, to, root } => {
                tracing::debug!(to, "checkpoint 0x{}", hex::encode(root));
                let sent = client.checkpoint(&self.signer, run, to, root).await;
                follow("checkpoint", to, sent, None);
            }
        }
    }
}

/// Follows an extrinsic to its block, so that its nonce stays reserved and its failure has a name.
fn follow(
    what: &'static str,
    step: u64,
    sent: Result<Submitted, Error>,
    permit: Option<tokio::sync::OwnedSemaphorePermit>,
) {
    match sent {
        Err(error) => refused(what, step, &error),
        Ok(submitted) => {
            tokio::spawn(async move {
                match submitted.in_block().await {
                    Ok(included) => {
                        tracing::debug!(step, "{what} in block 0x{}", hex::encode(included.block));
                    }
                    Err(error) => refused(what, step, &error),
                }
                drop(permit);
            });
        }
    }
}

/// Says why the node would not take something. That another block came first is everyday.
fn refused(what: &str, step: u64, error: &Error) {
    match error.name().as_str() {
        "StaleTemplate"
        | "UnknownTemplate"
        | "Work::StepOutsideWindow"
        | "Work::ShareOutOfOrder"
        | "Closed"
        | "Usurped" => {
            tracing::debug!(step, "{what}: {error}");
        }
        _ => tracing::warn!(step, "{what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_without_a_connection_are_dropped_not_kept() {
        let (_client, connection) = watch::channel(None);
        let signer = Signer::from_suri("//Alice").unwrap();
        let (orders, submitter) = Submitter::new(connection, signer);
        let order = Order::Checkpoint {
            run: 0,
            to: 8,
            root: [0; 32],
        };
        for _ in 0..QUEUE {
            orders.try_send(order.clone()).unwrap();
        }
        drop(orders);
        submitter.run().await;
    }
}
