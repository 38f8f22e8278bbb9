//! Datasets as blobs: what is served under a dataset's root.
//!
//! A chunk is one row block: 16 rows of features, one byte each, then 16 labels as little-endian u16. The blob's root is
//! therefore the dataset's.

use quern_training::{Dataset, DatasetError};
use quern_work::{TILE, task};

/// Why bytes are not the dataset that was committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The length is not that of the committed row blocks.
    #[error("the dataset has another length than its commitment says")]
    Length,
    /// The rows break a bound.
    #[error(transparent)]
    Rows(#[from] DatasetError),
    /// The rows have another root.
    #[error("the rows are not those that were committed to")]
    Root,
}

/// Bytes of one chunk.
#[must_use]
pub const fn chunk(features: u32) -> u32 {
    (TILE as u32).saturating_mul(features.saturating_add(2))
}

/// The blob of a dataset.
#[must_use]
pub fn encode(dataset: &Dataset) -> Vec<u8> {
    (0..dataset.row_blocks())
        .flat_map(|index| {
            let (rows, labels) = dataset.row_block(index);
            let rows = rows.iter().map(|value| value.cast_unsigned());
            rows.chain(labels.iter().flat_map(|label| label.to_le_bytes()))
        })
        .collect()
}

/// The dataset of a blob, checked against its commitment.
///
/// # Errors
/// The first bound that does not hold; nothing is allocated before the length is known to be right.
pub fn decode(bytes: &[u8], commitment: &task::Dataset) -> Result<Dataset, BlobError> {
    if commitment.features == 0 || bytes.len() as u64 != commitment.bytes() {
        return Err(BlobError::Length);
    }
    let rows = TILE * commitment.features as usize;
    let blocks = bytes.chunks_exact(rows + 2 * TILE);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for block in blocks {
        let (features, labels) = block.split_at(rows);
        x.extend(features.iter().map(|value| value.cast_signed()));
        let labels = labels.as_chunks().0;
        y.extend(labels.iter().map(|label| u16::from_le_bytes(*label)));
    }
    let dataset = Dataset::new(x, y, commitment.features as usize, commitment.classes)?;
    if dataset.commitment() == *commitment {
        Ok(dataset)
    } else {
        Err(BlobError::Root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quern_work::merkle::{Tree, leaf};

    fn dataset() -> Dataset {
        let x = (0..48 * 3).map(|at| (at % 128 - 64) as i8).collect();
        let y = (0..48).map(|row| row % 300).collect();
        Dataset::new(x, y, 3, 300).unwrap()
    }

    #[test]
    fn the_blobs_root_is_the_datasets() {
        let (dataset, bytes) = (dataset(), encode(&dataset()));
        let commitment = dataset.commitment();
        assert_eq!(bytes.len() as u64, commitment.bytes());
        let chunks = bytes.chunks(chunk(3) as usize);
        let tree = Tree::new((0..).zip(chunks).map(|(i, chunk)| leaf(i, chunk)).collect());
        assert_eq!(tree.root(), commitment.root);
    }

    #[test]
    fn a_dataset_survives_its_blob() {
        let (dataset, bytes) = (dataset(), encode(&dataset()));
        let read = decode(&bytes, &dataset.commitment()).unwrap();
        assert_eq!((read.x(), read.y()), (dataset.x(), dataset.y()));
    }

    proptest! {
        #[test]
        fn a_changed_blob_is_refused(at: prop::sample::Index, change in 1..=u8::MAX) {
            let (commitment, mut bytes) = (dataset().commitment(), encode(&dataset()));
            *at.get_mut(&mut bytes) ^= change;
            prop_assert!(decode(&bytes, &commitment).is_err());
            prop_assert_eq!(decode(&bytes[1..], &commitment).unwrap_err(), BlobError::Length);
        }
    }
}
