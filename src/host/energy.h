// Energy as the machine itself counts it: RAPL on Linux, NVML beside NVIDIA GPUs, IOReport on macOS.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "host/nvml.h"

namespace assay::host {

// Not safe from several threads.
class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;
  // What is counted: "RAPL package-0 + dram", "NVML 2 GPUs", "IOReport CPU + GPU + ANE + DRAM".
  virtual std::string source() const = 0;
  // Since the first call, which gives 0. Nothing once the counter cannot be read any more. RAPL's counters wrap within
  // minutes under load: call at least every 10 s.
  virtual std::optional<double> joules() = 0;
};

struct EnergySource {
  std::unique_ptr<EnergyMeter> meter;  // null: the machine does not tell
  std::string reason;                  // why
};

// Everything that this machine counts, added up. nvml may be null.
EnergySource open_energy_meter(Nvml* nvml);

// RAPL's packages and their memory under `root` (/sys/class/powercap). Linux only.
EnergySource open_rapl(const std::filesystem::path& root);

}  // namespace assay::host
