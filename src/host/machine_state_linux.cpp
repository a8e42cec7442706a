#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "host/machine_state.h"
#include "host/parse.h"

namespace assay::host {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::optional<std::uint64_t> number_in(const fs::path& path) {
  const std::string text = slurp(path);
  return text.empty() || text.front() < '0' || text.front() > '9' ? std::nullopt : find_counter("x " + text, "x");
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string guest_of(const fs::path& root, const std::vector<std::string>& flags) {
  if (std::ranges::find(flags, "hypervisor") == flags.end() && slurp(root / "sys/hypervisor/type").empty()) return "";
  for (const char* file : {"sys/class/dmi/id/sys_vendor", "sys/hypervisor/type"}) {
    if (std::string name = slurp(root / file); !name.empty()) return name;
  }
  return "an unnamed hypervisor";
}

// "150000 100000": microseconds of each period; "max 100000": no limit.
std::optional<double> parse_cpu_max(const std::string& text) {
  const auto words = words_of(text);
  if (words.size() != 2 || words[0] == "max") return std::nullopt;
  const auto quota = find_counter("x " + words[0], "x");
  const auto period = find_counter("x " + words[1], "x");
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

template <class T>
void lower(std::optional<T>& kept, const std::optional<T>& met) {
  if (met && (!kept || *met < *kept)) kept = met;
}

// The limits of every group from this process's own up to the top: the smallest holds.
void add_quotas(MachineState& out, const fs::path& root) {
  const fs::path top = root / "sys/fs/cgroup";
  std::istringstream groups(slurp(root / "proc/self/cgroup"));
  fs::path folder = top;
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::/")) folder = top / line.substr(4);  // version 2
  }
  for (;; folder = folder.parent_path()) {
    lower(out.cpu_quota, parse_cpu_max(slurp(folder / "cpu.max")));
    lower(out.memory_quota, number_in(folder / "memory.max"));
    if (folder == top || folder == folder.parent_path()) break;
  }
  const auto quota = number_in(top / "cpu/cpu.cfs_quota_us");  // version 1; -1: no limit
  const auto period = number_in(top / "cpu/cpu.cfs_period_us");
  if (quota && period && *period > 0)
    lower(out.cpu_quota, std::optional(static_cast<double>(*quota) / static_cast<double>(*period)));
}

std::optional<std::uint64_t> throttled(const fs::path& cpus) {
  std::optional<std::uint64_t> most;
  std::error_code error;
  for (fs::directory_iterator entry(cpus, error), end; !error && entry != end; entry.increment(error)) {
    const auto count = number_in(entry->path() / "thermal_throttle/core_throttle_count");
    if (count) most = std::max(most.value_or(0), *count);
  }
  return most;
}

}  // namespace

MachineState machine_state(const std::string& root_folder) {
  const fs::path root = root_folder.empty() ? "/" : root_folder;
  const fs::path cpus = root / "sys/devices/system/cpu";
  MachineState out;
  const std::string cpuinfo = slurp(root / "proc/cpuinfo");
  for (const char* key : {"flags", "Features"}) {
    if (const auto flags = find_field(cpuinfo, key)) out.instructions = words_of(*flags);
  }
  out.guest_of = guest_of(root, out.instructions);
  add_quotas(out, root);
  out.governor = slurp(cpus / "cpu0/cpufreq/scaling_governor");
  out.clock_driver = slurp(cpus / "cpu0/cpufreq/scaling_driver");
  if (const auto off = number_in(cpus / "intel_pstate/no_turbo")) {
    out.turbo = *off == 0;
  } else if (const auto on = number_in(cpus / "cpufreq/boost")) {
    out.turbo = *on != 0;
  }
  out.throttled = throttled(cpus);
  return out;
}

}  // namespace assay::host
