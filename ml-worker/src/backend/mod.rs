//! Exact training steps and lottery products, bit-equal to `quern_training` and `quern_work`, on the CPU or a CUDA device.
//!
//! | module | noun |
//! | --- | --- |
//! | `contract` | what every backend does |
//! | `device` | the device that is asked for |
//! | `run` | a run on that device, with the CPU in reserve |
//! | `cuda` | the CUDA backend |
//!
//! Everything else is the CPU's:
//!
//! | module | noun |
//! | --- | --- |
//! | `isa` | instruction sets, chosen at run time |
//! | `pool` | threads |
//! | `matrix` | the layouts: strips of 16 columns, panels of 16 lines |
//! | `product` | products with a kernel per instruction set, plain or with noise and transcripts |
//! | `elementwise` | everything between the products |
//! | `lottery` | commitments, noise, draws, seals |
//! | `network` | master parameters |
//! | `pass` | forward passes |
//! | `cpu` | a run being trained |
//! | `trial` | one product alone, to measure it |
//!
//! A step reads each tensor as rarely as it can: activations and errors have delayed exponents, so a product's tile is
//! quantised while it is still in the nearest cache, and the gradient's tile updates weights and momentum at once.

mod contract;
mod cpu;
mod cuda;
mod device;
mod elementwise;
mod isa;
mod lottery;
mod matrix;
mod network;
mod pass;
mod pool;
mod product;
mod run;
#[cfg(test)]
mod tests;
mod trial;

pub use contract::{Accuracy, Backend, BackendError, Step};
pub use cpu::Cpu;
pub use cuda::CudaTrial;
pub use device::{Device, DeviceError};
pub use isa::Isa;
pub use lottery::{Lottery, Win};
pub use run::{Hardware, Run};
pub use trial::Trial;
