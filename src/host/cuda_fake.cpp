// What the driver's library does on a machine with one GPU, for tests: its memory is this process's, and its kernels do in
// C++ what the text of ours says (host/cuda_ptx.h). Whether the text itself is right, only a GPU shows.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {
bool ordered(const char* order) {
  const char* given = std::getenv("FAKE_CUDA_ORDER");
  return given != nullptr && std::strcmp(given, order) == 0;
}
int taken = 0;  // contexts, modules and buffers
bool current = false;

struct Named {
  char name[32];
};
Named functions[64];
int functions_count = 0;

// Which of a kernel's loads a thread does, as its text has it.
void read(const std::uint32_t* from, std::uint64_t vectors, std::uint32_t* sums, std::uint64_t threads) {
  for (std::uint64_t warp = 0; warp < threads / 32; ++warp) {
    std::uint32_t sum = 0;
    for (std::uint64_t thread = warp * 32; thread < warp * 32 + 32; ++thread) {
      for (std::uint64_t i = thread; i < vectors; i += threads) {
        for (int word = 0; word < 4; ++word) sum += from[i * 4 + word];
      }
    }
    sums[warp] = sum;
  }
}
}  // namespace

extern "C" {
int cuInit(unsigned) { return ordered("no_gpu") ? 100 : 0; }
int cuGetErrorName(int code, const char** name) {
  *name = code == 2     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == 100 ? "CUDA_ERROR_NO_DEVICE"
          : code == 218 ? "CUDA_ERROR_INVALID_PTX"
                        : nullptr;
  return *name == nullptr ? 1 : 0;
}
int cuDeviceGet(int* device, int) { return *device = 7, 0; }
int cuDeviceGetName(char* name, int size, int) {
  return std::strncpy(name, "A GPU", static_cast<std::size_t>(size)), 0;
}
int cuDeviceGetAttribute(int* value, int which, int) { return *value = which == 16 ? 2 : 4096, 0; }
int cuDevicePrimaryCtxRetain(void** context, int device) { return *context = &taken, ++taken, device == 7 ? 0 : 101; }
int cuDevicePrimaryCtxRelease_v2(int device) { return --taken, device == 7 ? 0 : 101; }
int cuCtxSetCurrent(void* context) { return current = context != nullptr, 0; }
int cuModuleLoadData(void** module, const void* image) {
  const std::string text = static_cast<const char*>(image);
  if (!current || ordered("old") || !text.starts_with(".version 7.0\n.target sm_70\n")) return 218;
  return *module = &functions, ++taken, 0;
}
int cuModuleUnload(void*) { return --taken, current ? 0 : 201; }
int cuModuleGetFunction(void** function, void*, const char* name) {
  Named& named = functions[functions_count++ % 64];
  std::strncpy(named.name, name, sizeof named.name - 1);
  return *function = &named, 0;
}
int cuLaunchKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned, unsigned,
                   void*, void** arguments, void**) {
  if (!current || ordered("broken")) return 999;
  auto* from = reinterpret_cast<std::uint32_t*>(*static_cast<unsigned long long*>(arguments[0]));
  const std::uint64_t vectors = *static_cast<std::uint64_t*>(arguments[1]);
  if (std::strcmp(static_cast<Named*>(function)->name, "fill") == 0) {
    for (std::uint64_t i = 0; i < 4 * vectors; ++i) from[i] = static_cast<std::uint32_t>(i);
    return 0;
  }
  auto* sums = reinterpret_cast<std::uint32_t*>(*static_cast<unsigned long long*>(arguments[2]));
  // One vector too few: what a kernel with a wrong bound would do.
  read(from, ordered("forgets") ? vectors - 1 : vectors, sums, std::uint64_t{blocks} * threads);
  return 0;
}
int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) { return *free = 1 << 18, *total = 1 << 20, 0; }
int cuMemAlloc_v2(unsigned long long* address, std::size_t bytes) {
  if (ordered("full") && taken == 3) return 2;
  *address = reinterpret_cast<unsigned long long>(std::malloc(bytes));
  return ++taken, 0;
}
int cuMemFree_v2(unsigned long long address) {
  std::free(reinterpret_cast<void*>(address));
  return --taken, 0;
}
int cuMemcpyDtoH_v2(void* to, unsigned long long from, std::size_t bytes) {
  return std::memcpy(to, reinterpret_cast<void*>(from), bytes), 0;
}
int cuCtxSynchronize() { return current ? 0 : 201; }
int fake_cuda_taken() { return taken; }
}
