//! The exact-integer training step: the definition of useful work.
//!
//! A step is a pure function on integers: the same state, batch and seed give the same bits on every machine, in any
//! order of summation. A real value is `integer · 2^exponent`; products take 8-bit operands and sum in 32 bits; master
//! weights and momentum are 32-bit with exponent -24. Weight exponents follow from the state; activation and error
//! exponents are *delayed*, set from the previous step's magnitudes and part of the state, so that every row of a batch is
//! independent of the others.
//!
//! | module | noun |
//! | --- | --- |
//! | [`arithmetic`] | rounding, quantisation, softmax gradient, update: one scalar function each |
//! | [`matrix`] | the three integer products of a layer |
//! | [`dataset`] | labelled rows, their commitment, the batch of a step |
//! | [`state`] | everything a step needs, its bytes and its root |
//! | [`step`] | the training step and prediction |
//!
//! The code is plain on purpose: fast paths elsewhere are compared with it.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod arithmetic;
pub mod dataset;
pub mod matrix;
pub mod state;
pub mod step;

pub use dataset::{Dataset, DatasetError};
pub use quern_work::Hash;
pub use state::{Layer, Operand, State, StateError, weights_tree};
pub use step::{StepError, StepReport};
