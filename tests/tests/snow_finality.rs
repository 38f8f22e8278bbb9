//! Snow beside GRANDPA, on three validators: soft finality comes first, and can neither stop nor fork the hard one.

use std::collections::BTreeMap;

use quern_tests::{
    Chain, Holders, Node, Player, Work, Worker, glyphs, quern, set_parameter, turn, until,
};
use serde_json::{Value, json};
use subxt::rpcs::client::{RpcClient, RpcSubscription, rpc_params};
use tempfile::TempDir;

/// Blocks over which the order of acceptance and finality is compared.
const BLOCKS: u64 = 25;

/// The local chain with Snow switched on in its genesis.
fn chain() -> Chain {
    Chain::local(Work::LIGHT, &glyphs()).with(|genesis| set_parameter(genesis, "consensus.snow", 1))
}

/// Alice, Bob and Charlie, those of them named in `without` with Snow left out, and a worker beside Alice.
struct Validators {
    nodes: [Node; 3],
    _worker: Worker,
    _folder: TempDir,
}

impl Validators {
    async fn start(chain: &Chain, without: &[Player]) -> Self {
        let flags = |player| {
            if without.contains(&player) {
                &["--no-snow"][..]
            } else {
                &[]
            }
        };
        let alice = Node::validator_with(chain, Player::Alice, flags(Player::Alice), &[]).await;
        let bob = Node::validator_with(chain, Player::Bob, flags(Player::Bob), &[&alice]).await;
        let charlie = Node::validator_with(
            chain,
            Player::Charlie,
            flags(Player::Charlie),
            &[&alice, &bob],
        )
        .await;
        let folder = tempfile::tempdir().unwrap();
        let worker = Worker::start(&alice, Player::Alice, &folder.path().join("worker"), &[]);
        Self {
            nodes: [alice, bob, charlie],
            _worker: worker,
            _folder: folder,
        }
    }

    /// Fails unless all have the same final blocks up to `height`.
    fn agree(&self, height: u64) {
        for number in 0..=height {
            let [alice, bob, charlie] = self.nodes.each_ref().map(|node| node.hash(number));
            assert!(alice.is_some(), "block {number} is missing");
            assert_eq!((&alice, &alice), (&bob, &charlie), "block {number}");
        }
    }
}

fn state(node: &Node) -> Value {
    node.call("snow_state", json!([]))
}

/// What a node has said about blocks up to a number, in the order in which it said it.
#[derive(Clone, Copy, Debug)]
enum Said {
    Accepted(u64),
    Final(u64),
}

/// When the blocks from the first number on were first said to be accepted and to be final; a word about a block is one
/// about its ancestors.
fn firsts(said: &[Said]) -> (BTreeMap<u64, usize>, BTreeMap<u64, usize>) {
    let mut found = (BTreeMap::new(), BTreeMap::new());
    let (mut accepted, mut finalised) = (0, 0);
    for (when, word) in said.iter().enumerate() {
        let (upto, last, map) = match word {
            Said::Accepted(number) => (*number, &mut accepted, &mut found.0),
            Said::Final(number) => (*number, &mut finalised, &mut found.1),
        };
        for number in *last + 1..=upto {
            map.insert(number, when);
        }
        *last = upto.max(*last);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn acceptance_comes_before_finality_and_is_of_the_same_blocks() {
    let _turn = turn().await;
    let validators = Validators::start(&chain(), &[]).await;
    let alice = &validators.nodes[0];
    for node in &validators.nodes {
        until("every validator reaches all stake", async || {
            let state = state(node);
            assert_eq!(state["mode"], "grandpa+snow");
            (state["engine"]["connectedStake"] == "3").then_some(())
        })
        .await;
    }
    alice.finalises(3).await;

    let socket = subxt::rpcs::client::jsonrpsee_client(&alice.url()).await;
    let rpc = RpcClient::new(socket.unwrap());
    let mut accepted: RpcSubscription<Value> = rpc
        .subscribe(
            "snow_subscribeAccepted",
            rpc_params![],
            "snow_unsubscribeAccepted",
        )
        .await
        .unwrap();
    let mut finalised: RpcSubscription<Value> = rpc
        .subscribe(
            "chain_subscribeFinalizedHeads",
            rpc_params![],
            "chain_unsubscribeFinalizedHeads",
        )
        .await
        .unwrap();
    let mut said = Vec::new();
    let mut hashes = BTreeMap::new();
    let mut begin = None;
    let old = loop {
        let word = tokio::select! {
            block = accepted.next() => {
                let block = block.unwrap().unwrap();
                let number = block["number"].as_u64().unwrap();
                hashes.insert(number, block["hash"].as_str().unwrap().to_owned());
                Said::Accepted(number)
            }
            head = finalised.next() => {
                let head = head.unwrap().unwrap();
                let number = head["number"].as_str().unwrap().trim_start_matches("0x");
                Said::Final(u64::from_str_radix(number, 16).unwrap())
            }
        };
        said.push(word);
        let Said::Final(number) = word else {
            continue;
        };
        let begin = *begin.get_or_insert(number);
        let Some(first) = hashes.keys().next() else {
            continue;
        };
        // What was accepted or final before the subscriptions has no order.
        let old = begin.max(*first);
        if number > old + BLOCKS {
            break old;
        }
    };

    let (accepted, finalised) = firsts(&said);
    let compared: Vec<(usize, usize)> = finalised
        .range(old + 1..)
        .map(|(number, when)| (accepted.get(number).copied().unwrap_or(usize::MAX), *when))
        .collect();
    assert!(compared.len() >= 20, "{} blocks compared", compared.len());
    let first = compared
        .iter()
        .filter(|(accepted, finalised)| accepted < finalised);
    let first = first.count();
    assert!(
        2 * first > compared.len(),
        "{first} of {} blocks were accepted before they were final: {said:?}",
        compared.len()
    );
    let last = finalised.keys().next_back().copied().unwrap();
    for node in &validators.nodes {
        node.finalises(last).await;
        let engine = &state(node)["engine"];
        assert_eq!(engine["overruled"], 0);
        assert!(engine["blocksAccepted"].as_u64() >= Some(20), "{engine}");
    }
    for (number, hash) in hashes.range(..=last) {
        assert_eq!(alice.hash(*number).as_ref(), Some(hash), "block {number}");
    }
    validators.agree(last);
}

#[tokio::test(flavor = "multi_thread")]
async fn finality_goes_on_when_one_validator_drops_snow() {
    dropped(&[Player::Charlie]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finality_goes_on_when_two_of_three_validators_drop_snow() {
    dropped(&[Player::Bob, Player::Charlie]).await;
}

/// Without enough stake Snow accepts nothing, and Alice's rule steps aside.
async fn dropped(without: &[Player]) {
    let _turn = turn().await;
    let validators = Validators::start(&chain(), without).await;
    let [alice, _, charlie] = &validators.nodes;
    let left_out = state(charlie);
    assert_eq!(left_out["mode"], "grandpa+snow");
    assert_eq!(
        (&left_out["running"], &left_out["engine"]),
        (&json!(false), &Value::Null)
    );
    for node in &validators.nodes {
        node.finalises(20).await;
    }
    let engine = &state(alice)["engine"];
    assert_eq!(engine["polling"], false);
    assert_eq!(engine["blocksAccepted"], 0);
    validators.agree(20);
    // Once it has stepped aside, it does not come back for every few blocks.
    let height = alice.height();
    alice.finalises(height + 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn governance_switches_snow_on_and_off_while_the_nodes_run() {
    let _turn = turn().await;
    let chain = Chain::local(Work::LIGHT, &glyphs());
    let validators = Validators::start(&chain, &[]).await;
    let [alice, ..] = &validators.nodes;
    alice.finalises(1).await;
    assert_eq!(state(alice)["mode"], "grandpa");

    refer(alice, "true").await;
    for node in &validators.nodes {
        until("every validator accepts blocks", async || {
            let accepted = state(node)["engine"]["blocksAccepted"].as_u64()?;
            (accepted >= 5).then_some(())
        })
        .await;
        assert_eq!(state(node)["mode"], "grandpa+snow");
    }
    alice.finalises(alice.height()).await;

    refer(alice, "false").await;
    for node in &validators.nodes {
        until("every validator stops Snow", async || {
            (state(node)["engine"] == Value::Null).then_some(())
        })
        .await;
        assert_eq!(state(node)["mode"], "grandpa");
    }
    let height = alice.height();
    alice.finalises(height).await;
    validators.agree(height);
}

/// Switches Snow on or off by a referendum.
async fn refer(node: &Node, value: &str) {
    let propose = ["gov", "propose", "parameter", "consensus.snow", value];
    let proposed = quern(node, &[&propose[..], &["--key", "//Eve"]].concat());
    let report = proposed.unwrap_or_else(|error| panic!("{error}"));
    let index = report["index"].as_u64().unwrap().try_into().unwrap();
    let client = node.client().await;
    Holders::approve(&client, index).await;
    Holders::enacted(&client, index).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_finalises_by_grandpa_alone_unless_its_genesis_says_otherwise() {
    let _turn = turn().await;
    let node = Node::validator(&Chain::dev(Work::LIGHT, &glyphs()), Player::Alice, &[]).await;
    let off = json!({ "mode": "grandpa", "running": false, "engine": null });
    assert_eq!(state(&node), off);
}
