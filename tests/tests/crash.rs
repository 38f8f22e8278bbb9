//! Power cuts: `kill -9` of node and worker, again and again, and on they go on the same folders.

use std::{path::Path, time::Duration};

use quern_client::{Client, Run};
use quern_tests::{Chain, Node, Player, Work, Worker, binary, glyphs, turn};
use quern_work::hash;

/// Chooses the moments of the cuts; another seed gives other moments.
const SEED: [u8; 32] = [42; 32];

#[tokio::test(flavor = "multi_thread")]
async fn after_power_cuts_chain_and_training_go_on_where_they_were() {
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("worker");
    let mut node = Node::validator(&chain, Player::Alice, &[]).await;
    let mut worker = Worker::start(&node, Player::Alice, &data_dir, &[]);

    for (round, (cut_node, cut_worker)) in [(true, false), (false, true), (true, true)]
        .into_iter()
        .enumerate()
    {
        accepted_beyond(&node, 64 * round as u64).await;
        node.finalises(3 * (round as u64 + 1)).await;
        tokio::time::sleep(moment(round as u64)).await;
        let before = Kept::read(&node).await;
        if cut_worker {
            worker.kill();
        }
        if cut_node {
            node.kill();
        }

        if cut_node {
            node.restart().await;
        }
        if cut_worker {
            worker = Worker::start(&node, Player::Alice, &data_dir, &[]);
            let step: u64 = worker
                .says("run 0 goes on at step ")
                .await
                .trim()
                .parse()
                .unwrap();
            assert!(step >= before.committed, "{step} < {}", before.committed);
        }
        assert_eq!(
            node.hash(before.finalised).as_ref(),
            Some(&before.finalised_hash)
        );
        node.reaches(before.height + 3).await;
        node.finalises(before.height + 1).await;
        assert_eq!(node.hash(before.finalised), Some(before.finalised_hash));
        accepted_beyond(&node, before.committed).await;
        let runs = node
            .client()
            .await
            .runs_of(&Player::Alice.account(), None)
            .await
            .unwrap();
        assert_eq!(runs.len(), 1, "no second run was opened");
    }

    a_second_worker_in_the_same_folder_is_refused(&node, &data_dir);
    let mut next = Worker::start(&node, Player::Alice, &folder.path().join("other"), &[]);
    worker.stop();
    next.says("run 0 goes on at step ").await;
}

/// What must survive.
struct Kept {
    height: u64,
    finalised: u64,
    finalised_hash: String,
    committed: u64,
}

impl Kept {
    async fn read(node: &Node) -> Self {
        let finalised = node.finalised();
        Self {
            height: node.height(),
            finalised,
            finalised_hash: node.hash(finalised).unwrap(),
            committed: run(&node.client().await).await.committed,
        }
    }
}

fn a_second_worker_in_the_same_folder_is_refused(node: &Node, data_dir: &Path) {
    let (url, folder) = (node.url(), data_dir.to_str().unwrap());
    let ended = binary::run(
        "quern-worker",
        &["--dev", "--node", &url, "--data-dir", folder],
    );
    assert!(!ended.success);
    let last = ended.stderr.lines().last().unwrap();
    assert!(
        last.contains("another worker is training this run"),
        "{last}"
    );
}

/// A moment that nobody chose, within three seconds.
fn moment(round: u64) -> Duration {
    let mut bytes = [0; 8];
    hash::xof(&SEED, &round.to_le_bytes()).fill(&mut bytes);
    Duration::from_millis(u64::from_le_bytes(bytes) % 3_000)
}

async fn run(client: &Client) -> Run {
    client.run(0, None).await.unwrap().unwrap().run
}

/// Waits until the chain has accepted a claim beyond this step.
async fn accepted_beyond(node: &Node, step: u64) {
    let client = node.client().await;
    quern_tests::until(&format!("a claim beyond step {step}"), async || {
        (run(&client).await.accepted > step).then_some(())
    })
    .await;
}
