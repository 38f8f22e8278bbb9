//! A lone miner: one node on a development chain, one worker beside it.

use std::collections::BTreeSet;

use quern_client::{Client, Run, text::hex32};
use quern_tests::{
    Books, Chain, Node, POOL, Player, QRN, Report, TREASURY, Work, Worker, glyphs, turn,
};
use quern_work::TaskSpec;

/// Percentage points that the held-out accuracy must gain after the first report; so slow a learning rate makes it visible.
const GAIN: f64 = 2.0;

/// Blocks that are enough to see finality follow, shares come and claims be accepted.
const BLOCKS: u64 = 15;

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_miner_seals_blocks_by_training() {
    let _turn = turn().await;
    let work = Work {
        share_difficulty: 500_000_000,
        ..Work::LIGHT
    };
    let task = TaskSpec {
        lr_shift: 8,
        ..glyphs()
    };
    let chain = Chain::dev(work, &task);
    let folder = tempfile::tempdir().unwrap();
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let data_dir = folder.path().join("worker");
    let mut worker = Worker::start(&node, Player::Alice, &data_dir, &["--held-out-every", "64"]);
    let client = node.client().await;

    node.reaches(BLOCKS).await;
    node.finalises(BLOCKS).await;
    let shared = |report: &Report| report.shares > 0 && report.claims > 0;
    worker
        .reports_that("a share and an accepted claim", shared)
        .await;
    let first = worker
        .reports_that("a first measure", |report| {
            report.held_out.is_some() && report.loss.is_some()
        })
        .await;
    let learnt = worker
        .reports_that("a higher held-out accuracy", |report| {
            report.held_out > first.held_out.map(|percent| percent + GAIN)
        })
        .await;
    assert!(learnt.loss < first.loss, "{first:?} {learnt:?}");
    worker.stop();

    let status = client.status().await.unwrap();
    assert_eq!(status.author, Some(Player::Alice.account()));
    assert!(status.seals_accepted >= BLOCKS, "{status:?}");
    money_adds_up(&node, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_miner_goes_over_a_used_up_window_again_until_a_block_takes_its_claim() {
    let _turn = turn().await;
    // All steps of the window together do less work than half a block expects.
    let work = Work {
        difficulty: 1_000_000_000,
        max_ahead: 64,
        ..Work::LIGHT
    };
    let chain = Chain::dev(work, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let mut worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);
    let onward = |report: &Report| report.claims >= 2;
    worker.reports_that("a second accepted claim", onward).await;
    worker.stop();
    money_adds_up(&node, &node.client().await).await;
}

/// Every coin is accounted for: nothing is minted twice, and nothing but fees is burnt.
async fn money_adds_up(node: &Node, client: &Client) {
    let genesis = Books::read(node, &client.genesis_hash());
    assert_eq!(genesis.emitted, genesis.total());

    let head = client.best_header().await.unwrap();
    let books = Books::read(node, &head.hash);
    let issuance = client.total_issuance(Some(head.hash)).await.unwrap();
    assert_eq!(books.total(), issuance, "at {}", hex32(&head.hash));

    let fees = fees(client, head.number).await;
    let of_all_fees = |part: fn(u128) -> u128| fees.iter().map(|fee| part(*fee)).sum::<u128>();
    assert_eq!(books.emitted - issuance, of_all_fees(burnt));
    assert_eq!(
        books.of(&TREASURY),
        genesis.of(&TREASURY) + of_all_fees(fifth)
    );

    // 50 QRN a block: 15 for the pool, which nobody votes for here, 2.5 for the author, 32.5 for the run whose step sealed the
    // parent, once a step.
    let earned = steps_that_earned(client, head.number).await;
    assert_eq!(books.of(&POOL), u128::from(head.number) * 15 * QRN);
    let author = u128::from(head.number) * 5 * QRN / 2;
    let worker = earned as u128 * 65 * QRN / 2;
    assert_eq!(
        books.emitted,
        genesis.emitted + books.of(&POOL) + author + worker
    );
    let alice = Player::Alice.account();
    // Her own block gives her a fifth of her fee back.
    let lost = of_all_fees(burnt) + of_all_fees(fifth);
    assert_eq!(
        books.of(&alice) + lost,
        genesis.of(&alice) + author + worker
    );

    let run = client.run(0, Some(head.hash)).await.unwrap().unwrap().run;
    assert_eq!(
        run.seals,
        head.number - 1,
        "every block but the last has its seal recorded"
    );
    let balance = client.balance(&alice, Some(head.hash)).await.unwrap();
    let held = |reason: &str| {
        let holds = balance.held.iter().filter(|hold| hold.reason == reason);
        holds.map(|hold| hold.amount).sum::<u128>()
    };
    let tickets = client.tickets_of(&alice, Some(head.hash)).await.unwrap();
    let stake: u128 = tickets.iter().map(|ticket| ticket.stake).sum();
    assert_eq!(balance.total(), books.of(&alice));
    assert_eq!(held("Rewards::Vesting"), run.vesting, "what vests is held");
    assert_eq!(held("Tickets::Stake"), stake, "stakes are held");
    assert_eq!(balance.reserved, run.vesting + stake, "nothing else is");
    assert!(run.vesting < worker, "claims have released some of it");
    let economics = client.economics(&alice, Some(head.hash)).await.unwrap();
    assert_eq!(economics.stake, stake);
    assert_eq!(economics.vesting, run.vesting);
    assert_eq!(economics.earned, author + worker - run.vesting);
}

/// Steps that sealed the blocks before `height` and were past every claim then: each earns one worker share, however often it
/// sealed.
async fn steps_that_earned(client: &Client, height: u64) -> usize {
    let mut steps = BTreeSet::new();
    let mut accepted = 0;
    for number in 1..height {
        let header = client.find_header(&number.to_string()).await.unwrap();
        let sealed = header.seal().unwrap().map(|seal| seal.step);
        // The next block records the seal before it decides on claims.
        let run = run_after(client, number).await;
        assert!(run.accepted >= accepted, "nothing is taken back");
        steps.extend(sealed.filter(|step| *step >= run.committed));
        accepted = run.accepted;
    }
    steps.len()
}

/// The run as block `number` left it.
async fn run_after(client: &Client, number: u64) -> Run {
    let hash = client.block_hash(number).await.unwrap();
    client.run(0, hash).await.unwrap().unwrap().run
}

/// The fees of all extrinsics up to `height`, from the events. Accepted shares and claims pay none.
async fn fees(client: &Client, height: u64) -> Vec<u128> {
    let mut fees = Vec::new();
    for number in 1..=height {
        let hash = client.block_hash(number).await.unwrap();
        for event in client.events(hash).await.unwrap() {
            if event.pallet == "TransactionPayment" && event.name == "TransactionFeePaid" {
                let (_, fee) = event.fields.split_once("actual_fee: ").unwrap();
                let digits: String = fee.chars().take_while(char::is_ascii_digit).collect();
                fees.push(digits.parse().unwrap());
            }
        }
    }
    fees
}

/// A fifth of a fee: the author's part, and the treasury's.
const fn fifth(fee: u128) -> u128 {
    fee / 5
}

/// What is left of a fee.
const fn burnt(fee: u128) -> u128 {
    fee - 2 * fifth(fee)
}
