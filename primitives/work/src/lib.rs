//! The lottery product: what a block seal commits to, how a draw is made and how anyone checks it.
//!
//! A block is sealed by the first forward product of a training step, `C = A·B` with `A` a mini-batch of committed
//! data and `B` the first layer's weights. Noise of low rank, fixed by the block, is added to both; every tile of
//! the noised product yields one [`Transcript`], every transcript one draw, and a draw below the target is a seal.
//! The noise is peeled off afterwards, so training sees the plain product, bit for bit.
//!
//! In the order in which a step uses them:
//!
//! | module | noun |
//! | --- | --- |
//! | [`task`] | what is trained: the dataset commitment and the network's sizes |
//! | [`merkle`] | commitments to rows of data, rows of weights and blobs |
//! | [`batch`] | which rows of the data a step must use |
//! | [`job`] | the seed that binds a product to one block, author, run, step and shape |
//! | [`noise`] | the rank-r noise lines |
//! | [`transcript`] | the fold of a tile's running sums, and its draw |
//! | [`target`] | how many multiply–accumulates a draw is worth |
//! | [`seal`] | the proof of a winning draw and its strict codec |
//! | [`signed`] | the seal with the signature of its author |
//! | [`mod@verify`] | the check that every node makes |
//! | [`mod@product`] | the whole lottery product, scalar: the oracle for fast paths |
//!
//! Everything is integer arithmetic without allocation sized by foreign input, and nothing panics on foreign bytes.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod batch;
pub mod hash;
pub mod job;
pub mod merkle;
pub mod noise;
pub mod product;
pub mod seal;
pub mod shape;
pub mod signed;
pub mod target;
pub mod task;
pub mod transcript;
pub mod verify;

#[cfg(test)]
mod fixture;

pub use hash::Hash;
pub use job::{Job, JobInput};
pub use noise::Noise;
pub use primitive_types::U256;
pub use product::product;
pub use seal::{MAX_SEAL_BYTES, SealError, WorkSeal};
pub use shape::Shape;
pub use signed::{MAX_SIGNED_SEAL_BYTES, SealSignature, SignedSeal};
pub use task::{Dataset, TaskError, TaskSpec};
pub use transcript::Transcript;
pub use verify::{Terms, verify};

/// Rows of a tile and of a committed row block, columns of a tile and rows of a committed neuron block.
pub const TILE: usize = 16;

/// Smallest value of a lottery operand (int7).
pub const OPERAND_MIN: i8 = -64;

/// Largest value of a lottery operand (int7).
pub const OPERAND_MAX: i8 = 63;

/// Largest inner dimension of any product: `127² · 65 536 = 1 057 030 144 < 2³¹`, so 32-bit sums never overflow.
pub const MAX_INNER: u32 = 65_536;
