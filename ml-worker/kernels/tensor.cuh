// Products on tensor cores: c[i][j] = Σ a[i][l]·b[j][l] for 8-bit rows padded with zeros to whole tiles.
//
// A block of four warps makes 128×128 sums from tiles of 128 bytes of each row; a warp makes 64×64. Tiles come through a ring of
// STAGES in shared memory, 16-byte units of a row permuted by the row's last three bits so that no two lanes meet in a bank.
#pragma once
#include "device.cuh"
#include "epilogue.cuh"

#ifndef STAGES
#define STAGES 2
#endif

#ifdef TENSOR_CORES

constexpr u32 TENSOR_TILE = 128;
constexpr u32 TENSOR_THREADS = 128;
constexpr u32 TILE_BYTES = 128;
// Bytes of one operand's tile.
constexpr u32 OPERAND_BYTES = TENSOR_TILE * TILE_BYTES;
// Steps of 32 columns in a tile.
constexpr u32 TILE_STEPS = TILE_BYTES / 32;
// Rows of blocks that run one after the other along the columns, so that operands stay in the nearest cache.
constexpr u32 GROUP = 8;

// A block's place in the product.
struct Place {
    u32 row, col;

    // `side` is the number of rows and columns of a block's tile.
    __device__ Place(u32 rows, u32 cols, u32 side) {
        u32 down = (rows + side - 1) / side, across = (cols + side - 1) / side;
        u32 group = blockIdx.x / (GROUP * across), first = group * GROUP;
        u32 height = down - first < GROUP ? down - first : GROUP;
        u32 within = blockIdx.x % (GROUP * across);
        row = (first + within % height) * side;
        col = within / height * side;
    }
};

// Rows of one operand from the block's first on.
struct Operand {
    const i8* rows;
    u32 ld;

    __device__ Operand(const i8* matrix, u32 ld, u32 first) : rows(matrix + (u64)first * ld), ld(ld) {}
};

__device__ __forceinline__ u32 unit_at(u32 row, u32 unit) { return row * TILE_BYTES + ((unit ^ (row & 7)) << 4); }

// Starts to copy tile number `tile` of an operand.
__device__ __forceinline__ void copy_tile(u8* to, const Operand& from, u32 tile) {
#pragma unroll
    for (u32 i = 0; i < OPERAND_BYTES / 16 / TENSOR_THREADS; i++) {
        u32 row = threadIdx.x / 8 + i * (TENSOR_THREADS / 8), unit = threadIdx.x % 8;
        copy_async(to + unit_at(row, unit), from.rows + (u64)row * from.ld + tile * TILE_BYTES + unit * 16);
    }
}

// The sums of one lane: 4 by 8 pieces of 16×8.
struct Sums {
    i32 at[4][8][4];
};

// Where a warp reads its fragments.
struct Warp {
    u32 row, col, lane;

    __device__ Warp() : row(threadIdx.x / 64 * 64), col(threadIdx.x / 32 % 2 * 64), lane(threadIdx.x % 32) {}

    // 16 rows of the left operand, 32 bytes from 16-byte unit `unit` on.
    __device__ void left(u32 (&a)[4], const u8* tile, u32 piece, u32 unit) const {
        u32 r = row + piece * 16 + lane % 8 + (lane / 8 % 2) * 8;
        load_matrices(a, tile + unit_at(r, unit + lane / 16));
    }
    // The same of two pieces of 8 columns: low and high half of the first, then of the second.
    __device__ void right(u32 (&b)[4], const u8* tile, u32 pair, u32 unit) const {
        u32 r = col + pair * 16 + lane % 8 + lane / 16 * 8;
        load_matrices(b, tile + unit_at(r, unit + lane / 8 % 2));
    }
};

__device__ __forceinline__ void multiply_step(Sums& sums, const Warp& warp, const u8* a_tile, const u8* b_tile, u32 step) {
    u32 b[4][4];
#pragma unroll
    for (int pair = 0; pair < 4; pair++) warp.right(b[pair], b_tile, pair, 2 * step);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        u32 a[4];
        warp.left(a, a_tile, i, 2 * step);
#pragma unroll
        for (int j = 0; j < 8; j++) multiply_add(sums.at[i][j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
}

// Nothing beside the product.
struct Plain {
    static constexpr u32 SHARED = 0;
    __device__ u32 extra_tiles() const { return 0; }
    __device__ void copy_extra(u8*, u8*, u32) const {}
    __device__ void start(const Warp&) const {}
    __device__ void after_step(const Sums&, const Warp&, u32) const {}
    __device__ void extra(Sums&, const Warp&, const u8*, const u8*) const {}
    __device__ void finish(const Warp&, const Place&) const {}
};

// The lottery: transcripts of the running sums, and the noise peeled off after the last.
struct Lottery {
    // The last 16 words of every 16×16 tile: word, warp, tile.
    static constexpr u32 SHARED = 16 * 64 * 4;

    // log2 of the steps between two folds.
    u32 log_steps;
    u32 chunks;
    Operand left, right;
    u32 factor_tiles;
    u32 digits;
    u32* words;
    u32 tiles_down, tiles_across;
    u32* shared;

    __device__ u32 extra_tiles() const { return factor_tiles; }
    __device__ void copy_extra(u8* a, u8* b, u32 tile) const {
        copy_tile(a, left, tile);
        copy_tile(b, right, tile);
    }
    __device__ void start(const Warp& warp) const {
        for (u32 i = threadIdx.x; i < SHARED / 4; i += TENSOR_THREADS) shared[i] = 0;
        __syncthreads();
    }
    // Keeps one half of the tiles, joined with those of the lanes that keep the other half.
    template <int HALF>
    __device__ static void halve(u32 (&folded)[16], u32 lane) {
        bool upper = lane & (2 * HALF);
#pragma unroll
        for (int tile = 0; tile < HALF; tile++) {
            u32 low = folded[tile], high = folded[tile + HALF];
            folded[tile] = (upper ? high : low) ^ __shfl_xor_sync(0xFFFFFFFFu, upper ? low : high, 2 * HALF);
        }
    }
    // Folds the sums if a chunk ends with step number `step`. Every lane folds its own sums of 16 tiles; halving the tiles and
    // doubling the lanes in each of them joins the lanes, and lane 2t ends with tile t.
    __device__ void after_step(const Sums& sums, const Warp& warp, u32 step) const {
        u32 chunk = (step + 1) >> log_steps;
        if (((step + 1) & ((1u << log_steps) - 1)) != 0 || chunk > chunks) return;
        u32 folded[16];
#pragma unroll
        for (int tile = 0; tile < 16; tile++) {
            const i32(&x)[4] = sums.at[tile / 4][tile % 4 * 2], (&y)[4] = sums.at[tile / 4][tile % 4 * 2 + 1];
            folded[tile] = (u32)(x[0] ^ x[1] ^ x[2] ^ x[3] ^ y[0] ^ y[1] ^ y[2] ^ y[3]);
        }
        halve<8>(folded, warp.lane);
        halve<4>(folded, warp.lane);
        halve<2>(folded, warp.lane);
        halve<1>(folded, warp.lane);
        folded[0] ^= __shfl_xor_sync(0xFFFFFFFFu, folded[0], 1);
        if (warp.lane % 2 == 0) {
            u32* word = &shared[(chunk - 1) % 16 * 64 + threadIdx.x / 32 * 16 + warp.lane / 2];
            *word = rotated(*word, 13) ^ folded[0];
        }
    }
    // Peels one chunk of factors off: sums -= Σ over digits d of 256^d · (left_d · dense + dense · right_d).
    __device__ void extra(Sums& sums, const Warp& warp, const u8* a_tile, const u8* b_tile) const {
        u32 dense[4][4];
#pragma unroll
        for (int pair = 0; pair < 4; pair++) warp.right(dense[pair], b_tile, pair, 6);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            u32 a_dense[4];
            warp.left(a_dense, a_tile, i, 6);
            i32 noise[8][4] = {};
            for (u32 digit = digits; digit-- > 0;) {
                u32 a[4];
                warp.left(a, a_tile, i, 2 * digit);
#pragma unroll
                for (int pair = 0; pair < 4; pair++) {
                    u32 b[4];
                    warp.right(b, b_tile, pair, 2 * digit);
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        i32(&x)[4] = noise[2 * pair + j];
#pragma unroll
                        for (int e = 0; e < 4; e++) x[e] *= 256;
                        multiply_add(x, a, dense[pair][2 * j], dense[pair][2 * j + 1]);
                        multiply_add(x, a_dense, b[2 * j], b[2 * j + 1]);
                    }
                }
            }
#pragma unroll
            for (int j = 0; j < 8; j++)
#pragma unroll
                for (int e = 0; e < 4; e++) sums.at[i][j][e] -= noise[j][e];
        }
    }
    __device__ void finish(const Warp& warp, const Place& place) const {
        __syncthreads();
        for (u32 i = threadIdx.x; i < SHARED / 4; i += TENSOR_THREADS) {
            u32 word = i % 16, tile = i / 16 % 16, of_warp = i / 256;
            u32 down = (place.row + of_warp / 2 * 64) / 16 + tile / 4, across = (place.col + of_warp % 2 * 64) / 16 + tile % 4;
            if (down < tiles_down && across < tiles_across)
                words[((u64)down * tiles_across + across) * 16 + word] = shared[word * 64 + of_warp * 16 + tile];
        }
    }
};

// The whole product of `tiles` tiles of bytes, then `beside`'s extra tiles.
template <class Beside, class Epilogue>
__device__ __forceinline__ void tensor_product(u8* memory, const Operand& a, const Operand& b, u32 tiles, const Place& place,
                                               const Beside& beside, Epilogue epilogue) {
    Warp warp;
    Sums sums = {};
    u32 all = tiles + beside.extra_tiles();
    auto stage = [&](u32 tile) { return memory + tile % STAGES * 2 * OPERAND_BYTES; };
    auto copy = [&](u32 tile) {
        if (tile < tiles) {
            copy_tile(stage(tile), a, tile);
            copy_tile(stage(tile) + OPERAND_BYTES, b, tile);
        } else if (tile < all) {
            beside.copy_extra(stage(tile), stage(tile) + OPERAND_BYTES, tile - tiles);
        }
        commit_copies();
    };
    beside.start(warp);
#pragma unroll
    for (u32 tile = 0; tile + 1 < STAGES; tile++) copy(tile);
    for (u32 tile = 0; tile < all; tile++) {
        wait_for_copies<STAGES - 2>();
        // Everybody's part of this tile is here, and nobody reads the one that is overwritten next.
        __syncthreads();
        copy(tile + STAGES - 1);
        const u8* a_tile = stage(tile);
        const u8* b_tile = a_tile + OPERAND_BYTES;
        if (tile < tiles) {
#pragma unroll
            for (u32 step = 0; step < TILE_STEPS; step++) {
                multiply_step(sums, warp, a_tile, b_tile, step);
                beside.after_step(sums, warp, tile * TILE_STEPS + step);
            }
        } else {
            beside.extra(sums, warp, a_tile, b_tile);
        }
    }
    beside.finish(warp, place);
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const i32(&x)[4] = sums.at[i][j];
            u32 row = place.row + warp.row + i * 16 + warp.lane / 4, col = place.col + warp.col + j * 8 + warp.lane % 4 * 2;
            epilogue.pair(row, col, x[0], x[1]);
            epilogue.pair(row + 8, col, x[2], x[3]);
        }
    epilogue.finish();
}
#endif
