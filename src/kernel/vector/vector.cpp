#include "kernel/vector/vector.h"

#include <cmath>

#include "base/error.h"
#include "kernel/vector/variants.h"

#if defined(__x86_64__)
#define ASSAY_PICK(isa, function) ((isa) >= Isa::avx2 ? avx2::function : portable::function)
#else
#define ASSAY_PICK(isa, function) (static_cast<void>(isa), portable::function)
#endif

namespace assay::kernel {

void rms_norm(Isa isa, std::span<const float> x, std::span<const float> weight, double eps, std::span<float> out) {
  ASSAY_ASSERT(!x.empty() && x.size() == weight.size() && x.size() == out.size());
  const float squares = ASSAY_PICK(isa, sum_of_squares)(x.data(), x.size());
  const double mean = static_cast<double>(squares) / static_cast<double>(x.size());
  const auto s = static_cast<float>(1.0 / std::sqrt(mean + eps));
  ASSAY_PICK(isa, scale_weighted)(x.data(), weight.data(), s, out.data(), x.size());
}

void silu_mul(Isa isa, std::span<const float> gate, std::span<const float> up, std::span<float> out) {
  ASSAY_ASSERT(gate.size() == up.size() && gate.size() == out.size());
  ASSAY_PICK(isa, silu_mul)(gate.data(), up.data(), out.data(), out.size());
}

void gelu_mul(Isa isa, std::span<const float> gate, std::span<const float> up, std::span<float> out) {
  ASSAY_ASSERT(gate.size() == up.size() && gate.size() == out.size());
  ASSAY_PICK(isa, gelu_mul)(gate.data(), up.data(), out.data(), out.size());
}

void add(Isa isa, std::span<const float> x, std::span<float> out) {
  ASSAY_ASSERT(x.size() == out.size());
  ASSAY_PICK(isa, add)(x.data(), out.data(), out.size());
}

float softmax(Isa isa, std::span<float> x) {
  ASSAY_ASSERT(!x.empty());
  const float top = ASSAY_PICK(isa, maximum)(x.data(), x.size());
  const float sum = ASSAY_PICK(isa, exp_minus)(x.data(), top, x.size());
  ASSAY_PICK(isa, multiply)(x.data(), 1.0F / sum, x.size());
  return sum;
}

std::size_t argmax(std::span<const float> x) {
  ASSAY_ASSERT(!x.empty());
  std::size_t best = 0;
  for (std::size_t i = 1; i < x.size(); ++i) {
    if (x[i] > x[best] || (std::isnan(x[best]) && !std::isnan(x[i]))) best = i;
  }
  return best;
}

}  // namespace assay::kernel
