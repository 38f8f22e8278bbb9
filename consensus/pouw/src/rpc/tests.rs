use super::*;
use crate::{
    Template,
    testing::{Chain, GOOD, TestBlock, TestClient},
};
use jsonrpsee::{RpcModule, core::JsonValue};
use polkadot_sdk::sp_runtime::AccountId32;
use quern_work::{MAX_SIGNED_SEAL_BYTES, SealError};
use tokio::sync::watch;

/// Offers the templates it is told to, and takes or refuses seals by their text.
struct Scripted {
    author: AccountId32,
    published: watch::Sender<Option<Arc<Template>>>,
}

#[async_trait]
impl Authoring for Scripted {
    fn author(&self) -> &AccountId32 {
        &self.author
    }

    fn templates(&self) -> watch::Receiver<Option<Arc<Template>>> {
        self.published.subscribe()
    }

    async fn submit(&self, pre_hash: H256, seal: Vec<u8>) -> Result<H256, SubmitError> {
        match seal.as_slice() {
            GOOD => Ok(pre_hash),
            b"stale" => Err(SubmitError::StaleTemplate),
            b"unknown" => Err(SubmitError::UnknownTemplate),
            b"large" => Err(SubmitError::TooLarge),
            b"late" => Err(SubmitError::ImportFailed("the disk is full".into())),
            _ => Err(SubmitError::Refused(SealError::AboveTarget)),
        }
    }
}

fn template(client: &TestClient, number: u64) -> Arc<Template> {
    let author = AccountId32::new([1; 32]);
    let api = client.runtime_api();
    let at = client.info().genesis_hash;
    Arc::new(Template {
        number,
        parent: H256::repeat_byte(2),
        pre_hash: H256::repeat_byte(3),
        genesis: H256::repeat_byte(4),
        difficulty: api.difficulty(at).unwrap(),
        rules: api.rules(at).unwrap(),
        runs: api.runs_of(at, author.clone()).unwrap(),
        author,
    })
}

struct Case {
    client: Arc<TestClient>,
    authoring: Arc<Scripted>,
    module: RpcModule<Work<TestBlock, TestClient>>,
}

fn case() -> Case {
    let client = TestClient::new(&Chain::new());
    let authoring = Arc::new(Scripted {
        author: AccountId32::new([1; 32]),
        published: watch::Sender::new(None),
    });
    let metrics = Metrics::new(None).unwrap();
    let work = Work::new(
        client.clone(),
        Some(authoring.clone() as Arc<dyn Authoring>),
        metrics,
    )
    .with_network(|| Network {
        peers: 2,
        syncing: false,
    });
    Case {
        client,
        authoring,
        module: work.into_rpc(),
    }
}

fn json(text: &str) -> JsonValue {
    text.parse().unwrap()
}

async fn request(
    module: &RpcModule<Work<TestBlock, TestClient>>,
    method: &str,
    params: &str,
) -> JsonValue {
    let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    json(&module.raw_json_request(&request, 1).await.unwrap().0)
}

const HASH: &str = "0x0505050505050505050505050505050505050505050505050505050505050505";

async fn submit(module: &RpcModule<Work<TestBlock, TestClient>>, seal: &[u8]) -> JsonValue {
    let seal: String = seal.iter().map(|byte| format!("{byte:02x}")).collect();
    request(
        module,
        "work_submitSeal",
        &format!(r#"["{HASH}","0x{seal}"]"#),
    )
    .await
}

#[tokio::test]
async fn the_template_has_the_agreed_shape() {
    let case = case();
    case.authoring
        .published
        .send_replace(Some(template(&case.client, 9)));
    let mut subscription = case
        .module
        .subscribe_unbounded("work_subscribeTemplates", [(); 0])
        .await
        .unwrap();
    let (item, _) = subscription.next::<JsonValue>().await.unwrap().unwrap();
    let expected = r#"{
        "number": 9,
        "parent": "0x0202020202020202020202020202020202020202020202020202020202020202",
        "preHash": "0x0303030303030303030303030303030303030303030303030303030303030303",
        "genesis": "0x0404040404040404040404040404040404040404040404040404040404040404",
        "author": "0x0101010101010101010101010101010101010101010101010101010101010101",
        "difficulty": "340282366920938463463374607431768211455",
        "rules": {
            "noiseRank": 32,
            "maxAhead": 4096,
            "shareDifficulty": "1267650600228229401496703205376",
            "omegaB": "1152921504606846976",
            "omegaM": "0",
            "maxVoteMacs": "17592186044416",
            "maxVoteBytes": "17179869184"
        },
        "runs": [{
            "id": 0,
            "task": 0,
            "seed": "0x0707070707070707070707070707070707070707070707070707070707070707",
            "spec": {
                "dataset": {
                    "root": "0x0808080808080808080808080808080808080808080808080808080808080808",
                    "rowBlocks": 500,
                    "features": 784,
                    "classes": 10
                },
                "hidden": [1024],
                "batch": 512,
                "lrShift": 3,
                "lrEvery": 2000,
                "segment": 256
            },
            "ticket": 5,
            "steps": null,
            "accepted": 256,
            "committed": 512,
            "stateRoot": "0x0909090909090909090909090909090909090909090909090909090909090909",
            "pending": {"revealed": {"audit": 6, "to": 512}},
            "lastSealed": null,
            "macs": "1180591620717411303424",
            "seals": 3,
            "shares": 4,
            "lastShare": [255, 63],
            "vesting": "1208925819614629174706176"
        }]
    }"#;
    assert_eq!(item, json(expected));
}

#[tokio::test]
async fn a_subscriber_gets_the_current_template_and_every_newer_one_it_keeps_up_with() {
    let case = case();
    let number = |item: JsonValue| item["number"].as_u64().unwrap();
    let mut subscription = case
        .module
        .subscribe_unbounded("work_subscribeTemplates", [(); 0])
        .await
        .unwrap();
    for expected in [1, 2, 3] {
        case.authoring
            .published
            .send_replace(Some(template(&case.client, expected)));
        let (item, _) = subscription.next::<JsonValue>().await.unwrap().unwrap();
        assert_eq!(number(item), expected);
    }
}

#[tokio::test]
async fn a_slow_subscriber_blocks_nobody_and_gets_the_newest() {
    let case = case();
    let mut slow = case
        .module
        .subscribe("work_subscribeTemplates", [(); 0], 1)
        .await
        .unwrap();
    for number in 1..=1000 {
        case.authoring
            .published
            .send_replace(Some(template(&case.client, number)));
        tokio::task::yield_now().await;
    }
    let mut received = 0;
    let mut newest = 0;
    while newest < 1000 {
        let (item, _) = slow.next::<JsonValue>().await.unwrap().unwrap();
        newest = item["number"].as_u64().unwrap();
        received += 1;
    }
    assert!(received < 1000);
}

#[tokio::test]
async fn a_good_seal_returns_the_block_hash() {
    assert_eq!(
        submit(&case().module, GOOD).await["result"],
        json(&format!("{HASH:?}"))
    );
}

#[tokio::test]
async fn each_refusal_has_its_code_and_name() {
    let case = case();
    for (seal, code, name, sentence) in [
        (
            "unknown",
            8002,
            "UnknownTemplate",
            "this node has no template with that pre-hash",
        ),
        (
            "stale",
            8003,
            "StaleTemplate",
            "the template has been superseded",
        ),
        ("above", 8004, "AboveTarget", "the draw is above the target"),
        (
            "late",
            8005,
            "ImportFailed",
            "the block could not be imported: the disk is full",
        ),
        (
            "large",
            8006,
            "TooLarge",
            &format!("a seal has at most {MAX_SIGNED_SEAL_BYTES} bytes"),
        ),
    ] {
        let error = submit(&case.module, seal.as_bytes()).await["error"].clone();
        assert_eq!(error["code"], code);
        assert_eq!(error["message"], format!("{name}: {sentence}"));
        assert_eq!(error["data"], name);
    }
}

#[tokio::test]
async fn a_node_without_author_gives_no_templates_and_takes_no_seals() {
    let client = TestClient::new(&Chain::new());
    let module = Work::<TestBlock, _>::new(client, None, Metrics::new(None).unwrap()).into_rpc();
    for answer in [
        submit(&module, GOOD).await,
        request(&module, "work_subscribeTemplates", "[]").await,
    ] {
        assert_eq!(answer["error"]["code"], 8001);
        assert_eq!(answer["error"]["data"], "NoAuthor");
    }
    let status = request(&module, "work_status", "[]").await["result"].clone();
    assert!(status["author"].is_null());
    assert!(status.get("peers").is_none());
}

#[tokio::test]
async fn the_status_has_the_agreed_shape() {
    let case = case();
    let genesis = format!("{:?}", case.client.info().genesis_hash);
    let expected = format!(
        r#"{{
            "height": 0, "best": "{genesis}", "finalised": 0, "finalisedHash": "{genesis}",
            "difficulty": "340282366920938463463374607431768211455",
            "author": "0x0101010101010101010101010101010101010101010101010101010101010101",
            "templates": 0, "subscribers": 0, "sealsAccepted": 0, "sealsRefused": 0,
            "peers": 2, "syncing": false
        }}"#
    );
    assert_eq!(
        request(&case.module, "work_status", "[]").await["result"],
        json(&expected)
    );
}

#[tokio::test]
async fn the_runtime_is_asked_where_it_holds_no_other_request_up() {
    let asked = Arc::new(std::sync::OnceLock::new());
    let seen = asked.clone();
    let work = Work::<TestBlock, _>::new(
        TestClient::new(&Chain::new()),
        None,
        Metrics::new(None).unwrap(),
    )
    .with_network(move || {
        seen.get_or_init(|| std::thread::current().id());
        Network {
            peers: 0,
            syncing: false,
        }
    });
    request(&work.into_rpc(), "work_status", "[]").await;
    let by = asked.get().expect("the status tells the network");
    assert_ne!(*by, std::thread::current().id());
}

#[tokio::test]
async fn subscribers_are_counted_while_they_stay() {
    let case = case();
    let subscribers = async || {
        request(&case.module, "work_status", "[]").await["result"]["subscribers"]
            .as_u64()
            .unwrap()
    };
    case.authoring
        .published
        .send_replace(Some(template(&case.client, 1)));
    let mut subscription = case
        .module
        .subscribe_unbounded("work_subscribeTemplates", [(); 0])
        .await
        .unwrap();
    subscription.next::<JsonValue>().await.unwrap().unwrap();
    assert_eq!(subscribers().await, 1);
    subscription.close();
    drop(subscription);
    while subscribers().await > 0 {
        tokio::task::yield_now().await;
    }
}
