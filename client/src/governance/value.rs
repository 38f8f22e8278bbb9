//! Reads what the metadata's types decode to: newtypes are looked through.

use crate::Account;
use subxt::{
    dynamic::{At, Value},
    ext::scale_value::{Composite, Primitive, ValueDef},
};

/// The name and the fields of an enum's value.
pub(super) fn variant(value: &Value) -> Option<(&str, &Composite<()>)> {
    match &value.value {
        ValueDef::Variant(variant) => Some((&variant.name, &variant.values)),
        _ => None,
    }
}

/// What is in an `Option`: none for `None`, and for anything else.
pub(super) fn some(value: &Value) -> Option<&Value> {
    match variant(value)? {
        ("Some", fields) => fields.at(0),
        _ => None,
    }
}

/// An unsigned number.
pub(super) fn number(value: &Value) -> Option<u128> {
    match &value.value {
        ValueDef::Primitive(_) => value.as_u128(),
        ValueDef::Composite(fields) if fields.len() == 1 => number(fields.at(0)?),
        _ => None,
    }
}

/// A signed number.
pub(super) fn signed(value: &Value) -> Option<i128> {
    match &value.value {
        ValueDef::Primitive(_) => value.as_i128(),
        ValueDef::Composite(fields) if fields.len() == 1 => signed(fields.at(0)?),
        _ => None,
    }
}

/// A number that fits, such as a block's.
pub(super) fn small<T: TryFrom<u128>>(value: Option<&Value>) -> Option<T> {
    T::try_from(number(value?)?).ok()
}

/// Bytes, in however many layers.
pub(super) fn bytes(value: &Value) -> Option<Vec<u8>> {
    let ValueDef::Composite(fields) = &value.value else {
        return None;
    };
    let plain: Option<Vec<u8>> = fields
        .values()
        .map(|byte| match &byte.value {
            ValueDef::Primitive(Primitive::U128(byte)) => u8::try_from(*byte).ok(),
            _ => None,
        })
        .collect();
    plain.or_else(|| (fields.len() == 1).then(|| bytes(fields.at(0)?)).flatten())
}

/// 32 bytes: an account or a hash.
pub(super) fn bytes32(value: Option<&Value>) -> Option<Account> {
    bytes(value?)?.try_into().ok()
}

/// Text, as a string or as bytes, up to the first zero.
pub(super) fn text(value: &Value) -> Option<String> {
    let whole = match &value.value {
        ValueDef::Primitive(Primitive::String(text)) => text.clone(),
        _ => String::from_utf8(bytes(value)?).ok()?,
    };
    Some(whole.split('\0').next().unwrap_or_default().to_owned())
}

/// The items of a list, which a bounded vector may wrap once more.
pub(super) fn items(value: &Value) -> Vec<&Value> {
    let ValueDef::Composite(fields) = &value.value else {
        return Vec::new();
    };
    match fields.values().next() {
        Some(only)
            if fields.len() == 1
                && matches!(&only.value, ValueDef::Composite(Composite::Unnamed(inner))
                    if inner.is_empty() || inner.iter().all(|item| !matches!(item.value, ValueDef::Primitive(_)))) =>
        {
            items(only)
        }
        _ => fields.values().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newtypes_are_looked_through() {
        let hash = Value::unnamed_composite([Value::from_bytes([7; 32])]);
        assert_eq!(bytes32(Some(&hash)), Some([7; 32]));
        assert_eq!(bytes32(Some(&Value::from_bytes([7; 31]))), None);
        let percent = Value::unnamed_composite([Value::u128(20)]);
        assert_eq!(number(&percent), Some(20));
        assert_eq!(small::<u8>(Some(&Value::u128(256))), None);
        assert_eq!(bytes(&Value::from_bytes([])), Some(Vec::new()));
    }

    #[test]
    fn a_name_ends_at_its_padding() {
        assert_eq!(text(&Value::string("root\0\0")), Some("root".into()));
        assert_eq!(text(&Value::from_bytes(b"root\0")), Some("root".into()));
    }

    #[test]
    fn options_and_lists_are_read_wrapped_or_not() {
        let some_value = Value::unnamed_variant("Some", [Value::u128(3)]);
        assert_eq!(some(&some_value).and_then(number), Some(3));
        assert_eq!(some(&Value::unnamed_variant("None", [])), None);
        let pair = || Value::unnamed_composite([Value::u128(1), Value::u128(2)]);
        let list = Value::unnamed_composite([pair(), pair()]);
        assert_eq!(items(&list).len(), 2);
        assert_eq!(items(&Value::unnamed_composite([list])).len(), 2);
        let empty = Value::unnamed_composite([Value::unnamed_composite([])]);
        assert_eq!(items(&empty).len(), 0);
    }
}
