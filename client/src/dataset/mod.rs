//! Data sets by name: the built-in [`glyphs`] and [`idx`] files, each split into committed training rows and held-out rows.
//!
//! The split is part of what a name means: glyphs keeps the last 2 000 of its 22 000 rows apart, an IDX pair its last fifth. Only
//! the training rows are committed on a chain; held-out rows measure the model and never enter a batch.

pub mod glyphs;
pub mod idx;

use std::{fmt, path::PathBuf, str::FromStr};

use quern_training::{Dataset, DatasetError};

/// Where rows come from: `glyphs`, or `idx:IMAGES,LABELS` with two file paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The built-in digit shapes.
    Glyphs,
    /// A pair of IDX files, each gzip-compressed or not.
    Idx {
        /// Unsigned bytes, one picture per row.
        images: PathBuf,
        /// One unsigned byte per row.
        labels: PathBuf,
    },
}

/// Rows ready for use, in committed order.
#[derive(Debug)]
pub struct Loaded {
    /// The rows that are committed and trained on.
    pub training: Dataset,
    /// The rows kept apart for evaluation.
    pub held_out: Dataset,
}

/// Why a data set could not be loaded. Every message is one line that names the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is missing, unreadable, or no IDX file: choose another one.
    #[error(transparent)]
    Idx(#[from] idx::IdxError),
    /// The rows break a bound of the commitment, for instance too few rows for one block of 16.
    #[error("the {part} rows make no data set: {reason}")]
    Rows {
        /// `training` or `held-out`.
        part: &'static str,
        /// The bound they break.
        reason: DatasetError,
    },
}

/// A name that is no data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no data set: expected `glyphs` or `idx:IMAGES,LABELS`")]
pub struct UnknownSource(String);

impl Source {
    /// Reads or draws all rows and builds both commitments.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        match self {
            Self::Glyphs => glyphs::rows().split(glyphs::TRAINING_ROWS),
            Self::Idx { images, labels } => {
                let rows = idx::read(images, labels)?;
                let training = rows.labels.len() / 5 * 4 + rows.labels.len() % 5 * 4 / 5;
                rows.split(training)
            }
        }
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(name: &str) -> Result<Self, UnknownSource> {
        let files = name.strip_prefix("idx:").and_then(|f| f.split_once(','));
        match (name, files) {
            ("glyphs", _) => Ok(Self::Glyphs),
            (_, Some((images, labels))) if !images.is_empty() && !labels.is_empty() => {
                Ok(Self::Idx {
                    images: images.into(),
                    labels: labels.into(),
                })
            }
            _ => Err(UnknownSource(name.into())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Glyphs => f.write_str("glyphs"),
            Self::Idx { images, labels } => {
                write!(f, "idx:{},{}", images.display(), labels.display())
            }
        }
    }
}

/// Rows in committed order, before the split.
#[derive(Debug, PartialEq, Eq)]
struct Rows {
    /// rows × `width` features, row-major, int7.
    features: Vec<i8>,
    /// One class per row.
    labels: Vec<u16>,
    /// Features per row; not zero.
    width: usize,
    /// Number of classes; every label is below it.
    classes: u32,
}

impl Rows {
    /// The first `training` rows are committed, the rest held out. Each part drops a final partial block of 16.
    fn split(mut self, training: usize) -> Result<Loaded, LoadError> {
        let held_features = self.features.split_off(training * self.width);
        let held_labels = self.labels.split_off(training);
        let part = |part, x, y| {
            Dataset::new(x, y, self.width, self.classes)
                .map_err(|reason| LoadError::Rows { part, reason })
        };
        Ok(Loaded {
            training: part("training", self.features, self.labels)?,
            held_out: part("held-out", held_features, held_labels)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_survives_its_own_text() {
        for name in ["glyphs", "idx:a/images.gz,b/labels.gz"] {
            assert_eq!(name.parse::<Source>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_two_forms() {
        for name in ["", "glyph", "idx:", "idx:a", "idx:a,", "idx:,b"] {
            let refusal = name.parse::<Source>().unwrap_err().to_string();
            assert!(refusal.contains("idx:IMAGES,LABELS"), "{refusal}");
        }
    }

    #[test]
    fn rows_split_in_order() {
        let rows = Rows {
            features: (0..64).map(|i| i as i8).collect(),
            labels: (0..64).map(|i| i % 2).collect(),
            width: 1,
            classes: 2,
        };
        let loaded = rows.split(48).unwrap();
        assert_eq!(loaded.training.rows(), 48);
        assert_eq!(loaded.held_out.row_block(0).0[0], 48);
    }

    #[test]
    fn too_few_rows_for_one_block_are_refused() {
        let rows = Rows {
            features: vec![0; 20],
            labels: vec![0; 20],
            width: 1,
            classes: 2,
        };
        let refusal = rows.split(16).unwrap_err().to_string();
        assert!(refusal.contains("held-out"), "{refusal}");
    }
}
