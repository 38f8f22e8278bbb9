//! The CPU backend: exact training steps and lottery products, bit-equal to `quern_training` and `quern_work`.
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

mod cpu;
mod elementwise;
mod isa;
mod lottery;
mod matrix;
mod network;
mod pass;
mod pool;
mod product;
#[cfg(test)]
mod tests;
mod trial;

pub use cpu::{Accuracy, BackendError, Cpu, Step};
pub use isa::Isa;
pub use lottery::{Lottery, Win};
pub use trial::Trial;
