// What a run's kernels tell each other: peaks, exponents, counts, seeds. `backend/cuda/control.rs` has the same words.
#pragma once
#include "blake3.cuh"

// Most layers of a network.
constexpr u32 MAX_LAYERS = 17;

struct Control {
    // Largest magnitude of a layer's weights, taken in as they are updated.
    u32 weight_peak[MAX_LAYERS];
    // Bits that rounding a layer's weights to its operand drops.
    u32 weight_shift[MAX_LAYERS];
    // Largest output of a hidden layer in this step.
    u32 activation_peak[MAX_LAYERS];
    // Largest gradient at a layer's output in this step.
    u32 error_peak[MAX_LAYERS];
    // Exponent of what enters a layer; the features' for the first.
    i32 activation_exponent[MAX_LAYERS];
    // Exponent of the error at a layer's output.
    i32 error_exponent[MAX_LAYERS];
    // Largest magnitude among the noise's gathered sums.
    u32 gathered_peak;
    // Rows classified right.
    u32 correct;
    // Draws within the threshold.
    u32 wins;
    u32 padding;
    // Cross-entropy of all rows, in 2^-16 bits.
    u64 loss;
    Digest weights_root;
    Digest noise_a, noise_b, draw;

    // Exponent of a layer's output before its bias is added.
    __device__ i32 output_exponent(u32 layer) const {
        return activation_exponent[layer] + (i32)weight_shift[layer] - FRACTION;
    }
    // Exponent of the gradient that a layer hands down.
    __device__ i32 gradient_exponent(u32 layer) const {
        return error_exponent[layer] + (i32)weight_shift[layer] - FRACTION;
    }
};

// Keys that a run's hashes begin with.
struct Keys {
    Digest run_seed;
    // Context keys of BLAKE3's derive-key mode.
    Digest leaf, node, job, noise_a, noise_b, draw;
};
