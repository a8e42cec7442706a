// GGUF blocks as MLX's affine layout, integers unchanged: w = scale * q + bias for each group of columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/view.h"

namespace assay::adapter::mlx {

// What a matrix becomes: q4_0, q4_1, affine4: 4 bits; q8_0, affine8: 8 bits. bits == 0: it has no such form.
struct AffineForm {
  std::uint32_t bits = 0;
  std::uint32_t group = 0;
};
AffineForm affine_form(const TensorView& matrix);

// Rows [first, first + rows) of a matrix that has a form. words: rows * columns * bits / 32, element k of a word in bits
// [k * bits, (k + 1) * bits); scales and biases: rows * columns / group. q4_0: scale d, bias -8 d; q4_1: d and m; q8_0:
// q + 128 is stored, bias -128 d: exact in float. Sizes are asserted.
void pack_affine(const TensorView& matrix, std::uint64_t first, std::span<std::uint32_t> words, std::span<float> scales,
                 std::span<float> biases);

// Whether every value is one of f16 (then nothing is lost in it).
bool fits_half(std::span<const float> values);

}  // namespace assay::adapter::mlx
