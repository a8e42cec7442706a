#include "host/cuda_read.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <utility>

#include "host/cuda_ptx.h"

namespace assay::host {
namespace {

// The parts of the driver's C interface that are used: names, types and numbers as its reference manual gives them.
using Device = int;
using Context = void*;
using Module = void*;
using Function = void*;
using Address = unsigned long long;
constexpr int attribute_processors = 16;  // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
constexpr int attribute_l2_bytes = 38;    // CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE

struct Calls {
  int (*init)(unsigned) = nullptr;
  int (*error)(int, const char**) = nullptr;
  int (*device)(Device*, int) = nullptr;
  int (*name)(char*, int, Device) = nullptr;
  int (*attribute)(int*, int, Device) = nullptr;
  int (*retain)(Context*, Device) = nullptr;
  int (*release)(Device) = nullptr;
  int (*set_current)(Context) = nullptr;
  int (*load_module)(Module*, const void*) = nullptr;
  int (*unload_module)(Module) = nullptr;
  int (*function)(Function*, Module, const char*) = nullptr;
  int (*launch)(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                void**) = nullptr;
  int (*free_memory)(std::size_t*, std::size_t*) = nullptr;
  int (*allocate)(Address*, std::size_t) = nullptr;
  int (*free)(Address) = nullptr;
  int (*to_host)(void*, Address, std::size_t) = nullptr;
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
    find(call.name, "cuDeviceGetName");
    find(call.attribute, "cuDeviceGetAttribute");
    find(call.retain, "cuDevicePrimaryCtxRetain");
    find(call.release, "cuDevicePrimaryCtxRelease_v2");
    find(call.set_current, "cuCtxSetCurrent");
    find(call.load_module, "cuModuleLoadData");
    find(call.unload_module, "cuModuleUnload");
    find(call.function, "cuModuleGetFunction");
    find(call.launch, "cuLaunchKernel");
    find(call.free_memory, "cuMemGetInfo_v2");
    find(call.allocate, "cuMemAlloc_v2");
    find(call.free, "cuMemFree_v2");
    find(call.to_host, "cuMemcpyDtoH_v2");
    find(call.synchronize, "cuCtxSynchronize");
    return missing;
  }

  Result<void> check(int code, const char* what) const {
    if (code == 0) return {};
    const char* text = nullptr;
    const bool told = call.error(code, &text) == 0 && text != nullptr;
    return fail(Errc::unsupported, std::string(what) + ": " + (told ? text : "error " + std::to_string(code)));
  }

  Calls call;

 private:
  void* opened_;
};

// Memory of the GPU, given back at the end.
class Buffer {
 public:
  explicit Buffer(const Library& cuda) : cuda_(cuda) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (address != 0) cuda_.call.free(address);
  }
  Result<void> take(std::uint64_t bytes) { return cuda_.check(cuda_.call.allocate(&address, bytes), "cuMemAlloc"); }

  Address address = 0;

 private:
  const Library& cuda_;
};

// 0 + 1 + ... + (words - 1) in 32 bits; words is a multiple of 4.
std::uint32_t sum_of_indices(std::uint64_t words) { return static_cast<std::uint32_t>(words / 2 * (words - 1)); }

struct Way {
  std::size_t kernel = 0;  // index in cuda_read_kernels
  unsigned blocks = 0;
  unsigned threads = 0;  // of a block
};

std::string words_of(const Way& way) {
  const CudaReadKernel& kernel = cuda_read_kernels[way.kernel];
  return std::to_string(way.blocks) + " blocks of " + std::to_string(way.threads) + " threads, " + kernel.load + ", " +
         std::to_string(kernel.loads) + (kernel.loads == 1 ? " load each" : " loads each");
}

class Reader final : public CudaReader {
 public:
  explicit Reader(void* opened) : cuda_(opened) {}
  ~Reader() override {
    if (!retained_) return;
    cuda_.call.set_current(context_);
    if (module_ != nullptr) cuda_.call.unload_module(module_);
    cuda_.call.set_current(nullptr);
    cuda_.call.release(device_);
  }

  Result<void> start(const std::string& library) {
    if (const std::string missing = cuda_.load(); !missing.empty())
      return fail(Errc::unsupported, library + ": has no " + missing);
    const Calls& call = cuda_.call;
    ASSAY_TRY(cuda_.check(call.init(0), "cuInit"));
    ASSAY_TRY(cuda_.check(call.device(&device_, 0), "cuDeviceGet"));
    std::array<char, 256> name{};
    ASSAY_TRY(cuda_.check(call.name(name.data(), static_cast<int>(name.size()) - 1, device_), "cuDeviceGetName"));
    name_ = name.data();
    ASSAY_TRY(cuda_.check(call.attribute(&processors_, attribute_processors, device_), "cuDeviceGetAttribute"));
    ASSAY_TRY(cuda_.check(call.attribute(&l2_bytes_, attribute_l2_bytes, device_), "cuDeviceGetAttribute"));
    if (processors_ < 1 || l2_bytes_ < 0)
      return fail(Errc::unsupported, name_ + ": " + std::to_string(processors_) + " multiprocessors and " +
                                         std::to_string(l2_bytes_) + " bytes of L2, expected some");
    ASSAY_TRY(cuda_.check(call.retain(&context_, device_), "cuDevicePrimaryCtxRetain"));
    retained_ = true;
    ASSAY_TRY(cuda_.check(call.set_current(context_), "cuCtxSetCurrent"));
    const std::string module = cuda_read_module();
    ASSAY_TRY(cuda_.check(call.load_module(&module_, module.c_str()), "cuModuleLoadData"));
    ASSAY_TRY(cuda_.check(call.function(&fill_, module_, cuda_fill_kernel.data()), "cuModuleGetFunction"));
    for (std::size_t i = 0; i < std::size(cuda_read_kernels); ++i) {
      ASSAY_TRY(cuda_.check(call.function(&functions_[i], module_, cuda_read_kernels[i].name), "cuModuleGetFunction"));
    }
    ASSAY_TRY(cuda_.check(call.set_current(nullptr), "cuCtxSetCurrent"));
    return {};
  }

  std::string name() const override { return name_; }
  std::uint64_t cache_bytes() const override { return static_cast<std::uint64_t>(l2_bytes_); }
  const std::vector<CudaWay>& ways() const override { return ways_; }

  Result<CudaRead> read(const Clock& clock, const CudaReadSettings& settings) override {
    ASSAY_TRY(cuda_.check(cuda_.call.set_current(context_), "cuCtxSetCurrent"));
    auto out = read_here(clock, settings);
    cuda_.call.set_current(nullptr);
    return out;
  }

 private:
  Result<CudaRead> read_here(const Clock& clock, const CudaReadSettings& settings) {
    const auto bytes = bytes_for(settings);
    if (!bytes) return std::unexpected(bytes.error());
    const std::uint64_t vectors = *bytes / 16;
    if (order_.empty()) order_ = all_ways(vectors);
    std::uint64_t sums_most = 0;
    for (const Way& way : order_) {
      sums_most = std::max(sums_most, std::uint64_t{way.blocks} * way.threads / 32);
    }
    Buffer from(cuda_);
    Buffer sums(cuda_);
    ASSAY_TRY(from.take(*bytes));
    ASSAY_TRY(sums.take(sums_most * 4));
    ASSAY_TRY(launch(fill_, static_cast<unsigned>(processors_) * 8, 256, from.address, vectors, std::nullopt));
    ASSAY_TRY(cuda_.check(cuda_.call.synchronize(), "cuCtxSynchronize"));

    const bool first = ways_.empty();
    const std::size_t count = first ? order_.size() : std::min(order_.size(), settings.ways_each_time);
    std::vector<std::pair<double, Way>> met;
    for (std::size_t i = 0; i < count; ++i) {
      const Way way = order_[i];
      if (first) ASSAY_TRY(check_way(way, from.address, vectors, sums.address));
      const auto rate = timed(clock, settings, first ? 1 : settings.rounds, way, from.address, vectors, sums.address);
      if (!rate) return std::unexpected(rate.error());
      met.emplace_back(*rate, way);
      if (first) ways_.push_back({words_of(way), *rate});
    }
    std::ranges::stable_sort(met, std::greater<>(), [](const auto& each) { return each.first; });
    if (first) {  // tried once: the best of them are tried again
      order_.clear();
      for (const auto& each : met) order_.push_back(each.second);
      return read_again(clock, settings, from.address, vectors, sums.address);
    }
    for (std::size_t i = 0; i < count; ++i) order_[i] = met[i].second;
    return CudaRead{.gb_s = met.front().first, .pattern = words_of(met.front().second)};
  }

  Result<CudaRead> read_again(const Clock& clock, const CudaReadSettings& settings, Address from, std::uint64_t vectors,
                              Address sums) {
    CudaRead best;
    for (std::size_t i = 0; i < std::min(order_.size(), settings.ways_each_time); ++i) {
      const auto rate = timed(clock, settings, settings.rounds, order_[i], from, vectors, sums);
      if (!rate) return std::unexpected(rate.error());
      if (*rate > best.gb_s) best = {.gb_s = *rate, .pattern = words_of(order_[i])};
    }
    return best;
  }

  Result<std::uint64_t> bytes_for(const CudaReadSettings& settings) {
    std::uint64_t bytes = settings.bytes;
    if (bytes == 0) {
      std::size_t free = 0;
      std::size_t total = 0;
      ASSAY_TRY(cuda_.check(cuda_.call.free_memory(&free, &total), "cuMemGetInfo"));
      bytes = std::min<std::uint64_t>(std::max(std::uint64_t{4} << 30, 64 * cache_bytes()), free / 4);
    }
    return std::max(bytes / 4096, std::uint64_t{1}) * 4096;
  }

  // Grids of a few blocks for each multiprocessor, whose threads go over the memory in strides; and one in which every
  // thread loads its share once.
  std::vector<Way> all_ways(std::uint64_t vectors) const {
    std::vector<Way> out;
    for (std::size_t kernel = 0; kernel < std::size(cuda_read_kernels); ++kernel) {
      for (const unsigned threads : {256U, 512U, 1024U}) {
        for (const unsigned each : {1U, 2U, 4U, 8U, 16U, 32U}) {
          if (each * threads < 1024) continue;  // too few to hide the latency
          out.push_back({kernel, static_cast<unsigned>(processors_) * each, threads});
        }
        const std::uint64_t once = vectors / cuda_read_kernels[kernel].loads / threads;
        if (once > 0 && once < (std::uint64_t{1} << 31)) out.push_back({kernel, static_cast<unsigned>(once), threads});
      }
    }
    return out;
  }

  Result<void> launch(Function function, unsigned blocks, unsigned threads, Address from, std::uint64_t vectors,
                      std::optional<Address> sums) {
    std::array<void*, 3> arguments{&from, &vectors, sums ? &*sums : nullptr};
    return cuda_.check(cuda_.call.launch(function, blocks, 1, 1, threads, 1, 1, 0, nullptr, arguments.data(), nullptr),
                       "cuLaunchKernel");
  }

  // GB/s, the best of `rounds`.
  Result<double> timed(const Clock& clock, const CudaReadSettings& settings, int rounds, const Way& way, Address from,
                       std::uint64_t vectors, Address sums) {
    double best_s = 1e9;
    for (int round = 0; round < rounds; ++round) {
      ASSAY_TRY(launch(functions_[way.kernel], way.blocks, way.threads, from, vectors, sums));  // wakes it
      ASSAY_TRY(cuda_.check(cuda_.call.synchronize(), "cuCtxSynchronize"));
      const std::int64_t start_ns = clock.now_ns();
      for (int i = 0; i < settings.passes; ++i) {
        ASSAY_TRY(launch(functions_[way.kernel], way.blocks, way.threads, from, vectors, sums));
      }
      ASSAY_TRY(cuda_.check(cuda_.call.synchronize(), "cuCtxSynchronize"));
      best_s = std::min(best_s, static_cast<double>(clock.now_ns() - start_ns) * 1e-9);
    }
    return 16.0 * static_cast<double>(vectors) * settings.passes / std::max(best_s, 1e-9) * 1e-9;
  }

  // Every word was read, and once: they add up to 0 + 1 + 2 + ...
  Result<void> check_way(const Way& way, Address from, std::uint64_t vectors, Address sums) {
    ASSAY_TRY(launch(functions_[way.kernel], way.blocks, way.threads, from, vectors, sums));
    ASSAY_TRY(cuda_.check(cuda_.call.synchronize(), "cuCtxSynchronize"));
    std::vector<std::uint32_t> parts(std::size_t{way.blocks} * way.threads / 32);
    ASSAY_TRY(cuda_.check(cuda_.call.to_host(parts.data(), sums, parts.size() * 4), "cuMemcpyDtoH"));
    std::uint32_t met = 0;
    for (const std::uint32_t part : parts) met += part;
    const std::uint32_t expected = sum_of_indices(4 * vectors);
    if (met == expected) return {};
    return fail(Errc::bug, words_of(way) + ": the words read add up to " + std::to_string(met) + ", expected " +
                               std::to_string(expected));
  }

  Library cuda_;
  Device device_ = 0;
  Context context_ = nullptr;
  Module module_ = nullptr;
  Function fill_ = nullptr;
  std::array<Function, std::size(cuda_read_kernels)> functions_{};
  bool retained_ = false;
  std::string name_;
  int processors_ = 0;
  int l2_bytes_ = 0;
  std::vector<Way> order_;  // fastest first once they were tried
  std::vector<CudaWay> ways_;
};

}  // namespace

Result<std::unique_ptr<CudaReader>> CudaReader::open(const std::string& library) {
  void* opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return fail(Errc::not_found, library + ": no such library");
  auto reader = std::make_unique<Reader>(opened);
  ASSAY_TRY(reader->start(library));
  return reader;
}

}  // namespace assay::host
