use super::*;
use crate::rpc::{
    testing::{ALICE, ALICE_HEX, BOB, Block, TestClient, json, request, task, ticket},
    vitals::{Sample, Traffic},
};
use jsonrpsee::RpcModule;
use std::time::{Duration, UNIX_EPOCH};

struct Case {
    vitals: Arc<Vitals>,
    module: RpcModule<Quern<Block, TestClient>>,
}

fn case(author: Option<AccountId32>) -> Case {
    let vitals = Arc::new(Vitals::default());
    let identity = Identity {
        node_id: "12D3KooW".into(),
        name: "anna".into(),
        authority: author.is_some(),
        author,
        started: Instant::now(),
    };
    let network = Arc::new(|| Network {
        peers: 2,
        syncing: false,
    });
    let quern = Quern::new(
        Arc::new(TestClient),
        identity,
        Metrics::new(None).unwrap(),
        network,
        Arc::new(|| 6),
        vitals.clone(),
    );
    Case {
        vitals,
        module: quern.into_rpc(),
    }
}

#[tokio::test]
async fn the_status_has_the_agreed_shape() {
    let mut status =
        request(&case(Some(ALICE)).module, "quern_status", "[]").await["result"].clone();
    let ticket = status["ticket"].take();
    assert!(status["uptime"].take().is_u64());
    assert_eq!(ticket["id"], 5);
    let expected = format!(
        r#"{{
            "nodeId": "12D3KooW", "name": "anna", "role": "authority", "author": "{ALICE_HEX}",
            "mining": false, "training": false, "height": 90, "finalised": 87, "poolSize": 6,
            "peers": 2, "syncing": false,
            "currentTask": {{"task": 3, "run": 4, "accepted": 256, "committed": 512, "steps": 1024}},
            "uptime": null,
            "statistics": {{
                "templates": 0, "workers": 0, "sealsSubmitted": 0, "sealsAccepted": 0,
                "sealsRefused": 0, "runs": 2, "blocks": 6, "shares": 8,
                "macs": "9223372036854775808"
            }},
            "ticket": null
        }}"#
    );
    assert_eq!(status, json(&expected));
}

#[tokio::test]
async fn a_node_without_author_has_neither_task_nor_ticket() {
    let status = request(&case(None).module, "quern_status", "[]").await["result"].clone();
    assert_eq!(status["role"], "full");
    for absent in ["author", "currentTask", "ticket"] {
        assert!(status[absent].is_null(), "{absent}");
    }
    assert_eq!(status["statistics"]["runs"], 0);
}

#[tokio::test]
async fn health_says_nothing_about_what_has_not_been_seen() {
    let health = request(&case(None).module, "quern_health", "[]").await["result"].clone();
    let expected = r#"{
        "lastHeartbeat": null, "responseTime": null, "successRate": null,
        "taskCompletionRate": null, "bandwidth": null, "cpu": null, "memory": null
    }"#;
    assert_eq!(health, json(expected));
}

#[tokio::test]
async fn health_is_measured() {
    let case = case(Some(ALICE));
    let start = Instant::now();
    for beat in [0, 5] {
        case.vitals.record(Sample {
            at: start + Duration::from_secs(beat),
            clock: UNIX_EPOCH + Duration::from_secs(1_000 + beat),
            process: None,
            traffic: Some(Traffic {
                received: 100 * beat,
                sent: 200 * beat,
            }),
        });
    }
    let health = request(&case.module, "quern_health", "[]").await["result"].clone();
    let expected = r#"{
        "lastHeartbeat": 1005000, "responseTime": null, "successRate": null,
        "taskCompletionRate": 0.5,
        "bandwidth": {
            "received": 500, "sent": 1000, "receivedPerSecond": 100, "sentPerSecond": 200
        },
        "cpu": null, "memory": null
    }"#;
    assert_eq!(health, json(expected));
}

#[tokio::test]
async fn economics_have_the_agreed_shape() {
    let module = case(None).module;
    let params = format!(r#"["{ALICE_HEX}"]"#);
    let economics = request(&module, "quern_economics", &params).await["result"].clone();
    let expected = r#"{
        "staked": true, "stake": "1180591620717411303424", "roles": ["miner", "verifier"],
        "reputation": 2400, "earned": "73786976294838206464", "vesting": "17"
    }"#;
    assert_eq!(economics, json(expected));
    let params = format!(r#"["{BOB}"]"#);
    let nothing = request(&module, "quern_economics", &params).await["result"].clone();
    assert_eq!(nothing["staked"], false);
    assert_eq!(nothing["stake"], "0");
}

#[test]
fn the_ticket_is_the_current_runs_or_a_live_miners() {
    let retired = TicketInfo {
        withdrawable: Some(9),
        ..ticket(1)
    };
    let verifier = TicketInfo {
        role: Role::Verifier,
        ..ticket(2)
    };
    let tickets = [retired, verifier, ticket(3)];
    assert_eq!(licence(&tickets, None), Some(&tickets[2]));
    assert_eq!(licence(&tickets[..2], None), None);
}

#[test]
fn only_ended_tasks_of_the_miner_count_towards_completion() {
    let ended = |stages: &[TaskStage]| {
        let tasks: Vec<TaskInfo> = (0..).zip(stages).map(|(id, at)| task(id, *at)).collect();
        tasks
    };
    let some = ended(&[
        TaskStage::Completed,
        TaskStage::Expired,
        TaskStage::Failed,
        TaskStage::Completed,
        TaskStage::Training,
        TaskStage::Cancelled,
    ]);
    assert_eq!(completion(&some, &ALICE), Some(0.5));
    assert_eq!(completion(&some, &BOB), None);
    assert_eq!(completion(&ended(&[TaskStage::Open]), &ALICE), None);
}
