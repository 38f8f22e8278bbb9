//! What can go wrong between a program and a node, told apart by what the program can do about it.

use crate::{KeyError, text::hex32};
use quern_work::Hash;
use subxt::{
    ext::jsonrpsee::core::client::Error as TransportError,
    rpcs::{self, UserError},
};

/// JSON-RPC codes with which a node refuses a seal.
const REFUSAL_CODES: core::ops::RangeInclusive<i32> = 8001..=8099;
/// JSON-RPC codes of the node's transaction pool.
const POOL_CODES: core::ops::RangeInclusive<i32> = 1001..=1099;

/// Why a call to the chain failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answered at the address: try again later, or give another address.
    #[error("no node reachable at {url}: {reason}")]
    NotReachable {
        /// The address tried.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The connection ended: connect again.
    #[error("the connection to the node closed")]
    Closed,
    /// The node did not answer in time: try again, or connect again.
    #[error("the node did not answer {method} in time")]
    Timeout {
        /// The RPC method.
        method: String,
    },
    /// The node follows another chain: connect to another node.
    #[error("the node follows another chain: genesis {}, expected {}", hex32(.found), hex32(.expected))]
    WrongGenesis {
        /// The genesis hash asked for.
        expected: Hash,
        /// The genesis hash the node has.
        found: Hash,
    },
    /// The node refused a seal.
    #[error(transparent)]
    Refused(#[from] SealRefusal),
    /// The extrinsic is in a block, and its call failed there: the fee is paid, nothing else happened.
    #[error("the call failed in its block: {}", dispatch_name(.pallet, .error))]
    Dispatch {
        /// The pallet whose error it is; none for errors of the runtime itself.
        pallet: Option<String>,
        /// The error's name in the metadata.
        error: String,
    },
    /// The node's pool has refused the extrinsic, or given it up.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The extrinsic was handed over, and what became of it is not known: look before you submit the call again.
    #[error("{reason}; extrinsic {} may be in a block all the same: look before you repeat it", hex32(.extrinsic))]
    Unsure {
        /// Its hash.
        extrinsic: Hash,
        /// What was heard last.
        reason: Box<Self>,
    },
    /// The node answered with another JSON-RPC error.
    #[error("the node refused {method}: {message} ({code})")]
    Rpc {
        /// The RPC method.
        method: String,
        /// The JSON-RPC code.
        code: i32,
        /// The node's words.
        message: String,
    },
    /// The answer could not be read: node and client are of different versions.
    #[error("cannot read {what}: {reason}")]
    Decode {
        /// What was to be read.
        what: String,
        /// Why it could not.
        reason: String,
    },
    /// The runtime has no such call, or one with other arguments: node and client are of different versions.
    #[error("cannot encode the call {call}: {reason}")]
    Encode {
        /// `Pallet.call`.
        call: String,
        /// Why it could not.
        reason: String,
    },
    /// The node knows no such block.
    #[error("the node knows no block {0}")]
    UnknownBlock(String),
    /// A key or an address could not be read.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A seal that the node would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seal refused: {message}")]
pub struct SealRefusal {
    /// The JSON-RPC code, 8001 to 8099.
    pub code: i32,
    /// The name of the reason, such as `StaleTemplate` or `AboveTarget`.
    pub name: String,
    /// The node's sentence about it.
    pub message: String,
}

/// An extrinsic that the pool would not take, or dropped again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the transaction pool refused the extrinsic: {name} ({message})")]
pub struct PoolError {
    /// The name of the reason, such as `Payment`, `Stale`, `TemporarilyBanned` or `Usurped`.
    pub name: String,
    /// The node's sentence about it.
    pub message: String,
}

impl PoolError {
    pub(crate) fn new(name: &str, message: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            message: message.into(),
        }
    }

    /// Whether another extrinsic took the nonce, so that signing again with a newer nonce is the cure.
    pub(crate) fn is_nonce_taken(&self) -> bool {
        matches!(
            self.name.as_str(),
            "Stale" | "TooLowPriority" | "AlreadyImported"
        )
    }
}

impl Error {
    /// Whether a new connection, after a pause, is the cure.
    #[must_use]
    pub const fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::NotReachable { .. } | Self::Closed | Self::Timeout { .. }
        )
    }

    /// The short name of the reason: `AboveTarget`, `Work::StepOutsideWindow`, `Payment`, `Closed`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::NotReachable { .. } => "NotReachable".into(),
            Self::Closed => "Closed".into(),
            Self::Timeout { .. } => "Timeout".into(),
            Self::WrongGenesis { .. } => "WrongGenesis".into(),
            Self::Refused(refusal) => refusal.name.clone(),
            Self::Dispatch { pallet, error } => dispatch_name(pallet, error),
            Self::Pool(error) => error.name.clone(),
            Self::Unsure { reason, .. } => reason.name(),
            Self::Rpc { .. } => "Rpc".into(),
            Self::Decode { .. } => "Decode".into(),
            Self::Encode { .. } => "Encode".into(),
            Self::UnknownBlock(_) => "UnknownBlock".into(),
            Self::Key(_) => "Key".into(),
        }
    }

    pub(crate) fn decode(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Decode {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    /// The meaning of an RPC error that came back from `method`.
    pub(crate) fn from_rpc(method: &str, error: rpcs::Error) -> Self {
        match error {
            rpcs::Error::User(error) => Self::from_answer(method, error),
            rpcs::Error::Client(error) => match error.downcast_ref::<TransportError>() {
                Some(TransportError::RequestTimeout) => Self::Timeout {
                    method: method.to_owned(),
                },
                Some(TransportError::ParseError(reason)) => Self::decode(method, reason),
                _ => Self::Closed,
            },
            rpcs::Error::DisconnectedWillReconnect(_) => Self::Closed,
            other => Self::decode(format!("the answer to {method}"), other),
        }
    }

    fn from_answer(method: &str, error: UserError) -> Self {
        let data = error
            .data
            .as_ref()
            .and_then(|data| serde_json::from_str::<String>(data.get()).ok());
        if REFUSAL_CODES.contains(&error.code) {
            let name = data.unwrap_or_else(|| first_word(&error.message));
            return SealRefusal {
                code: error.code,
                name,
                message: error.message,
            }
            .into();
        }
        if POOL_CODES.contains(&error.code) {
            return pool_refusal(error.code, error.message, data).into();
        }
        Self::Rpc {
            method: method.to_owned(),
            code: error.code,
            message: match data {
                Some(data) => format!("{}: {data}", error.message),
                None => error.message,
            },
        }
    }
}

fn dispatch_name(pallet: &Option<String>, error: &str) -> String {
    match pallet {
        Some(pallet) => format!("{pallet}::{error}"),
        None => error.to_owned(),
    }
}

fn first_word(message: &str) -> String {
    message
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty())
        .unwrap_or("Refused")
        .to_owned()
}

/// Names the pool's refusal: the code tells most of them, an invalid transaction tells its reason in `data`.
fn pool_refusal(code: i32, message: String, data: Option<String>) -> PoolError {
    let name = match code {
        1001 => "BadFormat",
        1002 => "Verification",
        1010 => match data.as_deref() {
            Some("Transaction call is not expected") => "Call",
            Some("Inability to pay some fees (e.g. account balance too low)") => "Payment",
            Some("Transaction will be valid in the future") => "Future",
            Some("Transaction is outdated") => "Stale",
            Some("Transaction has a bad signature") => "BadProof",
            Some("Transaction has an ancient birth block") => "AncientBirthBlock",
            Some("Transaction would exhaust the block limits") => "ExhaustsResources",
            Some("Invalid signing address") => "BadSigner",
            _ => "InvalidTransaction",
        },
        1011 => "UnknownValidity",
        1012 => "TemporarilyBanned",
        1013 => "AlreadyImported",
        1014 => "TooLowPriority",
        1015 => "CycleDetected",
        1016 => "ImmediatelyDropped",
        1018 => "Unactionable",
        1019 => "NoTagsProvided",
        1020 => "InvalidBlockId",
        1021 => "FutureRefused",
        _ => "Pool",
    };
    let message = match data {
        Some(data) => format!("{message}: {data}"),
        None => message,
    };
    PoolError::new(name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> Error {
        let error: UserError = serde_json::from_str(json).expect("a JSON-RPC error object");
        Error::from_rpc("some_method", rpcs::Error::User(error))
    }

    #[test]
    fn a_refused_seal_keeps_the_nodes_name_for_it() {
        let error = answer(
            r#"{"code":8004,"message":"AboveTarget: the draw does not meet the target","data":"AboveTarget"}"#,
        );
        assert_eq!(error.name(), "AboveTarget");
        assert!(matches!(
            error,
            Error::Refused(SealRefusal { code: 8004, .. })
        ));
        assert!(!error.is_connection());
    }

    #[test]
    fn a_refusal_without_data_is_named_by_its_first_word() {
        let error = answer(r#"{"code":8003,"message":"StaleTemplate: the parent moved on"}"#);
        assert_eq!(error.name(), "StaleTemplate");
    }

    #[test]
    fn an_invalid_transaction_is_named_by_its_reason() {
        let error = answer(
            r#"{"code":1010,"message":"Invalid Transaction","data":"Inability to pay some fees (e.g. account balance too low)"}"#,
        );
        assert_eq!(error.name(), "Payment");
        assert!(matches!(error, Error::Pool(_)));
    }

    #[test]
    fn a_taken_nonce_is_recognised() {
        let stale = answer(
            r#"{"code":1010,"message":"Invalid Transaction","data":"Transaction is outdated"}"#,
        );
        let Error::Pool(stale) = stale else {
            panic!("a pool error")
        };
        assert!(stale.is_nonce_taken());
        let banned = answer(r#"{"code":1012,"message":"Transaction is temporarily banned"}"#);
        let Error::Pool(banned) = banned else {
            panic!("a pool error")
        };
        assert!(!banned.is_nonce_taken());
    }

    #[test]
    fn another_answer_stays_an_rpc_error() {
        let error = answer(r#"{"code":-32601,"message":"Method not found"}"#);
        assert!(matches!(error, Error::Rpc { code: -32601, .. }));
    }

    #[test]
    fn a_timeout_and_a_lost_connection_ask_for_a_new_connection() {
        let timeout = Error::from_rpc(
            "work_status",
            rpcs::Error::Client(Box::new(TransportError::RequestTimeout)),
        );
        assert_eq!(timeout.name(), "Timeout");
        assert!(timeout.is_connection());
        let lost = Error::from_rpc("work_status", rpcs::Error::Client("gone".into()));
        assert_eq!(lost.name(), "Closed");
        assert!(lost.is_connection());
    }

    #[test]
    fn a_dispatch_error_is_named_by_pallet_and_error() {
        let error = Error::Dispatch {
            pallet: Some("Work".into()),
            error: "StepOutsideWindow".into(),
        };
        assert_eq!(error.name(), "Work::StepOutsideWindow");
        assert_eq!(
            error.to_string(),
            "the call failed in its block: Work::StepOutsideWindow"
        );
    }
}
