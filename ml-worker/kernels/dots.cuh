// The same products by sums of four products, for devices without 8-bit tensor cores and for noise of a rank below 32.
//
// A block of 256 threads makes 64×64 sums, half a warp 16×16 of them, a thread 4×4.
#pragma once
#include "device.cuh"
#include "epilogue.cuh"

constexpr u32 DOT_TILE = 64;
constexpr u32 DOT_THREADS = 256;
// Words of a row's tile, and of its place in shared memory: odd, so that rows do not meet in a bank.
constexpr u32 DOT_WORDS = 32;
constexpr u32 DOT_STRIDE = DOT_WORDS + 1;

// What a block does beside its product.
struct DotLottery {
    u32 rank, chunks;
    const i8 *left, *right;
    // Bytes of a row of factors; 0 for a plain product.
    u32 ld;
    const Control* control;
    u32* words;
};

__device__ __forceinline__ void copy_rows(u32* to, const i8* matrix, u32 ld, u32 tile) {
    for (u32 i = threadIdx.x; i < DOT_TILE * DOT_WORDS / 4; i += DOT_THREADS) {
        u32 row = i / 8, unit = i % 8;
        uint4 four = *(const uint4*)(matrix + (u64)row * ld + tile * 128 + unit * 16);
        u32* at = to + row * DOT_STRIDE + unit * 4;
        at[0] = four.x;
        at[1] = four.y;
        at[2] = four.z;
        at[3] = four.w;
    }
}

template <bool DRAWS, class Epilogue>
__device__ __forceinline__ void dot_product(const i8* a, u32 lda, const i8* b, u32 ldb, u32 tiles, u32 rows, u32 cols,
                                            const DotLottery& lottery, Epilogue epilogue) {
    __shared__ u32 left[DOT_TILE * DOT_STRIDE], right[DOT_TILE * DOT_STRIDE];
    u32 across = (cols + DOT_TILE - 1) / DOT_TILE;
    u32 first_row = blockIdx.x / across * DOT_TILE, first_col = blockIdx.x % across * DOT_TILE;
    u32 tile_row = threadIdx.x / 64 * 16, tile_col = threadIdx.x / 16 % 4 * 16, lane = threadIdx.x % 16;
    const u32* my_left = left + (tile_row + lane / 4 * 4) * DOT_STRIDE;
    const u32* my_right = right + (tile_col + lane % 4 * 4) * DOT_STRIDE;
    i32 sums[4][4] = {};
    // The word of the transcript that this thread keeps for its tile.
    u32 word = 0;
    u32 chunk = 0, columns = 0;
    for (u32 tile = 0; tile < tiles; tile++) {
        __syncthreads();
        copy_rows(left, a + (u64)first_row * lda, lda, tile);
        copy_rows(right, b + (u64)first_col * ldb, ldb, tile);
        __syncthreads();
        for (u32 k = 0; k < DOT_WORDS; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sums[i][j] = __dp4a((i32)my_left[i * DOT_STRIDE + k], (i32)my_right[j * DOT_STRIDE + k], sums[i][j]);
            if (DRAWS) {
                columns += 4;
                if ((columns & (lottery.rank - 1)) == 0 && chunk < lottery.chunks) {
                    u32 folded = 0;
#pragma unroll
                    for (int i = 0; i < 4; i++)
#pragma unroll
                        for (int j = 0; j < 4; j++) folded ^= (u32)sums[i][j];
                    for (u32 other = 8; other > 0; other /= 2) folded ^= __shfl_xor_sync(0xFFFFFFFFu, folded, other);
                    if (chunk % 16 == lane) word = rotated(word, 13) ^ folded;
                    chunk++;
                }
            }
        }
    }
    if (DRAWS) {
        u32 digits = digits_of(lottery.control->gathered_peak);
        for (u32 tile = 0; tile < lottery.ld / FACTOR_BYTES; tile++) {
            __syncthreads();
            copy_rows(left, lottery.left + (u64)first_row * lottery.ld, lottery.ld, tile);
            copy_rows(right, lottery.right + (u64)first_col * lottery.ld, lottery.ld, tile);
            __syncthreads();
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const u32 *x = my_left + i * DOT_STRIDE, *y = my_right + j * DOT_STRIDE;
                    i32 noise = 0;
                    for (u32 digit = digits; digit-- > 0;) {
                        noise = (i32)((u32)noise << 8);
                        for (u32 k = 0; k < 8; k++) {
                            noise = __dp4a((i32)x[8 * digit + k], (i32)y[24 + k], noise);
                            noise = __dp4a((i32)x[24 + k], (i32)y[8 * digit + k], noise);
                        }
                    }
                    sums[i][j] = (i32)((u32)sums[i][j] - (u32)noise);
                }
        }
        u32 down = (first_row + tile_row) / 16, along = (first_col + tile_col) / 16;
        if (down < rows / 16 && along < cols / 16) lottery.words[((u64)down * (cols / 16) + along) * 16 + lane] = word;
    }
    u32 row = first_row + tile_row + lane / 4 * 4;
    epilogue.begin(first_col + tile_col + lane % 4 * 4);
    decltype(epilogue.given(0)) given[4];
#pragma unroll
    for (u32 i = 0; i < 4; i++) given[i] = epilogue.given(row + i);
#pragma unroll
    for (u32 i = 0; i < 4; i++) epilogue.take(row + i, sums[i], given[i]);
    epilogue.finish();
}
