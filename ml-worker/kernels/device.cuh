// Instructions that C++ has no words for. The emulation on a host has its own file in this one's place.
#pragma once
#include "integers.cuh"

#ifndef EMULATED

// The dynamic shared memory of a block.
#define SHARED_MEMORY(name) extern __shared__ __align__(128) u8 name[]

#if __CUDA_ARCH__ >= 800
#define TENSOR_CORES 1

// c += a·b for a: 16×32 and b: 32×8. Lane l holds rows l/4 and l/4 + 8 of a and c, column l/4 of b.
__device__ __forceinline__ void multiply_add(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Where something lies in a block's shared memory.
__device__ __forceinline__ u32 shared_address(const void* at) { return (u32)__cvta_generic_to_shared(at); }

// Four 8-row × 16-byte matrices in shared memory; lanes 8i to 8i + 7 name the rows of the i-th.
__device__ __forceinline__ void load_matrices(u32 (&r)[4], u32 row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(row)
                 : "memory");
}

// Starts to copy 16 bytes from global to shared memory, if they are wanted.
__device__ __forceinline__ void copy_async(u32 to, const void* from, bool wanted) {
    asm volatile("{ .reg .pred p; setp.ne.u32 p, %2, 0; @p cp.async.cg.shared.global [%0], [%1], 16; }" ::"r"(to), "l"(from),
                 "r"((u32)wanted)
                 : "memory");
}

// Ends a group of copies.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most PENDING of this thread's groups of copies are under way.
template <int PENDING>
__device__ __forceinline__ void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
#endif
#endif
