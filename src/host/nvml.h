// NVIDIA's management library, opened at run time where it is installed; assay does not link to it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace assay::host {

struct GpuFacts {
  std::string name;
  std::uint64_t memory_bytes = 0;
};

class Nvml {
 public:
  virtual ~Nvml() = default;
  virtual const std::vector<GpuFacts>& gpus() const = 0;
  virtual std::string driver() const = 0;  // "570.86.15"
  // Sums over all GPUs; nothing where one does not tell.
  virtual std::optional<double> joules() const = 0;  // since the driver was loaded
  virtual std::optional<std::uint64_t> memory_used() const = 0;
  // Of these processes on all GPUs. Nothing where the driver does not tell, which it may not inside a container.
  virtual std::optional<std::uint64_t> memory_used_by(std::span<const std::int64_t> processes) const = 0;
  virtual std::optional<double> mhz() const = 0;      // of the first GPU's multiprocessors
  virtual std::optional<double> celsius() const = 0;  // hottest
};

// Errc::not_found: no such library; Errc::unsupported: it lacks a function, or has no GPU, with its own words.
Result<std::unique_ptr<Nvml>> open_nvml(const std::string& library = "libnvidia-ml.so.1");

}  // namespace assay::host
