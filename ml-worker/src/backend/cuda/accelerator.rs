//! What runs kernels on memory of its own.

use std::sync::Arc;

use crate::backend::DeviceError;

/// A device that runs the kernels, each after the one before it.
pub(crate) trait Accelerator: Send + Sync {
    /// What a person calls it.
    fn name(&self) -> &str;

    /// Whether products run on tensor cores.
    fn tensor_cores(&self) -> bool;

    /// Tiles that a product on tensor cores has in shared memory at a time.
    fn stages(&self) -> u32;

    /// `bytes` of zeros, aligned to 16 at least.
    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError>;

    /// Gives memory back, after all kernels launched.
    fn free(&self, address: u64, bytes: usize);

    /// Makes `bytes` zero, at least one.
    fn clear(&self, address: u64, bytes: usize) -> Result<(), DeviceError>;

    /// Copies at least one byte to the device.
    fn write(&self, to: u64, bytes: &[u8]) -> Result<(), DeviceError>;

    /// Copies at least one byte from the device, after all kernels launched.
    fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), DeviceError>;

    /// Runs kernel `quern_NAME` on a grid of blocks of `threads` with `shared` bytes of dynamic shared memory each. Every argument
    /// is an address or an integer of at most 64 bits.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and the memory that it touches is allocated.
    unsafe fn launch(
        &self,
        name: &str,
        grid: [u32; 2],
        threads: u32,
        shared: u32,
        arguments: &[u64],
    ) -> Result<(), DeviceError>;
}

/// Memory on a device.
pub(crate) struct Buffer {
    device: Arc<dyn Accelerator>,
    address: u64,
    bytes: usize,
}

impl Buffer {
    /// Zeroed memory.
    pub(crate) fn new(device: &Arc<dyn Accelerator>, bytes: usize) -> Result<Self, DeviceError> {
        // Whole words of 16 bytes, and never none.
        let bytes = bytes.max(16).next_multiple_of(16);
        let address = device.allocate(bytes)?;
        Ok(Self {
            device: device.clone(),
            address,
            bytes,
        })
    }

    /// Memory with this content.
    pub(crate) fn of(device: &Arc<dyn Accelerator>, content: &[u8]) -> Result<Self, DeviceError> {
        let buffer = Self::new(device, content.len())?;
        buffer.write(0, content)?;
        Ok(buffer)
    }

    /// Its address on the device.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it zero.
    pub(crate) fn clear(&self) -> Result<(), DeviceError> {
        self.device.clear(self.address, self.bytes)
    }

    /// Replaces what begins at byte `at`.
    ///
    /// # Panics
    /// If it ends beyond the buffer.
    pub(crate) fn write(&self, at: usize, content: &[u8]) -> Result<(), DeviceError> {
        assert!(at + content.len() <= self.bytes, "within the buffer");
        if content.is_empty() {
            return Ok(());
        }
        self.device.write(self.address + at as u64, content)
    }

    /// Reads `bytes` from byte `at` on.
    ///
    /// # Panics
    /// If they end beyond the buffer.
    pub(crate) fn read(&self, at: usize, bytes: usize) -> Result<Vec<u8>, DeviceError> {
        assert!(at + bytes <= self.bytes, "within the buffer");
        let mut content = vec![0; bytes];
        self.device.read(self.address + at as u64, &mut content)?;
        Ok(content)
    }

    /// Reads `count` little-endian words from the beginning.
    pub(crate) fn read_words(&self, count: usize) -> Result<Vec<i32>, DeviceError> {
        let bytes = self.read(0, 4 * count)?;
        let words = bytes.as_chunks().0.iter();
        Ok(words.map(|word| i32::from_le_bytes(*word)).collect())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.device.free(self.address, self.bytes);
    }
}
