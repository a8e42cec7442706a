#include "kernel/ceiling/variants.h"

namespace assay::kernel::ceiling {
namespace {

using Vector = std::uint64_t __attribute__((vector_size(16), may_alias));  // SSE2 and NEON, which every machine has

#include "kernel/ceiling/read.inl"

}  // namespace

std::span<const ReadWay> portable_reads() { return read_ways; }

Int8Work multiply_portable(std::uint64_t rounds) {
  constexpr std::size_t lanes = 256;
  std::uint8_t a[lanes];
  std::int8_t b[lanes];
  std::int32_t sums[lanes] = {};
  for (std::size_t j = 0; j < lanes; ++j) {
    a[j] = 3;
    b[j] = 5;
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
    __asm__ volatile("" : : "r"(a), "r"(b) : "memory");  // the factors are not known to be the last round's
    for (std::size_t j = 0; j < lanes; ++j) sums[j] += a[j] * b[j];
  }
  Int8Work out{.macs = rounds * lanes};
  for (const std::int32_t sum : sums) out.sum += sum;
  return out;
}

}  // namespace assay::kernel::ceiling
