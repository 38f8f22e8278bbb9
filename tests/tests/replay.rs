//! Five hundred blocks, executed by the node that made them, by another, and again after a restart.

use quern_tests::{Chain, Node, Player, Work, Worker, glyphs, turn};
use serde_json::{Value, json};

/// Blocks to go over.
const BLOCKS: u64 = 500;

/// Work so light that blocks come as fast as templates do.
const LIGHTEST: Work = Work {
    interval_ms: 100,
    difficulty: 20_000_000,
    floor: 10_000_000,
    share_difficulty: 2_000_000_000,
    max_ahead: 4096,
};

/// The state roots after some blocks, and what the runtime says of the run after the last of them: a node
/// imports a block only if executing it gives the root that its header names.
fn states(node: &Node) -> (Vec<Value>, Value) {
    let hash = |number| node.hash(number).expect("a block of the best chain");
    let root = |number| node.call("chain_getHeader", json!([hash(number)]))["stateRoot"].clone();
    let run = json!(["WorkApi_run", "0x0000000000000000", hash(BLOCKS)]);
    let roots = [1, 99, 250, BLOCKS].map(root).to_vec();
    (roots, node.call("state_call", run))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_and_every_restart_reaches_the_same_state() {
    let _turn = turn().await;
    let chain = Chain::dev(LIGHTEST, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let mut maker = Node::validator(&chain, Player::Alice, &[]).await;
    let mut worker = Worker::start(&maker, Player::Alice, &folder.path().join("worker"), &[]);
    for height in (50..=BLOCKS).step_by(50) {
        maker.reaches(height).await;
    }
    worker.stop();

    let follower = Node::observer(&chain, &[&maker]).await;
    follower.reaches(BLOCKS).await;
    let made = states(&maker);
    assert_ne!(made.0[0], made.0[1]);
    assert_eq!(made, states(&follower));

    maker.kill();
    maker.restart().await;
    assert_eq!(made, states(&maker));
}
