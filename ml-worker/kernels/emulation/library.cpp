// The kernels as a library for a host: memory between guard pages, and launches by name.
#include <sys/mman.h>

#include "device.hpp"

#include "../quern.cu"

#include <map>
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
    ENTRY(stages), ENTRY(start), ENTRY(forget_peaks), ENTRY(gather), ENTRY(transpose), ENTRY(quantise), ENTRY(peak), ENTRY(softmax),
    ENTRY(update_bias), ENTRY(finish), ENTRY(leaf_chunks), ENTRY(leaves), ENTRY(root), ENTRY(job), ENTRY(dense), ENTRY(sparse),
    ENTRY(noise), ENTRY(draws),
};

constexpr size_t PAGE = 4096;

size_t pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

}  // namespace

// Zeroed memory that ends where nothing can be touched; null if there is none left.
EXPORTED void* emulation_allocate(size_t bytes) {
    size_t whole = pages(bytes) + 2 * PAGE;
    void* start = mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(static_cast<u8*>(start) + PAGE, pages(bytes), PROT_READ | PROT_WRITE) != 0) return nullptr;
    return static_cast<u8*>(start) + PAGE + pages(bytes) - (bytes + 15) / 16 * 16;
}

EXPORTED void emulation_free(void* memory, size_t bytes) {
    u8* start = reinterpret_cast<u8*>(reinterpret_cast<uintptr_t>(memory) / PAGE * PAGE) - PAGE;
    munmap(start, pages(bytes) + 2 * PAGE);
}

// Stages of a product's ring.
EXPORTED u32 emulation_stages() { return STAGES; }

// Runs a kernel; 0 if there is none of this name and number of arguments.
EXPORTED int emulation_launch(const char* name, const u32* grid, u32 threads, u32 shared, u64* slots, size_t arguments) {
    auto found = kernels.find(name);
    if (found == kernels.end() || found->second.arguments != arguments) return 0;
    auto& device = emulation::device;
    device.body = found->second.body;
    device.arguments = slots;
    device.block_size = {threads, 1, 1};
    device.grid = {grid[0], grid[1], 1};
    // Shared memory holds anything at first.
    device.shared.assign(shared + 128, 0xA5);
    if (device.fibres.size() < threads || device.fibres.size() > threads) {
        for (auto& fibre : device.fibres) std::free(fibre.stack);
        device.fibres.assign(threads, {});
        for (u32 i = 0; i < threads; i++) device.fibres[i].thread = {i, 0, 0};
    }
    for (u32 y = 0; y < grid[1]; y++)
        for (u32 x = 0; x < grid[0]; x++) {
            device.block = {x, y, 0};
            emulation::run_block();
        }
    return 1;
}
