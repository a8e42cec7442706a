#include "kernel/quant/dequantize.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "kernel/quant/blocks.h"

namespace assay::kernel {
namespace {

// Made by tools/golden_dequantize.py from the gguf and mlx packages.
const Json& golden() {
  static const Json document = [] {
    std::ifstream file(ASSAY_SOURCE_DIR "/tests/golden/dequantize.json");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return parse_json(text, "dequantize.json").value();
  }();
  return document;
}

std::vector<std::byte> from_hex(const std::string& hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<float> floats(const std::vector<std::byte>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

void expect_same_bits(std::span<const float> got, std::span<const float> expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i])) {
      ASSERT_TRUE(std::isnan(got[i])) << i;
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(expected[i]))
          << "element " << i << ": " << got[i] << " instead of " << expected[i];
    }
  }
}

TEST(Dequantize, gives_the_bits_that_the_gguf_package_gives) {
  std::size_t types = 0;
  for (const auto& [type, entry] : golden()["types"].items()) {
    SCOPED_TRACE(type);
    const auto row = from_hex(entry["bytes"]);
    const auto expected = floats(from_hex(entry["floats"]));
    std::vector<float> out(expected.size() + 1, -77.0F);
    dequantize_row(dtype_from_name(type).value(), row, std::span(out).first(expected.size()));
    expect_same_bits(std::span(out).first(expected.size()), expected);
    EXPECT_EQ(out.back(), -77.0F);
    ++types;
  }
  EXPECT_EQ(types, 16U);
}

TEST(Dequantize, reads_blocks_at_any_address) {
  for (const auto& [type, entry] : golden()["types"].items()) {
    SCOPED_TRACE(type);
    auto row = from_hex(entry["bytes"]);
    row.insert(row.begin(), std::byte{0xEE});
    const auto expected = floats(from_hex(entry["floats"]));
    std::vector<float> out(expected.size());
    dequantize_row(dtype_from_name(type).value(), std::span(row).subspan(1), out);
    expect_same_bits(out, expected);
  }
}

TEST(Dequantize, gives_what_mlx_gives_for_affine_groups) {
  for (const auto& entry : golden()["affine"]) {
    const auto data = from_hex(entry["bytes"]);
    const auto scales = from_hex(entry["scales"]);
    const auto biases = from_hex(entry["biases"]);
    const auto expected = floats(from_hex(entry["floats"]));
    const TensorView tensor{.dtype = entry["bits"] == 4 ? DType::affine4 : DType::affine8,
                            .shape = {entry["rows"].get<std::uint64_t>(), entry["columns"].get<std::uint64_t>()},
                            .data = data,
                            .scales = scales,
                            .biases = biases,
                            .scale_dtype = dtype_from_name(entry["scale_dtype"].get<std::string>()).value(),
                            .group = entry["group"].get<std::uint32_t>()};
    SCOPED_TRACE(entry["group"].get<int>());
    for (std::uint64_t row = 0; row < tensor.rows(); ++row) {
      std::vector<float> out(tensor.columns());
      dequantize_row(tensor, row, out);
      const auto want = std::span(expected).subspan(row * out.size(), out.size());
      if (tensor.scale_dtype != DType::f32) {
        expect_same_bits(out, want);
      } else {  // scale * q may round too, and a fused multiply-add there would not: one ulp of the product
        for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], want[i], 0x1.0p-22);
      }
    }
  }
}

TEST(Dequantize, finds_the_rows_of_a_tensor_of_three_dimensions) {
  std::vector<std::byte> data(6 * row_bytes(DType::q8_0, 64));
  Random random(7);
  for (auto& byte : data) byte = static_cast<std::byte>(random.below(60));
  const TensorView tensor{.dtype = DType::q8_0, .shape = {2, 3, 64}, .data = data, .scales = {}, .biases = {}};
  std::vector<float> row(64);
  std::vector<float> expected(64);
  for (std::uint64_t i = 0; i < 6; ++i) {
    dequantize_row(tensor, i, row);
    dequantize_row(DType::q8_0, std::span(data).subspan(i * 68, 68), expected);
    expect_same_bits(row, expected);
  }
}

TEST(Dequantize, every_computing_type_is_known) {
  for (std::uint32_t id = 0; id < 200; ++id) {
    const auto dtype = dtype_from_gguf(id);
    if (!dtype || !facts(*dtype).computes) continue;
    std::vector<std::byte> row(
        facts(*dtype).block_bytes);  // all zero: d = 0 and so is every element but mxfp4's 2^-128 * 0
    std::vector<float> out(facts(*dtype).block, 1.0F);
    dequantize_row(*dtype, row, out);
    for (const float value : out) EXPECT_EQ(value, 0.0F) << name(*dtype);
  }
}

TEST(DequantizeDeathTest, a_row_of_the_wrong_size_is_our_own_bug) {
  std::vector<std::byte> row(33);
  std::vector<float> out(32);
  EXPECT_DEATH(dequantize_row(DType::q8_0, row, out), "row_bytes");
}

}  // namespace
}  // namespace assay::kernel
