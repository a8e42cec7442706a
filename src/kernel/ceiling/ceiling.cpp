#include "kernel/ceiling/ceiling.h"

#include <array>
#include <cstring>

#include "base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace assay::kernel {
namespace {

constexpr std::size_t unroll_bytes = 512;  // eight 64-byte lines in flight

std::uint64_t read_portable(std::span<const std::byte> memory) {
  std::array<std::uint64_t, 8> sums{};
  for (std::size_t at = 0; at < memory.size(); at += 64) {
    std::array<std::uint64_t, 8> words;
    std::memcpy(words.data(), memory.data() + at, 64);
    for (std::size_t i = 0; i < 8; ++i) sums[i] ^= words[i];
  }
  std::uint64_t out = 0;
  for (const std::uint64_t sum : sums) out ^= sum;
  return out;
}

#if defined(__ARM_FEATURE_DOTPROD)
Int8Work int8_portable(std::uint64_t rounds) {
  int32x4_t sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = vdupq_n_s32(i);
  int8x16_t a = vdupq_n_s8(3);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    asm volatile("" : "+w"(a));
    for (auto& sum : sums) sum = vdotq_s32(sum, a, a);
  }
  std::int32_t kept = 0;
  for (int i = 0; i < 16; ++i) kept += vaddvq_s32(sums[i]) - 4 * i;
  return {rounds * 16 * 16, kept};
}
#else
Int8Work int8_portable(std::uint64_t rounds) {
  constexpr std::size_t lanes = 256;
  std::array<std::int8_t, lanes> a;
  std::array<std::int32_t, lanes> sums{};
  a.fill(3);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    asm volatile("" : : "r"(a.data()) : "memory");
    for (std::size_t j = 0; j < lanes; ++j) sums[j] += a[j] * a[j];
  }
  std::int32_t kept = 0;
  for (const std::int32_t sum : sums) kept += sum;
  return {rounds * lanes, kept};
}
#endif

#if defined(__x86_64__)
ASSAY_AVX2 std::uint64_t read_avx2(std::span<const std::byte> memory) {
  __m256i sums[16] = {};
  for (std::size_t at = 0; at < memory.size(); at += unroll_bytes) {
    const auto* from = reinterpret_cast<const __m256i*>(memory.data() + at);
    for (int i = 0; i < 16; ++i) sums[i] = _mm256_xor_si256(sums[i], _mm256_load_si256(from + i));
  }
  for (int i = 1; i < 16; ++i) sums[0] = _mm256_xor_si256(sums[0], sums[i]);
  std::array<std::uint64_t, 4> words;
  std::memcpy(words.data(), sums, sizeof words);
  return words[0] ^ words[1] ^ words[2] ^ words[3];
}

ASSAY_AVX512 std::uint64_t read_avx512(std::span<const std::byte> memory) {
  __m512i sums[8] = {};
  for (std::size_t at = 0; at < memory.size(); at += unroll_bytes) {
    const std::byte* from = memory.data() + at;
    for (int i = 0; i < 8; ++i) sums[i] = _mm512_xor_si512(sums[i], _mm512_load_si512(from + 64 * i));
  }
  for (int i = 1; i < 8; ++i) sums[0] = _mm512_xor_si512(sums[0], sums[i]);
  std::array<std::uint64_t, 8> words;
  std::memcpy(words.data(), sums, sizeof words);
  std::uint64_t out = 0;
  for (const std::uint64_t word : words) out ^= word;
  return out;
}

// Chains that start alike would be one chain to the compiler: each begins with its own index, taken off at the end.
ASSAY_AVX2 Int8Work int8_avx2(std::uint64_t rounds) {
  __m256i sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = _mm256_set1_epi32(i);
  __m256i a = _mm256_set1_epi8(3);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (auto& sum : sums) {
      asm volatile("" : "+x"(a));  // the product is not known to be the same as the last one
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, a), ones));
    }
  }
  for (int i = 1; i < 8; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  return {rounds * 8 * 32, _mm256_extract_epi32(sums[0], 0) - 28};
}

ASSAY_AVX512 Int8Work int8_avx512(std::uint64_t rounds) {
  __m512i sums[12];
  for (int i = 0; i < 12; ++i) sums[i] = _mm512_set1_epi32(i);
  __m512i a = _mm512_set1_epi8(3);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    asm volatile("" : "+v"(a));
    for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, a);
  }
  for (int i = 1; i < 12; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  return {rounds * 12 * 64, _mm512_cvtsi512_si32(sums[0]) - 66};
}
#endif

}  // namespace

std::uint64_t read_all([[maybe_unused]] Isa isa, std::span<const std::byte> memory) {
  ASSAY_ASSERT(reinterpret_cast<std::uintptr_t>(memory.data()) % 64 == 0 && memory.size() % unroll_bytes == 0);
#if defined(__x86_64__)
  if (isa == Isa::avx512) return read_avx512(memory);
  if (isa == Isa::avx2) return read_avx2(memory);
#endif
  return read_portable(memory);
}

Int8Work int8_work([[maybe_unused]] Isa isa, std::uint64_t rounds) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return int8_avx512(rounds);
  if (isa == Isa::avx2) return int8_avx2(rounds);
#endif
  return int8_portable(rounds);
}

}  // namespace assay::kernel
