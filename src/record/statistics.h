// Medians with intervals, and differences that must exclude zero. Pure functions; nothing is drawn at random: an interval
// is a pair of order statistics, and its coverage is a sum of binomial (or rank-sum) probabilities, not a promise.
#pragma once

#include <cstddef>
#include <span>

namespace assay::measure {

inline constexpr double interval_coverage = 0.95;          // at least, for a range to be called an interval
inline constexpr std::size_t interval_values_min = 6;      // fewer cannot reach it: 1 - 2^(1 - 5) is 93.75 %
inline constexpr std::size_t percentile_values_min = 100;  // below, a 99th percentile is the largest value

// A median and the narrowest symmetric pair of order statistics that holds the true median in at least 95 % of all
// samples (David and Nagaraja, Order Statistics, 7.1); where n is too small for that, the least and the greatest value.
// n = 0: all NaN. low, high NaN: a single figure without an interval.
struct Estimate {
  double median = 0;
  double low = 0;
  double high = 0;
  std::size_t n = 0;    // independent values
  double coverage = 0;  // of [low, high]: exact for independent values of any continuous distribution
};

// Whether [low, high] may be called an interval; else it is a range of n values, and nothing follows from it.
inline bool is_interval(const Estimate& e) { return e.n > 0 && e.coverage >= interval_coverage; }
inline bool excludes_zero(const Estimate& e) { return is_interval(e) && (e.low > 0 || e.high < 0); }

// Linear interpolation between order statistics (Hyndman and Fan 1996, type 7). q in [0, 1]; NaN for no values.
double quantile(std::span<const double> values, double q);
inline double median(std::span<const double> values) { return quantile(values, 0.5); }
// The 99th percentile, or NaN below percentile_values_min values.
double percentile99(std::span<const double> values);

// Values that are no numbers are left out; they must be independent of each other: what was sampled together (streams of
// a round, neighbours in time) is one value.
Estimate estimate(std::span<const double> values);

// The median of a[i] - b[i], of a[i] / b[i] (same length, asserted): interleaved rounds are pairs, so that what both of
// them met is not counted. The coverage is that of the median of the pairs' differences, whatever their distribution.
Estimate paired_difference(std::span<const double> a, std::span<const double> b);
Estimate paired_ratio(std::span<const double> a, std::span<const double> b);

// Two independent samples: the median of all a[i] - b[j], of all a[i] / b[j] (Hodges and Lehmann 1963), with the interval
// of the rank-sum test. The coverage is exact where both distributions are alike but for the shift, or the factor. n: of
// the smaller sample. A ratio needs values above 0, else all NaN.
Estimate difference(std::span<const double> a, std::span<const double> b);
Estimate ratio(std::span<const double> a, std::span<const double> b);

// The slope of y over x, from pairs of a point of the first half with its counterpart in the second (Theil's incomplete
// method), x rising. Each pair is independent of the others when the points are: they should be medians of blocks of time
// longer than what is alike between neighbours. n: pairs. Fewer than 2 points, or equal x: NaN.
Estimate slope(std::span<const double> x, std::span<const double> y);

}  // namespace assay::measure
