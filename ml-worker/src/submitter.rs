//! What the trainer found, handed to the node in order.
//!
//! Orders wait in a short queue. While there is no connection they are dropped: a seal or share is worth nothing by the time
//! the node is back.

use std::sync::Arc;

use codec::Encode;
use quern_client::{Call, Client, Error, Signer, Submitted};
use quern_work::{Hash, WorkSeal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::chain::refused;

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
            Order::Seal { pre_hash, seal } => {
                match client.submit_seal(&self.signer, pre_hash, &seal).await {
                    Ok(block) => {
                        tracing::debug!(step = seal.step, "sealed block 0x{}", hex::encode(block))
                    }
                    Err(error) => refused(&format!("seal of step {}", seal.step), &error),
                }
            }
            Order::Share { pre_hash, seal } => {
                let Ok(permit) = self.shares.clone().try_acquire_owned() else {
                    return tracing::debug!(step = seal.step, "too many shares on their way");
                };
                let step = seal.step;
                let seal = seal.encode();
                let call = Call::SubmitProof { pre_hash, seal };
                let sent = client.submit(&call, &self.signer).await;
                follow(step, sent, permit);
            }
        }
    }
}

/// Follows a share to its block, so that its nonce stays reserved and its failure has a name.
fn follow(step: u64, sent: Result<Submitted, Error>, permit: OwnedSemaphorePermit) {
    let what = format!("share of step {step}");
    match sent {
        Err(error) => refused(&what, &error),
        Ok(submitted) => {
            tokio::spawn(async move {
                match submitted.in_block().await {
                    Ok(included) => {
                        tracing::debug!("{what} in block 0x{}", hex::encode(included.block));
                    }
                    Err(error) => refused(&what, &error),
                }
                drop(permit);
            });
        }
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
        let order = Order::Share {
            pre_hash: [0; 32],
            seal: WorkSeal {
                run: 0,
                step: 8,
                tile: (0, 0),
                weights_root: [0; 32],
                a_rows: Vec::new(),
                labels: [0; 16],
                a_path: Vec::new(),
                b_rows: Vec::new(),
                b_path: Vec::new(),
            },
        };
        for _ in 0..QUEUE {
            orders.try_send(order.clone()).unwrap();
        }
        drop(orders);
        submitter.run().await;
    }
}
