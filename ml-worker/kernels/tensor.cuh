// Products on tensor cores: c[i][j] = Σ a[i][l]·b[j][l] for 8-bit rows padded with zeros to whole tiles.
//
// A block of four warps makes a square of sums, 64×64 a warp, from tiles of 128 bytes of each row. Tiles come through a ring in
// shared memory, 16-byte units of a row permuted by the row's last three bits so that no two lanes meet in a bank. The sums
// then go through the same memory, so that lanes have neighbouring columns of one row.
#pragma once
#include "device.cuh"
#include "epilogue.cuh"

// The ring has so many tiles of 128 rows of both operands.
#ifndef STAGES
#define STAGES 2
#endif

#ifdef TENSOR_CORES

constexpr u32 TENSOR_THREADS = 128;
// Blocks that a multiprocessor is to have room for.
constexpr u32 TENSOR_BLOCKS = 2;
constexpr u32 TILE_BYTES = 128;
// Steps of 32 columns in a tile.
constexpr u32 TILE_STEPS = TILE_BYTES / 32;
constexpr u32 RING_BYTES = STAGES * 2 * 128 * TILE_BYTES;
// Sums of a warp.
constexpr u32 WARP_SIDE = 64;
constexpr u32 WARP_SUMS = WARP_SIDE * WARP_SIDE;
static_assert(RING_BYTES >= TENSOR_THREADS / 32 * WARP_SUMS * 4, "the ring holds all sums");
// Rows of blocks that run one after the other along the columns, so that operands stay in the nearest cache.
constexpr u32 GROUP = 16;

// A block of 128×128 sums: each warp has a quarter of them.
struct Wide {
    static constexpr u32 SIDE = 128;
    // Warps that make parts of the same sums.
    static constexpr u32 PARTS = 1;
};

// A block of 64×64 sums, for products so narrow that wide blocks would leave most multiprocessors idle: each warp has all of
// them, over a quarter of each tile's columns.
struct Narrow {
    static constexpr u32 SIDE = 64;
    static constexpr u32 PARTS = 4;
};

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

// What a thread copies of one operand: 16 bytes of every sixteenth row, from the block's first on.
struct Operand {
    const i8* at;
    u32 ld;

    __device__ Operand(const i8* matrix, u32 ld, u32 first)
        : at(matrix + (u64)(first + threadIdx.x / 8) * ld + threadIdx.x % 8 * 16), ld(ld) {}
};

// Place in a tile of a row's 16-byte unit.
__device__ __forceinline__ u32 unit_at(u32 row, u32 unit) { return row * TILE_BYTES + ((unit ^ (row & 7)) << 4); }

// Starts to copy tile number `tile` of `SIDE` rows of an operand, if it is wanted.
template <u32 SIDE>
__device__ __forceinline__ void copy_tile(u32 to, const Operand& from, u32 tile, bool wanted) {
    constexpr u32 ROWS = TENSOR_THREADS / 8;
    const i8* at = from.at + (u64)tile * TILE_BYTES;
    to += unit_at(threadIdx.x / 8, threadIdx.x % 8);
#pragma unroll
    for (u32 i = 0; i < SIDE / ROWS; i++) copy_async(to + i * ROWS * TILE_BYTES, at + (u64)i * ROWS * from.ld, wanted);
}

// The sums of one lane: 4 by 8 pieces of 16×8.
struct Sums {
    i32 at[4][8][4];
};

// Where a warp reads its fragments.
struct Warp {
    u32 number, row, col, lane;

    // `side` is that of the block's square.
    __device__ Warp(u32 side)
        : number(threadIdx.x / 32),
          row(number / 2 * WARP_SIDE % side),
          col(number % 2 * WARP_SIDE % side),
          lane(threadIdx.x % 32) {}

    // 16 rows of the left operand, 32 bytes: step number `step` of the tile.
    __device__ void left(u32 (&a)[4], u32 tile, u32 piece, u32 step) const {
        // A step is two units on, which reverses bits of the permuted unit.
        u32 first = unit_at(row + lane % 8 + lane / 8 % 2 * 8, lane / 16);
        load_matrices(a, tile + (first ^ step * 32) + piece * 16 * TILE_BYTES);
    }
    // The same of two pieces of 8 columns: low and high half of the first, then of the second.
    __device__ void right(u32 (&b)[4], u32 tile, u32 pair, u32 step) const {
        u32 first = unit_at(col + lane % 8 + lane / 16 * 8, lane / 8 % 2);
        load_matrices(b, tile + (first ^ step * 32) + pair * 16 * TILE_BYTES);
    }
};

__device__ __forceinline__ void multiply_step(Sums& sums, const Warp& warp, u32 a_tile, u32 b_tile, u32 step) {
    u32 b[4][4];
#pragma unroll
    for (int pair = 0; pair < 4; pair++) warp.right(b[pair], b_tile, pair, step);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        u32 a[4];
        warp.left(a, a_tile, i, step);
#pragma unroll
        for (int j = 0; j < 8; j++) multiply_add(sums.at[i][j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
}

// Nothing beside the product.
struct Plain {
    __device__ u32 extra_tiles() const { return 0; }
    __device__ Operand left_of(const Operand& a, bool) const { return a; }
    __device__ Operand right_of(const Operand& b, bool) const { return b; }
    __device__ void start() const {}
    __device__ bool between_steps() const { return false; }
    __device__ void after_step(const Sums&, const Warp&, u32) const {}
    __device__ void extra(Sums&, const Warp&, u32, u32) const {}
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
    __device__ Operand left_of(const Operand& a, bool extra) const { return extra ? left : a; }
    __device__ Operand right_of(const Operand& b, bool extra) const { return extra ? right : b; }
    __device__ void start() const {
        for (u32 i = threadIdx.x; i < SHARED / 4; i += TENSOR_THREADS) shared[i] = 0;
        __syncthreads();
    }
    // Joins each of HALF values with what the lane that differs in bit `with` has of it; those with it keep the upper HALF.
    template <int HALF>
    __device__ static void halve(u32 (&folded)[4], u32 lane, u32 with) {
        bool upper = lane & with;
#pragma unroll
        for (int i = 0; i < HALF; i++) {
            u32 low = folded[i], high = folded[i + HALF];
            folded[i] = (upper ? high : low) ^ __shfl_xor_sync(0xFFFFFFFFu, upper ? low : high, with);
        }
    }
    // Whether chunks end within tiles.
    __device__ bool between_steps() const { return 1u << log_steps < TILE_STEPS; }
    // Folds the sums if a chunk ends with step number `step`. Every lane folds its own sums of 16 tiles; halving the tiles and
    // doubling the lanes in each of them joins the lanes, and lane 2t ends with tile t.
    __device__ void after_step(const Sums& sums, const Warp& warp, u32 step) const {
        u32 chunk = (step + 1) >> log_steps;
        if (((step + 1) & ((1u << log_steps) - 1)) != 0 || chunk > chunks) return;
        u32 rows[4];
#pragma unroll
        for (int row = 0; row < 4; row++) {
            u32 folded[4];
#pragma unroll
            for (int tile = 0; tile < 4; tile++) {
                const i32(&x)[4] = sums.at[row][2 * tile], (&y)[4] = sums.at[row][2 * tile + 1];
                folded[tile] = (u32)(x[0] ^ x[1] ^ x[2] ^ x[3] ^ y[0] ^ y[1] ^ y[2] ^ y[3]);
            }
            halve<2>(folded, warp.lane, 4);
            halve<1>(folded, warp.lane, 2);
            rows[row] = folded[0];
        }
        halve<2>(rows, warp.lane, 16);
        halve<1>(rows, warp.lane, 8);
        u32 folded = rows[0] ^ __shfl_xor_sync(0xFFFFFFFFu, rows[0], 1);
        if (warp.lane % 2 == 0) {
            u32* word = &shared[(chunk - 1) % 16 * 64 + warp.number * 16 + warp.lane / 2];
            *word = rotated(*word, 13) ^ folded;
        }
    }
    // Peels one chunk of factors off: sums -= Σ over digits d of 256^d · (left_d · dense + dense · right_d), modulo 2³².
    __device__ void extra(Sums& sums, const Warp& warp, u32 a_tile, u32 b_tile) const {
        u32 dense[4][4];
#pragma unroll
        for (int pair = 0; pair < 4; pair++) warp.right(dense[pair], b_tile, pair, TILE_STEPS - 1);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            u32 a_dense[4];
            warp.left(a_dense, a_tile, i, TILE_STEPS - 1);
            i32 noise[8][4] = {};
            for (u32 digit = digits; digit-- > 0;) {
                u32 a[4];
                warp.left(a, a_tile, i, digit);
#pragma unroll
                for (int pair = 0; pair < 4; pair++) {
                    u32 b[4];
                    warp.right(b, b_tile, pair, digit);
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        i32(&x)[4] = noise[2 * pair + j];
#pragma unroll
                        for (int e = 0; e < 4; e++) x[e] = (i32)((u32)x[e] << 8);
                        multiply_add(x, a, dense[pair][2 * j], dense[pair][2 * j + 1]);
                        multiply_add(x, a_dense, b[2 * j], b[2 * j + 1]);
                    }
                }
            }
#pragma unroll
            for (int j = 0; j < 8; j++)
#pragma unroll
                for (int e = 0; e < 4; e++) sums.at[i][j][e] = (i32)((u32)sums.at[i][j][e] - (u32)noise[j][e]);
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

// Place of a sum among its warp's in shared memory, row by row. Fours of columns are permuted by the row's last two bits, so that
// no two lanes meet in a bank, whether they hold pieces or neighbours.
__device__ __forceinline__ u32 sum_at(u32 row, u32 col) { return row * WARP_SIDE + (col ^ row % 4 * 8); }

// Hands the sums to the epilogue, the parts of several warps together. Nobody reads the ring any more.
template <class Shape, class Epilogue>
__device__ __forceinline__ void hand_over(u8* memory, const Sums& sums, const Warp& warp, const Place& place,
                                          Epilogue& epilogue) {
    // Rows whose reads are under way together.
    constexpr u32 BATCH = 8;
    constexpr u32 ROWS = WARP_SIDE / Shape::PARTS;
    i32* own = (i32*)memory + warp.number * WARP_SUMS;
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const i32(&x)[4] = sums.at[i][j];
            u32 row = i * 16 + warp.lane / 4, col = j * 8 + warp.lane % 4 * 2;
            *(int2*)&own[sum_at(row, col)] = make_int2(x[0], x[1]);
            *(int2*)&own[sum_at(row + 8, col)] = make_int2(x[2], x[3]);
        }
    if (Shape::PARTS == 1) __syncwarp();
    else __syncthreads();
    // Half a warp has a row; with parts, each warp some rows of all.
    const i32* from = Shape::PARTS == 1 ? own : (const i32*)memory;
    u32 first = (Shape::PARTS == 1 ? 0 : warp.number * ROWS) + warp.lane / 16, col = warp.lane % 16 * 4;
    epilogue.begin(place.col + warp.col + col);
#pragma unroll 1
    for (u32 done = 0; done < ROWS; done += 2 * BATCH) {
        decltype(epilogue.given(0)) given[BATCH];
        i32 x[BATCH][4] = {};
#pragma unroll
        for (u32 i = 0; i < BATCH; i++) {
            u32 row = first + done + 2 * i;
            given[i] = epilogue.given(place.row + warp.row + row);
#pragma unroll
            for (u32 part = 0; part < Shape::PARTS; part++) {
                int4 four = *(const int4*)&from[part * WARP_SUMS + sum_at(row, col)];
                x[i][0] += four.x;
                x[i][1] += four.y;
                x[i][2] += four.z;
                x[i][3] += four.w;
            }
        }
#pragma unroll
        for (u32 i = 0; i < BATCH; i++) epilogue.take(place.row + warp.row + first + done + 2 * i, x[i], given[i]);
    }
    epilogue.finish();
}

// The whole product of `tiles` tiles of bytes, then `beside`'s extra tiles.
template <class Shape, class Beside, class Epilogue>
__device__ __forceinline__ void tensor_product(u8* memory, const Operand& a, const Operand& b, u32 tiles, const Place& place,
                                               const Beside& beside, Epilogue epilogue) {
    constexpr u32 OPERAND_BYTES = Shape::SIDE * TILE_BYTES;
    constexpr u32 RING = RING_BYTES / (2 * OPERAND_BYTES);
    Warp warp(Shape::SIDE);
    Sums sums = {};
    u32 all = tiles + beside.extra_tiles();
    u32 ring = shared_address(memory);
    auto stage = [&](u32 tile) { return ring + tile % RING * 2 * OPERAND_BYTES; };
    auto copy = [&](u32 tile) {
        bool extra = tile >= tiles;
        u32 number = extra ? tile - tiles : tile;
        copy_tile<Shape::SIDE>(stage(tile), beside.left_of(a, extra), number, tile < all);
        copy_tile<Shape::SIDE>(stage(tile) + OPERAND_BYTES, beside.right_of(b, extra), number, tile < all);
        commit_copies();
    };
    beside.start();
#pragma unroll
    for (u32 tile = 0; tile + 1 < RING; tile++) copy(tile);
    for (u32 tile = 0; tile < all; tile++) {
        wait_for_copies<RING - 2>();
        // Everybody's part of this tile is here, and nobody reads the one that is overwritten next.
        __syncthreads();
        u32 a_tile = stage(tile), b_tile = a_tile + OPERAND_BYTES;
        if (tile < tiles) {
            auto multiply = [&](u32 own) {
                u32 step = Shape::PARTS == 1 ? own : warp.number;
                multiply_step(sums, warp, a_tile, b_tile, step);
                // After the first sums are begun, which hide what it takes to name the copies.
                if (own == 0) copy(tile + RING - 1);
                return tile * TILE_STEPS + step;
            };
            constexpr u32 OWN = TILE_STEPS / Shape::PARTS;
            // Steps with nothing between them are one stretch of code, whose reads hide behind the sums of the step before.
            if (beside.between_steps()) {
#pragma unroll
                for (u32 own = 0; own < OWN; own++) beside.after_step(sums, warp, multiply(own));
            } else {
#pragma unroll
                for (u32 own = 0; own + 1 < OWN; own++) multiply(own);
                beside.after_step(sums, warp, multiply(OWN - 1));
            }
        } else {
            copy(tile + RING - 1);
            beside.extra(sums, warp, a_tile, b_tile);
        }
    }
    beside.finish(warp, place);
    __syncthreads();
    hand_over<Shape>(memory, sums, warp, place, epilogue);
}
#endif
