//! Everything between the products, 16 lanes at a time.
//!
//! Written once as plain loops over whole tiles and compiled for every instruction set. The scalar definitions are those
//! of `quern_training::arithmetic`; sums wrap here where the definitions prove that they cannot.

pub(crate) mod activation;
pub(crate) mod error;
pub(crate) mod parameters;
pub(crate) mod shift;
pub(crate) mod softmax;

/// Largest magnitudes seen by each lane.
pub(crate) type Peaks = [u32; 16];

/// Largest of all lanes.
pub(crate) fn peak(peaks: impl IntoIterator<Item = Peaks>) -> u32 {
    peaks.into_iter().flatten().max().unwrap_or(0)
}
