//! Several nodes: they check each other's seals and agree on one final chain.

use std::collections::BTreeSet;

use quern_client::Account;
use quern_tests::{Chain, Node, Player, Work, Worker, glyphs, turn, until};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_join_sync_from_genesis_and_finalise_the_same_chain() {
    let _turn = turn().await;
    let chain = Chain::local(Work::LIGHT, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let alice = Node::validator(&chain, Player::Alice, &[]).await;
    let _worker = Worker::start(&alice, Player::Alice, &folder.path().join("worker"), &[]);
    alice.reaches(5).await;
    assert_eq!(
        alice.finalised(),
        0,
        "one validator of three finalises nothing"
    );

    let bob = Node::validator(&chain, Player::Bob, &[&alice]).await;
    let charlie = Node::validator(&chain, Player::Charlie, &[&alice, &bob]).await;
    let all = [&alice, &bob, &charlie];
    for node in all {
        node.finalises(8).await;
    }
    same_final_chain(&all, 8);

    let height = alice.height().max(12);
    alice.reaches(height).await;
    let late = Node::observer(&chain, &[&alice, &bob, &charlie]).await;
    late.finalises(height).await;
    for node in all {
        node.finalises(height).await;
    }
    same_final_chain(&[&alice, &bob, &charlie, &late], height);

    let client = late.client().await;
    assert_eq!(
        client.status().await.unwrap().author,
        None,
        "an observer makes no templates"
    );
    until("the late node has three peers", async || {
        let peers = client.status().await.unwrap().peers;
        (peers == Some(3)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_miners_compete_and_all_nodes_agree() {
    let _turn = turn().await;
    let chain = Chain::local(Work::LIGHT, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let alice = Node::validator(&chain, Player::Alice, &[]).await;
    let bob = Node::validator(&chain, Player::Bob, &[&alice]).await;
    let charlie = Node::validator(&chain, Player::Charlie, &[&alice, &bob]).await;
    let _workers = [(&alice, Player::Alice), (&bob, Player::Bob)]
        .map(|(node, player)| Worker::start(node, player, &folder.path().join(player.name()), &[]));

    // Luck decides who seals; both do before long.
    let expected = BTreeSet::from([Player::Alice, Player::Bob].map(Player::account));
    let mut height = 10;
    loop {
        let all = [&alice, &bob, &charlie];
        for node in all {
            node.finalises(height).await;
        }
        same_final_chain(&all, height);
        if authors(&charlie, height).await == expected {
            break;
        }
        assert!(
            height < 100,
            "only one of two miners has sealed {height} blocks"
        );
        height += 5;
    }
}

/// Fails unless all nodes have the same blocks up to `height`.
fn same_final_chain(nodes: &[&Node], height: u64) {
    for number in 0..=height {
        let hashes: BTreeSet<_> = nodes.iter().map(|node| node.hash(number)).collect();
        assert_eq!(hashes.len(), 1, "block {number}: {hashes:?}");
        assert!(!hashes.contains(&None), "block {number} is missing");
    }
}

/// Who authored the blocks up to `height`.
async fn authors(node: &Node, height: u64) -> BTreeSet<Account> {
    let client = node.client().await;
    let mut authors = BTreeSet::new();
    for number in 1..=height {
        let hash = client.block_hash(number).await.unwrap().unwrap();
        authors.extend(client.header(hash).await.unwrap().unwrap().author());
    }
    authors
}
