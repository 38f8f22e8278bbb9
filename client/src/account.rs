//! What an account owns.

use crate::{Account, Client, Error, text};
use codec::{Decode, Encode};
use quern_work::Hash;
use serde::{Deserialize, Serialize};
use subxt::dynamic::{At, Value};

/// An account's balance, in the token's smallest unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Balance {
    /// Free to move, unless frozen.
    #[serde(with = "text::decimal")]
    pub free: u128,
    /// Held or reserved: still the account's, but not to be moved.
    #[serde(with = "text::decimal")]
    pub reserved: u128,
    /// The part of [`Balance::free`] that may not be spent.
    #[serde(with = "text::decimal")]
    pub frozen: u128,
    /// What [`Balance::reserved`] is held for.
    pub held: Vec<Hold>,
    /// Extrinsics of the account in the chain so far.
    pub nonce: u32,
}

impl Balance {
    /// Everything the account owns: free and reserved.
    #[must_use]
    pub const fn total(&self) -> u128 {
        self.free.saturating_add(self.reserved)
    }
}

/// A part of a balance that is held for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The pallet and its reason, such as `Rewards::Vesting`.
    pub reason: String,
    /// The amount held.
    #[serde(with = "text::decimal")]
    pub amount: u128,
}

/// The layout of `System.Account`.
#[derive(Encode, Decode, Default)]
struct AccountInfo {
    nonce: u32,
    consumers: u32,
    providers: u32,
    sufficients: u32,
    free: u128,
    reserved: u128,
    frozen: u128,
    flags: u128,
}

impl Client {
    /// The balance of an account at block `at`, by default the best one; all zeros for an account unknown there.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Decode`] when the runtime keeps balances in another form.
    pub async fn balance(&self, account: &Account, at: Option<Hash>) -> Result<Balance, Error> {
        let at = self.block_or_best(at).await?;
        let runtime = self.runtime_at(at).await?;
        let key = || vec![Value::from_bytes(account)];
        let info = match self
            .storage(at, &runtime.storage_key("System", "Account", key())?)
            .await?
        {
            Some(bytes) => AccountInfo::decode(&mut bytes.as_slice())
                .map_err(|reason| Error::decode("System.Account", reason))?,
            None => AccountInfo::default(),
        };
        let held = match self
            .storage(at, &runtime.storage_key("Balances", "Holds", key())?)
            .await?
        {
            Some(bytes) => holds(&runtime.storage_value("Balances", "Holds", &bytes)?)?,
            None => Vec::new(),
        };
        Ok(Balance {
            free: info.free,
            reserved: info.reserved,
            frozen: info.frozen,
            held,
            nonce: info.nonce,
        })
    }

    /// All tokens in existence at block `at`, by default the best one.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Decode`] when the runtime keeps the issuance in another form.
    pub async fn total_issuance(&self, at: Option<Hash>) -> Result<u128, Error> {
        let at = self.block_or_best(at).await?;
        let runtime = self.runtime_at(at).await?;
        let key = runtime.storage_key("Balances", "TotalIssuance", Vec::new())?;
        let bytes = self.storage(at, &key).await?.unwrap_or_default();
        if bytes.is_empty() {
            return Ok(0);
        }
        u128::decode(&mut bytes.as_slice())
            .map_err(|reason| Error::decode("Balances.TotalIssuance", reason))
    }
}

/// The holds in `[{ id: Pallet(Reason), amount }]`, where a bounded vector may wrap the list once more.
fn holds(value: &Value) -> Result<Vec<Hold>, Error> {
    let unreadable = || Error::decode("Balances.Holds", value);
    let list = match value.at(0) {
        Some(first) if first.at("id").is_none() => first,
        _ => value,
    };
    let mut holds = Vec::new();
    for index in 0.. {
        let Some(hold) = list.at(index) else { break };
        let reason = hold.at("id").and_then(reason_name).ok_or_else(unreadable)?;
        let amount = hold
            .at("amount")
            .and_then(Value::as_u128)
            .ok_or_else(unreadable)?;
        holds.push(Hold { reason, amount });
    }
    Ok(holds)
}

/// `Pallet::Reason` from the nested variants of a hold reason; the pallet alone where it has but one reason.
fn reason_name(reason: &Value) -> Option<String> {
    use subxt::ext::scale_value::ValueDef;
    let ValueDef::Variant(pallet) = &reason.value else {
        return None;
    };
    Some(match reason.at(0).map(|inner| &inner.value) {
        Some(ValueDef::Variant(inner)) => format!("{}::{}", pallet.name, inner.name),
        _ => pallet.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(pallet: &str, reason: &str, amount: u128) -> Value {
        Value::named_composite([
            (
                "id",
                Value::unnamed_variant(pallet, [Value::unnamed_variant(reason, [])]),
            ),
            ("amount", Value::u128(amount)),
        ])
    }

    #[test]
    fn holds_are_named_by_pallet_and_reason_wrapped_or_not() {
        let list =
            Value::unnamed_composite([hold("Rewards", "Vesting", 7), hold("Tickets", "Stake", 9)]);
        let expected = vec![
            Hold {
                reason: "Rewards::Vesting".into(),
                amount: 7,
            },
            Hold {
                reason: "Tickets::Stake".into(),
                amount: 9,
            },
        ];
        assert_eq!(holds(&list).unwrap(), expected);
        assert_eq!(holds(&Value::unnamed_composite([list])).unwrap(), expected);
        assert_eq!(holds(&Value::unnamed_composite([])).unwrap(), []);
    }

    #[test]
    fn holds_of_another_form_are_refused() {
        let odd = Value::unnamed_composite([Value::named_composite([("id", Value::u128(3))])]);
        assert!(holds(&odd).is_err());
    }
}
