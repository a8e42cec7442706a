// Floats to stored weights. Plain rounding where the format leaves no choice, a search for the least squared error where
// it does (scales of the K types and of the code books).
#pragma once

#include <cstddef>
#include <span>

#include "tensor/dtype.h"

namespace assay::kernel {

// Every DType that computes except affine4 and affine8, which have quantize_row_affine.
bool quantizes(DType dtype);

// One row; x.size() is a multiple of the block and out.size() == row_bytes(dtype, x.size()) (asserted). The result
// depends on the row alone. x should be finite: what is not becomes some code of its block, without harm elsewhere.
//   f16 bf16            nearest, ties to even
//   q8_0                d = max|x| / 127; q to nearest, ties away from 0
//   q4_0 q5_0           d = x of greatest magnitude / -8 or -16, so that this one is exact
//   q4_1 q5_1           d = (max - min) / 15 or 31, m = min
//   mxfp4               e so that the greatest magnitude lies in 4 .. 8 steps; nearest level, ties to the smaller
// These five forms give the bits that llama.cpp and the gguf package give. The others (q2_k ... q6_k, iq4_nl, iq4_xs)
// minimise the sum of squared errors: several step sizes per sub-block with the best line by least squares, scales then
// rounded to their few bits and chosen again beside their neighbours, the block's own factors fitted last.
void quantize_row(DType dtype, std::span<const float> x, std::span<std::byte> out);

// MLX affine: `bits` is 4 or 8; for each run of `group` columns codes (packed as in affine4 and affine8), a scale and a
// bias, both given as floats that are exactly representable as halves. x.size() is a multiple of `group`.
void quantize_row_affine(unsigned bits, std::size_t group, std::span<const float> x, std::span<std::byte> codes,
                         std::span<float> scales, std::span<float> biases);

}  // namespace assay::kernel
