#include "kernel/matmul/random_tensor.h"

#include <cmath>
#include <cstring>

#include "kernel/quant/blocks.h"

namespace assay::kernel {
namespace {

void fill(std::vector<std::byte>& bytes, Random& random) {
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const std::uint64_t bits = random.bits();
    std::memcpy(bytes.data() + at, &bits, 8);
  }
  for (; at < bytes.size(); ++at) bytes[at] = static_cast<std::byte>(random.below(256));
}

// Gives every block of a row-major tensor halves of ordinary size.
template <class Block>
void ordinary(std::vector<std::byte>& bytes, double scale, double min, Random& random) {
  auto* block = reinterpret_cast<Block*>(bytes.data());
  for (std::size_t i = 0; i < bytes.size() / sizeof(Block); ++i) {
    block[i].d = to_half(static_cast<float>(scale * (0.5 + random.uniform())));
    if constexpr (requires { block[i].m; }) block[i].m = to_half(static_cast<float>(min * (0.5 + random.uniform())));
    if constexpr (requires { block[i].dmin; }) {
      block[i].dmin = to_half(static_cast<float>(min * (0.5 + random.uniform())));
    }
  }
}

void scalars(std::vector<std::byte>& bytes, DType dtype, double offset, double spread, Random& random) {
  const std::size_t width = row_bytes(dtype, 1);
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    const auto value = static_cast<float>(offset + spread * (2 * random.uniform() - 1));
    if (dtype == DType::f32) {
      std::memcpy(&bytes[at], &value, 4);
    } else {
      const std::uint16_t bits = dtype == DType::f16 ? float_to_half(value) : float_to_bf16(value);
      std::memcpy(&bytes[at], &bits, 2);
    }
  }
}

}  // namespace

const std::vector<TensorKind>& tensor_kinds() {
  using enum DType;
  static const std::vector<TensorKind> kinds{
      {.dtype = f32},
      {.dtype = f16},
      {.dtype = bf16},
      {.dtype = q4_0, .multiple = 32},
      {.dtype = q4_1, .multiple = 32},
      {.dtype = q5_0, .multiple = 32},
      {.dtype = q5_1, .multiple = 32},
      {.dtype = q8_0, .multiple = 32},
      {.dtype = iq4_nl, .multiple = 32},
      {.dtype = mxfp4, .multiple = 32},
      {.dtype = q2_k, .multiple = 256},
      {.dtype = q3_k, .multiple = 256},
      {.dtype = q4_k, .multiple = 256},
      {.dtype = q5_k, .multiple = 256},
      {.dtype = q6_k, .multiple = 256},
      {.dtype = iq4_xs, .multiple = 256},
      {.dtype = affine4, .group = 32, .scale_dtype = f16, .multiple = 32},
      {.dtype = affine4, .group = 64, .scale_dtype = bf16, .multiple = 64},
      {.dtype = affine4, .group = 128, .scale_dtype = f32, .multiple = 128},
      {.dtype = affine8, .group = 32, .scale_dtype = f32, .multiple = 32},
      {.dtype = affine8, .group = 64, .scale_dtype = bf16, .multiple = 64},
      {.dtype = affine8, .group = 128, .scale_dtype = f16, .multiple = 128},
  };
  return kinds;
}

RandomTensor::RandomTensor(const TensorKind& kind, std::uint64_t rows, std::uint64_t cols, Random& random) {
  const double size = 1 / std::sqrt(static_cast<double>(cols));  // of a weight
  data.resize(rows * row_bytes(kind.dtype, cols));
  using enum DType;
  if (kind.dtype == f32 || kind.dtype == f16 || kind.dtype == bf16) {
    scalars(data, kind.dtype, 0, size, random);
  } else {
    fill(data, random);
  }
  switch (kind.dtype) {
    case q4_0:
      ordinary<BlockQ4_0>(data, size / 8, 0, random);
      break;
    case q4_1:
      ordinary<BlockQ4_1>(data, size / 8, -size, random);
      break;
    case q5_0:
      ordinary<BlockQ5_0>(data, size / 16, 0, random);
      break;
    case q5_1:
      ordinary<BlockQ5_1>(data, size / 16, -size, random);
      break;
    case q8_0:
      ordinary<BlockQ8_0>(data, size / 127, 0, random);
      break;
    case iq4_nl:
      ordinary<BlockIQ4_NL>(data, size / 127, 0, random);
      break;
    case mxfp4:
      for (std::size_t at = 0; at < data.size(); at += sizeof(BlockMXFP4)) {
        data[at] = static_cast<std::byte>(118 + random.below(5));
      }
      break;
    case q2_k:
      ordinary<BlockQ2_K>(data, size / 23, size / 15, random);
      break;
    case q3_k:
      ordinary<BlockQ3_K>(data, size / 128, 0, random);
      break;
    case q4_k:
      ordinary<BlockQ4_K>(data, size / 472, size / 63, random);
      break;
    case q5_k:
      ordinary<BlockQ5_K>(data, size / 976, size / 63, random);
      break;
    case q6_k:
      ordinary<BlockQ6_K>(data, size / 4096, 0, random);
      break;
    case iq4_xs:
      ordinary<BlockIQ4_XS>(data, size / 4096, 0, random);
      break;
    case affine4:
    case affine8: {
      const std::size_t bytes = rows * row_bytes(kind.scale_dtype, cols / kind.group);
      scales.resize(bytes);
      biases.resize(bytes);
      const double step = kind.dtype == affine4 ? size / 8 : size / 128;
      scalars(scales, kind.scale_dtype, step, step / 2, random);
      scalars(biases, kind.scale_dtype, -size, size / 2, random);
      break;
    }
    default:
      break;
  }
  view = TensorView{.dtype = kind.dtype,
                    .shape = {rows, cols},
                    .data = data,
                    .scales = scales,
                    .biases = biases,
                    .scale_dtype = kind.scale_dtype,
                    .group = kind.group};
}

}  // namespace assay::kernel
