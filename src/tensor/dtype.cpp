#include "tensor/dtype.h"

#include <array>
#include <bit>

#include "base/error.h"

namespace assay {
namespace {

using enum DType;

constexpr std::array table{
    DTypeFacts{f32, "f32", 1, 4, true},
    DTypeFacts{f16, "f16", 1, 2, true},
    DTypeFacts{q4_0, "q4_0", 32, 18, true},
    DTypeFacts{q4_1, "q4_1", 32, 20, true},
    DTypeFacts{q5_0, "q5_0", 32, 22, true},
    DTypeFacts{q5_1, "q5_1", 32, 24, true},
    DTypeFacts{q8_0, "q8_0", 32, 34, true},
    DTypeFacts{q8_1, "q8_1", 32, 36, false},
    DTypeFacts{q2_k, "q2_k", 256, 84, true},
    DTypeFacts{q3_k, "q3_k", 256, 110, true},
    DTypeFacts{q4_k, "q4_k", 256, 144, true},
    DTypeFacts{q5_k, "q5_k", 256, 176, true},
    DTypeFacts{q6_k, "q6_k", 256, 210, true},
    DTypeFacts{q8_k, "q8_k", 256, 292, false},
    DTypeFacts{iq2_xxs, "iq2_xxs", 256, 66, false},
    DTypeFacts{iq2_xs, "iq2_xs", 256, 74, false},
    DTypeFacts{iq3_xxs, "iq3_xxs", 256, 98, false},
    DTypeFacts{iq1_s, "iq1_s", 256, 50, false},
    DTypeFacts{iq4_nl, "iq4_nl", 32, 18, true},
    DTypeFacts{iq3_s, "iq3_s", 256, 110, false},
    DTypeFacts{iq2_s, "iq2_s", 256, 82, false},
    DTypeFacts{iq4_xs, "iq4_xs", 256, 136, true},
    DTypeFacts{i8, "i8", 1, 1, false},
    DTypeFacts{i16, "i16", 1, 2, false},
    DTypeFacts{i32, "i32", 1, 4, false},
    DTypeFacts{i64, "i64", 1, 8, false},
    DTypeFacts{f64, "f64", 1, 8, false},
    DTypeFacts{iq1_m, "iq1_m", 256, 56, false},
    DTypeFacts{bf16, "bf16", 1, 2, true},
    DTypeFacts{tq1_0, "tq1_0", 256, 54, false},
    DTypeFacts{tq2_0, "tq2_0", 256, 66, false},
    DTypeFacts{mxfp4, "mxfp4", 32, 17, true},
    DTypeFacts{nvfp4, "nvfp4", 64, 36, false},
    DTypeFacts{affine4, "affine4", 8, 4, true},
    DTypeFacts{affine8, "affine8", 4, 4, true},
    DTypeFacts{u8, "u8", 1, 1, false},
    DTypeFacts{u16, "u16", 1, 2, false},
    DTypeFacts{u32, "u32", 1, 4, false},
    DTypeFacts{u64, "u64", 1, 8, false},
    DTypeFacts{boolean, "bool", 1, 1, false},
};

}  // namespace

const DTypeFacts& facts(DType dtype) {
  for (const auto& row : table) {
    if (row.dtype == dtype) return row;
  }
  broken_invariant("dtype is in the table", __FILE__, __LINE__);
}

std::optional<DType> dtype_from_gguf(std::uint32_t id) {
  if (id >= 200) return std::nullopt;
  for (const auto& row : table) {
    if (static_cast<std::uint32_t>(row.dtype) == id) return row.dtype;
  }
  return std::nullopt;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const auto& row : table) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::size_t row_bytes(DType dtype, std::size_t columns) {
  const auto& row = facts(dtype);
  ASSAY_ASSERT(columns % row.block == 0);
  return columns / row.block * row.block_bytes;
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1.0p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);   // NaN
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // rounds past 65504
  if (magnitude < 0x38800000U) {  // subnormal half: let the adder round at 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
  }
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13));
}

float bf16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

std::uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace assay
