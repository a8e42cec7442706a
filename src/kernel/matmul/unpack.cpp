// One row back out of the packed panels; layout.h draws them.
#include <cstring>

#include "base/error.h"
#include "kernel/matmul/layout.h"
#include "kernel/matmul/matmul.h"
#include "tensor/dtype.h"

namespace assay::kernel {
namespace {

float load(const std::uint8_t* p, ScaleBits bits) {
  std::uint16_t half = 0;
  float value = 0;
  switch (bits) {
    case ScaleBits::f16:
      std::memcpy(&half, p, sizeof half);
      return half_to_float(half);
    case ScaleBits::bf16:
      std::memcpy(&half, p, sizeof half);
      return bf16_to_float(half);
    case ScaleBits::f32:
      std::memcpy(&value, p, sizeof value);
      return value;
  }
  return value;
}

// Code of byte `i` of vector j of a block.
int code(Codes codes, const std::uint8_t* block, std::size_t j, std::size_t i) {
  const auto low = [&] { return (block[j % 4 * 64 + i] >> (j / 4 * 4)) & 15; };
  const auto two = [&](const std::uint8_t* from) { return (from[j / 4 * 64 + i] >> (j % 4 * 2)) & 3; };
  switch (codes) {
    case Codes::s8:
      return static_cast<std::int8_t>(block[j * 64 + i]);
    case Codes::u4:
    case Codes::lut4:
      return low();
    case Codes::u5:
      return low() | ((block[256 + i] >> j) & 1) << 4;
    case Codes::u6:
      return low() | two(block + 256) << 4;
    case Codes::u2:
      return two(block);
    case Codes::u3:
      return two(block) | ((block[128 + i] >> j) & 1) << 2;
  }
  return 0;
}

struct Affine {
  float scale = 0;
  float min = 0;
};

// Scale and minimum of half `h` of block b of a unit, for row r of the panel.
Affine scales_of(Format f, ScaleBits bits, std::uint32_t group_shift, const std::uint8_t* scales, std::size_t b,
                 std::size_t h, std::size_t r) {
  if (f.scales == Scales::block) {
    const std::size_t width = bits == ScaleBits::f32 ? 4 : 2;
    const std::uint8_t* at = scales + (b >> group_shift) * scale_bytes(f, bits) + r * width;
    return {load(at, bits), f.has_min ? load(at + 16 * width, bits) : 0.0F};
  }
  const std::size_t halves = f.scales == Scales::super16 ? 2 : 1;
  const std::size_t parts = f.has_min ? 2 : 1;
  const std::uint8_t* sub = scales + 32 * parts + (b * halves + h) * parts * 16 + r;
  const float d = load(scales + 2 * r, ScaleBits::f16);
  const float scale = d * static_cast<float>(static_cast<std::int8_t>(*sub));
  if (!f.has_min) return {scale, 0.0F};
  return {scale, -load(scales + 32 + 2 * r, ScaleBits::f16) * static_cast<float>(sub[16])};
}

}  // namespace

void PackedMatrix::row(std::size_t index, std::span<float> out) const {
  ASSAY_ASSERT(index < rows_ && out.size() == cols_);
  const auto* panel = reinterpret_cast<const std::uint8_t*>(memory_) + index / panel_rows * panel_bytes_;
  const std::size_t r = index % panel_rows;
  if (form_ == ActivationForm::floats) {
    const std::size_t width = row_bytes(dtype_, 1);
    for (std::size_t c = 0; c < cols_; ++c) out[c] = load(panel + (c * panel_rows + r) * width, scale_bits_);
    return;
  }
  const Format f = formats[format_];
  const std::size_t halves = f.scales == Scales::super16 ? 2 : 1;
  const std::size_t blocks = cols_ / 32;
  for (std::size_t at = 0; at < blocks; ++at) {
    const std::size_t b = at % unit_blocks;
    const std::size_t in_unit = blocks - (at - b) < unit_blocks ? blocks - (at - b) : unit_blocks;
    const std::uint8_t* unit = panel + at / unit_blocks * unit_bytes_;
    const std::uint8_t* block = unit + b * code_bytes(f.codes);
    for (std::size_t h = 0; h < halves; ++h) {
      const Affine s = scales_of(f, scale_bits_, group_shift_, unit + in_unit * code_bytes(f.codes), b, h, r);
      for (std::size_t c = h * 32 / halves; c < (h + 1) * 32 / halves; ++c) {
        const int q = code(f.codes, block, c / 4, 4 * r + c % 4);
        const int value = f.codes == Codes::lut4 ? levels_[q] : q + f.offset;
        out[at * 32 + c] =
            f.has_min ? s.scale * static_cast<float>(value) + s.min : s.scale * static_cast<float>(value);
      }
    }
  }
}

}  // namespace assay::kernel
