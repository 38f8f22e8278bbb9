//! The executable specification, in another language and with no code in common, checks real seals.

use std::{
    env,
    ffi::OsString,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use codec::Encode;
use quern_client::{Client, Hash, Header, Run, SealError, WorkSeal, text::parse_hex32};
use quern_tests::{Chain, Node, Player, Work, Worker, binary, glyphs, skip, turn};
use quern_work::target;
use serde_json::{Value, json};

/// Python 3: `$QUERN_PYTHON`, or the one in the path.
fn python() -> OsString {
    env::var_os("QUERN_PYTHON").unwrap_or_else(|| "python3".into())
}

/// The specification: `$QUERN_REFERENCE`, or the one beside the checkout.
fn reference() -> PathBuf {
    let beside = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/reference/quern_ref.py"
    );
    env::var_os("QUERN_REFERENCE").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

/// Why the specification cannot be run here.
fn obstacle() -> Option<String> {
    let specification = reference();
    if !specification.is_file() {
        return Some(format!(
            "no {}; set QUERN_REFERENCE",
            specification.display()
        ));
    }
    let imports = Command::new(python())
        .args(["-c", "import numpy, blake3"])
        .output();
    let able = imports.is_ok_and(|output| output.status.success());
    (!able).then(|| "no python3 with numpy and blake3; set QUERN_PYTHON".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_specification_accepts_real_seals_and_names_the_rule_that_a_changed_one_breaks() {
    if let Some(obstacle) = obstacle() {
        skip(&obstacle);
        return;
    }
    let _turn = turn().await;
    let chain = Chain::dev(Work::LIGHT, &glyphs());
    let folder = tempfile::tempdir().unwrap();
    let node = Node::validator(&chain, Player::Alice, &[]).await;
    let mut worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);
    node.reaches(5).await;
    worker.stop();
    let client = node.client().await;

    for number in [1, 5] {
        let header = fetch(&node, number);
        let parent = Some(header.parent);
        let terms = Terms::read(&node, &client, &header).await;
        let seal = header.seal().unwrap().expect("a block has a seal");
        let size = header.seal_bytes().unwrap().len();
        assert!(size <= 27 * 1024, "a seal has at most 27 KiB");
        let genesis = client.genesis_hash();

        let mut cases: Vec<(&str, Vec<u8>)> = vec![("valid", header.encoded.clone())];
        for (verdict, change) in CHANGES {
            let mut changed = seal.clone();
            change(&mut changed);
            cases.push((verdict, with_seal(&header, &genesis, changed)));
        }
        let headers: Vec<_> = cases.iter().map(|(_, header)| header.clone()).collect();
        let verdicts = terms.verdicts(&headers);
        let expected: Vec<_> = cases.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(verdicts, expected, "block {number}");

        for (expected, bytes) in cases {
            let header = Header::from_bytes(&bytes).unwrap();
            let (author, seal) = (header.author().unwrap(), header.seal_bytes().unwrap());
            let verdict = client
                .verify_seal(header.pre_hash(), &author, seal, parent)
                .await
                .unwrap();
            let verdict = verdict.map_or_else(|refusal| refusal.name(), |()| "valid");
            assert_eq!(verdict, expected, "the runtime, on block {number}");
        }

        // Any change of the block is new noise: both say the same about the old work, signed anew.
        let mut other = header.encoded.clone();
        let position = find(&other, &header.state_root);
        other[position] ^= 1;
        let other = Header::from_bytes(&other).unwrap();
        assert_ne!(other.pre_hash(), header.pre_hash());
        let author = header.author().unwrap();
        let verdict = client
            .verify_seal(
                other.pre_hash(),
                &author,
                header.seal_bytes().unwrap(),
                parent,
            )
            .await
            .unwrap();
        assert_eq!(verdict, Err(SealError::BadSignature));
        let other = Header::from_bytes(&with_seal(&other, &genesis, seal.clone())).unwrap();
        let verdict = client
            .verify_seal(
                other.pre_hash(),
                &author,
                other.seal_bytes().unwrap(),
                parent,
            )
            .await
            .unwrap();
        let verdict = verdict.map_or_else(|refusal| refusal.name(), |()| "valid");
        assert_eq!(terms.verdicts(&[other.encoded]), [verdict]);
    }
}

/// Breaks a seal.
type Change = fn(&mut WorkSeal);

/// What is changed in a seal, and the rule that this breaks.
const CHANGES: [(&str, Change); 8] = [
    ("TileOutOfRange", |seal| seal.tile.0 = u32::MAX),
    ("BadLength", |seal| seal.a_rows.truncate(16)),
    ("OperandOutOfRange", |seal| seal.b_rows[0] = 64),
    ("NotTheBatch", |seal| seal.a_rows[400] ^= 1),
    ("NotTheBatch", |seal| seal.labels[15] ^= 1),
    ("NotTheBatch", |seal| seal.a_path[0][0] ^= 0x80),
    ("NotTheWeights", |seal| seal.b_rows[12_543] ^= 1),
    ("NotTheWeights", |seal| seal.weights_root[31] ^= 1),
];

/// A header as the command line prints it.
fn fetch(node: &Node, number: u64) -> Header {
    let block = quern(node, &["block", &number.to_string()]);
    let bytes = hex::decode(block["header"].as_str().unwrap().trim_start_matches("0x")).unwrap();
    let header = Header::from_bytes(&bytes).unwrap();
    assert_eq!(
        Some(header.hash),
        parse_hex32(block["hash"].as_str().unwrap())
    );
    assert_eq!(
        Some(header.pre_hash()),
        parse_hex32(block["preHash"].as_str().unwrap())
    );
    header
}

fn quern(node: &Node, arguments: &[&str]) -> Value {
    let url = node.url();
    let ended = binary::run("quern", &[arguments, &["--json", "--url", &url]].concat());
    assert!(ended.success, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The header with another seal in the place of its own, signed by its author.
fn with_seal(header: &Header, genesis: &Hash, seal: WorkSeal) -> Vec<u8> {
    let old = header.seal_bytes().unwrap().encode();
    let position = find(&header.encoded, &old);
    let (before, rest) = header.encoded.split_at(position);
    let signed = Player::Alice
        .signer()
        .sign_seal(genesis, &header.pre_hash(), seal);
    [before, &signed.encode().encode(), &rest[old.len()..]].concat()
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    let found = bytes.windows(part.len()).position(|window| window == part);
    found.expect("the header holds it")
}

/// What the specification needs besides the header.
struct Terms(Value);

impl Terms {
    /// The run from the command line; difficulty and rules at the block's parent.
    async fn read(node: &Node, client: &Client, header: &Header) -> Self {
        let run: Run = serde_json::from_value(quern(node, &["run", "show", "0"])).unwrap();
        let rules = client.rules(Some(header.parent)).await.unwrap();
        let difficulty = client.difficulty(Some(header.parent)).await.unwrap();
        let shape = run.spec.lottery_shape(rules.noise_rank);
        let parameters = run.spec.parameters();
        Self(json!({
            "genesis": hex::encode(client.genesis_hash()),
            "run_seed": hex::encode(run.seed),
            "m": shape.m, "n": shape.n, "k": shape.k, "r": shape.r,
            "dataset_root": hex::encode(run.spec.dataset.root),
            "row_blocks": run.spec.dataset.row_blocks,
            "difficulty": difficulty.to_string(),
            "allowance": target::allowance(rules.omega_b, rules.omega_m, shape.m, parameters),
        }))
    }

    /// What the specification says about each header.
    fn verdicts(&self, headers: &[Vec<u8>]) -> Vec<String> {
        let mut case = self.0.clone();
        case["headers"] = headers.iter().map(hex::encode).collect();
        let mut child = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check_seal.py"))
            .arg(reference())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(case.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the specification stopped");
        let verdicts = String::from_utf8(output.stdout).unwrap();
        verdicts.lines().map(Into::into).collect()
    }
}
