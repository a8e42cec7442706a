// NumPy's .npy format, version 1.0, for arrays of float32 (numpy.lib.format; read by numpy.load).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace assay {

// Writes (rows, columns) float32, row-major; values.size() == rows * columns (asserted). The file appears whole or not
// at all. Errc::io or Errc::full with the path.
Result<void> write_npy(const std::string& path, std::span<const float> values, std::uint64_t rows,
                       std::uint64_t columns);

}  // namespace assay
