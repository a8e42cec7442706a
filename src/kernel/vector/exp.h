// e^x in float by range reduction and a polynomial, written so that every Isa computes the same bits: multiplications
// and additions rounded apart, no table, no library.
#pragma once

#include <bit>
#include <cstdint>

namespace assay::kernel {

// With n = x / ln 2 rounded and r = x - n ln 2: e^x = 2^n (1 + r + r^2 (c0 + c1 r + ... + c4 r^4)). The coefficients
// minimise the greatest relative error over |r| <= ln 2 / 2 (3.1e-9 before rounding to float).
struct ExpConstants {
  static constexpr float lowest = -87.336544F;  // 2^-126
  static constexpr float highest = 88.376259F;  // below 2^127.5
  static constexpr float log2_e = 0x1.715476p+0F;
  static constexpr float round = 0x1.8p+23F;     // adding it rounds to an integer held in the low bits
  static constexpr float ln2_high = 0x1.63p-1F;  // n * ln2_high is exact
  static constexpr float ln2_low = -0x1.bd0106p-13F;
  static constexpr float c0 = 0x1.fffffcp-2F;
  static constexpr float c1 = 0x1.555490p-3F;
  static constexpr float c2 = 0x1.5558f4p-5F;
  static constexpr float c3 = 0x1.123a6cp-7F;
  static constexpr float c4 = 0x1.6a2352p-10F;
};

// Relative error at most 2^-23. Below `lowest` the value is that of `lowest`, likewise above `highest`; NaN stays NaN.
inline float exp_clamped(float x) {
  using C = ExpConstants;
  x = C::lowest > x ? C::lowest : x;
  x = C::highest < x ? C::highest : x;
  const float shifted = x * C::log2_e + C::round;
  const float n = shifted - C::round;
  float r = x - n * C::ln2_high;
  r = r - n * C::ln2_low;
  float p = C::c4 * r + C::c3;
  p = p * r + C::c2;
  p = p * r + C::c1;
  p = p * r + C::c0;
  const float y = p * r * r + r + 1.0F;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(C::round)) << 23;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(y) + exponent);
}

// For softmax: 0 below `lowest`, where e^x would be subnormal or 0.
inline float exp_or_zero(float x) { return x < ExpConstants::lowest ? 0.0F : exp_clamped(x); }

}  // namespace assay::kernel
