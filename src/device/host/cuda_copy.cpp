#include "device/host/cuda_copy.h"

#include <dlfcn.h>

#include <algorithm>
#include <type_traits>

namespace assay::device {
namespace {

// The parts of the driver's C interface that are used: names, types and numbers as its reference manual gives them.
using Device = int;
using Context = void*;
using Address = unsigned long long;

struct Functions {
  int (*init)(unsigned) = nullptr;
  int (*error)(int, const char**) = nullptr;
  int (*device)(Device*, int) = nullptr;
  int (*retain)(Context*, Device) = nullptr;
  int (*release)(Device) = nullptr;
  int (*set_current)(Context) = nullptr;
  int (*allocate)(Address*, std::size_t) = nullptr;
  int (*free)(Address) = nullptr;
  int (*fill)(Address, unsigned char, std::size_t) = nullptr;
  int (*copy)(Address, Address, std::size_t) = nullptr;
  int (*synchronize)() = nullptr;
};

class Library {
 public:
  explicit Library(void* opened) : opened_(opened) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { dlclose(opened_); }

  // The first function that is missing; "": all are there.
  std::string load() {
    std::string missing;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(opened_, name));
      if (function == nullptr && missing.empty()) missing = name;
    };
    find(call.init, "cuInit");
    find(call.error, "cuGetErrorName");
    find(call.device, "cuDeviceGet");
    find(call.retain, "cuDevicePrimaryCtxRetain");
    find(call.release, "cuDevicePrimaryCtxRelease_v2");
    find(call.set_current, "cuCtxSetCurrent");
    find(call.allocate, "cuMemAlloc_v2");
    find(call.free, "cuMemFree_v2");
    find(call.fill, "cuMemsetD8_v2");
    find(call.copy, "cuMemcpyDtoD_v2");
    find(call.synchronize, "cuCtxSynchronize");
    return missing;
  }

  Result<void> check(int code, const char* what) const {
    if (code == 0) return {};
    const char* text = nullptr;
    const bool told = call.error(code, &text) == 0 && text != nullptr;
    return fail(Errc::unsupported, std::string(what) + ": " + (told ? text : "error " + std::to_string(code)));
  }

  Functions call;

 private:
  void* opened_;
};

// A context and memory in it, given back at the end.
class Held {
 public:
  explicit Held(const Library& library) : cuda_(library) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (!retained_) return;
    for (const Address address : {from, to}) {
      if (address != 0) cuda_.call.free(address);
    }
    cuda_.call.set_current(nullptr);
    cuda_.call.release(device_);
  }

  Result<void> take(std::uint64_t bytes) {
    Context context = nullptr;
    ASSAY_TRY(cuda_.check(cuda_.call.init(0), "cuInit"));
    ASSAY_TRY(cuda_.check(cuda_.call.device(&device_, 0), "cuDeviceGet"));
    ASSAY_TRY(cuda_.check(cuda_.call.retain(&context, device_), "cuDevicePrimaryCtxRetain"));
    retained_ = true;
    ASSAY_TRY(cuda_.check(cuda_.call.set_current(context), "cuCtxSetCurrent"));
    for (Address* address : {&from, &to}) {
      ASSAY_TRY(cuda_.check(cuda_.call.allocate(address, bytes), "cuMemAlloc"));
      ASSAY_TRY(cuda_.check(cuda_.call.fill(*address, 0x5A, bytes), "cuMemsetD8"));
    }
    return {};
  }

  Address from = 0;
  Address to = 0;

 private:
  const Library& cuda_;
  Device device_ = 0;
  bool retained_ = false;
};

}  // namespace

Result<double> cuda_copy_gb_s(const Clock& clock, const CudaCopySettings& settings, const std::string& library) {
  void* opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return fail(Errc::not_found, library + ": no such library");
  Library cuda(opened);
  if (const std::string missing = cuda.load(); !missing.empty())
    return fail(Errc::unsupported, library + ": has no " + missing);
  Held held(cuda);
  ASSAY_TRY(held.take(settings.bytes));
  double best_s = 1e9;
  for (int round = 0; round < settings.rounds; ++round) {
    ASSAY_TRY(cuda.check(cuda.call.synchronize(), "cuCtxSynchronize"));
    const std::int64_t start_ns = clock.now_ns();
    for (int i = 0; i < settings.copies; ++i)
      ASSAY_TRY(cuda.check(cuda.call.copy(held.to, held.from, settings.bytes), "cuMemcpyDtoD"));
    ASSAY_TRY(cuda.check(cuda.call.synchronize(), "cuCtxSynchronize"));
    best_s = std::min(best_s, static_cast<double>(clock.now_ns() - start_ns) * 1e-9);
  }
  return 2.0 * static_cast<double>(settings.bytes) * settings.copies / std::max(best_s, 1e-9) * 1e-9;
}

}  // namespace assay::device
