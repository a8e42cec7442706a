#include "kernel/matmul/reference.h"

#include <algorithm>
#include <cmath>

#include "kernel/quant/dequantize.h"

namespace assay::kernel {
namespace {

bool scalar(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

bool has_min(DType dtype) {
  using enum DType;
  return dtype == q4_1 || dtype == q5_1 || dtype == q2_k || dtype == q4_k || dtype == q5_k || dtype == affine4 ||
         dtype == affine8;
}

double largest(std::span<const float> values) {
  double most = 0;
  for (const float v : values) most = std::max(most, std::abs(static_cast<double>(v)));
  return most;
}

}  // namespace

std::vector<double> matmul_reference(const TensorView& weights, std::span<const float> x, std::size_t tokens) {
  const std::size_t rows = weights.rows();
  const std::size_t cols = weights.columns();
  std::vector<double> y(tokens * rows);
  std::vector<float> w(cols);
  for (std::size_t r = 0; r < rows; ++r) {
    dequantize_row(weights, r, w);
    for (std::size_t t = 0; t < tokens; ++t) {
      double sum = 0;
      for (std::size_t c = 0; c < cols; ++c) sum += static_cast<double>(w[c]) * x[t * cols + c];
      y[t * rows + r] = sum;
    }
  }
  return y;
}

std::vector<double> matmul_error_bound(const TensorView& weights, std::span<const float> x, std::size_t tokens) {
  constexpr double u = 0x1p-24;
  const std::size_t rows = weights.rows();
  const std::size_t cols = weights.columns();
  std::vector<double> bound(tokens * rows);
  std::vector<float> w(cols);
  for (std::size_t r = 0; r < rows; ++r) {
    dequantize_row(weights, r, w);
    for (std::size_t t = 0; t < tokens; ++t) {
      const auto row = x.subspan(t * cols, cols);
      double input_error = 0;
      double magnitude = 0;
      if (scalar(weights.dtype)) {
        for (std::size_t c = 0; c < cols; ++c) magnitude += std::abs(static_cast<double>(w[c]) * row[c]);
        bound[t * rows + r] = magnitude * static_cast<double>(cols) * u * 1.001;
        continue;
      }
      for (std::size_t b = 0; b < cols; b += 32) {
        const double most = largest(row.subspan(b, 32));
        const double most_w = largest(std::span(w).subspan(b, 32));
        double sum_w = 0;
        for (std::size_t c = b; c < b + 32; ++c) {
          sum_w += std::abs(static_cast<double>(w[c]));
          // A code times its scale is at most the spread of the block; so is a minimum where zero lies inside it, as
          // quantizers choose it. Twice the largest weight covers both, and weights without minimum exactly once.
          magnitude += has_min(weights.dtype) ? 3 * most_w * most : std::abs(static_cast<double>(w[c])) * most;
        }
        input_error += (most / 254 * (1 + 6 * 127 * u) + 1e-30) * sum_w;
      }
      const double steps = static_cast<double>(cols) / 16 * 2 + 4;  // at most two scales and two minima per block
      bound[t * rows + r] = input_error + magnitude * steps * u * 1.01;
    }
  }
  return bound;
}

}  // namespace assay::kernel
