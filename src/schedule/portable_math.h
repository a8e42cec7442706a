// exp, log and sums whose bits do not depend on the platform's maths library: only + - * / and integer operations in a
// fixed order, so that a seed gives the same text on every machine.
#pragma once

#include <cstddef>
#include <span>

namespace assay::schedule {

// e^((x - shift) * scale), f32, relative error below 3e-7. Needs (x - shift) * scale <= 0; 0 below e^-87, also for
// -inf.
float exp_shifted(float x, float shift, float scale);

// Elements that one partial sum of sum_exp covers.
constexpr std::size_t exp_block = 1024;

// Sum over i of e^((x[i] - shift) * scale); the sum of each run of exp_block elements is written to `partial` unless it
// is empty. partial.size() is 0 or ceil(x.size() / exp_block).
double sum_exp(std::span<const float> x, float shift, float scale, std::span<double> partial);

// Natural logarithm of a positive, finite, normal number; relative error below 1e-15.
double natural_log(double x);

// First index of the largest element; x is not empty and holds no NaN.
std::size_t first_max(std::span<const float> x);

// Index of the first NaN or infinity, x.size() where there is none.
std::size_t first_not_finite(std::span<const float> x);

}  // namespace assay::schedule
