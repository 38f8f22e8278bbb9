//! Signed extrinsics: from a call to the block that holds it, with the runtime's own names for what went wrong.

use crate::{
    Account, Call, Client, Error, PoolError, Signer, client::bytes_of, nonce::Reserved,
    runtime::Runtime, text::hex32,
};
use codec::Encode;
use futures::{StreamExt, stream::BoxStream};
use quern_market::{TaskId, TicketId};
use quern_work::{Hash, WorkSeal};
use serde::Deserialize;
use subxt::{
    SubstrateConfig,
    config::{
        DefaultExtrinsicParamsBuilder, Hasher,
        substrate::{BlakeTwo256, H256},
    },
    events::Phase,
    ext::scale_value::Composite,
    rpcs::{client::rpc_params, methods::legacy::TransactionStatus},
};

/// Blocks for which an extrinsic stays valid.
const MORTALITY: u64 = 256;
/// How far below the best block an extrinsic is anchored when finality is further behind: reorganisations up to this
/// depth do not invalidate it.
const ANCHOR_DEPTH: u64 = 64;
/// How often an extrinsic is signed again because another process took its nonce.
const NONCE_RETRIES: usize = 2;

/// An extrinsic that the node's pool has taken.
pub struct Submitted {
    client: Client,
    hash: Hash,
    statuses: BoxStream<'static, Result<TransactionStatus<H256>, Error>>,
    reserved: Reserved,
}

/// An extrinsic that is in a block, its call done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// The block.
    pub block: Hash,
    /// The extrinsic's place in it.
    pub index: u32,
    /// What the call did.
    pub events: Vec<Event>,
}

/// Something the runtime reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The pallet.
    pub pallet: String,
    /// The event's name.
    pub name: String,
    /// All its fields, in the form `{ run: 0, step: 12 }`.
    pub fields: String,
    values: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct SignedBlock {
    block: Block,
}

#[derive(Deserialize)]
struct Block {
    extrinsics: Vec<String>,
}

impl Client {
    /// Signs a call and hands it to the node's pool. Several may be in flight for one key.
    ///
    /// # Errors
    /// [`Error::Pool`] when the pool refuses it, [`Error::Encode`] when the runtime has no such call, or connection errors.
    pub async fn submit(&self, call: &Call, signer: &Signer) -> Result<Submitted, Error> {
        let _in_order = self.submitting().lock().await;
        let best = self.best_header().await?;
        let runtime = self.runtime_at(best.hash).await?;
        let anchor = self.anchor(best.number).await?;
        let mut retries = NONCE_RETRIES;
        loop {
            let at_node: u64 = self
                .request(
                    "system_accountNextIndex",
                    rpc_params![crate::ss58(&signer.account())],
                )
                .await?;
            let reserved = self.nonces().reserve(signer.account(), at_node);
            let encoded = sign(&runtime, call, signer, reserved.nonce(), anchor)?;
            match self.enter_pool(&encoded, reserved).await {
                Err((Error::Pool(refusal), reserved))
                    if refusal.is_nonce_taken() && retries > 0 =>
                {
                    reserved.abandon();
                    retries -= 1;
                }
                Err((error, reserved)) => {
                    reserved.abandon();
                    return Err(error);
                }
                Ok(submitted) => return Ok(submitted),
            }
        }
    }

    /// Shows a draw that meets the share target; see [`Client::submit`].
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn submit_proof(
        &self,
        signer: &Signer,
        pre_hash: Hash,
        seal: &WorkSeal,
    ) -> Result<Submitted, Error> {
        let seal = seal.encode();
        self.submit(&Call::SubmitProof { pre_hash, seal }, signer)
            .await
    }

    /// Opens a run of a task with a miner ticket; see [`Client::submit`].
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn open_run(
        &self,
        signer: &Signer,
        task: TaskId,
        ticket: TicketId,
    ) -> Result<Submitted, Error> {
        self.submit(&Call::OpenRun { task, ticket }, signer).await
    }

    /// Closes a run; see [`Client::submit`].
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn close_run(&self, signer: &Signer, run: u64) -> Result<Submitted, Error> {
        self.submit(&Call::CloseRun { run }, signer).await
    }

    /// Moves tokens to an account; see [`Client::submit`].
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn transfer(
        &self,
        signer: &Signer,
        to: &Account,
        amount: u128,
    ) -> Result<Submitted, Error> {
        self.submit(&Call::Transfer { to: *to, amount }, signer)
            .await
    }

    /// The events of a block, by default the best one.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Decode`] when the events are not of the runtime's types.
    pub async fn events(&self, at: Option<Hash>) -> Result<Vec<Event>, Error> {
        let at = self.block_or_best(at).await?;
        let (runtime, bytes) = self.event_bytes(at).await?;
        let events = runtime.inner().events().from_bytes(bytes);
        events
            .iter()
            .map(|event| Event::read(&event.map_err(unreadable)?))
            .collect()
    }

    async fn enter_pool(
        &self,
        encoded: &[u8],
        reserved: Reserved,
    ) -> Result<Submitted, (Error, Reserved)> {
        let statuses = self
            .subscribe(
                "author_submitAndWatchExtrinsic",
                rpc_params![format!("0x{}", hex::encode(encoded))],
                "author_unwatchExtrinsic",
            )
            .await;
        match statuses {
            Ok(statuses) => Ok(Submitted {
                client: self.clone(),
                hash: BlakeTwo256.hash(encoded).0,
                statuses,
                reserved,
            }),
            Err(error) => Err((error, reserved)),
        }
    }

    /// The block an extrinsic's lifetime counts from: finalised if that is near, else deep enough below the best one.
    async fn anchor(&self, best: u64) -> Result<(u64, Hash), Error> {
        let finalised = self.finalised_header().await?;
        let deep = best.saturating_sub(ANCHOR_DEPTH);
        if finalised.number >= deep {
            return Ok((finalised.number, finalised.hash));
        }
        let hash = self.block_hash(deep).await?;
        Ok((
            deep,
            hash.ok_or_else(|| Error::UnknownBlock(deep.to_string()))?,
        ))
    }

    async fn event_bytes(&self, block: Hash) -> Result<(Runtime, Vec<u8>), Error> {
        let runtime = self.runtime_at(block).await?;
        let key = runtime.storage_key("System", "Events", Vec::new())?;
        let bytes = self.storage(block, &key).await?.unwrap_or_default();
        Ok((runtime, bytes))
    }

    /// How an extrinsic's call ended in a block.
    async fn outcome(&self, extrinsic: &Hash, block: Hash) -> Result<Included, Error> {
        let body: Option<SignedBlock> = self
            .request("chain_getBlock", rpc_params![H256(block)])
            .await?;
        let body = body.ok_or_else(|| Error::UnknownBlock(hex32(&block)))?;
        let place = body.block.extrinsics.iter().position(|text| {
            bytes_of(text).is_some_and(|bytes| BlakeTwo256.hash(&bytes).0 == *extrinsic)
        });
        let index = place
            .and_then(|place| u32::try_from(place).ok())
            .ok_or_else(|| {
                Error::decode("a block", "it lacks the extrinsic it was said to hold")
            })?;

        let (runtime, bytes) = self.event_bytes(block).await?;
        let mut events = Vec::new();
        for event in runtime.inner().events().from_bytes(bytes).iter() {
            let event = event.map_err(unreadable)?;
            if event.phase() != Phase::ApplyExtrinsic(index) {
                continue;
            }
            if (event.pallet_name(), event.event_name()) == ("System", "ExtrinsicFailed") {
                return Err(runtime.dispatch_error(event.field_bytes()));
            }
            events.push(Event::read(&event)?);
        }
        Ok(Included {
            block,
            index,
            events,
        })
    }
}

impl Included {
    /// A number in a field of the first event of a name: what the call made.
    #[must_use]
    pub fn find(&self, pallet: &str, event: &str, field: &str) -> Option<u64> {
        let mut events = self.events.iter();
        let found = events.find(|found| found.pallet == pallet && found.name == event)?;
        found.field(field)?.parse().ok()
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
    /// [`Error::Dispatch`] when the call failed, [`Error::Pool`] when no block will hold it, or connection errors.
    pub async fn in_block(self) -> Result<Included, Error> {
        self.wait(false).await
    }

    /// Waits until a finalised block holds the extrinsic, and tells how its call ended there.
    ///
    /// # Errors
    /// As [`Submitted::in_block`].
    pub async fn finalised(self) -> Result<Included, Error> {
        self.wait(true).await
    }

    async fn wait(mut self, finalised: bool) -> Result<Included, Error> {
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
}

impl Event {
    /// The value of a named field as text: a number in decimal.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    fn new(pallet: &str, name: &str, fields: &Composite<()>) -> Self {
        let values = match fields {
            Composite::Named(values) => values
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            Composite::Unnamed(_) => Vec::new(),
        };
        Self {
            pallet: pallet.to_owned(),
            name: name.to_owned(),
            fields: fields.to_string(),
            values,
        }
    }

    fn read(event: &subxt::events::Event<'_, SubstrateConfig>) -> Result<Self, Error> {
        let fields = event
            .decode_fields_unchecked_as::<Composite<()>>()
            .map_err(unreadable)?;
        Ok(Self::new(event.pallet_name(), event.event_name(), &fields))
    }
}

fn unreadable(reason: subxt::error::EventsError) -> Error {
    Error::decode("an event", reason)
}

/// What a status means to somebody who waits: nothing yet, the block, or that there will be none.
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

fn sign(
    runtime: &Runtime,
    call: &Call,
    signer: &Signer,
    nonce: u64,
    (number, hash): (u64, Hash),
) -> Result<Vec<u8>, Error> {
    let unencodable = |reason: subxt::error::ExtrinsicError| Error::Encode {
        call: call.to_string(),
        reason: reason.to_string(),
    };
    let (pallet, name) = call.name();
    let payload = subxt::dynamic::tx(pallet, name, call.arguments());
    let params = DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new()
        .nonce(nonce)
        .mortal_from_unchecked(MORTALITY, number, hash.into())
        .build();
    let signed = runtime
        .inner()
        .tx()
        .create_signable_offline(&payload, params)
        .and_then(|mut signable| signable.sign(signer.pair()))
        .map_err(unencodable)?;
    Ok(signed.into_encoded())
}

#[cfg(test)]
mod tests {
    use super::*;
    use subxt::dynamic::Value;

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
    fn an_events_fields_are_found_by_name() {
        let fields = Composite::named([("run", Value::u128(3)), ("step", Value::u128(12))]);
        let event = Event::new("Work", "Shared", &fields);
        assert_eq!(event.fields, "{ run: 3, step: 12 }");
        assert_eq!(event.field("step"), Some("12"));
        assert_eq!(event.field("steps"), None);
    }

    #[test]
    fn what_a_call_made_is_found_by_the_events_name() {
        let event = |name, task| {
            Event::new(
                "Tasks",
                name,
                &Composite::named([("task", Value::u128(task))]),
            )
        };
        let included = Included {
            block: BLOCK.0,
            index: 1,
            events: vec![event("Settled", 1), event("Submitted", 2)],
        };
        assert_eq!(included.find("Tasks", "Submitted", "task"), Some(2));
        assert_eq!(included.find("Work", "Submitted", "task"), None);
        assert_eq!(included.find("Tasks", "Submitted", "run"), None);
    }

    #[test]
    fn an_extrinsic_that_no_block_will_hold_is_named() {
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
