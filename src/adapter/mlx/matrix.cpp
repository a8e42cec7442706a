#include "adapter/mlx/matrix.h"

#include <mlx/ops.h>

#include <algorithm>

namespace assay::adapter::mlx {
namespace {

// From so many rows of x on, a quantized matrix is dequantized first on the CPU: libmlx's quantized product there costs
// the same per row of x, dequantizing costs two rows' worth once, and the dense product a third per row.
constexpr int dequantize_from = 6;

mx::array product(const Compute& compute, const Matrix& matrix, const std::vector<mx::array>& arrays,
                  const mx::array& x, const std::optional<mx::array>& x_turned, mx::StreamOrDevice stream) {
  const mx::array& w = arrays[0];
  if (matrix.form.bits == 0) return mx::matmul(x, matrix.turned ? w : mx::transpose(w, stream), stream);
  const auto group = static_cast<int>(matrix.form.group);
  const auto bits = static_cast<int>(matrix.form.bits);
  if (!x_turned) {
    // Where scales had to stay f32 libmlx computes in f32.
    return mx::astype(mx::quantized_matmul(x, w, arrays[1], arrays[2], true, group, bits, "affine", stream),
                      compute.activations, stream);
  }
  const mx::array dense =
      mx::dequantize(w, arrays[1], arrays[2], group, bits, "affine", std::nullopt, compute.activations, stream);
  return mx::matmul(dense, *x_turned, stream);  // (rows, tokens)
}

}  // namespace

std::uint64_t Matrix::bytes() const {
  std::uint64_t sum = 0;
  for (const mx::array& array : arrays) sum += array.nbytes();
  return sum;
}

mx::array multiply(const Compute& compute, const Matrix& matrix, const mx::array& x) {
  std::optional<mx::array> x_turned;  // (columns, tokens): both operands are then read along their rows
  if (!compute.fused && matrix.form.bits != 0 && x.shape(0) >= dequantize_from) {
    x_turned = mx::contiguous(mx::transpose(x));
  }
  if (matrix.parts.empty()) {
    mx::array y = product(compute, matrix, matrix.arrays, x, x_turned, {});
    return x_turned ? mx::transpose(y) : y;
  }
  std::vector<mx::array> results;
  results.reserve(matrix.parts.size());
  for (std::size_t i = 0; i < matrix.parts.size(); ++i) {
    results.push_back(product(compute, matrix, matrix.parts[i], x, x_turned, compute.streams[i]));
  }
  return x_turned ? mx::transpose(mx::concatenate(std::move(results), 0)) : mx::concatenate(std::move(results), 1);
}

mx::array rows_of(const Compute& compute, const Matrix& matrix, const mx::array& tokens) {
  const std::vector<mx::array>& a = matrix.arrays;
  if (matrix.form.bits == 0) {
    const mx::array rows = matrix.turned ? mx::transpose(mx::take(a[0], tokens, 1)) : mx::take(a[0], tokens, 0);
    return mx::astype(rows, compute.activations);
  }
  return mx::dequantize(mx::take(a[0], tokens, 0), mx::take(a[1], tokens, 0), mx::take(a[2], tokens, 0),
                        static_cast<int>(matrix.form.group), static_cast<int>(matrix.form.bits), "affine", std::nullopt,
                        compute.activations);
}

std::vector<mx::array> multiply(const Compute& compute, const Stack& stack, const mx::array& x) {
  std::vector<mx::array> results;
  if (stack.matrices.size() == stack.rows.size()) {
    for (const Matrix& matrix : stack.matrices) results.push_back(multiply(compute, matrix, x));
    return results;
  }
  const mx::array y = multiply(compute, stack.matrices.front(), x);
  int at = 0;
  for (const std::uint32_t rows : stack.rows) {
    const int end = at + static_cast<int>(rows);
    results.push_back(mx::slice(y, {0, at}, {y.shape(0), end}));
    at = end;
  }
  return results;
}

}  // namespace assay::adapter::mlx
