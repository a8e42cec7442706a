// What makes one machine slower or less steady than another of the same chip: limits, clocks, heat, guests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace assay::host {

// Empty or nothing where the system does not tell.
struct MachineState {
  std::string guest_of;             // "QEMU", "Amazon EC2", or "an unnamed hypervisor"; empty: not a virtual machine
  std::optional<double> cpu_quota;  // cores that a container's limit allows in all; nothing: no limit
  std::optional<std::uint64_t> memory_quota;  // bytes, likewise
  std::string governor;                       // "performance", "powersave", "schedutil"
  std::string clock_driver;                   // "acpi-cpufreq", "intel_pstate"
  std::optional<bool> turbo;                  // may the clock rise above its nominal one?
  std::optional<std::uint64_t> throttled;     // times since boot that a core was slowed because of heat
  std::vector<std::string> instructions;      // as /proc/cpuinfo names them
};

// root: "", or a folder that holds proc and sys, for tests.
MachineState machine_state(const std::string& root = "");

}  // namespace assay::host
