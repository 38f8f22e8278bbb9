//! An extrinsic on its way from the node's pool to a block.

use crate::{
    Call, Client, Error, Included, PoolError, Signer, extrinsic::NONCE_RETRIES, nonce::Reserved,
};
use futures::{StreamExt, stream::BoxStream};
use quern_work::Hash;
use subxt::{config::substrate::H256, rpcs::methods::legacy::TransactionStatus};

/// An extrinsic that the node's pool has taken.
pub struct Submitted {
    pub(crate) client: Client,
    pub(crate) hash: Hash,
    /// The height of the finalised block when it was signed: no block up to there holds it.
    pub(crate) after: u64,
    pub(crate) statuses: BoxStream<'static, Result<TransactionStatus<H256>, Error>>,
    pub(crate) reserved: Reserved,
}

impl Client {
    /// Submits a call, waits until a best block holds it, or a finalised one, and tells how it ended there. Where another
    /// program that signs with the same key takes its nonce, the call is signed again, but only once finality has shown that no
    /// block holds the first extrinsic: it is never made twice.
    ///
    /// # Errors
    /// As [`Client::submit`], [`Error::Dispatch`] when the call failed, and [`Error::Unsure`] when it may have been made, or
    /// may be yet.
    pub async fn carry_out(
        &self,
        signer: &Signer,
        call: &Call,
        finalised: bool,
    ) -> Result<Included, Error> {
        let mut retries = NONCE_RETRIES;
        loop {
            let mut submitted = self.submit(call, signer).await?;
            match submitted.end(finalised, retries > 0).await {
                Ok(Some(included)) => return Ok(included),
                Ok(None) => retries -= 1,
                Err(error @ Error::Dispatch { .. }) => return Err(error),
                Err(reason) => {
                    return Err(Error::Unsure {
                        extrinsic: submitted.hash,
                        reason: Box::new(reason),
                    });
                }
            }
        }
    }
}

impl Submitted {
    /// The extrinsic's hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Waits until a best block holds the extrinsic, and tells how its call ended there. A reorganisation may still
    /// take the block away.
    ///
    /// # Errors
    /// [`Error::Dispatch`] when the call failed, [`Error::Pool`] when the node has given it up, or connection errors.
    pub async fn in_block(mut self) -> Result<Included, Error> {
        self.wait(false).await
    }

    /// Waits until a finalised block holds the extrinsic, and tells how its call ended there.
    ///
    /// # Errors
    /// As [`Submitted::in_block`].
    pub async fn finalised(mut self) -> Result<Included, Error> {
        self.wait(true).await
    }

    async fn wait(&mut self, finalised: bool) -> Result<Included, Error> {
        let refusal = loop {
            let status = self.statuses.next().await.unwrap_or(Err(Error::Closed))?;
            match settle(status, finalised) {
                None => {}
                Some(Ok(block)) => return self.client.outcome(&self.hash, block).await,
                Some(Err(refusal)) => break refusal,
            }
        };
        self.reserved.abandon();
        Err(refusal.into())
    }

    /// How the call ended; `None` if another extrinsic has taken the nonce for good, where that is to be found out.
    async fn end(&mut self, finalised: bool, again: bool) -> Result<Option<Included>, Error> {
        let refusal = match self.wait(finalised).await {
            Err(Error::Pool(refusal)) if again => refusal,
            ended => return ended.map(Some),
        };
        if !self.nonce_is_taken(&refusal).await? {
            return Err(refusal.into());
        }
        match self.held().await? {
            Some(block) => self.client.outcome(&self.hash, block).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the node gave the extrinsic up for another one with its nonce: one in its pool, or one in a block.
    async fn nonce_is_taken(&self, refusal: &PoolError) -> Result<bool, Error> {
        match refusal.name.as_str() {
            "Usurped" => Ok(true),
            "Invalid" => self.nonce_is_used(None).await,
            _ => Ok(false),
        }
    }

    /// Waits until finalised blocks have used the nonce; the one that holds the extrinsic, or none where another took the nonce.
    async fn held(&self) -> Result<Option<Hash>, Error> {
        let mut heads = self.client.finalised_headers().await?;
        loop {
            let head = heads.next().await.unwrap_or(Err(Error::Closed))?;
            if !self.nonce_is_used(Some(head.hash)).await? {
                continue;
            }
            for number in self.after + 1..=head.number {
                let block = self.client.block_hash(number).await?;
                let block = block.ok_or_else(|| Error::UnknownBlock(number.to_string()))?;
                if self.client.place(&self.hash, block).await?.is_some() {
                    return Ok(Some(block));
                }
            }
            return Ok(None);
        }
    }

    /// Whether a block, by default the best one, or one before it holds an extrinsic with the nonce.
    async fn nonce_is_used(&self, at: Option<Hash>) -> Result<bool, Error> {
        let balance = self.client.balance(self.reserved.account(), at).await?;
        Ok(u64::from(balance.nonce) > self.reserved.nonce())
    }
}

/// What a status means to somebody who waits: nothing yet, the block, or that the node has given the extrinsic up.
fn settle(status: TransactionStatus<H256>, finalised: bool) -> Option<Result<Hash, PoolError>> {
    let refused = |name: &str, message: &str| Some(Err(PoolError::new(name, message)));
    match status {
        TransactionStatus::InBlock(block) if !finalised => Some(Ok(block.0)),
        TransactionStatus::Finalized(block) => Some(Ok(block.0)),
        TransactionStatus::InBlock(_)
        | TransactionStatus::Future
        | TransactionStatus::Ready
        | TransactionStatus::Broadcast(_)
        | TransactionStatus::Retracted(_) => None,
        TransactionStatus::Usurped(_) => refused(
            "Usurped",
            "another extrinsic with the same nonce took its place",
        ),
        TransactionStatus::Dropped => refused("Dropped", "the pool is full"),
        TransactionStatus::Invalid => refused("Invalid", "it is no longer valid"),
        TransactionStatus::FinalityTimeout(_) => {
            refused("FinalityTimeout", "its block was not finalised in time")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: H256 = H256([7; 32]);

    #[test]
    fn a_best_block_settles_only_who_does_not_wait_for_finality() {
        assert_eq!(
            settle(TransactionStatus::InBlock(BLOCK), false),
            Some(Ok(BLOCK.0))
        );
        assert_eq!(settle(TransactionStatus::InBlock(BLOCK), true), None);
        assert_eq!(
            settle(TransactionStatus::Finalized(BLOCK), true),
            Some(Ok(BLOCK.0))
        );
        assert_eq!(settle(TransactionStatus::Retracted(BLOCK), false), None);
    }

    #[test]
    fn an_extrinsic_that_the_node_gives_up_is_named() {
        let name = |status| settle(status, true).unwrap().unwrap_err().name;
        assert_eq!(name(TransactionStatus::Usurped(BLOCK)), "Usurped");
        assert_eq!(name(TransactionStatus::Dropped), "Dropped");
        assert_eq!(name(TransactionStatus::Invalid), "Invalid");
        assert_eq!(
            name(TransactionStatus::FinalityTimeout(BLOCK)),
            "FinalityTimeout"
        );
    }
}
