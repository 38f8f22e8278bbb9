//! Blobs as the roles see them: content by root, published and fetched behind one seam, and what each kind is made of.

use quern_blobs::{Blob, Blobs};
use quern_client::{DatasetCommitment, TaskSpec};
use quern_training::{Dataset, DatasetError, State};
use quern_work::{Hash, TILE, merkle::CHUNK, task::parameters};

/// Bytes of a hash, the chunk of a list of hashes.
const HASH: u32 = 32;

/// Why a blob cannot be published or had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShelfError(pub String);

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
            .map_err(|error| ShelfError(error.to_string()))
    }

    async fn fetch(&self, blob: &Blob, from: &[String]) -> Result<Vec<u8>, ShelfError> {
        Self::fetch(self, blob, from, |_, _| ())
            .await
            .map_err(|error| ShelfError(error.to_string()))
    }

    async fn unpin(&self, root: &Hash) {
        if let Err(error) = Self::unpin(self, *root).await {
            tracing::warn!("{error}");
        }
    }
}

/// Bytes of a state of this task's network.
pub fn state_len(spec: &TaskSpec) -> u64 {
    let sizes = spec.sizes();
    let layers = sizes.len() as u64 - 1;
    // step, number of layers, sizes, exponents; weights, biases and their momenta
    8 + 4 + 4 * (layers + 1) + 4 * (2 * layers - 1) + 8 * parameters(&sizes)
}

/// The blob of a state of this task's network.
pub fn state(spec: &TaskSpec, root: Hash) -> Blob {
    Blob {
        root,
        len: state_len(spec),
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

/// The blob of a dataset: its row blocks, each its rows and then its labels.
pub fn dataset(commitment: &DatasetCommitment) -> Blob {
    let chunk = TILE as u32 * (commitment.features + 2);
    Blob {
        root: commitment.root,
        len: u64::from(commitment.row_blocks) * u64::from(chunk),
        chunk,
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
    let chunk = dataset(&data.commitment()).chunk;
    let mut bytes = Vec::with_capacity(chunk as usize * data.row_blocks() as usize);
    for block in 0..data.row_blocks() {
        let (rows, labels) = data.row_block(block);
        bytes.extend(rows.iter().map(|value| *value as u8));
        bytes.extend(labels.iter().flat_map(|label| label.to_le_bytes()));
    }
    shelf.publish(chunk, bytes).await
}

/// The hashes of a fetched list.
pub fn read_hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks().0.to_vec()
}

/// The rows of a fetched dataset.
///
/// # Errors
/// The bound that the rows break: whoever committed to them made a mistake.
pub fn read_dataset(commitment: &DatasetCommitment, bytes: &[u8]) -> Result<Dataset, DatasetError> {
    let features = commitment.features as usize;
    let block = dataset(commitment).chunk as usize;
    let blocks = bytes.len() / block.max(1);
    let mut x = Vec::with_capacity(blocks * TILE * features);
    let mut y = Vec::with_capacity(blocks * TILE);
    for block in bytes.chunks_exact(block.max(1)) {
        let (rows, labels) = block.split_at(TILE * features);
        x.extend(rows.iter().map(|byte| *byte as i8));
        y.extend(
            labels
                .as_chunks()
                .0
                .iter()
                .map(|pair| u16::from_le_bytes(*pair)),
        );
    }
    Dataset::new(x, y, features, commitment.classes)
}

#[cfg(test)]
pub(crate) mod double {
    //! A shelf in memory.

    use std::{
        collections::HashMap,
        sync::{Arc, Mutex},
    };

    use quern_work::merkle::{Tree, leaf};

    use super::*;

    /// A shelf's double, shared by all its clones.
    #[derive(Clone, Default)]
    pub(crate) struct Double {
        pub(crate) blobs: Arc<Mutex<HashMap<Hash, Vec<u8>>>>,
        pub(crate) asked: Arc<Mutex<Vec<Vec<String>>>>,
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
            let (root, len) = (root(chunk, &bytes), bytes.len() as u64);
            self.blobs.lock().unwrap().insert(root, bytes);
            Ok(Blob { root, len, chunk })
        }

        async fn fetch(&self, blob: &Blob, from: &[String]) -> Result<Vec<u8>, ShelfError> {
            self.asked.lock().unwrap().push(from.to_vec());
            let found = self.blobs.lock().unwrap().get(&blob.root).cloned();
            let bytes = found.ok_or_else(|| ShelfError("nobody has it".into()))?;
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
        assert_eq!(state_len(&spec()), state.encode().len() as u64);
        let blob = super::state(&spec(), state.root());
        assert_eq!(double::root(blob.chunk, &state.encode()), state.root());
    }

    #[tokio::test]
    async fn a_dataset_comes_back_row_by_row() {
        let (shelf, data) = (Double::default(), data());
        let blob = publish_dataset(&shelf, &data).await.unwrap();
        let commitment = data.commitment();
        assert_eq!(blob, dataset(&commitment));
        let bytes = shelf.fetch(&blob, &[]).await.unwrap();
        let back = read_dataset(&commitment, &bytes).unwrap();
        assert_eq!((back.x(), back.y()), (data.x(), data.y()));
        assert_eq!(back.commitment(), commitment);
    }

    #[tokio::test]
    async fn rows_out_of_bounds_are_refused() {
        let commitment = data().commitment();
        let bytes = vec![0x40; dataset(&commitment).len as usize];
        assert!(read_dataset(&commitment, &bytes).is_err());
        assert!(read_dataset(&commitment, &[]).is_err());
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
        assert!(Shelf::fetch(&verifier, &unknown, &contacts).await.is_err());
    }
}
