// The inner loops behind attention.h and kv_layout.h, one set per Isa.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/attention/kv_layout.h"
#include "kernel/isa.h"

namespace assay::kernel {

// A page is 32 positions. Widened keys are (head_dim, 32) floats, widened values (32, head_dim).
struct AttentionKernels {
  // n floats to halves, the i-th at out + i * stride.
  void (*store_f16)(const float* x, std::size_t n, std::byte* out, std::size_t stride);
  // d = max|x| / 127, returned; q = x / d rounded, ties away from 0; all zero where d is 0 or its inverse overflows.
  float (*quantize_32)(const float* x, std::int8_t* q);

  void (*widen_keys)(const KvLayout& layout, const std::byte* plane, float* keys);
  void (*widen_values)(const KvLayout& layout, const std::byte* plane, float* values);

  // scores[r * score_stride + p] = sum over d of q[r * dim + d] * keys[d * 32 + p], all 32 p.
  void (*scores)(const float* keys, const float* q, std::size_t rows, std::size_t dim, float* scores,
                 std::size_t score_stride);
  // out[r * dim + d] += sum over p in [begin, end) of weights[r * weight_stride + p] * values[p * dim + d].
  void (*values)(const float* values, const float* weights, std::size_t weight_stride, std::size_t rows,
                 std::size_t begin, std::size_t end, std::size_t dim, float* out);

  // The same as widening and then multiplying, for few rows: straight from the plane. `next` is what will be read
  // after it (keys or values of a plane, never null), brought nearer on the way.
  void (*plane_scores)(const KvLayout& layout, const std::byte* plane, const std::byte* next, const float* q,
                       std::size_t rows, float* scores, std::size_t score_stride);
  // Two planes of consecutive pages at once: 64 positions.
  void (*pair_scores)(const KvLayout& layout, const std::byte* const* plane, const std::byte* const* next,
                      const float* q, std::size_t rows, float* scores, std::size_t score_stride);
  void (*plane_values)(const KvLayout& layout, const std::byte* plane, const std::byte* next, const float* weights,
                       std::size_t weight_stride, std::size_t rows, std::size_t begin, std::size_t end, float* out);

  // out = out * a + x * b, the first product rounded, the second fused where the Isa fuses.
  void (*fold)(float* out, float a, const float* x, float b, std::size_t n);

  float (*maximum)(const float* x, std::size_t n);
  float (*exp_minus)(float* x, float maximum, std::size_t n);
  void (*multiply)(float* x, float factor, std::size_t n);
};

const AttentionKernels& attention_kernels(Isa isa);

namespace portable {
extern const AttentionKernels attention_kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const AttentionKernels attention_kernels;
}
namespace avx512 {
extern const AttentionKernels attention_kernels;
}
#endif

}  // namespace assay::kernel
