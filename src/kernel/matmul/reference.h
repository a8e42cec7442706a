// The plain form of matmul: exact weights, f32 inputs, double sums. Slow; everything is held against it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tensor/view.h"

namespace assay::kernel {

// y (tokens, rows) of weights as dequantize_row gives them and x (tokens, cols).
std::vector<double> matmul_reference(const TensorView& weights, std::span<const float> x, std::size_t tokens);

// The largest |y - reference| that matmul() may show, per output (tokens, rows).
//   8-bit inputs: each element is off by half a step of its block, scale / 2 = max|x| / 254, plus the rounding of
//     x / scale itself (at most 127 ulp); float weights have no such term.
//   f32 sums: scale product, multiply-add and minimum round once each per scale; n additions in sequence err by at most
//     n * 2^-24 / (1 - n * 2^-24) times the sum of magnitudes (Higham, Accuracy and Stability of Numerical Algorithms,
//     ch. 4). The magnitudes are those of scale * code and minimum apart: they may cancel in the weight.
//   float weights whose magnitude cannot be taken apart use |w| * |x|.
std::vector<double> matmul_error_bound(const TensorView& weights, std::span<const float> x, std::size_t tokens);

}  // namespace assay::kernel
