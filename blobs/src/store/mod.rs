//! Blobs on disk, their index in memory, and who must go when there is no room.

mod folder;
mod partial;

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use quern_work::{Hash, merkle::Tree};

use crate::{
    Blob, StoreError, blob,
    limits::{FOLDER_COST, MAX_CHUNKS},
    proof,
    wire::{Request, Response},
};
use folder::{Folder, at};
pub(crate) use partial::Partial;

/// The blobs of one data folder. Everything here waits for the disk.
pub(crate) struct Store {
    blobs: PathBuf,
    capacity: u64,
    index: Mutex<Index>,
    /// Trees of whole blobs that were served last, most recent last: at most [`MAX_CHUNKS`] leaves, or one tree.
    trees: Mutex<Vec<(Hash, Arc<Tree>)>>,
    _lock: File,
}

#[derive(Default)]
struct Index {
    entries: HashMap<Hash, Entry>,
    used: u64,
    clock: u64,
}

struct Entry {
    blob: Blob,
    whole: bool,
    pinned: bool,
    /// How many read or write it now.
    leases: u32,
    last_used: u64,
}

/// Keeps a blob from being evicted.
struct Lease {
    store: Arc<Store>,
    blob: Blob,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(entry) = self.store.index.lock().entries.get_mut(&self.blob.root) {
            entry.leases -= 1;
        }
    }
}

/// What is there of a blob that is wanted.
pub(crate) enum Opened {
    /// All of it.
    Whole(Vec<u8>),
    /// Some or none of it.
    Partial(Partial),
}

fn size(blob: &Blob) -> u64 {
    blob.len + FOLDER_COST
}

impl Index {
    fn touch(&mut self, root: &Hash) -> Option<&mut Entry> {
        self.clock += 1;
        let entry = self.entries.get_mut(root)?;
        entry.last_used = self.clock;
        Some(entry)
    }

    fn insert(&mut self, blob: Blob, whole: bool, pinned: bool) {
        self.clock += 1;
        self.used += size(&blob);
        let entry = Entry {
            blob,
            whole,
            pinned,
            leases: 0,
            last_used: self.clock,
        };
        self.entries.insert(blob.root, entry);
    }

    fn remove(&mut self, root: &Hash) {
        if let Some(entry) = self.entries.remove(root) {
            self.used -= size(&entry.blob);
        }
    }

    /// The least recently used blob that may go.
    fn evictable(&self) -> Option<Hash> {
        self.entries
            .values()
            .filter(|entry| !entry.pinned && entry.leases == 0)
            .min_by_key(|entry| entry.last_used)
            .map(|entry| entry.blob.root)
    }
}

impl Store {
    /// Opens the folder, which no other process may use, and forgets what is no blob in it.
    pub(crate) fn open(data_dir: PathBuf, capacity: u64) -> Result<Self, StoreError> {
        let blobs = data_dir.join("blobs");
        at(&blobs, fs::create_dir_all(&blobs))?;
        let lock = lock(data_dir.join("lock"))?;
        let store = Self {
            blobs,
            capacity,
            index: Mutex::default(),
            trees: Mutex::default(),
            _lock: lock,
        };
        let mut found = Vec::new();
        for item in at(&store.blobs, fs::read_dir(&store.blobs))? {
            let path = at(&store.blobs, item)?.path();
            match Folder::blob(&path) {
                Some(blob) => found.push((store.folder(&blob.root).last_used(), blob)),
                None if path.is_dir() => at(&path, fs::remove_dir_all(&path))?,
                None => at(&path, fs::remove_file(&path))?,
            }
        }
        found.sort_by_key(|(last_used, _)| *last_used);
        {
            let mut index = store.index.lock();
            for (_, blob) in found {
                let folder = store.folder(&blob.root);
                index.insert(blob, folder.is_whole(&blob), folder.is_pinned());
            }
            while index.used > capacity && store.evict(&mut index)? {}
        }
        Ok(store)
    }

    fn folder(&self, root: &Hash) -> Folder {
        Folder::of(&self.blobs, root)
    }

    /// Removes the least recently used blob that may go; whether there was one.
    fn evict(&self, index: &mut Index) -> Result<bool, StoreError> {
        let Some(root) = index.evictable() else {
            return Ok(false);
        };
        self.folder(&root).remove()?;
        index.remove(&root);
        self.forget_tree(&root);
        tracing::debug!(root = hex::encode(root), "blob evicted");
        Ok(true)
    }

    /// Leases the blob's entry, made with room for all of it if it is not there.
    fn lease(self: &Arc<Self>, blob: &Blob) -> Result<Lease, StoreError> {
        blob.check()?;
        let mut index = self.index.lock();
        if let Some(entry) = index.entries.get(&blob.root)
            && entry.blob != *blob
        {
            if entry.whole || entry.leases > 0 || entry.pinned {
                return Err(StoreError::OtherShape(*blob, entry.blob));
            }
            // Nobody has seen this root open with the other shape.
            self.folder(&blob.root).remove()?;
            index.remove(&blob.root);
        }
        if !index.entries.contains_key(&blob.root) {
            while index.used.saturating_add(size(blob)) > self.capacity {
                // What could never fit must not empty the store first.
                if size(blob) > self.capacity || !self.evict(&mut index)? {
                    return Err(StoreError::Full(*blob, index.used, self.capacity));
                }
            }
            self.folder(&blob.root).create(blob)?;
            index.insert(*blob, false, false);
        }
        if let Some(entry) = index.touch(&blob.root) {
            entry.leases += 1;
        }
        Ok(Lease {
            store: Arc::clone(self),
            blob: *blob,
        })
    }

    /// A lease of a blob that is there whole.
    fn lease_whole(self: &Arc<Self>, root: &Hash) -> Option<Lease> {
        let mut index = self.index.lock();
        let entry = index.touch(root).filter(|entry| entry.whole)?;
        entry.leases += 1;
        Some(Lease {
            store: Arc::clone(self),
            blob: entry.blob,
        })
    }

    /// Stores `bytes` whole and pins them.
    pub(crate) fn publish(self: &Arc<Self>, chunk: u32, bytes: &[u8]) -> Result<Blob, StoreError> {
        let (blob, leaves) = Blob::with_leaves(chunk, bytes)?;
        let lease = self.lease(&blob)?;
        let folder = self.folder(&blob.root);
        if self.read(&blob.root)?.is_none() {
            let data = folder.data(&blob)?;
            at(&self.blobs, data.write_all_at(bytes, 0))?;
            folder.complete(&blob, &leaves)?;
            self.note_whole(&blob.root);
        }
        self.set_pinned(&blob.root, true)?;
        drop(lease);
        Ok(blob)
    }

    /// What is there of the blob, with room for the rest.
    pub(crate) fn begin(self: &Arc<Self>, blob: &Blob) -> Result<Opened, StoreError> {
        let lease = self.lease(blob)?;
        if let Some(bytes) = self.read(&blob.root)? {
            return Ok(Opened::Whole(bytes));
        }
        let folder = self.folder(&blob.root);
        folder.touch();
        Ok(Opened::Partial(Partial {
            data: folder.data(blob)?,
            bitmap: Mutex::new(folder.bitmap(blob)),
            folder,
            lease,
        }))
    }

    /// The content of a whole blob. One that turns out damaged is partial from then on.
    pub(crate) fn read(self: &Arc<Self>, root: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(lease) = self.lease_whole(root) else {
            return Ok(None);
        };
        let folder = self.folder(root);
        folder.touch();
        match folder.read(&lease.blob)? {
            Some((bytes, _)) => Ok(Some(bytes)),
            None => {
                self.demote(&lease.blob)?;
                Ok(None)
            }
        }
    }

    /// Whether all of the blob with this shape is there to be served.
    pub(crate) fn offers(&self, blob: &Blob) -> bool {
        let index = self.index.lock();
        let entry = index.entries.get(&blob.root);
        entry.is_some_and(|entry| entry.whole && entry.blob == *blob)
    }

    /// The answer to a request.
    pub(crate) fn serve(self: &Arc<Self>, request: &Request) -> Result<Response, StoreError> {
        let blob = &request.blob;
        let Some(_lease) = self
            .lease_whole(&blob.root)
            .filter(|lease| lease.blob == *blob)
        else {
            return Ok(Response::Missing);
        };
        let Some(tree) = self.tree(blob) else {
            self.demote(blob)?;
            return Ok(Response::Missing);
        };
        let Some(proof) = proof::prove(&tree, request.first, request.count) else {
            return Ok(Response::Missing);
        };
        let data = self
            .folder(&blob.root)
            .read_range(blob, request.first, request.count)?
            .filter(|data| {
                let leaves = blob::leaves(blob.chunk, request.first, data);
                proof::root(blob.chunks(), request.first, leaves, &proof) == Some(blob.root)
            });
        match data {
            Some(data) => Ok(Response::Chunks { proof, data }),
            None => {
                self.demote(blob)?;
                Ok(Response::Missing)
            }
        }
    }

    fn tree(&self, blob: &Blob) -> Option<Arc<Tree>> {
        let mut trees = self.trees.lock();
        if let Some(place) = trees.iter().position(|(root, _)| *root == blob.root) {
            trees[place..].rotate_left(1);
            return trees.last().map(|(_, tree)| Arc::clone(tree));
        }
        let tree = Arc::new(self.folder(&blob.root).tree(blob)?);
        let mut leaves = tree.leaves() + trees.iter().map(|(_, tree)| tree.leaves()).sum::<usize>();
        while leaves > MAX_CHUNKS as usize && !trees.is_empty() {
            leaves -= trees.remove(0).1.leaves();
        }
        trees.push((blob.root, Arc::clone(&tree)));
        Some(tree)
    }

    fn forget_tree(&self, root: &Hash) {
        self.trees.lock().retain(|(other, _)| other != root);
    }

    /// Makes a damaged blob partial, once however many notice it: the index is held meanwhile, so that no fetch
    /// begins before the chunks that still match are known.
    fn demote(&self, blob: &Blob) -> Result<(), StoreError> {
        let mut index = self.index.lock();
        let entry = index.entries.get_mut(&blob.root);
        let Some(entry) = entry.filter(|entry| entry.whole) else {
            return Ok(());
        };
        tracing::warn!(?blob, "stored blob is damaged");
        entry.whole = false;
        self.forget_tree(&blob.root);
        self.folder(&blob.root).demote(blob)
    }

    fn note_whole(&self, root: &Hash) {
        if let Some(entry) = self.index.lock().entries.get_mut(root) {
            entry.whole = true;
        }
    }

    /// Takes the pin off; whether there was one.
    pub(crate) fn unpin(&self, root: &Hash) -> Result<bool, StoreError> {
        self.set_pinned(root, false)
    }

    fn set_pinned(&self, root: &Hash, pinned: bool) -> Result<bool, StoreError> {
        let mut index = self.index.lock();
        let Some(entry) = index.entries.get_mut(root) else {
            return Ok(false);
        };
        let may = if pinned { entry.whole } else { entry.pinned };
        if may {
            self.folder(root).set_pinned(pinned)?;
            entry.pinned = pinned;
        }
        Ok(may)
    }

    pub(crate) fn pinned(&self) -> Vec<Blob> {
        let index = self.index.lock();
        let pinned = index.entries.values().filter(|entry| entry.pinned);
        pinned.map(|entry| entry.blob).collect()
    }

    pub(crate) fn has(&self, root: &Hash) -> bool {
        let index = self.index.lock();
        index.entries.get(root).is_some_and(|entry| entry.whole)
    }
}

/// Locks the file against other processes. A node that is just ending gets a second to let go.
fn lock(path: PathBuf) -> Result<File, StoreError> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = at(&path, options.open(&path))?;
    for _ in 0..20 {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(50)),
            Err(TryLockError::Error(error)) => return at(&path, Err::<File, io::Error>(error)),
        }
    }
    Err(StoreError::Locked(path))
}

#[cfg(test)]
mod tests;
