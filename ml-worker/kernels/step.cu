// Everything between the products of a step.
#include "device.cuh"
#include "epilogue.cuh"
#include "tensor.cuh"

// What the host calls the sources that these are.
#ifndef SOURCES
#define SOURCES 0
#endif

// Tells the host how this was compiled: stages of a product's ring, which it reserves, and the sources.
extern "C" __global__ void quern_build(u32* words) {
    words[0] = STAGES;
    words[1] = SOURCES;
}

// Bits of a layer's operand without its sign.
__device__ __forceinline__ u32 operand_bits(u32 layer) { return layer == 0 ? 6 : 7; }

// Sets the operands' exponents from the weights' peaks, and all counts to zero. One warp.
extern "C" __global__ void quern_start(Control* control, u32 layers) {
    u32 layer = threadIdx.x;
    if (layer < layers) {
        u32 b = bits(control->weight_peak[layer]), kept = operand_bits(layer);
        control->weight_shift[layer] = b > kept ? b - kept : 0;
        control->activation_peak[layer] = 0;
        control->error_peak[layer] = 0;
    }
    if (layer == 0) {
        control->gathered_peak = 0;
        control->correct = 0;
        control->wins = 0;
        control->loss = 0;
    }
}

// Forgets the weights' peaks, which the updates of this step take in anew. After the operands are made.
extern "C" __global__ void quern_forget_peaks(Control* control, u32 layers) {
    if (threadIdx.x < layers) control->weight_peak[threadIdx.x] = 0;
}

// The row blocks of a step's batch, one slot a block: 16 rows of `units` units of 16 bytes, and their labels.
extern "C" __global__ void quern_gather(i8* x, u32 ld, u16* labels, const i8* rows, const u16* row_labels, u32 units,
                                        const Keys* keys, u64 step, u32 row_blocks) {
    __shared__ u32 chosen;
    u32 slot = blockIdx.x;
    if (threadIdx.x == 0) {
        // "batch", the step, the slot: 17 bytes.
        u32 low = (u32)step, high = (u32)(step >> 32);
        u32 label[16] = {0x63746162u, 0x68u | low << 8, low >> 24 | high << 8, high >> 24 | slot << 8, slot >> 24};
        u32 out[16];
        stream_block(keys->run_seed, label, 17, 0, out);
        chosen = (u32)(((u64)out[1] << 32 | out[0]) % row_blocks);
    }
    __syncthreads();
    u64 first = (u64)chosen * 16;
    const uint4* from = (const uint4*)rows + first * units;
    for (u32 i = threadIdx.x; i < 16 * units; i += blockDim.x)
        *(uint4*)(x + ((u64)slot * 16 + i / units) * ld + i % units * 16) = from[i];
    if (threadIdx.x < 16) labels[slot * 16 + threadIdx.x] = row_labels[first + threadIdx.x];
}

// Side of the squares in which matrices are transposed, and the threads that do it, 4×4 bytes each.
constexpr u32 SQUARE = 64;
constexpr u32 SQUARE_THREADS = 256;

// Writes a transposed square from what each thread holds: rows 4·(thread / 16) on, columns 4·(thread % 16) on.
__device__ __forceinline__ void write_transposed(u32 (&words)[4], i8* out, u32 ld, u32 row, u32 col) {
    __shared__ u32 square[SQUARE][SQUARE / 4 + 1];
    u32 down = threadIdx.x / 16, across = threadIdx.x % 16;
    transpose_bytes(words);
#pragma unroll
    for (int i = 0; i < 4; i++) square[across * 4 + i][down] = words[i];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 4; i++)
        *(u32*)(out + (u64)(col + down * 4 + i) * ld + row + across * 4) = square[down * 4 + i][across];
}

// Transposes bytes, padding included.
extern "C" __global__ void __launch_bounds__(SQUARE_THREADS)
    quern_transpose(const i8* in, u32 ld, i8* out, u32 ld_out) {
    u32 row = blockIdx.y * SQUARE, col = blockIdx.x * SQUARE;
    u32 words[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
        words[i] = *(const u32*)(in + (u64)(row + threadIdx.x / 16 * 4 + i) * ld + col + threadIdx.x % 16 * 4);
    write_transposed(words, out, ld_out, row, col);
}

// Rounds a layer's weights, rows × cols, to its operand: as it is if `out` is not null, and transposed. The padding becomes zero.
extern "C" __global__ void __launch_bounds__(SQUARE_THREADS)
    quern_quantise(const i32* w, u32 rows, u32 cols, const Control* control, u32 layer, i8* out, u32 ld, i8* transposed,
                   u32 ld_transposed) {
    u32 shift = control->weight_shift[layer];
    i32 bound = (1 << operand_bits(layer)) - 1;
    u32 first_row = blockIdx.y * SQUARE, first_col = blockIdx.x * SQUARE;
    u32 row = first_row + threadIdx.x / 16 * 4, col = first_col + threadIdx.x % 16 * 4;
    u32 words[4];
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        words[i] = 0;
#pragma unroll
        for (u32 j = 0; j < 4; j++)
            if (row + i < rows && col + j < cols)
                words[i] |= (u32)(u8)clamped(rsh(w[(u64)(row + i) * cols + col + j], shift), bound) << 8 * j;
        if (out) *(u32*)(out + (u64)(row + i) * ld + col) = words[i];
    }
    write_transposed(words, transposed, ld_transposed, first_row, first_col);
}

// Largest magnitude of a layer's weights.
extern "C" __global__ void quern_peak(const i32* w, u64 count, Control* control, u32 layer) {
    u32 peak = 0;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x)
        peak = peak > magnitude(w[i]) ? peak : magnitude(w[i]);
    take_peak(&control->weight_peak[layer], peak);
}

// log2(e) · 2¹⁵.
constexpr u64 LOG2_E = 47274;
// Anything from here on is 2^-(2²⁴), zero.
constexpr u64 FAR_AWAY = 1ull << 40;

// log2 of x ≥ 1 with 16 fraction bits, rounded down.
__device__ inline u64 log2_of(u32 x) {
    u32 whole = bits(x) - 1;
    u64 result = (u64)whole << 16;
    // x as 1.31 fixed point; squaring it doubles its logarithm.
    u64 y = (u64)x << (31 - whole);
    for (u32 bit = 1u << 15; bit > 0; bit /= 2) {
        y = (y * y) >> 31;
        if (y >> 32) {
            y >>= 1;
            result += bit;
        }
    }
    return result;
}

// How far a logit is below the largest, in powers of two with 16 fraction bits.
__device__ __forceinline__ u64 distance(i32 largest, i32 logit, i32 exponent) {
    u64 t = (u64)((u32)largest - (u32)logit) * LOG2_E;
    i32 s = exponent + 1;
    if (s < 0) t >>= s < -62 ? 62 : -s;
    else if (s <= 14) t <<= s;
    else t = t > 0 ? FAR_AWAY : 0;
    return t < FAR_AWAY ? t : FAR_AWAY;
}

// 2^-t in 16-bit fixed point.
__device__ __forceinline__ u32 power(u64 t) {
    u32 n = (u32)(t >> 16), f = (u32)t & 0xFFFF;
    u32 p = 65536 - ((44040 * f) >> 16) + ((11272 * ((f * f) >> 16)) >> 16);
    return n <= 16 ? p >> n : 0;
}

// The rounded gradient of the cross-entropy of every row, if `errors` is not null, and what the logits say of the labels.
// One warp a row.
extern "C" __global__ void quern_softmax(const i32* logits, const u16* labels, u32 rows, u32 classes, i8* errors, u32 ld,
                                         Control* control, u32 layer, u32 key) {
    u32 row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    i32 exponent = control->output_exponent(layer);
    const i32* z = logits + (u64)row * classes;
    u32 label = labels[row];
    i32 largest = -0x7FFFFFFF - 1;
    for (u32 c = lane; c < classes; c += 32) largest = larger(largest, z[c]);
    for (u32 other = 16; other > 0; other /= 2) largest = larger(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, other));
    u32 sum = 0, best = classes;
    for (u32 c = lane; c < classes; c += 32) {
        sum += power(distance(largest, z[c], exponent));
        if (z[c] == largest && c < best) best = c;
    }
    for (u32 other = 16; other > 0; other /= 2) {
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, other);
        u32 theirs = __shfl_xor_sync(0xFFFFFFFFu, best, other);
        best = best < theirs ? best : theirs;
    }
    if (lane == 0) {
        if (best == label) atomicAdd(&control->correct, 1u);
        // The sum is at least 2¹⁶: the largest logit's own power.
        atomicAdd(&control->loss, distance(largest, z[label], exponent) + log2_of(sum) - (16ull << 16));
    }
    if (!errors) return;
    i32 scale = control->error_exponent[layer] - GRADIENT_EXPONENT;
    u32 peak = 0;
    for (u32 c = lane; c < classes; c += 32) {
        i32 gradient = (i32)(((u64)power(distance(largest, z[c], exponent)) << 16) / sum) - (c == label ? 65536 : 0);
        peak = peak > magnitude(gradient) ? peak : magnitude(gradient);
        errors[(u64)row * ld + c] = (i8)clamped(rounded_stochastically(gradient, scale, row * classes + c, key), INT8);
    }
    take_peak(&control->error_peak[layer], peak);
}

// Updates the biases of a layer by the sums over the batch of its errors, which come transposed. One warp an output.
extern "C" __global__ void quern_update_bias(const i8* errors, u32 ld, i32* b, i32* vb, u32 outputs, const Control* control,
                                             u32 layer, i32 rate) {
    u32 output = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (output >= outputs) return;
    const i32* row = (const i32*)(errors + (u64)output * ld);
    i32 sum = 0;
    for (u32 i = lane; i < ld / 4; i += 32) sum = __dp4a(row[i], 0x01010101, sum);
    for (u32 other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, other);
    if (lane == 0) update_value(b[output], vb[output], shifted(sum, control->error_exponent[layer] + rate));
}

// Sets a delayed exponent from a tensor's largest magnitude; an all-zero tensor leaves it alone.
__device__ __forceinline__ i32 delayed(i32 exponent, u32 peak, i32 unit) {
    return peak > 0 ? fitting_exponent(peak, unit) : exponent;
}

// Sets the next step's exponents. One warp.
extern "C" __global__ void quern_finish(Control* control, u32 layers) {
    u32 layer = threadIdx.x;
    bool mine = layer < layers;
    i32 activation = 0, error = 0;
    if (mine) {
        bool last = layer == layers - 1;
        if (!last) activation = delayed(control->activation_exponent[layer + 1], control->activation_peak[layer], control->output_exponent(layer));
        i32 unit = last ? GRADIENT_EXPONENT : control->gradient_exponent(layer + 1);
        error = delayed(control->error_exponent[layer], control->error_peak[layer], unit);
    }
    // Everybody has read the old ones.
    __syncwarp();
    if (mine) {
        if (layer < layers - 1) control->activation_exponent[layer + 1] = activation;
        control->error_exponent[layer] = error;
    }
}
