// A CUDA device in plain C++, in the place of `device.cuh`, to run the kernels' own sources on a host bit for bit.
//
// A thread of a block is a fibre; what a warp does together happens when all its lanes have come to it, with the fragments in the
// lanes where the PTX manual puts them. Threads run, and asynchronous copies arrive, in one of two orders, so that a barrier that is
// missing shows: whoever reads too early does in the first, and whoever writes too early in the second. Both change direction with
// every barrier and every block.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define EMULATED
#define __device__
#define __global__
// Functions with `__shared__` variables are this file's own, for those to lie in one section.
#define __forceinline__ static inline
#define __shared__ static __attribute__((section("quern_shared")))
#define __launch_bounds__(...)

struct uint3 {
    unsigned x, y, z;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

namespace emulation {

constexpr unsigned LANES = 32;
constexpr size_t STACK = 256 << 10;

enum Order {
    // No warp goes on from one meeting before the others have come to theirs; copies arrive when they are waited for.
    LATE,
    // A warp goes on to the next barrier before another one does; copies arrive at once.
    EARLY,
};

// What a warp is doing together.
struct Meeting {
    unsigned arrived = 0;
    const void* given[LANES] = {};
    void* taken[LANES] = {};
    int tag = -1;
};

struct Copy {
    uint8_t* to;
    const uint8_t* from;
};

struct Fibre {
    uint3 thread;
    void* stack = nullptr;
    void* pointer = nullptr;
#if !defined(__x86_64__)
    ucontext_t context;
#endif
    enum { READY, MEETING, WAITING, DONE } phase = READY;
    // Groups of copies under way, oldest first; the last is open.
    std::vector<std::vector<Copy>> copies{1};
};

struct Device {
    uint3 block{}, block_size{}, grid{};
    std::vector<Fibre> fibres;
    std::vector<Meeting> warps;
    // The dynamic shared memory.
    uint8_t* shared = nullptr;
    size_t shared_bytes = 0;
    Order order = LATE;
    size_t current = 0;
    unsigned waiting = 0, done = 0;
    // Whether the threads waited for each other, other than to exchange values.
    bool handed_over = false;
    void (*body)(void*) = nullptr;
    void* arguments = nullptr;
    void* scheduler = nullptr;
#if !defined(__x86_64__)
    ucontext_t home;
#endif
};
inline Device device;

// What the kernels say that they are made of.
inline uint32_t sources = 0;

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "emulation: %s (block %u, thread %zu)\n", what, device.block.x, device.current);
    std::abort();
}

#if defined(__x86_64__)
extern "C" void quern_switch(void** from, void* to);
asm(R"(
.text
.globl quern_switch
.hidden quern_switch
quern_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#endif

// Back to the scheduler, until this fibre's next turn.
inline void pause() {
    Fibre& fibre = device.fibres[device.current];
#if defined(__x86_64__)
    quern_switch(&fibre.pointer, device.scheduler);
#else
    swapcontext(&fibre.context, &device.home);
#endif
}

inline void life() {
    device.body(device.arguments);
    Fibre& fibre = device.fibres[device.current];
    if (fibre.copies.size() > 1 || !fibre.copies[0].empty()) {
        for (auto& group : fibre.copies)
            if (!group.empty()) fail("a thread ends with copies under way");
    }
    fibre.phase = Fibre::DONE;
    device.done++;
    pause();
    fail("a thread runs on after its end");
}

inline void resume(Fibre& fibre) {
#if defined(__x86_64__)
    quern_switch(&device.scheduler, fibre.pointer);
#else
    swapcontext(&device.home, &fibre.context);
#endif
}

inline void prepare(Fibre& fibre) {
    if (!fibre.stack) fibre.stack = std::malloc(STACK);
    fibre.phase = Fibre::READY;
    fibre.copies.assign(1, {});
#if defined(__x86_64__)
    auto top = (reinterpret_cast<uintptr_t>(fibre.stack) + STACK) & ~uintptr_t(15);
    auto slots = reinterpret_cast<void**>(top);
    // Six saved registers, the first address, and one word that aligns the stack as a call does.
    slots[-1] = nullptr;
    slots[-2] = reinterpret_cast<void*>(&life);
    for (int i = 3; i <= 8; i++) slots[-i] = nullptr;
    fibre.pointer = slots - 8;
#else
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack;
    fibre.context.uc_stack.ss_size = STACK;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, &life, 0);
#endif
}

// Runs each of `count` fibres from the first on that is ready, once; false if none is.
inline bool turn(size_t first, size_t count, bool forward) {
    bool moved = false;
    for (size_t i = 0; i < count; i++) {
        size_t index = first + (forward ? i : count - 1 - i);
        Fibre& fibre = device.fibres[index];
        if (fibre.phase != Fibre::READY) continue;
        moved = true;
        device.current = index;
        resume(fibre);
    }
    return moved;
}

// Runs one block.
inline void run_block() {
    size_t count = device.fibres.size();
    // So many go on together.
    size_t group = device.order == EARLY && count > LANES ? LANES : count, groups = (count + group - 1) / group;
    device.done = device.waiting = 0;
    for (auto& fibre : device.fibres) prepare(fibre);
    device.warps.assign((count + LANES - 1) / LANES, {});
    // Every block begins in the other direction than the last one.
    static bool forward = false;
    forward = !forward;
    while (device.done < count) {
        for (size_t i = 0; i < groups; i++) {
            size_t first = (forward ? i : groups - 1 - i) * group;
            while (turn(first, count - first < group ? count - first : group, forward)) {}
        }
        if (device.done == count) break;
        if (device.waiting + device.done < count) fail("the threads wait for each other");
        if (device.done > 0) fail("some threads ended before a barrier");
        for (auto& fibre : device.fibres) fibre.phase = Fibre::READY;
        device.waiting = 0;
        forward = !forward;
    }
}

// All lanes of a warp together: `act` is called once, by the last to come, with what every lane gives and takes.
template <class Act>
inline void together(int tag, const void* given, void* taken, Act act) {
    size_t lane = device.current % LANES;
    Meeting& meeting = device.warps[device.current / LANES];
    if (meeting.arrived == 0) meeting.tag = tag;
    if (meeting.tag != tag) fail("lanes of a warp do different things");
    meeting.given[lane] = given;
    meeting.taken[lane] = taken;
    unsigned first = unsigned(device.current / LANES * LANES);
    unsigned lanes = unsigned(device.fibres.size()) - first < LANES ? unsigned(device.fibres.size()) - first : LANES;
    if (++meeting.arrived < lanes) {
        device.fibres[device.current].phase = Fibre::MEETING;
        pause();
    } else {
        act(meeting, lanes);
        meeting.arrived = 0;
        for (unsigned lane = 0; lane < lanes; lane++) device.fibres[first + lane].phase = Fibre::READY;
    }
}

inline void whole(unsigned lanes) {
    if (lanes != LANES) fail("an instruction of a whole warp in a part of one");
}

}  // namespace emulation

#define threadIdx (emulation::device.fibres[emulation::device.current].thread)
#define blockIdx (emulation::device.block)
#define blockDim (emulation::device.block_size)
#define gridDim (emulation::device.grid)

inline void __syncthreads() {
    auto& device = emulation::device;
    device.fibres[device.current].phase = emulation::Fibre::WAITING;
    device.waiting++;
    device.handed_over = true;
    emulation::pause();
}
inline void __syncwarp() {
    emulation::device.handed_over = true;
    emulation::together(0, nullptr, nullptr, [](emulation::Meeting&, unsigned) {});
}
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    uint64_t bytes = uint64_t(y) << 32 | x;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) result |= unsigned(bytes >> 8 * (selector >> 4 * i & 7) & 0xFF) << 8 * i;
    return result;
}
inline int __dp4a(int a, int b, int c) {
    int sum = 0;
    for (int i = 0; i < 4; i++) sum += int(int8_t(a >> 8 * i)) * int(int8_t(b >> 8 * i));
    return int(unsigned(c) + unsigned(sum));
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask) {
    if (mask != 0xFFFFFFFFu) emulation::fail("a shuffle of some lanes");
    T result{};
    emulation::together(1 + lane_mask, &value, &result, [lane_mask](emulation::Meeting& meeting, unsigned lanes) {
        emulation::whole(lanes);
        for (unsigned lane = 0; lane < lanes; lane++)
            *static_cast<T*>(meeting.taken[lane]) = *static_cast<const T*>(meeting.given[lane ^ unsigned(lane_mask)]);
    });
    return result;
}
template <class T>
inline T atomicAdd(T* to, T value) {
    T old = *to;
    *to += value;
    return old;
}
inline unsigned atomicMax(unsigned* to, unsigned value) {
    unsigned old = *to;
    *to = old > value ? old : value;
    return old;
}

#include "../integers.cuh"

#define SHARED_MEMORY(name) u8* name = emulation::device.shared

#define TENSOR_CORES 1
#define SOURCES emulation::sources

// What the lanes of a warp multiply: lane = 4·group + member.
struct Factors {
    u32 a[4], b[2];
};

// All lanes of mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32. It takes most of the time, so that it goes without the compiler's checks.
__attribute__((noinline, no_sanitize("undefined"))) static void multiply_warp(emulation::Meeting& meeting, unsigned lanes) {
    i8 left[16][32], right[8][32];
    for (u32 lane = 0; lane < lanes; lane++) {
        const auto& given = *static_cast<const Factors*>(meeting.given[lane]);
        u32 group = lane / 4, k = lane % 4 * 4;
        for (u32 i = 0; i < 4; i++) std::memcpy(&left[group + i % 2 * 8][k + i / 2 * 16], &given.a[i], 4);
        for (u32 i = 0; i < 2; i++) std::memcpy(&right[group][k + i * 16], &given.b[i], 4);
    }
    for (u32 lane = 0; lane < lanes; lane++) {
        auto& c = *static_cast<i32(*)[4]>(meeting.taken[lane]);
        for (u32 i = 0; i < 4; i++) {
            u32 row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
            i32 sum = 0;
            for (u32 k = 0; k < 32; k++) sum += i32(left[row][k]) * i32(right[col][k]);
            c[i] = i32(u32(c[i]) + u32(sum));
        }
    }
}

inline void multiply_add(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    Factors given = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
    emulation::together(100, &given, &c, [](emulation::Meeting& meeting, unsigned lanes) {
        emulation::whole(lanes);
        multiply_warp(meeting, lanes);
    });
}

// Where something lies in a block's shared memory.
inline u32 shared_address(const void* at) {
    return u32(static_cast<const u8*>(at) - emulation::device.shared);
}

// ldmatrix.sync.aligned.m8n8.x4.shared.b16.
inline void load_matrices(u32 (&r)[4], u32 row) {
    if (row % 16 != 0 || row + 16 > emulation::device.shared_bytes)
        emulation::fail("a matrix row that is not aligned, or nowhere");
    emulation::together(101, emulation::device.shared + row, &r, [](emulation::Meeting& meeting, unsigned lanes) {
        emulation::whole(lanes);
        for (u32 lane = 0; lane < lanes; lane++)
            for (u32 matrix = 0; matrix < 4; matrix++) {
                auto from = static_cast<const u8*>(meeting.given[matrix * 8 + lane / 4]) + lane % 4 * 4;
                std::memcpy(&(*static_cast<u32(*)[4]>(meeting.taken[lane]))[matrix], from, 4);
            }
    });
}

inline void copy_async(u32 to, const void* from, bool wanted) {
    auto& device = emulation::device;
    if (!wanted) return;
    if (to % 16 != 0 || to + 16 > device.shared_bytes || reinterpret_cast<uintptr_t>(from) % 16 != 0)
        emulation::fail("a copy that is not aligned, or to nowhere");
    if (device.order == emulation::EARLY) std::memcpy(device.shared + to, from, 16);
    else device.fibres[device.current].copies.back().push_back({device.shared + to, static_cast<const u8*>(from)});
}
inline void commit_copies() {
    auto& device = emulation::device;
    device.fibres[device.current].copies.emplace_back();
}
template <int PENDING>
inline void wait_for_copies() {
    auto& device = emulation::device;
    auto& groups = device.fibres[device.current].copies;
    // The last group is still open.
    while (groups.size() > PENDING + 1) {
        for (const auto& copy : groups.front()) std::memcpy(copy.to, copy.from, 16);
        groups.erase(groups.begin());
    }
}
