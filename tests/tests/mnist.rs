//! Real pictures: ten thousand handwritten digits, learnt while their seals make blocks.

use quern_tests::{Chain, Node, Player, Work, Worker, binary, digits, glyphs, skip, turn};
use quern_work::TaskSpec;

/// What the model must reach on the rows it never saw, in percent.
const HELD_OUT: f64 = 94.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_learns_handwritten_digits_while_its_seals_make_blocks() {
    let Some(source) = digits() else {
        skip(
            "no handwritten digits; set QUERN_DATA to a folder with images-idx3-ubyte.gz and labels-idx1-ubyte.gz",
        );
        return;
    };
    let _turn = turn().await;
    let commitment = binary::run("quern", &["dataset", "commit", &source, "--json"]);
    assert!(commitment.success, "{}", commitment.stderr);
    let task = TaskSpec {
        dataset: serde_json::from_str(&commitment.stdout).unwrap(),
        hidden: vec![256].try_into().unwrap(),
        ..glyphs()
    };
    let chain = Chain::dev(Work::LIGHT, &task);
    let folder = tempfile::tempdir().unwrap();
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let more = ["--dataset", &source, "--held-out-every", "128"];
    let mut worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &more);

    let learnt = worker
        .reports_that("a held-out accuracy of 94 %", |report| {
            report.held_out.is_some_and(|percent| percent >= HELD_OUT) && report.seals >= 3
        })
        .await;
    node.finalises(3).await;
    println!("{learnt:?}");
}
