// Four floats at once by the compiler's vector extension: SSE2 or NEON, the same bits. Sixteen at once were half as fast
// with GCC 12, which keeps them in memory.
#pragma once

#include <cstddef>
#include <cstring>

#include "kernel/quant/fit.h"

namespace assay::kernel {

inline constexpr std::size_t lanes = 4;
using Lanes = float __attribute__((vector_size(lanes * sizeof(float))));

inline Lanes load_lanes(const float* x) {
  Lanes value;
  std::memcpy(&value, x, sizeof value);
  return value;
}

inline float sum_of(const Lanes& value) {
  float sum = 0;
  for (std::size_t l = 0; l < lanes; ++l) sum += value[l];
  return sum;
}

// nearest_level, each.
inline Lanes nearest_levels(Lanes scaled, float lowest, float highest) {
  constexpr float shift = 0x1.8p+23F;
  const Lanes low = Lanes{} + lowest;
  const Lanes high = Lanes{} + highest;
  scaled = scaled > low ? scaled : low;
  scaled = scaled < high ? scaled : high;
  return (scaled + shift) - shift;
}

// code_level, each.
inline Lanes nearest_codes(Lanes scaled) {
  Lanes level;
  for (std::size_t l = 0; l < lanes; ++l) level[l] = code_level(scaled[l]);
  return level;
}

}  // namespace assay::kernel
