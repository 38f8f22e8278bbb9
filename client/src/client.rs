//! One websocket to one node.

use crate::{
    Account, Error, Header, RunInfo, Signer, Status, Template, Templates, WorkRules,
    nonce::Nonces,
    runtime::Runtime,
    text::{hex32, parse_hex32},
};
use codec::{Decode, Encode};
use futures::{StreamExt, stream, stream::BoxStream};
use quern_work::{Hash, SealError, WorkSeal};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use subxt::{
    config::substrate::{H256, SubstrateHeader},
    rpcs::{
        self,
        client::{RpcClient, RpcParams, RpcSubscription, rpc_params},
    },
};

/// How long a node may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Time without a header after which the node is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(60);

/// A connection to a node. Clones share it; there is no reconnecting inside: after [`Error::Closed`], connect anew.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    rpc: RpcClient,
    genesis: Hash,
    /// The runtime last needed; upgrades are rare, so one is enough.
    runtime: RwLock<Option<Runtime>>,
    nonces: Nonces,
    /// Held from asking for a nonce until the pool has the extrinsic, so that nonces reach the pool in order.
    submitting: tokio::sync::Mutex<()>,
}

/// The version of a runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeVersion {
    /// The runtime's name.
    pub spec_name: String,
    /// Changes with every upgrade.
    pub spec_version: u32,
    /// Changes when extrinsics are encoded differently.
    pub transaction_version: u32,
}

/// What the network part of a node tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    pub(crate) peers: u64,
    pub(crate) is_syncing: bool,
}

impl Client {
    /// Connects to a node's websocket, such as `ws://127.0.0.1:9944`.
    ///
    /// # Errors
    /// [`Error::NotReachable`] when nobody answers within ten seconds.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let not_reachable = |reason: String| Error::NotReachable {
            url: url.to_owned(),
            reason,
        };
        let connecting = subxt::rpcs::client::jsonrpsee_client(url);
        let socket = tokio::time::timeout(CONNECT_LIMIT, connecting)
            .await
            .map_err(|_| not_reachable("no answer in time".into()))?
            .map_err(|error| not_reachable(cause(&error)))?;
        Self::over(url, RpcClient::new(socket)).await
    }

    async fn over(url: &str, rpc: RpcClient) -> Result<Self, Error> {
        let genesis: Option<H256> = request(&rpc, "chain_getBlockHash", rpc_params![0]).await?;
        let genesis = genesis.ok_or_else(|| Error::UnknownBlock("0".into()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                url: url.to_owned(),
                rpc,
                genesis: genesis.0,
                runtime: RwLock::default(),
                nonces: Nonces::default(),
                submitting: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// The address connected to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The hash of block 0: which chain this is.
    #[must_use]
    pub fn genesis_hash(&self) -> Hash {
        self.inner.genesis
    }

    /// Makes sure that the node follows the chain whose block 0 has this hash.
    ///
    /// # Errors
    /// [`Error::WrongGenesis`] when it follows another one.
    pub fn expect_genesis(&self, expected: &Hash) -> Result<(), Error> {
        if self.inner.genesis == *expected {
            return Ok(());
        }
        Err(Error::WrongGenesis {
            expected: *expected,
            found: self.inner.genesis,
        })
    }

    /// The header of the best block.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn best_header(&self) -> Result<Header, Error> {
        self.header_or_unknown(None).await
    }

    /// The header of the last finalised block.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn finalised_header(&self) -> Result<Header, Error> {
        let hash: H256 = self
            .request("chain_getFinalizedHead", rpc_params![])
            .await?;
        self.header_or_unknown(Some(hash)).await
    }

    /// The header of a block; none when the node does not know it.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn header(&self, hash: Hash) -> Result<Option<Header>, Error> {
        self.maybe_header(Some(hash.into())).await
    }

    /// The hash of the block at a height of the best chain; none above its tip.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn block_hash(&self, number: u64) -> Result<Option<Hash>, Error> {
        let hash: Option<H256> = self
            .request("chain_getBlockHash", rpc_params![number])
            .await?;
        Ok(hash.map(|hash| hash.0))
    }

    /// The headers of best blocks, the current one first, for as long as the connection lasts. A node that is gone without a word is
    /// found out within two minutes.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn best_headers(&self) -> Result<BoxStream<'static, Result<Header, Error>>, Error> {
        self.headers("chain_subscribeNewHeads", "chain_unsubscribeNewHeads")
            .await
    }

    /// The headers of finalised blocks, the current one first, for as long as the connection lasts. Of several blocks
    /// finalised at once only the last may be told.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn finalised_headers(
        &self,
    ) -> Result<BoxStream<'static, Result<Header, Error>>, Error> {
        self.headers(
            "chain_subscribeFinalizedHeads",
            "chain_unsubscribeFinalizedHeads",
        )
        .await
    }

    /// Subscribes to block templates.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Rpc`] when the node has no author.
    pub async fn subscribe_templates(&self) -> Result<Templates, Error> {
        let stream = self
            .subscribe::<Template>(
                "work_subscribeTemplates",
                rpc_params![],
                "work_unsubscribeTemplates",
            )
            .await?;
        Ok(Templates::new(stream))
    }

    /// Signs a seal as the owner of its run and hands it to the node, which checks it, imports the block and announces
    /// it. Gives the block's hash.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason's name, or connection errors.
    pub async fn submit_seal(
        &self,
        signer: &Signer,
        pre_hash: Hash,
        seal: &WorkSeal,
    ) -> Result<Hash, Error> {
        let signed = signer.sign_seal(&self.inner.genesis, &pre_hash, seal.clone());
        self.submit_seal_bytes(pre_hash, &signed.encode()).await
    }

    /// As [`Client::submit_seal`], from the bytes of a signed seal.
    ///
    /// # Errors
    /// As [`Client::submit_seal`].
    pub async fn submit_seal_bytes(&self, pre_hash: Hash, seal: &[u8]) -> Result<Hash, Error> {
        let seal = format!("0x{}", hex::encode(seal));
        let hash: H256 = self
            .request("work_submitSeal", rpc_params![hex32(&pre_hash), seal])
            .await?;
        Ok(hash.0)
    }

    /// How the node is doing. Where the node does not tell of its peers here, its `system_health` is asked.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn status(&self) -> Result<Status, Error> {
        let mut status: Status = self.request("work_status", rpc_params![]).await?;
        if status.peers.is_none() || status.syncing.is_none() {
            let health: Health = self.request("system_health", rpc_params![]).await?;
            status.peers.get_or_insert(health.peers);
            status.syncing.get_or_insert(health.is_syncing);
        }
        Ok(status)
    }

    /// The version of the runtime at block `at`, by default the best one.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn runtime_version(&self, at: Option<Hash>) -> Result<RuntimeVersion, Error> {
        self.request("state_getRuntimeVersion", rpc_params![at.map(H256)])
            .await
    }

    /// A run at block `at`, by default the best one; none when it was never opened or is closed.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn run(&self, id: u64, at: Option<Hash>) -> Result<Option<RunInfo>, Error> {
        self.state_call("WorkApi_run", &id.encode(), at).await
    }

    /// The runs of an account at block `at`, by default the best one, by ascending id.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn runs_of(&self, owner: &Account, at: Option<Hash>) -> Result<Vec<RunInfo>, Error> {
        self.state_call("WorkApi_runs_of", owner, at).await
    }

    /// The rules of draws and windows at block `at`, by default the best one.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn rules(&self, at: Option<Hash>) -> Result<WorkRules, Error> {
        self.state_call("WorkApi_rules", &[], at).await
    }

    /// Expected multiply–accumulates of the block after `at`, by default after the best one.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn difficulty(&self, at: Option<Hash>) -> Result<u128, Error> {
        self.state_call("WorkApi_difficulty", &[], at).await
    }

    /// Has the runtime at block `parent`, by default the best one, check the bytes of a signed seal for its child. The outer error is the
    /// connection's, the inner one the runtime's verdict.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn verify_seal(
        &self,
        pre_hash: Hash,
        author: &Account,
        seal: &[u8],
        parent: Option<Hash>,
    ) -> Result<Result<(), SealError>, Error> {
        let arguments = (self.inner.genesis, pre_hash, author, seal).encode();
        self.state_call("WorkApi_verify_seal", &arguments, parent)
            .await
    }

    /// Calls a runtime API function at block `at`, by default the best one, with SCALE-encoded arguments.
    ///
    /// # Errors
    /// Connection errors, [`Error::Rpc`] when the runtime has no such function, [`Error::Decode`] when it answers
    /// with another type.
    pub async fn state_call<T: Decode>(
        &self,
        function: &str,
        arguments: &[u8],
        at: Option<Hash>,
    ) -> Result<T, Error> {
        let arguments = format!("0x{}", hex::encode(arguments));
        let params = rpc_params![function, arguments, at.map(H256)];
        let answer: String = self.request("state_call", params).await?;
        let bytes = bytes_of(&answer).ok_or_else(|| Error::decode(function, "not hexadecimal"))?;
        let mut rest = bytes.as_slice();
        let value = T::decode(&mut rest).map_err(|reason| Error::decode(function, reason))?;
        if rest.is_empty() {
            Ok(value)
        } else {
            Err(Error::decode(function, "bytes are left over"))
        }
    }

    pub(crate) fn nonces(&self) -> &Nonces {
        &self.inner.nonces
    }

    pub(crate) fn submitting(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.submitting
    }

    /// The raw bytes of a storage entry.
    pub(crate) async fn storage(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let params = rpc_params![format!("0x{}", hex::encode(key)), H256(at)];
        let value: Option<String> = self.request("state_getStorage", params).await?;
        value
            .map(|text| bytes_of(&text).ok_or_else(|| Error::decode("storage", "not hexadecimal")))
            .transpose()
    }

    /// `at`, or the hash of the best block.
    pub(crate) async fn block_or_best(&self, at: Option<Hash>) -> Result<Hash, Error> {
        match at {
            Some(hash) => Ok(hash),
            None => {
                let hash: H256 = self.request("chain_getBlockHash", rpc_params![]).await?;
                Ok(hash.0)
            }
        }
    }

    /// The runtime in force at a block: fetched when its version is not the one last needed.
    pub(crate) async fn runtime_at(&self, at: Hash) -> Result<Runtime, Error> {
        let version = self.runtime_version(Some(at)).await?;
        let cached = self
            .inner
            .runtime
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(runtime) = cached
            && runtime.spec_version() == version.spec_version
        {
            return Ok(runtime);
        }
        let metadata: String = self
            .request("state_getMetadata", rpc_params![H256(at)])
            .await?;
        let metadata = bytes_of(&metadata)
            .ok_or_else(|| Error::decode("the runtime's metadata", "not hexadecimal"))?;
        let runtime = Runtime::new(
            self.inner.genesis,
            version.spec_version,
            version.transaction_version,
            &metadata,
        )?;
        *self
            .inner
            .runtime
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(runtime.clone());
        Ok(runtime)
    }

    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        method: &str,
        params: RpcParams,
    ) -> Result<T, Error> {
        request(&self.inner.rpc, method, params).await
    }

    /// A subscription whose lost connection is one [`Error::Closed`], then the end.
    pub(crate) async fn subscribe<T: DeserializeOwned + Send + 'static>(
        &self,
        subscribe: &'static str,
        params: RpcParams,
        unsubscribe: &'static str,
    ) -> Result<BoxStream<'static, Result<T, Error>>, Error> {
        let subscription: RpcSubscription<T> = self
            .inner
            .rpc
            .subscribe(subscribe, params, unsubscribe)
            .await
            .map_err(|error| Error::from_rpc(subscribe, error))?;
        Ok(subscription
            .map(move |item| item.map_err(|error| Error::from_rpc(subscribe, error)))
            .chain(stream::iter([Err(Error::Closed)]))
            .boxed())
    }

    async fn headers(
        &self,
        subscribe: &'static str,
        unsubscribe: &'static str,
    ) -> Result<BoxStream<'static, Result<Header, Error>>, Error> {
        let stream = self
            .subscribe::<SubstrateHeader<H256>>(subscribe, rpc_params![], unsubscribe)
            .await?;
        let headers = stream.map(|item| item.map(Header::from)).boxed();
        Ok(watched(headers, self.clone(), SILENCE))
    }

    async fn maybe_header(&self, hash: Option<H256>) -> Result<Option<Header>, Error> {
        let header: Option<SubstrateHeader<H256>> =
            self.request("chain_getHeader", rpc_params![hash]).await?;
        Ok(header.map(Header::from))
    }

    async fn header_or_unknown(&self, hash: Option<H256>) -> Result<Header, Error> {
        let name = || hash.map_or_else(|| "best".into(), |hash| hex32(&hash.0));
        self.maybe_header(hash)
            .await?
            .ok_or_else(|| Error::UnknownBlock(name()))
    }

    /// The header of the block that `name` names: a height of the best chain, a hash, `best` or `finalised`.
    ///
    /// # Errors
    /// [`Error::UnknownBlock`] when the node has no such block, or connection errors.
    pub async fn find_header(&self, name: &str) -> Result<Header, Error> {
        let unknown = || Error::UnknownBlock(name.to_owned());
        let hash = match name {
            "best" => return self.best_header().await,
            "finalised" => return self.finalised_header().await,
            _ => match name.parse() {
                Ok(number) => self.block_hash(number).await?.ok_or_else(unknown)?,
                Err(_) => parse_hex32(name).ok_or_else(unknown)?,
            },
        };
        self.header(hash).await?.ok_or_else(unknown)
    }
}

async fn request<T: DeserializeOwned>(
    rpc: &RpcClient,
    method: &str,
    params: RpcParams,
) -> Result<T, Error> {
    rpc.request(method, params)
        .await
        .map_err(|error| Error::from_rpc(method, error))
}

/// A subscription's items. Whenever none has come for so long the node is asked for a header: a socket whose other end vanished
/// stays silent, and only who says something on it learns that nobody is there.
fn watched<T: Send + 'static>(
    items: BoxStream<'static, Result<T, Error>>,
    client: Client,
    silence: Duration,
) -> BoxStream<'static, Result<T, Error>> {
    stream::unfold(Some((items, client)), move |open| async move {
        let (mut items, client) = open?;
        loop {
            if let Ok(item) = tokio::time::timeout(silence, items.next()).await {
                return Some((item?, Some((items, client))));
            }
            if let Err(error) = client.best_header().await
                && error.is_connection()
            {
                return Some((Err(error), None));
            }
        }
    })
    .boxed()
}

/// The bytes of a `0x`-hex string.
pub(crate) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.strip_prefix("0x")?).ok()
}

/// What the system said, without the layers in between.
fn cause(error: &rpcs::Error) -> String {
    let mut cause: &dyn std::error::Error = match error {
        rpcs::Error::Client(inner) => &**inner,
        other => other,
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use subxt::rpcs::{
        UserError,
        client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
    };

    const GENESIS: Hash = [1; 32];

    /// The answer of a node that is gone.
    const GONE: &str = "gone";

    /// A node that gives each method's answer, or each subscription's items and then hangs up.
    struct Double(Vec<(&'static str, Value)>);

    impl Double {
        fn answer(&self, method: &str) -> Result<&Value, rpcs::Error> {
            let known = self.0.iter().find(|(name, _)| *name == method);
            known
                .map(|(_, answer)| answer)
                .ok_or_else(|| rpcs::Error::User(UserError::method_not_found()))
        }
    }

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    impl RpcClientT for Double {
        fn request_raw<'a>(
            &'a self,
            method: &'a str,
            _: Option<Box<RawValue>>,
        ) -> RawRpcFuture<'a, Box<RawValue>> {
            Box::pin(async move {
                match self.answer(method)? {
                    Value::String(gone) if gone == GONE => Err(rpcs::Error::Client(GONE.into())),
                    answer => Ok(raw(answer)),
                }
            })
        }

        fn subscribe_raw<'a>(
            &'a self,
            method: &'a str,
            _: Option<Box<RawValue>>,
            _: &'a str,
        ) -> RawRpcFuture<'a, RawRpcSubscription> {
            Box::pin(async move {
                let items = self.answer(method)?.as_array().unwrap();
                let items: Vec<_> = items.iter().map(|item| Ok(raw(item))).collect();
                Ok(RawRpcSubscription {
                    stream: stream::iter(items).boxed(),
                    id: None,
                })
            })
        }
    }

    async fn client(answers: impl IntoIterator<Item = (&'static str, Value)>) -> Client {
        let genesis = ("chain_getBlockHash", json!(hex32(&GENESIS)));
        let double = Double(answers.into_iter().chain([genesis]).collect());
        Client::over("double", RpcClient::new(double))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_not_reachable() {
        let error = Client::connect("ws://127.0.0.1:9").await.err().unwrap();
        assert!(matches!(error, Error::NotReachable { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.starts_with("no node reachable at ws://127.0.0.1:9: "),
            "{message}"
        );
        assert!(
            message.ends_with("Connection refused (os error 111)"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_not_reachable() {
        for url in ["", "127.0.0.1", "ws://", "http://127.0.0.1:9"] {
            let error = Client::connect(url).await.err().unwrap();
            assert!(
                matches!(error, Error::NotReachable { .. }),
                "{url}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn a_node_of_another_chain_is_told_by_its_genesis() {
        let client = client([]).await;
        assert!(client.expect_genesis(&GENESIS).is_ok());
        let error = client.expect_genesis(&[2; 32]).unwrap_err();
        assert!(matches!(
            error,
            Error::WrongGenesis {
                expected: [2, ..],
                found: GENESIS
            }
        ));
    }

    #[tokio::test]
    async fn peers_are_asked_for_where_the_status_lacks_them() {
        let hash = hex32(&GENESIS);
        let client = client([
            (
                "work_status",
                json!({"height": 3, "best": hash, "finalised": 1, "finalisedHash": hash, "difficulty": "9",
                    "author": null, "templates": 0, "subscribers": 0, "sealsAccepted": 0, "sealsRefused": 0}),
            ),
            (
                "system_health",
                json!({"peers": 4, "isSyncing": true, "shouldHavePeers": true}),
            ),
        ])
        .await;
        let status = client.status().await.unwrap();
        assert_eq!((status.peers, status.syncing), (Some(4), Some(true)));
    }

    #[tokio::test]
    async fn an_answer_of_another_size_is_unreadable() {
        let client = client([("state_call", json!("0x0102"))]).await;
        assert_eq!(
            client
                .state_call::<u16>("WorkApi_difficulty", &[], None)
                .await
                .unwrap(),
            0x0201
        );
        for error in [
            client
                .state_call::<u8>("WorkApi_difficulty", &[], None)
                .await
                .err(),
            client.difficulty(None).await.err(),
        ] {
            assert!(matches!(error, Some(Error::Decode { .. })), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_seals_verdict_is_apart_from_the_connections() {
        let refused = Result::<(), _>::Err(SealError::AboveTarget).encode();
        let client = client([("state_call", json!(format!("0x{}", hex::encode(refused))))]).await;
        let verdict = client.verify_seal([3; 32], &[4; 32], &[], None).await;
        assert_eq!(verdict.unwrap(), Err(SealError::AboveTarget));
    }

    #[tokio::test]
    async fn a_subscription_that_hangs_up_is_one_closed_then_the_end() {
        let header = json!({"parentHash": hex32(&GENESIS), "number": "0x7", "stateRoot": hex32(&GENESIS),
            "extrinsicsRoot": hex32(&GENESIS), "digest": {"logs": []}});
        let client = client([("chain_subscribeNewHeads", json!([header]))]).await;
        let items: Vec<_> = client.best_headers().await.unwrap().collect().await;
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].as_ref().unwrap().number, 7);
        assert!(matches!(items[1], Err(Error::Closed)));
    }

    #[tokio::test]
    async fn a_silent_node_is_asked_and_one_that_is_gone_is_closed() {
        let silence = Duration::from_millis(5);
        let client = client([("chain_getHeader", json!(GONE))]).await;
        let never = stream::pending::<Result<u8, Error>>().boxed();
        let items: Vec<_> = watched(never, client, silence).collect().await;
        assert!(matches!(items[..], [Err(Error::Closed)]), "{items:?}");
    }

    #[tokio::test]
    async fn a_node_that_has_nothing_to_say_is_waited_for() {
        let silence = Duration::from_millis(5);
        let client = client([("chain_getHeader", Value::Null)]).await;
        let late = stream::once(async move {
            tokio::time::sleep(10 * silence).await;
            Ok(7)
        });
        let mut items = watched(late.boxed(), client, silence);
        assert_eq!(items.next().await.unwrap().unwrap(), 7);
        assert!(items.next().await.is_none());
    }

    #[tokio::test]
    async fn a_block_that_the_node_lacks_is_named_as_it_was_asked_for() {
        let client = client([("chain_getHeader", Value::Null)]).await;
        for name in ["12", "nonsense", &hex32(&GENESIS)] {
            let error = client.find_header(name).await.unwrap_err();
            assert_eq!(error.to_string(), format!("the node knows no block {name}"));
        }
    }
}
