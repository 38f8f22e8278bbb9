//! Encodes and decodes by the metadata's names.

use crate::{Error, runtime::Runtime};
use subxt::{
    dynamic::Value,
    ext::{
        scale_encode::EncodeAsType,
        scale_value::{Composite, scale::decode_as_type},
    },
};

/// A call, decoded.
pub(super) struct Decoded {
    pub(super) pallet: String,
    pub(super) name: String,
    pub(super) arguments: Composite<()>,
}

/// The SCALE bytes of a call.
pub(super) fn encode_call(
    runtime: &Runtime,
    pallet: &str,
    name: &str,
    arguments: Vec<Value>,
) -> Result<Vec<u8>, Error> {
    let payload = subxt::dynamic::tx(pallet, name, Composite::unnamed(arguments));
    let encoded = runtime.inner().tx().call_data(&payload);
    encoded.map_err(|reason| unencodable(pallet, name, reason))
}

/// A call from its SCALE bytes.
pub(super) fn decode_call(runtime: &Runtime, bytes: &[u8]) -> Result<Decoded, Error> {
    let payload = runtime
        .inner()
        .tx()
        .from_call_data_bytes(bytes)
        .map_err(|reason| Error::decode("a call", reason))?;
    Ok(Decoded {
        pallet: payload.pallet_name().to_owned(),
        name: payload.call_name().to_owned(),
        arguments: payload.call_data().clone(),
    })
}

/// The SCALE bytes of one argument of a call.
pub(super) fn encode_argument(
    runtime: &Runtime,
    (pallet, name): (&str, &str),
    argument: &str,
    value: &Value,
) -> Result<Vec<u8>, Error> {
    let metadata = runtime.inner().metadata_ref();
    let type_id = metadata
        .pallet_by_name(pallet)
        .and_then(|pallet| pallet.call_variant_by_name(name))
        .and_then(|call| {
            let mut fields = call.fields.iter();
            fields.find(|field| field.name.as_deref() == Some(argument))
        })
        .map(|field| field.ty.id)
        .ok_or_else(|| unencodable(pallet, name, "the runtime has no such argument"))?;
    value
        .encode_as_type(type_id, metadata.types())
        .map_err(|reason| unencodable(pallet, name, reason))
}

/// Whether the runtime has a call of this name.
pub(super) fn has_call(runtime: &Runtime, pallet: &str, name: &str) -> bool {
    let metadata = runtime.inner().metadata_ref();
    metadata
        .pallet_by_name(pallet)
        .is_some_and(|pallet| pallet.call_variant_by_name(name).is_some())
}

/// A pallet's constant.
pub(super) fn constant(runtime: &Runtime, pallet: &str, name: &str) -> Result<Value, Error> {
    let what = || format!("{pallet}.{name}");
    let metadata = runtime.inner().metadata_ref();
    let constant = metadata
        .pallet_by_name(pallet)
        .and_then(|pallet| pallet.constant_by_name(name))
        .ok_or_else(|| Error::decode(what(), "the runtime has no such constant"))?;
    decode_as_type(&mut constant.value(), constant.ty(), metadata.types())
        .map(|value| value.remove_context())
        .map_err(|reason| Error::decode(what(), reason))
}

/// The error that a dispatch's result carries, named.
pub(super) fn dispatch_error(runtime: &Runtime, error: &Value) -> Error {
    let metadata = runtime.inner().metadata_ref();
    let bytes = metadata
        .dispatch_error_ty()
        .and_then(|type_id| error.encode_as_type(type_id, metadata.types()).ok());
    match bytes {
        Some(bytes) => runtime.dispatch_error(&bytes),
        None => Error::decode("a dispatch error", error),
    }
}

fn unencodable(pallet: &str, name: &str, reason: impl ToString) -> Error {
    Error::Encode {
        call: format!("{pallet}.{name}"),
        reason: reason.to_string(),
    }
}
