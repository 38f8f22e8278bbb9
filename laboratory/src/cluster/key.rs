use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
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
            let mut options = File::options();
            let file = options.write(true).create_new(true).mode(0o600).open(path);
            let written = file.and_then(|mut file| file.write_all(hex::encode(seed).as_bytes()));
            written.map_err(io)?;
        }
        Err(error) => return Err(io(error)),
    }
    Ok(seed)
}
