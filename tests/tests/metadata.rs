//! The metadata is complete: stock client libraries, which know nothing of Quern, follow the chain and transact on it.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use quern_client::{Client, Role, Signer, governance::ReferendumId, ss58};
use quern_tests::{
    Chain, Customer, Holders, Node, Player, QRN, Work, Worker, glyphs, quern, set_parameter, skip,
    turn, until,
};
use serde_json::{Value as Json, json};
use subxt::{
    OnlineClient, SubstrateConfig,
    dynamic::{Value, tx},
    ext::scale_value::{Composite, value},
};
use subxt_signer::sr25519::{Keypair, dev};
use tempfile::TempDir;

/// What the client of the paid task orders: nobody but a verifier who never votes looks at it.
const SPEC: &str = r#"
name = "digits"
[network]
hidden = [64]
[training]
segment = 16
"#;

/// Pallets whose events need not be seen on a chain this short: finality keys and sessions do not change, votes are not cast;
/// and parameters change by the pallet of governance alone, which has an event of its own for it.
const SILENT: [&str; 4] = ["Session", "Grandpa", "Reputation", "Parameters"];

/// A chain on which a bit of everything happens.
struct Busy {
    node: Node,
    client: Client,
    stock: OnlineClient<SubstrateConfig>,
    _worker: Worker,
    _customer: Customer,
    _folder: TempDir,
}

impl Busy {
    async fn start() -> Self {
        let chain = Chain::dev(Work::LIGHT, &glyphs()).with(|genesis| {
            let tickets = genesis["tickets"]["tickets"].as_array_mut().unwrap();
            let verifier = [Player::Dave.address(), "verifier".into()];
            tickets.push(json!([verifier[0], verifier[1], 10 * QRN as u64, 4]));
            // Emergencies are decided within a governance day: time enough for all to vote.
            set_parameter(genesis, "governance.day", 16);
        });
        let folder = tempfile::tempdir().unwrap();
        let archive = ["--state-pruning", "archive"];
        let node = Node::validator_with(&chain, Player::Alice, &archive, &[]).await;
        let worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);
        let client = node.client().await;
        node.reaches(2).await;
        let customer = Customer::order(&node, Player::Bob, SPEC, "glyphs", folder.path());
        let stock = OnlineClient::from_insecure_url(node.url()).await.unwrap();
        let busy = Self {
            node,
            client,
            stock,
            _worker: worker,
            _customer: customer,
            _folder: folder,
        };
        busy.act().await;
        busy
    }

    /// Market, governance, and the pallets that carry calls.
    async fn act(&self) {
        until("the task is ordered", async || {
            let task = self.client.task(1, None).await.unwrap();
            task.map(drop)
        })
        .await;
        let buy = ["ticket", "buy", "evaluator", "--key", "//Eve"];
        quern(&self.node, &buy).unwrap_or_else(|error| panic!("{error}"));
        self.submit(
            &dev::charlie(),
            "Preimage",
            "note_preimage",
            vec![Value::from_bytes([7; 300])],
        )
        .await;
        let remark = || value! { System(remark_with_event { remark: (1u8, 2u8, 3u8) }) };
        self.submit(
            &dev::charlie(),
            "Utility",
            "batch_all",
            vec![Value::unnamed_composite([remark(), remark()])],
        )
        .await;
        let id = |who: Player| Value::unnamed_variant("Id", [Value::from_bytes(who.account())]);
        self.submit(
            &dev::charlie(),
            "Proxy",
            "add_proxy",
            vec![
                id(Player::Dave),
                Value::unnamed_variant("Governance", []),
                Value::u128(0),
            ],
        )
        .await;
        let others = Value::unnamed_composite([Value::from_bytes(Player::Dave.account())]);
        self.submit(
            &dev::charlie(),
            "Multisig",
            "as_multi",
            vec![
                Value::u128(2),
                others,
                Value::unnamed_variant("None", []),
                remark(),
                Value::named_composite([
                    ("ref_time", Value::u128(1_000_000_000)),
                    ("proof_size", Value::u128(10_000)),
                ]),
            ],
        )
        .await;
        self.transfer().await;
        // Charlie votes too: only now, so that no two programs sign with one key at a time.
        let ferdie = Player::Ferdie.address();
        let proposals = [
            vec!["parameter", "tasks.min_fee", "2"],
            vec!["spend", "5", &ferdie],
            vec!["pause", "Tickets", "renew"],
        ];
        let mut proposed = Vec::new();
        for proposal in &proposals {
            let index = self.propose(proposal);
            Holders::approve(&self.client, index).await;
            proposed.push(index);
        }
        for index in proposed {
            Holders::enacted(&self.client, index).await;
        }
    }

    /// Proposes, and gives the referendum's number.
    fn propose(&self, what: &[&str]) -> ReferendumId {
        let words = [&["gov", "propose"], what, &["--key", "//Eve"]].concat();
        let report = quern(&self.node, &words).unwrap_or_else(|error| panic!("{error}"));
        report["index"].as_u64().unwrap().try_into().unwrap()
    }

    /// Signs and submits a call with the stock client, which must succeed in its block.
    async fn submit(&self, signer: &Keypair, pallet: &str, call: &str, arguments: Vec<Value>) {
        let call = tx(pallet, call, Composite::unnamed(arguments));
        let mut calls = self.stock.tx().await.unwrap();
        let progress = calls.sign_and_submit_then_watch_default(&call, signer);
        let progress = progress
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", call.call_name()));
        progress
            .wait_for_finalized_success()
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", call.call_name()));
    }

    /// Moves money with the stock client.
    async fn transfer(&self) {
        let before = self.money(Player::Ferdie).await;
        let to = Value::unnamed_variant("Id", [Value::from_bytes(Player::Ferdie.account())]);
        let arguments = vec![to, Value::u128(QRN)];
        self.submit(
            &dev::charlie(),
            "Balances",
            "transfer_keep_alive",
            arguments,
        )
        .await;
        assert_eq!(self.money(Player::Ferdie).await, before + QRN);
    }

    async fn money(&self, who: Player) -> u128 {
        let balance = self.client.balance(&who.account(), None).await.unwrap();
        balance.total()
    }

    /// The pallets that have events.
    async fn pallets_with_events(&self) -> BTreeSet<String> {
        let at = self.stock.at_current_block().await.unwrap();
        let metadata = at.metadata_ref();
        let pallets = metadata.pallets();
        pallets
            .filter(|pallet| {
                pallet
                    .event_variants()
                    .is_some_and(|events| !events.is_empty())
            })
            .map(|pallet| pallet.name().to_owned())
            .collect()
    }

    /// The pallets of all calls and of all events up to a height, everything decoded.
    async fn decode(&self, height: u64) -> [BTreeSet<String>; 2] {
        let [mut calls, mut events] = [BTreeSet::new(), BTreeSet::new()];
        for number in 1..=height {
            let block = self.stock.at_block(number).await.unwrap();
            let extrinsics = block.extrinsics().fetch().await.unwrap();
            for extrinsic in extrinsics.iter() {
                let extrinsic = extrinsic.unwrap_or_else(|error| panic!("block {number}: {error}"));
                extrinsic.decode_call_data_as::<Value>().unwrap();
                calls.insert(extrinsic.pallet_name().to_owned());
            }
            for event in block.events().fetch().await.unwrap().iter() {
                let event = event.unwrap_or_else(|error| panic!("block {number}: {error}"));
                event.decode_fields_unchecked_as::<Value>().unwrap();
                events.insert(event.pallet_name().to_owned());
            }
        }
        [calls, events]
    }
}

/// The last lines of what a command printed to standard error.
fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// Runs the script for the stock library of JavaScript; its report.
fn javascript(library: &Path, node: &Node, action: &[&str]) -> Json {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/stock.cjs");
    let ended = Command::new("node")
        .arg(script)
        .arg(node.url())
        .args(action)
        .env("NODE_PATH", library)
        .stdin(Stdio::null())
        .output()
        .expect("node runs");
    assert!(ended.status.success(), "{}", complaint(&ended.stderr));
    serde_json::from_slice(&ended.stdout).expect("a report in JSON")
}

/// The folder that holds the stock library: `$QUERN_NODE_MODULES`, or where `scripts/test.sh` installs it, beside the
/// compiled files.
fn library() -> Option<PathBuf> {
    let beside = || {
        let test = env::current_exe().expect("the test has a path");
        Some(test.ancestors().nth(4)?.join("js/node_modules"))
    };
    let modules = env::var_os("QUERN_NODE_MODULES").map_or_else(beside, |path| Some(path.into()));
    let modules = modules.filter(|modules| modules.join("@polkadot/api").is_dir())?;
    let version = Command::new("node").arg("--version").output();
    version
        .is_ok_and(|version| version.status.success())
        .then_some(modules)
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_client_libraries_decode_every_block_and_event_and_move_money() {
    let _turn = turn().await;
    let busy = Busy::start().await;
    let tickets = busy.client.tickets_of(&Player::Eve.account(), None).await;
    assert_eq!(tickets.unwrap()[0].role, Role::Evaluator);

    let library = library();
    match &library {
        Some(library) => {
            let nobody = Signer::from_suri("//Nobody").unwrap().account();
            let (to, amount) = (ss58(&nobody), QRN.to_string());
            let moved = javascript(library, &busy.node, &["transfer", "//Dave", &to, &amount]);
            assert_eq!(moved["error"], Json::Null, "{moved}");
            let balance = busy.client.balance(&nobody, None).await.unwrap();
            assert_eq!(balance.free, QRN);
        }
        None => skip("no Node.js, or no stock client library for it: scripts/test.sh installs it"),
    }
    // Last, since money stands still from there on.
    let safe_mode = busy.propose(&["safe-mode", "enter"]);
    Holders::approve(&busy.client, safe_mode).await;
    Holders::enacted(&busy.client, safe_mode).await;

    let height = busy.node.height();
    busy.node.finalises(height).await;
    let [calls, events] = busy.decode(height).await;
    let mut expected = busy.pallets_with_events().await;
    for silent in SILENT {
        expected.remove(silent);
    }
    let missing: Vec<_> = expected.difference(&events).collect();
    assert!(missing.is_empty(), "no events of {missing:?} in {events:?}");
    for pallet in [
        "Timestamp",
        "Work",
        "Tasks",
        "Tickets",
        "Referenda",
        "ConvictionVoting",
    ] {
        assert!(calls.contains(pallet), "{pallet} is not in {calls:?}");
    }

    let Some(library) = library else { return };
    let told = javascript(&library, &busy.node, &["decode", &height.to_string()]);
    let pallets = |key: &str| -> BTreeSet<String> {
        serde_json::from_value(told[key].clone()).expect("a list of names")
    };
    // The library writes names in its own case.
    let lower = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names.iter().map(|name| name.to_lowercase()).collect()
    };
    assert_eq!(lower(&pallets("calls")), lower(&calls));
    assert_eq!(lower(&pallets("events")), lower(&events));
    assert_eq!(told["blocks"], height);
}
