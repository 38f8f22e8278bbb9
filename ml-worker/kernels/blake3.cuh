// BLAKE3: the compression function and what the lottery hashes with it.
#pragma once
#include "integers.cuh"

enum Flag : u32 {
    CHUNK_START = 1,
    CHUNK_END = 2,
    PARENT = 4,
    ROOT = 8,
    KEYED = 16,
    MATERIAL = 64,
};

// Bytes of a chunk, and of a block.
constexpr u32 CHUNK = 1024;
constexpr u32 BLOCK = 64;

// A digest, a key or a chaining value.
struct Digest {
    u32 words[8];
};

__device__ __forceinline__ void mix(u32& a, u32& b, u32& c, u32& d, u32 x, u32 y) {
    a += b + x;
    d = rotated(d ^ a, 16);
    c += d;
    b = rotated(b ^ c, 20);
    a += b + y;
    d = rotated(d ^ a, 24);
    c += d;
    b = rotated(b ^ c, 25);
}

// One compression; all 16 words of its output.
__device__ __forceinline__ void compress(const Digest& cv, const u32 (&block)[16], u64 counter, u32 length, u32 flags,
                                         u32 (&out)[16]) {
    u32 m[16];
#pragma unroll
    for (int i = 0; i < 16; i++) m[i] = block[i];
    u32 v[16] = {cv.words[0], cv.words[1], cv.words[2], cv.words[3], cv.words[4],  cv.words[5],
                 cv.words[6], cv.words[7], 0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u,  0xA54FF53Au,
                 (u32)counter, (u32)(counter >> 32), length, flags};
#pragma unroll
    for (int round = 0; round < 7; round++) {
        mix(v[0], v[4], v[8], v[12], m[0], m[1]);
        mix(v[1], v[5], v[9], v[13], m[2], m[3]);
        mix(v[2], v[6], v[10], v[14], m[4], m[5]);
        mix(v[3], v[7], v[11], v[15], m[6], m[7]);
        mix(v[0], v[5], v[10], v[15], m[8], m[9]);
        mix(v[1], v[6], v[11], v[12], m[10], m[11]);
        mix(v[2], v[7], v[8], v[13], m[12], m[13]);
        mix(v[3], v[4], v[9], v[14], m[14], m[15]);
        u32 p[16] = {m[2], m[6], m[3], m[10], m[7], m[0], m[4], m[13], m[1], m[11], m[12], m[5], m[9], m[14], m[15], m[8]};
#pragma unroll
        for (int i = 0; i < 16; i++) m[i] = p[i];
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
        out[i] = v[i] ^ v[i + 8];
        out[i + 8] = v[i + 8] ^ cv.words[i];
    }
}

// The chaining value of one compression.
__device__ __forceinline__ Digest chained(const Digest& cv, const u32 (&block)[16], u64 counter, u32 length, u32 flags) {
    u32 out[16];
    compress(cv, block, counter, length, flags, out);
    Digest digest;
#pragma unroll
    for (int i = 0; i < 8; i++) digest.words[i] = out[i];
    return digest;
}

// The node over two neighbours.
__device__ __forceinline__ Digest joined(const Digest& key, const Digest& left, const Digest& right, u32 flags) {
    u32 block[16];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        block[i] = left.words[i];
        block[i + 8] = right.words[i];
    }
    return chained(key, block, 0, BLOCK, flags);
}

// A digest of at most one block of `material`, padded with zeros, under a derived key's context.
__device__ __forceinline__ Digest derived(const Digest& context, const u32 (&material)[16], u32 length) {
    return chained(context, material, 0, length, CHUNK_START | CHUNK_END | ROOT | MATERIAL);
}

// Block `counter` of the output stream of a label of at most one block, padded with zeros.
__device__ __forceinline__ void stream_block(const Digest& key, const u32 (&label)[16], u32 length, u64 counter,
                                             u32 (&out)[16]) {
    compress(key, label, counter, length, CHUNK_START | CHUNK_END | ROOT | KEYED, out);
}

// Joins `count` nodes level by level to one, in their place; an odd last one moves up. The whole block takes part.
// `flags` are those of a node, `last` those of the one at the top in addition.
__device__ inline void join_tree(Digest* nodes, u32 count, const Digest& key, u32 flags, u32 last) {
    while (count > 1) {
        u32 above = (count + 1) / 2;
        // What is written lies before what is still to be read.
        for (u32 first = 0; first < above; first += blockDim.x) {
            u32 i = first + threadIdx.x;
            Digest node;
            if (i < above) {
                node = nodes[2 * i];
                if (2 * i + 1 < count) node = joined(key, node, nodes[2 * i + 1], count == 2 ? flags | last : flags);
            }
            __syncthreads();
            if (i < above) nodes[i] = node;
            __syncthreads();
        }
        count = above;
    }
}
