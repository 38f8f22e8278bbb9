//! A referendum replaces the runtime while blocks come and become final; nodes built from the old code follow.

use std::fs;

use quern_client::{
    Call, Client, SealError, TaskSpec, Template,
    governance::{Action, UpgradeError},
};
use quern_tests::{
    Chain, Hand, Holders, Node, Player, Runtimes, Work, Worker, binary, glyphs, quern,
    set_parameter, turn, until,
};
use quern_work::target;
use serde_json::json;

/// Tiles per parameter that may win by the old and by the new runtime's default, Q32.32.
const OMEGA_M: [u64; 2] = [(1 << 32) / 256, (1 << 32) / 1024];

/// Where the state keeps its runtime.
const CODE: &str = "0x3a636f6465";

/// twox128("Governance") ‖ twox128(":__STORAGE_VERSION__:").
const LAYOUT: &str = "0x67aa58336fa3bd26b05614ca0cff244e4e7b9012096b41c4eb3aaf947f6ea429";

/// The task that the worker mines: 1 590 tiles may win by the old rule, 397 by the new one, of 512.
fn mined() -> TaskSpec {
    TaskSpec {
        hidden: vec![512].try_into().unwrap(),
        batch: 256,
        ..glyphs()
    }
}

/// The task of the miner inside the test: 129 tiles may win by the old rule, 32 by the new one, of 64.
fn by_hand(hand: &Hand) -> TaskSpec {
    TaskSpec {
        batch: 256,
        ..hand.task()
    }
}

/// The local chain: Alice and Bob own runs of the first task, Charlie one of the second. Only the parameters' number counts for
/// the allowance.
fn chain(hand: &Hand) -> Chain {
    let second = json!(by_hand(hand));
    Chain::local(Work::LIGHT, &mined()).with(|genesis| {
        set_parameter(genesis, "work.omega_b", 0);
        let tasks = genesis["tasks"]["commons"].as_array_mut().unwrap();
        tasks.push(second);
        genesis["work"]["runs"][2][1] = 1.into();
    })
}

/// The current template of a node.
async fn template(client: &Client) -> Template {
    let mut templates = client.subscribe_templates().await.unwrap();
    templates.next().await.unwrap()
}

/// What a node's runtime says of Charlie's draws that lose, beyond the new allowance and within it.
async fn verdicts(hand: &Hand, charlie: &Client, judge: &Client) -> [SealError; 2] {
    let template = template(charlie).await;
    let run = &template.runs[0];
    let shape = run.spec.lottery_shape(template.rules.noise_rank);
    let draws = hand.draws(&template, run, run.accepted);
    let mut verdicts = Vec::new();
    for range in [32..64, 0..32] {
        let loser = draws[range]
            .iter()
            .find(|drawn| !target::wins(drawn.draw, template.difficulty, shape.tile_macs()))
            .expect("most draws lose");
        let signer = Player::Charlie.signer();
        let genesis = judge.genesis_hash();
        let seal = signer.sign_seal(&genesis, &template.pre_hash, loser.seal.clone());
        let verdict = until("the judge knows the template's parent", async || {
            let parent = judge.header(template.parent).await.unwrap()?.hash;
            let seal = seal.encode();
            let author = template.author;
            let verdict = judge.verify_seal(template.pre_hash, &author, &seal, Some(parent));
            Some(verdict.await.unwrap())
        });
        verdicts.push(verdict.await.expect_err("a draw that loses"));
    }
    verdicts.try_into().expect("two verdicts")
}

/// Tries an upgrade on a node's state; its lines, or its refusal.
fn try_runtime(node: &Node, runtime: &std::path::Path) -> Result<String, String> {
    let url = node.url();
    let runtime = runtime.to_str().unwrap();
    let ended = binary::run(
        "quern-node",
        &["try-runtime", "--uri", &url, "--runtime", runtime],
    );
    if ended.success {
        Ok(ended.stdout)
    } else {
        Err(ended.stderr)
    }
}

async fn version(node: &Node) -> u32 {
    let version = node.client().await.runtime_version(None).await;
    version.unwrap().spec_version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referendum_replaces_the_runtime_while_mining_and_finality_go_on() {
    let _turn = turn().await;
    let (hand, runtimes) = (Hand::default(), Runtimes::default());
    let (next, broken) = (runtimes.next(), runtimes.broken());
    let chain = chain(&hand);
    let folder = tempfile::tempdir().unwrap();
    let alice = Node::validator(&chain, Player::Alice, &[]).await;
    let bob = Node::validator(&chain, Player::Bob, &[&alice]).await;
    let charlie = Node::validator(&chain, Player::Charlie, &[&alice, &bob]).await;
    let mut late = Node::observer(&chain, &[&alice, &bob]).await;
    let mut worker = Worker::start(&alice, Player::Alice, &folder.path().join("worker"), &[]);
    let client = alice.client().await;
    let judges = [client.clone(), bob.client().await, charlie.client().await];

    // By the old rules: every tile may win.
    alice.finalises(2).await;
    late.finalises(2).await;
    let before = client.rules(None).await.unwrap();
    assert_eq!((before.omega_b, before.omega_m), (0, OMEGA_M[0]));
    for judge in &judges {
        let verdicts = verdicts(&hand, &judges[2], judge).await;
        assert_eq!(verdicts, [SealError::AboveTarget, SealError::AboveTarget]);
    }

    // The runtime that would spoil the state is found out, and what is none is not even tried.
    let tried = try_runtime(&alice, &next).unwrap();
    for line in ["quern 2", "checks         passed", "weight "] {
        assert!(tried.contains(line), "{tried}");
    }
    let refused = |runtime: &std::path::Path| try_runtime(&alice, runtime).unwrap_err();
    let refusal = refused(&broken);
    assert!(refusal.contains("MigrationFailed: "), "{refusal}");
    let file = runtimes.beside("text");
    fs::write(&file, "no runtime").unwrap();
    assert!(refused(&file).contains("NotWasm: "));
    let running = alice.call("state_getStorage", json!([CODE]));
    let running = hex::decode(&running.as_str().unwrap()[2..]).unwrap();
    let file = runtimes.beside("old.wasm");
    fs::write(&file, running).unwrap();
    assert!(refused(&file).contains("NoChecks: "));

    // One node misses it all.
    late.stop();
    let path = next.to_str().unwrap();
    let eve = ["--key", "//Eve"];
    let proposed = quern(
        &alice,
        &[&["gov", "propose", "upgrade", path], &eve[..]].concat(),
    );
    let index = proposed.unwrap()["index"].as_u64().unwrap() as u32;
    let enact = [&["gov", "enact", path], &eve[..]].concat();
    let early = quern(&bob, &enact).unwrap_err();
    assert!(early.contains("System::NothingAuthorized"), "{early}");
    Holders::approve(&client, index).await;
    let referendum = Holders::enacted(&client, index).await;
    assert!(
        referendum
            .does
            .unwrap()
            .starts_with("authorises the runtime 0x"),
        "in words"
    );

    // Only what was voted on is taken: the command refuses to send anything else, and so does the chain.
    let code = fs::read(&broken).unwrap();
    let mismatch = client.expect_authorised(&code).await.unwrap_err();
    assert!(
        matches!(mismatch, UpgradeError::Unauthorized { .. }),
        "{mismatch}"
    );
    let apply = Call::Govern(Action::ApplyUpgrade { code });
    let submitted = client.submit(&apply, &Player::Dave.signer()).await;
    let refused_by_chain = match submitted {
        Ok(submitted) => submitted.in_block().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(refused_by_chain.name(), "System::Unauthorized");
    assert_eq!(version(&alice).await, 1);

    let enacted = quern(&bob, &enact).unwrap();
    let height = enacted["number"].as_u64().unwrap();
    for node in [&alice, &bob, &charlie] {
        until("the new runtime is in force", async || {
            (version(node).await == 2).then_some(())
        })
        .await;
    }

    // Mining and finality go on, and the worker keeps to the new allowance.
    let goal = height + 8;
    for node in [&alice, &bob, &charlie] {
        node.finalises(goal).await;
    }
    let after = client.rules(None).await.unwrap();
    assert_eq!(after.omega_m, OMEGA_M[1]);
    assert_eq!(after.share_difficulty, before.share_difficulty);
    let spec = mined();
    let shape = spec.lottery_shape(after.noise_rank);
    let allowance = target::allowance(0, after.omega_m, shape.m, spec.parameters());
    assert!(u64::from(allowance) < u64::from(shape.tiles_m() * shape.tiles_n()));
    for number in 1..=goal {
        let header = client.find_header(&number.to_string()).await.unwrap();
        let seal = header.seal().unwrap().expect("every block has a seal");
        let within = shape.ordinal(seal.tile) < allowance.into();
        assert!(
            within || number <= height,
            "block {number}: {:?}",
            seal.tile
        );
    }
    // Nodes built from the old code obey it.
    for judge in &judges {
        let verdicts = verdicts(&hand, &judges[2], judge).await;
        assert_eq!(
            verdicts,
            [SealError::BeyondAllowance, SealError::AboveTarget]
        );
    }

    // The migration has been made, once.
    let layout = alice.call("state_getStorage", json!([LAYOUT]));
    assert_eq!(layout, "0x0200", "the pallet's layout is of version 2");
    let again = refused(&next);
    assert!(again.contains("SpecVersionNotHigher: "), "{again}");

    // The node that was off comes through.
    late.restart().await;
    late.finalises(goal).await;
    assert_eq!(version(&late).await, 2);
    assert_eq!(late.hash(goal), alice.hash(goal));
    let height = alice.height();
    worker
        .reports_that("mining goes on", |report| report.height > height)
        .await;
    alice.finalises(height + 2).await;
    worker.stop();
}
