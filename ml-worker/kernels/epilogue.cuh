// What becomes of a product's sums while they are in registers: pairs of neighbouring columns, every pair once.
#pragma once
#include "control.cuh"

// Takes a thread's largest magnitude into `peak`. Whole warps only.
__device__ __forceinline__ void take_peak(u32* peak, u32 largest) {
    for (u32 lane = 16; lane > 0; lane /= 2) {
        u32 other = __shfl_xor_sync(0xFFFFFFFFu, largest, lane);
        largest = largest > other ? largest : other;
    }
    if ((threadIdx.x & 31) == 0 && largest > 0) atomicMax(peak, largest);
}

// Keeps the sums in 32 bits, with a bias if there is one.
struct Store {
    i32* out;
    u32 rows, cols;
    const i32* bias;
    // Shift of the bias.
    i32 scale;

    __device__ void one(u32 row, u32 col, i32 sum) const {
        if (col < cols) out[(u64)row * cols + col] = bias ? sum + shifted(bias[col], scale) : sum;
    }
    __device__ void pair(u32 row, u32 col, i32 first, i32 second) {
        if (row >= rows) return;
        if (bias || cols % 2 != 0) {
            one(row, col, first);
            one(row, col + 1, second);
        } else if (col < cols) {
            *(int2*)&out[(u64)row * cols + col] = make_int2(first, second);
        }
    }
    __device__ void finish() {}
};

// From a hidden layer's sums to the next layer's input, and which outputs were positive.
struct Activate {
    i8* out;
    u8* positive;
    u32 ld, rows, cols;
    const i32* bias;
    Control* control;
    u32 layer;
    i32 exponent, scale;
    u32 peak;

    __device__ Activate(i8* out, u8* positive, u32 ld, u32 rows, u32 cols, const i32* bias, Control* control, u32 layer)
        : out(out), positive(positive), ld(ld), rows(rows), cols(cols), bias(bias), control(control), layer(layer), peak(0) {
        exponent = control->output_exponent(layer);
        scale = exponent - control->activation_exponent[layer + 1];
    }
    // Two columns or none: a hidden layer's width is a multiple of 16.
    __device__ void pair(u32 row, u32 col, i32 first, i32 second) {
        if (row >= rows || col >= cols) return;
        i32 z[2] = {first, second};
        u32 values = 0, signs = 0;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            i32 x = larger(z[i] + shifted(bias[col + i], -FRACTION - exponent), 0);
            peak = peak > (u32)x ? peak : (u32)x;
            values |= (u32)smaller(shifted(x, scale), INT8) << 8 * i;
            signs |= (x > 0 ? 1u : 0u) << 8 * i;
        }
        u64 at = (u64)row * ld + col;
        *(u16*)&out[at] = (u16)values;
        *(u16*)&positive[at] = (u16)signs;
    }
    __device__ void finish() { take_peak(&control->activation_peak[layer], peak); }
};

// From the gradient at a hidden layer's output to its error, zero where the output was not positive.
struct Propagate {
    i8* out;
    const u8* positive;
    u32 ld, rows, cols;
    Control* control;
    // The layer whose output it is.
    u32 layer;
    u32 key;
    i32 scale;
    u32 peak;

    __device__ Propagate(i8* out, const u8* positive, u32 ld, u32 rows, u32 cols, Control* control, u32 layer, u32 key)
        : out(out), positive(positive), ld(ld), rows(rows), cols(cols), control(control), layer(layer), key(key), peak(0) {
        scale = control->error_exponent[layer] - control->gradient_exponent(layer + 1);
    }
    __device__ void pair(u32 row, u32 col, i32 first, i32 second) {
        if (row >= rows || col >= cols) return;
        u64 at = (u64)row * ld + col;
        u32 signs = *(const u16*)&positive[at];
        i32 g[2] = {signs & 0xFF ? first : 0, signs >> 8 ? second : 0};
        u32 values = 0;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            peak = peak > magnitude(g[i]) ? peak : magnitude(g[i]);
            values |= (u32)(u8)quantise_stochastically(g[i], scale, row * cols + col + i, key) << 8 * i;
        }
        *(u16*)&out[at] = (u16)values;
    }
    __device__ void finish() { take_peak(&control->error_peak[layer], peak); }
};

// One parameter's update with momentum 7/8.
__device__ __forceinline__ void update_value(i32& w, i32& v, i32 gradient, i32 scale) {
    v = clamped(v - rsh(v, 3) + shifted(gradient, scale), LIMIT);
    w = clamped(w - v, LIMIT);
}

// From the gradient of a layer's weights to the weights.
struct Update {
    i32* w;
    i32* v;
    u32 rows, cols;
    Control* control;
    u32 layer;
    i32 scale;
    u32 peak;

    // `rate` holds the learning rate and the mean over the batch.
    __device__ Update(i32* w, i32* v, u32 rows, u32 cols, Control* control, u32 layer, i32 rate)
        : w(w), v(v), rows(rows), cols(cols), control(control), layer(layer), peak(0) {
        scale = control->activation_exponent[layer] + control->error_exponent[layer] + rate;
    }
    __device__ void take(i32 x) { peak = peak > magnitude(x) ? peak : magnitude(x); }
    __device__ void one(u32 row, u32 col, i32 gradient) {
        if (col >= cols) return;
        u64 at = (u64)row * cols + col;
        i32 weight = w[at], momentum = v[at];
        update_value(weight, momentum, gradient, scale);
        w[at] = weight;
        v[at] = momentum;
        take(weight);
    }
    __device__ void pair(u32 row, u32 col, i32 first, i32 second) {
        if (row >= rows) return;
        if (cols % 2 != 0) {
            one(row, col, first);
            one(row, col + 1, second);
        } else if (col < cols) {
            u64 at = (u64)row * cols + col;
            int2 weight = *(const int2*)&w[at], momentum = *(const int2*)&v[at];
            update_value(weight.x, momentum.x, first, scale);
            update_value(weight.y, momentum.y, second, scale);
            *(int2*)&w[at] = weight;
            *(int2*)&v[at] = momentum;
            take(weight.x);
            take(weight.y);
        }
    }
    __device__ void finish() { take_peak(&control->weight_peak[layer], peak); }
};

// Bytes of one chunk of factors: 32 columns of the noise's rank in three digits of base 256 and one dense factor.
constexpr u32 FACTOR_BYTES = 128;

// Sums gathered for the noise's rank, taken apart into signed digits of base 256, lowest first.
// |sum| ≤ 127·65 536 < 127·(1 + 256 + 65 536), so three digits hold it.
struct Digits {
    i8* out;
    // Bytes of a row of factors.
    u32 ld;
    u32 rows, cols;
    Control* control;
    u32 peak;

    __device__ Digits(i8* out, u32 ld, u32 rows, u32 cols, Control* control)
        : out(out), ld(ld), rows(rows), cols(cols), control(control), peak(0) {}
    __device__ void one(u32 row, u32 col, i32 sum) {
        if (col >= cols) return;
        peak = peak > magnitude(sum) ? peak : magnitude(sum);
        i8* to = &out[(u64)row * ld + col / 32 * FACTOR_BYTES + col % 32];
#pragma unroll
        for (int digit = 0; digit < 3; digit++) {
            to[32 * digit] = (i8)sum;
            sum = (sum - (i32)(i8)sum) >> 8;
        }
    }
    __device__ void pair(u32 row, u32 col, i32 first, i32 second) {
        if (row >= rows) return;
        one(row, col, first);
        one(row, col + 1, second);
    }
    __device__ void finish() { take_peak(&control->gathered_peak, peak); }
};

// Digits that gathered sums of this magnitude need.
__device__ __forceinline__ u32 digits_of(u32 peak) { return peak > 127 * 257 ? 3 : 2; }
