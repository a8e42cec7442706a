// A tensor where it lies: borrowed bytes with a type and a shape. Copies are cheap; the file must outlive them.
// From a safetensors file the bytes may begin at any address (MLX does not align them): read elements with memcpy.
// From GGUF they begin at a multiple of 8 at least, 32 usually.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/dtype.h"

namespace assay {

// Row-major, outermost first: a matrix is (rows, columns) and a GGUF `ne` list appears here reversed.
using Shape = std::vector<std::uint64_t>;

struct TensorView {
  DType dtype{};
  Shape shape;                      // logical elements, also for quantized types
  std::span<const std::byte> data;  // rows() * row_bytes(dtype, columns()) bytes

  // affine4/affine8 only: w = scale * q + bias for each run of `group` columns; (rows, columns / group) each.
  std::span<const std::byte> scales;
  std::span<const std::byte> biases;
  DType scale_dtype = DType::f16;  // f16, bf16 or f32; the same for biases
  std::uint32_t group = 0;         // 32, 64 or 128

  std::uint64_t columns() const { return shape.empty() ? 1 : shape.back(); }
  std::uint64_t rows() const {
    std::uint64_t n = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) n *= shape[i];
    return n;
  }
  // Bytes that a pass over the weights reads, scales and biases included.
  std::uint64_t bytes() const { return data.size() + scales.size() + biases.size(); }
};

}  // namespace assay
