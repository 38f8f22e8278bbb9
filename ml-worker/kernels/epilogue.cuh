// What becomes of a product's sums. A thread is told the first of four neighbouring columns, which it keeps, and then gets their
// sums row by row. What an epilogue reads for a row it reads before, so that the reads of several rows are under way together.
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

// What an epilogue reads of a place before it takes the sums there, where it reads nothing.
struct Nothing {};

// Keeps the sums in 32 bits, with a bias if there is one.
struct Store {
    i32* out;
    u32 rows, cols;
    const i32* bias;
    // Shift of the bias.
    i32 scale;
    u32 col;
    i32 added[4];

    __device__ Store(i32* out, u32 rows, u32 cols, const i32* bias, i32 scale)
        : out(out), rows(rows), cols(cols), bias(bias), scale(scale) {}
    __device__ void begin(u32 first) {
        col = first;
#pragma unroll
        for (u32 i = 0; i < 4; i++) added[i] = bias && col + i < cols ? shifted(bias[col + i], scale) : 0;
    }
    __device__ Nothing given(u32) const { return {}; }
    __device__ void take(u32 row, const i32 (&sums)[4], const Nothing&) {
        if (row >= rows || col >= cols) return;
        i32* to = &out[(u64)row * cols + col];
        if (cols % 4 == 0) {
            *(int4*)to = make_int4(sums[0] + added[0], sums[1] + added[1], sums[2] + added[2], sums[3] + added[3]);
        } else {
#pragma unroll
            for (u32 i = 0; i < 4; i++)
                if (col + i < cols) to[i] = sums[i] + added[i];
        }
    }
    __device__ void finish() {}
};

// From a hidden layer's sums to the next layer's input, and which outputs were positive. Four columns or none: a hidden layer's
// width is a multiple of 16.
struct Activate {
    i8* out;
    u8* positive;
    u32 ld, rows, cols;
    const i32* bias;
    Control* control;
    u32 layer;
    i32 exponent, scale;
    u32 peak;
    u32 col;
    i32 added[4];

    __device__ Activate(i8* out, u8* positive, u32 ld, u32 rows, u32 cols, const i32* bias, Control* control, u32 layer)
        : out(out), positive(positive), ld(ld), rows(rows), cols(cols), bias(bias), control(control), layer(layer), peak(0) {
        exponent = control->output_exponent(layer);
        scale = exponent - control->activation_exponent[layer + 1];
    }
    __device__ void begin(u32 first) {
        col = first;
#pragma unroll
        for (u32 i = 0; i < 4; i++) added[i] = col < cols ? shifted(bias[col + i], -FRACTION - exponent) : 0;
    }
    __device__ Nothing given(u32) const { return {}; }
    __device__ void take(u32 row, const i32 (&sums)[4], const Nothing&) {
        if (row >= rows || col >= cols) return;
        i32 x[4];
        u32 signs = 0;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            x[i] = larger(sums[i] + added[i], 0);
            peak = peak > (u32)x[i] ? peak : (u32)x[i];
            signs |= (u32)smaller(x[i], 1) << 8 * i;
        }
        shift_four(x, scale);
        u64 at = (u64)row * ld + col;
        *(u32*)&out[at] = packed(x);
        *(u32*)&positive[at] = signs;
    }
    __device__ void finish() { take_peak(&control->activation_peak[layer], peak); }
};

// From the gradient at a hidden layer's output to its error, zero where the output was not positive. Four columns or none.
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
    u32 col;

    __device__ Propagate(i8* out, const u8* positive, u32 ld, u32 rows, u32 cols, Control* control, u32 layer, u32 key)
        : out(out), positive(positive), ld(ld), rows(rows), cols(cols), control(control), layer(layer), key(key), peak(0) {
        scale = control->error_exponent[layer] - control->gradient_exponent(layer + 1);
    }
    __device__ void begin(u32 first) { col = first; }
    // Which of the four outputs were positive, a byte each.
    __device__ u32 given(u32 row) const {
        return row < rows && col < cols ? *(const u32*)&positive[(u64)row * ld + col] : 0;
    }
    __device__ void take(u32 row, const i32 (&sums)[4], u32 signs) {
        if (row >= rows || col >= cols) return;
        i32 g[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            g[i] = signs >> 8 * i & 1 ? sums[i] : 0;
            peak = peak > magnitude(g[i]) ? peak : magnitude(g[i]);
        }
#pragma unroll
        for (u32 i = 0; i < 4; i++) g[i] = rounded_stochastically(g[i], scale, row * cols + col + i, key);
        *(u32*)&out[(u64)row * ld + col] = packed(g);
    }
    __device__ void finish() { take_peak(&control->error_peak[layer], peak); }
};

// One parameter's momentum of 7/8 and step, by a gradient that is scaled already.
__device__ __forceinline__ void update_value(i32& w, i32& v, i32 gradient) {
    v = clamped(v - rsh(v, 3) + gradient, LIMIT);
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
    u32 col;

    struct Parameters {
        i32 w[4], v[4];
    };

    // `rate` holds the learning rate and the mean over the batch.
    __device__ Update(i32* w, i32* v, u32 rows, u32 cols, Control* control, u32 layer, i32 rate)
        : w(w), v(v), rows(rows), cols(cols), control(control), layer(layer), peak(0) {
        scale = control->activation_exponent[layer] + control->error_exponent[layer] + rate;
    }
    __device__ void begin(u32 first) { col = first; }
    __device__ static void load(i32 (&to)[4], const i32* from) {
        int4 four = *(const int4*)from;
        to[0] = four.x;
        to[1] = four.y;
        to[2] = four.z;
        to[3] = four.w;
    }
    __device__ Parameters given(u32 row) const {
        Parameters found = {};
        u64 at = (u64)row * cols + col;
        if (row >= rows || col >= cols) return found;
        if (cols % 4 == 0) {
            load(found.w, w + at);
            load(found.v, v + at);
        } else {
#pragma unroll
            for (u32 i = 0; i < 4; i++)
                if (col + i < cols) {
                    found.w[i] = w[at + i];
                    found.v[i] = v[at + i];
                }
        }
        return found;
    }
    __device__ void take(u32 row, const i32 (&sums)[4], Parameters now) {
        if (row >= rows || col >= cols) return;
        i32 gradient[4] = {sums[0], sums[1], sums[2], sums[3]};
        shift_four(gradient, scale);
        u64 at = (u64)row * cols + col;
#pragma unroll
        for (u32 i = 0; i < 4; i++) update_value(now.w[i], now.v[i], gradient[i]);
        if (cols % 4 == 0) {
            *(int4*)&w[at] = make_int4(now.w[0], now.w[1], now.w[2], now.w[3]);
            *(int4*)&v[at] = make_int4(now.v[0], now.v[1], now.v[2], now.v[3]);
        }
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            if (col + i >= cols) break;
            peak = peak > magnitude(now.w[i]) ? peak : magnitude(now.w[i]);
            if (cols % 4 != 0) {
                w[at + i] = now.w[i];
                v[at + i] = now.v[i];
            }
        }
    }
    __device__ void finish() { take_peak(&control->weight_peak[layer], peak); }
};

// Bytes of one chunk of factors: 32 columns of the noise's rank in three digits of base 256 and one dense factor.
constexpr u32 FACTOR_BYTES = 128;

// Sums gathered for the noise's rank, taken apart into signed digits of base 256, lowest first. Four columns or none: the rank
// is a multiple of 4.
// |sum| ≤ 127·65 536 < 127·(1 + 256 + 65 536), so three digits hold it.
struct Digits {
    i8* out;
    // Bytes of a row of factors.
    u32 ld;
    u32 rows, cols;
    Control* control;
    u32 peak;
    u32 col;

    __device__ Digits(i8* out, u32 ld, u32 rows, u32 cols, Control* control)
        : out(out), ld(ld), rows(rows), cols(cols), control(control), peak(0) {}
    __device__ void begin(u32 first) { col = first; }
    __device__ Nothing given(u32) const { return {}; }
    __device__ void take(u32 row, const i32 (&sums)[4], const Nothing&) {
        if (row >= rows || col >= cols) return;
        u32 digits[3] = {};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            i32 sum = sums[i];
            peak = peak > magnitude(sum) ? peak : magnitude(sum);
#pragma unroll
            for (int digit = 0; digit < 3; digit++) {
                digits[digit] |= (u32)(u8)sum << 8 * i;
                sum = (sum - (i32)(i8)sum) >> 8;
            }
        }
        i8* to = &out[(u64)row * ld + col / 32 * FACTOR_BYTES + col % 32];
#pragma unroll
        for (int digit = 0; digit < 3; digit++) *(u32*)(to + 32 * digit) = digits[digit];
    }
    __device__ void finish() { take_peak(&control->gathered_peak, peak); }
};

// Digits that gathered sums of this magnitude need.
__device__ __forceinline__ u32 digits_of(u32 peak) { return peak > 127 * 257 ? 3 : 2; }
