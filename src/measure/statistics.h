// Medians with intervals, and differences that must exclude zero. Pure functions; the random source is an argument.
#pragma once

#include <cstddef>
#include <span>

#include "base/random.h"

namespace assay::measure {

// A median with the 95 % percentile-bootstrap interval of it (Efron 1979). n = 0: all NaN. n = 1: low = high = median.
struct Estimate {
  double median = 0;
  double low = 0;
  double high = 0;
  std::size_t n = 0;
};

inline constexpr std::size_t bootstrap_resamples = 2000;

// Linear interpolation between order statistics (Hyndman and Fan 1996, type 7). q in [0, 1]; NaN for no values.
double quantile(std::span<const double> values, double q);
inline double median(std::span<const double> values) { return quantile(values, 0.5); }

Estimate estimate(std::span<const double> values, Random& random);

// The median of paired differences a[i] - b[i] (same length, asserted), with its interval: interleaved rounds are
// pairs.
Estimate paired_difference(std::span<const double> a, std::span<const double> b, Random& random);

// The difference of the medians of two independent samples, with its interval.
Estimate difference(std::span<const double> a, std::span<const double> b, Random& random);

// The ratio of the medians of two independent samples, with its interval.
Estimate ratio(std::span<const double> a, std::span<const double> b, Random& random);

inline bool excludes_zero(const Estimate& e) { return e.n > 1 && (e.low > 0 || e.high < 0); }

// Least-squares slope of y over x with its 95 % bootstrap interval over points (n >= 2, not all x equal; else NaN).
Estimate slope(std::span<const double> x, std::span<const double> y, Random& random);

}  // namespace assay::measure
