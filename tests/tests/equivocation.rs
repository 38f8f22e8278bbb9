//! One finality key in two nodes: the votes that differ are seen, reported and punished, by themselves.

use quern_tests::{Chain, Node, Player, Work, Worker, glyphs, turn, until};
use serde_json::{Value, json};

/// Alice's tickets of genesis.
const MINERS: u64 = 0;
const SUPERVISORS: u64 = 1;

/// Alice's node with some blocks of its own that nobody has voted on, stopped.
async fn fork(chain: &Chain, folder: &std::path::Path) -> Node {
    let mut node = Node::validator_with(chain, Player::Alice, &["--no-grandpa"], &[]).await;
    let worker = Worker::start(&node, Player::Alice, folder, &[]);
    node.reaches(8).await;
    drop(worker);
    node.stop();
    node
}

/// Starts the node again and waits for its vote in the first round, on a block of its own.
async fn vote(node: &mut Node) {
    node.restart_without("--no-grandpa").await;
    until("a prevote in the first round", async || {
        // Not ready before the voter is.
        let state = node.ask("grandpa_roundState", json!([])).ok()?;
        assert_eq!(state["best"]["round"], 1, "{state}");
        let voted = state["best"]["prevotes"]["currentWeight"].as_u64();
        (voted == Some(1)).then_some(())
    })
    .await;
}

fn ticket(node: &Node, id: u64) -> Value {
    node.call("market_ticket", json!([id]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_runs_twice_is_reported_by_who_mines_and_loses_its_stake() {
    let _turn = turn().await;
    let chain = Chain::local(Work::LIGHT, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let mut one = fork(&chain, &folder.path().join("one")).await;
    let mut other = fork(&chain, &folder.path().join("other")).await;
    vote(&mut one).await;
    vote(&mut other).await;
    assert_ne!(one.hash(4), other.hash(4));

    // Of three validators it takes all to finalise: with Bob, who hears both, the first round lasts.
    let bob = Node::validator(&chain, Player::Bob, &[&one, &other]).await;
    let _worker = Worker::start(&bob, Player::Bob, &folder.path().join("bob"), &[]);
    assert!(!ticket(&bob, SUPERVISORS).is_null());
    until("Alice is convicted", async || {
        ticket(&bob, SUPERVISORS).is_null().then_some(())
    })
    .await;
    assert!(!ticket(&bob, MINERS).is_null(), "the miner's ticket stays");
    assert!(!ticket(&bob, SUPERVISORS + 2).is_null(), "Bob keeps his");
}
