// The part of NVIDIA's driver that the backend calls, over the emulation, to be loaded in its place: what is asked for in the wrong
// order, without a context, beyond an allocation or beyond the device's limits is refused as the driver's manual says.
//
// With QUERN_EMULATION_LAUNCHES=N in the environment the device fails in its N-th launch: as on a real one that launch is accepted,
// and whatever comes after it says so.
#include "library.cpp"

namespace {

enum Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALISED = 3,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NOT_FOUND = 500,
    LAUNCH_FAILED = 719,
};

struct Text {
    int result;
    const char *name, *meaning;
};
const Text TEXTS[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALISED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
};

// Dynamic shared memory of a block without and with asking, as on compute capability 9.0.
constexpr u32 SHARED = 48 << 10, MOST_SHARED = 227 << 10;

// Machine code is an ELF file for this kind of machine.
constexpr u8 ELF[4] = {0x7F, 'E', 'L', 'F'};
constexpr u16 CUDA_MACHINE = 190;

bool initialised = false;
int retained = 0;
thread_local void* current = nullptr;
std::map<std::string, u32> shared_of;
bool loaded = false;
bool lost = false;
u64 launches = 0;

// One call at a time, each with what all but the first ones need.
struct Call {
    Turn alone{turn};
    Result refusal = !initialised                 ? NOT_INITIALISED
                     : retained == 0 || !current ? INVALID_CONTEXT
                     : lost                       ? LAUNCH_FAILED
                                                  : SUCCESS;
};

// Whether so many bytes from there on are allocated, and any.
bool owned(u64 address, size_t bytes) {
    auto allocation = allocation_of(address);
    return allocation != allocations.end() && bytes > 0 && bytes <= allocation->first + allocation->second - address;
}

// Most threads of a block, by the kernels' launch bounds.
u32 most_threads(const std::string& name) {
    auto begins = [&](const char* with) { return name.rfind(with, 0) == 0; };
    if (begins("tensor_")) return TENSOR_THREADS;
    if (begins("dot_")) return DOT_THREADS;
    return name == "transpose" || name == "quantise" ? SQUARE_THREADS : 1024;
}

const Text* text_of(int result) {
    for (const auto& text : TEXTS)
        if (text.result == result) return &text;
    return nullptr;
}

}  // namespace

EXPORTED int cuInit(unsigned flags) {
    Turn alone(turn);
    initialised = flags == 0;
    return initialised ? SUCCESS : INVALID_VALUE;
}
EXPORTED int cuGetErrorName(int result, const char** name) {
    const Text* text = text_of(result);
    *name = text ? text->name : nullptr;
    return text ? SUCCESS : INVALID_VALUE;
}
EXPORTED int cuGetErrorString(int result, const char** meaning) {
    const Text* text = text_of(result);
    *meaning = text ? text->meaning : nullptr;
    return text ? SUCCESS : INVALID_VALUE;
}
// NVRTC asks for tables that only NVIDIA knows, and does without.
EXPORTED int cuGetExportTable(const void** table, const void*) {
    *table = nullptr;
    return NOT_FOUND;
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
    Turn alone(turn);
    if (!initialised || device != 7) return INVALID_DEVICE;
    retained++;
    *context = &retained;
    return SUCCESS;
}
EXPORTED int cuCtxSetCurrent(void* context) {
    current = context;
    return context == &retained ? SUCCESS : INVALID_CONTEXT;
}
// The kernels are this library's own; the image only has to be one, and may say what sources they should pass for.
EXPORTED int cuModuleLoadData(void** module, const void* image) {
    Call call;
    if (call.refusal) return call.refusal;
    if (!image) return INVALID_VALUE;
    auto bytes = static_cast<const u8*>(image);
    if (std::memcmp(bytes, ELF, sizeof ELF) == 0) {
        u16 machine;
        std::memcpy(&machine, bytes + 18, sizeof machine);
        if (machine != CUDA_MACHINE) return INVALID_IMAGE;
    } else {
        auto text = static_cast<const char*>(image);
        if (!std::strstr(text, ".version")) return INVALID_IMAGE;
        auto named = std::strstr(text, "SOURCES=");
        if (named) emulation::sources = u32(std::strtoul(named + std::strlen("SOURCES="), nullptr, 10));
    }
    loaded = true;
    *module = &shared_of;
    return SUCCESS;
}
EXPORTED int cuModuleUnload(void* module) {
    Call call;
    if (call.refusal) return call.refusal;
    return module == &shared_of ? SUCCESS : INVALID_VALUE;
}
EXPORTED int cuModuleGetFunction(void** function, void* module, const char* name) {
    Call call;
    if (call.refusal) return call.refusal;
    const std::string prefix = "quern_", full = name;
    if (!loaded || module != &shared_of || full.compare(0, prefix.size(), prefix) != 0) return NOT_FOUND;
    auto found = kernels.find(full.substr(prefix.size()));
    if (found == kernels.end()) return NOT_FOUND;
    shared_of.emplace(found->first, SHARED);
    *function = const_cast<std::string*>(&found->first);
    return SUCCESS;
}
EXPORTED int cuFuncSetAttribute(void* function, int attribute, int value) {
    Call call;
    if (call.refusal) return call.refusal;
    // 8: the most dynamic shared memory; 9: the part of the cache to use for it, in percent.
    if (attribute == 9) return value >= 0 && value <= 100 ? SUCCESS : INVALID_VALUE;
    if (attribute != 8 || value < 0 || u32(value) > MOST_SHARED) return INVALID_VALUE;
    shared_of[*static_cast<std::string*>(function)] = u32(value);
    return SUCCESS;
}
EXPORTED int cuMemAlloc_v2(u64* address, size_t bytes) {
    Call call;
    if (call.refusal) return call.refusal;
    void* memory = bytes > 0 ? emulation_allocate(bytes) : nullptr;
    if (!memory) return bytes > 0 ? OUT_OF_MEMORY : INVALID_VALUE;
    // Memory holds anything at first.
    std::memset(memory, 0xA5, bytes);
    *address = reinterpret_cast<u64>(memory);
    return SUCCESS;
}
EXPORTED int cuMemFree_v2(u64 address) {
    Call call;
    if (call.refusal) return call.refusal;
    if (allocations.count(address) == 0) return INVALID_VALUE;
    emulation_free(reinterpret_cast<void*>(address));
    return SUCCESS;
}
EXPORTED int cuMemsetD8_v2(u64 address, u8 value, size_t count) {
    Call call;
    if (call.refusal) return call.refusal;
    if (!owned(address, count)) return INVALID_VALUE;
    std::memset(reinterpret_cast<void*>(address), value, count);
    return SUCCESS;
}
EXPORTED int cuMemcpyHtoD_v2(u64 to, const void* from, size_t bytes) {
    Call call;
    if (call.refusal) return call.refusal;
    if (!owned(to, bytes)) return INVALID_VALUE;
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    return SUCCESS;
}
EXPORTED int cuMemcpyDtoH_v2(void* to, u64 from, size_t bytes) {
    Call call;
    if (call.refusal) return call.refusal;
    if (!owned(from, bytes)) return INVALID_VALUE;
    std::memcpy(to, reinterpret_cast<void*>(from), bytes);
    return SUCCESS;
}
EXPORTED int cuLaunchKernel(void* function, u32 x, u32 y, u32 z, u32 threads, u32 threads_y, u32 threads_z, u32 shared, void*,
                            void** arguments, void** extra) {
    Call call;
    if (call.refusal) return call.refusal;
    const auto& name = *static_cast<std::string*>(function);
    bool grid_fits = x > 0 && x < 1u << 31 && y > 0 && y <= 65535 && z == 1;
    bool block_fits = threads > 0 && threads <= most_threads(name) && threads_y == 1 && threads_z == 1;
    if (!grid_fits || !block_fits || shared > shared_of[name] || extra) return INVALID_VALUE;
    const char* last = std::getenv("QUERN_EMULATION_LAUNCHES");
    lost = last && ++launches >= std::strtoull(last, nullptr, 10);
    if (lost) return SUCCESS;
    u64 slots[32];
    size_t count = kernels.at(name).arguments;
    for (size_t i = 0; i < count; i++) std::memcpy(&slots[i], arguments[i], 8);
    u32 grid[2] = {x, y};
    return emulation_launch(name.c_str(), grid, threads, shared, slots, count) ? SUCCESS : NOT_FOUND;
}
