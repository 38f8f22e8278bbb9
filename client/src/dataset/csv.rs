//! CSV files: one row per line, one column of class numbers, every other column a numeric feature.
//!
//! A first line with anything but numbers is a header. Features are given in real units and scaled to int7: see [`Scale`].

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use super::{Features, MAX_FEATURES, Rows, Scale};
use quern_work::task::MAX_CLASSES;

/// Most features that all rows together may have: 2 GiB.
const MAX_ENTRIES: usize = 1 << 31;

/// How to read a CSV file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The column of the labels: its name in the header, or its number from 0 on.
    pub label: Label,
    /// What the features are given in.
    pub scale: Scale,
}

/// Where a file's labels are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Label {
    /// In the column named `label` where there is a header with that name, else in the first column.
    #[default]
    Usual,
    /// In the column of this name, or of this number from 0 on.
    Column(String),
    /// Nowhere: every column is a feature.
    None,
}

/// What a CSV file can get wrong. Every message names the file and, where there is one, the line.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file is missing or may not be read.
    #[error("cannot open {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: std::io::Error,
    },
    /// Reading failed half-way, or a line has more or fewer columns than the first.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        reason: csv::Error,
    },
    /// There is no such column: give a name of the header, or a number from 0 on.
    #[error("{} has no column {column:?}", path.display())]
    NoLabel {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
    },
    /// A feature is no number, or beyond the scale: give the largest magnitude as the scale.
    #[error("{} line {line}: {text:?} is no number within ±{scale}", path.display())]
    Feature {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What stands there.
        text: String,
        /// The scale it was read by.
        scale: Scale,
    },
    /// A label is no class number.
    #[error("{} line {line}: the label {text:?} is no class number from 0 to 65534", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What stands there.
        text: String,
    },
    /// Fewer or more features than a network can have, or more rows than are ever read.
    #[error("{} is out of bounds: {what}", path.display())]
    Bounds {
        /// The file.
        path: PathBuf,
        /// The bound it breaks.
        what: &'static str,
    },
}

/// Reads a file with labels. The number of classes is the largest label plus one.
pub(super) fn read(path: &Path, format: &Format) -> Result<Rows, CsvError> {
    let table = parse(path, open(path)?, format)?;
    let largest = table.labels.iter().copied().max().unwrap_or(0);
    if largest == 0 {
        return Err(bounds(path, "training needs at least two classes"));
    }
    Ok(Rows {
        features: table.features,
        labels: table.labels,
        width: table.width,
        classes: u32::from(largest) + 1,
    })
}

/// Reads a file whose columns are all features.
pub(super) fn read_features(path: &Path, scale: Scale) -> Result<Features, CsvError> {
    let label = Label::None;
    let table = parse(path, open(path)?, &Format { label, scale })?;
    Ok(Features {
        values: table.features,
        width: table.width,
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Table {
    features: Vec<i8>,
    /// As many as there are rows, or none.
    labels: Vec<u16>,
    width: usize,
}

fn open(path: &Path) -> Result<File, CsvError> {
    File::open(path).map_err(|reason| CsvError::Open {
        path: path.into(),
        reason,
    })
}

fn bounds(path: &Path, what: &'static str) -> CsvError {
    let path = path.into();
    CsvError::Bounds { path, what }
}

fn parse(path: &Path, file: impl Read, format: &Format) -> Result<Table, CsvError> {
    let failed = |reason| CsvError::Read {
        path: path.into(),
        reason,
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(file);
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).map_err(failed)? {
        return Err(bounds(path, "it has no rows"));
    }
    let label = label_column(path, &record, &format.label)?;
    let width = record.len() - usize::from(label.is_some());
    if !(1..=MAX_FEATURES).contains(&width) {
        return Err(bounds(path, "a row must have 1 to 65534 features"));
    }
    let mut more = !is_header(&record) || reader.read_record(&mut record).map_err(failed)?;
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    while more {
        let line = record.position().map_or(0, csv::Position::line);
        for (column, text) in record.iter().enumerate() {
            if label == Some(column) {
                labels.push(class(text).ok_or_else(|| CsvError::Label {
                    path: path.into(),
                    line,
                    text: text.into(),
                })?);
            } else {
                let value = text.parse().ok().and_then(|value| format.scale.int7(value));
                features.push(value.ok_or_else(|| CsvError::Feature {
                    path: path.into(),
                    line,
                    text: text.into(),
                    scale: format.scale,
                })?);
            }
        }
        if features.len() > MAX_ENTRIES {
            return Err(bounds(path, "it has more than 2 GiB of features"));
        }
        more = reader.read_record(&mut record).map_err(failed)?;
    }
    if features.is_empty() {
        return Err(bounds(path, "it has no rows"));
    }
    Ok(Table {
        features,
        labels,
        width,
    })
}

/// A class number, also where it is written as a decimal fraction such as `3.0`.
fn class(text: &str) -> Option<u16> {
    let whole = text.split_once('.').map_or(text, |(whole, part)| {
        if part.bytes().all(|digit| digit == b'0') {
            whole
        } else {
            text
        }
    });
    let class = whole.parse().ok()?;
    (u32::from(class) < MAX_CLASSES).then_some(class)
}

fn is_header(first: &csv::StringRecord) -> bool {
    first.iter().any(|text| text.parse::<f64>().is_err())
}

fn label_column(
    path: &Path,
    first: &csv::StringRecord,
    label: &Label,
) -> Result<Option<usize>, CsvError> {
    let named = |name: &str| {
        let named = first.iter().position(|column| column == name);
        named.filter(|_| is_header(first))
    };
    let numbered = |name: &str| name.parse().ok().filter(|column| *column < first.len());
    match label {
        Label::None => Ok(None),
        Label::Usual => Ok(Some(named("label").unwrap_or(0))),
        Label::Column(name) => match named(name).or_else(|| numbered(name)) {
            Some(column) => Ok(Some(column)),
            None => Err(CsvError::NoLabel {
                path: path.into(),
                column: name.clone(),
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, format: &Format) -> Result<Table, CsvError> {
        parse(Path::new("rows.csv"), text.as_bytes(), format)
    }

    fn column(name: &str) -> Format {
        Format {
            label: Label::Column(name.into()),
            ..Format::default()
        }
    }

    #[test]
    fn a_header_and_the_label_column_are_found() {
        let table = read("a,label,b\n0,3,255\n4,0.0,8\n", &Format::default()).unwrap();
        assert_eq!(table.features, [0, 63, 1, 2]);
        assert_eq!((table.labels, table.width), (vec![3, 0], 2));
    }

    #[test]
    fn without_a_header_the_labels_stand_first_unless_said_otherwise() {
        let first = read("1,128\n0,64\n", &Format::default()).unwrap();
        assert_eq!((first.features, first.labels), (vec![32, 16], vec![1, 0]));
        let last = read("128,1\n64,0\n", &column("1")).unwrap();
        assert_eq!((last.features, last.labels), (vec![32, 16], vec![1, 0]));
    }

    #[test]
    fn features_alone_read_with_and_without_a_header() {
        let format = Format {
            label: Label::None,
            scale: "1".parse().unwrap(),
        };
        for text in ["0.5,-1,1\n", "x,y,z\n0.5, -1 ,1\n"] {
            let table = read(text, &format).unwrap();
            assert_eq!(table.features, [32, -64, 63]);
            assert_eq!((table.labels.len(), table.width), (0, 3));
        }
    }

    #[test]
    fn every_flaw_is_named_with_its_line() {
        let refusal = |text: &str, format: &Format| read(text, format).unwrap_err().to_string();
        let usual = Format::default();
        assert!(refusal("label,a\n1,2\n1,x\n", &usual).contains("line 3: \"x\""));
        assert!(refusal("label,a\n1,257\n", &usual).contains("within ±256"));
        assert!(refusal("label,a\nnine,1\n", &usual).contains("\"nine\" is no class"));
        assert!(refusal("65535,1\n", &usual).contains("is no class"));
        assert!(refusal("1,2\n1,2,3\n", &usual).contains("cannot read rows.csv"));
        assert!(refusal("", &usual).contains("no rows"));
        assert!(refusal("label,a\n", &usual).contains("no rows"));
        assert!(refusal("1\n", &usual).contains("1 to 65534 features"));
        assert!(refusal("label,a\n1,2\n", &column("kind")).contains("no column \"kind\""));
        assert!(refusal("1,2\n", &column("2")).contains("no column \"2\""));
        assert!(refusal("1,inf\n", &usual).contains("\"inf\""));
        assert!(refusal("1,NaN\n", &usual).contains("\"NaN\""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_an_error(bytes: Vec<u8>) {
            if let Ok(table) = parse(Path::new("rows.csv"), bytes.as_slice(), &Format::default()) {
                prop_assert_eq!(table.features.len(), table.labels.len() * table.width);
            }
        }
    }
}
