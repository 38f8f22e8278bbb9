use tempfile::TempDir;

use super::*;

const CHUNK: u32 = 64;

fn open(dir: &TempDir, capacity: u64) -> Arc<Store> {
    Arc::new(Store::open(dir.path().to_owned(), capacity).unwrap())
}

fn content(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|index| seed ^ (index % 251) as u8).collect()
}

fn partial(store: &Arc<Store>, blob: &Blob) -> Partial {
    match store.begin(blob).unwrap() {
        Opened::Partial(partial) => partial,
        Opened::Whole(_) => panic!("the blob is whole"),
    }
}

fn chunks(store: &Arc<Store>, blob: Blob, first: u32, count: u32) -> (Vec<Hash>, Vec<u8>) {
    match store.serve(&Request { blob, first, count }).unwrap() {
        Response::Chunks { proof, data } => (proof, data),
        other => panic!("not served: {other:?}"),
    }
}

#[test]
fn what_is_published_is_pinned_and_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let bytes = content(1, 1_000);
    let blob = open(&dir, 1 << 20).publish(CHUNK, &bytes).unwrap();
    let store = open(&dir, 1 << 20);
    assert_eq!(store.pinned(), [blob]);
    assert_eq!(store.read(&blob.root).unwrap(), Some(bytes));
    assert!(store.unpin(&blob.root).unwrap());
    assert!(!store.unpin(&blob.root).unwrap());
    drop(store);
    assert_eq!(open(&dir, 1 << 20).pinned(), []);
}

#[test]
fn an_empty_blob_is_a_blob() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1 << 20);
    let blob = store.publish(CHUNK, &[]).unwrap();
    assert_eq!(store.read(&blob.root).unwrap(), Some(Vec::new()));
    assert_eq!(chunks(&store, blob, 0, 1), (Vec::new(), Vec::new()));
}

#[test]
fn a_folder_is_used_by_one_process() {
    let dir = TempDir::new().unwrap();
    let _store = open(&dir, 1 << 20);
    assert!(matches!(
        Store::open(dir.path().to_owned(), 1 << 20),
        Err(StoreError::Locked(_))
    ));
}

#[test]
fn only_chunks_that_open_to_the_root_are_kept_and_they_survive_a_restart() {
    let (server, dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = open(&server, 1 << 20);
    let bytes = content(2, 1_000);
    let blob = server.publish(CHUNK, &bytes).unwrap();
    let (proof, data) = chunks(&server, blob, 3, 5);
    let store = open(&dir, 1 << 20);
    {
        let partial = partial(&store, &blob);
        let mut bad = data.clone();
        bad[7] ^= 1;
        assert!(!partial.keep((3, 5), &proof, &bad).unwrap());
        assert!(!partial.keep((2, 5), &proof, &data).unwrap());
        assert!(!partial.keep((3, 5), &proof[1..], &data).unwrap());
        assert!(!partial.keep((3, 4), &proof, &data).unwrap());
        assert_eq!(partial.verified(), 0);
        assert!(partial.keep((3, 5), &proof, &data).unwrap());
    }
    drop(store);
    let store = open(&dir, 1 << 20);
    let partial = partial(&store, &blob);
    assert_eq!(partial.missing(), [(0, 3), (8, 8)]);
    for (first, count) in partial.missing() {
        let (proof, data) = chunks(&server, blob, first, count);
        assert!(partial.keep((first, count), &proof, &data).unwrap());
    }
    assert_eq!(partial.finish().unwrap(), Some(bytes));
    assert!(store.has(&blob.root));
}

#[test]
fn damage_is_noticed_and_costs_only_the_damaged_chunks() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1 << 20);
    let bytes = content(3, 1_000);
    let blob = store.publish(CHUNK, &bytes).unwrap();
    let (proof, data) = chunks(&store, blob, 5, 1);
    let file = store.folder(&blob.root).data(&blob).unwrap();
    file.write_all_at(&[0xEE], 5 * u64::from(CHUNK)).unwrap();
    let request = Request {
        blob,
        first: 5,
        count: 1,
    };
    assert_eq!(store.serve(&request).unwrap(), Response::Missing);
    assert!(!store.has(&blob.root));
    assert_eq!(store.read(&blob.root).unwrap(), None);
    let partial = partial(&store, &blob);
    assert_eq!(partial.missing(), [(5, 1)]);
    assert!(partial.keep((5, 1), &proof, &data).unwrap());
    assert_eq!(partial.finish().unwrap(), Some(bytes));
}

#[test]
fn a_truncated_file_and_damaged_leaves_are_noticed() {
    let dir = TempDir::new().unwrap();
    let bytes = content(4, 1_000);
    let store = open(&dir, 1 << 20);
    let blob = store.publish(CHUNK, &bytes).unwrap();
    let folder = dir.path().join("blobs").join(hex::encode(blob.root));
    File::options()
        .write(true)
        .open(folder.join("data"))
        .and_then(|data| data.set_len(500))
        .unwrap();
    assert_eq!(store.read(&blob.root).unwrap(), None);
    assert_eq!(partial(&store, &blob).missing(), [(7, 9)]);
    store.publish(CHUNK, &bytes).unwrap();
    assert_eq!(store.read(&blob.root).unwrap(), Some(bytes));
    drop(store);
    fs::write(folder.join("leaves"), vec![1; 16 * 32]).unwrap();
    let store = open(&dir, 1 << 20);
    let request = Request {
        blob,
        first: 0,
        count: 1,
    };
    assert_eq!(store.serve(&request).unwrap(), Response::Missing);
    assert!(!store.has(&blob.root));
}

#[test]
fn a_bitmap_that_lies_is_found_out_at_the_end() {
    let dir = TempDir::new().unwrap();
    let blob = Blob::of(CHUNK, &content(5, 200)).unwrap();
    let store = open(&dir, 1 << 20);
    drop(partial(&store, &blob));
    let folder = dir.path().join("blobs").join(hex::encode(blob.root));
    fs::write(folder.join("bitmap"), [0xFF]).unwrap();
    let partial = partial(&store, &blob);
    assert_eq!(partial.missing(), []);
    assert_eq!(partial.finish().unwrap(), None);
    assert_eq!(partial.missing(), [(0, 4)]);
}

#[test]
fn the_least_recently_used_unpinned_blob_goes_first() {
    let dir = TempDir::new().unwrap();
    let room = 3 * (1_000 + FOLDER_COST);
    let store = open(&dir, room);
    let [a, b, c] = [1, 2, 3].map(|seed| store.publish(CHUNK, &content(seed, 1_000)).unwrap());
    for blob in [a, b] {
        store.unpin(&blob.root).unwrap();
    }
    store.read(&a.root).unwrap();
    let d = store.publish(CHUNK, &content(4, 1_000)).unwrap();
    assert!(!store.has(&b.root), "used before the others");
    assert!([a, c, d].iter().all(|blob| store.has(&blob.root)));
    store.publish(CHUNK, &content(5, 1_000)).unwrap();
    assert!(!store.has(&a.root));
    assert!(matches!(
        store.publish(CHUNK, &content(6, 1_000)),
        Err(StoreError::Full(_, used, capacity)) if used == room && capacity == room
    ));
    assert!(!dir.path().join("blobs").join(hex::encode(a.root)).exists());
}

#[test]
fn a_blob_that_is_being_fetched_is_not_evicted_and_one_too_large_evicts_nothing() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 2 * (1_000 + FOLDER_COST));
    let held = partial(&store, &Blob::of(CHUNK, &content(1, 1_000)).unwrap());
    let idle = store.publish(CHUNK, &content(2, 1_000)).unwrap();
    store.unpin(&idle.root).unwrap();
    assert!(store.publish(CHUNK, &content(3, 100_000)).is_err());
    assert!(store.has(&idle.root));
    store.publish(CHUNK, &content(3, 1_000)).unwrap();
    assert!(!store.has(&idle.root));
    assert!(store.publish(CHUNK, &content(4, 1_000)).is_err());
    drop(held);
    store.publish(CHUNK, &content(4, 1_000)).unwrap();
}

#[test]
fn a_false_shape_of_a_known_root_is_refused_and_of_an_unknown_one_replaced() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1 << 20);
    let bytes = content(7, 1_000);
    let blob = Blob::of(CHUNK, &bytes).unwrap();
    let lie = Blob { len: 999, ..blob };
    drop(partial(&store, &lie));
    store.publish(CHUNK, &bytes).unwrap();
    assert!(matches!(store.begin(&lie), Err(StoreError::OtherShape(..))));
    let request = Request {
        blob: lie,
        first: 0,
        count: 1,
    };
    assert_eq!(store.serve(&request).unwrap(), Response::Missing);
}

#[test]
fn what_is_no_blob_is_cleared_away_at_the_start() {
    let dir = TempDir::new().unwrap();
    let half_made = dir.path().join("blobs").join(hex::encode([9; 32]));
    fs::create_dir_all(&half_made).unwrap();
    fs::write(half_made.join("data"), [1; 10]).unwrap();
    open(&dir, 1 << 20);
    assert!(!half_made.exists());
}
