// exp.h in AVX2: the same operations in the same order.
#pragma once

#include <immintrin.h>

#include "kernel/isa.h"
#include "kernel/vector/exp.h"

namespace assay::kernel {

ASSAY_AVX2 inline __m256 exp_clamped(__m256 x) {
  using C = ExpConstants;
  const __m256 round = _mm256_set1_ps(C::round);
  x = _mm256_max_ps(_mm256_set1_ps(C::lowest), x);  // of a NaN, max and min give their second argument
  x = _mm256_min_ps(_mm256_set1_ps(C::highest), x);
  const __m256 shifted = _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(C::log2_e)), round);
  const __m256 n = _mm256_sub_ps(shifted, round);
  __m256 r = _mm256_sub_ps(x, _mm256_mul_ps(n, _mm256_set1_ps(C::ln2_high)));
  r = _mm256_sub_ps(r, _mm256_mul_ps(n, _mm256_set1_ps(C::ln2_low)));
  __m256 p = _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(C::c4), r), _mm256_set1_ps(C::c3));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(C::c2));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(C::c1));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(C::c0));
  p = _mm256_add_ps(_mm256_mul_ps(_mm256_mul_ps(p, r), r), r);
  const __m256 y = _mm256_add_ps(p, _mm256_set1_ps(1.0F));
  const __m256i exponent =
      _mm256_slli_epi32(_mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_castps_si256(round)), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), exponent));
}

ASSAY_AVX2 inline __m256 exp_or_zero(__m256 x) {
  const __m256 kept = _mm256_cmp_ps(x, _mm256_set1_ps(ExpConstants::lowest), _CMP_NLT_UQ);
  return _mm256_and_ps(kept, exp_clamped(x));
}

// Lanes a (0..7) and b (8..15) of a 16-lane sum, added in halves.
ASSAY_AVX2 inline float sum_of_lanes(__m256 a, __m256 b) {
  const __m256 eight = _mm256_add_ps(a, b);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

}  // namespace assay::kernel
