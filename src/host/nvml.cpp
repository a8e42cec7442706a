#include "host/nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <utility>

namespace assay::host {
namespace {

// The parts of NVML's C interface that are used: names, types and numbers as its reference manual gives them.
using Handle = void*;
struct MemoryInfo {
  unsigned long long total, free, used;
};
struct ProcessInfo {  // of nvmlDeviceGetComputeRunningProcesses_v3
  unsigned process;
  unsigned long long memory_bytes;
  unsigned gpu_instance, compute_instance;
};
constexpr unsigned long long no_value = ~0ULL;
constexpr unsigned processes_max = 1024;
constexpr unsigned clock_sm = 1;
constexpr unsigned sensor_gpu = 0;
constexpr unsigned gpus_max = 1024;

struct Functions {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error)(int) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Handle*) = nullptr;
  int (*name)(Handle, char*, unsigned) = nullptr;
  int (*memory)(Handle, MemoryInfo*) = nullptr;
  int (*energy)(Handle, unsigned long long*) = nullptr;  // millijoules
  int (*clock)(Handle, unsigned, unsigned*) = nullptr;
  int (*temperature)(Handle, unsigned, unsigned*) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  int (*processes)(Handle, unsigned*, ProcessInfo*) = nullptr;  // not in old drivers
};

class OpenNvml final : public Nvml {
 public:
  OpenNvml(void* library, const Functions& functions) : library_(library), call_(functions) {}
  OpenNvml(const OpenNvml&) = delete;
  OpenNvml& operator=(const OpenNvml&) = delete;
  ~OpenNvml() override {
    if (started_) call_.shutdown();
    dlclose(library_);
  }

  Result<void> start() {
    ASSAY_TRY(check(call_.init(), "nvmlInit"));
    started_ = true;
    unsigned count = 0;
    ASSAY_TRY(check(call_.count(&count), "nvmlDeviceGetCount"));
    if (count == 0 || count > gpus_max) return fail(Errc::unsupported, "NVML: " + std::to_string(count) + " GPUs");
    for (unsigned i = 0; i < count; ++i) {
      Handle handle = nullptr;
      ASSAY_TRY(check(call_.handle(i, &handle), "nvmlDeviceGetHandleByIndex"));
      std::array<char, 128> name{};
      if (call_.name(handle, name.data(), name.size() - 1) != 0) name = {"NVIDIA GPU"};
      MemoryInfo memory{};
      if (call_.memory(handle, &memory) != 0) memory = {};
      handles_.push_back(handle);
      gpus_.push_back({name.data(), memory.total});
    }
    return {};
  }

  const std::vector<GpuFacts>& gpus() const override { return gpus_; }
  std::string driver() const override {
    std::array<char, 128> text{};
    return call_.driver(text.data(), text.size() - 1) == 0 ? text.data() : "";
  }
  std::optional<double> joules() const override {
    double sum = 0;
    for (Handle handle : handles_) {
      unsigned long long millijoules = 0;
      if (call_.energy(handle, &millijoules) != 0) return std::nullopt;
      sum += static_cast<double>(millijoules) * 1e-3;
    }
    return sum;
  }
  std::optional<std::uint64_t> memory_used() const override {
    std::uint64_t sum = 0;
    for (Handle handle : handles_) {
      MemoryInfo memory{};
      if (call_.memory(handle, &memory) != 0) return std::nullopt;
      sum += memory.used;
    }
    return sum;
  }
  std::optional<std::uint64_t> memory_used_by(std::span<const std::int64_t> processes) const override {
    if (call_.processes == nullptr) return std::nullopt;
    std::uint64_t sum = 0;
    std::vector<ProcessInfo> running(processes_max);
    for (Handle handle : handles_) {
      unsigned count = processes_max;
      if (call_.processes(handle, &count, running.data()) != 0) return std::nullopt;
      for (const ProcessInfo& one : std::span(running).first(std::min(count, processes_max))) {
        if (std::ranges::find(processes, static_cast<std::int64_t>(one.process)) == processes.end()) continue;
        if (one.memory_bytes == no_value) return std::nullopt;
        sum += one.memory_bytes;
      }
    }
    return sum;
  }
  std::optional<double> mhz() const override {
    unsigned value = 0;
    return call_.clock(handles_.front(), clock_sm, &value) == 0 ? std::optional<double>(value) : std::nullopt;
  }
  std::optional<double> celsius() const override {
    std::optional<double> hottest;
    for (Handle handle : handles_) {
      unsigned value = 0;
      if (call_.temperature(handle, sensor_gpu, &value) == 0) {
        hottest = std::max(hottest.value_or(0), static_cast<double>(value));
      }
    }
    return hottest;
  }

 private:
  Result<void> check(int code, const char* what) const {
    if (code == 0) return {};
    const char* text = call_.error(code);
    return fail(Errc::unsupported, std::string(what) + ": " + (text == nullptr ? "?" : text));
  }

  void* library_;
  Functions call_;
  bool started_ = false;
  std::vector<Handle> handles_;
  std::vector<GpuFacts> gpus_;
};

}  // namespace

Result<std::unique_ptr<Nvml>> open_nvml(const std::string& library) {
  void* opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return fail(Errc::not_found, library + ": no such library");
  Functions functions;
  std::string missing;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(opened, name));
    if (function == nullptr && missing.empty()) missing = name;
  };
  find(functions.init, "nvmlInit_v2");
  find(functions.shutdown, "nvmlShutdown");
  find(functions.error, "nvmlErrorString");
  find(functions.count, "nvmlDeviceGetCount_v2");
  find(functions.handle, "nvmlDeviceGetHandleByIndex_v2");
  find(functions.name, "nvmlDeviceGetName");
  find(functions.memory, "nvmlDeviceGetMemoryInfo");
  find(functions.energy, "nvmlDeviceGetTotalEnergyConsumption");
  find(functions.clock, "nvmlDeviceGetClockInfo");
  find(functions.temperature, "nvmlDeviceGetTemperature");
  find(functions.driver, "nvmlSystemGetDriverVersion");
  const std::string needed = std::exchange(missing, "");
  find(functions.processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  if (!needed.empty()) {
    missing = needed;
    dlclose(opened);
    return fail(Errc::unsupported, library + ": has no " + missing);
  }
  auto nvml = std::make_unique<OpenNvml>(opened, functions);
  ASSAY_TRY(nvml->start());
  return nvml;
}

}  // namespace assay::host
