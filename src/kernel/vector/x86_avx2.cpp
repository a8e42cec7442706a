#include <immintrin.h>

#include <limits>

#include "kernel/vector/exp_avx2.h"
#include "kernel/vector/variants.h"

namespace assay::kernel::avx2 {
namespace {

// Mask of the first `count` (0..8) lanes, for loads and stores that end at the last element.
ASSAY_AVX2 inline __m256i first_lanes(std::size_t count) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), index);
}

inline std::size_t at_most_8(std::size_t n) { return n < 8 ? n : 8; }

}  // namespace

ASSAY_AVX2 float sum_of_squares(const float* x, std::size_t n) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256 a = _mm256_loadu_ps(x + i);
    const __m256 b = _mm256_loadu_ps(x + i + 8);
    low = _mm256_add_ps(low, _mm256_mul_ps(a, a));
    high = _mm256_add_ps(high, _mm256_mul_ps(b, b));
  }
  if (i < n) {  // lanes past the end add +0 to sums that are never -0
    const std::size_t first = at_most_8(n - i);
    const __m256 a = _mm256_maskload_ps(x + i, first_lanes(first));
    low = _mm256_add_ps(low, _mm256_mul_ps(a, a));
    const __m256 b = _mm256_maskload_ps(x + i + first, first_lanes(n - i - first));
    high = _mm256_add_ps(high, _mm256_mul_ps(b, b));
  }
  return sum_of_lanes(low, high);
}

ASSAY_AVX2 void scale_weighted(const float* x, const float* weight, float s, float* out, std::size_t n) {
  const __m256 factor = _mm256_set1_ps(s);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), factor);
    _mm256_storeu_ps(out + i, _mm256_mul_ps(scaled, _mm256_loadu_ps(weight + i)));
  }
  for (; i < n; ++i) out[i] = x[i] * s * weight[i];
}

ASSAY_AVX2 void silu_mul(const float* gate, const float* up, float* out, std::size_t n) {
  const __m256 one = _mm256_set1_ps(1.0F);
  const __m256 sign = _mm256_set1_ps(-0.0F);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 g = _mm256_loadu_ps(gate + i);
    const __m256 silu = _mm256_div_ps(g, _mm256_add_ps(one, exp_clamped(_mm256_xor_ps(g, sign))));
    _mm256_storeu_ps(out + i, _mm256_mul_ps(silu, _mm256_loadu_ps(up + i)));
  }
  for (; i < n; ++i) out[i] = gate[i] / (1.0F + kernel::exp_clamped(-gate[i])) * up[i];
}

ASSAY_AVX2 void gelu_mul(const float* gate, const float* up, float* out, std::size_t n) {
  using C = GeluConstants;
  const __m256 one = _mm256_set1_ps(1.0F);
  const __m256 sign = _mm256_set1_ps(-0.0F);
  const __m256 linear = _mm256_set1_ps(C::linear);
  const __m256 cubic = _mm256_set1_ps(C::cubic);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 g = _mm256_loadu_ps(gate + i);
    const __m256 z = _mm256_mul_ps(g, _mm256_add_ps(linear, _mm256_mul_ps(cubic, _mm256_mul_ps(g, g))));
    const __m256 gelu = _mm256_div_ps(g, _mm256_add_ps(one, exp_clamped(_mm256_xor_ps(z, sign))));
    _mm256_storeu_ps(out + i, _mm256_mul_ps(gelu, _mm256_loadu_ps(up + i)));
  }
  for (; i < n; ++i) {
    const float g = gate[i];
    const float z = g * (C::linear + C::cubic * (g * g));
    out[i] = g / (1.0F + kernel::exp_clamped(-z)) * up[i];
  }
}

ASSAY_AVX2 void add(const float* x, float* out, std::size_t n) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_add_ps(_mm256_loadu_ps(out + i), _mm256_loadu_ps(x + i)));
  }
  for (; i < n; ++i) out[i] += x[i];
}

ASSAY_AVX2 float maximum(const float* x, std::size_t n) {
  const float lowest = -std::numeric_limits<float>::infinity();
  __m256 best = _mm256_set1_ps(lowest);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) best = _mm256_max_ps(_mm256_loadu_ps(x + i), best);
  const __m256 tail = _mm256_castsi256_ps(first_lanes(n - i));
  const __m256 last = _mm256_blendv_ps(best, _mm256_maskload_ps(x + i, _mm256_castps_si256(tail)), tail);
  best = _mm256_max_ps(last, best);
  alignas(32) float lane[8];
  _mm256_store_ps(lane, best);
  float result = lowest;
  for (const float value : lane) result = value > result ? value : result;
  return result;
}

ASSAY_AVX2 float exp_minus(float* x, float maximum, std::size_t n) {
  const __m256 top = _mm256_set1_ps(maximum);
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256 a = exp_or_zero(_mm256_sub_ps(_mm256_loadu_ps(x + i), top));
    const __m256 b = exp_or_zero(_mm256_sub_ps(_mm256_loadu_ps(x + i + 8), top));
    _mm256_storeu_ps(x + i, a);
    _mm256_storeu_ps(x + i + 8, b);
    low = _mm256_add_ps(low, a);
    high = _mm256_add_ps(high, b);
  }
  if (i < n) {
    const std::size_t first = at_most_8(n - i);
    const __m256i mask_a = first_lanes(first);
    const __m256i mask_b = first_lanes(n - i - first);
    const __m256 a = exp_or_zero(_mm256_sub_ps(_mm256_maskload_ps(x + i, mask_a), top));
    const __m256 b = exp_or_zero(_mm256_sub_ps(_mm256_maskload_ps(x + i + first, mask_b), top));
    _mm256_maskstore_ps(x + i, mask_a, a);
    _mm256_maskstore_ps(x + i + first, mask_b, b);
    low = _mm256_add_ps(low, _mm256_and_ps(a, _mm256_castsi256_ps(mask_a)));
    high = _mm256_add_ps(high, _mm256_and_ps(b, _mm256_castsi256_ps(mask_b)));
  }
  return sum_of_lanes(low, high);
}

ASSAY_AVX2 void multiply(float* x, float factor, std::size_t n) {
  const __m256 by = _mm256_set1_ps(factor);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), by));
  for (; i < n; ++i) x[i] *= factor;
}

}  // namespace assay::kernel::avx2
