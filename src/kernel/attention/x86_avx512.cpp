#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own header initialises __Y with itself
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstring>

#include "kernel/attention/variants.h"
#include "kernel/vector/variants.h"
#include "tensor/dtype.h"

namespace assay::kernel::avx512 {
namespace {

#define ASSAY_TARGET ASSAY_AVX512

using Vec = __m512;
constexpr std::size_t width = 16;
constexpr std::size_t row_block = 8;

ASSAY_AVX512 inline Vec zero() { return _mm512_setzero_ps(); }
ASSAY_AVX512 inline Vec broadcast(float x) { return _mm512_set1_ps(x); }
ASSAY_AVX512 inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
ASSAY_AVX512 inline void store(float* p, Vec x) { _mm512_storeu_ps(p, x); }
ASSAY_AVX512 inline Vec multiply(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
ASSAY_AVX512 inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
ASSAY_AVX512 inline float multiply_add_scalar(float a, float b, float c) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}
ASSAY_AVX512 inline Vec load_half(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
ASSAY_AVX512 inline Vec load_bytes(const std::byte* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
ASSAY_AVX512 inline Vec load_quad(const std::byte* p, std::size_t j) {
  const __m512i x = _mm512_loadu_si512(p);
  return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(x, static_cast<unsigned>(24 - 8 * j)), 24));
}
ASSAY_AVX512 inline void prefetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }

#include "kernel/attention/body.inl"

#undef ASSAY_TARGET

}  // namespace

// Storing and the softmax are AVX2's: they are a small part, and their bits are the same.
const AttentionKernels attention_kernels{avx2::attention_kernels.store_f16,
                                         avx2::attention_kernels.quantize_32,
                                         widen_keys,
                                         widen_values,
                                         scores,
                                         values,
                                         plane_scores,
                                         pair_scores,
                                         plane_values,
                                         fold,
                                         avx2::maximum,
                                         avx2::exp_minus,
                                         avx2::multiply};

}  // namespace assay::kernel::avx512
