// What the operating system says of this machine and of this process. linux.cpp, macos.cpp; parsing is in parse.h so that
// it can be tested with recorded text anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace assay::host {

// Constant while the program runs, but for power_source.
struct HostFacts {
  std::string chip;                // "AMD EPYC 9654", "Apple M4 Max"; "unknown" where the system does not say
  std::string architecture;        // "x86_64", "arm64"
  std::uint32_t cores = 0;         // logical ones that this process may use
  std::uint64_t memory_bytes = 0;  // of the machine, or of the container's limit where that is lower
  std::uint64_t cache_bytes = 0;   // largest cache of a core, shared or not; 0 where the system does not tell
  std::string os;                  // "Debian GNU/Linux 12 (bookworm)", "macOS 15.1"
  std::string kernel;              // "Linux 6.1.0-18", "Darwin 24.1.0"
  std::string power_source;        // "ac", "battery", or "unknown"
  std::string machine_id;          // the first 16 hex digits of the SHA-256 of the system's own id; empty: it has none
  std::string microcode;           // "0x2b000603"; empty where the system does not say
  std::string hypervisor;          // "Microsoft", "KVM", "Xen"; "unknown" for a guest of another; empty: none seen
  std::string smt;                 // "on", "off", "notsupported"; empty where the system does not say
  std::uint32_t numa_nodes = 0;    // 0 where the system does not say
  std::uint64_t caches_bytes = 0;  // all largest caches of the cores that this process may use; 0: not told
};
HostFacts host_facts();

// The file of the running program; empty where the system does not say.
std::string program_path();

// Bytes; nothing where the system does not tell.
struct ProcessMemory {
  std::optional<std::uint64_t>
      swapped;  // of it, out in swap; Linux only: macOS compresses, and counts that as footprint
  std::optional<std::uint64_t> footprint;  // PSS on Linux, phys_footprint on macOS
  std::optional<std::uint64_t>
      footprint_peak;  // phys_footprint's peak on macOS, VmHWM on Linux (resident: shared pages count whole)
};
ProcessMemory process_memory();
// Hands memory that was freed back to the system, where the allocator keeps it: what is counted next is what is held.
void return_freed_memory();
// Of another process; nothing where it is gone or belongs to another user. Costs a walk over its pages on Linux:
// milliseconds for gigabytes.
ProcessMemory process_memory(std::int64_t process);
// Resident bytes, shared pages whole: cheap. On macOS phys_footprint, which is as cheap.
std::optional<std::uint64_t> resident_bytes(std::int64_t process);
// User and system time in seconds.
std::optional<double> process_cpu_seconds(std::int64_t process);
std::int64_t own_process();

// Whole machine. Counters rise since boot.
struct SwapUse {
  std::optional<std::uint64_t> used_bytes;
  std::optional<std::uint64_t> in_bytes;
  std::optional<std::uint64_t> out_bytes;
};
SwapUse swap_use();

// Memory pressure as the system itself calls it.
struct Pressure {
  enum class Level : std::uint8_t { unknown, normal, warning, critical } level = Level::unknown;
  std::optional<double> some_avg10;  // Linux PSI: % of the last 10 s in which some task waited for memory
  std::optional<double> full_avg10;  // and in which all did
};
Pressure memory_pressure();
const char* name(Pressure::Level level);

// Seconds since boot in which some task waited (Linux PSI); nothing where the system does not tell.
struct Stalls {
  std::optional<double> cpu;
  std::optional<double> memory;
};
Stalls stalls();

// CPU time in seconds since boot, summed over cores; nothing where the system does not tell.
struct CpuTimes {
  std::optional<double> busy;  // everybody: user, system, interrupts, and time stolen by other guests
  std::optional<double> idle;
  std::optional<double> stolen;  // by other guests of the same hardware; part of busy
  double own = 0;                // this process
};
CpuTimes cpu_times();

// Mean clock of the cores in MHz at this moment.
std::optional<double> cpu_mhz();
// How the clock of the first core is chosen: "performance", "powersave"; empty where the system does not say.
std::string clock_governor();
// Hottest CPU sensor in degrees Celsius.
std::optional<double> cpu_celsius();

}  // namespace assay::host
