//! The request–response protocol, as `sc-network` is told of it.

use std::time::Duration;

use async_channel::Receiver;
use polkadot_sdk::{
    sc_network::{NetworkBackend, ProtocolName, request_responses::IncomingRequest},
    sp_core::H256,
    sp_runtime::traits::Block as BlockT,
};

use crate::message::{CHITS_BYTES, QUERY_BYTES};

/// Questions that may wait to be answered; further ones are refused.
const INBOX: usize = 512;

/// After this long the network gives up a question; the gadget has done so before.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The receiving end of the protocol.
#[derive(Debug)]
pub struct Protocol {
    pub(crate) name: ProtocolName,
    pub(crate) inbox: Receiver<IncomingRequest>,
}

/// The protocol `/{genesis}/snow/query/1`: what the network is to be configured with, and the receiving end.
pub fn protocol<B: BlockT, N: NetworkBackend<B, B::Hash>>(
    genesis: H256,
) -> (N::RequestResponseProtocolConfig, Protocol) {
    let name = ProtocolName::from(format!("/{genesis:x}/snow/query/1"));
    let (sender, inbox) = async_channel::bounded(INBOX);
    let config = N::request_response_config(
        name.clone(),
        Vec::new(),
        QUERY_BYTES as u64,
        CHITS_BYTES as u64,
        TIMEOUT,
        Some(sender),
    );
    (config, Protocol { name, inbox })
}
