// Compiled with -mavx2.
#include <immintrin.h>

#include "kernel/ceiling/variants.h"

namespace assay::kernel::ceiling {
namespace {

using Vector = std::uint64_t __attribute__((vector_size(32), may_alias));

#include "kernel/ceiling/read.inl"

}  // namespace

std::span<const ReadWay> avx2_reads() { return read_ways; }

// VPMADDUBSW multiplies 32 bytes and adds pairs in 16 bits, VPADDW adds those up: two instructions for 32 multiply-adds.
// A kernel must widen before 16 bits are full, here every 1024 rounds, where it costs nothing.
Int8Work multiply_avx2(std::uint64_t rounds) {
  constexpr int chains = 8;
  constexpr std::uint64_t rounds_in_16_bits = 1024;  // 30 a round
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  Int8Work out{.macs = rounds * chains * 32};
  for (std::uint64_t done = 0; done < rounds; done += rounds_in_16_bits) {
    const std::uint64_t left = rounds - done;
    __m256i sums[chains];
#pragma GCC unroll 16
    for (auto& sum : sums) {
      sum = _mm256_setzero_si256();
      __asm__ volatile("" : "+x"(sum));  // chains that start alike would be one chain to the compiler
    }
    for (std::uint64_t i = left < rounds_in_16_bits ? left : rounds_in_16_bits; i != 0; --i) {
#pragma GCC unroll 8
      for (auto& sum : sums) {
        __asm__ volatile("" : "+x"(a));  // the product is not known to be the last one
        sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b));
      }
    }
    __m256i wide = _mm256_setzero_si256();
#pragma GCC unroll 16
    for (const __m256i sum : sums) wide = _mm256_add_epi32(wide, _mm256_madd_epi16(sum, ones));
    alignas(32) std::int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), wide);
    for (const std::int32_t lane : lanes) out.sum += lane;
  }
  return out;
}

}  // namespace assay::kernel::ceiling
