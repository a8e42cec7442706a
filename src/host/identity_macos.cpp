#include <sys/sysctl.h>
#include <uuid/uuid.h>

#include <unistd.h>
#include <array>
#include <cstring>
#include <ctime>

#include "host/identity.h"

namespace assay::host {
namespace {

std::uint64_t number_of(const char* name) {
  std::int64_t value = 0;
  std::size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace

void add_identity(HostFacts& facts) {
  std::array<unsigned char, 16> id{};
  const timespec wait{.tv_sec = 1, .tv_nsec = 0};
  if (gethostuuid(id.data(), &wait) == 0) {
    std::string text;
    for (const unsigned char byte : id) text += std::to_string(byte) + ".";
    facts.machine_id = hashed_id(text);
  }
  if (number_of("kern.hv_vmm_present") != 0) facts.hypervisor = "unknown";
  facts.smt = number_of("hw.logicalcpu_max") > number_of("hw.physicalcpu_max") ? "on" : "notsupported";
  facts.numa_nodes = 1;
  facts.caches_bytes = facts.cache_bytes;
}

}  // namespace assay::host
