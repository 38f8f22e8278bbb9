use super::*;
use crate::testing::{Block, TestClient};
use jsonrpsee::{RpcModule, core::JsonValue};

fn module(is_on: bool, snow: Option<Snow>) -> RpcModule<SnowRpc<Block, TestClient>> {
    SnowRpc::new(Arc::new(TestClient::new(is_on)), snow).into_rpc()
}

async fn state(is_on: bool, snow: Option<Snow>) -> String {
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"snow_state","params":[]}"#;
    let (answer, _) = module(is_on, snow)
        .raw_json_request(request, 1)
        .await
        .unwrap();
    let answer: JsonValue = answer.parse().unwrap();
    answer["result"].to_string()
}

#[tokio::test]
async fn a_chain_without_snow_says_so() {
    let off = r#"{"engine":null,"mode":"grandpa","running":false}"#;
    assert_eq!(
        sorted(&state(false, Some(Snow::default())).await),
        sorted(off)
    );
    let left_out = r#"{"engine":null,"mode":"grandpa+snow","running":false}"#;
    assert_eq!(sorted(&state(true, None).await), sorted(left_out));
}

#[tokio::test]
async fn the_runtime_is_asked_where_it_holds_no_other_request_up() {
    let client = TestClient::new(true);
    let asked = client.asked.clone();
    let module = SnowRpc::new(Arc::new(client), None).into_rpc();
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"snow_state","params":[]}"#;
    module.raw_json_request(request, 1).await.unwrap();
    let by = asked
        .get()
        .expect("the state tells how the chain finalises");
    assert_ne!(*by, std::thread::current().id());
}

/// JSON whose fields have one order.
fn sorted(text: &str) -> std::collections::BTreeMap<String, JsonValue> {
    let value: JsonValue = text.parse().unwrap();
    let fields = value.as_object().unwrap().iter();
    fields
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[tokio::test]
async fn a_running_engine_tells_where_it_stands() {
    let (snow, client) = (Snow::default(), TestClient::new(true));
    snow.switch(Some(client.gadget(5).0));
    let state = sorted(&state(true, Some(snow)).await);
    assert_eq!(
        (&state["mode"], &state["running"]),
        (&"grandpa+snow".into(), &true.into())
    );
    let hash = format!("{:?}", client.headers[3].hash());
    let expected = format!(
        r#"{{"setId":7,"authority":true,"accepted":3,"acceptedHash":"{hash}","preferred":"{hash}","processing":0,
        "connectedStake":"1","totalStake":"1","polling":true,"pollsOk":20,"pollsFailed":0,"votes":20,
        "blocksAccepted":3,"blocksRejected":0,"overruled":0}}"#
    );
    assert_eq!(sorted(&state["engine"].to_string()), sorted(&expected));
}

#[tokio::test]
async fn a_reader_gets_the_last_accepted_block_and_every_later_one() {
    let (snow, client) = (Snow::default(), TestClient::new(true));
    snow.switch(Some(client.gadget(5).0));
    let module = module(true, Some(snow.clone()));
    let mut blocks = module
        .subscribe_unbounded("snow_subscribeAccepted", [(); 0])
        .await
        .unwrap();
    for number in 3..=5 {
        let (block, _) = blocks.next::<JsonValue>().await.unwrap().unwrap();
        let hash = client.headers[number].hash();
        assert_eq!(
            (&block["number"], &block["hash"]),
            (&number.into(), &format!("{hash:?}").into())
        );
        let next = client.headers[number + 1].hash();
        snow.tell(Accepted {
            hash: next,
            number: number as u64 + 1,
        });
    }
}

#[tokio::test]
async fn a_node_without_snow_refuses_readers_by_name() {
    let refused = module(true, None)
        .subscribe_unbounded("snow_subscribeAccepted", [(); 0])
        .await;
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("NotRunning"), "{error}");
}
