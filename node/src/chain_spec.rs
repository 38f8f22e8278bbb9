//! The chains this binary knows by heart; every other one is read from a chain spec file.

use polkadot_sdk::{
    sc_chain_spec::{ChainType, Properties},
    sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET},
};
use quern_runtime::WASM_BINARY;
use std::path::Path;

/// A chain spec without extensions: the genesis comes from the runtime inside it.
pub(crate) type ChainSpec = sc_service::GenericChainSpec;

/// First part of the names of all peer-to-peer protocols.
const PROTOCOL_ID: &str = "quern";
const TOKEN_SYMBOL: &str = "QRN";
const TOKEN_DECIMALS: u32 = 12;
/// The generic Substrate address prefix.
const SS58_FORMAT: u16 = 42;

/// The chain that `id` means: `dev`, `local` (also meant by the empty id) or the path of a chain
/// spec file.
///
/// # Errors
/// One line that says what is wrong with `id` or with the file.
pub(crate) fn load(id: &str) -> Result<ChainSpec, String> {
    match id {
        "dev" => development(),
        "" | "local" => local(),
        path if Path::new(path).is_file() => ChainSpec::from_json_file(path.into()),
        unknown => Err(format!(
            "unknown chain `{unknown}`: it is neither `dev` nor `local` nor a chain spec file"
        )),
    }
}

/// One machine: Alice finalises and mines.
fn development() -> Result<ChainSpec, String> {
    preset(
        "Quern Development",
        "quern_dev",
        ChainType::Development,
        DEV_RUNTIME_PRESET,
    )
}

/// Three validators, which also mine: Alice, Bob and Charlie.
fn local() -> Result<ChainSpec, String> {
    preset(
        "Quern Local",
        "quern_local",
        ChainType::Local,
        LOCAL_TESTNET_RUNTIME_PRESET,
    )
}

fn preset(name: &str, id: &str, kind: ChainType, preset: &str) -> Result<ChainSpec, String> {
    let code = WASM_BINARY.ok_or("this binary was built without its WASM runtime")?;
    Ok(ChainSpec::builder(code, None)
        .with_name(name)
        .with_id(id)
        .with_chain_type(kind)
        .with_protocol_id(PROTOCOL_ID)
        .with_properties(properties())
        .with_genesis_config_preset_name(preset)
        .build())
}

fn properties() -> Properties {
    let mut properties = Properties::new();
    properties.insert("tokenSymbol".into(), TOKEN_SYMBOL.into());
    properties.insert("tokenDecimals".into(), TOKEN_DECIMALS.into());
    properties.insert("ss58Format".into(), SS58_FORMAT.into());
    properties
}

#[cfg(test)]
mod tests {
    use super::*;
    use polkadot_sdk::sp_runtime::BuildStorage;
    use sc_service::ChainSpec as _;

    #[test]
    fn both_chains_have_a_genesis_and_it_is_always_the_same() {
        for id in ["dev", "local"] {
            let genesis = load(id).unwrap().build_storage().unwrap();
            assert!(
                genesis.top.contains_key(&b":code"[..]),
                "{id} has no runtime"
            );
            assert_eq!(genesis.top, load(id).unwrap().build_storage().unwrap().top);
        }
    }

    #[test]
    fn the_two_chains_differ() {
        let storage = |id| load(id).unwrap().build_storage().unwrap().top;
        assert_ne!(storage("dev"), storage("local"));
    }

    #[test]
    fn the_empty_id_means_local() {
        assert_eq!(load("").unwrap().id(), "quern_local");
    }

    #[test]
    fn a_written_spec_reads_back_to_the_same_genesis() {
        for raw in [false, true] {
            let spec = load("local").unwrap();
            let read = ChainSpec::from_json_bytes(spec.as_json(raw).unwrap().into_bytes()).unwrap();
            assert_eq!(
                read.build_storage().unwrap().top,
                spec.build_storage().unwrap().top
            );
            assert_eq!(read.protocol_id(), Some(PROTOCOL_ID));
            assert_eq!(read.properties(), properties());
        }
    }

    #[test]
    fn an_unknown_chain_is_named_in_the_error() {
        let error = load("no-such-chain").err().unwrap();
        assert!(error.contains("`no-such-chain`"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
