//! Matrices of bytes, padded to whole tiles, and their products.

use std::sync::Arc;

use super::accelerator::{Accelerator, Buffer};
use crate::backend::DeviceError;

/// What rows and columns are padded to: the side of the largest tile.
const PAD: usize = 128;

/// Bytes of one stage of a product's ring in shared memory: a tile of both operands.
const STAGE: u32 = 2 * 128 * 128;

/// Bytes of shared memory that a lottery product keeps its transcripts in.
const TRANSCRIPTS: u32 = 16 * 64 * 4;

/// Smallest noise rank whose chunks are whole steps of the tensor cores.
const TENSOR_RANK: u32 = 32;

/// Products whose results have few columns: on tensor cores their blocks make smaller squares.
const NARROW: [&str; 2] = ["logits", "digits"];

/// Side of the squares in which matrices are transposed, and the threads of each.
pub(crate) const SQUARE: usize = 64;
const SQUARE_THREADS: u32 = 256;

/// Bytes row by row. The padding is zero.
pub(crate) struct Matrix {
    buffer: Buffer,
    rows: usize,
    cols: usize,
    ld: usize,
}

impl Matrix {
    /// A matrix of zeros.
    pub(crate) fn new(
        device: &Arc<dyn Accelerator>,
        rows: usize,
        cols: usize,
    ) -> Result<Self, DeviceError> {
        let ld = cols.next_multiple_of(PAD);
        Ok(Self {
            buffer: Buffer::new(device, rows.next_multiple_of(PAD) * ld)?,
            rows,
            cols,
            ld,
        })
    }

    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        self.buffer.address()
    }

    /// Its memory.
    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Rows without padding.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Columns without padding.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes from one row to the next.
    pub(crate) fn ld(&self) -> usize {
        self.ld
    }

    /// Writes whole rows from `first` on.
    pub(crate) fn write_rows(&self, first: usize, rows: &[i8]) -> Result<(), DeviceError> {
        let mut bytes = vec![0; rows.len() / self.cols * self.ld];
        for (row, out) in rows
            .chunks_exact(self.cols)
            .zip(bytes.chunks_exact_mut(self.ld))
        {
            out.iter_mut()
                .zip(row)
                .for_each(|(out, &value)| *out = value as u8);
        }
        self.buffer.write(first * self.ld, &bytes)
    }

    /// Reads `count` rows from `first` on, without padding.
    pub(crate) fn read_rows(&self, first: usize, count: usize) -> Result<Vec<i8>, DeviceError> {
        let bytes = self.buffer.read(first * self.ld, count * self.ld)?;
        let rows = bytes.chunks_exact(self.ld);
        let own = rows.flat_map(|row| row[..self.cols].iter().map(|&byte| byte as i8));
        Ok(own.collect())
    }

    /// Grid of the squares that it consists of, padding included.
    pub(crate) fn squares(&self) -> [u32; 2] {
        let rows = self.rows.next_multiple_of(PAD);
        [(self.ld / SQUARE) as u32, (rows / SQUARE) as u32]
    }
}

/// Room for the transpose of any matrix up to a size.
pub(crate) struct Transpose {
    buffer: Buffer,
}

/// A transposed matrix in its room.
pub(crate) struct Transposed {
    address: u64,
    rows: usize,
    ld: usize,
}

impl Transpose {
    /// Room for the transposes of matrices of these sizes.
    pub(crate) fn new(
        device: &Arc<dyn Accelerator>,
        sizes: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<Self, DeviceError> {
        let bytes =
            |(rows, cols): (usize, usize)| rows.next_multiple_of(PAD) * cols.next_multiple_of(PAD);
        let most = sizes.into_iter().map(bytes).max().unwrap_or(0);
        Ok(Self {
            buffer: Buffer::new(device, most)?,
        })
    }

    /// Transposes `matrix`.
    pub(crate) fn of(
        &self,
        device: &dyn Accelerator,
        matrix: &Matrix,
    ) -> Result<Transposed, DeviceError> {
        let ld = matrix.rows.next_multiple_of(PAD);
        debug_assert!(ld * matrix.ld <= self.buffer.bytes(), "there is room");
        let arguments = [
            matrix.address(),
            matrix.ld as u64,
            self.buffer.address(),
            ld as u64,
        ];
        // SAFETY: both hold whole squares, and the room was measured for the largest.
        unsafe {
            device.launch("transpose", matrix.squares(), SQUARE_THREADS, 0, &arguments)?;
        }
        Ok(Transposed {
            address: self.buffer.address(),
            rows: matrix.cols,
            ld,
        })
    }
}

impl Transposed {
    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Bytes from one row to the next.
    pub(crate) fn ld(&self) -> usize {
        self.ld
    }
}

/// One side of a product: rows of bytes that end in zeros.
#[derive(Clone, Copy)]
pub(crate) struct Side {
    address: u64,
    rows: usize,
    ld: usize,
}

impl Side {
    /// The first `rows` rows alone.
    pub(crate) fn first(self, rows: usize) -> Self {
        Self { rows, ..self }
    }
}

impl From<&Matrix> for Side {
    fn from(matrix: &Matrix) -> Self {
        Self {
            address: matrix.address(),
            rows: matrix.rows,
            ld: matrix.ld,
        }
    }
}

impl From<&Transposed> for Side {
    fn from(transposed: &Transposed) -> Self {
        Self {
            address: transposed.address,
            rows: transposed.rows,
            ld: transposed.ld,
        }
    }
}

/// The noise of a lottery product, and where its transcripts go.
#[derive(Clone, Copy)]
pub(crate) struct Noised {
    pub(crate) rank: u32,
    /// Chunks that are folded.
    pub(crate) chunks: u32,
    /// Factors of both operands, chunks of 128 bytes for 32 of the rank.
    pub(crate) left: u64,
    pub(crate) right: u64,
    /// Bytes of a row of factors.
    pub(crate) ld: usize,
    pub(crate) control: u64,
    pub(crate) words: u64,
}

/// Multiplies each row of `a` with each of `b`; kernel `epilogue` makes of the sums what its own `arguments` say.
///
/// # Safety
/// The arguments are those of the kernel, and what they name has room for the product.
pub(crate) unsafe fn multiply(
    device: &dyn Accelerator,
    epilogue: &str,
    a: Side,
    b: Side,
    noised: Option<Noised>,
    arguments: &[u64],
) -> Result<(), DeviceError> {
    debug_assert_eq!(a.ld, b.ld, "operands of one inner size");
    let tensor = device.tensor_cores() && noised.is_none_or(|noised| noised.rank >= TENSOR_RANK);
    let mut all = vec![
        a.address,
        a.ld as u64,
        b.address,
        b.ld as u64,
        (a.ld / PAD) as u64,
        a.rows as u64,
        b.rows as u64,
    ];
    if let Some(noised) = noised {
        let Noised {
            rank,
            chunks,
            left,
            right,
            ld,
            control,
            words,
        } = noised;
        all.extend([
            rank.into(),
            chunks.into(),
            left,
            right,
            ld as u64,
            control,
            words,
        ]);
    }
    all.extend(arguments);
    let lottery = if noised.is_some() { "lottery_" } else { "" };
    let (kind, side, threads, shared) = if tensor {
        let transcripts = if noised.is_some() { TRANSCRIPTS } else { 0 };
        let side = if NARROW.contains(&epilogue) { 64 } else { 128 };
        ("tensor", side, 128, device.stages() * STAGE + transcripts)
    } else {
        ("dot", 64, 256, 0)
    };
    let blocks = a.rows.div_ceil(side) * b.rows.div_ceil(side);
    let name = format!("{kind}_{lottery}{epilogue}");
    // SAFETY: the caller's promise; operands are padded to whole tiles.
    unsafe { device.launch(&name, [blocks as u32, 1], threads, shared, &all) }
}

/// A signed argument of a kernel.
pub(crate) fn signed(value: i32) -> u64 {
    value.cast_unsigned().into()
}
