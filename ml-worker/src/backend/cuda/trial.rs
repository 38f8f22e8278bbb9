//! One product alone on a device, to measure it.

use std::sync::Arc;

use quern_work::{Hash, JobInput, Shape, U256, hash::xof};

use super::{
    Accelerator, Driver,
    accelerator::Buffer,
    control::{Control, keys},
    cublaslt::CublasLt,
    lottery::Room,
    matrix::{Matrix, multiply},
};
use crate::backend::{BackendError, DeviceError, contract::MIN_RANK};

/// Random int7 operands of one shape on a CUDA device, and the room for their product.
pub struct CudaTrial {
    device: Arc<dyn Accelerator>,
    a: Matrix,
    b: Matrix,
    out: Buffer,
    keys: Buffer,
    control: Control,
    room: Room,
    peer: Option<CublasLt>,
}

impl CudaTrial {
    /// Operands m×k and k×n of `shape` on the CUDA device of this number.
    ///
    /// # Errors
    /// If device or shape do not fit.
    pub fn new(number: u32, shape: Shape) -> Result<Self, BackendError> {
        let mut trial = Self::on(Driver::open(number)?, shape)?;
        // A product is measured with or without another beside it.
        if let Err(reason) = trial.meet() {
            eprintln!("cuBLASLt is left out: {reason}");
            trial.peer = None;
        }
        Ok(trial)
    }

    /// Finds cuBLASLt, and whether it multiplies.
    fn meet(&mut self) -> Result<(), BackendError> {
        self.peer = CublasLt::new(&self.device, &self.a, &self.b)?;
        self.cublaslt(1).map(drop)
    }

    /// What a person calls the device.
    pub fn name(&self) -> &str {
        self.device.name()
    }

    /// The same on any accelerator.
    pub(crate) fn on(device: Arc<dyn Accelerator>, shape: Shape) -> Result<Self, BackendError> {
        if !shape.is_valid() || shape.r < MIN_RANK {
            return Err(BackendError::Rank(shape.r));
        }
        let (m, n, k) = (shape.m as usize, shape.n as usize, shape.k as usize);
        let operand = |label: &[u8], rows: usize| {
            let mut bytes = vec![0; rows * k];
            xof(&[0; 32], label).fill(&mut bytes);
            let values: Vec<i8> = bytes.into_iter().map(|byte| byte as i8 >> 1).collect();
            let matrix = Matrix::new(&device, rows, k)?;
            matrix.write_rows(0, &values)?;
            Ok::<_, DeviceError>(matrix)
        };
        Ok(Self {
            a: operand(b"a", m)?,
            b: operand(b"b", n)?,
            out: Buffer::new(&device, 4 * m * n)?,
            keys: keys(&device, &[0; 32])?,
            control: Control::new(&device)?,
            room: Room::new(&device, shape)?,
            peer: None,
            device,
        })
    }

    /// Multiplies `times` times, writing 32-bit results, and waits for the last.
    ///
    /// # Errors
    /// The device's.
    pub fn plain(&mut self, times: u32) -> Result<(), BackendError> {
        let (a, b) = ((&self.a).into(), (&self.b).into());
        for _ in 0..times {
            // SAFETY: there is room for the whole product.
            unsafe { multiply(&*self.device, "store", a, b, None, &[self.out.address()])? };
        }
        self.wait()
    }

    /// The same by cuBLASLt, column by column; false if its library is not on this machine, or refuses.
    ///
    /// # Errors
    /// The device's or the library's.
    pub fn cublaslt(&mut self, times: u32) -> Result<bool, BackendError> {
        let Some(peer) = &self.peer else {
            return Ok(false);
        };
        for _ in 0..times {
            peer.multiply(&self.a, &self.b, &self.out)?;
        }
        self.wait()?;
        Ok(true)
    }

    /// The same product as a lottery under `pre_hash`, `times` times: noise, transcripts, draws and peeling included; the number of
    /// draws up to `threshold` in all.
    ///
    /// # Errors
    /// The device's.
    pub fn lottery(
        &mut self,
        pre_hash: Hash,
        threshold: U256,
        times: u32,
    ) -> Result<u32, BackendError> {
        let Self {
            device,
            a,
            b,
            out,
            keys,
            control,
            room,
            ..
        } = self;
        let device = &**device;
        let input = JobInput {
            genesis: [0; 32],
            pre_hash,
            author: [0; 32],
            run: 0,
            step: 0,
            shape: room.shape,
            dataset_root: [0; 32],
            row_blocks: 1,
            weights_root: [0; 32],
        };
        control.begin(&[], &[])?;
        room.begin(&input, threshold)?;
        for _ in 0..times {
            room.noise(device, keys, control, a, b)?;
            // SAFETY: there is room for the whole product.
            unsafe { room.multiply(device, control, "store", &[out.address()])? };
            room.draw(device, control, u32::MAX)?;
        }
        Ok(control.report()?.wins)
    }

    /// The last product, row by row.
    #[cfg(test)]
    pub(crate) fn product(&self) -> Result<Vec<i32>, DeviceError> {
        let shape = self.room.shape;
        self.out.read_words((shape.m * shape.n) as usize)
    }

    /// The operands: rows of the left one, and of the transposed right one.
    #[cfg(test)]
    pub(crate) fn operands(&self) -> Result<[Vec<i8>; 2], DeviceError> {
        Ok([
            self.a.read_rows(0, self.a.rows())?,
            self.b.read_rows(0, self.b.rows())?,
        ])
    }

    /// Replaces the operands.
    #[cfg(test)]
    pub(crate) fn load(&self, a: &[i8], bt: &[i8]) -> Result<(), DeviceError> {
        self.a.write_rows(0, a)?;
        self.b.write_rows(0, bt)
    }

    /// The draws of the last lottery, ascending ordinal.
    #[cfg(test)]
    pub(crate) fn draws(&self, count: u32) -> Result<Vec<(u32, U256)>, DeviceError> {
        self.room.winners(count)
    }

    fn wait(&self) -> Result<(), BackendError> {
        // A read comes after all kernels.
        self.control.report()?;
        Ok(())
    }
}
