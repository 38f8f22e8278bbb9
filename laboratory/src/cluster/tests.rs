use std::{
    path::Path,
    time::{Duration, Instant},
};

use libp2p::{PeerId, identity::Keypair};
use quern_snow::{Id, Parameters};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use super::{
    ClusterOptions, Error, Fate, Key, Listening, Member, NodeConfig, NodeConfigError,
    handle::Handle, loopback::Cluster, node::Decision, run_cluster, run_node,
};

/// Decides in a few polls, and with one of five away.
const QUICK: Parameters = Parameters {
    k: 20,
    alpha_preference: 11,
    alpha_confidence: 13,
    beta: 6,
    concurrent_polls: 3,
    max_outstanding_items: 100,
};

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

async fn next(cluster: &mut Cluster) -> Decision {
    let decision = time::timeout_at(deadline().into(), cluster.decisions.recv()).await;
    decision.unwrap().unwrap()
}

/// Until `nodes` have accepted `block`.
async fn accepted(cluster: &mut Cluster, block: Id, nodes: usize) {
    let mut left = nodes;
    while left > 0 {
        left -= usize::from(next(cluster).await.accepted.contains(&block));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_nodes_agree_on_one_of_three_rivals_at_every_height() {
    let options = ClusterOptions {
        blocks: 5,
        rivals: 3,
        parameters: Some(QUICK),
        ..ClusterOptions::default()
    };
    let mut seen = Vec::new();
    let report = run_cluster(options, |done, all| seen.push((done, all))).await;
    let report = report.unwrap();
    assert_eq!(seen.last(), Some(&(5, 5)));
    assert!(report.agreement, "{report:?}");
    assert_eq!(report.accepted, 5, "{report:?}");
    // A rival that comes when another is accepted already is decided nowhere.
    let decided = report.accepted + report.rejected;
    assert_eq!(decided + report.undecided, report.submitted);
    assert!(0.0 < report.p50_ms && report.p50_ms <= report.p99_ms);
    assert!(report.polls >= 5 * 5 * u64::from(QUICK.beta));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_member_does_not_stop_the_others() {
    let mut cluster = Cluster::start(5, QUICK, 1, deadline()).await.unwrap();
    cluster.nodes.pop().unwrap().stop().await;
    let mut parent = Id::default();
    for n in 0..3 {
        parent = cluster.nodes[n]
            .submit(vec![1], Some(parent))
            .await
            .unwrap();
        accepted(&mut cluster, parent, 4).await;
    }
    let status = cluster.nodes[0].status().await.unwrap();
    assert_eq!((status.connected, status.height), (4, 3));
    assert!(status.healthy);
    // Two of five are too many: polls rest instead of failing on and on.
    for _ in 0..2 {
        cluster.nodes.pop().unwrap().stop().await;
    }
    let node = &cluster.nodes[0];
    while node.status().await.unwrap().connected > 2 {
        time::sleep(Duration::from_millis(10)).await;
    }
    let last = node.submit(vec![2], None).await.unwrap();
    let before = node.status().await.unwrap();
    time::sleep(Duration::from_millis(200)).await;
    let after = node.status().await.unwrap();
    assert!(!after.healthy && after.processing == 1);
    assert!(after.polls <= before.polls + u64::from(QUICK.concurrent_polls));
    assert_eq!(node.look(last).await.unwrap(), Fate::Processing);
    assert_eq!(node.look(parent).await.unwrap(), Fate::Accepted);
    assert_eq!(node.look(Id([7; 32])).await.unwrap(), Fate::Unknown);
    cluster.stop().await;
}

fn seeds(count: u8) -> Vec<[u8; 32]> {
    (1..=count).map(|n| [n; 32]).collect()
}

fn peer(seed: &[u8; 32]) -> PeerId {
    let key = Keypair::ed25519_from_bytes(*seed).unwrap();
    key.public().to_peer_id()
}

fn config(seeds: &[[u8; 32]], own: usize) -> NodeConfig {
    let member = |seed| Member {
        peer: peer(seed),
        address: None,
        stake: 100,
    };
    NodeConfig {
        key: Key::Seed(seeds[own]),
        listen: "/ip4/127.0.0.1/tcp/0".parse().unwrap(),
        http: Some("127.0.0.1:0".parse().unwrap()),
        parameters: QUICK,
        genesis: Id::default(),
        timeout: Duration::from_secs(2),
        members: seeds.iter().map(member).collect(),
        bridge: None,
    }
}

async fn acquaint(nodes: &[Handle], seeds: &[[u8; 32]]) {
    for node in nodes {
        for (seed, other) in seeds.iter().zip(nodes) {
            node.meet(peer(seed), other.address().clone())
                .await
                .unwrap();
        }
    }
}

async fn reaches(node: &Handle, height: u64) {
    let deadline = deadline();
    while node.status().await.unwrap().height < height {
        assert!(Instant::now() < deadline, "{:?}", node.status().await);
        time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_comes_late_fetches_what_it_missed() {
    let seeds = seeds(5);
    let mut nodes = Vec::new();
    for own in 0..4 {
        nodes.push(Handle::start(config(&seeds, own), None).await.unwrap());
    }
    acquaint(&nodes, &seeds).await;
    while nodes[0].status().await.unwrap().connected < 4 {
        time::sleep(Duration::from_millis(10)).await;
    }
    for height in 1..=5 {
        nodes[0].submit(vec![height as u8], None).await.unwrap();
        reaches(&nodes[0], height).await;
    }
    nodes.push(Handle::start(config(&seeds, 4), None).await.unwrap());
    acquaint(&nodes, &seeds).await;
    while nodes[0].status().await.unwrap().connected < 5 {
        time::sleep(Duration::from_millis(10)).await;
    }
    nodes[0].submit(vec![6], None).await.unwrap();
    for node in &nodes {
        reaches(node, 6).await;
    }
    let last = nodes[0].status().await.unwrap().accepted;
    assert_eq!(nodes[4].status().await.unwrap().accepted, last);
    for node in nodes {
        node.stop().await;
    }
}

async fn http(node: &Handle, request: &str) -> String {
    let address = node.listening().http.clone().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(node: &Handle, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    http(node, &request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_metrics_and_blocks_are_served() {
    let seeds = seeds(2);
    let mut nodes = vec![Handle::start(config(&seeds, 0), None).await.unwrap()];
    let alone = get(&nodes[0], "/health").await;
    assert!(alone.starts_with("HTTP/1.1 503") && alone.contains("\"healthy\":false"));
    nodes.push(Handle::start(config(&seeds, 1), None).await.unwrap());
    acquaint(&nodes, &seeds).await;
    while !nodes[0].status().await.unwrap().healthy {
        time::sleep(Duration::from_millis(10)).await;
    }
    assert!(get(&nodes[0], "/health").await.starts_with("HTTP/1.1 200"));
    let post =
        "POST /blocks HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    let made = http(&nodes[0], post).await;
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
    let id = made.split('"').nth(3).unwrap().to_string();
    reaches(&nodes[0], 1).await;
    reaches(&nodes[1], 1).await;
    for node in &nodes {
        let fate = get(node, &format!("/blocks/{id}")).await;
        assert!(fate.contains("\"fate\":\"accepted\""), "{fate}");
    }
    assert!(
        get(&nodes[0], "/blocks/0x12")
            .await
            .starts_with("HTTP/1.1 400")
    );
    let metrics = get(&nodes[0], "/metrics").await;
    for line in [
        "snow_blocks_total{result=\"accepted\"} 1",
        "snow_height 1",
        "snow_peers 2",
        "snow_processing 0",
        "snow_acceptance_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{line} not in {metrics}");
    }
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_noise_are_turned_away() {
    let seeds = seeds(2);
    let nodes = [
        Handle::start(config(&seeds, 0), None).await.unwrap(),
        Handle::start(config(&seeds, 1), None).await.unwrap(),
    ];
    // Somebody who has the members' list, but is not on it.
    let stranger = [seeds.clone(), vec![[9; 32]]].concat();
    let stranger = Handle::start(config(&stranger, 2), None).await.unwrap();
    let (first, address) = (peer(&seeds[0]), nodes[0].address().clone());
    stranger.meet(first, address.clone()).await.unwrap();
    // And somebody who speaks nothing known.
    let port = address.iter().nth(1).unwrap().to_string();
    let port = port.trim_start_matches("/tcp/").parse().unwrap();
    let mut noise = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    noise.write_all(&[0xff; 4096]).await.unwrap();
    acquaint(&nodes, &seeds).await;
    while nodes[0].status().await.unwrap().connected < 2 {
        time::sleep(Duration::from_millis(10)).await;
    }
    nodes[0].submit(vec![1], None).await.unwrap();
    reaches(&nodes[1], 1).await;
    assert_eq!(nodes[0].status().await.unwrap().connected, 2);
    assert_eq!(stranger.status().await.unwrap().height, 0);
    stranger.stop().await;
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_node_tells_where_it_listens_and_runs_until_it_is_stopped() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (tell, told) = tokio::sync::oneshot::channel();
    let ready = |listening: &Listening| tell.send(listening.clone()).unwrap();
    let node = run_node(config(&seeds(1), 0), ready, async {
        stopped.await.unwrap();
    });
    let visit = async {
        let listening: Listening = told.await.unwrap();
        assert!(
            listening
                .address
                .ends_with(&format!("/p2p/{}", listening.peer))
        );
        let http = listening.http.unwrap();
        let reachable = TcpStream::connect(&http).await.is_ok();
        stop.send(()).unwrap();
        (reachable, http)
    };
    let (ended, (reachable, http)) = tokio::join!(node, visit);
    assert!(ended.is_ok() && reachable);
    assert!(TcpStream::connect(&http).await.is_err());
}

#[tokio::test]
async fn what_keeps_a_node_from_starting_is_named() {
    let seeds = seeds(2);
    let start = |config| async { Handle::start(config, None).await.err().unwrap() };
    let foreign = NodeConfig {
        key: Key::Seed([9; 32]),
        ..config(&seeds, 0)
    };
    assert!(matches!(start(foreign).await, Error::NotMember(p) if p == peer(&[9; 32])));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let from = |path: &Path| NodeConfig {
        key: Key::File(path.into()),
        ..config(&seeds, 0)
    };
    // The first start makes a key, the second reads it.
    let Error::NotMember(made) = start(from(&path)).await else {
        panic!("a new key is no member's");
    };
    assert!(matches!(start(from(&path)).await, Error::NotMember(again) if again == made));
    std::fs::write(&path, "no key").unwrap();
    assert!(matches!(start(from(&path)).await, Error::BadKey(named) if named == path));
    let nowhere = folder.path().join("no/folder/key");
    assert!(matches!(start(from(&nowhere)).await, Error::Key(named, _) if named == nowhere));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let _hold = std::net::TcpListener::bind(taken);
    let busy = NodeConfig {
        http: Some(taken),
        ..config(&seeds, 0)
    };
    assert!(matches!(start(busy).await, Error::Http(named, _) if named == taken));
    for (field, options) in [
        (
            "nodes",
            ClusterOptions {
                nodes: 0,
                ..ClusterOptions::default()
            },
        ),
        (
            "nodes",
            ClusterOptions {
                nodes: 65,
                ..ClusterOptions::default()
            },
        ),
        (
            "blocks",
            ClusterOptions {
                blocks: 0,
                ..ClusterOptions::default()
            },
        ),
        (
            "rivals",
            ClusterOptions {
                rivals: 6,
                ..ClusterOptions::default()
            },
        ),
        (
            "timeout",
            ClusterOptions {
                timeout: Duration::ZERO,
                ..ClusterOptions::default()
            },
        ),
        (
            "timeout",
            ClusterOptions {
                timeout: Duration::from_secs(u64::MAX),
                ..ClusterOptions::default()
            },
        ),
    ] {
        let refused = run_cluster(options, |_, _| ()).await.unwrap_err();
        assert!(matches!(refused, Error::Options(named, ..) if named == field));
    }
}

fn text(change: impl Fn(String) -> String) -> String {
    let members = seeds(2).into_iter().map(|seed| peer(&seed)).map(|peer| {
        format!("[[members]]\npeer = \"{peer}\"\naddress = \"/ip4/127.0.0.1/tcp/1\"\nstake = 50\n")
    });
    let members: String = members.collect();
    change(format!(
        "key = \"node.key\"\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nhttp = \"127.0.0.1:0\"\ntimeout_ms = 500\n\
         [parameters]\nk = 20\nbeta = 20\n{members}"
    ))
}

#[test]
fn a_whole_configuration_is_read() {
    let config = NodeConfig::parse(&text(|text| text)).unwrap();
    assert_eq!(config.key, Key::File("node.key".into()));
    assert_eq!(config.parameters, Parameters::default());
    assert_eq!(config.timeout, Duration::from_millis(500));
    assert_eq!(config.members.len(), 2);
    assert_eq!(config.members[1].peer, peer(&[2; 32]));
}

#[test]
fn a_malformed_configuration_is_refused_by_name() {
    let replaced = |from: &str, to: &str| {
        let text = text(|text| {
            assert!(text.contains(from));
            text.replacen(from, to, 1)
        });
        NodeConfig::parse(&text).unwrap_err().to_string()
    };
    for (from, to, named) in [
        ("key = ", "", "TOML"),
        ("key = ", "kei = ", "kei"),
        ("k = 20", "k = true", "u32"),
        ("k = 20", "k = 20\ngamma = 1", "gamma"),
        ("k = 20", "k = 0", "parameter k"),
        ("k = 20", "k = 30", "alpha_preference"),
        ("beta = 20", "beta = 2", "concurrent_polls"),
        (
            "listen = \"/ip4/127.0.0.1/tcp/0\"",
            "listen = \"here\"",
            "listen",
        ),
        (
            "listen = \"/ip4/127.0.0.1/tcp/0\"",
            "listen = \"/ip4/127.0.0.1\"",
            "listen",
        ),
        ("127.0.0.1:0", "localhost", "http"),
        ("timeout_ms = 500", "timeout_ms = 9", "timeout_ms"),
        ("timeout_ms = 500", "genesis = \"12\"", "genesis"),
        ("peer = \"12D3", "peer = \"13D3", "members[0].peer"),
        ("tcp/1\"", "udp/1\"", "members[0].address"),
        ("stake = 50", "stake = 0", "validator 0"),
        ("stake = 50", "stake = -1", "u64"),
    ] {
        let error = replaced(from, to);
        assert!(error.contains(named), "{from} → {to}: {error}");
    }
    let twice = text(|text| text.replace(&peer(&[2; 32]).to_string(), &peer(&[1; 32]).to_string()));
    let error = NodeConfig::parse(&twice).unwrap_err();
    assert!(matches!(error, Error::Config(NodeConfigError::Twice(_))));
    let few = text(|text| text.replace("stake = 50", "stake = 9"));
    assert!(
        NodeConfig::parse(&few)
            .unwrap_err()
            .to_string()
            .contains("18")
    );
    let none = text(|text| text[..text.find("[[members]]").unwrap()].to_string());
    assert!(
        NodeConfig::parse(&none)
            .unwrap_err()
            .to_string()
            .contains("members")
    );
    let bridge = text(|text| format!("{text}[bridge]\npublish = \"\"\npull = \"\"\n"));
    let bridged = NodeConfig::parse(&bridge);
    assert_eq!(bridged.is_ok(), cfg!(feature = "zeromq"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_configuration_panic(text in "[a-z0-9_=\\[\\]\" \n.]{0,120}") {
        let _ = NodeConfig::parse(&text);
    }
}

#[cfg(feature = "zeromq")]
mod bridged {
    use quern_snow::{EngineKind, Frame, VoteKind};
    use zeromq::{PushSocket, Socket, SocketRecv, SocketSend, SubSocket};

    use super::*;
    use crate::cluster::BridgeConfig;

    fn free() -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("tcp://{}", listener.local_addr().unwrap())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn frames_go_out_and_come_in() {
        let seeds = seeds(1);
        let (publish, pull) = (free(), free());
        let bridge = BridgeConfig {
            publish: publish.clone(),
            pull: pull.clone(),
        };
        let own = NodeConfig {
            bridge: Some(bridge),
            ..config(&seeds, 0)
        };
        let node = Handle::start(own, None).await.unwrap();
        let mut sub = SubSocket::new();
        sub.connect(&publish).await.unwrap();
        sub.subscribe("").await.unwrap();
        let mut push = PushSocket::new();
        push.connect(&pull).await.unwrap();
        // A subscription takes a while to arrive; what is sent before is lost.
        time::sleep(Duration::from_millis(300)).await;
        let mut next = async || {
            let message = time::timeout_at(deadline().into(), sub.recv()).await;
            Frame::decode(message.unwrap().unwrap().get(0).unwrap()).unwrap()
        };
        let id = node.submit(vec![1], None).await.unwrap();
        let mut last = next().await;
        while last.vote == VoteKind::Prefer {
            last = next().await;
        }
        let block = u16::from_be_bytes([id.0[0], id.0[1]]);
        assert_eq!((last.vote, last.block), (VoteKind::Accept, block));
        // Noise is dropped, frames are counted apart from the consensus.
        push.send(vec![1, 2, 3].into()).await.unwrap();
        for node in 0..13 {
            let frame = Frame {
                engine: EngineKind::Snowball,
                node,
                block: 5,
                vote: VoteKind::Reject,
            };
            push.send(frame.encode().to_vec().into()).await.unwrap();
        }
        let decided = next().await;
        assert_eq!((decided.block, decided.vote), (5, VoteKind::Reject));
        let metrics = get(&node, "/metrics").await;
        assert!(
            metrics.contains("snow_frames_total{result=\"refused\"} 1"),
            "{metrics}"
        );
        node.stop().await;
    }
}
