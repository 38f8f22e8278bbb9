//! What must not be forgotten, one small JSON file per duty: salts and the votes or claims they hide.
//!
//! An entry is written under another name, brought to the disk, and then renamed: a worker that is killed at any moment finds
//! the old entry or the new one, never a part. So whatever was on the chain's side of a commitment can always be revealed.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

/// Ending of an entry's file.
const ENDING: &str = ".json";
/// Name under which entries are written first; no entry's, since it has another ending.
const UNFINISHED: &str = "unfinished";

/// Why an entry cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder cannot be made or written to: choose another one with `--data-dir`.
    #[error("cannot write to the journal {}: {reason}", folder.display())]
    Unwritable {
        /// The journal's folder.
        folder: PathBuf,
        /// The operating system's reason.
        reason: io::Error,
    },
    /// An entry is no entry of this version: move the file away, and what it stands for is lost.
    #[error("{} is damaged: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Why it cannot be read.
        reason: String,
    },
}

/// A folder of entries.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// The journal in this folder, which is made if need be.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`].
    pub fn open(folder: PathBuf) -> Result<Self, JournalError> {
        match fs::create_dir_all(&folder) {
            Ok(()) => Ok(Self { folder }),
            Err(reason) => Err(JournalError::Unwritable { folder, reason }),
        }
    }

    /// Keeps an entry in place of the one of this name; when this returns, it is on the disk.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`]; the old entry stands then.
    pub fn put<T: Serialize>(&self, name: &str, entry: &T) -> Result<(), JournalError> {
        self.write(name, entry)
            .map_err(|reason| JournalError::Unwritable {
                folder: self.folder.clone(),
                reason,
            })
    }

    /// The entry of this name.
    ///
    /// # Errors
    /// [`JournalError::Damaged`].
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, JournalError> {
        let file = self.file(name);
        let damaged = |reason: String| JournalError::Damaged {
            file: file.clone(),
            reason,
        };
        match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|reason| damaged(reason.to_string())),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(damaged(reason.to_string())),
        }
    }

    /// Forgets an entry. One that cannot be removed stays, which does no harm.
    pub fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.file(name));
    }

    /// Names of all entries that begin with `prefix`, in order.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let name = name.to_str()?.strip_suffix(ENDING)?;
                name.starts_with(prefix).then(|| name.to_owned())
            })
            .collect();
        names.sort_unstable();
        names
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{ENDING}"))
    }

    fn write<T: Serialize>(&self, name: &str, entry: &T) -> io::Result<()> {
        let unfinished = self.folder.join(format!("{name}.{UNFINISHED}"));
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(entry)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.file(name))?;
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (tempfile::TempDir, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path().join("journal")).unwrap();
        (folder, journal)
    }

    #[test]
    fn an_entry_outlives_the_worker() {
        let (_folder, journal) = journal();
        journal.put("audit-7", &vec![1, 2]).unwrap();
        journal.put("audit-7", &vec![3]).unwrap();
        let again = Journal::open(journal.folder().to_owned()).unwrap();
        assert_eq!(again.get("audit-7").unwrap(), Some(vec![3]));
        assert_eq!(again.get::<Vec<u8>>("audit-8").unwrap(), None);
    }

    #[test]
    fn a_write_that_was_cut_off_leaves_the_old_entry() {
        let (_folder, journal) = journal();
        journal.put("claim", &"old").unwrap();
        fs::write(journal.folder().join("claim.unfinished"), b"\"ne").unwrap();
        assert_eq!(journal.get("claim").unwrap(), Some("old".to_owned()));
        assert_eq!(journal.names(""), ["claim"]);
        journal.put("claim", &"new").unwrap();
        assert_eq!(journal.get("claim").unwrap(), Some("new".to_owned()));
    }

    #[test]
    fn entries_are_found_by_the_beginning_of_their_names() {
        let (_folder, journal) = journal();
        for name in ["audit-7-12", "audit-7-30", "audit-70-1", "task-7-1"] {
            journal.put(name, &0).unwrap();
        }
        assert_eq!(journal.names("audit-7-"), ["audit-7-12", "audit-7-30"]);
        journal.remove("audit-7-12");
        journal.remove("audit-7-12");
        assert_eq!(journal.names("audit-7-"), ["audit-7-30"]);
    }

    #[test]
    fn a_damaged_entry_is_named_not_taken_for_none() {
        let (_folder, journal) = journal();
        fs::write(journal.file("claim"), b"{").unwrap();
        let refusal = journal.get::<u32>("claim").unwrap_err();
        assert!(matches!(refusal, JournalError::Damaged { .. }));
        assert!(refusal.to_string().contains("claim.json"), "{refusal}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_one_clear_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let refusal = Journal::open(file).unwrap_err().to_string();
        assert!(refusal.starts_with("cannot write to the journal"));
        assert!(!refusal.contains('\n'));
    }
}
