#include "adapter/mlx/affine_pack.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "tensor/dtype.h"

namespace assay::adapter::mlx {
namespace {

static_assert(std::endian::native == std::endian::little, "words are written as the bytes of the files");

constexpr std::size_t block = 32;  // columns of a block of q4_0, q4_1 and q8_0

float half_at(const std::byte* at) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return half_to_float(bits);
}

// 16 bytes hold elements 0..15 in their low and 16..31 in their high nibbles; MLX wants neighbours together.
void pack_nibbles(const std::byte* in, std::uint32_t* out) {
  std::array<std::uint8_t, 16> packed{};
  for (std::size_t i = 0; i < 8; ++i) {
    const auto a = std::to_integer<std::uint32_t>(in[2 * i]);
    const auto b = std::to_integer<std::uint32_t>(in[2 * i + 1]);
    packed[i] = static_cast<std::uint8_t>((a & 15U) | ((b & 15U) << 4U));
    packed[i + 8] = static_cast<std::uint8_t>((a >> 4U) | (b & 0xF0U));
  }
  std::memcpy(out, packed.data(), packed.size());
}

void pack_block(DType dtype, const std::byte* in, std::uint32_t* words, float& scale, float& bias) {
  scale = half_at(in);
  if (dtype == DType::q4_0) {
    bias = -8 * scale;
    pack_nibbles(in + 2, words);
  } else if (dtype == DType::q4_1) {
    bias = half_at(in + 2);
    pack_nibbles(in + 4, words);
  } else {
    bias = -128 * scale;
    std::memcpy(words, in + 2, block);
    for (std::size_t i = 0; i < block / 4; ++i) words[i] ^= 0x80808080U;  // q + 128 as unsigned
  }
}

float scale_at(DType dtype, std::span<const std::byte> values, std::size_t index) {
  if (dtype == DType::f32) {
    float value = 0;
    std::memcpy(&value, values.data() + 4 * index, sizeof value);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, values.data() + 2 * index, sizeof bits);
  return dtype == DType::bf16 ? bf16_to_float(bits) : half_to_float(bits);
}

}  // namespace

AffineForm affine_form(const TensorView& matrix) {
  switch (matrix.dtype) {
    case DType::q4_0:
    case DType::q4_1:
      return {4, block};
    case DType::q8_0:
      return {8, block};
    case DType::affine4:
      return {4, matrix.group};
    case DType::affine8:
      return {8, matrix.group};
    default:
      return {};
  }
}

void pack_affine(const TensorView& matrix, std::uint64_t first, std::span<std::uint32_t> words, std::span<float> scales,
                 std::span<float> biases) {
  const AffineForm form = affine_form(matrix);
  const std::size_t columns = matrix.columns();
  const std::size_t row_words = columns * form.bits / 32;
  const std::size_t row_groups = columns / form.group;
  const std::size_t rows = words.size() / row_words;
  ASSAY_ASSERT(form.bits != 0 && rows * row_words == words.size() && rows * row_groups == scales.size() &&
               scales.size() == biases.size() && first + rows <= matrix.rows());
  if (matrix.dtype == DType::affine4 || matrix.dtype == DType::affine8) {
    std::memcpy(words.data(), matrix.data.data() + first * row_words * 4, words.size_bytes());
    for (std::size_t i = 0; i < scales.size(); ++i) {
      scales[i] = scale_at(matrix.scale_dtype, matrix.scales, first * row_groups + i);
      biases[i] = scale_at(matrix.scale_dtype, matrix.biases, first * row_groups + i);
    }
    return;
  }
  const std::size_t block_bytes = facts(matrix.dtype).block_bytes;
  const std::byte* in = matrix.data.data() + first * row_groups * block_bytes;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    pack_block(matrix.dtype, in + i * block_bytes, words.data() + i * form.bits, scales[i], biases[i]);
  }
}

bool fits_half(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return half_to_float(float_to_half(value)) == value; });
}

}  // namespace assay::adapter::mlx
