//! Accounts as callers write them.

use polkadot_sdk::sp_runtime::AccountId32;
use serde::Deserialize;
use std::str::FromStr;

/// Longest text of an account: `0x` and 64 hex digits. Decoding base 58 takes the square of a length.
const MAX_TEXT: usize = 66;

/// An account as a parameter: an SS58 address, or `0x` and 64 hex digits.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct AccountParam(pub AccountId32);

impl TryFrom<String> for AccountParam {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        (text.len() <= MAX_TEXT)
            .then(|| AccountId32::from_str(&text).ok())
            .flatten()
            .map(Self)
            .ok_or("expected an SS58 address or 0x and 64 hex digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    const ALICE_HEX: &str = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";

    fn parse(text: &str) -> Result<AccountParam, &'static str> {
        AccountParam::try_from(text.to_owned())
    }

    #[test]
    fn an_account_is_an_address_or_hex() {
        assert!(parse(ALICE).is_ok());
        assert_eq!(parse(ALICE), parse(ALICE_HEX));
    }

    #[test]
    fn anything_else_is_refused_however_long() {
        let long = "1".repeat(10_000_000);
        for bad in ["", "alice", "0x", &ALICE[1..], &ALICE_HEX[..65], &long] {
            assert!(parse(bad).is_err());
        }
    }
}
