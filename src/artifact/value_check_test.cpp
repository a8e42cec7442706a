#include "artifact/value_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernel/quant/dequantize.h"
#include "kernel/quant/quantize.h"

namespace assay::artifact {
namespace {

using testing::HasSubstr;

constexpr std::size_t columns = 512;

std::vector<float> ordinary() {
  std::vector<float> row(columns);
  for (std::size_t i = 0; i < columns; ++i) row[i] = std::sin(static_cast<float>(i) * 0.7F);
  return row;
}

// What a row of `values` as row 7 of a tensor "t" gives.
std::string told(DType type, const std::vector<float>& values) {
  ValueCheck check("t", type);
  if (check.take_source(7, values)) {
    std::vector<std::byte> bytes(row_bytes(type, columns));
    std::vector<float> back(columns);
    kernel::quantize_row(type, values, bytes);
    kernel::dequantize_row(type, bytes, back);
    check.take_written(7, values, back);
  }
  const auto result = check.result();
  return result ? "fits" : to_string(result.error());
}

const std::vector<DType> with_halves{DType::f16,  DType::q4_0,   DType::q4_1,  DType::q5_0, DType::q5_1,
                                     DType::q8_0, DType::q2_k,   DType::q3_k,  DType::q4_k, DType::q5_k,
                                     DType::q6_k, DType::iq4_nl, DType::iq4_xs};

TEST(ValueCheck, a_value_beyond_a_type_is_told_with_its_place) {
  for (const DType type : with_halves) {
    for (const float large : {1e9F, -1e9F, 3e38F}) {
      std::vector<float> row = ordinary();
      row[300] = large;
      EXPECT_THAT(told(type, row), HasSubstr("bad value: tensor t: row 7, column 300 is")) << name(type);
      EXPECT_THAT(told(type, row), HasSubstr("which is beyond " + std::string(name(type))));
    }
  }
}

TEST(ValueCheck, ordinary_values_and_types_of_a_wide_range_fit) {
  for (const DType type : with_halves) EXPECT_EQ(told(type, ordinary()), "fits") << name(type);
  for (const DType type : {DType::f32, DType::bf16, DType::mxfp4}) {
    std::vector<float> row = ordinary();
    row[300] = 1e30F;
    EXPECT_EQ(told(type, row), "fits") << name(type);
  }
  std::vector<float> row = ordinary();
  row[1] = std::numeric_limits<float>::max();  // rounds up to infinity
  EXPECT_THAT(told(DType::bf16, row), HasSubstr("column 1 is 3.40282e+38, which is beyond bf16"));
}

TEST(ValueCheck, what_is_no_finite_number_is_told_whatever_the_type) {
  for (const DType type : {DType::f32, DType::bf16, DType::q8_0, DType::mxfp4}) {
    std::vector<float> row = ordinary();
    row[9] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(told(type, row), HasSubstr("row 7, column 9 is not a number in the source"));
    row[9] = -std::numeric_limits<float>::infinity();
    EXPECT_THAT(told(type, row), HasSubstr("row 7, column 9 is -inf in the source"));
  }
}

TEST(ValueCheck, a_tensor_that_becomes_nothing_is_told_but_zeros_may_stay_zeros) {
  for (const DType type : with_halves) {
    EXPECT_THAT(told(type, std::vector<float>(columns, 1e-12F)), HasSubstr("so small that it becomes 0 in"))
        << name(type);
    EXPECT_EQ(told(type, std::vector<float>(columns, 0)), "fits") << name(type);
  }
}

TEST(ValueCheck, the_first_row_is_told) {
  ValueCheck check("t", DType::f16);
  const std::vector<float> bad(4, std::numeric_limits<float>::infinity());
  for (const std::uint64_t row : {9U, 3U, 5U}) check.take_source(row, bad);
  EXPECT_THAT(check.result().error().detail, HasSubstr("row 3, column 0"));
}

}  // namespace
}  // namespace assay::artifact
