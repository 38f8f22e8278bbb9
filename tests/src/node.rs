//! A running `quern-node`.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use quern_client::{Client, Hash, text::hex32};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Chain, Player, binary, process::Process, rpc, until};

/// What the node logs before the address of its RPC server.
const RPC_LINE: &str = "Running JSON-RPC server: addr=127.0.0.1:";

/// A node with a folder of its own; killed and removed when dropped.
#[derive(Debug)]
pub struct Node {
    name: String,
    arguments: Vec<String>,
    rpc: u16,
    address: String,
    process: Process,
    folder: TempDir,
}

impl Node {
    /// Starts a validator that offers templates for its player's runs.
    pub async fn validator(chain: &Chain, player: Player, peers: &[&Self]) -> Self {
        Self::validator_with(chain, player, &[], peers).await
    }

    /// The same with further flags.
    pub async fn validator_with(
        chain: &Chain,
        player: Player,
        more: &[&str],
        peers: &[&Self],
    ) -> Self {
        let flag = format!("--{}", player.name().to_lowercase());
        let author = player.address();
        let flags = [&[flag.as_str(), "--author", &author], more].concat();
        Self::start(chain, player.name(), &flags, peers).await
    }

    /// Starts a node that only follows the chain.
    pub async fn observer(chain: &Chain, peers: &[&Self]) -> Self {
        Self::start(chain, "observer", &[], peers).await
    }

    async fn start(chain: &Chain, name: &str, flags: &[&str], peers: &[&Self]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let p2p = free_port();
        let mut arguments: Vec<String> = [
            "--chain",
            chain.argument(),
            "--base-path",
            text(&folder.path().join("base")),
            "--listen-addr",
            &format!("/ip4/127.0.0.1/tcp/{p2p}"),
            "--no-mdns",
            "--no-prometheus",
            "--no-telemetry",
            "--unsafe-force-node-key-generation",
            "--template-interval",
            "1",
        ]
        .map(Into::into)
        .into();
        arguments.extend(flags.iter().map(ToString::to_string));
        if flags.is_empty() {
            arguments.extend(["--name".into(), name.into()]);
        }
        for peer in peers {
            arguments.extend(["--bootnodes".into(), peer.address.clone()]);
        }
        let process = launch(name, &arguments, 0, &folder);
        let mut node = Self {
            name: name.into(),
            arguments,
            rpc: 0,
            address: String::new(),
            process,
            folder,
        };
        node.await_rpc(0).await;
        let id = node.call("system_localPeerId", json!([]));
        let id = id.as_str().expect("a peer id");
        node.address = format!("/ip4/127.0.0.1/tcp/{p2p}/p2p/{id}");
        node
    }

    /// Waits until the RPC server of the process whose log begins at byte `from` has told its address and answers.
    async fn await_rpc(&mut self, from: usize) {
        let what = format!("{} serves RPC", self.name);
        self.rpc = until(&what, async || {
            let log = self.process.log();
            let told = log[from..].split_once(RPC_LINE);
            if told.is_none() && !self.process.is_running() {
                panic!("{} ended before it served RPC", self.name);
            }
            let port = told?.1.split([',', ' ', '\n']).next()?.parse().ok()?;
            rpc::call(port, "system_health", json!([]))
                .is_ok()
                .then_some(port)
        })
        .await;
    }

    /// Ends the node as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends the node as a terminal does.
    ///
    /// # Panics
    /// If it does not end well.
    pub fn stop(&mut self) {
        assert!(self.process.stop(), "{} did not stop well", self.name);
    }

    /// Starts the node again, after it was ended, on the same folder and the same ports.
    pub async fn restart(&mut self) {
        let from = self.process.log().len();
        self.process = launch(&self.name, &self.arguments, self.rpc, &self.folder);
        self.await_rpc(from).await;
    }

    /// The same without one of its flags.
    pub async fn restart_without(&mut self, flag: &str) {
        self.arguments.retain(|argument| argument != flag);
        self.restart().await;
    }

    /// Where a client connects.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.rpc)
    }

    /// The folder of chain and keys.
    pub fn base(&self) -> String {
        text(&self.folder.path().join("base")).to_owned()
    }

    /// Everything the node has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// A new connection.
    ///
    /// # Panics
    /// If there is none to be had.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url()).await.expect("a running node")
    }

    /// Calls a JSON-RPC method without the client under test.
    ///
    /// # Panics
    /// If the node refuses it.
    pub fn call(&self, method: &str, parameters: Value) -> Value {
        self.ask(method, parameters)
            .unwrap_or_else(|error| panic!("{} refused {method}: {error}", self.name))
    }

    /// As [`Node::call`], where the node may not be ready to answer.
    ///
    /// # Errors
    /// What it says then.
    pub fn ask(&self, method: &str, parameters: Value) -> Result<Value, String> {
        rpc::call(self.rpc, method, parameters)
    }

    /// Height of the best block.
    pub fn height(&self) -> u64 {
        number(&self.call("chain_getHeader", json!([])))
    }

    /// Hash of the last finalised block.
    pub fn finalised_hash(&self) -> String {
        let hash = self.call("chain_getFinalizedHead", json!([]));
        hash.as_str().expect("a hash").to_owned()
    }

    /// Height of the last finalised block.
    pub fn finalised(&self) -> u64 {
        number(&self.call("chain_getHeader", json!([self.finalised_hash()])))
    }

    /// Hash of a block of the best chain, if it is that long.
    pub fn hash(&self, number: u64) -> Option<String> {
        let hash = self.call("chain_getBlockHash", json!([number]));
        hash.as_str().map(Into::into)
    }

    /// Waits until the best chain has this height.
    pub async fn reaches(&self, height: u64) {
        let what = format!("{} reaches height {height}", self.name);
        until(&what, async || (self.height() >= height).then_some(())).await;
    }

    /// Waits until this height is final.
    pub async fn finalises(&self, height: u64) {
        let what = format!("{} finalises height {height}", self.name);
        until(&what, async || (self.finalised() >= height).then_some(())).await;
    }

    /// Reads one value of the state at a block.
    pub(crate) fn storage(&self, key: &str, at: &Hash) -> Option<Vec<u8>> {
        let value = self.call("state_getStorage", json!([key, hex32(at)]));
        value.as_str().map(unhex)
    }

    /// All keys of the state with this prefix at a block.
    pub(crate) fn keys(&self, prefix: &str, at: &Hash) -> Vec<String> {
        let keys = self.call("state_getKeysPaged", json!([prefix, 1000, null, hex32(at)]));
        let keys: Vec<String> = serde_json::from_value(keys).expect("a list of keys");
        assert!(keys.len() < 1000, "one page holds them all");
        keys
    }
}

fn launch(name: &str, arguments: &[String], rpc: u16, folder: &TempDir) -> Process {
    let mut command = binary::command("quern-node");
    command
        .args(arguments)
        .args(["--rpc-port", &rpc.to_string()]);
    Process::start(name, command, folder.path().join("log"))
}

/// A port of the loopback that nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

fn number(header: &Value) -> u64 {
    let number = header["number"]
        .as_str()
        .and_then(|hex| hex.strip_prefix("0x"));
    u64::from_str_radix(number.expect("a header's number"), 16).expect("hex digits")
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.trim_start_matches("0x")).expect("hex digits")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}
