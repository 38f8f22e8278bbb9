use std::{fmt, ops::Range};

use quern_work::{
    Hash,
    merkle::{self, Tree},
};

use crate::limits::{MAX_CHUNKS, MAX_LEN, MAX_PAYLOAD, MIN_CHUNK};

/// What names a blob: the root over its chunks, and the shape that says where chunks end.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Blob {
    /// Merkle root over the chunks' [leaves](merkle::leaf).
    pub root: Hash,
    /// Bytes of the content.
    pub len: u64,
    /// Bytes of every chunk but the last, which may be shorter.
    pub chunk: u32,
}

/// Why a length and a chunk size are no blob's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Choose a chunk between [`MIN_CHUNK`] and [`MAX_PAYLOAD`].
    #[error("a chunk of {0} bytes: it must have {MIN_CHUNK} to {MAX_PAYLOAD}")]
    Chunk(u32),
    /// Split the content; a blob has at most [`MAX_LEN`] bytes.
    #[error("{0} bytes are more than a blob's {MAX_LEN}")]
    Len(u64),
    /// Choose a larger chunk; a blob has at most [`MAX_CHUNKS`].
    #[error("{0} chunks are more than a blob's {MAX_CHUNKS}")]
    Chunks(u64),
}

impl Blob {
    /// The blob of `bytes` in chunks of `chunk` bytes.
    ///
    /// # Errors
    /// If the content is too long or the chunk size out of bounds.
    pub fn of(chunk: u32, bytes: &[u8]) -> Result<Self, ShapeError> {
        Ok(Self::with_leaves(chunk, bytes)?.0)
    }

    /// [`of`](Self::of), with the leaves that the root is over.
    pub(crate) fn with_leaves(chunk: u32, bytes: &[u8]) -> Result<(Self, Vec<Hash>), ShapeError> {
        let mut blob = Self {
            root: [0; 32],
            len: bytes.len() as u64,
            chunk,
        };
        blob.check()?;
        let leaves = leaves(chunk, 0, bytes);
        blob.root = Tree::new(leaves.clone()).root();
        Ok((blob, leaves))
    }

    /// Whether the shape is within the bounds.
    ///
    /// # Errors
    /// The bound that is broken.
    pub fn check(&self) -> Result<(), ShapeError> {
        if !(MIN_CHUNK..=MAX_PAYLOAD).contains(&self.chunk) {
            return Err(ShapeError::Chunk(self.chunk));
        }
        if self.len > MAX_LEN {
            return Err(ShapeError::Len(self.len));
        }
        let chunks = self.len.div_ceil(self.chunk.into());
        if chunks > MAX_CHUNKS.into() {
            return Err(ShapeError::Chunks(chunks));
        }
        Ok(())
    }

    /// Number of chunks; an empty blob has an empty one. Of a [checked](Self::check) shape.
    pub fn chunks(&self) -> u32 {
        self.len.div_ceil(u64::from(self.chunk).max(1)).max(1) as u32
    }

    /// Most chunks that one response may carry.
    pub(crate) fn chunks_per_response(&self) -> u32 {
        (MAX_PAYLOAD / self.chunk.max(1)).max(1)
    }

    /// Bytes of the content that `count` chunks from `first` on are; `None` if there are no such chunks.
    pub(crate) fn bytes(&self, first: u32, count: u32) -> Option<Range<u64>> {
        let end = first.checked_add(count)?;
        if count == 0 || end > self.chunks() {
            return None;
        }
        let chunk = u64::from(self.chunk);
        Some(u64::from(first) * chunk..(u64::from(end) * chunk).min(self.len))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Blob({} of {} bytes by {})",
            hex::encode(self.root),
            self.len,
            self.chunk
        )
    }
}

/// Leaves of the chunks in `bytes`, the first of which has the index `first`.
pub(crate) fn leaves(chunk: u32, first: u32, bytes: &[u8]) -> Vec<Hash> {
    if bytes.is_empty() {
        return vec![merkle::leaf(first.into(), bytes)];
    }
    (u64::from(first)..)
        .zip(bytes.chunks(chunk as usize))
        .map(|(index, chunk)| merkle::leaf(index, chunk))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_64_kib_chunks_is_the_blob_root() {
        let bytes = vec![7; 200_000];
        let blob = Blob::of(65_536, &bytes).unwrap();
        assert_eq!(blob.root, merkle::blob_root(&bytes));
        assert_eq!(blob.chunks(), 4);
        assert_eq!(Blob::of(65_536, &[]).unwrap().root, merkle::blob_root(&[]));
    }

    #[test]
    fn a_row_block_is_a_chunk() {
        let (rows, labels) = ([3_i8; 16 * 5], [9_u16; 16]);
        let bytes: Vec<u8> = rows
            .iter()
            .map(|&row| row as u8)
            .chain(labels.iter().flat_map(|label| label.to_le_bytes()))
            .collect();
        let blob = Blob::of(16 * 5 + 32, &bytes).unwrap();
        assert_eq!(blob.root, merkle::rows_leaf(0, &rows, &labels));
    }

    #[test]
    fn shapes_out_of_bounds_are_refused() {
        let shape = |len, chunk| {
            Blob {
                root: [0; 32],
                len,
                chunk,
            }
            .check()
        };
        assert_eq!(shape(10, 0), Err(ShapeError::Chunk(0)));
        assert_eq!(
            shape(10, MAX_PAYLOAD + 1),
            Err(ShapeError::Chunk(MAX_PAYLOAD + 1))
        );
        assert_eq!(shape(u64::MAX, 32), Err(ShapeError::Len(u64::MAX)));
        assert_eq!(
            shape(1 << 30, 32),
            Err(ShapeError::Chunks(1 << 25)),
            "more chunks than a tree is kept for"
        );
        assert_eq!(shape(1 << 30, 65_536), Ok(()));
    }

    #[test]
    fn chunks_that_do_not_exist_have_no_bytes() {
        let blob = Blob::of(32, &[1; 70]).unwrap();
        assert_eq!(blob.bytes(0, 3), Some(0..70));
        assert_eq!(blob.bytes(2, 1), Some(64..70));
        assert_eq!(blob.bytes(2, 2), None);
        assert_eq!(blob.bytes(0, 0), None);
        assert_eq!(blob.bytes(u32::MAX, 2), None);
        assert_eq!(Blob::of(32, &[]).unwrap().bytes(0, 1), Some(0..0));
    }
}
