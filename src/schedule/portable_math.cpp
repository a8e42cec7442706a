#include "schedule/portable_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace assay::schedule {
namespace {

constexpr std::size_t lane_block = 64;  // elements handled by loops of constant length, which compilers turn into SIMD

// Range reduction x = n ln 2 + r with ln 2 in two parts (Cody and Waite), then a polynomial in r on [-0.35, 0.35].
inline float exp_negative(float x) {
  const float bounded = x < -87.0F ? -87.0F : x;
  constexpr float magic = 12582912.0F;  // 1.5 * 2^23: adding it leaves the rounded integer in the low mantissa bits
  const float shifted = bounded * 1.44269504F + magic;
  const float n = shifted - magic;
  const float r = (bounded - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto exponent = (std::bit_cast<std::uint32_t>(shifted) - 0x4b400000U) << 23;
  const float value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(p) + exponent);
  return x < -87.0F ? 0.0F : value;
}

}  // namespace

float exp_shifted(float x, float shift, float scale) { return exp_negative((x - shift) * scale); }

double sum_exp(std::span<const float> x, float shift, float scale, std::span<double> partial) {
  double total = 0;
  for (std::size_t begin = 0; begin < x.size(); begin += exp_block) {
    const std::size_t end = std::min(x.size(), begin + exp_block);
    double block = 0;
    std::size_t i = begin;
    for (; i + lane_block <= end; i += lane_block) {
      float values[lane_block];
      for (std::size_t j = 0; j < lane_block; ++j) values[j] = exp_negative((x[i + j] - shift) * scale);
      float lanes[8] = {};
      for (std::size_t j = 0; j < lane_block; j += 8) {
        for (std::size_t k = 0; k < 8; ++k) lanes[k] += values[j + k];
      }
      for (const float lane : lanes) block += lane;
    }
    for (; i < end; ++i) block += exp_negative((x[i] - shift) * scale);
    if (!partial.empty()) partial[begin / exp_block] = block;
    total += block;
  }
  return total;
}

double natural_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);  // [1, 2)
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1);  // |s| < 0.172: the series of 2 atanh(s) reaches 1e-18 at s^21
  const double s2 = s * s;
  double series = 0;
  for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * s2;
  return static_cast<double>(exponent) * 0.6931471805599453 + 2 * s * (1 + series);
}

std::size_t first_max(std::span<const float> x) {
  float best = x[0];
  std::size_t best_block = 0;
  std::size_t i = 0;
  for (; i + lane_block <= x.size(); i += lane_block) {
    float lanes[8];
    for (std::size_t k = 0; k < 8; ++k) lanes[k] = x[i + k];
    for (std::size_t j = 8; j < lane_block; j += 8) {
      for (std::size_t k = 0; k < 8; ++k) lanes[k] = x[i + j + k] > lanes[k] ? x[i + j + k] : lanes[k];
    }
    float top = lanes[0];
    for (std::size_t k = 1; k < 8; ++k) top = lanes[k] > top ? lanes[k] : top;
    if (top > best) {
      best = top;
      best_block = i;
    }
  }
  for (; i < x.size(); ++i) {
    if (x[i] > best) {
      best = x[i];
      best_block = i;
    }
  }
  std::size_t index = best_block;
  while (!(x[index] == best)) ++index;
  return index;
}

std::size_t first_not_finite(std::span<const float> x) {
  constexpr std::uint32_t exponent_bits = 0x7f800000U;
  std::size_t i = 0;
  for (; i + lane_block <= x.size(); i += lane_block) {
    std::uint32_t met = 0;
    for (std::size_t j = 0; j < lane_block; ++j) {
      met |= (std::bit_cast<std::uint32_t>(x[i + j]) & exponent_bits) == exponent_bits ? 1U : 0U;
    }
    if (met != 0) break;
  }
  while (i < x.size() && std::isfinite(x[i])) ++i;
  return i;
}

}  // namespace assay::schedule
