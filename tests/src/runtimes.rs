//! Runtimes to upgrade to.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::binary;

/// Two runtimes as files, in a temporary folder.
#[derive(Debug)]
pub struct Runtimes {
    folder: TempDir,
}

impl Default for Runtimes {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().to_str().expect("a UTF-8 path");
        let ended = binary::run("quern-runtime-next", &[path]);
        assert!(ended.success, "quern-runtime-next: {}", ended.stderr);
        Self { folder }
    }
}

impl Runtimes {
    /// Version 2: a tighter allowance, and a migration.
    pub fn next(&self) -> PathBuf {
        self.folder.path().join("quern_runtime_next.wasm")
    }

    /// Version 2 with a migration that fails.
    pub fn broken(&self) -> PathBuf {
        self.folder.path().join("quern_runtime_broken.wasm")
    }

    /// A place for another file beside them.
    pub fn beside(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}
