// One row of a tensor as integers and scales, before it is interleaved with its neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernel/matmul/layout.h"
#include "tensor/view.h"

namespace assay::kernel {

// How a type is packed; nothing for types that are not computed.
struct Packing {
  FormatId format;
  ScaleBits scale_bits = ScaleBits::f16;
  const std::int8_t* levels = nullptr;  // lut4
};
std::optional<Packing> packing_of(const TensorView& view);

// Of a quantized row; vectors are sized by row_codes().
struct RowCodes {
  std::vector<std::uint8_t> codes;  // (cols): as the packed format stores them, s8 as two's complement
  // Scales::block: scale_bytes(...) / 16 bytes per group, the scale and then the minimum, bits as stored.
  // super32, super16: d, dmin (2 bytes each), then the scale and the minimum of each sub-block (1 byte each).
  std::vector<std::uint8_t> scales;
};

// Row `index` of `view`, whose sizes were checked, into `out`.
void row_codes(const TensorView& view, std::uint64_t index, RowCodes& out);

}  // namespace assay::kernel
