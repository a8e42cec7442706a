// Stored weights to float, exactly: one rounding at most per element, the same bits on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/dtype.h"
#include "tensor/view.h"

namespace assay::kernel {

// Elements of one row; out.size() is a multiple of the type's block and row.size() == row_bytes(dtype, out.size())
// (asserted). For every DType that computes except affine4 and affine8, which need the variant below.
void dequantize_row(DType dtype, std::span<const std::byte> row, std::span<float> out);

// Row `index` of a tensor seen as (rows(), columns()), also affine; out.size() == columns(), index < rows() (asserted).
// Affine: scale * q + bias, product and sum each rounded to float; with f16 and bf16 scales only the sum can round.
void dequantize_row(const TensorView& tensor, std::uint64_t index, std::span<float> out);

}  // namespace assay::kernel
