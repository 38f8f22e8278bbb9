//! Tries a runtime upgrade on the state of a live chain.
//!
//! The state is fetched over RPC into memory. There the new runtime does what it would do in the first block after the
//! upgrade, with this node's executor and host functions: its migrations, the checks before and after each, and then
//! every pallet's own check of its state. A runtime has these checks if it is built with the `try-runtime` feature.

use crate::service::{Block, Executor};
use core::fmt;
use jsonrpsee::{
    core::{ClientError, client::ClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use polkadot_sdk::{
    frame_remote_externalities::{Builder, Mode, OnlineConfig, RemoteExternalities},
    sc_executor::{HeapAllocStrategy, RuntimeVersion, RuntimeVersionOf},
    sp_core::{
        H256,
        storage::well_known_keys::CODE,
        traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode},
    },
    sp_io::TestExternalities,
    sp_runtime::{
        Weight,
        codec::DecodeAll,
        traits::{BlakeTwo256, Hash},
    },
};
use quern_node::cli::TryRuntime;
use quern_runtime::Header;
use serde::Deserialize;
use std::{fs, io, path::PathBuf};

/// The runtime API that the checks are behind: BLAKE2b of its name, 8 bytes long.
const API: [u8; 8] = [0xe0, 0x83, 0x7f, 0xce, 0x9, 0xf4, 0x82, 0x9a];
/// Its function that migrates and checks.
const FUNCTION: &str = "TryRuntime_on_runtime_upgrade";
/// `UpgradeCheckSelect::All` in SCALE: what migrations check before and after, and what pallets check of their state.
const ALL_CHECKS: [u8; 1] = [1];
/// How WASM begins.
const WASM_MAGIC: &[u8] = b"\0asm";
/// How WASM begins that the SDK's builder has compressed.
const COMPRESSED_MAGIC: &[u8] = &[82, 188, 83, 118, 70, 219, 142, 5];

/// Why an upgrade must not be enacted, or could not be tried.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The file cannot be read: name another.
    Unreadable(PathBuf, io::Error),
    /// The file holds no WASM, compressed or not: name the runtime's.
    NotWasm(PathBuf),
    /// This node cannot run the code, as where it lacks host functions: build a newer node first.
    NotRunnable(String),
    /// The runtime was built without its checks: build it with the `try-runtime` feature.
    NoChecks,
    /// Nobody answers at the address: start a node there, or name another.
    NotReachable(String, String),
    /// The node knows no such block: name another, or another node.
    UnknownBlock(H256),
    /// The node has no state of the block, which it may have pruned: name a later block.
    NoState(String),
    /// The runtime is another chain's.
    SpecNameDiffers {
        /// The name of the chain's runtime.
        chain: String,
        /// The name of the new one.
        new: String,
    },
    /// The chain would refuse the runtime, since an upgrade must have a higher version: raise it.
    SpecVersionNotHigher {
        /// The version of the chain's runtime.
        chain: u32,
        /// The version of the new one.
        new: u32,
    },
    /// A migration or a check failed: the runtime would spoil the state. It has logged why before it stopped.
    MigrationFailed(String),
    /// The migrations take more than a block: spread them over several blocks.
    TooHeavy {
        /// What they take.
        used: Weight,
        /// What a block has.
        block: Weight,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, reason) => {
                write!(formatter, "Unreadable: {}: {reason}", file.display())
            }
            Self::NotWasm(file) => write!(formatter, "NotWasm: {} is no WASM", file.display()),
            Self::NotRunnable(reason) => {
                write!(
                    formatter,
                    "NotRunnable: this node cannot run the runtime: {reason}"
                )
            }
            Self::NoChecks => formatter.write_str(
                "NoChecks: the runtime has nothing to try: build it with the `try-runtime` feature",
            ),
            Self::NotReachable(uri, reason) => {
                write!(
                    formatter,
                    "NotReachable: no node answers at {uri}: {reason}"
                )
            }
            Self::UnknownBlock(hash) => {
                write!(formatter, "UnknownBlock: the node knows no block {hash:?}")
            }
            Self::NoState(reason) => write!(
                formatter,
                "NoState: the node has no state of that block: {reason}"
            ),
            Self::SpecNameDiffers { chain, new } => write!(
                formatter,
                "SpecNameDiffers: the chain's runtime is `{chain}`, the new one `{new}`"
            ),
            Self::SpecVersionNotHigher { chain, new } => write!(
                formatter,
                "SpecVersionNotHigher: the chain's runtime has spec_version {chain}, the new one {new}"
            ),
            Self::MigrationFailed(reason) => write!(
                formatter,
                "MigrationFailed: the runtime stopped itself, for the reason logged above ({reason})"
            ),
            Self::TooHeavy { used, block } => write!(
                formatter,
                "TooHeavy: the migrations take {} ps and {} bytes of proof, a block has {} ps and {} bytes",
                used.ref_time(),
                used.proof_size(),
                block.ref_time(),
                block.proof_size()
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// An upgrade that holds.
#[derive(Debug)]
pub(crate) struct Tried {
    /// The block whose state was taken.
    header: Header,
    /// The runtime in force there.
    old: LiveVersion,
    /// The new one.
    new: RuntimeVersion,
    /// BLAKE2-256 of the new one's file: what a referendum authorises.
    code_hash: H256,
    /// What the migrations take.
    used: Weight,
    /// What a block has.
    block: Weight,
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |used: u64, of: u64| u128::from(used) * 100 / u128::from(of.max(1));
        writeln!(
            formatter,
            "state          block {} ({:?}), {} {}",
            self.header.number,
            self.header.hash(),
            self.old.spec_name,
            self.old.spec_version
        )?;
        writeln!(
            formatter,
            "runtime        {} {}",
            self.new.spec_name, self.new.spec_version
        )?;
        writeln!(formatter, "code hash      {:?}", self.code_hash)?;
        writeln!(formatter, "checks         passed")?;
        write!(
            formatter,
            "weight         {} ps, {} % of a block; {} bytes of proof, {} %",
            self.used.ref_time(),
            percent(self.used.ref_time(), self.block.ref_time()),
            self.used.proof_size(),
            percent(self.used.proof_size(), self.block.proof_size())
        )
    }
}

/// The version of the runtime in force, as a node tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LiveVersion {
    spec_name: String,
    spec_version: u32,
}

/// Tries an upgrade; nothing is sent to the chain.
///
/// # Errors
/// The upgrade must not be enacted, or it could not be tried.
pub(crate) fn try_runtime(command: &TryRuntime) -> Result<Tried, Refusal> {
    let file = &command.runtime;
    let blob = fs::read(file).map_err(|reason| Refusal::Unreadable(file.clone(), reason))?;
    if !blob.starts_with(WASM_MAGIC) && !blob.starts_with(COMPRESSED_MAGIC) {
        return Err(Refusal::NotWasm(file.clone()));
    }
    let code_hash = BlakeTwo256::hash(&blob);
    let code = WrappedRuntimeCode(blob.as_slice().into());
    let code = RuntimeCode {
        code_fetcher: &code,
        heap_pages: None,
        hash: code_hash.as_bytes().to_vec(),
    };
    let executor = Executor::builder()
        .with_offchain_heap_alloc_strategy(HeapAllocStrategy::Dynamic {
            maximum_pages: None,
        })
        .build();
    let new = executor
        .runtime_version(&mut TestExternalities::default().ext(), &code)
        .map_err(|reason| Refusal::NotRunnable(reason.to_string()))?;
    if !new.has_api_with(&API, |_| true) {
        return Err(Refusal::NoChecks);
    }

    let tokio = tokio::runtime::Runtime::new()
        .map_err(|reason| Refusal::NotRunnable(reason.to_string()))?;
    let (at, old) = tokio.block_on(live_version(&command.uri, command.at))?;
    comparable(&old, &new)?;
    let mut state = tokio.block_on(fetch(&command.uri, at))?;
    state.insert(CODE.to_vec(), blob.clone());

    let context = CallContext::Offchain;
    let (answer, _) = executor.call(&mut state.ext(), &code, FUNCTION, &ALL_CHECKS, context);
    let answer =
        answer.map_err(|reason| Refusal::MigrationFailed(in_one_line(&reason.to_string())))?;
    let (used, block) = <(Weight, Weight)>::decode_all(&mut answer.as_slice())
        .map_err(|reason| Refusal::NotRunnable(format!("{FUNCTION} answers: {reason}")))?;
    fits(used, block)?;
    Ok(Tried {
        header: state.header.clone(),
        old,
        new,
        code_hash,
        used,
        block,
    })
}

/// What a runtime said as it stopped, without the addresses in its code.
fn in_one_line(message: &str) -> String {
    let said = message.split("WASM backtrace").next().unwrap_or(message);
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ")
}

/// Whether the chain would take the new runtime at all.
fn comparable(old: &LiveVersion, new: &RuntimeVersion) -> Result<(), Refusal> {
    if old.spec_name != new.spec_name {
        return Err(Refusal::SpecNameDiffers {
            chain: old.spec_name.clone(),
            new: new.spec_name.to_string(),
        });
    }
    if new.spec_version <= old.spec_version {
        return Err(Refusal::SpecVersionNotHigher {
            chain: old.spec_version,
            new: new.spec_version,
        });
    }
    Ok(())
}

/// Whether migrations fit into the block that has to do them.
fn fits(used: Weight, block: Weight) -> Result<(), Refusal> {
    if used.all_lte(block) {
        Ok(())
    } else {
        Err(Refusal::TooHeavy { used, block })
    }
}

/// The block to try on, and the runtime in force there. Asked before the state is fetched, which tries for ever where a
/// block or its state is missing.
async fn live_version(uri: &str, at: Option<H256>) -> Result<(H256, LiveVersion), Refusal> {
    let unreachable = |reason: ClientError| Refusal::NotReachable(uri.into(), reason.to_string());
    let node = WsClientBuilder::default()
        .build(uri)
        .await
        .map_err(unreachable)?;
    let at = match at {
        Some(at) => at,
        None => node
            .request("chain_getFinalizedHead", rpc_params![])
            .await
            .map_err(unreachable)?,
    };
    let header: Option<Header> = node
        .request("chain_getHeader", rpc_params![at])
        .await
        .map_err(unreachable)?;
    header.ok_or(Refusal::UnknownBlock(at))?;
    let version = node
        .request("state_getRuntimeVersion", rpc_params![at])
        .await
        .map_err(|reason| match reason {
            ClientError::Call(reason) => Refusal::NoState(reason.to_string()),
            reason => unreachable(reason),
        })?;
    Ok((at, version))
}

/// The whole state after a block.
async fn fetch(uri: &str, at: H256) -> Result<RemoteExternalities<Block>, Refusal> {
    let source = OnlineConfig {
        at: Some(at),
        transport_uris: vec![uri.into()],
        ..OnlineConfig::default()
    };
    Builder::<Block>::new()
        .mode(Mode::Online(source))
        .build()
        .await
        .map_err(|reason| Refusal::NoState(reason.into()))
}
