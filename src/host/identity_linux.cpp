#include <sched.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "host/identity.h"
#include "host/parse.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace assay::host {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string word_in(const fs::path& path) {
  std::string text = slurp(path);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

// What a hypervisor calls itself in CPUID leaf 0x40000000, in plain words where it is a known one.
std::string hypervisor(const std::string& cpuinfo) {
  if (const std::string type = word_in("/sys/hypervisor/type"); !type.empty()) return type;
#if defined(__x86_64__)
  const auto flags = find_field(cpuinfo, "flags");
  if (!flags || flags->find("hypervisor") == std::string::npos) return "";
  std::array<unsigned, 4> leaf{};
  __cpuid(0x40000000, leaf[0], leaf[1], leaf[2], leaf[3]);
  std::array<char, 13> name{};
  std::memcpy(name.data(), &leaf[1], 12);
  constexpr std::array<std::pair<const char*, const char*>, 6> known{{{"KVMKVMKVM", "KVM"},
                                                                      {"Microsoft Hv", "Microsoft"},
                                                                      {"VMwareVMware", "VMware"},
                                                                      {"XenVMMXenVMM", "Xen"},
                                                                      {"bhyve bhyve ", "bhyve"},
                                                                      {"TCGTCGTCGTCG", "QEMU"}}};
  for (const auto& [met, plain] : known) {
    if (std::string(name.data()) == met) return plain;
  }
  return "unknown";
#else
  static_cast<void>(cpuinfo);
  return "";
#endif
}

// Caches that several cores share are counted once.
std::uint64_t caches_of(const cpu_set_t& cores) {
  std::set<std::pair<std::string, std::string>> counted;  // level and its cores
  std::uint64_t sum = 0;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &cores)) continue;
    std::uint64_t largest = 0;
    std::pair<std::string, std::string> which;
    std::error_code error;
    const fs::path folder = "/sys/devices/system/cpu/cpu" + std::to_string(core) + "/cache";
    for (const auto& index : fs::directory_iterator(folder, error)) {
      const std::uint64_t size = cache_size(slurp(index.path() / "size"));
      if (size <= largest) continue;
      largest = size;
      which = {word_in(index.path() / "level"), word_in(index.path() / "shared_cpu_list")};
    }
    if (counted.insert(which).second) sum += largest;
  }
  return sum;
}

std::uint32_t numa_nodes() {
  std::uint32_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/devices/system/node", error)) {
    const std::string name = entry.path().filename().string();
    count += name.starts_with("node") && name.find_first_not_of("0123456789", 4) == std::string::npos ? 1 : 0;
  }
  return count;
}

}  // namespace

void add_identity(HostFacts& facts) {
  const std::string cpuinfo = slurp("/proc/cpuinfo");
  facts.machine_id = hashed_id(slurp("/etc/machine-id"));
  facts.microcode = find_field(cpuinfo, "microcode").value_or("");
  facts.hypervisor = hypervisor(cpuinfo);
  facts.smt = word_in("/sys/devices/system/cpu/smt/control");
  facts.numa_nodes = numa_nodes();
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) facts.caches_bytes = caches_of(cores);
}

}  // namespace assay::host
