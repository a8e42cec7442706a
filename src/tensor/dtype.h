// Element types of tensors in files and in memory, and the block layouts of the quantized ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace assay {

// Values of the GGUF-known types equal their GGUF type ids (GGUF specification, ggml_type); others start at 200.
enum class DType : std::uint16_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  affine4 = 200,  // MLX affine: packed nibbles in uint32, scale and bias per group, see TensorView
  affine8 = 201,  // MLX affine: packed bytes in uint32, scale and bias per group
  u8 = 202,
  u16 = 203,
  u32 = 204,
  u64 = 205,
  boolean = 206,
};

// What the program knows of a type. One row per DType in dtype.cpp.
struct DTypeFacts {
  DType dtype;
  std::string_view name;      // lower case as above: "q4_k"
  std::uint32_t block;        // elements per block; 1 for scalars; rows are whole blocks
  std::uint32_t block_bytes;  // bytes per block; for affine*: without scales and biases
  bool computes;              // false: known, named in errors, not computed by direct
};

// Facts of a type; asserts that the enum value is one of the list.
const DTypeFacts& facts(DType dtype);

// The type with this GGUF id (0..) or nothing where the id is unknown or was removed from the format.
std::optional<DType> dtype_from_gguf(std::uint32_t id);
// By lower-case name: "q4_0", "f16", ...
std::optional<DType> dtype_from_name(std::string_view name);

inline std::string_view name(DType dtype) { return facts(dtype).name; }

// Bytes of a row of `columns` elements. columns must be a multiple of the block (asserted).
std::size_t row_bytes(DType dtype, std::size_t columns);

// IEEE half and bfloat16 as stored, to float, exactly; float to half rounds to nearest even.
float half_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);
float bf16_to_float(std::uint16_t bits);
std::uint16_t float_to_bf16(float value);

}  // namespace assay
