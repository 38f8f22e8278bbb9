use super::*;
use crate::rpc::testing::{ALICE_HEX, Block, TestClient, json, request};
use jsonrpsee::{RpcModule, core::JsonValue};

fn module() -> RpcModule<Market<Block, TestClient>> {
    Market::new(Arc::new(TestClient)).into_rpc()
}

async fn result(method: &str, params: &str) -> JsonValue {
    request(&module(), method, params).await["result"].clone()
}

const SPEC: &str = r#"{
    "dataset": {
        "root": "0x0808080808080808080808080808080808080808080808080808080808080808",
        "rowBlocks": 500, "features": 784, "classes": 10
    },
    "hidden": [1024], "batch": 512, "lrShift": 3, "lrEvery": 2000, "segment": 256
}"#;

#[tokio::test]
async fn a_ticket_has_the_agreed_shape() {
    let expected = format!(
        r#"{{
            "id": 5, "owner": "{ALICE_HEX}", "role": "miner", "stake": "10000000000000000000",
            "preferences": {{
                "gpu": false, "maxRowBlocks": 4294967295, "concurrent": 2,
                "contact": "/ip4/127.0.0.1/tcp/9"
            }},
            "bought": 7, "expires": 43207, "withdrawable": null, "duties": [{{"mine": 3}}]
        }}"#
    );
    assert_eq!(result("market_ticket", "[5]").await, json(&expected));
    assert!(result("market_ticket", "[6]").await.is_null());
}

#[tokio::test]
async fn the_tickets_of_an_account_are_found_by_hex_and_by_address() {
    let found = result("market_ticketsOf", &format!(r#"["{ALICE_HEX}"]"#)).await;
    assert_eq!(found[0]["id"], 2);
    assert_eq!(found[1]["id"], 5);
    let address = crate::rpc::testing::ALICE.to_string();
    let same = result("market_ticketsOf", &format!(r#"["{address}"]"#)).await;
    assert_eq!(same, found);
    let bob = crate::rpc::testing::BOB.to_string();
    let none = result("market_ticketsOf", &format!(r#"["{bob}"]"#)).await;
    assert_eq!(none, json("[]"));
}

#[tokio::test]
async fn prices_are_decimal_strings() {
    assert_eq!(
        result("market_ticketPrice", r#"["miner"]"#).await,
        "1180591620717411303424"
    );
    assert_eq!(result("market_ticketPrice", r#"["evaluator"]"#).await, "1");
    assert_eq!(
        result("market_priceHint", "[]").await,
        "36893488147419103232"
    );
}

#[tokio::test]
async fn a_task_has_the_agreed_shape() {
    let expected = format!(
        r#"{{
            "id": 3, "client": "0x0202020202020202020202020202020202020202020202020202020202020202",
            "spec": {SPEC},
            "order": {{
                "name": "digits",
                "heldOut": {{
                    "root": "0x0707070707070707070707070707070707070707070707070707070707070707",
                    "rowBlocks": 50, "features": 784, "classes": 10
                }},
                "steps": 1024, "workers": 1, "evaluators": 3, "target": 900000, "gpu": false,
                "contact": ""
            }},
            "fee": "1180591620717411303424", "stage": "training", "submitted": 10, "deadline": 510,
            "miners": [{{
                "ticket": 5, "owner": "{ALICE_HEX}", "run": 4, "accepted": 256,
                "macs": "1152921504606846976",
                "stateRoot": "0x0909090909090909090909090909090909090909090909090909090909090909",
                "due": 400
            }}],
            "supervisor": {{
                "ticket": 6,
                "owner": "0x0202020202020202020202020202020202020202020202020202020202020202"
            }},
            "evaluation": {{
                "seats": [{{
                    "ticket": 8,
                    "voter": "0x0202020202020202020202020202020202020202020202020202020202020202",
                    "segments": [], "committed": true, "revealed": false
                }}],
                "commitUntil": 100, "revealUntil": 120, "reveals": true
            }},
            "best": {{"run": 4, "correct": 730}}
        }}"#
    );
    assert_eq!(result("market_task", "[3]").await, json(&expected));
    assert!(result("market_task", "[9]").await.is_null());
}

#[tokio::test]
async fn tasks_are_listed_from_the_latest_on_unless_told_otherwise() {
    let ids = async |params: &str| {
        let found = result("market_tasks", params).await;
        let ids: Vec<u64> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["id"].as_u64().unwrap())
            .collect();
        ids
    };
    assert_eq!(ids("[]").await, [4, 3, 2, 1]);
    assert_eq!(ids("[3, 2]").await, [3, 2]);
    assert_eq!(ids("[null, 1]").await, [4]);
    assert_eq!(ids("[0, 5]").await, [0; 0]);
}

#[tokio::test]
async fn an_audit_has_the_agreed_shape() {
    let expected = format!(
        r#"{{
            "id": 1,
            "claim": {{
                "run": 4, "from": 256, "to": 512,
                "stateRoot": "0x0101010101010101010101010101010101010101010101010101010101010101",
                "traceRoot": "0x0202020202020202020202020202020202020202020202020202020202020202",
                "startsRoot": "0x0303030303030303030303030303030303030303030303030303030303030303",
                "metric": 12
            }},
            "task": 3,
            "seed": "0x0707070707070707070707070707070707070707070707070707070707070707",
            "spec": {SPEC}, "author": "{ALICE_HEX}", "ticket": 5,
            "sealed": [
                [300, "0x0404040404040404040404040404040404040404040404040404040404040404"]
            ],
            "ballot": {{
                "seats": [{{
                    "ticket": 8,
                    "voter": "0x0202020202020202020202020202020202020202020202020202020202020202",
                    "segments": [0], "committed": true, "revealed": false
                }}],
                "commitUntil": 100, "revealUntil": 120, "reveals": true
            }},
            "redraws": 1
        }}"#
    );
    assert_eq!(result("market_audit", "[1]").await, json(&expected));
    assert!(result("market_audit", "[2]").await.is_null());
}

#[tokio::test]
async fn a_reputation_is_in_thousandths() {
    let params = format!(r#"["{ALICE_HEX}"]"#);
    assert_eq!(result("market_reputation", &params).await, 2_400);
}

#[tokio::test]
async fn odd_parameters_are_refused() {
    for (method, params) in [
        ("market_ticket", "[-1]"),
        ("market_ticket", "[]"),
        ("market_ticketsOf", r#"["0x01"]"#),
        ("market_ticketPrice", r#"["king"]"#),
        ("market_task", "[4294967296]"),
        ("market_reputation", r#"["alice"]"#),
    ] {
        let error = request(&module(), method, params).await["error"].clone();
        assert_eq!(error["code"], -32602, "{method} {params}");
    }
}
