// Compiled with -mavx512f -mavx512bw -mavx512vnni.
#include <immintrin.h>

#include "kernel/ceiling/variants.h"

namespace assay::kernel::ceiling {

// VPDPBUSD: 64 multiply-adds in one instruction, summed by fours in 32 bits.
Int8Work multiply_avx512_vnni(std::uint64_t rounds) {
  constexpr int chains = 12;  // two a cycle, five cycles each
  __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  __m512i sums[chains];
#pragma GCC unroll 16
  for (auto& sum : sums) {
    sum = _mm512_setzero_si512();
    __asm__ volatile("" : "+v"(sum));  // chains that start alike would be one chain to the compiler
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
    __asm__ volatile("" : "+v"(a));  // rounds are not known to be alike
  }
  Int8Work out{.macs = rounds * chains * 64};
#pragma GCC unroll 16
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);  // below 2^30 each lane
  alignas(64) std::int32_t lanes[16];
  _mm512_store_si512(lanes, sums[0]);
  for (const std::int32_t lane : lanes) out.sum += lane;
  return out;
}

}  // namespace assay::kernel::ceiling
