//! The whole story: a client pays for a training on their own data; strangers' machines are drawn, train it
//! while they seal blocks, are audited, score it and are paid; the client fetches the model.

use std::{fs, path::Path};

use quern_client::{Model, Role, Spec, TaskStage, dataset::Source, ss58};
use quern_tests::{
    Books, Chain, Customer, Node, Player, QRN, Work, Worker, binary, digits, glyphs, turn, until,
};
use quern_work::TaskSpec;
use serde_json::json;

/// What the client orders: two runs of 256 steps, about four times over 8 000 rows.
const SPEC: &str = r#"
name = "digits"
[network]
hidden = [256]
[training]
steps = 256
lr_shift = 3
segment = 32
[data]
held_out = 0.2
[market]
workers = 2
evaluators = 1
target = 0.8
fee = 100
"#;

/// The local chain with two miners, the validators as supervisors, one more of them, and three verifiers.
fn chain() -> Chain {
    let commons = TaskSpec {
        segment: 32,
        ..glyphs()
    };
    let work = Work {
        max_ahead: 2048,
        ..Work::LIGHT
    };
    Chain::local(work, &commons).with(|genesis| {
        let holders = [
            (Player::Alice, Role::Miner),
            (Player::Alice, Role::Supervisor),
            (Player::Bob, Role::Miner),
            (Player::Bob, Role::Supervisor),
            (Player::Charlie, Role::Supervisor),
            (Player::Dave, Role::Verifier),
            (Player::Eve, Role::Verifier),
            (Player::Ferdie, Role::Verifier),
            (Player::Dave, Role::Supervisor),
        ];
        let ticket =
            |(owner, role): &(Player, Role)| json!([owner.address(), role, 10 * QRN as u64, 4]);
        genesis["tickets"]["tickets"] = holders.iter().map(ticket).collect();
        genesis["work"]["runs"] = json!([
            [Player::Alice.address(), 0, 0],
            [Player::Bob.address(), 0, 2],
        ]);
    })
}

/// Runs the client's command, which must succeed; its report.
fn quern(node: &Node, arguments: &[&str]) -> serde_json::Value {
    let ended = binary::run(
        "quern",
        &[arguments, &["--url", &node.url(), "--json"]].concat(),
    );
    assert!(ended.success, "{arguments:?}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("a report in JSON")
}

/// Right answers of a model file on the rows that nobody trained on.
fn score(model: &Path, source: &str) -> u32 {
    let spec = Spec::parse(SPEC).unwrap();
    let source: Source = source.parse().unwrap();
    let held_out = spec.load(&source).unwrap().held_out;
    let answers = Model::read(model)
        .unwrap()
        .state
        .predict(held_out.x())
        .unwrap();
    let right = answers.iter().zip(held_out.y()).filter(|(a, b)| a == b);
    right.count() as u32
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_pays_for_a_training_that_strangers_do_check_score_and_are_paid_for() {
    let _turn = turn().await;
    let source = digits().unwrap_or_else(|| "glyphs".into());
    let chain = chain();
    let folder = tempfile::tempdir().unwrap();
    let alice = Node::validator(&chain, Player::Alice, &[]).await;
    let bob = Node::validator(&chain, Player::Bob, &[&alice]).await;
    let charlie = Node::validator(&chain, Player::Charlie, &[&alice]).await;
    let start = |node: &Node, player: Player, roles: &str| {
        let data_dir = folder.path().join(player.name());
        Worker::start(node, player, &data_dir, &["--role", roles])
    };
    let mut workers = vec![
        start(&alice, Player::Alice, "miner,supervisor"),
        start(&bob, Player::Bob, "miner,supervisor"),
        start(&charlie, Player::Charlie, "supervisor"),
        start(&charlie, Player::Dave, "verifier,supervisor"),
        start(&alice, Player::Eve, "verifier"),
    ];
    alice.finalises(2).await;
    let ferdie = Player::Ferdie.suri();
    quern(&alice, &["ticket", "buy", "evaluator", "--key", &ferdie]);
    workers.push(start(&bob, Player::Ferdie, "verifier,evaluator"));

    let client = alice.client().await;
    let before = client
        .balance(&Player::Charlie.account(), None)
        .await
        .unwrap();
    let folder_of_client = folder.path().join("client");
    fs::create_dir(&folder_of_client).unwrap();
    let mut customer = Customer::order(&alice, Player::Charlie, SPEC, &source, &folder_of_client);
    customer.report().await;

    // Two mine: the best block that ended it may be given up again.
    let (task, height) = until("the task's end is final", async || {
        let head = client.finalised_header().await.unwrap();
        let task = client.task(1, Some(head.hash)).await.unwrap()?;
        task.stage.is_over().then_some((task, head.number))
    })
    .await;
    assert_eq!(task.stage, TaskStage::Completed, "{task:?}");
    charlie.finalises(height).await;
    assert!(
        task.miners.iter().all(|miner| miner.accepted == 256),
        "{task:?}"
    );
    let best = task.best.unwrap();
    let supervisor = task.supervisor.map(|(_, owner)| owner);
    assert_eq!(
        supervisor,
        Some(Player::Dave.account()),
        "neither a miner nor the client"
    );
    let owners: Vec<String> = task.miners.iter().map(|miner| ss58(&miner.owner)).collect();
    assert!(owners.contains(&Player::Alice.address()) && owners.contains(&Player::Bob.address()));

    // The model scores what the chain says, to the bit.
    let model = folder.path().join("digits.model");
    quern(&charlie, &["task", "fetch", "1", model.to_str().unwrap()]);
    assert_eq!(score(&model, &source), best.correct);

    // The fee is gone, the evaluator has its 15 % of nine tenths, and every coin is accounted for.
    let after = client
        .balance(&Player::Charlie.account(), None)
        .await
        .unwrap();
    let paid = before.total() - after.total();
    assert!((80 * QRN..101 * QRN).contains(&paid), "{paid}");
    let earned = client
        .economics(&Player::Ferdie.account(), None)
        .await
        .unwrap();
    assert!(earned.reputation > 0);
    let ferdie = client
        .balance(&Player::Ferdie.account(), None)
        .await
        .unwrap();
    assert!(
        ferdie.total() >= 1_000 * QRN + 135 * QRN / 10 - QRN,
        "{ferdie:?}"
    );
    let head = client.best_header().await.unwrap();
    let books = Books::read(&alice, &head.hash);
    assert_eq!(
        books.total(),
        client.total_issuance(Some(head.hash)).await.unwrap()
    );

    // The others follow the same chain, and its end is final.
    charlie.finalises(head.number).await;
    assert_eq!(alice.hash(head.number), charlie.hash(head.number));
    for worker in &mut workers {
        worker.stop();
    }
}
