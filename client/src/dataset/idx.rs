//! IDX files, the format of the MNIST family: a magic number, big-endian dimensions, then unsigned bytes in row order.
//!
//! Each file may be gzip-compressed; its first bytes tell. Sizes come from the file's own header, so they are bounded before
//! anything is allocated, and memory grows only with bytes that are really there. A grey byte becomes the int7 feature `byte >> 2`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{Features, MAX_FEATURES, Rows};

/// Most bytes that one file may unpack to.
const MAX_BYTES: u64 = 1 << 31;
/// Type code of unsigned bytes in the magic number.
const UNSIGNED_BYTE: u8 = 8;

/// What an IDX pair can get wrong.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// The file is missing or may not be read.
    #[error("cannot open {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: io::Error,
    },
    /// Reading failed half-way, or the gzip stream is damaged.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        reason: io::Error,
    },
    /// The file does not begin like an IDX file.
    #[error("{} is not an IDX file: it begins with {magic:02x?}", path.display())]
    NotIdx {
        /// The file.
        path: PathBuf,
        /// Its first four bytes.
        magic: [u8; 4],
    },
    /// An IDX file of another element type; only unsigned bytes are read.
    #[error("{} holds elements of IDX type {kind:#04x}, expected unsigned bytes (0x08)", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// Its type code.
        kind: u8,
    },
    /// Images need 2 to 4 dimensions, labels exactly 1; perhaps the two files are swapped.
    #[error("{} has {found} dimensions, expected {expected}", path.display())]
    Dimensions {
        /// The file.
        path: PathBuf,
        /// Dimensions in its header.
        found: u8,
        /// What this side of the pair needs.
        expected: &'static str,
    },
    /// A dimension is zero.
    #[error("{} has a dimension of size 0", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// More features per row, or more bytes, than are ever read.
    #[error("{} is too large: {what}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound it breaks.
        what: &'static str,
    },
    /// Fewer bytes than the header promises.
    #[error("{} ends early: {found} bytes of data, its header promises {expected}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the dimensions need.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// More bytes than the header promises.
    #[error("{} goes on after the {expected} bytes that its header promises", path.display())]
    Trailing {
        /// The file.
        path: PathBuf,
        /// Bytes that the dimensions need.
        expected: u64,
    },
    /// The two files do not belong together.
    #[error("{images} images but {labels} labels: the two files do not belong together")]
    Count {
        /// Rows of the image file.
        images: u64,
        /// Rows of the label file.
        labels: u64,
    },
    /// All labels are 0, so there is nothing to tell apart.
    #[error("{} holds only the label 0: training needs at least two classes", path.display())]
    OneClass {
        /// The label file.
        path: PathBuf,
    },
}

/// Reads a pair of IDX files. The number of classes is the largest label plus one.
pub(super) fn read(images: &Path, labels: &Path) -> Result<Rows, IdxError> {
    let pictures = open(images, 2..=4, "2 to 4 (rows, height, width)")?;
    let classes = open(labels, 1..=1, "1 (rows)")?;
    join(pictures, classes, labels)
}

/// Reads an IDX file of pictures without labels.
pub(super) fn read_features(path: &Path) -> Result<Features, IdxError> {
    let pictures = open(path, 2..=4, "2 to 4 (rows, height, width)")?;
    Ok(Features {
        values: int7(&pictures.bytes),
        width: pictures.width,
    })
}

fn int7(greys: &[u8]) -> Vec<i8> {
    greys.iter().map(|grey| (grey >> 2) as i8).collect()
}

/// An unpacked file.
#[derive(Debug, PartialEq, Eq)]
struct Array {
    rows: u64,
    /// Bytes per row.
    width: usize,
    bytes: Vec<u8>,
}

fn join(images: Array, labels: Array, labels_path: &Path) -> Result<Rows, IdxError> {
    if images.rows != labels.rows {
        return Err(IdxError::Count {
            images: images.rows,
            labels: labels.rows,
        });
    }
    let largest = labels.bytes.iter().copied().max().unwrap_or(0);
    if largest == 0 {
        return Err(IdxError::OneClass {
            path: labels_path.into(),
        });
    }
    Ok(Rows {
        features: int7(&images.bytes),
        labels: labels.bytes.into_iter().map(u16::from).collect(),
        width: images.width,
        classes: u32::from(largest) + 1,
    })
}

type Dimensions = std::ops::RangeInclusive<u8>;

fn open(path: &Path, dimensions: Dimensions, expected: &'static str) -> Result<Array, IdxError> {
    let file = File::open(path).map_err(|reason| IdxError::Open {
        path: path.into(),
        reason,
    })?;
    parse(path, BufReader::new(file), dimensions, expected)
}

/// Reads one file, unpacking it if it begins with gzip's magic number.
fn parse(
    path: &Path,
    mut file: impl BufRead,
    dimensions: Dimensions,
    expected: &'static str,
) -> Result<Array, IdxError> {
    let failed = |reason| IdxError::Read {
        path: path.into(),
        reason,
    };
    if file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]) {
        unpacked(
            path,
            flate2::bufread::MultiGzDecoder::new(file),
            dimensions,
            expected,
        )
    } else {
        unpacked(path, file, dimensions, expected)
    }
}

fn unpacked(
    path: &Path,
    mut stream: impl Read,
    dimensions: Dimensions,
    expected: &'static str,
) -> Result<Array, IdxError> {
    let path = || path.to_path_buf();
    let failed = |reason| IdxError::Read {
        path: path(),
        reason,
    };
    let mut header = Vec::new();
    stream
        .by_ref()
        .take(4)
        .read_to_end(&mut header)
        .map_err(failed)?;
    let mut magic = [0; 4];
    magic[..header.len()].copy_from_slice(&header);
    let [0, 0, kind, count] = magic else {
        return Err(IdxError::NotIdx {
            path: path(),
            magic,
        });
    };
    if header.len() < 4 || count == 0 {
        return Err(IdxError::NotIdx {
            path: path(),
            magic,
        });
    }
    if kind != UNSIGNED_BYTE {
        return Err(IdxError::ElementType { path: path(), kind });
    }
    if !dimensions.contains(&count) {
        return Err(IdxError::Dimensions {
            path: path(),
            found: count,
            expected,
        });
    }

    let mut sizes = Vec::new();
    let promised = u64::from(count) * 4;
    stream
        .by_ref()
        .take(promised)
        .read_to_end(&mut sizes)
        .map_err(failed)?;
    if sizes.len() as u64 != promised {
        return Err(IdxError::Truncated {
            path: path(),
            expected: promised,
            found: sizes.len() as u64,
        });
    }
    let mut sizes = sizes
        .chunks_exact(4)
        .map(|size| u64::from(u32::from_be_bytes([size[0], size[1], size[2], size[3]])));
    let rows = sizes.next().unwrap_or(0);
    let width = sizes
        .try_fold(1u64, |width, size| width.checked_mul(size))
        .filter(|width| *width <= MAX_FEATURES as u64)
        .ok_or_else(|| IdxError::TooLarge {
            path: path(),
            what: "more than 65534 features per row",
        })?;
    if rows == 0 || width == 0 {
        return Err(IdxError::Empty { path: path() });
    }
    let length = rows * width;
    if length > MAX_BYTES {
        return Err(IdxError::TooLarge {
            path: path(),
            what: "more than 2 GiB of data",
        });
    }

    let mut bytes = Vec::new();
    stream
        .by_ref()
        .take(length + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    match bytes.len() as u64 {
        found if found < length => Err(IdxError::Truncated {
            path: path(),
            expected: length,
            found,
        }),
        found if found > length => Err(IdxError::Trailing {
            path: path(),
            expected: length,
        }),
        _ => Ok(Array {
            rows,
            width: width as usize,
            bytes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn file(dimensions: &[u32], data: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 0, UNSIGNED_BYTE, dimensions.len() as u8];
        out.extend(dimensions.iter().flat_map(|d| d.to_be_bytes()));
        out.extend(data);
        out
    }

    fn images(bytes: &[u8]) -> Result<Array, IdxError> {
        parse(Path::new("images"), bytes, 2..=4, "2 to 4")
    }

    fn labels(bytes: &[u8]) -> Result<Array, IdxError> {
        parse(Path::new("labels"), bytes, 1..=1, "1")
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn a_pair_becomes_int7_rows() {
        let pictures = images(&file(&[2, 1, 2], &[0, 255, 4, 3])).unwrap();
        let rows = join(
            pictures,
            labels(&file(&[2], &[1, 3])).unwrap(),
            Path::new("l"),
        )
        .unwrap();
        assert_eq!(
            rows,
            Rows {
                features: vec![0, 63, 1, 0],
                labels: vec![1, 3],
                width: 2,
                classes: 4
            }
        );
    }

    #[test]
    fn gzip_is_told_by_its_first_bytes() {
        let plain = file(&[2, 2], &[1, 2, 3, 4]);
        assert_eq!(images(&packed(&plain)).unwrap(), images(&plain).unwrap());
    }

    #[test]
    fn a_damaged_gzip_stream_is_a_read_error() {
        let mut bytes = packed(&file(&[2, 2], &[1, 2, 3, 4]));
        let middle = bytes.len() - 6;
        bytes[middle] ^= 1;
        assert!(matches!(images(&bytes), Err(IdxError::Read { .. })));
    }

    #[test]
    fn another_kind_of_file_is_not_idx() {
        for bytes in [&b""[..], b"\0\0", b"\x89PNG\r\n", &[0, 0, 8, 0]] {
            assert!(matches!(images(bytes), Err(IdxError::NotIdx { .. })));
        }
    }

    #[test]
    fn only_unsigned_bytes_are_read() {
        let mut bytes = file(&[1, 1], &[0]);
        bytes[2] = 0x0d;
        assert!(matches!(
            images(&bytes),
            Err(IdxError::ElementType { kind: 0x0d, .. })
        ));
    }

    #[test]
    fn swapped_files_are_told_by_their_dimensions() {
        assert!(matches!(
            images(&file(&[1], &[0])),
            Err(IdxError::Dimensions { found: 1, .. })
        ));
        assert!(matches!(
            labels(&file(&[1, 1, 1], &[0])),
            Err(IdxError::Dimensions { found: 3, .. })
        ));
    }

    #[test]
    fn promised_sizes_are_bounded_before_memory_is_taken() {
        let huge = file(&[u32::MAX, u32::MAX, u32::MAX, u32::MAX], &[]);
        assert!(matches!(images(&huge), Err(IdxError::TooLarge { .. })));
        let many = file(&[u32::MAX, 784], &[]);
        assert!(matches!(images(&many), Err(IdxError::TooLarge { .. })));
        let promised = file(&[2_000_000, 784], &[0; 10]);
        assert!(matches!(
            images(&promised),
            Err(IdxError::Truncated { found: 10, .. })
        ));
    }

    #[test]
    fn a_size_of_zero_is_refused() {
        for sizes in [[0, 4], [4, 0]] {
            assert!(matches!(
                images(&file(&sizes, &[])),
                Err(IdxError::Empty { .. })
            ));
        }
    }

    #[test]
    fn data_must_be_exactly_as_long_as_promised() {
        assert!(matches!(
            images(&file(&[2, 2], &[1, 2, 3])),
            Err(IdxError::Truncated {
                expected: 4,
                found: 3,
                ..
            })
        ));
        assert!(matches!(
            images(&file(&[2, 2], &[1, 2, 3, 4, 5])),
            Err(IdxError::Trailing { expected: 4, .. })
        ));
    }

    #[test]
    fn files_of_different_pairs_are_refused() {
        let pictures = images(&file(&[2, 1], &[1, 2])).unwrap();
        let classes = labels(&file(&[3], &[0, 1, 0])).unwrap();
        assert!(matches!(
            join(pictures, classes, Path::new("l")),
            Err(IdxError::Count {
                images: 2,
                labels: 3
            })
        ));
    }

    #[test]
    fn a_single_class_is_refused() {
        let pictures = images(&file(&[2, 1], &[1, 2])).unwrap();
        let classes = labels(&file(&[2], &[0, 0])).unwrap();
        assert!(matches!(
            join(pictures, classes, Path::new("l")),
            Err(IdxError::OneClass { .. })
        ));
    }

    #[test]
    fn a_missing_file_is_named() {
        let refusal = read(Path::new("/nowhere/images"), Path::new("/nowhere/labels"))
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("/nowhere/images"), "{refusal}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(
            head in prop::sample::select(vec![vec![], vec![0, 0, 8, 2], vec![0, 0, 8, 3], vec![0x1f, 0x8b, 8, 0]]),
            tail in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = [head, tail].concat();
            let _ = images(&bytes);
            let _ = labels(&bytes);
            let _ = images(&packed(&bytes));
        }
    }
}
