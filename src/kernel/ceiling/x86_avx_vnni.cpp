// Compiled with -mavx2 -mavxvnni.
#include <immintrin.h>

#include "kernel/ceiling/variants.h"

namespace assay::kernel::ceiling {

// VPDPBUSD: 32 multiply-adds in one instruction, summed by fours in 32 bits.
Int8Work multiply_avx_vnni(std::uint64_t rounds) {
  constexpr int chains = 12;  // two a cycle, five cycles each
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  __m256i sums[chains];
#pragma GCC unroll 16
  for (auto& sum : sums) {
    sum = _mm256_setzero_si256();
    __asm__ volatile("" : "+x"(sum));  // chains that start alike would be one chain to the compiler
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm256_dpbusd_avx_epi32(sum, a, b);
    __asm__ volatile("" : "+x"(a));  // rounds are not known to be alike
  }
  Int8Work out{.macs = rounds * chains * 32};
#pragma GCC unroll 16
  for (int i = 1; i < chains; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);  // below 2^30 each lane
  alignas(32) std::int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sums[0]);
  for (const std::int32_t lane : lanes) out.sum += lane;
  return out;
}

}  // namespace assay::kernel::ceiling
