//! Data sets by name: the built-in [`glyphs`], [`idx`] and [`csv`] files, each split into training rows and held-out rows.
//!
//! [`Source::load`] splits as the name says: glyphs keeps the last 2 000 of its 22 000 rows apart, files their last fifth.
//! [`Source::load_split`] shuffles first and splits as a client wishes. Held-out rows measure a model and never enter a batch.

pub mod blob;
pub mod csv;
pub mod glyphs;
pub mod idx;
mod scale;
mod split;

pub use scale::{NoScale, Scale};
pub use split::Split;

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

use quern_training::{Dataset, DatasetError};

/// Most features per row: the bound of every product of the protocol.
const MAX_FEATURES: usize = quern_work::task::MAX_FEATURES as usize;

/// Where rows come from: `glyphs`, `idx:IMAGES,LABELS` with two file paths, or `csv:FILE`.
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
    /// A CSV file.
    Csv {
        /// One row per line.
        file: PathBuf,
        /// How to read it.
        format: csv::Format,
    },
}

/// Rows without labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// rows × width, row-major, int7.
    pub values: Vec<i8>,
    /// Features per row; not zero.
    pub width: usize,
}

/// Rows with labels, of any number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The rows.
    pub features: Features,
    /// One class per row.
    pub labels: Vec<u16>,
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
    /// A CSV file is missing, unreadable, or has another form.
    #[error(transparent)]
    Csv(#[from] csv::CsvError),
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
#[error("{0:?} is no data set: expected `glyphs`, `idx:IMAGES,LABELS` or `csv:FILE`")]
pub struct UnknownSource(String);

impl Source {
    /// Reads or draws all rows and builds both commitments, the rows in the order in which they come.
    ///
    /// # Errors
    /// What is wrong with the files, or with the number of rows.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        let rows = self.rows()?;
        let training = match self {
            Self::Glyphs => glyphs::TRAINING_ROWS,
            Self::Idx { .. } | Self::Csv { .. } => {
                rows.labels.len() / 5 * 4 + rows.labels.len() % 5 * 4 / 5
            }
        };
        rows.split(training)
    }

    /// Reads or draws all rows, shuffles them, and builds both commitments.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub fn load_split(&self, split: &Split) -> Result<Loaded, LoadError> {
        let rows = split.shuffle(self.rows()?);
        let training = split.training(rows.labels.len());
        rows.split(training)
    }

    /// Reads or draws all rows, in the order in which they come.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn labelled(&self) -> Result<Labelled, LoadError> {
        let rows = self.rows()?;
        Ok(Labelled {
            features: Features {
                values: rows.features,
                width: rows.width,
            },
            labels: rows.labels,
        })
    }

    /// What the features are given in.
    #[must_use]
    pub const fn scale(&self) -> Scale {
        match self {
            Self::Glyphs | Self::Idx { .. } => Scale::GREY,
            Self::Csv { format, .. } => format.scale,
        }
    }

    fn rows(&self) -> Result<Rows, LoadError> {
        Ok(match self {
            Self::Glyphs => glyphs::rows(),
            Self::Idx { images, labels } => idx::read(images, labels)?,
            Self::Csv { file, format } => csv::read(file, format)?,
        })
    }
}

/// Reads rows without labels: an IDX file of pictures, gzip-compressed or not, or a CSV file of features alone. The file's
/// first bytes tell which.
///
/// # Errors
/// What is wrong with the file.
pub fn features(path: &Path, scale: Scale) -> Result<Features, LoadError> {
    let mut start = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        // An error of reading is the format's reader's to tell.
        let _ = file.take(2).read_to_end(&mut start);
    }
    Ok(match start.as_slice() {
        [0, 0] | [0x1f, 0x8b] => idx::read_features(path)?,
        _ => csv::read_features(path, scale)?,
    })
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(name: &str) -> Result<Self, UnknownSource> {
        let files = name.strip_prefix("idx:").and_then(|f| f.split_once(','));
        match (name, files) {
            ("glyphs", _) => Ok(Self::Glyphs),
            _ if name
                .strip_prefix("csv:")
                .is_some_and(|file| !file.is_empty()) =>
            {
                Ok(Self::Csv {
                    file: name["csv:".len()..].into(),
                    format: csv::Format::default(),
                })
            }
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
            Self::Csv { file, .. } => write!(f, "csv:{}", file.display()),
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
        for name in ["glyphs", "idx:a/images.gz,b/labels.gz", "csv:a/rows.csv"] {
            assert_eq!(name.parse::<Source>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_forms() {
        for name in ["", "glyph", "idx:", "idx:a", "idx:a,", "idx:,b", "csv:"] {
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
