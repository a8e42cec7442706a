#include "kernel/quant/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "kernel/quant/blocks.h"
#include "kernel/quant/fit.h"
#include "kernel/quant/quantize_k.h"

namespace assay::kernel {
namespace {

float greatest_magnitude(const float* x, std::size_t n) {
  float most = 0;
  for (std::size_t i = 0; i < n; ++i) most = std::abs(x[i]) > most ? std::abs(x[i]) : most;
  return most;
}

// The element of greatest magnitude with its sign, the first of equals.
float greatest_element(const float* x, std::size_t n) {
  float most = 0;
  for (std::size_t i = 0; i < n; ++i) most = std::abs(x[i]) > std::abs(most) ? x[i] : most;
  return most;
}

float inverse_or_zero(float d) { return d != 0 ? 1.0F / d : 0.0F; }

// The whole part of v within 0 .. highest; 0 for NaN.
std::uint8_t whole(float v, float highest) {
  return static_cast<std::uint8_t>(v > 0 ? (v < highest ? v : highest) : 0.0F);
}

// Codes of 32 elements into sixteen bytes of nibbles and, for five bits, four bytes of the highest.
void put_nibbles(const std::array<std::uint8_t, 32>& codes, std::array<std::uint8_t, 16>& q) {
  for (std::size_t i = 0; i < 16; ++i) q[i] = static_cast<std::uint8_t>((codes[i] & 15) | ((codes[i + 16] & 15) << 4));
}
void put_fifth_bits(const std::array<std::uint8_t, 32>& codes, std::array<std::uint8_t, 4>& high) {
  high.fill(0);
  for (std::size_t i = 0; i < 32; ++i) {
    high[i / 8] = static_cast<std::uint8_t>(high[i / 8] | ((codes[i] >> 4) << (i % 8)));
  }
}

// d * (q - reach): the element of greatest magnitude becomes code 0.
Half centred_codes(const float* x, float reach, std::array<std::uint8_t, 32>& codes) {
  const float d = greatest_element(x, 32) / -reach;
  const float inverse = inverse_or_zero(d);
  for (std::size_t i = 0; i < 32; ++i) codes[i] = whole(x[i] * inverse + (reach + 0.5F), 2 * reach - 1);
  return to_half(d);
}

struct ScaleAndMin {
  Half d, m;
};

// d * q + m from the least to the greatest element.
ScaleAndMin spanned_codes(const float* x, float levels_max, std::array<std::uint8_t, 32>& codes) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float d = (*high - *low) / levels_max;
  const float inverse = inverse_or_zero(d);
  for (std::size_t i = 0; i < 32; ++i) codes[i] = whole((x[i] - *low) * inverse + 0.5F, levels_max);
  return {to_half(d), to_half(*low)};
}

void encode(const float* x, BlockQ4_0& b) {
  std::array<std::uint8_t, 32> codes{};
  b.d = centred_codes(x, 8, codes);
  put_nibbles(codes, b.q);
}

void encode(const float* x, BlockQ4_1& b) {
  std::array<std::uint8_t, 32> codes{};
  const auto [d, m] = spanned_codes(x, 15, codes);
  b.d = d;
  b.m = m;
  put_nibbles(codes, b.q);
}

void encode(const float* x, BlockQ5_0& b) {
  std::array<std::uint8_t, 32> codes{};
  b.d = centred_codes(x, 16, codes);
  put_nibbles(codes, b.q);
  put_fifth_bits(codes, b.high);
}

void encode(const float* x, BlockQ5_1& b) {
  std::array<std::uint8_t, 32> codes{};
  const auto [d, m] = spanned_codes(x, 31, codes);
  b.d = d;
  b.m = m;
  put_nibbles(codes, b.q);
  put_fifth_bits(codes, b.high);
}

void encode(const float* x, BlockQ8_0& b) {
  const float d = greatest_magnitude(x, 32) / 127.0F;
  const float inverse = inverse_or_zero(d);
  for (std::size_t i = 0; i < 32; ++i) {
    const float scaled = x[i] * inverse;
    const bool inside = std::abs(scaled) <= 128.0F;  // not so for NaN and where 1 / d is infinite
    b.q[i] = static_cast<std::int8_t>(inside ? std::round(scaled) : 0.0F);
  }
  b.d = to_half(d);
}

void encode(const float* x, BlockMXFP4& b) {
  const float most = greatest_magnitude(x, 32);
  int exponent = 0;
  // 4 .. 8 steps, and at least the exponent that e = 0 stands for.
  if (most > 0) exponent = std::max(std::min(std::ilogb(most), 127) - 2 + 127, 0);
  b.e = static_cast<std::uint8_t>(std::min(exponent, 254));
  const float half_step = mxfp4_half_scale(b.e);
  std::array<std::uint8_t, 32> codes{};
  for (std::size_t i = 0; i < 32; ++i) {
    float best = std::abs(x[i]);
    for (std::uint8_t code = 1; code < 16; ++code) {
      const float error = std::abs(half_step * static_cast<float>(codebook_mxfp4[code]) - x[i]);
      if (error < best) {
        best = error;
        codes[i] = code;
      }
    }
  }
  put_nibbles(codes, b.q);
}

void encode(const float* x, BlockIQ4_NL& b) {
  const float step = fit_codebook({x, 32});
  b.d = to_half(step);
  const float inverse = inverse_or_zero(half(b.d));
  std::array<std::uint8_t, 32> codes{};
  for (std::size_t i = 0; i < 32; ++i) codes[i] = static_cast<std::uint8_t>(nearest_code(x[i] * inverse));
  put_nibbles(codes, b.q);
}

template <class Block>
void blocks(std::size_t elements, std::span<const float> x, std::span<std::byte> out) {
  auto* b = reinterpret_cast<Block*>(out.data());
  for (std::size_t at = 0; at < x.size(); at += elements, ++b) encode(x.data() + at, *b);
}

template <std::uint16_t (*narrow)(float)>
void scalars(std::span<const float> x, std::span<std::byte> out) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint16_t bits = narrow(x[i]);
    std::memcpy(out.data() + 2 * i, &bits, 2);
  }
}

}  // namespace

bool quantizes(DType dtype) { return facts(dtype).computes && dtype != DType::affine4 && dtype != DType::affine8; }

void quantize_row(DType dtype, std::span<const float> x, std::span<std::byte> out) {
  ASSAY_ASSERT(out.size() == row_bytes(dtype, x.size()));
  using enum DType;
  switch (dtype) {
    case f32:
      if (!x.empty()) std::memcpy(out.data(), x.data(), out.size());
      return;
    case f16:
      return scalars<float_to_half>(x, out);
    case bf16:
      return scalars<float_to_bf16>(x, out);
    case q4_0:
      return blocks<BlockQ4_0>(32, x, out);
    case q4_1:
      return blocks<BlockQ4_1>(32, x, out);
    case q5_0:
      return blocks<BlockQ5_0>(32, x, out);
    case q5_1:
      return blocks<BlockQ5_1>(32, x, out);
    case q8_0:
      return blocks<BlockQ8_0>(32, x, out);
    case mxfp4:
      return blocks<BlockMXFP4>(32, x, out);
    case iq4_nl:
      return blocks<BlockIQ4_NL>(32, x, out);
    case q2_k:
      return blocks<BlockQ2_K>(256, x, out);
    case q3_k:
      return blocks<BlockQ3_K>(256, x, out);
    case q4_k:
      return blocks<BlockQ4_K>(256, x, out);
    case q5_k:
      return blocks<BlockQ5_K>(256, x, out);
    case q6_k:
      return blocks<BlockQ6_K>(256, x, out);
    case iq4_xs:
      return blocks<BlockIQ4_XS>(256, x, out);
    default:
      broken_invariant("quantize_row knows the type", __FILE__, __LINE__);
  }
}

void quantize_row_affine(unsigned bits, std::size_t group, std::span<const float> x, std::span<std::byte> codes,
                         std::span<float> scales, std::span<float> biases) {
  ASSAY_ASSERT((bits == 4 || bits == 8) && group > 0 && group % 8 == 0 && x.size() % group == 0);
  ASSAY_ASSERT(codes.size() == x.size() * bits / 8 && scales.size() == x.size() / group &&
               biases.size() == scales.size());
  const int highest = bits == 4 ? 15 : 255;
  std::fill(codes.begin(), codes.end(), std::byte{0});
  for (std::size_t g = 0; g < scales.size(); ++g) {
    const auto run = x.subspan(g * group, group);
    const auto [low, high] = std::minmax_element(run.begin(), run.end());
    biases[g] = half_to_float(float_to_half(*low));
    scales[g] = half_to_float(float_to_half((*high - biases[g]) / static_cast<float>(highest)));
    const float inverse = inverse_or_zero(scales[g]);
    for (std::size_t i = 0; i < group; ++i) {
      const int q = nearest_level((run[i] - biases[g]) * inverse, 0, highest);
      const std::size_t at = g * group + i;
      if (bits == 8) {
        codes[at] = static_cast<std::byte>(q);
      } else {
        codes[at / 2] |= static_cast<std::byte>(q << (4 * (at % 2)));
      }
    }
  }
}

}  // namespace assay::kernel
