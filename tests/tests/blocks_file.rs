//! Blocks from elsewhere: the importing node checks every seal, whoever it was that sent the block.

use std::{fs, path::Path};

use codec::{Decode, Encode};
use quern_client::{Hash, SignedSeal, WorkSeal};
use quern_tests::{
    Chain, Hand, Node, Player, Work,
    binary::{self, Ended},
    turn,
};
use serde_json::Value;

/// Blocks in the file.
const BLOCKS: u64 = 6;

/// Blocks by which GRANDPA's votes stay behind the best one.
const VOTES_LAG: u64 = 2;

/// How a seal of the engine `pow_` begins among a header's digest items.
const SEAL_ITEM: &[u8] = b"\x05pow_";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_blocks_imports_only_if_every_seal_is_good() {
    let _turn = turn().await;
    let hand = Hand::default();
    let work = Work {
        difficulty: 1 << 20,
        floor: 1 << 20,
        ..Work::LIGHT
    };
    let chain = Chain::dev(work, &hand.task());
    let mut node = Node::validator(&chain, Player::Alice, &[]).await;
    let signing = mine(&node, &hand).await;
    node.stop();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blocks.json");
    let exported = command("export-blocks", &chain, &node.base(), &file);
    assert!(exported.success, "{}", exported.stderr);
    let blocks = read(&file);
    assert_eq!(blocks.len() as u64, BLOCKS);

    let whole = import(&chain, folder.path(), "whole", &blocks);
    assert!(whole.success, "{}", whole.stderr);
    assert!(
        whole.stderr.contains("Imported 6 blocks. Best: #6"),
        "{}",
        whole.stderr
    );

    for (name, signer, change) in CHANGES {
        let mut altered = blocks.clone();
        change_seal(altered.last_mut().unwrap(), &signing, *signer, *change);
        let refused = import(&chain, folder.path(), name, &altered);
        assert!(!refused.success, "{name}");
        assert!(
            refused.stderr.contains(&format!("{name}: ")),
            "{name}: {}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    }
}

/// Breaks a seal.
type Change = fn(&mut WorkSeal);

/// The rule that is broken, who signs the last block's seal anew, and what is changed in it before.
const CHANGES: &[(&str, Player, Change)] = &[
    ("BadSignature", Player::Bob, |_| {}),
    ("StepOutsideWindow", Player::Alice, |seal| {
        seal.step = u64::MAX;
    }),
    ("NotTheBatch", Player::Alice, |seal| seal.a_rows[0] ^= 1),
    ("NotTheWeights", Player::Alice, |seal| seal.b_rows[0] ^= 1),
];

/// What the signature of the last block's seal is over, beside the seal.
struct Signing {
    genesis: Hash,
    pre_hash: Hash,
}

/// Makes [`BLOCKS`] blocks by hand and waits until some are final.
async fn mine(node: &Node, hand: &Hand) -> Signing {
    let client = node.client().await;
    let signer = Player::Alice.signer();
    let mut templates = client.subscribe_templates().await.unwrap();
    while node.height() < BLOCKS {
        let template = templates.next().await.unwrap();
        if template.number <= BLOCKS {
            // A template may be superseded meanwhile.
            let _ = client
                .submit_seal(&signer, template.pre_hash, &hand.seal(&template))
                .await;
        }
    }
    node.finalises(BLOCKS - VOTES_LAG).await;
    let last = client.find_header(&BLOCKS.to_string()).await.unwrap();
    Signing {
        genesis: client.genesis_hash(),
        pre_hash: last.pre_hash(),
    }
}

fn command(name: &str, chain: &Chain, base: &str, file: &Path) -> Ended {
    let file = file.to_str().unwrap();
    let arguments = [name, "--chain", chain.argument(), "--base-path", base, file];
    binary::run("quern-node", &arguments)
}

/// Imports blocks into a new folder of that name.
fn import(chain: &Chain, folder: &Path, name: &str, blocks: &[Value]) -> Ended {
    let file = folder.join(name).with_extension("json");
    fs::write(
        &file,
        blocks.iter().map(Value::to_string).collect::<String>(),
    )
    .unwrap();
    command(
        "import-blocks",
        chain,
        folder.join(name).to_str().unwrap(),
        &file,
    )
}

fn read(file: &Path) -> Vec<Value> {
    let text = fs::read(file).unwrap();
    let blocks = serde_json::Deserializer::from_slice(&text).into_iter();
    blocks.collect::<Result<_, _>>().unwrap()
}

/// Changes the seal in a block's header and has it signed anew, and drops the justification of the block it was.
fn change_seal(block: &mut Value, signing: &Signing, signer: Player, change: Change) {
    block["justifications"] = Value::Null;
    let logs = block["block"]["header"]["digest"]["logs"]
        .as_array_mut()
        .unwrap();
    let is_seal = |bytes: &[u8]| bytes.starts_with(SEAL_ITEM);
    let mut items = logs.iter_mut().map(|log| {
        let bytes = hex::decode(log.as_str().unwrap().trim_start_matches("0x")).unwrap();
        (log, bytes)
    });
    let (log, item) = items.find(|(_, bytes)| is_seal(bytes)).unwrap();
    let payload = Vec::<u8>::decode(&mut &item[SEAL_ITEM.len()..]).unwrap();
    let mut seal = SignedSeal::decode_strict(&payload).unwrap().seal;
    change(&mut seal);
    let Signing { genesis, pre_hash } = signing;
    let signed = signer.signer().sign_seal(genesis, pre_hash, seal);
    let item = [SEAL_ITEM, &signed.encode().encode()].concat();
    *log = format!("0x{}", hex::encode(item)).into();
}
