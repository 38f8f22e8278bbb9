//! Holders decide: the walk-through of docs/governance.md, and what the chain refuses.

use std::{fs, path::Path};

use quern_client::{
    Call, Client,
    governance::{Proposal, ReferendumId, Stage},
};
use quern_tests::{
    Chain, Holders, Node, Player, QRN, Step, Walk, Work, Worker, binary, glyphs, quern,
    set_parameter, turn, until,
};
use serde_json::Value;
use tempfile::TempDir;

/// Blocks of a governance day: in a quarter of so many all have voted, and in one whoever must.
const DAY: u64 = 16;

/// A development chain, its node and a worker.
struct Running {
    node: Node,
    client: Client,
    _worker: Worker,
    folder: TempDir,
}

impl Running {
    /// Starts them, with so many blocks a governance day.
    async fn start(day: u64) -> Self {
        let chain = Chain::dev(Work::LIGHT, &glyphs());
        let chain = chain.with(|genesis| set_parameter(genesis, "governance.day", day));
        let folder = tempfile::tempdir().unwrap();
        let node = Node::validator(&chain, Player::Alice, &[]).await;
        let worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);
        let client = node.client().await;
        node.reaches(2).await;
        Self {
            node,
            client,
            _worker: worker,
            folder,
        }
    }

    /// Proposes, and gives the referendum's number.
    fn propose(&self, what: &[&str]) -> ReferendumId {
        let report = quern(&self.node, &[&["gov", "propose"], what].concat());
        number(&report.unwrap_or_else(|error| panic!("{what:?}: {error}")))
    }
}

fn number(report: &Value) -> ReferendumId {
    report["index"].as_u64().unwrap().try_into().unwrap()
}

/// Runs a step of the page on this node, with files in this folder; what it printed.
fn walk(step: &Step, node: &Node, folder: &Path) -> Result<String, String> {
    let (program, words) = step.words.split_first().unwrap();
    let mut words: Vec<String> = words
        .iter()
        .map(|word| match word.strip_prefix("new") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}/new{rest}", folder.display())
            }
            _ => word.clone(),
        })
        .collect();
    match program.as_str() {
        "quern" => words.extend(["--url".into(), node.url()]),
        "quern-node" => words.extend(["--uri".into(), node.url()]),
        _ => {}
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = binary::run(program, &words);
    let printed = if step.fails {
        &ended.stderr
    } else {
        &ended.stdout
    };
    if ended.success == step.fails {
        return Err(format!("success: {}; {}", ended.success, ended.stderr));
    }
    match step.lacks(printed) {
        Some(shown) => Err(format!("{shown:?} is not in\n{printed}")),
        None => Ok(printed.clone()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_through_of_the_page_changes_a_parameter_and_the_runtime() {
    let _turn = turn().await;
    let running = Running::start(DAY).await;
    let (node, folder) = (&running.node, running.folder.path());
    fs::create_dir(folder.join("new")).unwrap();
    for step in Walk::of("governance.md").steps {
        let command = step.words.join(" ");
        if step.words[1..].starts_with(&["gov".into(), "show".into()]) || command == "quern status"
        {
            // The page says to ask again until it is so.
            until(&command, async || walk(&step, node, folder).ok()).await;
        } else {
            walk(&step, node, folder).unwrap_or_else(|error| panic!("{command}: {error}"));
        }
    }
    let height = node.height();
    node.finalises(height + 3).await;
}

/// A table of the page: the cells of each line.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let lines = rest.lines().skip_while(|line| !line.starts_with("| `"));
    let rows = lines.take_while(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells = line.trim_matches('|').split(" | ");
        cells
            .map(|cell| cell.trim().trim_matches('`').into())
            .collect()
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_tables_tell_the_chains_parameters_and_tracks() {
    let _turn = turn().await;
    let running = Running::start(4).await;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/governance.md");
    let page = fs::read_to_string(page).unwrap();

    let parameters = running.client.parameters(None).await.unwrap();
    let told: Vec<[String; 3]> = parameters
        .iter()
        .map(|parameter| {
            let default = parameter.show(parameter.default);
            [parameter.name.clone(), default, parameter.bounds()]
        })
        .collect();
    let shown: Vec<[String; 3]> = table(&page, "## Parameters")
        .into_iter()
        .map(|row| [row[0].clone(), row[1].clone(), row[2].clone()])
        .collect();
    assert_eq!(shown, told);

    let tracks = running.client.tracks(None).await.unwrap();
    let shown = table(&page, "## Tracks");
    assert_eq!(shown.len(), tracks.len());
    for (row, track) in shown.iter().zip(&tracks) {
        assert_eq!(row[0], track.name);
        assert_eq!(row[1], format!("{} QRN", track.decision_deposit / QRN));
        let days = |blocks: u32| match blocks {
            1 => "¼ d".to_owned(),
            blocks => format!("{} d", blocks / 4),
        };
        let periods = [
            track.prepare,
            track.decision,
            track.confirm,
            track.enactment,
        ];
        assert_eq!(row[2..6], periods.map(days));
        for (cell, curve) in row[6..8].iter().zip([&track.approval, &track.support]) {
            let [first, last] =
                [0, track.decision].map(|elapsed| curve.threshold(elapsed, track.decision) / 100);
            assert_eq!(*cell, format!("{first} → {last} %"));
        }
        assert_eq!(row[8], track.max_deciding.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn referenda_spend_pause_and_end_each_other_and_a_failed_call_is_named() {
    let _turn = turn().await;
    let running = Running::start(DAY).await;
    let client = &running.client;
    let ferdie = Player::Ferdie;
    let eve = ["--key", "//Eve"];
    let propose = |what: &[&str]| running.propose(&[what, &eve].concat());

    let before = client.balance(&ferdie.account(), None).await.unwrap();
    let spend = propose(&["spend", "5", &ferdie.address()]);
    let pause = propose(&["pause", "Balances", "transfer_keep_alive"]);
    // An emergency is decided within a governance day.
    Holders::approve(client, pause).await;
    // Beyond its bounds: the command would not propose it, but nobody need use the command.
    let (name, value) = ("tasks.start_within", Some(1_u128 << 31));
    let call: Option<Vec<u8>> = client
        .state_call(
            "GovernanceApi_set_parameter",
            &codec::Encode::encode(&(name, value)),
            None,
        )
        .await
        .unwrap();
    let call = format!("0x{}", hex::encode(call.unwrap()));
    let beyond = running.propose(&["call", &call, "--track", "parameters", "--key", "//Bob"]);
    let doomed = running.propose(&["parameter", "work.max_ahead", "default", "--key", "//Bob"]);
    let cancel = running.propose(&["cancel", &doomed.to_string(), "--key", "//Dave"]);
    for index in [cancel, spend, beyond] {
        Holders::approve(client, index).await;
    }

    let paused = Holders::enacted(client, pause).await;
    assert_eq!(
        paused.does.as_deref(),
        Some("pauses Balances.transfer_keep_alive")
    );
    let transfer = Call::Transfer {
        to: ferdie.account(),
        amount: QRN,
    };
    let bob = Player::Bob.signer();
    let refused = client.carry_out(&bob, &transfer, false).await.unwrap_err();
    assert_eq!(refused.name(), "System::CallFiltered", "{refused}");

    Holders::enacted(client, cancel).await;
    let cancelled = client.referendum(doomed, None).await.unwrap().unwrap();
    assert!(
        matches!(cancelled.stage, Stage::Cancelled { .. }),
        "{cancelled:?}"
    );

    let spent = Holders::enacted(client, spend).await;
    assert_eq!(spent.track.as_deref(), Some("treasury"));
    until("Ferdie is paid", async || {
        let now = client.balance(&ferdie.account(), None).await.unwrap();
        (now.total() + QRN > before.total() + 5 * QRN).then_some(())
    })
    .await;

    let failed = until("the change beyond the bounds fails", async || {
        let referendum = client.referendum(beyond, None).await.unwrap().unwrap();
        match referendum.stage {
            Stage::Enacted { error, .. } => Some(error),
            _ => None,
        }
    })
    .await;
    assert_eq!(failed.as_deref(), Some("Governance::AboveMaximum"));
    let shown = quern(&running.node, &["gov", "show", &beyond.to_string()]).unwrap();
    assert_eq!(shown["status"], "enacted");
    assert_eq!(shown["error"], "Governance::AboveMaximum");

    // Votes without conviction lock nothing once the referendum is over.
    let unlocked = quern(&running.node, &["gov", "unlock", "--key", "//Eve"]).unwrap();
    let removed = unlocked["removed"].as_array().unwrap();
    assert_eq!(removed.len(), 4, "{unlocked}");
    assert_eq!(unlocked["locked"], "0");
    let list = quern(&running.node, &["gov", "list"]).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 5);
    assert_eq!(list[0]["index"], cancel);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_without_money_a_vote_beyond_it_and_an_early_enactment_are_refused_by_name() {
    let _turn = turn().await;
    let running = Running::start(DAY).await;
    let (node, client) = (&running.node, &running.client);
    let poor = "//Poor";
    let account = quern_client::Signer::from_suri(poor).unwrap().account();
    let give = async |amount| {
        let transfer = Call::Transfer {
            to: account,
            amount,
        };
        let bob = Player::Bob.signer();
        client.carry_out(&bob, &transfer, false).await.unwrap();
    };
    let refused = |arguments: &[&str], name: &str| {
        let error = quern(node, arguments).unwrap_err();
        assert!(error.contains(name), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };

    let proposal = ["gov", "propose", "parameter", "tasks.min_fee", "2", "--key"];
    give(QRN / 2).await;
    refused(
        &[&proposal[..], &[poor]].concat(),
        "Balances::InsufficientBalance",
    );
    assert_eq!(client.referendum_count(None).await.unwrap(), 0);
    give(QRN).await;
    let error = refused(
        &[&proposal[..], &[poor]].concat(),
        "Balances::InsufficientBalance",
    );
    assert!(error.contains("`quern gov deposit 0`"), "{error}");
    let waiting = client.referendum(0, None).await.unwrap().unwrap();
    assert!(
        matches!(waiting.stage, Stage::AwaitingDeposit { .. }),
        "{waiting:?}"
    );
    // Somebody else places it.
    quern(node, &["gov", "deposit", "0", "--key", "//Charlie"]).unwrap();
    refused(
        &["gov", "deposit", "0", "--key", "//Dave"],
        "Referenda::HasDeposit",
    );

    let vote = ["gov", "vote", "0", "aye", "--key", "//Dave", "--amount"];
    refused(
        &[&vote[..], &["1001"]].concat(),
        "ConvictionVoting::InsufficientFunds",
    );
    quern(node, &[&vote[..], &["900"]].concat()).unwrap();
    refused(
        &[
            "gov", "vote", "9", "aye", "--key", "//Dave", "--amount", "1",
        ],
        "ConvictionVoting::NotOngoing",
    );
    refused(
        &["gov", "refund", "0", "--key", "//Charlie"],
        "Referenda::Unfinished",
    );

    let file = running.folder.path().join("runtime.wasm");
    fs::write(&file, b"\0asm and so on").unwrap();
    let file = file.to_str().unwrap();
    let enact = ["gov", "enact", file, "--key", "//Eve"];
    refused(&enact, "System::NothingAuthorized");
    let index = running.propose(&["upgrade", file, "--key", "//Eve"]);
    refused(&enact, "System::NothingAuthorized");
    let shown = quern(node, &["gov", "show", &index.to_string()]).unwrap();
    assert_eq!(shown["track"], "root");

    for (arguments, words) in [
        (
            ["parameter", "tasks.min_fee", "0"],
            "tasks.min_fee is from 0.001 to 1000000 QRN, not 0",
        ),
        (
            ["parameter", "tasks.min_fee", "two"],
            "\"two\" is no value of tasks.min_fee",
        ),
        (
            ["parameter", "tasks.max_fee", "2"],
            "there is no parameter tasks.max_fee",
        ),
        (
            ["pause", "Balances", "steal"],
            "the runtime has no call Balances.steal",
        ),
    ] {
        let arguments = [&["gov", "propose"], &arguments[..], &["--key", "//Eve"]].concat();
        refused(&arguments, words);
    }
    let unknown = Proposal::Call {
        call: vec![0, 0, 0],
        track: "small".into(),
    };
    let error = client.motion(&unknown).await.unwrap_err().to_string();
    assert!(error.starts_with("there is no track small"), "{error}");
}
