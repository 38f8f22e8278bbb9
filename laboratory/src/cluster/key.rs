use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use libp2p::identity::Keypair;
use rand::{RngCore, rngs::OsRng};
use tempfile::NamedTempFile;

use super::Error;

/// Where a node's key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A file with 32 bytes in hexadecimal, made if there is none.
    File(PathBuf),
    /// The bytes themselves.
    Seed([u8; 32]),
}

impl Key {
    /// The pair of keys.
    pub(crate) fn pair(&self) -> Result<Keypair, Error> {
        let seed = match self {
            Self::Seed(seed) => *seed,
            Self::File(path) => seed(path)?,
        };
        Keypair::ed25519_from_bytes(seed).map_err(|error| Error::Transport(error.to_string()))
    }
}

fn seed(path: &Path) -> Result<[u8; 32], Error> {
    let io = |error| Error::Key(path.to_owned(), error);
    let mut seed = [0; 32];
    match fs::read_to_string(path) {
        Ok(text) => {
            let read = hex::decode_to_slice(text.trim(), &mut seed);
            read.map_err(|_| Error::BadKey(path.to_owned()))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            OsRng.fill_bytes(&mut seed);
            write(path, hex::encode(seed).as_bytes()).map_err(io)?;
        }
        Err(error) => return Err(io(error)),
    }
    Ok(seed)
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
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        let made = seed(&path).unwrap();
        assert_eq!(seed(&path).unwrap(), made);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        fs::write(&path, "0".repeat(63)).unwrap();
        assert!(matches!(seed(&path), Err(Error::BadKey(named)) if named == path));
    }
}
