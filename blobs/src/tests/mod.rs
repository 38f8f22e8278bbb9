//! Nodes that fetch from each other over real sockets of the loopback interface.

mod liar;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use quern_work::merkle;
use tempfile::TempDir;

use super::*;
use crate::{
    limits::MAX_RESPONSE,
    wire::{Request, Response},
};
use liar::Liar;

const CHUNK: u32 = 65_536;

fn config(dir: &TempDir) -> Config {
    Config {
        capacity: 1 << 30,
        timeout: Duration::from_secs(10),
        ..Config::new(dir.path())
    }
}

/// The same, which finds soon that somebody is silent.
fn hasty(dir: &TempDir) -> Config {
    Config {
        timeout: Duration::from_secs(3),
        ..config(dir)
    }
}

async fn node() -> (Blobs, TempDir) {
    let dir = TempDir::new().unwrap();
    (Blobs::start(config(&dir)).await.unwrap(), dir)
}

/// A node that enters the Kademlia table by `entry`.
async fn node_by(entry: &Blobs) -> (Blobs, TempDir) {
    let dir = TempDir::new().unwrap();
    let mut config = config(&dir);
    config.bootstrap = vec![entry.address().parse().unwrap()];
    (Blobs::start(config).await.unwrap(), dir)
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 31 % 253) as u8).collect()
}

fn why(result: Result<Vec<u8>, FetchError>) -> Vec<SourceError> {
    match result.unwrap_err() {
        FetchError::Exhausted(_, failures) => failures.0.into_iter().map(|(_, why)| why).collect(),
        other => panic!("{other}"),
    }
}

/// A well-formed answer as it is on the wire.
fn framed(response: &Response) -> Vec<u8> {
    let body = response.encode();
    let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
    bytes.extend(body);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_fetched_from_a_contact_and_kept() {
    let ((server, _a), (client, _b)) = (node().await, node().await);
    let bytes = content(5_000_000);
    let blob = server.publish(CHUNK, bytes.clone()).await.unwrap();
    assert_eq!(blob.root, merkle::blob_root(&bytes));
    let mut told = Vec::new();
    let fetched = client
        .fetch(&blob, &[server.address()], |done, all| {
            told.push((done, all));
        })
        .await
        .unwrap();
    assert!(fetched == bytes);
    assert_eq!(told.first(), Some(&(0, blob.len)));
    assert_eq!(told.last(), Some(&(blob.len, blob.len)));
    assert!(told.is_sorted());
    assert!(client.has(&blob.root) && client.0.store.pinned().is_empty());
    server.shutdown().await;
    assert!(client.fetch(&blob, &[], |_, _| ()).await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_of_small_chunks_and_an_empty_one_are_fetched() {
    let ((server, _a), (client, _b)) = (node().await, node().await);
    for (chunk, len) in [(32, 2_000_003), (16 * 7 + 32, 144 * 50), (CHUNK, 0)] {
        let bytes = content(len);
        let blob = server.publish(chunk, bytes.clone()).await.unwrap();
        let from = [server.address()];
        assert!(client.fetch(&blob, &from, |_, _| ()).await.unwrap() == bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_found_by_its_provider_record_alone() {
    let (entry, _a) = node().await;
    let ((server, _b), (client, _c)) = (node_by(&entry).await, node_by(&entry).await);
    let bytes = content(300_000);
    let blob = server.publish(CHUNK, bytes.clone()).await.unwrap();
    let started = Instant::now();
    loop {
        match client.fetch(&blob, &[], |_, _| ()).await {
            Ok(fetched) => break assert!(fetched == bytes),
            Err(FetchError::Exhausted(..)) if started.elapsed() < Duration::from_secs(20) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_goes_on_where_the_vanished_server_and_the_killed_client_left_it() {
    let bytes = content(8 << 20);
    let (blob, client_dir) = (Blob::of(CHUNK, &bytes).unwrap(), TempDir::new().unwrap());
    let (server, _a) = node().await;
    server.publish(CHUNK, bytes.clone()).await.unwrap();
    // Serves four requests truly and is silent from then on.
    let (store, served) = (Arc::clone(&server.0.store), AtomicUsize::new(0));
    let flaky = Liar::start(move |request| {
        let first = u32::from_le_bytes(request[44..48].try_into().unwrap());
        let count = u32::from_le_bytes(request[48..].try_into().unwrap());
        let request = Request { blob, first, count };
        (served.fetch_add(1, Ordering::Relaxed) < 4)
            .then(|| framed(&store.serve(&request).unwrap()))
    })
    .await;
    let client = Blobs::start(hasty(&client_dir)).await.unwrap();
    let from = [flaky.contact.clone()];
    let failed = client.fetch(&blob, &from, |_, _| ()).await;
    assert_eq!(why(failed), [SourceError::Silent]);
    client.shutdown().await;
    drop(client);

    let client = Blobs::start(config(&client_dir)).await.unwrap();
    let mut first = None;
    let fetched = client
        .fetch(&blob, &[server.address()], |done, _| {
            first.get_or_insert(done);
        })
        .await
        .unwrap();
    assert!(fetched == bytes);
    assert_eq!(first, Some(4 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_gives_a_named_error_and_the_next_peer_is_asked() {
    let (server, _a) = node().await;
    let dir = TempDir::new().unwrap();
    let client = Blobs::start(hasty(&dir)).await.unwrap();
    let bytes = content(200_000);
    let blob = server.publish(CHUNK, bytes.clone()).await.unwrap();
    let all = Request {
        blob,
        first: 0,
        count: blob.chunks(),
    };
    let Response::Chunks { proof, data } = server.0.store.serve(&all).unwrap() else {
        panic!("not served");
    };
    let mut bad = data.clone();
    bad[100_000] ^= 1;
    let bad_chunk = framed(&Response::Chunks {
        proof: proof.clone(),
        data: bad,
    });
    let wrong_path = framed(&Response::Chunks {
        proof: vec![[1; 32]],
        data: data.clone(),
    });
    let short = framed(&Response::Chunks {
        proof,
        data: data[..CHUNK as usize].to_vec(),
    });
    let mut oversized = u32::MAX.to_le_bytes().to_vec();
    oversized.resize(2 * MAX_RESPONSE, 0);
    let lies = [
        (Some(bad_chunk), SourceError::BadChunk),
        (Some(wrong_path), SourceError::BadChunk),
        (Some(short), SourceError::BadChunk),
        (
            Some(oversized),
            SourceError::Wire(WireError::Long(u32::MAX as usize)),
        ),
        (
            Some(vec![1, 0, 0, 0, 77]),
            SourceError::Wire(WireError::Tag(77)),
        ),
        (Some(framed(&Response::Missing)), SourceError::Missing),
        (None, SourceError::Silent),
    ];
    let mut contacts = Vec::new();
    let mut liars = Vec::new();
    for (lie, named) in lies {
        let liar = Liar::start(move |_| lie.clone()).await;
        let failed = client
            .fetch(&blob, &[liar.contact.clone()], |_, _| ())
            .await;
        assert_eq!(why(failed), [named]);
        contacts.push(liar.contact.clone());
        liars.push(liar);
    }
    contacts.push(server.address());
    assert!(client.fetch(&blob, &contacts, |_, _| ()).await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_lead_nowhere_are_named() {
    let (client, _a) = node().await;
    let blob = Blob::of(CHUNK, &content(10)).unwrap();
    let (gone, dir) = node().await;
    let address = gone.address();
    gone.shutdown().await;
    drop((gone, dir));
    let from = [
        "not a contact".to_owned(),
        "/ip4/127.0.0.1/tcp/1".to_owned(),
        "x".repeat(1_000_000),
        client.address(),
        address,
    ];
    let failed = client.fetch(&blob, &from, |_, _| ()).await;
    assert_eq!(
        why(failed),
        [
            SourceError::Contact,
            SourceError::Contact,
            SourceError::Contact,
            SourceError::Own,
            SourceError::Unreachable,
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_server_is_waited_for() {
    let dir = TempDir::new().unwrap();
    let mut slow = hasty(&dir);
    // The burst is one full response; the second one has to wait, longer than the server lets it.
    slow.upload = NonZeroU32::new(600).unwrap();
    let server = Blobs::start(slow).await.unwrap();
    let (client, _b) = node().await;
    let bytes = content(3 << 20);
    let blob = server.publish(CHUNK, bytes.clone()).await.unwrap();
    let started = Instant::now();
    let from = [server.address()];
    assert!(client.fetch(&blob, &from, |_, _| ()).await.unwrap() == bytes);
    assert!(
        started.elapsed() > Duration::from_secs(2),
        "2 MiB at 600 KiB/s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_invented_blobs_take_nothing_of_the_upload_rate() {
    let dir = TempDir::new().unwrap();
    let mut slow = config(&dir);
    // One full response may leave at once, and the next one many minutes later.
    slow.upload = NonZeroU32::MIN;
    let server = Blobs::start(slow).await.unwrap();
    let (client, _b) = node().await;
    let bytes = content(1 << 20);
    let blob = server.publish(CHUNK, bytes.clone()).await.unwrap();
    let from = [server.address()];
    let invented = Blob {
        root: [9; 32],
        ..blob
    };
    let failed = client.fetch(&invented, &from, |_, _| ()).await;
    assert_eq!(why(failed), [SourceError::Missing]);
    assert!(client.fetch(&blob, &from, |_, _| ()).await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_takes_all_incoming_connections_does_not_keep_a_node_from_fetching() {
    let dir = TempDir::new().unwrap();
    let mut crowded = config(&dir);
    crowded.max_incoming = 1;
    let node = Blobs::start(crowded).await.unwrap();
    let ((guest, _b), (server, _c)) = (self::node().await, self::node().await);
    let own = node.publish(CHUNK, content(10)).await.unwrap();
    let theirs = server.publish(CHUNK, content(20)).await.unwrap();
    let from = [node.address()];
    assert!(guest.fetch(&own, &from, |_, _| ()).await.is_ok());
    let from = [server.address()];
    assert!(node.fetch(&theirs, &from, |_, _| ()).await.unwrap() == content(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_fetches_of_many_peers_at_once_all_succeed() {
    let (server, _a) = node().await;
    let bytes = content(3_000_000);
    let blob = server.publish(CHUNK, bytes.clone()).await.unwrap();
    let (one, _b) = node().await;
    let (two, _c) = node().await;
    let fetches = [&one, &one, &two, &two, &one].map(|client| {
        let (from, bytes) = ([server.address()], &bytes);
        async move { client.fetch(&blob, &from, |_, _| ()).await.unwrap() == *bytes }
    });
    assert!(
        futures::future::join_all(fetches)
            .await
            .into_iter()
            .all(|same| same)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_before_anybody_is_asked() {
    let dir = TempDir::new().unwrap();
    let mut small = config(&dir);
    small.capacity = 100_000;
    let client = Blobs::start(small).await.unwrap();
    let large = Blob::of(CHUNK, &content(200_000)).unwrap();
    assert!(matches!(
        client.fetch(&large, &[], |_, _| ()).await,
        Err(FetchError::Store(StoreError::Full(..)))
    ));
    let no_shape = Blob { chunk: 1, ..large };
    assert!(matches!(
        client.fetch(&no_shape, &[], |_, _| ()).await,
        Err(FetchError::Shape(ShapeError::Chunk(1)))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_blob_is_fetched_again() {
    let ((server, _a), (client, dir)) = (node().await, node().await);
    let bytes = content(500_000);
    let blob = server.publish(CHUNK, bytes.clone()).await.unwrap();
    let from = [server.address()];
    client.fetch(&blob, &from, |_, _| ()).await.unwrap();
    let data = dir
        .path()
        .join("blobs")
        .join(hex::encode(blob.root))
        .join("data");
    let mut damaged = bytes.clone();
    damaged[70_000] ^= 1;
    std::fs::write(data, damaged).unwrap();
    let mut first = None;
    let fetched = client
        .fetch(&blob, &from, |done, _| {
            first.get_or_insert(done);
        })
        .await
        .unwrap();
    assert!(fetched == bytes);
    assert_eq!(first, Some(blob.len - u64::from(CHUNK)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_keeps_its_peer_id_and_its_pins_and_ends_with_its_last_handle() {
    let dir = TempDir::new().unwrap();
    let node = Blobs::start(config(&dir)).await.unwrap();
    let (peer, clone) = (node.0.peer, node.clone());
    let blob = node.publish(CHUNK, content(10)).await.unwrap();
    drop(node);
    assert_eq!(clone.0.store.read(&blob.root).unwrap(), Some(content(10)));
    drop(clone);
    let node = Blobs::start(config(&dir)).await.unwrap();
    assert_eq!(node.0.peer, peer);
    assert_eq!(node.0.store.pinned(), [blob]);
    assert!(node.unpin(blob.root).await.unwrap());
    node.shutdown().await;
    let other = Blob::of(CHUNK, &content(20)).unwrap();
    let contact = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", PeerId::random());
    assert!(matches!(
        node.fetch(&other, &[contact], |_, _| ()).await,
        Err(FetchError::Stopped)
    ));
}
