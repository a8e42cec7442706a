// Registers of four floats by the compiler's vector extension: SSE2 on x86-64, NEON on aarch64. Products are rounded.
#include <cmath>
#include <cstring>

#include "kernel/attention/variants.h"
#include "kernel/vector/variants.h"
#include "tensor/dtype.h"

namespace assay::kernel::portable {
namespace {

#define ASSAY_TARGET

using Vec = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
constexpr std::size_t width = 4;
constexpr std::size_t row_block = 4;

inline Vec zero() { return Vec{}; }
inline Vec broadcast(float x) { return Vec{x, x, x, x}; }
inline Vec load(const float* p) {
  Vec x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
inline void store(float* p, Vec x) { std::memcpy(p, &x, sizeof x); }
inline Vec multiply(Vec a, Vec b) { return a * b; }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return a * b + c; }
inline float multiply_add_scalar(float a, float b, float c) { return a * b + c; }
inline Vec load_half(const std::byte* p) {
  std::uint16_t h[4];
  std::memcpy(h, p, sizeof h);
  const Ints bits{h[0], h[1], h[2], h[3]};
  // Exponent and fraction in the places of a float, then the difference of the two biases as a product, which is
  // exact and makes subnormals normal. What comes out at 65536 or above was an infinity or a NaN.
  const Ints magnitude = (bits & 0x7FFF) << 13;
  const Vec value = reinterpret_cast<Vec>(magnitude) * broadcast(0x1.0p+112F);
  const Ints special = (value >= broadcast(65536.0F)) & 0x7F800000;
  return reinterpret_cast<Vec>(reinterpret_cast<Ints>(value) | special | ((bits & 0x8000) << 16));
}
inline Vec load_bytes(const std::byte* p) {
  std::int8_t b[4];
  std::memcpy(b, p, sizeof b);
  return Vec{static_cast<float>(b[0]), static_cast<float>(b[1]), static_cast<float>(b[2]), static_cast<float>(b[3])};
}
inline Vec load_quad(const std::byte* p, std::size_t j) {
  Ints x;
  std::memcpy(&x, p, sizeof x);
  return __builtin_convertvector((x << static_cast<int>(24 - 8 * j)) >> 24, Vec);
}
inline void prefetch_l1(const std::byte*) {}
inline void prefetch_l2(const std::byte*) {}

#include "kernel/attention/body.inl"

void store_f16(const float* x, std::size_t n, std::byte* out, std::size_t stride) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint16_t bits = float_to_half(x[i]);
    std::memcpy(out + i * stride, &bits, 2);
  }
}

float quantize_32(const float* x, std::int8_t* q) {
  float greatest = 0;
  for (std::size_t i = 0; i < 32; ++i) greatest = std::abs(x[i]) > greatest ? std::abs(x[i]) : greatest;
  const float d = greatest / 127.0F;
  const float inverse = d > 0 ? 1.0F / d : 0.0F;
  for (std::size_t i = 0; i < 32; ++i) {
    const float scaled = x[i] * inverse;
    const bool inside = std::abs(scaled) <= 128.0F;  // false for NaN, and where d is so small that 1 / d is infinite
    // Adding the float below one half and truncating rounds to nearest, ties away from zero.
    q[i] = static_cast<std::int8_t>(inside ? static_cast<int>(scaled + std::copysign(0x1.fffffep-2F, scaled)) : 0);
  }
  return d;
}

#undef ASSAY_TARGET

}  // namespace

constinit const AttentionKernels attention_kernels{store_f16, quantize_32,  widen_keys,  widen_values, scores,
                                                   values,    plane_scores, pair_scores, plane_values, fold,
                                                   maximum,   exp_minus,    multiply};

}  // namespace assay::kernel::portable
