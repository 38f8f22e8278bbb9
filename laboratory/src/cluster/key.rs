use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use libp2p::identity::Keypair;
use rand::{RngCore, rngs::OsRng};

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
    let unfinished = unfinished(path);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_killed_while_it_wrote_its_key_makes_another_and_starts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        // What is written first, and where a kill leaves it.
        fs::write(unfinished(&path), "0".repeat(1_000)).unwrap();
        let made = seed(&path).unwrap();
        assert!(!unfinished(&path).exists());
        assert_eq!(seed(&path).unwrap(), made);
    }
}
