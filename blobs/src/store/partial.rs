use std::{fs::File, os::unix::fs::FileExt};

use parking_lot::Mutex;
use quern_work::Hash;

use super::{
    Lease,
    folder::{Bitmap, Folder, at},
};
use crate::{Blob, StoreError, blob, proof};

/// A blob that is being fetched. It is not evicted as long as this lives.
pub(crate) struct Partial {
    pub(super) lease: Lease,
    pub(super) folder: Folder,
    pub(super) data: File,
    pub(super) bitmap: Mutex<Bitmap>,
}

impl Partial {
    pub(crate) fn blob(&self) -> &Blob {
        &self.lease.blob
    }

    /// The ranges of chunks (first, number) that are missing, each small enough for one response.
    pub(crate) fn missing(&self) -> Vec<(u32, u32)> {
        let (blob, bitmap) = (self.blob(), self.bitmap.lock());
        let most = blob.chunks_per_response();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for index in (0..blob.chunks()).filter(|&index| !bitmap.get(index)) {
            match ranges.last_mut() {
                Some((first, count)) if *first + *count == index && *count < most => *count += 1,
                _ => ranges.push((index, 1)),
            }
        }
        ranges
    }

    /// Bytes of the content that are there.
    pub(crate) fn verified(&self) -> u64 {
        let missing: u64 = self
            .missing()
            .iter()
            .filter_map(|&(first, count)| self.blob().bytes(first, count))
            .map(|range| range.end - range.start)
            .sum();
        self.blob().len - missing
    }

    /// Writes `count` chunks from `first` on, if `proof` opens them to the root; whether it does.
    pub(crate) fn keep(
        &self,
        (first, count): (u32, u32),
        proof: &[Hash],
        bytes: &[u8],
    ) -> Result<bool, StoreError> {
        let blob = self.blob();
        let Some(range) = blob.bytes(first, count) else {
            return Ok(false);
        };
        if bytes.len() as u64 != range.end - range.start {
            return Ok(false);
        }
        let leaves = blob::leaves(blob.chunk, first, bytes);
        if proof::root(blob.chunks(), first, leaves, proof) != Some(blob.root) {
            return Ok(false);
        }
        at(
            &self.lease.store.blobs,
            self.data.write_all_at(bytes, range.start),
        )?;
        let mut bitmap = self.bitmap.lock();
        (first..first + count).for_each(|index| bitmap.set(index));
        self.folder.save_bitmap(&bitmap)?;
        Ok(true)
    }

    /// Declares the blob whole and returns its content. `None` if it does not match the root after all, which only
    /// damage on the disk explains: then nothing of it counts as there any more.
    pub(crate) fn finish(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let blob = self.blob();
        let Some((bytes, leaves)) = self.folder.read(blob)? else {
            let mut bitmap = self.bitmap.lock();
            *bitmap = Bitmap::empty(blob);
            self.folder.save_bitmap(&bitmap)?;
            return Ok(None);
        };
        self.folder.complete(blob, &leaves)?;
        self.lease.store.note_whole(&blob.root);
        Ok(Some(bytes))
    }
}
