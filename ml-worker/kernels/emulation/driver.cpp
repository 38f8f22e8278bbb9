// The part of NVIDIA's driver that the backend calls, over the emulation, to be loaded in its place: what is asked for in the wrong
// order, without a context, or beyond an allocation is refused as the driver's manual says.
#include "library.cpp"

namespace {

enum Result { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALISED = 3, INVALID_DEVICE = 101, INVALID_CONTEXT = 201, NOT_FOUND = 500 };

// Dynamic shared memory of a block without and with asking, as on compute capability 9.0.
constexpr u32 SHARED = 48 << 10, MOST_SHARED = 227 << 10;

bool initialised = false;
int retained = 0;
thread_local void* current = nullptr;
std::map<u64, size_t> allocations;
std::map<std::string, u32> shared_of;

// What every call but the first ones needs.
Result in_context() {
    if (!initialised) return NOT_INITIALISED;
    return retained > 0 && current ? SUCCESS : INVALID_CONTEXT;
}

// Whether so many bytes from there on are allocated.
bool owned(u64 address, size_t bytes) {
    auto next = allocations.upper_bound(address);
    if (next == allocations.begin()) return false;
    --next;
    return address + bytes <= next->first + next->second;
}

}  // namespace

EXPORTED int cuInit(unsigned flags) {
    initialised = flags == 0;
    return initialised ? SUCCESS : INVALID_VALUE;
}
EXPORTED int cuGetErrorName(int, const char** text) {
    *text = "EMULATED";
    return SUCCESS;
}
EXPORTED int cuGetErrorString(int, const char** text) {
    *text = "the emulated driver refuses";
    return SUCCESS;
}
EXPORTED int cuDeviceGetCount(int* count) {
    *count = 1;
    return initialised ? SUCCESS : NOT_INITIALISED;
}
EXPORTED int cuDeviceGet(int* device, int ordinal) {
    *device = 7;
    return ordinal == 0 ? SUCCESS : INVALID_DEVICE;
}
EXPORTED int cuDeviceGetName(char* name, int length, int device) {
    std::snprintf(name, size_t(length), "emulated driver");
    return device == 7 ? SUCCESS : INVALID_DEVICE;
}
EXPORTED int cuDeviceGetAttribute(int* value, int attribute, int device) {
    if (device != 7) return INVALID_DEVICE;
    switch (attribute) {
        case 75:  // compute capability, major
            *value = 9;
            return SUCCESS;
        case 76:  // and minor
            *value = 0;
            return SUCCESS;
        case 81:  // shared memory of a multiprocessor
            *value = 228 << 10;
            return SUCCESS;
        default:
            return INVALID_VALUE;
    }
}
EXPORTED int cuDevicePrimaryCtxRetain(void** context, int device) {
    if (!initialised || device != 7) return INVALID_DEVICE;
    retained++;
    *context = &retained;
    return SUCCESS;
}
EXPORTED int cuDevicePrimaryCtxRelease_v2(int) { return retained-- > 0 ? SUCCESS : INVALID_CONTEXT; }
EXPORTED int cuCtxSetCurrent(void* context) {
    current = context;
    return context == &retained ? SUCCESS : INVALID_CONTEXT;
}
EXPORTED int cuModuleLoadData(void** module, const void* image) {
    if (Result no = in_context()) return no;
    *module = &shared_of;
    return image ? SUCCESS : INVALID_VALUE;
}
EXPORTED int cuModuleUnload(void* module) {
    if (Result no = in_context()) return no;
    return module == &shared_of ? SUCCESS : INVALID_VALUE;
}
EXPORTED int cuModuleGetFunction(void** function, void* module, const char* name) {
    if (Result no = in_context()) return no;
    const std::string prefix = "quern_", full = name;
    if (module != &shared_of || full.compare(0, prefix.size(), prefix) != 0) return NOT_FOUND;
    auto found = kernels.find(full.substr(prefix.size()));
    if (found == kernels.end()) return NOT_FOUND;
    shared_of.emplace(found->first, SHARED);
    *function = const_cast<std::string*>(&found->first);
    return SUCCESS;
}
EXPORTED int cuFuncSetAttribute(void* function, int attribute, int value) {
    if (Result no = in_context()) return no;
    // 8: the most dynamic shared memory; 9: the part of the cache to use for it, in percent.
    if (attribute == 9) return value >= 0 && value <= 100 ? SUCCESS : INVALID_VALUE;
    if (attribute != 8 || value < 0 || u32(value) > MOST_SHARED) return INVALID_VALUE;
    shared_of[*static_cast<std::string*>(function)] = u32(value);
    return SUCCESS;
}
EXPORTED int cuMemAlloc_v2(u64* address, size_t bytes) {
    if (Result no = in_context()) return no;
    void* memory = bytes > 0 ? emulation_allocate(bytes) : nullptr;
    if (!memory) return bytes > 0 ? OUT_OF_MEMORY : INVALID_VALUE;
    // Memory holds anything at first.
    std::memset(memory, 0xA5, bytes);
    *address = reinterpret_cast<u64>(memory);
    allocations[*address] = bytes;
    return SUCCESS;
}
EXPORTED int cuMemFree_v2(u64 address) {
    if (Result no = in_context()) return no;
    auto found = allocations.find(address);
    if (found == allocations.end()) return INVALID_VALUE;
    emulation_free(reinterpret_cast<void*>(address), found->second);
    allocations.erase(found);
    return SUCCESS;
}
EXPORTED int cuMemsetD8_v2(u64 address, u8 value, size_t count) {
    if (Result no = in_context()) return no;
    if (!owned(address, count)) return INVALID_VALUE;
    std::memset(reinterpret_cast<void*>(address), value, count);
    return SUCCESS;
}
EXPORTED int cuMemcpyHtoD_v2(u64 to, const void* from, size_t bytes) {
    if (Result no = in_context()) return no;
    if (!owned(to, bytes)) return INVALID_VALUE;
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    return SUCCESS;
}
EXPORTED int cuMemcpyDtoH_v2(void* to, u64 from, size_t bytes) {
    if (Result no = in_context()) return no;
    if (!owned(from, bytes)) return INVALID_VALUE;
    std::memcpy(to, reinterpret_cast<void*>(from), bytes);
    return SUCCESS;
}
EXPORTED int cuLaunchKernel(void* function, u32 x, u32 y, u32 z, u32 threads, u32 threads_y, u32 threads_z, u32 shared, void*,
                            void** arguments, void** extra) {
    if (Result no = in_context()) return no;
    const auto& name = *static_cast<std::string*>(function);
    bool fits = x > 0 && y > 0 && y <= 65535 && z == 1 && threads > 0 && threads <= 1024 && threads_y == 1 && threads_z == 1;
    if (!fits || shared > shared_of[name] || extra) return INVALID_VALUE;
    u64 slots[32];
    size_t count = kernels.at(name).arguments;
    for (size_t i = 0; i < count; i++) std::memcpy(&slots[i], arguments[i], 8);
    u32 grid[2] = {x, y};
    return emulation_launch(name.c_str(), grid, threads, shared, slots, count) ? SUCCESS : NOT_FOUND;
}
