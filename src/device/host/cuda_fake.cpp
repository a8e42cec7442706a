// What the driver's library does on a machine with one GPU, for tests: its memory is this process's.
#include <cstdlib>
#include <cstring>

namespace {
bool ordered(const char* order) {
  const char* given = std::getenv("FAKE_CUDA_ORDER");
  return given != nullptr && std::strcmp(given, order) == 0;
}
int taken = 0;  // contexts and buffers
}  // namespace

extern "C" {
int cuInit(unsigned) { return ordered("no_gpu") ? 100 : 0; }
int cuGetErrorName(int code, const char** name) {
  *name = code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : code == 100 ? "CUDA_ERROR_NO_DEVICE" : nullptr;
  return *name == nullptr ? 1 : 0;
}
int cuDeviceGet(int* device, int) { return *device = 7, 0; }
int cuDevicePrimaryCtxRetain(void** context, int device) { return *context = &taken, ++taken, device == 7 ? 0 : 101; }
int cuDevicePrimaryCtxRelease_v2(int device) { return --taken, device == 7 ? 0 : 101; }
int cuCtxSetCurrent(void*) { return 0; }
int cuMemAlloc_v2(unsigned long long* address, std::size_t bytes) {
  if (ordered("full") && taken == 2) return 2;
  *address = reinterpret_cast<unsigned long long>(std::malloc(bytes));
  return ++taken, 0;
}
int cuMemFree_v2(unsigned long long address) {
  std::free(reinterpret_cast<void*>(address));
  return --taken, 0;
}
int cuMemsetD8_v2(unsigned long long address, unsigned char value, std::size_t bytes) {
  std::memset(reinterpret_cast<void*>(address), value, bytes);
  return 0;
}
int cuMemcpyDtoD_v2(unsigned long long to, unsigned long long from, std::size_t bytes) {
  if (ordered("broken")) return 999;
  std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
  return 0;
}
int cuCtxSynchronize() { return 0; }
int fake_cuda_taken() { return taken; }
}
