//! What users get wrong: one clear line and a non-zero exit status each, never a panic.

use std::{
    fs,
    path::{Path, PathBuf},
};

use quern_client::text;
use quern_tests::{
    Chain, Node, Player, QRN, Work, Worker,
    binary::{self, Ended},
    glyphs, quern, turn, until,
};
use serde_json::json;
use subxt::{
    OnlineClient, SubstrateConfig,
    config::DefaultExtrinsicParamsBuilder,
    dynamic::{Value, tx},
};
use subxt_signer::sr25519::dev;

/// Nobody listens on port 1 of the loopback.
const NOBODY: &str = "ws://127.0.0.1:1";

#[test]
fn a_worker_without_node_data_or_folder_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let data_dir = at("worker");
    let (images, labels) = idx(folder.path());
    fs::write(at("text"), "not an IDX file").unwrap();
    let whole = fs::read(&images).unwrap();
    fs::write(at("short"), &whole[..whole.len() - 1]).unwrap();
    fs::write(at("long"), [&whole[..], &[0]].concat()).unwrap();
    let (images, labels) = (images.to_str().unwrap(), labels.to_str().unwrap());

    let run = |more: &[&str]| {
        let common = ["--dev", "--no-retry", "--node", NOBODY];
        worker(&[&common, more].concat())
    };
    let idx = |images: &str, labels: &str| {
        run(&[
            "--data-dir",
            &data_dir,
            "--dataset",
            &format!("idx:{images},{labels}"),
        ])
    };
    let unreachable = run(&["--data-dir", &data_dir]);
    assert!(
        unreachable.starts_with(&format!("no node reachable at {NOBODY}: ")),
        "{unreachable}"
    );
    let missing = at("missing");
    assert_eq!(
        idx(&missing, labels),
        format!("cannot open {missing}: No such file or directory (os error 2)")
    );
    assert!(idx(&at("text"), labels).starts_with(&format!("{} is not an IDX file", at("text"))));
    assert!(idx(&at("short"), labels).starts_with(&format!("{} ends early", at("short"))));
    assert!(idx(&at("long"), labels).starts_with(&format!("{} goes on after", at("long"))));
    assert!(idx(labels, images).contains("dimensions, expected"));
    let unwritable = at("text") + "/worker";
    assert!(run(&["--data-dir", &unwritable]).starts_with(&format!(
        "cannot write to the checkpoint folder {unwritable}: "
    )));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_does_not_fit_its_node_says_so() {
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let observer = Node::observer(&chain, &[&node]).await;
    let folder = tempfile::tempdir().unwrap();
    let (images, labels) = idx(folder.path());
    let data_dir = folder.path().join("worker");
    let run = |key: &str, node: &Node, more: &[&str]| {
        let url = node.url();
        let common = ["--key", key, "--no-retry", "--node", &url];
        let folder = ["--data-dir", data_dir.to_str().unwrap()];
        worker(&[&common, &folder[..], more].concat())
    };

    let genesis = format!("0x{}", "ab".repeat(32));
    let refusal = run("//Alice", &node, &["--genesis", &genesis]);
    assert!(
        refusal.starts_with("the node follows another chain: genesis 0x"),
        "{refusal}"
    );
    assert!(
        refusal.ends_with(&format!("expected {genesis}")),
        "{refusal}"
    );

    let refusal = run("//Bob", &node, &[]);
    let (alice, bob) = (Player::Alice.address(), Player::Bob.address());
    assert!(
        refusal.starts_with(&format!(
            "the node seals for {alice}, but the key is of {bob}"
        )),
        "{refusal}"
    );

    let refusal = run("//Alice", &node, &["--run", "7"]);
    assert_eq!(
        refusal,
        format!("{alice} has no live run 7: open one first")
    );

    let rows = format!("idx:{},{}", images.display(), labels.display());
    let refusal = run("//Alice", &node, &["--dataset", &rows]);
    assert!(
        refusal.starts_with(&format!("{rows} is not the data of run 0: its root is 0x")),
        "{refusal}"
    );

    let refusal = run("//Alice", &observer, &[]);
    assert!(refusal.contains("NoAuthor"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_another_chain_is_not_trained_on() {
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let other = chain.with(|genesis| genesis["difficulty"]["intervalMs"] = 2_000.into());
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("worker");
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let mut first = Worker::start(&node, Player::Alice, &data_dir, &[]);
    first.says("run 0 goes on at step ").await;
    first.stop();

    let other = Node::validator(&other, Player::Alice, &[]).await;
    let name = |genesis: String| data_dir.join(&genesis[2..18]);
    fs::rename(name(node.hash(0).unwrap()), name(other.hash(0).unwrap())).unwrap();
    let url = other.url();
    let refusal = worker(&[
        "--dev",
        "--no-retry",
        "--node",
        &url,
        "--data-dir",
        data_dir.to_str().unwrap(),
    ]);
    assert!(
        refusal.contains("holds the state of another genesis: expected "),
        "{refusal}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_answers_or_says_why_not() {
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let url = node.url();
    let quern = |url: &str, arguments: &[&str]| {
        binary::run("quern", &[&["--url", url], arguments].concat())
    };
    let refused = |url: &str, arguments: &[&str]| {
        let ended = quern(url, arguments);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        reason(&ended, "error: ")
    };

    let unreachable = refused(NOBODY, &["status"]);
    assert!(
        unreachable.starts_with(&format!("no node reachable at {NOBODY}: ")),
        "{unreachable}"
    );
    let refusal = |arguments: &[&str]| refused(&url, arguments);
    assert_eq!(refusal(&["block", "999"]), "the node knows no block 999");
    assert_eq!(
        refusal(&["run", "show", "9"]),
        "there is no run 9: never opened, or closed"
    );
    assert!(refusal(&["balance", "Alice"]).contains("is no account"));
    assert!(refusal(&["run", "open", "0", "--key", "Alice"]).starts_with("not a key: "));
    assert!(refusal(&["dataset", "commit", "mnist"]).contains("is no data set"));
    assert!(
        refusal(&["dataset", "commit", "idx:/nowhere/a,/nowhere/b"])
            .starts_with("cannot open /nowhere/a: ")
    );

    for arguments in [
        &["status"][..],
        &["block"],
        &["block", "finalised", "--json"],
        &["run", "show"],
        &["run", "show", "0", "--json"],
        &["account"],
        &["balance", &Player::Alice.address()],
        &["ticket", "price"],
        &["ticket", "list", &Player::Bob.address()],
        &["task", "list", "--json"],
        &["task", "show", "0"],
        &["key", "show", "//Alice"],
    ] {
        let ended = quern(&url, arguments);
        assert!(
            ended.success && ended.stderr.is_empty(),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert!(!ended.stdout.is_empty(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_sent_and_a_node_gets_keys_to_vote_with() {
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let _worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);
    node.reaches(1).await;

    let nobody = [7; 32];
    let (to, suri) = (text::hex32(&nobody), Player::Bob.suri());
    let sent = quern(&node, &["send", "12.5", &to, "--key", &suri]).unwrap();
    assert_eq!(sent["amount"], "12500000000000");
    let client = node.client().await;
    let balance = client.balance(&nobody, None).await.unwrap();
    assert_eq!(balance.free, 12_500_000_000_000);
    let refusal = quern(&node, &["send", "0.000000000001", &to, "--key", "//Nobody"]);
    assert!(refusal.is_err());

    let entered = quern(&node, &["validate", "--key", &suri]).unwrap();
    let known = node.call("author_hasSessionKeys", json!([entered["keys"]]));
    assert_eq!(known, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_sent_once_although_another_program_takes_its_nonce() {
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let (nobody, url) = ([7; 32], node.url());
    let sending = tokio::task::spawn_blocking(move || {
        let (to, key) = (text::hex32(&nobody), Player::Bob.suri());
        binary::run(
            "quern",
            &["send", "12.5", &to, "--key", &key, "--url", &url],
        )
    });
    until("the pool has the transfer", async || {
        let pending = node.call("author_pendingExtrinsics", json!([]));
        (pending.as_array()?.len() == 1).then_some(())
    })
    .await;

    let stock = OnlineClient::<SubstrateConfig>::from_insecure_url(node.url());
    let mut calls = stock.await.unwrap().tx().await.unwrap();
    let remark = tx("System", "remark", vec![Value::from_bytes([1])]);
    let worth_more = DefaultExtrinsicParamsBuilder::new().nonce(0).tip(QRN);
    calls
        .sign_and_submit(&remark, &dev::bob(), worth_more.build())
        .await
        .unwrap();
    let _worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);

    let sent = sending.await.unwrap();
    assert!(sent.success, "{}", sent.stderr);
    let client = node.client().await;
    let received = client.balance(&nobody, None).await.unwrap();
    assert_eq!(received.free, 12_500_000_000_000);
    let bob = Player::Bob.account();
    assert_eq!(client.balance(&bob, None).await.unwrap().nonce, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_what_is_wrong_before_any_money_moves() {
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let _worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, url) = (Player::Bob.suri(), node.url());
    let refused = |arguments: &[&str]| {
        let ended = binary::run("quern", &[arguments, &["--url", &url]].concat());
        reason(&ended, "error: ")
    };
    let submit = |spec: &str, data: &str| {
        let file = at("spec.toml");
        fs::write(&file, format!("name = \"digits\"\n{spec}")).unwrap();
        let served = at("served");
        let signing = ["--key", &key, "--blobs", &served];
        refused(&[&["task", "submit", &file, "--data", data], &signing[..]].concat())
    };

    for (spec, words) in [
        ("[network]\nhidden = [65]", "multiples of 16"),
        (
            "[network]\nhidden = [64]\n[data]\nheld_out = 1.5",
            "data.held_out",
        ),
        (
            "[network]\nhidden = [64]\n[market]\nfee = 0.001",
            "the chain takes 1 QRN at least",
        ),
        (
            "[network]\nhidden = [64]\n[market]\nfee = 100000",
            "the account can spend only 1000 QRN",
        ),
    ] {
        let refusal = submit(spec, "glyphs");
        assert!(refusal.contains(words), "{spec}: {refusal}");
    }
    let refusal = submit("[network]\nhidden = [64]", "csv:/nowhere/rows.csv");
    assert!(
        refusal.starts_with("cannot open /nowhere/rows.csv: "),
        "{refusal}"
    );
    assert!(!Path::new(&at("served")).exists(), "nothing was served");

    let stake = ["ticket", "buy", "miner", "--key", &key, "--stake"];
    let dear = refused(&[&stake[..], &["100000"]].concat());
    let cheap = refused(&[&stake[..], &["0.5"]].concat());
    assert!(dear.contains("Token"), "{dear}");
    assert!(cheap.contains("Tickets"), "{cheap}");
    assert_eq!(
        refused(&["run", "open", "0", "--key", &key]),
        "the key has no live miner ticket: `quern ticket buy` gets one"
    );
    assert_eq!(refused(&["task", "show", "7"]), "there is no task 7");
    assert_eq!(
        refused(&["task", "watch", "0"]),
        "task 0 is a commons task: it never ends"
    );
    let model = at("model");
    assert_eq!(
        refused(&["task", "fetch", "0", &model]),
        "task 0 is still commons"
    );
    let cancelled = refused(&["task", "cancel", "0", "--key", &key]);
    assert!(cancelled.contains("Tasks"), "{cancelled}");
    let spec = at("spec.toml");
    assert_eq!(refused(&["model", "show", &spec]), "this is no model file");
}

#[test]
fn a_node_that_cannot_start_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "{}").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, words) in [
        (&["--chain", "nowhere"][..], "unknown chain `nowhere`"),
        (&["--chain", file], "Error"),
        (&["--dev", "--author", "Alice"], "expected an SS58 address"),
        (&["--dev", "--sync", "fast"], "only `--sync full` works"),
        (
            &["--chain", "dev", "--base-path", file],
            "cannot use the base path",
        ),
    ] {
        let ended = binary::run("quern-node", arguments);
        assert!(!ended.success, "{arguments:?}");
        assert!(
            ended.stderr.contains(words),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert!(
            !ended.stderr.contains("panicked"),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

/// Runs a worker that must refuse to work, and gives its reason.
fn worker(arguments: &[&str]) -> String {
    reason(&binary::run("quern-worker", arguments), "quern-worker: ")
}

/// The last line of a command that failed, which is the only one that begins so.
fn reason(ended: &Ended, prefix: &str) -> String {
    assert!(!ended.success, "it should have failed: {}", ended.stdout);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let reasons = ended
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix(prefix));
    let reasons: Vec<&str> = reasons.collect();
    assert_eq!(reasons.len(), 1, "{}", ended.stderr);
    assert!(
        ended.stderr.trim_end().ends_with(reasons[0]),
        "{}",
        ended.stderr
    );
    reasons[0].to_owned()
}

/// Writes a pair of small IDX files: 100 pictures of 28×28 and their labels.
fn idx(folder: &Path) -> (PathBuf, PathBuf) {
    let (images, labels) = (folder.join("images"), folder.join("labels"));
    let header = |magic: u32, sizes: &[u32]| {
        let words = [&[magic], sizes].concat();
        words
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect::<Vec<_>>()
    };
    let pixels = vec![7; 100 * 784];
    fs::write(&images, [header(0x803, &[100, 28, 28]), pixels].concat()).unwrap();
    let classes = (0..10).cycle().take(100).collect();
    fs::write(&labels, [header(0x801, &[100]), classes].concat()).unwrap();
    (images, labels)
}
