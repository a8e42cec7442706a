#include <dlfcn.h>
#include <libproc.h>
#include <mach-o/dyld.h>
#include <mach/mach.h>
#include <mach/mach_time.h>
#include <mach/task_info.h>
#include <malloc/malloc.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "host/host.h"
#include "host/identity.h"

// Never run on hardware yet: written from the system's headers and cross-built.
namespace assay::host {
namespace {

std::string text_of(const char* name) {
  std::array<char, 256> buffer{};
  std::size_t size = buffer.size() - 1;
  return sysctlbyname(name, buffer.data(), &size, nullptr, 0) == 0 ? std::string(buffer.data()) : std::string();
}

template <class T>
std::optional<T> value_of(const char* name) {
  T value{};
  std::size_t size = sizeof value;
  if (sysctlbyname(name, &value, &size, nullptr, 0) != 0 || size != sizeof value) return std::nullopt;
  return value;
}

std::optional<task_vm_info_data_t> task_memory() {
  task_vm_info_data_t info{};
  mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
  if (task_info(mach_task_self(), TASK_VM_INFO, reinterpret_cast<task_info_t>(&info), &count) != KERN_SUCCESS) {
    return std::nullopt;
  }
  return info;
}

std::optional<rusage_info_v4> usage_of(std::int64_t process) {
  rusage_info_v4 usage{};
  if (proc_pid_rusage(static_cast<int>(process), RUSAGE_INFO_V4, reinterpret_cast<rusage_info_t*>(&usage)) != 0) {
    return std::nullopt;
  }
  return usage;
}

// IOPSGetProvidingPowerSourceType by dlopen, so that nothing links to a framework.
std::string power_source() {
  void* library = dlopen("/System/Library/Frameworks/IOKit.framework/IOKit", RTLD_LAZY);
  if (library == nullptr) return "unknown";
  using Copy = const void* (*)();
  using Kind = const void* (*)(const void*);
  const auto copy = reinterpret_cast<Copy>(dlsym(library, "IOPSCopyPowerSourcesInfo"));
  const auto kind = reinterpret_cast<Kind>(dlsym(library, "IOPSGetProvidingPowerSourceType"));
  void* foundation = dlopen("/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation", RTLD_LAZY);
  if (copy == nullptr || kind == nullptr || foundation == nullptr) return "unknown";
  using GetText = unsigned char (*)(const void*, char*, long, std::uint32_t);
  using Release = void (*)(const void*);
  const auto get_text = reinterpret_cast<GetText>(dlsym(foundation, "CFStringGetCString"));
  const auto release = reinterpret_cast<Release>(dlsym(foundation, "CFRelease"));
  if (get_text == nullptr || release == nullptr) return "unknown";
  const void* info = copy();
  if (info == nullptr) return "unknown";
  std::array<char, 64> text{};
  constexpr std::uint32_t utf8 = 0x08000100;
  const void* type = kind(info);
  const bool known = type != nullptr && get_text(type, text.data(), static_cast<long>(text.size()), utf8) != 0;
  release(info);
  if (!known) return "unknown";
  return std::strcmp(text.data(), "AC Power") == 0 ? "ac" : "battery";
}

}  // namespace

HostFacts host_facts() {
  HostFacts out;
  out.chip = text_of("machdep.cpu.brand_string");
  if (out.chip.empty()) out.chip = "unknown";
  utsname system{};
  if (uname(&system) == 0) {
    out.architecture = system.machine;
    out.kernel = std::string(system.sysname) + " " + system.release;
  }
  out.cores = static_cast<std::uint32_t>(value_of<std::int32_t>("hw.logicalcpu").value_or(1));
  out.memory_bytes = value_of<std::uint64_t>("hw.memsize").value_or(0);
  for (const char* cache : {"hw.l3cachesize", "hw.perflevel0.l2cachesize", "hw.l2cachesize"}) {
    out.cache_bytes = std::max(out.cache_bytes, value_of<std::uint64_t>(cache).value_or(0));
  }
  out.os = "macOS " + text_of("kern.osproductversion") + " (" + text_of("kern.osversion") + ")";
  out.power_source = power_source();
  add_identity(out);
  return out;
}

void return_freed_memory() { malloc_zone_pressure_relief(nullptr, 0); }

std::string program_path() {
  std::array<char, 4096> buffer{};
  std::uint32_t size = buffer.size();
  return _NSGetExecutablePath(buffer.data(), &size) == 0 ? buffer.data() : "";
}

ProcessMemory process_memory() {
  ProcessMemory out;
  if (const auto info = task_memory()) {
    out.footprint = info->phys_footprint;
    out.footprint_peak = static_cast<std::uint64_t>(info->ledger_phys_footprint_peak);
  }
  return out;
}

ProcessMemory process_memory(std::int64_t process) {
  ProcessMemory out;
  if (const auto usage = usage_of(process)) {
    out.footprint = usage->ri_phys_footprint;
    out.footprint_peak = usage->ri_lifetime_max_phys_footprint;
  }
  return out;
}

std::optional<std::uint64_t> resident_bytes(std::int64_t process) {
  const auto usage = usage_of(process);
  return usage ? std::optional<std::uint64_t>(usage->ri_phys_footprint) : std::nullopt;
}

std::optional<double> process_cpu_seconds(std::int64_t process) {
  const auto usage = usage_of(process);
  mach_timebase_info_data_t base{};
  if (!usage || mach_timebase_info(&base) != KERN_SUCCESS || base.denom == 0) return std::nullopt;
  return static_cast<double>(usage->ri_user_time + usage->ri_system_time) * base.numer / base.denom * 1e-9;
}

std::int64_t own_process() { return getpid(); }

Stalls stalls() { return {}; }

SwapUse swap_use() {
  SwapUse out;
  if (const auto usage = value_of<xsw_usage>("vm.swapusage")) out.used_bytes = usage->xsu_used;
  vm_statistics64_data_t statistics{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (host_statistics64(mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&statistics), &count) ==
      KERN_SUCCESS) {
    const std::uint64_t page = value_of<std::uint64_t>("hw.pagesize").value_or(16384);
    out.in_bytes = statistics.swapins * page;
    out.out_bytes = statistics.swapouts * page;
  }
  return out;
}

Pressure memory_pressure() {
  Pressure out;
  switch (value_of<std::int32_t>("kern.memorystatus_vm_pressure_level").value_or(0)) {
    case 1:
      out.level = Pressure::Level::normal;
      break;
    case 2:
      out.level = Pressure::Level::warning;
      break;
    case 4:
      out.level = Pressure::Level::critical;
      break;
    default:
      break;
  }
  return out;
}

CpuTimes cpu_times() {
  CpuTimes out;
  host_cpu_load_info_data_t load{};
  mach_msg_type_number_t count = HOST_CPU_LOAD_INFO_COUNT;
  if (host_statistics(mach_host_self(), HOST_CPU_LOAD_INFO, reinterpret_cast<host_info_t>(&load), &count) ==
      KERN_SUCCESS) {
    constexpr double hertz = 100;
    out.idle = load.cpu_ticks[CPU_STATE_IDLE] / hertz;
    out.busy = (static_cast<double>(load.cpu_ticks[CPU_STATE_USER]) + load.cpu_ticks[CPU_STATE_SYSTEM] +
                load.cpu_ticks[CPU_STATE_NICE]) /
               hertz;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  out.own = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return out;
}

// Not told without privileges on Apple Silicon.
std::optional<double> cpu_mhz() { return std::nullopt; }
std::optional<double> cpu_celsius() { return std::nullopt; }
std::string clock_governor() { return ""; }

}  // namespace assay::host
