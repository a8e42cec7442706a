#include <immintrin.h>

#include <cstring>

#include "kernel/attention/variants.h"
#include "kernel/vector/variants.h"
#include "tensor/dtype.h"

namespace assay::kernel::avx2 {
namespace {

#define ASSAY_TARGET ASSAY_AVX2

using Vec = __m256;
constexpr std::size_t width = 8;
constexpr std::size_t row_block = 4;

ASSAY_AVX2 inline Vec zero() { return _mm256_setzero_ps(); }
ASSAY_AVX2 inline Vec broadcast(float x) { return _mm256_set1_ps(x); }
ASSAY_AVX2 inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
ASSAY_AVX2 inline void store(float* p, Vec x) { _mm256_storeu_ps(p, x); }
ASSAY_AVX2 inline Vec multiply(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
ASSAY_AVX2 inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
ASSAY_AVX2 inline float multiply_add_scalar(float a, float b, float c) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}
ASSAY_AVX2 inline Vec load_half(const std::byte* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ASSAY_AVX2 inline Vec load_bytes(const std::byte* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
ASSAY_AVX2 inline Vec load_quad(const std::byte* p, std::size_t j) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(x, static_cast<int>(24 - 8 * j)), 24));
}
// Inlined always: as calls of their own GCC 12 takes them for ones without effect and drops them.
ASSAY_AVX2 __attribute__((always_inline)) inline void prefetch_l1(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}
ASSAY_AVX2 __attribute__((always_inline)) inline void prefetch_l2(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
}

#include "kernel/attention/body.inl"

ASSAY_AVX2 void store_f16(const float* x, std::size_t n, std::byte* out, std::size_t stride) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
    if (stride == 2) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 2), halves);
      continue;
    }
    alignas(16) std::uint16_t bits[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(bits), halves);
    for (std::size_t j = 0; j < 8; ++j) std::memcpy(out + (i + j) * stride, bits + j, 2);
  }
  for (; i < n; ++i) {
    const std::uint16_t bits = float_to_half(x[i]);
    std::memcpy(out + i * stride, &bits, 2);
  }
}

ASSAY_AVX2 float quantize_32(const float* x, std::int8_t* q) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  __m256 value[4];
  __m256 greatest = _mm256_setzero_ps();
  for (std::size_t i = 0; i < 4; ++i) {
    value[i] = _mm256_loadu_ps(x + 8 * i);
    greatest = _mm256_max_ps(_mm256_andnot_ps(sign, value[i]), greatest);
  }
  alignas(32) float lane[8];
  _mm256_store_ps(lane, greatest);
  float most = 0;
  for (const float l : lane) most = l > most ? l : most;
  const float d = most / 127.0F;
  const __m256 inverse = _mm256_set1_ps(d > 0 ? 1.0F / d : 0.0F);
  __m256i rounded[4];
  for (std::size_t i = 0; i < 4; ++i) {
    const __m256 scaled = _mm256_mul_ps(value[i], inverse);
    const __m256 inside = _mm256_cmp_ps(_mm256_andnot_ps(sign, scaled), _mm256_set1_ps(128.0F), _CMP_LE_OQ);
    const __m256 half = _mm256_or_ps(_mm256_and_ps(scaled, sign), _mm256_set1_ps(0x1.fffffep-2F));
    const __m256i truncated = _mm256_cvttps_epi32(_mm256_add_ps(scaled, half));
    rounded[i] = _mm256_and_si256(truncated, _mm256_castps_si256(inside));
  }
  // Packing works within 128-bit lanes: the last step puts the groups of four bytes back in order.
  const __m256i words_a = _mm256_packs_epi32(rounded[0], rounded[1]);
  const __m256i words_b = _mm256_packs_epi32(rounded[2], rounded[3]);
  const __m256i bytes = _mm256_packs_epi16(words_a, words_b);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), _mm256_permutevar8x32_epi32(bytes, order));
  return d;
}

#undef ASSAY_TARGET

}  // namespace

constinit const AttentionKernels attention_kernels{store_f16, quantize_32,  widen_keys,  widen_values, scores,
                                                   values,    plane_scores, pair_scores, plane_values, fold,
                                                   maximum,   exp_minus,    multiply};

}  // namespace assay::kernel::avx2
