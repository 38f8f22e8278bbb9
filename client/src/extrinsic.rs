//! Signed extrinsics: from a call to the block that holds it, with the runtime's own names for what went wrong.

use crate::{
    Call, Client, Error, Header, Signer, Submitted, client::bytes_of, nonce::Reserved,
    runtime::Runtime, text::hex32,
};
use quern_work::Hash;
use serde::Deserialize;
use subxt::{
    SubstrateConfig,
    config::{
        DefaultExtrinsicParamsBuilder, Hasher,
        substrate::{BlakeTwo256, H256},
    },
    events::Phase,
    ext::scale_value::Composite,
    rpcs::client::rpc_params,
};

/// Blocks for which an extrinsic stays valid.
const MORTALITY: u64 = 256;
/// How far below the best block an extrinsic is anchored when finality is further behind: reorganisations up to this
/// depth do not invalidate it.
const ANCHOR_DEPTH: u64 = 64;
/// How often an extrinsic is signed again because another program took its nonce.
pub(crate) const NONCE_RETRIES: usize = 4;

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
        let finalised = self.finalised_header().await?;
        let anchor = self.anchor(best.number, &finalised).await?;
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
            match self.enter_pool(&encoded, reserved, finalised.number).await {
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
        finalised: u64,
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
                after: finalised,
                statuses,
                reserved,
            }),
            Err(error) => Err((error, reserved)),
        }
    }

    /// The block an extrinsic's lifetime counts from: finalised if that is near, else deep enough below the best one.
    async fn anchor(&self, best: u64, finalised: &Header) -> Result<(u64, Hash), Error> {
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

    /// An extrinsic's place in a block; none when the block lacks it.
    pub(crate) async fn place(&self, extrinsic: &Hash, block: Hash) -> Result<Option<u32>, Error> {
        let body: Option<SignedBlock> = self
            .request("chain_getBlock", rpc_params![H256(block)])
            .await?;
        let body = body.ok_or_else(|| Error::UnknownBlock(hex32(&block)))?;
        let place = body.block.extrinsics.iter().position(|text| {
            bytes_of(text).is_some_and(|bytes| BlakeTwo256.hash(&bytes).0 == *extrinsic)
        });
        Ok(place.and_then(|place| u32::try_from(place).ok()))
    }

    /// How an extrinsic's call ended in a block.
    pub(crate) async fn outcome(&self, extrinsic: &Hash, block: Hash) -> Result<Included, Error> {
        let index = self.place(extrinsic, block).await?.ok_or_else(|| {
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
            block: [7; 32],
            index: 1,
            events: vec![event("Settled", 1), event("Submitted", 2)],
        };
        assert_eq!(included.find("Tasks", "Submitted", "task"), Some(2));
        assert_eq!(included.find("Work", "Submitted", "task"), None);
        assert_eq!(included.find("Tasks", "Submitted", "run"), None);
    }
}
