#include "kernel/quant/dequantize.h"

#include <bit>
#include <cstring>

#include "base/error.h"
#include "kernel/quant/blocks.h"

namespace assay::kernel {

float mxfp4_half_scale(std::uint8_t e) {
  const std::uint32_t bits = e == 0 ? 0x00200000U : e == 1 ? 0x00400000U : static_cast<std::uint32_t>(e - 1) << 23;
  return std::bit_cast<float>(bits);
}

namespace {

float to_float(int q) { return static_cast<float>(q); }

// A nibble of sixteen bytes: element i (0..31) of a block of 32.
int nibble(const std::uint8_t* q, std::size_t i) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; }
int bit(const std::uint8_t* bytes, std::size_t i) { return (bytes[i / 8] >> (i % 8)) & 1; }

void block(const BlockQ4_0& b, float* out) {
  const float d = half(b.d);
  for (std::size_t i = 0; i < 32; ++i) out[i] = d * to_float(nibble(b.q.data(), i) - 8);
}

void block(const BlockQ4_1& b, float* out) {
  const float d = half(b.d);
  const float m = half(b.m);
  for (std::size_t i = 0; i < 32; ++i) out[i] = d * to_float(nibble(b.q.data(), i)) + m;
}

void block(const BlockQ5_0& b, float* out) {
  const float d = half(b.d);
  for (std::size_t i = 0; i < 32; ++i) {
    out[i] = d * to_float((nibble(b.q.data(), i) | bit(b.high.data(), i) << 4) - 16);
  }
}

void block(const BlockQ5_1& b, float* out) {
  const float d = half(b.d);
  const float m = half(b.m);
  for (std::size_t i = 0; i < 32; ++i) {
    out[i] = d * to_float(nibble(b.q.data(), i) | bit(b.high.data(), i) << 4) + m;
  }
}

void block(const BlockQ8_0& b, float* out) {
  const float d = half(b.d);
  for (std::size_t i = 0; i < 32; ++i) out[i] = d * to_float(b.q[i]);
}

void block(const BlockIQ4_NL& b, float* out) {
  const float d = half(b.d);
  for (std::size_t i = 0; i < 32; ++i) out[i] = d * to_float(codebook_iq4[nibble(b.q.data(), i)]);
}

void block(const BlockMXFP4& b, float* out) {
  const float d = mxfp4_half_scale(b.e);
  for (std::size_t i = 0; i < 32; ++i) out[i] = d * to_float(codebook_mxfp4[nibble(b.q.data(), i)]);
}

void block(const BlockQ2_K& b, float* out) {
  const float d = half(b.d);
  const float dmin = half(b.dmin);
  for (std::size_t i = 0; i < 256; ++i) {
    const int q = (b.q[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3;
    const std::uint8_t s = b.scales[i / 16];
    out[i] = d * to_float(s & 15) * to_float(q) - dmin * to_float(s >> 4);
  }
}

void block(const BlockQ3_K& b, float* out) {
  const float d = half(b.d);
  for (std::size_t i = 0; i < 256; ++i) {
    const int low = (b.q[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3;
    const int high = (b.high[i % 32] >> (i / 32)) & 1;
    out[i] = d * to_float(scale_q3_k(b.scales, i / 16)) * to_float((low | high << 2) - 4);
  }
}

void block(const BlockQ4_K& b, float* out) {
  const float d = half(b.d);
  const float dmin = half(b.dmin);
  for (std::size_t s = 0; s < 8; ++s) {
    const auto [scale, min] = scale_min_q4_k(b.scales, s);
    const float step = d * to_float(scale);
    const float least = dmin * to_float(min);
    const std::uint8_t* q = b.q.data() + s / 2 * 32;
    for (std::size_t c = 0; c < 32; ++c) out[s * 32 + c] = step * to_float((q[c] >> (4 * (s % 2))) & 15) - least;
  }
}

void block(const BlockQ5_K& b, float* out) {
  const float d = half(b.d);
  const float dmin = half(b.dmin);
  for (std::size_t s = 0; s < 8; ++s) {
    const auto [scale, min] = scale_min_q4_k(b.scales, s);
    const float step = d * to_float(scale);
    const float least = dmin * to_float(min);
    const std::uint8_t* q = b.q.data() + s / 2 * 32;
    for (std::size_t c = 0; c < 32; ++c) {
      const int value = ((q[c] >> (4 * (s % 2))) & 15) | ((b.high[c] >> s) & 1) << 4;
      out[s * 32 + c] = step * to_float(value) - least;
    }
  }
}

void block(const BlockQ6_K& b, float* out) {
  const float d = half(b.d);
  for (std::size_t i = 0; i < 256; ++i) {
    const std::size_t a = i / 128;
    const std::size_t part = i / 32 % 4;
    const std::size_t c = i % 32;
    const int low = (b.low[64 * a + 32 * (part % 2) + c] >> (4 * (part / 2))) & 15;
    const int high = (b.high[32 * a + c] >> (2 * part)) & 3;
    out[i] = d * to_float(b.scales[i / 16]) * to_float((low | high << 4) - 32);
  }
}

void block(const BlockIQ4_XS& b, float* out) {
  const float d = half(b.d);
  for (std::size_t s = 0; s < 8; ++s) {
    const float step = d * to_float(scale_iq4_xs(b, s));
    for (std::size_t i = 0; i < 32; ++i)
      out[s * 32 + i] = step * to_float(codebook_iq4[nibble(b.q.data() + s * 16, i)]);
  }
}

template <class Block>
void blocks(std::size_t elements, std::span<const std::byte> row, std::span<float> out) {
  const auto* b = reinterpret_cast<const Block*>(row.data());
  for (std::size_t at = 0; at < out.size(); at += elements, ++b) block(*b, out.data() + at);
}

std::uint16_t load16(const std::byte* p) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, p, sizeof bits);
  return bits;
}

// Element `index` of a row of scalars.
float scalar(DType dtype, std::span<const std::byte> row, std::size_t index) {
  if (dtype == DType::f16) return half_to_float(load16(row.data() + index * 2));
  if (dtype == DType::bf16) return bf16_to_float(load16(row.data() + index * 2));
  ASSAY_ASSERT(dtype == DType::f32);
  float value = 0;
  std::memcpy(&value, row.data() + index * sizeof value, sizeof value);
  return value;
}

// One row of affine4 or affine8: packed elements, and columns / group scales and biases.
void affine(const TensorView& tensor, std::uint64_t index, std::span<float> out) {
  const bool four = tensor.dtype == DType::affine4;
  const std::size_t groups = out.size() / tensor.group;
  const std::size_t scale_bytes = row_bytes(tensor.scale_dtype, groups);
  const auto packed = tensor.data.subspan(index * row_bytes(tensor.dtype, out.size()));
  const auto scales = tensor.scales.subspan(index * scale_bytes, scale_bytes);
  const auto biases = tensor.biases.subspan(index * scale_bytes, scale_bytes);
  for (std::size_t g = 0; g < groups; ++g) {
    const float scale = scalar(tensor.scale_dtype, scales, g);
    const float bias = scalar(tensor.scale_dtype, biases, g);
    for (std::size_t c = g * tensor.group; c < (g + 1) * tensor.group; ++c) {
      const int q =
          four ? (std::to_integer<int>(packed[c / 2]) >> (4 * (c % 2))) & 15 : std::to_integer<int>(packed[c]);
      out[c] = scale * to_float(q) + bias;
    }
  }
}

}  // namespace

void dequantize_row(DType dtype, std::span<const std::byte> row, std::span<float> out) {
  ASSAY_ASSERT(row.size() == row_bytes(dtype, out.size()));
  using enum DType;
  switch (dtype) {
    case f32:
      if (!out.empty()) std::memcpy(out.data(), row.data(), row.size());
      return;
    case f16:
    case bf16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = scalar(dtype, row, i);
      return;
    case q4_0:
      return blocks<BlockQ4_0>(32, row, out);
    case q4_1:
      return blocks<BlockQ4_1>(32, row, out);
    case q5_0:
      return blocks<BlockQ5_0>(32, row, out);
    case q5_1:
      return blocks<BlockQ5_1>(32, row, out);
    case q8_0:
      return blocks<BlockQ8_0>(32, row, out);
    case iq4_nl:
      return blocks<BlockIQ4_NL>(32, row, out);
    case mxfp4:
      return blocks<BlockMXFP4>(32, row, out);
    case q2_k:
      return blocks<BlockQ2_K>(256, row, out);
    case q3_k:
      return blocks<BlockQ3_K>(256, row, out);
    case q4_k:
      return blocks<BlockQ4_K>(256, row, out);
    case q5_k:
      return blocks<BlockQ5_K>(256, row, out);
    case q6_k:
      return blocks<BlockQ6_K>(256, row, out);
    case iq4_xs:
      return blocks<BlockIQ4_XS>(256, row, out);
    default:
      broken_invariant("dequantize_row knows the type", __FILE__, __LINE__);
  }
}

void dequantize_row(const TensorView& tensor, std::uint64_t index, std::span<float> out) {
  ASSAY_ASSERT(out.size() == tensor.columns() && index < tensor.rows());
  if (tensor.dtype == DType::affine4 || tensor.dtype == DType::affine8) {
    ASSAY_ASSERT(tensor.group > 0 && out.size() % tensor.group == 0);
    return affine(tensor, index, out);
  }
  const std::size_t bytes = row_bytes(tensor.dtype, out.size());
  dequantize_row(tensor.dtype, tensor.data.subspan(index * bytes, bytes), out);
}

}  // namespace assay::kernel
