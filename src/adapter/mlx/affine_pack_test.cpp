#include "adapter/mlx/affine_pack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernel/quant/dequantize.h"
#include "kernel/quant/quantize.h"

namespace assay::adapter::mlx {
namespace {

struct Packed {
  std::vector<std::uint32_t> words;
  std::vector<float> scales, biases;
};

Packed pack(const TensorView& matrix, std::uint64_t first, std::uint64_t rows) {
  const AffineForm form = affine_form(matrix);
  Packed out;
  out.words.resize(rows * matrix.columns() * form.bits / 32);
  out.scales.resize(rows * matrix.columns() / form.group);
  out.biases.resize(out.scales.size());
  pack_affine(matrix, first, out.words, out.scales, out.biases);
  return out;
}

// As MLX defines it.
float value(const Packed& packed, const AffineForm& form, std::size_t element) {
  const std::size_t per_word = 32 / form.bits;
  const std::uint32_t q =
      (packed.words[element / per_word] >> (element % per_word * form.bits)) & ((1U << form.bits) - 1);
  return packed.scales[element / form.group] * static_cast<float>(q) + packed.biases[element / form.group];
}

class AffinePack : public ::testing::TestWithParam<DType> {};

TEST_P(AffinePack, values_are_those_of_the_file_to_the_last_bit) {
  const std::size_t rows = 5;
  const std::size_t columns = 96;
  std::vector<std::byte> bytes(rows * row_bytes(GetParam(), columns));
  Random random(7);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.bits());
  const std::size_t block_bytes = facts(GetParam()).block_bytes;
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {  // finite d (and m)
    bytes[at + 1] &= std::byte{0xBF};
    if (GetParam() == DType::q4_1) bytes[at + 3] &= std::byte{0xBF};
  }
  TensorView view;
  view.dtype = GetParam();
  view.shape = {rows, columns};
  view.data = bytes;

  const AffineForm form = affine_form(view);
  EXPECT_EQ(form.group, 32U);
  for (std::size_t r = 0; r < rows; ++r) {
    std::vector<float> expected(columns);
    kernel::dequantize_row(view, r, expected);
    const Packed packed = pack(view, r, 1);
    for (std::size_t c = 0; c < columns; ++c) ASSERT_EQ(value(packed, form, c), expected[c]) << r << ", " << c;
    EXPECT_TRUE(fits_half(packed.scales));
    EXPECT_TRUE(fits_half(packed.biases));
  }
}

INSTANTIATE_TEST_SUITE_P(All, AffinePack, ::testing::Values(DType::q4_0, DType::q4_1, DType::q8_0),
                         [](const auto& instance) { return std::string(name(instance.param)); });

TEST(AffinePackMlx, a_folder_s_words_are_taken_as_they_are_and_bf16_scales_widened) {
  std::vector<std::uint32_t> words(2 * 64 / 4);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::uint32_t>(i * 2654435761U);
  std::vector<std::uint16_t> scales = {float_to_bf16(0.5F), float_to_bf16(3), float_to_bf16(-2), float_to_bf16(1e-9F)};
  TensorView view;
  view.dtype = DType::affine8;
  view.shape = {2, 64};
  view.group = 32;
  view.scale_dtype = DType::bf16;
  view.data = std::as_bytes(std::span(words));
  view.scales = std::as_bytes(std::span(scales));
  view.biases = view.scales;
  const Packed packed = pack(view, 1, 1);
  EXPECT_EQ(packed.words, std::vector<std::uint32_t>(words.begin() + 16, words.end()));
  EXPECT_EQ(packed.scales, (std::vector<float>{-2, bf16_to_float(float_to_bf16(1e-9F))}));
  EXPECT_FALSE(fits_half(packed.scales)) << "1e-9 is below f16's range";
}

TEST(AffinePackScale, a_bias_beyond_f16_is_noticed) {
  std::vector<std::byte> block(34);
  const std::uint16_t d = float_to_half(1024);  // -128 d = -131072
  std::memcpy(block.data(), &d, 2);
  TensorView view;
  view.dtype = DType::q8_0;
  view.shape = {1, 32};
  view.data = block;
  const Packed packed = pack(view, 0, 1);
  EXPECT_EQ(packed.biases[0], -131072.0F);
  EXPECT_FALSE(fits_half(packed.biases));
}

TEST(AffinePackForm, other_types_have_none) {
  TensorView view;
  for (const DType dtype : {DType::f32, DType::f16, DType::q4_k, DType::q6_k, DType::q5_0}) {
    view.dtype = dtype;
    EXPECT_EQ(affine_form(view).bits, 0U) << name(dtype);
  }
}

}  // namespace
}  // namespace assay::adapter::mlx
