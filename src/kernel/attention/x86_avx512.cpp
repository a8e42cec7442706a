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
// Inlined always: as calls of their own GCC 12 takes them for ones without effect and drops them.
ASSAY_AVX512 __attribute__((always_inline)) inline void prefetch_l1(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}
ASSAY_AVX512 __attribute__((always_inline)) inline void prefetch_l2(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
}

#include "kernel/attention/body.inl"

#undef ASSAY_TARGET

// Few rows of halves go to AVX2, which is faster there (Zen 5: 6.4 against 7.4 us for 512 positions of two rows in L2, 15 %
// from memory too): widening to 512 bits costs more than it saves. The bits are the same.
void few_rows_scores(const KvLayout& layout, const std::byte* plane, const std::byte* next, const float* q,
                     std::size_t rows, float* out, std::size_t score_stride) {
  const auto run = layout.type == KvType::f16 ? avx2::attention_kernels.plane_scores : plane_scores;
  run(layout, plane, next, q, rows, out, score_stride);
}
void few_rows_pair_scores(const KvLayout& layout, const std::byte* const* plane, const std::byte* const* next,
                          const float* q, std::size_t rows, float* out, std::size_t score_stride) {
  const auto run = layout.type == KvType::f16 ? avx2::attention_kernels.pair_scores : pair_scores;
  run(layout, plane, next, q, rows, out, score_stride);
}
void few_rows_values(const KvLayout& layout, const std::byte* plane, const std::byte* next, const float* weights,
                     std::size_t weight_stride, std::size_t rows, std::size_t begin, std::size_t end, float* out) {
  const auto run = layout.type == KvType::f16 ? avx2::attention_kernels.plane_values : plane_values;
  run(layout, plane, next, weights, weight_stride, rows, begin, end, out);
}

}  // namespace

// Storing and the softmax are AVX2's: they are a small part, and their bits are the same.
const AttentionKernels attention_kernels{
    .store_f16 = avx2::attention_kernels.store_f16,
    .quantize_32 = avx2::attention_kernels.quantize_32,
    .widen_keys = widen_keys,
    .widen_values = widen_values,
    .scores = scores,
    .values = values,
    .plane_scores = few_rows_scores,
    .pair_scores = few_rows_pair_scores,
    .plane_values = few_rows_values,
    .fold = fold,
    .maximum = avx2::maximum,
    .exp_minus = avx2::exp_minus,
    .multiply = avx2::multiply,
};

}  // namespace assay::kernel::avx512
