use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use libp2p::identity::Keypair;
use tempfile::NamedTempFile;

use crate::{StartError, StoreError};

/// The node's key, made if there is none.
pub(crate) fn key(path: &Path) -> Result<Keypair, StartError> {
    let io = |error| StoreError::Io(path.to_owned(), error);
    if path.exists() {
        let bytes = fs::read(path).map_err(io)?;
        return Keypair::from_protobuf_encoding(&bytes)
            .map_err(|_| StartError::Key(path.to_owned()));
    }
    let key = Keypair::generate_ed25519();
    let bytes = key
        .to_protobuf_encoding()
        .map_err(|_| StartError::Key(path.to_owned()))?;
    write(path, &bytes).map_err(io)?;
    Ok(key)
}

/// Writes the file for its owner alone. Whenever the process ends or the power fails, it is there whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = key(&path).unwrap();
        assert_eq!(key(&path).unwrap().public(), made.public());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, [1, 2, 3]).unwrap();
        assert!(matches!(key(&path), Err(StartError::Key(named)) if named == path));
    }
}
