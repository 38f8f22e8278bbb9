use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use quern_work::{Hash, merkle::Tree};

use crate::{Blob, StoreError, blob};

const SHAPE: &str = "shape";
const DATA: &str = "data";
const BITMAP: &str = "bitmap";
const LEAVES: &str = "leaves";
const PINNED: &str = "pinned";

/// Adds the path to an error of the disk.
pub(super) fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, StoreError> {
    result.map_err(|error| StoreError::Io(path.to_owned(), error))
}

/// One blob's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn of(blobs: &Path, root: &Hash) -> Self {
        Self(blobs.join(hex::encode(root)))
    }

    /// The blob that the folder at `path` is of; `None` if it is none.
    pub(super) fn blob(path: &Path) -> Option<Blob> {
        let mut root = [0; 32];
        hex::decode_to_slice(path.file_name()?.to_str()?, &mut root).ok()?;
        let shape = fs::read(path.join(SHAPE)).ok()?;
        let (len, chunk) = shape.split_first_chunk()?;
        let blob = Blob {
            root,
            len: u64::from_le_bytes(*len),
            chunk: u32::from_le_bytes(chunk.try_into().ok()?),
        };
        blob.check().is_ok().then_some(blob)
    }

    /// Makes the folder; until its shape is written it counts as none.
    pub(super) fn create(&self, blob: &Blob) -> Result<(), StoreError> {
        at(&self.0, fs::create_dir_all(&self.0))?;
        let mut shape = blob.len.to_le_bytes().to_vec();
        shape.extend(blob.chunk.to_le_bytes());
        self.replace_for_good(SHAPE, &shape)?;
        let blobs = self.0.parent().unwrap_or(&self.0);
        at(blobs, sync(blobs))
    }

    pub(super) fn remove(&self) -> Result<(), StoreError> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => at(&self.0, result),
        }
    }

    /// Whether the content was whole when last looked at.
    pub(super) fn is_whole(&self, blob: &Blob) -> bool {
        fs::metadata(self.0.join(LEAVES))
            .is_ok_and(|file| file.len() == u64::from(blob.chunks()) * 32)
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.0.join(PINNED).exists()
    }

    pub(super) fn set_pinned(&self, pinned: bool) -> Result<(), StoreError> {
        let path = self.0.join(PINNED);
        if pinned {
            return at(&path, fs::write(&path, []).and_then(|()| sync(&self.0)));
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => at(&path, result),
        }
    }

    pub(super) fn last_used(&self) -> SystemTime {
        fs::metadata(self.0.join(SHAPE))
            .and_then(|shape| shape.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Notes the use for the order of eviction after a restart; a loss does no harm.
    pub(super) fn touch(&self) {
        let _ = File::options()
            .write(true)
            .open(self.0.join(SHAPE))
            .and_then(|shape| shape.set_modified(SystemTime::now()));
    }

    /// The content's file, of the blob's length, for reading and writing.
    pub(super) fn data(&self, blob: &Blob) -> Result<File, StoreError> {
        let path = self.0.join(DATA);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let data = at(&path, options.open(&path))?;
        at(&path, data.set_len(blob.len))?;
        Ok(data)
    }

    /// The bytes of `count` chunks from `first` on; `None` if the file does not have them.
    pub(super) fn read_range(
        &self,
        blob: &Blob,
        first: u32,
        count: u32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(range) = blob.bytes(first, count) else {
            return Ok(None);
        };
        let path = self.0.join(DATA);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        match File::open(&path).and_then(|data| data.read_exact_at(&mut bytes, range.start)) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if lost(&error) => Ok(None),
            Err(error) => at(&path, Err(error)),
        }
    }

    /// The whole content with its leaves, if it is the blob's.
    pub(super) fn read(&self, blob: &Blob) -> Result<Option<(Vec<u8>, Vec<Hash>)>, StoreError> {
        let Some(bytes) = self.read_range(blob, 0, blob.chunks())? else {
            return Ok(None);
        };
        let leaves = blob::leaves(blob.chunk, 0, &bytes);
        let matches = Tree::new(leaves.clone()).root() == blob.root;
        Ok(matches.then_some((bytes, leaves)))
    }

    /// Declares the content whole: it is on the disk before its leaves are.
    pub(super) fn complete(&self, blob: &Blob, leaves: &[Hash]) -> Result<(), StoreError> {
        at(&self.0, self.data(blob)?.sync_data())?;
        self.replace_for_good(LEAVES, leaves.as_flattened())?;
        match fs::remove_file(self.0.join(BITMAP)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => at(&self.0, result),
        }
    }

    /// The tree of a whole blob; `None` if the leaves are damaged.
    pub(super) fn tree(&self, blob: &Blob) -> Option<Tree> {
        Some(Tree::new(self.leaves(blob)?)).filter(|tree| tree.root() == blob.root)
    }

    fn leaves(&self, blob: &Blob) -> Option<Vec<Hash>> {
        let bytes = self
            .is_whole(blob)
            .then(|| fs::read(self.0.join(LEAVES)))?
            .ok()?;
        let (leaves, rest) = bytes.as_chunks();
        let fits = rest.is_empty() && leaves.len() == blob.chunks() as usize;
        fits.then(|| leaves.to_vec())
    }

    /// Declares the content partial again, with the chunks that still match the leaves, if those do match the root.
    pub(super) fn demote(&self, blob: &Blob) -> Result<(), StoreError> {
        let mut bitmap = Bitmap::empty(blob);
        let leaves = self.leaves(blob);
        let leaves = leaves.filter(|leaves| Tree::new(leaves.clone()).root() == blob.root);
        for (index, leaf) in (0..).zip(leaves.iter().flatten()) {
            let chunk = self.read_range(blob, index, 1)?;
            if chunk.is_some_and(|chunk| blob::leaves(blob.chunk, index, &chunk)[0] == *leaf) {
                bitmap.set(index);
            }
        }
        self.save_bitmap(&bitmap)?;
        let path = self.0.join(LEAVES);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => at(&path, result),
        }
    }

    /// The chunks verified so far; none if the file is damaged.
    pub(super) fn bitmap(&self, blob: &Blob) -> Bitmap {
        let empty = Bitmap::empty(blob);
        match fs::read(self.0.join(BITMAP)) {
            Ok(bytes) if bytes.len() == empty.0.len() => Bitmap(bytes),
            _ => empty,
        }
    }

    pub(super) fn save_bitmap(&self, bitmap: &Bitmap) -> Result<(), StoreError> {
        self.replace(BITMAP, &bitmap.0)
    }

    /// Writes a file that is there either as it was or as it shall be.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        at(
            &path,
            fs::write(&new, bytes).and_then(|()| fs::rename(&new, &path)),
        )
    }

    /// The same; it is on the disk, the folder's list of files too, when this returns.
    fn replace_for_good(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(name, bytes)?;
        let path = self.0.join(name);
        at(&path, sync(&path).and_then(|()| sync(&self.0)))
    }
}

/// Puts a file's content on the disk, or which files a folder has.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A file that is missing or too short is damage to repair, not a failure of the disk.
fn lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
    )
}

/// One bit per chunk: whether it is verified and written.
#[derive(Clone, Debug)]
pub(super) struct Bitmap(Vec<u8>);

impl Bitmap {
    pub(super) fn empty(blob: &Blob) -> Self {
        Self(vec![0; blob.chunks().div_ceil(8) as usize])
    }

    pub(super) fn get(&self, index: u32) -> bool {
        self.0
            .get(index as usize / 8)
            .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    pub(super) fn set(&mut self, index: u32) {
        if let Some(byte) = self.0.get_mut(index as usize / 8) {
            *byte |= 1 << (index % 8);
        }
    }
}
