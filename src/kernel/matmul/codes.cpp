#include "kernel/matmul/codes.h"

#include <cstring>

#include "base/error.h"
#include "kernel/quant/blocks.h"

namespace assay::kernel {
namespace {

// Writes scales one after another.
class Bytes {
 public:
  explicit Bytes(std::vector<std::uint8_t>& out) : out_(out) { out_.clear(); }
  void put(const Half& h) { out_.insert(out_.end(), h.begin(), h.end()); }
  void put(const std::byte* p, std::size_t count) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(p);
    out_.insert(out_.end(), bytes, bytes + count);
  }
  void put(int value) { out_.push_back(static_cast<std::uint8_t>(value)); }

 private:
  std::vector<std::uint8_t>& out_;
};

void nibbles(const std::uint8_t* q, std::uint8_t* out) {
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = q[i] & 15U;
    out[i + 16] = static_cast<std::uint8_t>(q[i] >> 4);
  }
}

void fifth_bits(const std::array<std::uint8_t, 4>& high, std::uint8_t* out) {
  for (std::size_t i = 0; i < 32; ++i) {
    out[i] = static_cast<std::uint8_t>(out[i] | ((high[i / 8] >> (i % 8)) & 1U) << 4);
  }
}

void block(const BlockQ4_0& b, std::uint8_t* out, Bytes& scales) {
  nibbles(b.q.data(), out);
  scales.put(b.d);
}

void block(const BlockQ4_1& b, std::uint8_t* out, Bytes& scales) {
  nibbles(b.q.data(), out);
  scales.put(b.d);
  scales.put(b.m);
}

void block(const BlockQ5_0& b, std::uint8_t* out, Bytes& scales) {
  nibbles(b.q.data(), out);
  fifth_bits(b.high, out);
  scales.put(b.d);
}

void block(const BlockQ5_1& b, std::uint8_t* out, Bytes& scales) {
  nibbles(b.q.data(), out);
  fifth_bits(b.high, out);
  scales.put(b.d);
  scales.put(b.m);
}

void block(const BlockQ8_0& b, std::uint8_t* out, Bytes& scales) {
  std::memcpy(out, b.q.data(), b.q.size());
  scales.put(b.d);
}

void block(const BlockIQ4_NL& b, std::uint8_t* out, Bytes& scales) {
  nibbles(b.q.data(), out);
  scales.put(b.d);
}

void block(const BlockMXFP4& b, std::uint8_t* out, Bytes& scales) {
  nibbles(b.q.data(), out);
  const std::uint16_t scale = float_to_bf16(mxfp4_half_scale(b.e));  // a power of two: exact
  scales.put(scale & 255);
  scales.put(scale >> 8);
}

void block(const BlockQ2_K& b, std::uint8_t* out, Bytes& scales) {
  for (std::size_t i = 0; i < 256; ++i) out[i] = (b.q[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3U;
  scales.put(b.d);
  scales.put(b.dmin);
  for (const std::uint8_t s : b.scales) {
    scales.put(s & 15);
    scales.put(s >> 4);
  }
}

void block(const BlockQ3_K& b, std::uint8_t* out, Bytes& scales) {
  for (std::size_t i = 0; i < 256; ++i) {
    const unsigned low = (b.q[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3U;
    out[i] = static_cast<std::uint8_t>(low | ((b.high[i % 32] >> (i / 32)) & 1U) << 2);
  }
  scales.put(b.d);
  for (std::size_t i = 0; i < 16; ++i) scales.put(scale_q3_k(b.scales, i));
}

void scales_mins(const Half& d, const Half& dmin, const std::array<std::uint8_t, 12>& packed, Bytes& scales) {
  scales.put(d);
  scales.put(dmin);
  for (std::size_t i = 0; i < 8; ++i) {
    const auto [scale, min] = scale_min_q4_k(packed, i);
    scales.put(scale);
    scales.put(min);
  }
}

void block(const BlockQ4_K& b, std::uint8_t* out, Bytes& scales) {
  for (std::size_t i = 0; i < 256; ++i) out[i] = (b.q[i / 64 * 32 + i % 32] >> (4 * (i / 32 % 2))) & 15U;
  scales_mins(b.d, b.dmin, b.scales, scales);
}

void block(const BlockQ5_K& b, std::uint8_t* out, Bytes& scales) {
  for (std::size_t i = 0; i < 256; ++i) {
    const unsigned low = (b.q[i / 64 * 32 + i % 32] >> (4 * (i / 32 % 2))) & 15U;
    out[i] = static_cast<std::uint8_t>(low | ((b.high[i % 32] >> (i / 32)) & 1U) << 4);
  }
  scales_mins(b.d, b.dmin, b.scales, scales);
}

void block(const BlockQ6_K& b, std::uint8_t* out, Bytes& scales) {
  for (std::size_t i = 0; i < 256; ++i) {
    const std::size_t a = i / 128;
    const std::size_t part = i / 32 % 4;
    const std::size_t c = i % 32;
    const unsigned low = (b.low[64 * a + 32 * (part % 2) + c] >> (4 * (part / 2))) & 15U;
    out[i] = static_cast<std::uint8_t>(low | ((b.high[32 * a + c] >> (2 * part)) & 3U) << 4);
  }
  scales.put(b.d);
  for (const std::int8_t s : b.scales) scales.put(s);
}

void block(const BlockIQ4_XS& b, std::uint8_t* out, Bytes& scales) {
  for (std::size_t s = 0; s < 8; ++s) nibbles(b.q.data() + s * 16, out + s * 32);
  scales.put(b.d);
  for (std::size_t s = 0; s < 8; ++s) scales.put(scale_iq4_xs(b, s));
}

template <class Block>
void blocks(const TensorView& view, std::uint64_t index, std::size_t elements, RowCodes& out) {
  const std::size_t count = out.codes.size() / elements;
  const auto* b = reinterpret_cast<const Block*>(view.data.data()) + index * count;
  Bytes scales(out.scales);
  for (std::size_t i = 0; i < count; ++i) block(b[i], out.codes.data() + i * elements, scales);
}

void affine(const TensorView& view, std::uint64_t index, RowCodes& out) {
  const std::size_t cols = out.codes.size();
  const auto* packed = reinterpret_cast<const std::uint8_t*>(view.data.data()) + index * row_bytes(view.dtype, cols);
  if (view.dtype == DType::affine4) {
    for (std::size_t i = 0; i < cols; ++i) out.codes[i] = (packed[i / 2] >> (4 * (i % 2))) & 15U;
  } else {
    for (std::size_t i = 0; i < cols; ++i) out.codes[i] = packed[i] ^ 0x80U;  // q - 128 as two's complement
  }
  const std::size_t groups = cols / view.group;
  const std::size_t size = row_bytes(view.scale_dtype, 1);
  Bytes scales(out.scales);
  for (std::size_t g = 0; g < groups; ++g) {
    scales.put(view.scales.data() + (index * groups + g) * size, size);
    scales.put(view.biases.data() + (index * groups + g) * size, size);
  }
}

}  // namespace

std::optional<Packing> packing_of(const TensorView& view) {
  using enum DType;
  const ScaleBits affine_bits = view.scale_dtype == DType::f32    ? ScaleBits::f32
                                : view.scale_dtype == DType::bf16 ? ScaleBits::bf16
                                                                  : ScaleBits::f16;
  switch (view.dtype) {
    case f32:
      return Packing{FormatId::f32, ScaleBits::f32};
    case f16:
      return Packing{FormatId::f16, ScaleBits::f16};
    case bf16:
      return Packing{FormatId::bf16, ScaleBits::bf16};
    case q4_0:
      return Packing{FormatId::u4_minus8};
    case q4_1:
      return Packing{FormatId::u4_min};
    case q5_0:
      return Packing{FormatId::u5_minus16};
    case q5_1:
      return Packing{FormatId::u5_min};
    case q8_0:
      return Packing{FormatId::s8};
    case q2_k:
      return Packing{FormatId::u2_super_min};
    case q3_k:
      return Packing{FormatId::u3_super};
    case q4_k:
      return Packing{FormatId::u4_super_min};
    case q5_k:
      return Packing{FormatId::u5_super_min};
    case q6_k:
      return Packing{FormatId::u6_super};
    case iq4_nl:
      return Packing{FormatId::lut4, ScaleBits::f16, codebook_iq4.data()};
    case iq4_xs:
      return Packing{FormatId::lut4_super, ScaleBits::f16, codebook_iq4.data()};
    case mxfp4:
      return Packing{FormatId::lut4, ScaleBits::bf16, codebook_mxfp4.data()};
    case affine4:
      return Packing{FormatId::u4_min, affine_bits};
    case affine8:
      return Packing{FormatId::s8_plus128_min, affine_bits};
    default:
      return std::nullopt;
  }
}

void row_codes(const TensorView& view, std::uint64_t index, RowCodes& out) {
  out.codes.resize(view.columns());
  using enum DType;
  switch (view.dtype) {
    case q4_0:
      return blocks<BlockQ4_0>(view, index, 32, out);
    case q4_1:
      return blocks<BlockQ4_1>(view, index, 32, out);
    case q5_0:
      return blocks<BlockQ5_0>(view, index, 32, out);
    case q5_1:
      return blocks<BlockQ5_1>(view, index, 32, out);
    case q8_0:
      return blocks<BlockQ8_0>(view, index, 32, out);
    case iq4_nl:
      return blocks<BlockIQ4_NL>(view, index, 32, out);
    case mxfp4:
      return blocks<BlockMXFP4>(view, index, 32, out);
    case q2_k:
      return blocks<BlockQ2_K>(view, index, 256, out);
    case q3_k:
      return blocks<BlockQ3_K>(view, index, 256, out);
    case q4_k:
      return blocks<BlockQ4_K>(view, index, 256, out);
    case q5_k:
      return blocks<BlockQ5_K>(view, index, 256, out);
    case q6_k:
      return blocks<BlockQ6_K>(view, index, 256, out);
    case iq4_xs:
      return blocks<BlockIQ4_XS>(view, index, 256, out);
    case affine4:
    case affine8:
      return affine(view, index, out);
    default:
      broken_invariant("row_codes knows the type", __FILE__, __LINE__);
  }
}

}  // namespace assay::kernel
