// The lottery of a step: commitment to the weights, the seeds that follow from it, noise, draws.
#include "device.cuh"
#include "epilogue.cuh"

// Chunks of the leaf over 16 rows of k bytes: its index comes first.
__device__ __forceinline__ u32 leaf_chunks(u32 k) { return (8 + 16 * k + CHUNK - 1) / CHUNK; }

// A leaf's bytes one after the other: its index in 8 of them, then its rows.
struct LeafBytes {
    const i8* rows;
    u32 ld, k, leaf;
    // Where the next byte is: its number in the leaf, and of those after the index row and column.
    u32 at, row, col;

    __device__ LeafBytes(const i8* rows, u32 ld, u32 k, u32 leaf, u32 first) : rows(rows), ld(ld), k(k), leaf(leaf), at(first) {
        u32 place = first < 8 ? 0 : first - 8;
        row = place / k;
        col = place % k;
    }
    // The next `count` bytes, padded with zeros to a block, in units that lie in one row each. All are read before any is used.
    template <class Unit>
    __device__ void read(u32 (&block)[BLOCK / 4], u32 count) {
        constexpr u32 SIZE = sizeof(Unit);
#pragma unroll
        for (u32 word = 0; word < BLOCK / 4; word++) {
            u32 four = 0;
#pragma unroll
            for (u32 byte = 0; byte < 4; byte += SIZE) {
                bool index = at < 8, inside = word * 4 + byte < count;
                // Where nothing is to be read, anything can be.
                u32 value = *(const Unit*)(rows + (index || !inside ? 0 : (u64)row * ld + col));
                // The index is below 2³².
                if (index) value = at < 4 ? (u32)(Unit)(leaf >> 8 * at) : 0;
                four |= inside ? value << 8 * byte : 0;
                if (!index) col += SIZE;
                if (col == k) {
                    col = 0;
                    row++;
                }
                at += SIZE;
            }
            block[word] = four;
        }
    }
};

// Hashes the chunks of the leaves over the neuron blocks of `weights` (n rows of k bytes): one chunk a thread.
extern "C" __global__ void quern_leaf_chunks(const i8* weights, u32 ld, u32 k, u32 leaves, const Keys* keys, Digest* out) {
    u32 chunks = leaf_chunks(k), at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= leaves * chunks) return;
    u32 leaf = at / chunks, chunk = at % chunks;
    u32 end = 8 + 16 * k, first = chunk * CHUNK, length = end - first < CHUNK ? end - first : CHUNK;
    LeafBytes bytes(weights + (u64)leaf * 16 * ld, ld, k, leaf, first);
    Digest cv = keys->leaf;
    for (u32 offset = 0; offset < length; offset += BLOCK) {
        u32 here = length - offset < BLOCK ? length - offset : BLOCK;
        u32 block[BLOCK / 4];
        if (k % 4 == 0) bytes.read<u32>(block, here);
        else bytes.read<u8>(block, here);
        u32 flags = MATERIAL;
        if (offset == 0) flags |= CHUNK_START;
        if (offset + BLOCK >= length) flags |= chunks == 1 ? CHUNK_END | ROOT : CHUNK_END;
        cv = chained(cv, block, chunk, here, flags);
    }
    out[at] = cv;
}

// Joins each leaf's chunks, one leaf a block, and keeps the leaf twice: its own place, and one in the tree above.
extern "C" __global__ void quern_leaves(Digest* chunk_values, u32 k, const Keys* keys, Digest* leaves, Digest* tree) {
    u32 chunks = leaf_chunks(k);
    Digest* values = chunk_values + (u64)blockIdx.x * chunks;
    join_tree(values, chunks, keys->leaf, PARENT | MATERIAL, ROOT);
    if (threadIdx.x == 0) leaves[blockIdx.x] = tree[blockIdx.x] = values[0];
}

// Joins the leaves to the root. One block.
extern "C" __global__ void quern_root(Digest* tree, u32 leaves, const Keys* keys, Control* control) {
    join_tree(tree, leaves, keys->node, CHUNK_START | CHUNK_END | ROOT | MATERIAL, 0);
    if (threadIdx.x == 0) control->weights_root = tree[0];
}

// Bytes of what a job is bound to; the weights root is their end.
constexpr u32 JOB_BYTES = 204;

// The job and the keys that derive from it. `input` is JOB_BYTES and zeros up to whole blocks. One warp.
extern "C" __global__ void quern_job(const u32* input, const Keys* keys, Control* control) {
    __shared__ Digest job;
    if (threadIdx.x == 0) {
        Digest cv = keys->job;
        for (u32 offset = 0; offset < JOB_BYTES; offset += BLOCK) {
            u32 block[16];
            for (u32 word = 0; word < 16; word++) {
                u32 at = offset / 4 + word, root = JOB_BYTES / 4 - 8;
                block[word] = at < root || at >= JOB_BYTES / 4 ? input[at] : control->weights_root.words[at - root];
            }
            u32 here = JOB_BYTES - offset < BLOCK ? JOB_BYTES - offset : BLOCK;
            u32 flags = MATERIAL | (offset == 0 ? CHUNK_START : 0) | (offset + BLOCK >= JOB_BYTES ? CHUNK_END | ROOT : 0);
            cv = chained(cv, block, 0, here, flags);
        }
        job = cv;
    }
    __syncwarp();
    if (threadIdx.x < 3) {
        u32 material[16] = {};
        for (u32 i = 0; i < 8; i++) material[i] = job.words[i];
        const Digest* contexts[3] = {&keys->noise_a, &keys->noise_b, &keys->draw};
        Digest* out[3] = {&control->noise_a, &control->noise_b, &control->draw};
        *out[threadIdx.x] = derived(*contexts[threadIdx.x], material, 32);
    }
}

// The dense factor of one operand's noise, `rows` rows of `rank` entries: as it is, and as the last quarter of the rows of
// factors. One 64-byte block of the stream a thread.
extern "C" __global__ void quern_dense(const Digest* seed, u32 rows, u32 rank, i8* dense, i8* factors, u32 ld_factors) {
    u64 first = ((u64)blockIdx.x * blockDim.x + threadIdx.x) * BLOCK;
    if (first >= (u64)rows * rank) return;
    u32 label[16] = {0x736E6564u, 0x65u}, out[16];
    stream_block(*seed, label, 5, first / BLOCK, out);
    // A row's end may lie within the block, but whole words belong to one row: the rank is a multiple of 4.
#pragma unroll
    for (u32 word = 0; word < 16; word++) {
        u64 at = first + 4 * word;
        if (at >= (u64)rows * rank) break;
        u32 row = (u32)(at / rank), col = (u32)(at % rank);
        u32 four = subtract_bytes(out[word] & 0x3F3F3F3Fu, 0x20202020u);
        *(u32*)(dense + at) = four;
        *(u32*)(factors + (u64)row * ld_factors + col / 32 * FACTOR_BYTES + 96 + col % 32) = four;
    }
}

// The sparse factor of one operand's noise: for each of k columns the row of its +1 (low half) and of its -1 (high half), and the
// matrix itself, rank × k, which is zero before. 16 columns a thread.
extern "C" __global__ void quern_sparse(const Digest* seed, u32 k, u32 rank, u32* pairs, i8* matrix, u32 ld) {
    u32 block = blockIdx.x * blockDim.x + threadIdx.x;
    if (block >= (k + 15) / 16) return;
    u32 label[16] = {0x72617073u, 0x6573u}, out[16];
    stream_block(*seed, label, 6, block, out);
#pragma unroll
    for (u32 word = 0; word < 16; word++) {
        u32 col = block * 16 + word;
        if (col >= k) break;
        u32 p = out[word] & (rank - 1), q = p ^ (1 + (u32)(((u64)(rank - 1) * out[word]) >> 32));
        pairs[col] = p | q << 16;
        matrix[(u64)p * ld + col] = 1;
        matrix[(u64)q * ld + col] = -1;
    }
}

// Adds the noise to four rows of an operand, one block for each four.
extern "C" __global__ void quern_noise(const i8* in, i8* out, u32 ld, u32 k, const u32* pairs, const i8* dense, u32 rank) {
    SHARED_MEMORY(memory);
    // The four rows' entries of one column of the dense factor are one word.
    u32* columns = (u32*)memory;
    u64 row = (u64)blockIdx.x * 4;
    for (u32 i = threadIdx.x; i < rank / 4; i += blockDim.x) {
        u32 words[4];
#pragma unroll
        for (int r = 0; r < 4; r++) words[r] = *(const u32*)(dense + (row + r) * rank + i * 4);
        transpose_bytes(words);
#pragma unroll
        for (int c = 0; c < 4; c++) columns[i * 4 + c] = words[c];
    }
    __syncthreads();
    for (u32 col = threadIdx.x * 4; col < k; col += blockDim.x * 4) {
        // Beyond the last column are pairs of zeros, which differ in nothing.
        uint4 four = *(const uint4*)(pairs + col);
        u32 pair[4] = {four.x, four.y, four.z, four.w}, words[4];
#pragma unroll
        for (u32 c = 0; c < 4; c++) words[c] = subtract_bytes(columns[pair[c] & 0xFFFF], columns[pair[c] >> 16]);
        transpose_bytes(words);
#pragma unroll
        for (int r = 0; r < 4; r++) {
            u64 at = (row + r) * ld + col;
            *(u32*)(out + at) = add_bytes(*(const u32*)(in + at), words[r]);
        }
    }
}

// A draw within the threshold.
struct Win {
    u32 ordinal;
    u32 draw[8];
};

// The draws of the first `count` tiles, one a thread; those within the threshold go to `wins` in any order.
extern "C" __global__ void quern_draws(const u32* words, u32 count, const u32* threshold, Control* control, Win* wins) {
    u32 ordinal = blockIdx.x * blockDim.x + threadIdx.x;
    if (ordinal >= count) return;
    u32 block[16], draw[16];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint4 four = ((const uint4*)words)[(u64)ordinal * 4 + i];
        block[4 * i] = four.x;
        block[4 * i + 1] = four.y;
        block[4 * i + 2] = four.z;
        block[4 * i + 3] = four.w;
    }
    stream_block(control->draw, block, BLOCK, 0, draw);
    for (int i = 7; i >= 0; i--) {
        if (draw[i] < threshold[i]) break;
        if (draw[i] > threshold[i]) return;
    }
    Win win;
    win.ordinal = ordinal;
    for (int i = 0; i < 8; i++) win.draw[i] = draw[i];
    // The count may go on from one product to the next; the room is for one.
    u32 at = atomicAdd(&control->wins, 1u);
    if (at < count) wins[at] = win;
}
