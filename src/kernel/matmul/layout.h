// How packed weights and activations lie in memory, and what a kernel is given. Plain data only: this header is
// compiled with different instruction sets, so it must hold no function that the linker could share between them.
//
// Weights. A panel is 16 rows, the last one filled up with zero rows. It is a chain of units of 256 columns, the last one
// narrower: first the codes of the unit's blocks of 32 columns, then its scales, filled up to 64 bytes. Everything is
// read in the order in which it lies: a second stream for the scales cost a third of the bandwidth on Zen 4.
//
// Codes of one block. Vector j (0..7) is 64 bytes; byte 4 r + c is the code of row r, column 4 j + c of the block: four
// columns per 32-bit lane, a lane per row. Vectors narrower than 8 bits share bytes:
//   s8    8 x 64 bytes: vector j itself, signed
//   u4    4 x 64: vector i in the low nibble, i + 4 in the high nibble
//   u2    2 x 64: vector 4 i + k in bits 2k, 2k + 1 of byte vector i
//   u5    as u4, then 64 bytes whose bit j is bit 4 of vector j
//   u6    as u4, then as u2 for bits 4 and 5
//   u3    as u2, then 64 bytes whose bit j is bit 2 of vector j
//   lut4  as u4; the code is an index into 16 signed levels
//
// Scales, each entry for 16 rows.
//   block    per 2^group_shift blocks: 16 scales, then 16 minima if has_min; f16, bf16 or f32 each
//   super32  per unit: f16 d[16], then f16 dmin[16] if has_min, then for each of 8 blocks i8 scale[16] and, if
//            has_min, u8 min[16]. scale = d * scale, min = -dmin * min, both exact in f32.
//   super16  the same with 16 half blocks of 16 columns
//
// Float weights: element (c, r) of a panel at c * 16 + r, as stored (f32, f16 or bf16).
//
// Activations. Groups of 12 tokens, the last one narrower: entry (b, t) of a group of `width` tokens at b * width + t,
// where entries are ActivationBlocks for blocks of 32 columns, or single floats for columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/isa.h"

namespace assay::kernel {

inline constexpr std::size_t unit_blocks = 8;
inline constexpr std::size_t token_group = 12;  // as many int32 and f32 accumulators as 32 vector registers hold

enum class Codes : std::uint8_t { u2, u3, u4, u5, u6, s8, lut4 };
enum class Scales : std::uint8_t { block, super32, super16 };
enum class ScaleBits : std::uint8_t { f16, bf16, f32 };
enum class FloatBits : std::uint8_t { f32, f16, bf16 };

struct Format {
  Codes codes;
  Scales scales;
  bool has_min;
  int offset;
};

// Bytes of one block of a panel.
constexpr std::size_t code_bytes(Codes codes) {
  switch (codes) {
    case Codes::u2:
      return 128;
    case Codes::u3:
      return 192;
    case Codes::u4:
    case Codes::lut4:
      return 256;
    case Codes::u5:
      return 320;
    case Codes::u6:
      return 384;
    case Codes::s8:
      return 512;
  }
  return 0;
}

// Bytes of one entry of the scales: of a group (block) or of 256 columns (super32, super16).
constexpr std::size_t scale_bytes(Format f, ScaleBits bits) {
  const std::size_t both = f.has_min ? 2 : 1;
  if (f.scales == Scales::block) return both * (bits == ScaleBits::f32 ? 64 : 32);
  return both * (32 + (f.scales == Scales::super32 ? 8 : 16) * 16);
}

// Bytes of a unit of `blocks` blocks.
constexpr std::size_t unit_bytes(Format f, ScaleBits bits, std::uint32_t group_shift, std::size_t blocks) {
  const std::size_t entries =
      f.scales == Scales::block ? (blocks + (std::size_t{1} << group_shift) - 1) >> group_shift : (blocks + 7) / 8;
  return (blocks * code_bytes(f.codes) + entries * scale_bytes(f, bits) + 63) / 64 * 64;
}

// 32 columns of one token: x = scale * q, q in -127..127. A zero scale where all are (nearly) zero. The sums turn
// offsets and minima of weights into one step per block; negative, since offsets are: kernels start from sum << bits.
struct ActivationBlock {
  std::int8_t q[32];
  float scale;
  float scaled_sum;               // scale * sum of q
  std::int32_t minus_sum;         // -(sum of q)
  std::int32_t minus_first_half;  // -(sum of q[0..15])
};
static_assert(sizeof(ActivationBlock) == 48);

struct MatmulArgs {
  const std::byte* panels;  // panel 0
  std::size_t panel_bytes;
  std::size_t unit_bytes;  // of a full unit
  std::size_t cols;
  std::size_t row_begin, row_end;
  std::uint32_t group_shift;
  ScaleBits scale_bits;
  const std::int8_t* levels;  // lut4: 16 of them
  const ActivationBlock* blocks;
  const float* floats;
  std::size_t tokens;
  float* y;  // (tokens, rows), row 0
  std::size_t y_stride;
};

enum class FormatId : std::uint8_t {
#define ASSAY_MATMUL_FORMAT(name, ...) name,
#include "kernel/matmul/formats.inc"
#undef ASSAY_MATMUL_FORMAT
  f32,
  f16,
  bf16,
};

inline constexpr Format formats[] = {
#define ASSAY_MATMUL_FORMAT(name, ...) Format{__VA_ARGS__},
#include "kernel/matmul/formats.inc"
#undef ASSAY_MATMUL_FORMAT
};

// Computes rows [row_begin, row_end) for all tokens; returns the level that its code was written for.
using MatmulKernel = Isa (*)(const MatmulArgs&);

#define ASSAY_MATMUL_VARIANT(level, group) MatmulKernel matmul_kernel_##level(FormatId format);
#include "kernel/matmul/variants.inc"
#undef ASSAY_MATMUL_VARIANT

}  // namespace assay::kernel
