// Plain C++: what every machine can run, and what the other levels must equal bit for bit.
#include <cmath>
#include <cstring>

#include "kernel/matmul/layout.h"
#include "kernel/matmul/walk.h"
#include "tensor/dtype.h"

namespace assay::kernel {
namespace {

using Column = std::int16_t[16];  // the weights of one column for the rows of a panel
using Rows = float[16];

// Code of vector j, byte `i` from a block; see layout.h.
template <Codes C>
int code(const std::uint8_t* block, std::size_t j, std::size_t i) {
  if constexpr (C == Codes::s8) {
    return static_cast<std::int8_t>(block[j * 64 + i]);
  } else if constexpr (C == Codes::u2) {
    return (block[j / 4 * 64 + i] >> (j % 4 * 2)) & 3;
  } else if constexpr (C == Codes::u3) {
    return code<Codes::u2>(block, j, i) | ((block[128 + i] >> j) & 1) << 2;
  } else {
    const int low = (block[j % 4 * 64 + i] >> (j / 4 * 4)) & 15;
    if constexpr (C == Codes::u5) return low | ((block[256 + i] >> j) & 1) << 4;
    if constexpr (C == Codes::u6) return low | code<Codes::u2>(block + 256, j, i) << 4;
    return low;
  }
}

template <Format F>
void decode(const MatmulArgs& a, const std::byte* codes, Column* w) {
  const auto* block = reinterpret_cast<const std::uint8_t*>(codes);
  for (std::size_t j = 0; j < 8; ++j) {
    for (std::size_t r = 0; r < 16; ++r) {
      for (std::size_t c = 0; c < 4; ++c) {
        const int q = code<F.codes>(block, j, 4 * r + c);
        const int value = F.codes == Codes::lut4 ? a.levels[q] : q + F.offset;
        w[4 * j + c][r] = static_cast<std::int16_t>(value);
      }
    }
  }
}

std::uint16_t load16(const std::byte* p) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, p, sizeof bits);
  return bits;
}

void load_scales(const std::byte* p, ScaleBits bits, Rows& out) {
  for (std::size_t r = 0; r < 16; ++r) {
    switch (bits) {
      case ScaleBits::f16:
        out[r] = half_to_float(load16(p + 2 * r));
        break;
      case ScaleBits::bf16:
        out[r] = bf16_to_float(load16(p + 2 * r));
        break;
      case ScaleBits::f32:
        std::memcpy(&out[r], p + 4 * r, 4);
        break;
    }
  }
}

// Scales and minima of block b of a unit: one set, or two (super16).
template <Format F>
void scales_of(const MatmulArgs& a, const std::byte* scales, std::size_t b, Rows* scale, Rows* min) {
  if constexpr (F.scales == Scales::block) {
    const std::byte* p = scales + (b >> a.group_shift) * scale_bytes(F, a.scale_bits);
    load_scales(p, a.scale_bits, scale[0]);
    if constexpr (F.has_min) load_scales(p + scale_bytes(F, a.scale_bits) / 2, a.scale_bits, min[0]);
  } else {
    constexpr std::size_t halves = F.scales == Scales::super16 ? 2 : 1;
    constexpr std::size_t parts = F.has_min ? 2 : 1;
    Rows d;
    Rows dmin;
    load_scales(scales, ScaleBits::f16, d);
    if constexpr (F.has_min) load_scales(scales + 32, ScaleBits::f16, dmin);
    const std::byte* sub = scales + 32 * parts + b * halves * parts * 16;
    for (std::size_t h = 0; h < halves; ++h, sub += parts * 16) {
      for (std::size_t r = 0; r < 16; ++r) {
        scale[h][r] = d[r] * static_cast<float>(static_cast<std::int8_t>(sub[r]));
        if constexpr (F.has_min) min[h][r] = -dmin[r] * static_cast<float>(std::to_integer<int>(sub[16 + r]));
      }
    }
  }
}

template <Format F>
struct Blocks {
  static constexpr std::size_t tokens_max = 4;

  template <std::size_t T>
  static void run(const MatmulArgs& a, const std::byte* panel, const ActivationBlock* x, std::size_t width,
                  float (*out)[16]) {
    constexpr std::size_t halves = F.scales == Scales::super16 ? 2 : 1;
    constexpr std::size_t columns = 32 / halves;
    for (std::size_t t = 0; t < T; ++t) {
      for (std::size_t r = 0; r < 16; ++r) out[t][r] = 0;
    }
    Column w[32];
    Rows scale[2];
    Rows min[2];
    const std::size_t blocks = a.cols / 32;
    for (std::size_t block_at = 0; block_at < blocks; ++block_at, x += width) {
      const std::size_t b = block_at % unit_blocks;
      const std::byte* codes = panel + block_at / unit_blocks * a.unit_bytes;
      const std::size_t left = blocks - (block_at - b);
      decode<F>(a, codes + b * code_bytes(F.codes), w);
      scales_of<F>(a, codes + (left < unit_blocks ? left : unit_blocks) * code_bytes(F.codes), b, scale, min);
      for (std::size_t t = 0; t < T; ++t) {
        const ActivationBlock& block = x[t];
        for (std::size_t h = 0; h < halves; ++h) {
          std::int32_t dot[16] = {};
          for (std::size_t c = h * columns; c < (h + 1) * columns; ++c) {
            for (std::size_t r = 0; r < 16; ++r) dot[r] += w[c][r] * block.q[c];
          }
          for (std::size_t r = 0; r < 16; ++r) {
            out[t][r] = std::fma(scale[h][r] * block.scale, static_cast<float>(dot[r]), out[t][r]);
          }
        }
        if constexpr (F.has_min) {
          for (std::size_t h = 0; h < halves; ++h) {
            const std::int32_t half = h == 0 ? block.minus_first_half : block.minus_sum - block.minus_first_half;
            const float sum = halves == 2 ? block.scale * static_cast<float>(-half) : block.scaled_sum;
            for (std::size_t r = 0; r < 16; ++r) out[t][r] = std::fma(min[h][r], sum, out[t][r]);
          }
        }
      }
    }
  }
};

template <FloatBits B>
struct Floats {
  static constexpr std::size_t tokens_max = 4;

  template <std::size_t T>
  static void run(const MatmulArgs& a, const std::byte* panel, const float* x, std::size_t width, float (*out)[16]) {
    for (std::size_t t = 0; t < T; ++t) {
      for (std::size_t r = 0; r < 16; ++r) out[t][r] = 0;
    }
    constexpr std::size_t bytes = B == FloatBits::f32 ? 64 : 32;
    constexpr ScaleBits bits =
        B == FloatBits::f32 ? ScaleBits::f32 : (B == FloatBits::f16 ? ScaleBits::f16 : ScaleBits::bf16);
    Rows w;
    for (std::size_t c = 0; c < a.cols; ++c, x += width) {
      load_scales(panel + c * bytes, bits, w);
      for (std::size_t t = 0; t < T; ++t) {
        for (std::size_t r = 0; r < 16; ++r) out[t][r] = std::fma(w[r], x[t], out[t][r]);
      }
    }
  }
};

}  // namespace

MatmulKernel matmul_kernel_portable(FormatId format) { return Tiles<Blocks, Floats, Isa::portable>::kernel_of(format); }

}  // namespace assay::kernel
