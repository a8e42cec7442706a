// How fast an NVIDIA GPU copies within its own memory, by the driver's library, opened at run time; assay does not link to it.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace assay::device {

struct CudaCopySettings {
  std::uint64_t bytes = std::uint64_t{1} << 30;  // of each of the two buffers; far beyond the caches
  int copies = 20;                               // timed together
  int rounds = 5;                                // the best counts: a ceiling is what the device can do
};

// Bytes read plus bytes written per second, in GB/s, on the first GPU that CUDA shows. Takes 2 * bytes of its memory and
// gives it back. Errc::not_found: no such library; Errc::unsupported: it lacks a function, has no GPU, or has not that
// much memory free, in the driver's words.
Result<double> cuda_copy_gb_s(const Clock& clock, const CudaCopySettings& settings = {},
                              const std::string& library = "libcuda.so.1");

}  // namespace assay::device
