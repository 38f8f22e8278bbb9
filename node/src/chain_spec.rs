//! The chains this binary knows by heart; every other one is read from a chain spec file.

use polkadot_sdk::{
    sc_chain_spec::{ChainType, Properties},
    sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET},
};
use quern_runtime::WASM_BINARY;
use std::path::Path;

/// A chain spec without extensions: the genesis comes from the runtime inside it.
pub type ChainSpec = sc_service::GenericChainSpec;

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
pub fn load(id: &str) -> Result<ChainSpec, String> {
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
    use polkadot_sdk::sp_runtime::{BuildStorage, Storage};

    /// Where a state keeps its runtime.
    const CODE: &[u8] = b":code";

    fn genesis(spec: &ChainSpec) -> Storage {
        spec.build_storage().unwrap()
    }

    #[test]
    fn both_chains_start_from_a_runtime_and_from_different_states() {
        let [dev, local] = ["dev", "local"].map(|id| genesis(&load(id).unwrap()).top);
        assert!(dev.contains_key(CODE));
        assert_eq!(dev.get(CODE), local.get(CODE));
        assert_ne!(dev, local);
    }

    #[test]
    fn the_empty_id_means_local() {
        assert_eq!(load("").unwrap().id(), "quern_local");
    }

    #[test]
    fn a_written_spec_reads_back_to_the_same_genesis() {
        let spec = load("local").unwrap();
        let expected = genesis(&spec).top;
        for raw in [false, true] {
            let read = ChainSpec::from_json_bytes(spec.as_json(raw).unwrap().into_bytes()).unwrap();
            assert_eq!(genesis(&read).top, expected);
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
