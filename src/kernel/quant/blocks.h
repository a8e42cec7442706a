// Byte layouts of the quantized blocks as GGUF files hold them. Every member is made of bytes, so that a block may lie
// at any address; halves are read through half(). Element numbers count within the block.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace assay::kernel {

using Half = std::array<std::uint8_t, 2>;  // an IEEE half, little-endian

inline std::uint16_t half_bits(const Half& h) { return static_cast<std::uint16_t>(h[0] | (h[1] << 8)); }
inline float half(const Half& h) { return half_to_float(half_bits(h)); }
inline Half to_half(float value) {
  const std::uint16_t bits = float_to_half(value);
  return {static_cast<std::uint8_t>(bits & 0xFFU), static_cast<std::uint8_t>(bits >> 8)};
}

// Blocks of 32. Nibbles: element i is the low half of byte i, element i + 16 the high half. Fifth bits: bit i of high.
struct BlockQ4_0 {  // d * (q - 8)
  Half d;
  std::array<std::uint8_t, 16> q;
};
struct BlockQ4_1 {  // d * q + m
  Half d, m;
  std::array<std::uint8_t, 16> q;
};
struct BlockQ5_0 {  // d * (q - 16)
  Half d;
  std::array<std::uint8_t, 4> high;
  std::array<std::uint8_t, 16> q;
};
struct BlockQ5_1 {  // d * q + m
  Half d, m;
  std::array<std::uint8_t, 4> high;
  std::array<std::uint8_t, 16> q;
};
struct BlockQ8_0 {  // d * q
  Half d;
  std::array<std::int8_t, 32> q;
};
struct BlockIQ4_NL {  // d * codebook_iq4[q]
  Half d;
  std::array<std::uint8_t, 16> q;
};
struct BlockMXFP4 {  // 2^(e - 128) * codebook_mxfp4[q]
  std::uint8_t e;
  std::array<std::uint8_t, 16> q;
};

// Blocks of 256 ("K"): sub-blocks with scales of their own, which are themselves integers times one half per block.
struct BlockQ2_K {  // 16 sub-blocks of 16: d * (scales[i] & 15) * q - dmin * (scales[i] >> 4)
  std::array<std::uint8_t, 16> scales;
  std::array<std::uint8_t, 64> q;  // element 128 a + 32 b + c is bits 2b, 2b+1 of q[32 a + c]
  Half d, dmin;
};
struct BlockQ3_K {                      // 16 sub-blocks of 16: d * (scale - 32) * (q - 4)
  std::array<std::uint8_t, 32> high;    // third bit of element 32 b + c is bit b of high[c]
  std::array<std::uint8_t, 64> q;       // low two bits, as in q2_k
  std::array<std::uint8_t, 12> scales;  // 16 of six bits, see scale_q3_k
  Half d;
};
struct BlockQ4_K {  // 8 sub-blocks of 32: d * scale * q - dmin * min
  Half d, dmin;
  std::array<std::uint8_t, 12> scales;  // 8 scales and 8 mins of six bits, see scale_min_q4_k
  std::array<std::uint8_t, 128> q;      // element 64 a + c is the low half of q[32 a + c], 64 a + 32 + c the high half
};
struct BlockQ5_K {  // as q4_k
  Half d, dmin;
  std::array<std::uint8_t, 12> scales;
  std::array<std::uint8_t, 32> high;  // fifth bit of element 32 b + c is bit b of high[c]
  std::array<std::uint8_t, 128> q;
};
struct BlockQ6_K {                    // 16 sub-blocks of 16: d * scales[i] * (q - 32)
  std::array<std::uint8_t, 128> low;  // four bits of element 128 a + 32 b + c: low[64 a + 32 (b % 2) + c], half b / 2
  std::array<std::uint8_t, 64> high;  // two bits of it: bits 2b, 2b+1 of high[32 a + c]
  std::array<std::int8_t, 16> scales;
  Half d;
};
struct BlockIQ4_XS {  // 8 sub-blocks of 32: d * (scale - 32) * codebook_iq4[q]
  Half d;
  std::array<std::uint8_t, 2> scales_high;  // bits 2i, 2i+1 of the little-endian 16: upper two bits of scale i
  std::array<std::uint8_t, 4> scales_low;   // nibble i: lower four bits
  std::array<std::uint8_t, 128> q;          // sub-block i: 16 bytes as in iq4_nl
};

// The 16 levels of the non-linear four-bit types, and those of E2M1 doubled (OCP Microscaling Formats 1.0).
inline constexpr std::array<std::int8_t, 16> codebook_iq4{-127, -104, -83, -65, -49, -35, -22, -10,
                                                          1,    13,   25,  38,  53,  69,  89,  113};
inline constexpr std::array<std::int8_t, 16> codebook_mxfp4{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

struct ScaleMin {
  std::uint8_t scale, min;  // 0..63
};

// Sub-block i (0..7) of q4_k and q5_k. Bytes 0..3 hold scales 0..3 and bytes 4..7 mins 0..3 in their low six bits;
// bytes 8..11 hold the low nibbles of scales and mins 4..7, whose upper two bits sit on top of bytes 0..3 and 4..7.
inline ScaleMin scale_min_q4_k(const std::array<std::uint8_t, 12>& s, std::size_t i) {
  if (i < 4) return {static_cast<std::uint8_t>(s[i] & 63), static_cast<std::uint8_t>(s[i + 4] & 63)};
  return {static_cast<std::uint8_t>((s[i + 4] & 15) | ((s[i - 4] >> 6) << 4)),
          static_cast<std::uint8_t>((s[i + 4] >> 4) | ((s[i] >> 6) << 4))};
}

// Sub-block i (0..15) of q3_k, -32..31. Bytes 0..7 hold the low nibbles of scales 0..7 (low half) and 8..15 (high
// half); byte 8 + i % 4 holds their upper two bits at bit 2 (i / 4).
inline int scale_q3_k(const std::array<std::uint8_t, 12>& s, std::size_t i) {
  const unsigned low = (s[i % 8] >> (i < 8 ? 0 : 4)) & 15U;
  const unsigned high = (s[8 + i % 4] >> (2 * (i / 4))) & 3U;
  return static_cast<int>(low | (high << 4)) - 32;
}

// Sub-block i (0..7) of iq4_xs, -32..31.
inline int scale_iq4_xs(const BlockIQ4_XS& b, std::size_t i) {
  const unsigned low = (b.scales_low[i / 2] >> (4 * (i % 2))) & 15U;
  const unsigned high = (b.scales_high[i / 4] >> (2 * (i % 4))) & 3U;
  return static_cast<int>(low | (high << 4)) - 32;
}

// 2^(e - 128), also where that is subnormal (e = 0); e = 255 is not special.
float mxfp4_half_scale(std::uint8_t e);

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ8_0) == 34 && sizeof(BlockIQ4_NL) == 18 && sizeof(BlockMXFP4) == 17);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210 && sizeof(BlockIQ4_XS) == 136);

}  // namespace assay::kernel
