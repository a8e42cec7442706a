#include <features.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "host/identity.h"
#include "host/parse.h"

namespace assay::host {
namespace {

// Files under /proc and /sys have no size; small ones are read whole.
std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::optional<std::uint64_t> number_in(const std::filesystem::path& path) {
  const std::string text = slurp(path);
  return text.empty() || text.starts_with("max") ? std::nullopt : find_counter("x " + text, "x");
}

std::string chip() {
  const std::string cpuinfo = slurp("/proc/cpuinfo");
  for (const char* key : {"model name", "Model", "Hardware"}) {
    if (auto value = find_field(cpuinfo, key); value && !value->empty()) return *value;
  }
  return "unknown";
}

// "32768K" or "32M" in sysfs.
std::uint64_t cache_bytes() {
  std::uint64_t largest = 0;
  std::error_code error;
  for (const auto& index : std::filesystem::directory_iterator("/sys/devices/system/cpu/cpu0/cache", error)) {
    const std::string text = slurp(index.path() / "size");
    const auto value = find_counter("x " + text, "x");
    if (!value) continue;
    const auto unit = text.find_first_of("KMG");
    const int shift = unit == std::string::npos ? 0 : text[unit] == 'K' ? 10 : text[unit] == 'M' ? 20 : 30;
    largest = std::max(largest, *value << shift);
  }
  return largest;
}

std::string power_source() {
  std::error_code error;
  bool battery = false;
  for (const auto& supply : std::filesystem::directory_iterator("/sys/class/power_supply", error)) {
    const std::string type = slurp(supply.path() / "type");
    if (type.starts_with("Mains") && slurp(supply.path() / "online").starts_with("1")) return "ac";
    if (type.starts_with("Battery")) battery = battery || slurp(supply.path() / "status").starts_with("Discharging");
  }
  return battery ? "battery" : "unknown";
}

}  // namespace

HostFacts host_facts() {
  HostFacts out;
  out.chip = chip();
  utsname system{};
  if (uname(&system) == 0) {
    out.architecture = system.machine;
    out.kernel = std::string(system.sysname) + " " + system.release;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  out.cores = sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<std::uint32_t>(CPU_COUNT(&set))
                                                          : static_cast<std::uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  out.memory_bytes = kilobytes(find_field(slurp("/proc/meminfo"), "MemTotal").value_or("")).value_or(0);
  for (const char* limit : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const auto bytes = number_in(limit)) out.memory_bytes = std::min(out.memory_bytes, *bytes);
  }
  out.cache_bytes = cache_bytes();
  out.os = find_setting(slurp("/etc/os-release"), "PRETTY_NAME").value_or("Linux");
  out.power_source = power_source();
  add_identity(out);
  return out;
}

void return_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

std::string program_path() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

namespace {

ProcessMemory memory_under(const std::string& folder) {
  ProcessMemory out;
  if (const auto value = find_field(slurp(folder + "/smaps_rollup"), "Pss")) out.footprint = kilobytes(*value);
  const std::string status = slurp(folder + "/status");
  // Kernels before 4.14 have no roll-up; resident memory counts shared pages whole.
  if (!out.footprint) out.footprint = kilobytes(find_field(status, "VmRSS").value_or(""));
  if (const auto value = find_field(status, "VmSwap")) out.swapped = kilobytes(*value);
  if (const auto value = find_field(status, "VmHWM")) out.footprint_peak = kilobytes(*value);
  return out;
}

}  // namespace

ProcessMemory process_memory() { return memory_under("/proc/self"); }
ProcessMemory process_memory(std::int64_t pid) { return memory_under("/proc/" + std::to_string(pid)); }

std::optional<std::uint64_t> resident_bytes(std::int64_t process) {
  const auto pages = parse_resident_pages(slurp("/proc/" + std::to_string(process) + "/statm"));
  return pages ? std::optional(*pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))) : std::nullopt;
}

std::optional<double> process_cpu_seconds(std::int64_t process) {
  return parse_process_seconds(slurp("/proc/" + std::to_string(process) + "/stat"),
                               static_cast<double>(sysconf(_SC_CLK_TCK)));
}

std::int64_t own_process() { return getpid(); }

SwapUse swap_use() {
  SwapUse out;
  const std::string meminfo = slurp("/proc/meminfo");
  const auto total = kilobytes(find_field(meminfo, "SwapTotal").value_or(""));
  const auto free = kilobytes(find_field(meminfo, "SwapFree").value_or(""));
  if (total && free) out.used_bytes = *total - std::min(*free, *total);
  const std::string vmstat = slurp("/proc/vmstat");
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (const auto pages = find_counter(vmstat, "pswpin")) out.in_bytes = *pages * page;
  if (const auto pages = find_counter(vmstat, "pswpout")) out.out_bytes = *pages * page;
  return out;
}

Pressure memory_pressure() { return parse_pressure(slurp("/proc/pressure/memory")); }

Stalls stalls() {
  return {.cpu = parse_stall_seconds(slurp("/proc/pressure/cpu")),
          .memory = parse_stall_seconds(slurp("/proc/pressure/memory"))};
}

CpuTimes cpu_times() {
  CpuTimes out = parse_stat(slurp("/proc/stat"), static_cast<double>(sysconf(_SC_CLK_TCK)));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  out.own = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return out;
}

std::optional<double> cpu_mhz() {
  double sum = 0;
  int cores = 0;
  std::error_code error;
  for (const auto& cpu : std::filesystem::directory_iterator("/sys/devices/system/cpu", error)) {
    if (const auto khz = number_in(cpu.path() / "cpufreq" / "scaling_cur_freq")) {
      sum += static_cast<double>(*khz) / 1000;
      ++cores;
    }
  }
  if (cores > 0) return sum / cores;
  const std::string cpuinfo = slurp("/proc/cpuinfo");
  const auto field = find_field(cpuinfo, "cpu MHz");
  if (!field) return std::nullopt;
  const auto value = find_counter("x " + *field, "x");
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

std::string clock_governor() {
  std::string text = slurp("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::optional<double> cpu_celsius() {
  std::optional<double> hottest;
  std::error_code error;
  for (const auto& zone : std::filesystem::directory_iterator("/sys/class/thermal", error)) {
    const std::string type = slurp(zone.path() / "type");
    if (type.find("cpu") == std::string::npos && type.find("pkg") == std::string::npos) continue;
    if (const auto milli = number_in(zone.path() / "temp")) {
      hottest = std::max(hottest.value_or(0), static_cast<double>(*milli) / 1000);
    }
  }
  return hottest;
}

}  // namespace assay::host
