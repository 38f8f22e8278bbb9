// The kernels as a library for a host: memory between guard pages, and launches by name.
#include <sys/mman.h>

#include "device.hpp"

#include "../quern.cu"

#include <map>
#include <mutex>
#include <string>
#include <utility>

// Everything else is hidden, so that two of these libraries in one process share nothing.
#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

template <class T>
T argument(u64 slot) {
    T value;
    std::memcpy(&value, &slot, sizeof value);
    return value;
}

template <class... T, size_t... I>
void call(void (*kernel)(T...), const u64* slots, std::index_sequence<I...>) {
    kernel(argument<T>(slots[I])...);
}

template <auto KERNEL>
struct Launch;
template <class... T, void (*KERNEL)(T...)>
struct Launch<KERNEL> {
    static constexpr size_t ARGUMENTS = sizeof...(T);
    static void body(void* slots) {
        call(KERNEL, static_cast<const u64*>(slots), std::index_sequence_for<T...>());
    }
};

struct Entry {
    void (*body)(void*);
    size_t arguments;
};

#define ENTRY(name) {#name, {&Launch<&quern_##name>::body, Launch<&quern_##name>::ARGUMENTS}}
#define PRODUCT_ENTRIES(name) ENTRY(tensor_##name), ENTRY(dot_##name)

const std::map<std::string, Entry> kernels = {
    PRODUCT_ENTRIES(store), PRODUCT_ENTRIES(lottery_store), PRODUCT_ENTRIES(activate), PRODUCT_ENTRIES(lottery_activate),
    PRODUCT_ENTRIES(logits), PRODUCT_ENTRIES(propagate), PRODUCT_ENTRIES(update), PRODUCT_ENTRIES(digits),
    ENTRY(build), ENTRY(start), ENTRY(forget_peaks), ENTRY(gather), ENTRY(transpose), ENTRY(quantise), ENTRY(peak), ENTRY(softmax),
    ENTRY(update_bias), ENTRY(finish), ENTRY(leaf_chunks), ENTRY(leaves), ENTRY(root), ENTRY(job), ENTRY(dense), ENTRY(sparse),
    ENTRY(noise), ENTRY(draws),
};

constexpr size_t PAGE = 4096;

size_t pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

// One call at a time, whoever asks.
std::recursive_mutex turn;
using Turn = std::lock_guard<std::recursive_mutex>;

// Bytes that are allocated from an address on.
std::map<u64, size_t> allocations;

// The allocation that an address lies in.
std::map<u64, size_t>::const_iterator allocation_of(u64 address) {
    auto next = allocations.upper_bound(address);
    if (next == allocations.begin()) return allocations.end();
    --next;
    return address < next->first + next->second ? next : allocations.end();
}

// What the allocations hold that a kernel's arguments lie in.
std::map<u64, std::vector<u8>> contents(const u64* slots, size_t arguments) {
    std::map<u64, std::vector<u8>> found;
    for (size_t i = 0; i < arguments; i++) {
        auto allocation = allocation_of(slots[i]);
        if (allocation == allocations.end()) continue;
        auto from = reinterpret_cast<const u8*>(allocation->first);
        found[allocation->first].assign(from, from + allocation->second);
    }
    return found;
}

}  // namespace

// Where the linker puts the blocks' other shared memory, but for that of templates if the compiler is g++.
extern "C" __attribute__((visibility("hidden"))) u8 __start_quern_shared[], __stop_quern_shared[];

// Zeroed memory that ends where nothing can be touched; null if there is none left.
EXPORTED void* emulation_allocate(size_t bytes) {
    Turn alone(turn);
    size_t whole = pages(bytes) + 2 * PAGE;
    void* start = mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(static_cast<u8*>(start) + PAGE, pages(bytes), PROT_READ | PROT_WRITE) != 0) return nullptr;
    void* memory = static_cast<u8*>(start) + PAGE + pages(bytes) - (bytes + 15) / 16 * 16;
    allocations[reinterpret_cast<u64>(memory)] = bytes;
    return memory;
}

EXPORTED void emulation_free(void* memory) {
    Turn alone(turn);
    auto found = allocations.find(reinterpret_cast<u64>(memory));
    if (found == allocations.end()) return;
    munmap(reinterpret_cast<void*>(found->first / PAGE * PAGE - PAGE), pages(found->second) + 2 * PAGE);
    allocations.erase(found);
}

// Stages of a product's ring.
EXPORTED u32 emulation_stages() { return STAGES; }

namespace {

// Runs all blocks of a launch.
void run(emulation::Order order) {
    auto& device = emulation::device;
    device.order = order;
    device.handed_over = false;
    for (u32 y = 0; y < device.grid.y; y++)
        for (u32 x = 0; x < device.grid.x; x++) {
            device.block = {x, y, 0};
            // Shared memory holds anything at first.
            int anything = order == emulation::LATE ? 0xA5 : 0x5A;
            std::memset(device.shared, anything, device.shared_bytes);
            std::memset(__start_quern_shared, anything, size_t(__stop_quern_shared - __start_quern_shared));
            emulation::run_block();
        }
}

}  // namespace

// Runs a kernel, in both orders if its threads hand memory to each other; 0 if there is none of this name and number of arguments.
EXPORTED int emulation_launch(const char* name, const u32* grid, u32 threads, u32 shared, u64* slots, size_t arguments) {
    Turn alone(turn);
    auto found = kernels.find(name);
    if (found == kernels.end() || found->second.arguments != arguments) return 0;
    auto& device = emulation::device;
    device.body = found->second.body;
    device.arguments = slots;
    device.block_size = {threads, 1, 1};
    device.grid = {grid[0], grid[1], 1};
    if (!device.shared || device.shared_bytes != shared) {
        emulation_free(device.shared);
        device.shared = static_cast<u8*>(emulation_allocate(shared));
        device.shared_bytes = shared;
    }
    if (device.fibres.size() != threads) {
        for (auto& fibre : device.fibres) std::free(fibre.stack);
        device.fibres.assign(threads, {});
        for (u32 i = 0; i < threads; i++) device.fibres[i].thread = {i, 0, 0};
    }
    auto before = contents(slots, arguments);
    run(emulation::LATE);
    if (!device.handed_over) return 1;
    auto after = contents(slots, arguments);
    for (const auto& [address, bytes] : before) std::memcpy(reinterpret_cast<void*>(address), bytes.data(), bytes.size());
    run(emulation::EARLY);
    if (contents(slots, arguments) != after) {
        std::fprintf(stderr, "emulation: what quern_%s does depends on the order of its threads\n", name);
        std::abort();
    }
    return 1;
}
