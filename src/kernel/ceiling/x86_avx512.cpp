// Compiled with -mavx512f -mavx512bw.
#include <immintrin.h>

#include "kernel/ceiling/variants.h"

namespace assay::kernel::ceiling {
namespace {

using Vector = std::uint64_t __attribute__((vector_size(64), may_alias));

#include "kernel/ceiling/read.inl"

}  // namespace

std::span<const ReadWay> avx512_reads() { return read_ways; }

// As multiply_avx2, in 512 bits: what processors without VNNI have.
Int8Work multiply_avx512_maddubs(std::uint64_t rounds) {
  constexpr int chains = 12;
  constexpr std::uint64_t rounds_in_16_bits = 1024;  // 30 a round
  __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  const __m512i ones = _mm512_set1_epi16(1);
  Int8Work out{.macs = rounds * chains * 64};
  for (std::uint64_t done = 0; done < rounds; done += rounds_in_16_bits) {
    const std::uint64_t left = rounds - done;
    __m512i sums[chains];
#pragma GCC unroll 16
    for (auto& sum : sums) {
      sum = _mm512_setzero_si512();
      __asm__ volatile("" : "+v"(sum));  // chains that start alike would be one chain to the compiler
    }
    for (std::uint64_t i = left < rounds_in_16_bits ? left : rounds_in_16_bits; i != 0; --i) {
#pragma GCC unroll 16
      for (auto& sum : sums) {
        __asm__ volatile("" : "+v"(a));  // the product is not known to be the last one
        sum = _mm512_add_epi16(sum, _mm512_maddubs_epi16(a, b));
      }
    }
    __m512i wide = _mm512_setzero_si512();
#pragma GCC unroll 16
    for (const __m512i sum : sums) wide = _mm512_add_epi32(wide, _mm512_madd_epi16(sum, ones));
    alignas(64) std::int32_t lanes[16];
    _mm512_store_si512(lanes, wide);
    for (const std::int32_t lane : lanes) out.sum += lane;
  }
  return out;
}

}  // namespace assay::kernel::ceiling
