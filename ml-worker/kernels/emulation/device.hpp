// A CUDA device in plain C++, in the place of `device.cuh`, to run the kernels' own sources on a host bit for bit.
//
// A thread of a block is a fibre; what a warp does together happens when all its lanes have come to it, with the fragments in the
// lanes where the PTX manual puts them. Asynchronous copies arrive as late as they may: when they are waited for. Threads run
// in turns that change direction with every barrier and every block, so that a barrier that is missing shows.
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
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)

struct uint3 {
    unsigned x, y, z;
};
struct int2 {
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

// What a warp is doing together.
struct Meeting {
    unsigned arrived = 0, round = 0;
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
    enum { READY, WAITING, DONE } phase = READY;
    // Groups of copies under way, oldest first; the last is open.
    std::vector<std::vector<Copy>> copies{1};
};

struct Device {
    uint3 block{}, block_size{}, grid{};
    std::vector<Fibre> fibres;
    std::vector<Meeting> warps;
    std::vector<uint8_t> shared;
    size_t current = 0;
    unsigned waiting = 0, done = 0;
    void (*body)(void*) = nullptr;
    void* arguments = nullptr;
    void* scheduler = nullptr;
#if !defined(__x86_64__)
    ucontext_t home;
#endif
};
inline Device device;

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

// Runs one block.
inline void run_block() {
    size_t count = device.fibres.size();
    device.done = device.waiting = 0;
    for (auto& fibre : device.fibres) prepare(fibre);
    device.warps.assign((count + LANES - 1) / LANES, {});
    // Every block begins in the other direction than the last one.
    static bool forward = false;
    forward = !forward;
    while (device.done < count) {
        bool moved = false;
        for (size_t turn = 0; turn < count; turn++) {
            size_t index = forward ? turn : count - 1 - turn;
            Fibre& fibre = device.fibres[index];
            if (fibre.phase != Fibre::READY) continue;
            moved = true;
            device.current = index;
            resume(fibre);
        }
        if (device.waiting > 0 && device.waiting + device.done == count) {
            if (device.done > 0) fail("some threads ended before a barrier");
            for (auto& fibre : device.fibres) fibre.phase = Fibre::READY;
            device.waiting = 0;
            forward = !forward;
        } else if (!moved) {
            fail("the threads wait for each other");
        }
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
    unsigned round = meeting.round;
    unsigned first = unsigned(device.current / LANES * LANES);
    unsigned lanes = unsigned(device.fibres.size()) - first < LANES ? unsigned(device.fibres.size()) - first : LANES;
    if (++meeting.arrived == lanes) {
        act(meeting, lanes);
        meeting.arrived = 0;
        meeting.round++;
    } else {
        while (device.warps[device.current / LANES].round == round) pause();
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
    emulation::pause();
}
inline void __syncwarp() {
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
    for (int i = 0; i < 4; i++) c += int(int8_t(a >> 8 * i)) * int(int8_t(b >> 8 * i));
    return c;
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

#define SHARED_MEMORY(name) u8* name = emulation::device.shared.data()

#define TENSOR_CORES 1

// mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32: lane = 4·group + member.
inline void multiply_add(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    struct Given {
        u32 a[4], b[2];
    } given = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
    emulation::together(100, &given, &c, [](emulation::Meeting& meeting, unsigned lanes) {
        emulation::whole(lanes);
        auto byte = [](u32 word, u32 i) { return i32(i8(word >> 8 * i)); };
        i8 left[16][32], right[8][32];
        for (u32 lane = 0; lane < lanes; lane++) {
            const auto& given = *static_cast<const Given*>(meeting.given[lane]);
            u32 group = lane / 4, member = lane % 4;
            for (u32 i = 0; i < 4; i++) {
                u32 k = member * 4 + i;
                left[group][k] = i8(byte(given.a[0], i));
                left[group + 8][k] = i8(byte(given.a[1], i));
                left[group][k + 16] = i8(byte(given.a[2], i));
                left[group + 8][k + 16] = i8(byte(given.a[3], i));
                right[group][k] = i8(byte(given.b[0], i));
                right[group][k + 16] = i8(byte(given.b[1], i));
            }
        }
        for (u32 lane = 0; lane < lanes; lane++) {
            auto& c = *static_cast<i32(*)[4]>(meeting.taken[lane]);
            for (u32 i = 0; i < 4; i++) {
                u32 row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
                i32 sum = 0;
                for (u32 k = 0; k < 32; k++) sum += i32(left[row][k]) * i32(right[col][k]);
                c[i] += sum;
            }
        }
    });
}

// Where something lies in a block's shared memory.
inline u32 shared_address(const void* at) {
    return u32(static_cast<const u8*>(at) - emulation::device.shared.data());
}

// ldmatrix.sync.aligned.m8n8.x4.shared.b16.
inline void load_matrices(u32 (&r)[4], u32 row) {
    if (row % 16 != 0 || row + 16 > emulation::device.shared.size())
        emulation::fail("a matrix row that is not aligned, or nowhere");
    emulation::together(101, emulation::device.shared.data() + row, &r, [](emulation::Meeting& meeting, unsigned lanes) {
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
    if (to % 16 != 0 || to + 16 > device.shared.size() || reinterpret_cast<uintptr_t>(from) % 16 != 0)
        emulation::fail("a copy that is not aligned, or to nowhere");
    device.fibres[device.current].copies.back().push_back({device.shared.data() + to, static_cast<const u8*>(from)});
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
