// Row-wise operations on float vectors that are not products with weights.
//
// Every Isa gives the same bits: sums run over 16 interleaved lanes (lane = index mod 16) which are then added in
// halves (8 + 8, 4 + 4, 2 + 2, 1 + 1); products and sums are rounded apart, never fused. So a token's result depends on
// neither its batch nor the machine. Lengths and alignment are free.
#pragma once

#include <cstddef>
#include <span>

#include "kernel/isa.h"

namespace assay::kernel {

// out[i] = x[i] * s * weight[i] with s = 1 / sqrt(mean of x^2 + eps), computed in double from the float sum of squares.
// All three have one length > 0; out may be x itself, and overlaps nothing otherwise.
// |out - exact| <= (n / 32 + 8) * 2^-23 * |out|: n / 16 additions deep and half of it through the root.
void rms_norm(Isa isa, std::span<const float> x, std::span<const float> weight, double eps, std::span<float> out);

// out[i] = gate[i] / (1 + e^-gate[i]) * up[i]. out may be gate or up. Relative error at most 6 * 2^-24 where the
// result is above 2^-100.
void silu_mul(Isa isa, std::span<const float> gate, std::span<const float> up, std::span<float> out);

// out[i] = gelu(gate[i]) * up[i] with the tanh form of GELU, 0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))), which is
// g / (1 + e^-z), z = 2 sqrt(2 / pi) (g + 0.044715 g^3) (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016). out
// may be gate or up. Relative error at most (6 + 4 |z|) * 2^-24 where the result is above 2^-100.
void gelu_mul(Isa isa, std::span<const float> gate, std::span<const float> up, std::span<float> out);

// out[i] += x[i].
void add(Isa isa, std::span<const float> x, std::span<float> out);

// x becomes e^(x - max) / sum, and the sum of the exponentials before division is returned. x is not empty.
// Elements more than 87.3 below the maximum become 0.
float softmax(Isa isa, std::span<float> x);

// Index of the greatest element, the first of equals; NaNs are passed over. x is not empty; 0 where all are NaN.
std::size_t argmax(std::span<const float> x);

// The same in double and plain loops, to hold the kernels against.
namespace reference {
void rms_norm(std::span<const float> x, std::span<const float> weight, double eps, std::span<double> out);
void silu_mul(std::span<const float> gate, std::span<const float> up, std::span<double> out);
void gelu_mul(std::span<const float> gate, std::span<const float> up, std::span<double> out);
void softmax(std::span<const float> x, std::span<double> out);
}  // namespace reference

}  // namespace assay::kernel
