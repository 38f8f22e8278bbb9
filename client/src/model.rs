//! Model files: a run's final state, where it came from, and how rows become its input. `docs/model.md` is the format.

use crate::dataset::Scale;
use quern_training::{State, StateError};
use quern_work::{Hash, merkle::blob_root};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The first bytes of a model file.
const MAGIC: [u8; 8] = *b"quernmdl";
/// The version of the format.
const VERSION: u32 = 1;
/// Most bytes of a name.
const MAX_NAME: usize = 64;

/// A trained network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Where it came from.
    pub origin: Origin,
    /// What its features are given in.
    pub scale: Scale,
    /// The run's final state.
    pub state: State,
}

/// Where a model came from, and what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Genesis hash of the chain.
    pub genesis: Hash,
    /// The task.
    pub task: u32,
    /// The run.
    pub run: u64,
    /// Right answers on the held-out rows, as the evaluators found them; 0 if nobody scored it.
    pub correct: u32,
    /// Held-out rows; 0 if nobody scored it.
    pub rows: u32,
    /// What the client called the task.
    pub name: String,
}

/// Why bytes are no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read or written.
    #[error("cannot open {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The bytes begin otherwise.
    #[error("this is no model file")]
    NoModel,
    /// Another version of the format: use the `quern` that wrote it, or a newer one.
    #[error("the model file has version {0}, this program reads version {VERSION}")]
    Version(u32),
    /// Bytes are missing or left over, or a field is out of its bounds.
    #[error("the model file is damaged: {0}")]
    Damaged(&'static str),
    /// The state's bytes are not a state.
    #[error("the model's state cannot be read: {0}")]
    State(#[from] StateError),
    /// The state has another root than the file says.
    #[error("the model's state is not the one that its root names")]
    Root,
}

impl Model {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let bytes = fs::read(path).map_err(|reason| file(path, reason))?;
        Self::decode(&bytes)
    }

    /// Writes a model file, over an old one of that name.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        fs::write(path, self.encode()).map_err(|reason| file(path, reason))
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (origin, state) = (&self.origin, self.state.encode());
        let name = clipped(&origin.name);
        let mut bytes = Vec::with_capacity(256 + state.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(origin.genesis);
        bytes.extend(origin.task.to_le_bytes());
        bytes.extend(origin.run.to_le_bytes());
        bytes.extend(origin.correct.to_le_bytes());
        bytes.extend(origin.rows.to_le_bytes());
        bytes.extend(self.scale.millionths().to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(blob_root(&state));
        bytes.extend((state.len() as u64).to_le_bytes());
        bytes.extend(state);
        bytes
    }

    /// The model with these bytes: one encoding per model, and none whose state is not the one its root names.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ModelError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(ModelError::NoModel)?;
        let mut reader = Reader(rest);
        let version = u32::from_le_bytes(reader.array()?);
        if version != VERSION {
            return Err(ModelError::Version(version));
        }
        let mut origin = Origin {
            genesis: reader.array()?,
            task: u32::from_le_bytes(reader.array()?),
            run: u64::from_le_bytes(reader.array()?),
            correct: u32::from_le_bytes(reader.array()?),
            rows: u32::from_le_bytes(reader.array()?),
            name: String::new(),
        };
        let scale = Scale::from_millionths(u64::from_le_bytes(reader.array()?))
            .map_err(|_| ModelError::Damaged("the scale is out of bounds"))?;
        let name = u16::from_le_bytes(reader.array()?).into();
        if name > MAX_NAME {
            return Err(ModelError::Damaged("the name is too long"));
        }
        let name = core::str::from_utf8(reader.take(name)?);
        name.map_err(|_| ModelError::Damaged("the name is no text"))?
            .clone_into(&mut origin.name);
        let root: Hash = reader.array()?;
        let len = u64::from_le_bytes(reader.array()?);
        if len != reader.0.len() as u64 {
            return Err(ModelError::Damaged("the state has another length"));
        }
        if blob_root(reader.0) != root {
            return Err(ModelError::Root);
        }
        Ok(Self {
            origin,
            scale,
            state: State::decode(reader.0)?,
        })
    }
}

fn file(path: &Path, reason: std::io::Error) -> ModelError {
    let path = path.into();
    ModelError::File { path, reason }
}

/// The longest beginning of whole characters that the format has room for.
fn clipped(name: &str) -> &str {
    let end = (0..=name.len().min(MAX_NAME)).rev();
    let end = end.into_iter().find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

/// A cursor over a file's bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ModelError> {
        let split = self.0.split_at_checked(count);
        let (head, tail) = split.ok_or(ModelError::Damaged("it ends early"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let split = self.0.split_first_chunk();
        let (head, tail) = split.ok_or(ModelError::Damaged("it ends early"))?;
        self.0 = tail;
        Ok(*head)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn model() -> Model {
        Model {
            origin: Origin {
                genesis: [1; 32],
                task: 2,
                run: 3,
                correct: 1_900,
                rows: 2_000,
                name: "digits".into(),
            },
            scale: Scale::GREY,
            state: State::initial(&[20, 16, 3], &[4; 32]).unwrap(),
        }
    }

    #[test]
    fn a_model_survives_its_file() {
        let bytes = model().encode();
        assert_eq!(Model::decode(&bytes).unwrap(), model());
        assert_eq!(&bytes[..12], b"quernmdl\x01\0\0\0");
    }

    #[test]
    fn what_is_no_model_is_told_apart_from_a_damaged_one() {
        let bytes = model().encode();
        assert!(matches!(Model::decode(b"png"), Err(ModelError::NoModel)));
        let mut newer = bytes.clone();
        newer[8] = 2;
        assert!(matches!(Model::decode(&newer), Err(ModelError::Version(2))));
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(
            Model::decode(&longer),
            Err(ModelError::Damaged(_))
        ));
        let mut other = bytes;
        *other.last_mut().unwrap() ^= 1;
        assert!(matches!(Model::decode(&other), Err(ModelError::Root)));
    }

    #[test]
    fn a_long_name_is_clipped_between_characters() {
        assert_eq!(clipped(&"ä".repeat(40)), "ä".repeat(32));
        assert_eq!(clipped(&format!("x{}", "ä".repeat(40))).len(), 63);
    }

    proptest! {
        #[test]
        fn any_bytes_are_the_model_that_encodes_to_them_or_none(
            noise: Vec<u8>, cut: prop::sample::Index, at: prop::sample::Index, change: u8,
        ) {
            prop_assert!(Model::decode(&noise).is_err());
            let mut bytes = model().encode();
            prop_assert!(Model::decode(&bytes[..cut.index(bytes.len())]).is_err());
            *at.get_mut(&mut bytes) ^= change;
            if let Ok(model) = Model::decode(&bytes) {
                prop_assert_eq!(model.encode(), bytes);
            }
        }
    }
}
