// Whole numbers only: the scalar arithmetic of a training step, as `quern_training::arithmetic` defines it.
#pragma once

typedef signed char i8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

// Bound of master weights and momentum.
constexpr i32 LIMIT = (1 << 30) - 1;
// Fraction bits of master weights and momentum.
constexpr i32 FRACTION = 24;
// Exponent of the softmax gradient.
constexpr i32 GRADIENT_EXPONENT = -16;
// Largest magnitude of an 8-bit operand.
constexpr i32 INT8 = 127;

__device__ __forceinline__ i32 smaller(i32 a, i32 b) { return a < b ? a : b; }
__device__ __forceinline__ i32 larger(i32 a, i32 b) { return a > b ? a : b; }
__device__ __forceinline__ i32 clamped(i32 x, i32 bound) { return smaller(larger(x, -bound), bound); }
__device__ __forceinline__ u32 magnitude(i32 x) { return x < 0 ? 0u - (u32)x : (u32)x; }
__device__ __forceinline__ u32 rotated(u32 x, u32 by) { return x << by | x >> (32 - by); }

// Number of bits of a magnitude.
__device__ __forceinline__ u32 bits(u32 x) { return 32 - __clz((i32)x); }

// Rounded right shift, halves up; 0 from 32 on.
__device__ __forceinline__ i32 rsh(i32 x, u32 s) {
    if (s == 0) return x;
    // Twice the quotient and the half that is rounded: less its half, rounded down, is the quotient rounded up.
    i32 doubled = x >> (s > 31 ? 31 : s - 1);
    return doubled - (doubled >> 1);
}

// Saturated left shift.
__device__ __forceinline__ i32 lsh(i32 x, u32 s) {
    s = s > 30 ? 30 : s;
    return (i32)((u32)clamped(x, LIMIT >> s) << s);
}

// x · 2^s.
__device__ __forceinline__ i32 shifted(i32 x, i32 s) {
    return s >= 0 ? lsh(x, (u32)s) : rsh(x, 0u - (u32)s);
}

// x · 2^s of four values, all by one decision.
__device__ __forceinline__ void shift_four(i32 (&x)[4], i32 s) {
    if (s >= 0) {
#pragma unroll
        for (int i = 0; i < 4; i++) x[i] = lsh(x[i], (u32)s);
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) x[i] = rsh(x[i], 0u - (u32)s);
    }
}

// Counter hash of entry `index` under `key`.
__device__ __forceinline__ u32 hash32(u32 index, u32 key) {
    u32 h = index * 0x9E3779B1u + key;
    h ^= h >> 16;
    h *= 0x7FEB352Du;
    h ^= h >> 15;
    h *= 0x846CA68Bu;
    return h ^ (h >> 16);
}

// x · 2^-s, rounded stochastically; `index` is the entry's place in its row-major tensor.
__device__ __forceinline__ i32 rounded_stochastically(i32 x, i32 s, u32 index, u32 key) {
    if (s <= 0) return lsh(x, 0u - (u32)s);
    if (s > 31) return 0;
    // Whole part of x, then the carry of the fractions, both below 2^s ≤ 2³¹.
    u32 mask = (1u << s) - 1;
    u32 carry = (((u32)x & mask) + (hash32(index, key) & mask)) >> s;
    return (x >> s) + (i32)carry;
}

// Four values clamped to 8 bits, in one word.
__device__ __forceinline__ u32 packed(const i32 (&x)[4]) {
    u32 word = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) word |= (u32)(u8)clamped(x[i], INT8) << 8 * i;
    return word;
}

// Exponent that brings values of magnitude `peak` and exponent `exponent` into 7 bits and a sign.
__device__ __forceinline__ i32 fitting_exponent(u32 peak, i32 exponent) {
    u32 b = bits(peak);
    return exponent + (i32)(b > 7 ? b - 7 : 0);
}

// Adds, or subtracts, four bytes modulo 256 each.
__device__ __forceinline__ u32 add_bytes(u32 a, u32 b) {
    return ((a & 0x7F7F7F7Fu) + (b & 0x7F7F7F7Fu)) ^ ((a ^ b) & 0x80808080u);
}
__device__ __forceinline__ u32 subtract_bytes(u32 a, u32 b) {
    return ((a | 0x80808080u) - (b & 0x7F7F7F7Fu)) ^ ((a ^ ~b) & 0x80808080u);
}

// Transposes the 4×4 bytes of four words.
__device__ __forceinline__ void transpose_bytes(u32 (&w)[4]) {
    u32 a = __byte_perm(w[0], w[1], 0x5140), b = __byte_perm(w[2], w[3], 0x5140);
    u32 c = __byte_perm(w[0], w[1], 0x7362), d = __byte_perm(w[2], w[3], 0x7362);
    w[0] = __byte_perm(a, b, 0x5410);
    w[1] = __byte_perm(a, b, 0x7632);
    w[2] = __byte_perm(c, d, 0x5410);
    w[3] = __byte_perm(c, d, 0x7632);
}
