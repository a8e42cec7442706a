// For tests and benches: tensors of every computing type with random codes and scales of ordinary size.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "tensor/view.h"

namespace assay::kernel {

// Types whose rows can be `cols` long, and one for each affine group.
struct TensorKind {
  DType dtype;
  std::uint32_t group = 0;         // affine
  DType scale_dtype = DType::f16;  // affine
  std::uint64_t multiple = 1;      // columns
};
const std::vector<TensorKind>& tensor_kinds();

// Owns the bytes of one matrix. Weights are about 1 / sqrt(cols) large.
struct RandomTensor {
  RandomTensor(const TensorKind& kind, std::uint64_t rows, std::uint64_t cols, Random& random);
  RandomTensor(const RandomTensor&) = delete;
  RandomTensor& operator=(const RandomTensor&) = delete;

  std::vector<std::byte> data, scales, biases;
  TensorView view;
};

}  // namespace assay::kernel
