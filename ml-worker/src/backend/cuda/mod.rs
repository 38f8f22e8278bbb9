//! The CUDA backend: whole steps on the device, bit-equal to the CPU's.
//!
//! | module | noun |
//! | --- | --- |
//! | `accelerator` | what runs kernels on memory of its own: a CUDA device, or in tests its emulation |
//! | `driver` | a CUDA device behind its driver |
//! | `source` | the kernels' sources in `kernels/` |
//! | `compiler` | kernels compiled by NVRTC, and kept |
//! | `matrix` | matrices of bytes, padded to whole tiles, and their products |
//! | `control` | the words through which kernels tell each other peaks, exponents and seeds |
//! | `lottery` | noise and draws |
//! | `network` | master parameters and what a pass leaves |
//! | `run` | a run being trained |
//! | `trial` | one product alone, to measure it |
//! | `cublaslt` | NVIDIA's product, to compare it with |
//!
//! Kernels follow each other in one stream; a step ends with one read of 14 words, which says how many draws won.

mod accelerator;
mod compiler;
mod control;
mod cublaslt;
mod driver;
#[cfg(test)]
mod emulation;
mod lottery;
mod matrix;
mod network;
mod run;
mod source;
#[cfg(test)]
mod tests;
mod trial;

pub(crate) use accelerator::Accelerator;
pub(crate) use driver::Driver;
pub(crate) use run::Cuda;
pub use trial::CudaTrial;
