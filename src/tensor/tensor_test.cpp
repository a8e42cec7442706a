#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/view.h"

namespace assay {
namespace {

TEST(DType, sizes_are_those_of_the_format) {
  EXPECT_EQ(row_bytes(DType::q4_0, 64), 36U);
  EXPECT_EQ(row_bytes(DType::q6_k, 512), 420U);
  EXPECT_EQ(row_bytes(DType::bf16, 3), 6U);
  EXPECT_EQ(dtype_from_gguf(39), DType::mxfp4);
  EXPECT_FALSE(dtype_from_gguf(4));    // Q4_2, removed from the format
  EXPECT_FALSE(dtype_from_gguf(200));  // ours, not GGUF's
  EXPECT_EQ(dtype_from_name("iq4_xs"), DType::iq4_xs);
}

TEST(Half, every_half_survives_the_way_through_float) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = half_to_float(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      ASSERT_EQ(float_to_half(value), bits) << value;
    }
  }
}

TEST(Half, rounds_to_nearest_even) {
  EXPECT_EQ(float_to_half(1.0F + 0x1.0p-11F), float_to_half(1.0F));              // a tie goes to even
  EXPECT_EQ(float_to_half(1.0F + 0x1.8p-10F), float_to_half(1.0F + 0x1.0p-9F));  // a tie goes to even, upward
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);                                    // infinity
  EXPECT_EQ(float_to_half(65519.0F), 0x7BFF);
  EXPECT_EQ(float_to_half(0x1.0p-25F), 0);  // half the least subnormal, tie to even
}

TEST(Bf16, every_bf16_survives_and_ties_go_to_even) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bf16_to_float(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) {
      ASSERT_EQ(float_to_bf16(value), bits);
    }
  }
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);
}

TEST(TensorView, counts_rows_over_all_outer_dimensions) {
  TensorView view{.dtype = DType::f32, .shape = {2, 3, 5}, .data = {}, .scales = {}, .biases = {}};
  EXPECT_EQ(view.rows(), 6U);
  EXPECT_EQ(view.columns(), 5U);
}

}  // namespace
}  // namespace assay
