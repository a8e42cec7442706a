// Weight matrices as libmlx arrays, and the products with them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "adapter/mlx/affine_pack.h"
#include "adapter/mlx/compute.h"
#include "device/cpu/thread_pool.h"
#include "tensor/view.h"

namespace assay::adapter::mlx {

// One matrix (rows, columns), or several of one form stacked by rows.
// quantized: w (rows, columns * bits / 32) uint32, scales and biases (rows, columns / group).
// dense: w (rows, columns), or (columns, rows) where `turned`: what the BLAS of a CPU build reads fastest.
struct Matrix {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  AffineForm form;  // bits == 0: dense
  bool turned = false;
  std::vector<mx::array> arrays;              // w, or w, scales, biases
  std::vector<std::vector<mx::array>> parts;  // views of `arrays` by rows, one per stream; empty: not split

  std::uint64_t bytes() const;
};

// (tokens, columns) -> (tokens, rows), in the activations' type; may be strided.
mx::array multiply(const Compute& compute, const Matrix& matrix, const mx::array& x);

// Rows of the matrix by index: tokens (n) -> (n, columns), in the activations' type.
mx::array rows_of(const Compute& compute, const Matrix& matrix, const mx::array& tokens);

// Matrices that are applied to the same input: fused into one where their forms allow.
struct Stack {
  std::vector<Matrix> matrices;
  std::vector<std::uint32_t> rows;  // of the results, in order
};
std::vector<mx::array> multiply(const Compute& compute, const Stack& stack, const mx::array& x);

// Copies tensors out of a checkpoint. Throws what libmlx throws; std::bad_alloc where memory is short.
class Loader {
 public:
  // Called with the bytes of the file read so far; false stops with Cancelled.
  using Progress = std::function<bool(std::uint64_t bytes)>;
  struct Cancelled {};

  Loader(const Compute& compute, device::ThreadPool& pool, Progress progress)
      : compute_(compute), pool_(pool), progress_(std::move(progress)) {}

  enum class Use : std::uint8_t { product, lookup };  // lookup: rows_of() alone
  Matrix matrix(const TensorView& view, Use use = Use::product);
  Stack stack(std::span<const TensorView* const> views);
  mx::array vector(const TensorView& view, mx::Dtype dtype);  // (columns)

  // One per type that changed: "q6_k widened to f16 (29 tensors)".
  std::vector<std::string> notes() const;

 private:
  Matrix fuse(std::span<const TensorView* const> views, Use use);
  void fill_affine(std::span<const TensorView* const> views, Matrix& out);
  void fill_dense(std::span<const TensorView* const> views, mx::Dtype dtype, Matrix& out);
  mx::Dtype dense_type(const TensorView& view, Use use) const;
  void split(Matrix& matrix) const;
  void count(std::uint64_t bytes);

  const Compute& compute_;
  device::ThreadPool& pool_;
  Progress progress_;
  std::uint64_t read_ = 0;
  std::map<std::string, std::uint32_t> changed_;
};

}  // namespace assay::adapter::mlx
