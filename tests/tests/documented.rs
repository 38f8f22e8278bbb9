//! The examples of docs/rpc.md, sent to a real node: each answers with the fields that the page shows.

use std::{fs, path::Path};

use quern_tests::{Chain, Customer, Node, Player, QRN, Work, Worker, glyphs, turn, until};
use serde_json::{Deserializer, Value, json};

/// What stands for left-out digits and fields: a call that has it can't be sent.
const LEFT_OUT: &str = "…";

/// What the client of the page's task orders.
const SPEC: &str = r#"
name = "digits"
[network]
hidden = [64]
[training]
segment = 16
"#;

/// One example: a request and what the page says is answered.
struct Example {
    method: String,
    parameters: Value,
    answer: Value,
}

/// All requests of the page's JSON blocks that are whole and answered at once.
fn examples() -> Vec<Example> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rpc.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```json\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .flat_map(|block| {
            // Left-out objects and left-out fields are no JSON yet.
            let block = block.replace("{…}", "\"…\"");
            let block = block.replace(",…}", ",\"…\":\"…\"}");
            let values = Deserializer::from_str(&block).into_iter::<Value>();
            let values: Vec<Value> = values
                .collect::<Result<_, _>>()
                .unwrap_or_else(|error| panic!("{error} in {block}"));
            let pairs = values.windows(2).filter_map(|pair| {
                let (request, answer) = (&pair[0], &pair[1]);
                Some(Example {
                    method: request.get("method")?.as_str()?.to_owned(),
                    parameters: request.get("params")?.clone(),
                    answer: answer.get("result")?.clone(),
                })
            });
            pairs.collect::<Vec<_>>()
        })
        .filter(|example| !example.method.contains("ubscribe"))
        .filter(|example| !example.parameters.to_string().contains(LEFT_OUT))
        .collect()
}

/// Where `found` lacks a field of `shown`, has one that is neither shown nor left out, or has another kind of value.
fn differs(shown: &Value, found: &Value, at: &str) -> Option<String> {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => {
            let mut named = shown.keys().filter(|key| *key != LEFT_OUT);
            let missing = named.find(|key| !found.contains_key(*key));
            let all = !shown.contains_key(LEFT_OUT);
            let unnamed = found.keys().find(|key| all && !shown.contains_key(*key));
            if let Some(key) = missing.or(unnamed) {
                return Some(format!("{at}.{key}"));
            }
            let mut both = shown
                .iter()
                .filter_map(|(key, value)| Some((key, value, found.get(key)?)));
            both.find_map(|(key, shown, found)| differs(shown, found, &format!("{at}.{key}")))
        }
        (Value::Array(shown), Value::Array(found)) => {
            let (shown, found) = (shown.first()?, found.first()?);
            differs(shown, found, &format!("{at}[0]"))
        }
        (Value::String(shown), _) if shown == LEFT_OUT => None,
        (Value::Null, _) | (_, Value::Null) => None,
        _ => {
            (std::mem::discriminant(shown) != std::mem::discriminant(found)).then(|| at.to_owned())
        }
    }
}

/// The development chain with a verifier, Dave, who never votes: the first audit lasts.
fn chain() -> Chain {
    Chain::dev(Work::LIGHT, &glyphs()).with(|genesis| {
        let tickets = genesis["tickets"]["tickets"].as_array_mut().unwrap();
        tickets.push(json!([
            Player::Dave.address(),
            "verifier",
            10 * QRN as u64,
            4
        ]));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_answer_has_the_fields_that_a_node_gives() {
    let _turn = turn().await;
    let examples = examples();
    let documented: Vec<&str> = examples
        .iter()
        .map(|example| example.method.as_str())
        .collect();
    for method in [
        "work_status",
        "market_ticket",
        "market_ticketsOf",
        "market_ticketPrice",
        "market_task",
        "market_tasks",
        "market_audit",
        "market_reputation",
        "market_priceHint",
        "quern_status",
        "quern_health",
        "quern_economics",
        "snow_state",
    ] {
        assert!(
            documented.contains(&method),
            "{method} has no example: {documented:?}"
        );
    }

    let folder = tempfile::tempdir().unwrap();
    let node = Node::validator(&chain(), Player::Alice, &[]).await;
    let _worker = Worker::start(&node, Player::Alice, &folder.path().join("worker"), &[]);
    node.reaches(1).await;
    let _customer = Customer::order(&node, Player::Bob, SPEC, "glyphs", folder.path());
    // What the page shows has to happen first.
    for (method, parameters, place) in [
        ("market_audit", json!([0]), "/ballot/seats/0"),
        ("market_task", json!([1]), "/miners/0/run"),
        ("quern_status", json!([]), "/currentTask/steps"),
        ("quern_health", json!([]), "/bandwidth/receivedPerSecond"),
    ] {
        until(&format!("{method} tells {place}"), async || {
            let found = node.call(method, parameters.clone());
            found.pointer(place).filter(|value| !value.is_null())?;
            Some(())
        })
        .await;
    }
    for example in &examples {
        let found = node.call(&example.method, example.parameters.clone());
        let difference = differs(&example.answer, &found, "result");
        assert_eq!(difference, None, "{}: {found}", example.method);
    }
}
