//! Checks a block of the database once more.
//!
//! The SDK's own check passes a block to the import queue, which answers that it has it already and
//! looks no further.

use crate::service::{Block, FullClient};
use polkadot_sdk::{
    sc_client_api::{BlockBackend, HeaderBackend},
    sc_consensus::{BlockImportParams, Verifier},
    sp_api::{Core, ProvideRuntimeApi},
    sp_consensus::BlockOrigin,
};
use quern_pouw::{SealVerifier, UsefulWork};
use sc_cli::BlockNumberOrHash;
use std::{sync::Arc, time::Instant};

/// Asks the runtime in the state of the block's parent whether the seal holds, and executes the
/// block there.
///
/// # Errors
/// There is no such block; the parent's state is pruned; the seal is refused, or execution does not
/// come out as the header says.
pub(crate) async fn check_block(
    client: Arc<FullClient>,
    work: UsefulWork<FullClient>,
    id: &BlockNumberOrHash,
) -> sc_cli::Result<()> {
    let start = Instant::now();
    let hash = client
        .block_hash_from_id(&id.parse::<Block>()?)?
        .ok_or("the database has no such block")?;
    let block = client
        .block(hash)?
        .ok_or("the database has no body of that block")?
        .block;
    let (number, parent) = (block.header.number, block.header.parent_hash);
    if number == 0 {
        return Err("the genesis block has neither seal nor parent to check".into());
    }

    let sealed = BlockImportParams::new(BlockOrigin::File, block.header);
    let unsealed = Block {
        header: SealVerifier::new(work).verify(sealed).await?.header,
        extrinsics: block.extrinsics,
    };
    client
        .runtime_api()
        .execute_block(parent, unsealed.into())
        .map_err(|error| format!("block {number} ({hash:?}) cannot be executed: {error}"))?;
    println!(
        "Block {number} ({hash:?}) holds; checked in {} ms.",
        start.elapsed().as_millis()
    );
    Ok(())
}
