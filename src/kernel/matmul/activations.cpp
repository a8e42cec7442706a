// f32 rows to 8-bit blocks, in the token groups that kernels read.
#include <bit>
#include <cstring>
#include <new>

#include "base/check.h"
#include "kernel/matmul/layout.h"
#include "kernel/matmul/matmul.h"

namespace assay::kernel {
namespace {

// Below this the reciprocal overflows; such a block counts as zero.
constexpr float least = 1e-30F;

ActivationBlock quantize(const float* x) {
  ActivationBlock out{};
  // Bit patterns order magnitudes as integers do, infinities and NaNs above all numbers: one maximum sees everything.
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[i]) & 0x7FFFFFFFU;
    largest = magnitude > largest ? magnitude : largest;
  }
  if (largest >= 0x7F800000U) {
    out.scale = out.scaled_sum = std::bit_cast<float>(0x7FC00000U);
    return out;
  }
  const auto magnitude = std::bit_cast<float>(largest);
  if (magnitude < least) return out;
  const float inverse = 127.0F / magnitude;
  std::int32_t sums[2] = {};
  for (std::size_t h = 0; h < 2; ++h) {
    for (std::size_t i = 16 * h; i < 16 * (h + 1); ++i) {
      // Adding 1.5 * 2^23 leaves the nearest integer, ties to even, in the low bits of the sum.
      const auto bits = std::bit_cast<std::int32_t>(x[i] * inverse + 0x1.8p23F);
      const std::int32_t q = bits - 0x4B400000;
      out.q[i] = static_cast<std::int8_t>(q);
      sums[h] += q;
    }
  }
  out.scale = magnitude / 127.0F;
  out.scaled_sum = out.scale * static_cast<float>(sums[0] + sums[1]);
  out.minus_sum = -(sums[0] + sums[1]);
  out.minus_first_half = -sums[0];
  return out;
}

}  // namespace

bool Activations::grow(Pages& memory, std::size_t& capacity, std::size_t bytes) {
  if (bytes <= capacity) return true;
  memory.reset();
  capacity = 0;
  memory = allocate_pages(bytes);
  if (!memory) return false;
  capacity = bytes;
  return true;
}

Result<void> Activations::reserve(std::size_t tokens, std::size_t cols, Forms forms) {
  const std::size_t blocks = forms.blocks8 ? tokens * (cols / 32) * sizeof(ActivationBlock) : 0;
  const std::size_t floats = forms.floats ? tokens * cols * sizeof(float) : 0;
  if (!grow(blocks_, blocks_capacity_, blocks)) return no_memory("activations", blocks);
  if (!grow(floats_, floats_capacity_, floats)) return no_memory("activations", floats);
  return {};
}

void Activations::reshape(std::size_t tokens, std::size_t cols, Forms forms) {
  tokens_ = tokens;
  cols_ = cols;
  ASSAY_ASSERT(reserve(tokens, cols, forms));
}

void Activations::set(ActivationForm form, const float* x, std::size_t x_stride, std::size_t begin, std::size_t end) {
  ASSAY_ASSERT(begin <= end && end <= tokens_);
  for (std::size_t t = begin; t < end; ++t) {
    const std::size_t base = t / token_group * token_group;
    const std::size_t width = tokens_ - base < token_group ? tokens_ - base : token_group;
    const float* row = x + t * x_stride;
    if (form == ActivationForm::blocks8) {
      ASSAY_ASSERT(cols_ % 32 == 0);
      const std::size_t blocks = cols_ / 32;
      auto* out = reinterpret_cast<ActivationBlock*>(blocks_.get()) + base * blocks + (t - base);
      for (std::size_t b = 0; b < blocks; ++b) out[b * width] = quantize(row + 32 * b);
    } else {
      auto* out = reinterpret_cast<float*>(floats_.get()) + base * cols_ + (t - base);
      for (std::size_t c = 0; c < cols_; ++c) out[c * width] = row[c];
    }
  }
}

void Activations::assign(ActivationForm form, const float* x, std::size_t x_stride, std::size_t tokens,
                         std::size_t cols) {
  reshape(tokens, cols, {.blocks8 = form == ActivationForm::blocks8, .floats = form == ActivationForm::floats});
  set(form, x, x_stride, 0, tokens);
}

}  // namespace assay::kernel
