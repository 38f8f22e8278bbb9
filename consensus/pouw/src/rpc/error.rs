//! What a worker is told when something does not work out.

use crate::SubmitError;
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use polkadot_sdk::sp_api::ApiError;

/// Why a request was turned down. Over the wire: a code, `name: sentence`, and the name as data.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The node was started without `--author`: it has no templates, and takes no seals.
    #[error("this node does not author blocks")]
    NoAuthor,
    /// The seal did not become a block.
    #[error(transparent)]
    Submit(SubmitError),
    /// The runtime did not answer.
    #[error("the runtime did not answer: {0}")]
    Runtime(ApiError),
}

impl RpcError {
    /// JSON-RPC error code.
    pub fn code(&self) -> i32 {
        match self {
            Self::NoAuthor => 8001,
            Self::Submit(SubmitError::UnknownTemplate) => 8002,
            Self::Submit(SubmitError::StaleTemplate) => 8003,
            Self::Submit(SubmitError::Refused(_)) => 8004,
            Self::Submit(SubmitError::ImportFailed(_)) => 8005,
            Self::Submit(SubmitError::TooLarge) => 8006,
            Self::Runtime(_) => 8007,
        }
    }

    /// The error's name; for a refused seal, of the rule it breaks.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoAuthor => "NoAuthor",
            Self::Submit(error) => error.name(),
            Self::Runtime(_) => "RuntimeFailed",
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let message = format!("{}: {error}", error.name());
        ErrorObject::owned(error.code(), message, Some(error.name()))
    }
}
