//! Bad seals and bad shares over RPC: each is refused by the name of the rule it breaks.

use codec::Encode;
use quern_client::{Call, Claim, Client, Error, Template, WorkSeal};
use quern_tests::{Chain, Drawn, Hand, Node, Player, QRN, Work, set_parameter, turn, until};
use serde_json::json;

/// MACs of one tile of the hand's task.
const TILE_MACS: u64 = 256 * 512;

/// A development chain of the hand's task: one tile in eight wins a block, and makes a share; only the first 8 of the 16
/// tiles may win. Run 0 is Alice's, the others are Bob's.
fn chain(hand: &Hand) -> Chain {
    let work = Work {
        interval_ms: 1_000,
        difficulty: 8 * TILE_MACS,
        floor: 8 * TILE_MACS,
        share_difficulty: 8 * TILE_MACS,
        max_ahead: 64,
    };
    Chain::dev(work, &hand.task()).with(|genesis| {
        set_parameter(genesis, "work.omega_b", 1 << 32 >> 3);
        set_parameter(genesis, "work.omega_m", 0);
        let owners = [Player::Alice, Player::Bob].map(Player::address);
        let stake = 10 * QRN as u64;
        let [alice, bob] = owners;
        genesis["tickets"]["tickets"] = json!([
            [alice, "miner", stake, 4],
            [bob, "miner", stake, 4],
            [alice, "supervisor", stake, 4],
        ]);
        genesis["work"]["runs"] = json!([[alice, 0, 0], [bob, 0, 1], [bob, 0, 1], [bob, 0, 1]]);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_seal_is_refused_by_the_name_of_the_rule_it_breaks() {
    let _turn = turn().await;
    let hand = Hand::default();
    let node = Node::validator(&chain(&hand), Player::Alice, &[]).await;
    let client = node.client().await;

    for (rule, change) in CHANGES {
        let template = current(&client).await;
        let mut seal = hand.seal(&template);
        change(&mut seal, &template);
        assert_eq!(refused(&client, &template, &seal).await, *rule, "{seal:?}");
    }

    let template = current(&client).await;
    let draws = hand.draws(&template, &template.runs[0], 0);
    let mut foreign = draws[0].seal.clone();
    let next_slot = &draws[4].seal;
    (foreign.a_rows, foreign.labels) = (next_slot.a_rows.clone(), next_slot.labels);
    foreign.a_path = next_slot.a_path.clone();
    assert_eq!(refused(&client, &template, &foreign).await, "NotTheBatch");
    assert_eq!(
        refused(&client, &template, &draws[8].seal).await,
        "BeyondAllowance"
    );
    let loser = draws[..8]
        .iter()
        .find(|drawn| !wins(drawn, &template))
        .unwrap();
    assert_eq!(
        refused(&client, &template, &loser.seal).await,
        "AboveTarget"
    );

    let template = current(&client).await;
    let seal = hand.seal(&template);
    let signed = |player: Player, pre_hash| {
        let seal = seal.clone();
        player
            .signer()
            .sign_seal(&template.genesis, &pre_hash, seal)
            .encode()
    };
    let good = signed(Player::Alice, template.pre_hash);
    let long = [&good[..], &[0]].concat();
    let by_ecdsa = [&[2], &good[1..]].concat();
    for (bytes, name) in [
        (&signed(Player::Bob, template.pre_hash)[..], "BadSignature"),
        (&signed(Player::Alice, [9; 32]), "BadSignature"),
        (&by_ecdsa, "Malformed"),
        (&seal.encode(), "Malformed"),
        (&good[..0], "Malformed"),
        (&good[..good.len() / 2], "Malformed"),
        (&good[..good.len() - 1], "Malformed"),
        (&long, "Malformed"),
        (&vec![0; 3 << 20], "TooLarge"),
    ] {
        let answer = client.submit_seal_bytes(template.pre_hash, bytes).await;
        assert_eq!(refusal(answer), name, "{} bytes", bytes.len());
    }
    assert_eq!(node.height(), 0, "no bad seal made a block");
    let status = client.status().await.unwrap();
    assert_eq!(status.seals_accepted, 0);
    assert_eq!(status.seals_refused, CHANGES.len() as u64 + 12);
}

/// Breaks a seal.
type Change = fn(&mut WorkSeal, &Template);

/// What is changed in a good seal, and the rule that this breaks.
const CHANGES: &[(&str, Change)] = &[
    ("UnknownRun", |seal, _| seal.run = 99),
    ("NotTheAuthor", |seal, _| seal.run = 1),
    ("StepOutsideWindow", |seal, template| {
        seal.step = template.runs[0].committed + template.rules.max_ahead;
    }),
    ("StepOutsideWindow", |seal, _| seal.step = u64::MAX),
    ("TileOutOfRange", |seal, _| seal.tile.0 = 4),
    ("TileOutOfRange", |seal, _| seal.tile.1 = 4),
    ("BadLength", |seal, _| seal.a_rows.truncate(512)),
    ("BadLength", |seal, _| seal.b_rows.push(0)),
    ("OperandOutOfRange", |seal, _| seal.a_rows[0] = 64),
    ("OperandOutOfRange", |seal, _| seal.b_rows[8191] = -65),
    ("NotTheBatch", |seal, _| seal.a_rows[0] ^= 1),
    ("NotTheBatch", |seal, _| seal.labels[0] ^= 1),
    ("NotTheBatch", |seal, _| seal.a_path[0][0] ^= 1),
    ("NotTheBatch", |seal, _| seal.a_path.truncate(1)),
    ("NotTheWeights", |seal, _| seal.b_rows[0] ^= 1),
    ("NotTheWeights", |seal, _| seal.b_path[0][0] ^= 1),
    ("NotTheWeights", |seal, _| seal.b_path.push([0; 32])),
    ("NotTheWeights", |seal, _| seal.weights_root[0] ^= 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_makes_one_block_of_the_template_it_is_for() {
    let _turn = turn().await;
    let hand = Hand::default();
    let chain = chain(&hand);
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let client = node.client().await;

    let mut templates = client.subscribe_templates().await.unwrap();
    let older = templates.next().await.unwrap();
    let newer = templates.next().await.unwrap();
    assert_eq!((older.number, newer.number), (1, 1));
    assert_ne!(older.pre_hash, newer.pre_hash);
    let run = &older.runs[0];
    let alice = Player::Alice.signer();
    let (one, _) = (0..run.committed + 64)
        .flat_map(|step| {
            hand.draws(&older, run, step)
                .into_iter()
                .zip(hand.draws(&newer, run, step))
        })
        .find(|(for_older, for_newer)| wins(for_older, &older) && !wins(for_newer, &newer))
        .unwrap();
    assert_eq!(refused(&client, &newer, &one.seal).await, "AboveTarget");
    assert_eq!(
        refusal(client.submit_seal(&alice, [9; 32], &one.seal).await),
        "UnknownTemplate"
    );

    let template = current(&client).await;
    let seal = hand.seal(&template);
    let block = client
        .submit_seal(&alice, template.pre_hash, &seal)
        .await
        .unwrap();
    let header = client.header(block).await.unwrap().unwrap();
    assert_eq!((header.number, header.pre_hash()), (1, template.pre_hash));
    assert_eq!(header.author(), Some(Player::Alice.account()));
    assert_eq!(header.seal().unwrap(), Some(seal.clone()));
    assert_eq!(client.block_hash(1).await.unwrap(), Some(block));
    assert_eq!(refused(&client, &template, &seal).await, "StaleTemplate");
    let next = current_at(&client, 2).await;
    assert_eq!(refused(&client, &template, &seal).await, "StaleTemplate");
    assert_eq!(next.parent, block);

    let observer = Node::observer(&chain, &[&node]).await;
    let client = observer.client().await;
    assert_eq!(refused(&client, &next, &hand.seal(&next)).await, "NoAuthor");
    assert_eq!(
        client.subscribe_templates().await.err().unwrap().name(),
        "NoAuthor"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_credited_once_and_a_bad_one_never() {
    let _turn = turn().await;
    let hand = Hand::default();
    let node = Node::validator(&chain(&hand), Player::Alice, &[]).await;
    let client = node.client().await;
    let mining = tokio::spawn(mine(node.client().await));
    let (alice, bob) = (Player::Alice.signer(), Player::Bob.signer());

    let template = current(&client).await;
    let run = &template.runs[0];
    let pre_hash = template.pre_hash;
    let meets = |drawn: &Drawn| drawn.wins(&template, run, template.rules.share_difficulty);
    let draws: Vec<Drawn> = (7..23)
        .flat_map(|step| hand.draws(&template, run, step).into_iter().take(8))
        .collect();
    let share = draws
        .iter()
        .find(|drawn| meets(drawn))
        .unwrap()
        .seal
        .clone();
    let loser = draws
        .iter()
        .find(|drawn| !meets(drawn))
        .unwrap()
        .seal
        .clone();

    let proof = Call::SubmitProof {
        pre_hash,
        seal: share.encode(),
    };
    client.carry_out(&alice, &proof, false).await.unwrap();
    let run = client.run(0, None).await.unwrap().unwrap().run;
    assert_eq!(
        (run.shares, run.last_share.map(|(step, _)| step)),
        (1, Some(share.step))
    );

    let outcome = |signer, call: Call| {
        let client = &client;
        async move { client.submit(&call, signer).await?.in_block().await }
    };
    let outside = WorkSeal {
        step: 64,
        ..share.clone()
    };
    for (signer, seal, rule) in [
        (&alice, share.encode(), "Work::ShareOutOfOrder"),
        (&alice, loser.encode(), "Work::AboveTarget"),
        (&alice, outside.encode(), "Work::StepOutsideWindow"),
        (&bob, share.encode(), "Work::NotTheAuthor"),
        (&alice, share.encode()[1..].to_vec(), "Work::Malformed"),
    ] {
        let call = Call::SubmitProof { pre_hash, seal };
        assert_eq!(refusal(outcome(signer, call).await), rule);
    }
    mining.abort();
    let run = client.run(0, None).await.unwrap().unwrap().run;
    assert_eq!(run.shares, 1);
}

/// Hides the claims.
const SALT: [u8; 32] = [5; 32];

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_breaks_a_rule_is_refused_by_its_name_and_a_whole_one_moves_the_window() {
    let _turn = turn().await;
    let hand = Hand::default();
    let node = Node::validator(&chain(&hand), Player::Alice, &[]).await;
    let client = node.client().await;
    let mining = tokio::spawn(mine(node.client().await));
    let (alice, bob) = (Player::Alice.signer(), Player::Bob.signer());
    let outcome = |signer, call: Call| {
        let client = &client;
        async move { client.submit(&call, signer).await?.in_block().await }
    };
    let claim = |run, from, to| Claim {
        run,
        from,
        to,
        state_root: [1; 32],
        trace_root: [2; 32],
        starts_root: [3; 32],
        metric: 0,
    };
    let commit = |claim: &Claim, owner: Player| Call::CommitClaim {
        run: claim.run,
        commitment: claim.commitment(&owner.account(), &SALT),
    };
    let reveal = |claim: &Claim, salt| Call::RevealClaim {
        claim: claim.clone(),
        salt,
    };

    let whole = claim(0, 0, 16);
    let early = outcome(&alice, reveal(&whole, SALT)).await;
    assert_eq!(refusal(early), "Work::NotCommitted");
    let strange = outcome(&bob, commit(&whole, Player::Bob)).await;
    assert_eq!(refusal(strange), "Work::NotTheAuthor");
    let committed = outcome(&alice, commit(&whole, Player::Alice)).await;
    committed.unwrap();
    for (signer, call, rule) in [
        (&alice, commit(&whole, Player::Alice), "Work::ClaimPending"),
        (&alice, reveal(&claim(0, 0, 8), SALT), "Work::AnotherClaim"),
        (&alice, reveal(&whole, [6; 32]), "Work::AnotherClaim"),
        (&bob, reveal(&whole, SALT), "Work::NotTheAuthor"),
    ] {
        assert_eq!(refusal(outcome(signer, call).await), rule);
    }
    for (run, from, to, rule) in [
        (1, 8, 16, "Work::NotTheNextClaim"),
        (2, 0, 9, "Work::NotWholeSegments"),
        (3, 0, 72, "Work::StepOutsideWindow"),
    ] {
        let broken = claim(run, from, to);
        let committed = outcome(&bob, commit(&broken, Player::Bob)).await;
        committed.unwrap();
        assert_eq!(refusal(outcome(&bob, reveal(&broken, SALT)).await), rule);
    }
    outcome(&alice, reveal(&whole, SALT)).await.unwrap();

    // Nobody verifies on this chain: the claim is accepted as it stands.
    until("the claim is accepted", async || {
        let run = client.run(0, None).await.unwrap().unwrap().run;
        (run.accepted == 16 && run.state_root == Some([1; 32])).then_some(())
    })
    .await;
    mining.abort();
}

/// Seals one template after another.
async fn mine(client: Client) {
    let (hand, alice) = (Hand::default(), Player::Alice.signer());
    let mut templates = client.subscribe_templates().await.unwrap();
    while let Ok(template) = templates.next().await {
        // None of its draws may win, and it may be superseded meanwhile.
        if let Some(seal) = hand.winner(&template) {
            let _ = client.submit_seal(&alice, template.pre_hash, &seal).await;
        }
    }
}

fn wins(drawn: &Drawn, template: &Template) -> bool {
    drawn.wins(template, &template.runs[0], template.difficulty)
}

/// The newest template.
async fn current(client: &Client) -> Template {
    client
        .subscribe_templates()
        .await
        .unwrap()
        .next()
        .await
        .unwrap()
}

/// The first template of a block.
async fn current_at(client: &Client, number: u64) -> Template {
    let mut templates = client.subscribe_templates().await.unwrap();
    loop {
        let template = templates.next().await.unwrap();
        if template.number == number {
            return template;
        }
    }
}

async fn refused(client: &Client, template: &Template, seal: &WorkSeal) -> String {
    let alice = Player::Alice.signer();
    refusal(client.submit_seal(&alice, template.pre_hash, seal).await)
}

fn refusal<T>(answer: Result<T, Error>) -> String {
    answer.err().expect("a refusal").name()
}
