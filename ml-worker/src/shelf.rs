//! Blobs as the roles see them: content by root, published and fetched behind one seam, and what each kind is made of.

use quern_blobs::{Blob, Blobs, FetchError};
use quern_client::{DatasetCommitment, TaskSpec, dataset::blob};
use quern_training::{Dataset, State};
use quern_work::{Hash, merkle::CHUNK};

/// Bytes of a hash, the chunk of a list of hashes.
const HASH: u32 = 32;

/// Why a blob cannot be published or had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShelfError {
    /// This worker's disk or blob node fails, or has no room: others may have no such trouble.
    #[error("{0}")]
    Here(String),
    /// Everyone who might have it was asked, and nobody served all of it.
    #[error("{0}")]
    NotServed(String),
}

/// Where blobs are kept, served and fetched.
pub trait Shelf: Clone + Send + Sync + 'static {
    /// Where others fetch from, as text.
    fn address(&self) -> String;

    /// Keeps and serves bytes until they are [unpinned](Self::unpin).
    fn publish(
        &self,
        chunk: u32,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<Blob, ShelfError>> + Send;

    /// Whether all of a blob is kept here.
    fn has(&self, root: &Hash) -> bool;

    /// The bytes of a blob: from here, from these contacts, or from whoever says to have them.
    fn fetch(
        &self,
        blob: &Blob,
        from: &[String],
    ) -> impl Future<Output = Result<Vec<u8>, ShelfError>> + Send;

    /// Serves a blob no longer than there is room for it.
    fn unpin(&self, root: &Hash) -> impl Future<Output = ()> + Send;
}

impl Shelf for Blobs {
    fn address(&self) -> String {
        Self::address(self)
    }

    async fn publish(&self, chunk: u32, bytes: Vec<u8>) -> Result<Blob, ShelfError> {
        Self::publish(self, chunk, bytes)
            .await
            .map_err(|error| ShelfError::Here(error.to_string()))
    }

    fn has(&self, root: &Hash) -> bool {
        Self::has(self, root)
    }

    async fn fetch(&self, blob: &Blob, from: &[String]) -> Result<Vec<u8>, ShelfError> {
        Self::fetch(self, blob, from, |_, _| ())
            .await
            .map_err(|error| match error {
                // nobody can serve a blob of a shape that none has
                FetchError::Exhausted(..) | FetchError::Shape(_) => {
                    ShelfError::NotServed(error.to_string())
                }
                FetchError::Store(_) | FetchError::Damaged(_) | FetchError::Stopped => {
                    ShelfError::Here(error.to_string())
                }
            })
    }

    async fn unpin(&self, root: &Hash) {
        if let Err(error) = Self::unpin(self, *root).await {
            tracing::warn!("{error}");
        }
    }
}

/// The blob of a state of this task's network.
pub fn state(spec: &TaskSpec, root: Hash) -> Blob {
    Blob {
        root,
        len: State::encoded_len(&spec.sizes()),
        chunk: CHUNK as u32,
    }
}

/// The blob of a list of hashes: a claim's trace, or its starts.
pub fn hashes(root: Hash, count: u32) -> Blob {
    Blob {
        root,
        len: u64::from(count) * u64::from(HASH),
        chunk: HASH,
    }
}

/// The blob of a dataset.
pub fn dataset(commitment: &DatasetCommitment) -> Blob {
    Blob {
        root: commitment.root,
        len: commitment.bytes(),
        chunk: blob::chunk(commitment.features),
    }
}

/// Publishes a state's bytes.
///
/// # Errors
/// [`ShelfError`].
pub async fn publish_state<S: Shelf>(shelf: &S, state: &State) -> Result<Blob, ShelfError> {
    shelf.publish(CHUNK as u32, state.encode()).await
}

/// Publishes a list of hashes.
///
/// # Errors
/// [`ShelfError`].
pub async fn publish_hashes<S: Shelf>(shelf: &S, hashes: &[Hash]) -> Result<Blob, ShelfError> {
    shelf.publish(HASH, hashes.concat()).await
}

/// Publishes a dataset's rows.
///
/// # Errors
/// [`ShelfError`].
pub async fn publish_dataset<S: Shelf>(shelf: &S, data: &Dataset) -> Result<Blob, ShelfError> {
    let chunk = blob::chunk(data.features() as u32);
    shelf.publish(chunk, blob::encode(data)).await
}

/// The hashes of a fetched list.
pub fn read_hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks().0.to_vec()
}

#[cfg(test)]
pub(crate) mod double {
    //! A shelf in memory.

    use std::{
        collections::HashMap,
        sync::{
            Arc, Mutex,
            atomic::{AtomicBool, Ordering},
        },
    };

    use quern_work::merkle::{Tree, leaf};

    use super::*;

    /// A shelf's double, shared by all its clones.
    #[derive(Clone, Default)]
    pub(crate) struct Double {
        pub(crate) blobs: Arc<Mutex<HashMap<Hash, Vec<u8>>>>,
        pub(crate) asked: Arc<Mutex<Vec<Vec<String>>>>,
        /// Whether there is no room for anything more.
        pub(crate) full: Arc<AtomicBool>,
    }

    pub(crate) fn root(chunk: u32, bytes: &[u8]) -> Hash {
        let leaves = (0..).zip(bytes.chunks(chunk as usize));
        Tree::new(leaves.map(|(i, chunk)| leaf(i, chunk)).collect()).root()
    }

    impl Shelf for Double {
        fn address(&self) -> String {
            "/ip4/127.0.0.1/tcp/1/p2p/me".into()
        }

        async fn publish(&self, chunk: u32, bytes: Vec<u8>) -> Result<Blob, ShelfError> {
            if self.full.load(Ordering::Relaxed) {
                return Err(ShelfError::Here("no room".into()));
            }
            let (root, len) = (root(chunk, &bytes), bytes.len() as u64);
            self.blobs.lock().unwrap().insert(root, bytes);
            Ok(Blob { root, len, chunk })
        }

        fn has(&self, root: &Hash) -> bool {
            self.blobs.lock().unwrap().contains_key(root)
        }

        async fn fetch(&self, blob: &Blob, from: &[String]) -> Result<Vec<u8>, ShelfError> {
            self.asked.lock().unwrap().push(from.to_vec());
            let found = self.blobs.lock().unwrap().get(&blob.root).cloned();
            let bytes = found.ok_or_else(|| ShelfError::NotServed("nobody has it".into()))?;
            assert_eq!(bytes.len() as u64, blob.len);
            assert_eq!(root(blob.chunk, &bytes), blob.root);
            Ok(bytes)
        }

        async fn unpin(&self, root: &Hash) {
            self.blobs.lock().unwrap().remove(root);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{double::Double, *};
    use crate::world::{data, spec, states};

    #[test]
    fn a_states_blob_is_as_long_as_the_state() {
        let state = &states(0)[0];
        let blob = super::state(&spec(), state.root());
        assert_eq!(blob.len, state.encode().len() as u64);
        assert_eq!(double::root(blob.chunk, &state.encode()), state.root());
    }

    #[tokio::test]
    async fn a_datasets_blob_is_the_one_that_its_commitment_names() {
        let (shelf, data) = (Double::default(), data());
        let blob = publish_dataset(&shelf, &data).await.unwrap();
        assert_eq!(blob, dataset(&data.commitment()));
    }

    #[tokio::test]
    async fn a_list_of_hashes_comes_back() {
        let shelf = Double::default();
        let list = [[1; 32], [2; 32], [3; 32]];
        let blob = publish_hashes(&shelf, &list).await.unwrap();
        assert_eq!(blob, hashes(blob.root, 3));
        let bytes = shelf.fetch(&blob, &[]).await.unwrap();
        assert_eq!(read_hashes(&bytes), list);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_worker_serves_another_fetches_by_its_contact() {
        let folder = tempfile::tempdir().unwrap();
        let node = |name| Blobs::start(quern_blobs::Config::new(folder.path().join(name)));
        let (author, verifier) = (
            node("author").await.unwrap(),
            node("verifier").await.unwrap(),
        );
        let blob = publish_state(&author, &states(0)[0]).await.unwrap();
        assert_eq!(blob, super::state(&spec(), states(0)[0].root()));
        let contacts = [Shelf::address(&author)];
        let bytes = Shelf::fetch(&verifier, &blob, &contacts).await.unwrap();
        assert_eq!(State::decode(&bytes).unwrap(), states(0)[0]);
        let list = publish_hashes(&author, &[[1; 32], [2; 32]]).await.unwrap();
        let bytes = Shelf::fetch(&verifier, &list, &contacts).await.unwrap();
        assert_eq!(read_hashes(&bytes), [[1; 32], [2; 32]]);
        Shelf::unpin(&author, &blob.root).await;
        let unknown = hashes([9; 32], 2);
        let refusal = Shelf::fetch(&verifier, &unknown, &contacts).await;
        assert!(
            matches!(refusal, Err(ShelfError::NotServed(_))),
            "{refusal:?}"
        );
        verifier.shutdown().await;
        let refusal = Shelf::fetch(&verifier, &unknown, &contacts).await;
        assert!(matches!(refusal, Err(ShelfError::Here(_))), "{refusal:?}");
    }
}
