// Intervals for the change between two groups of measurements, from few values. Pure, without a random source.
#pragma once

#include <cstddef>
#include <span>

namespace assay::measure {

// A change in percent: (second / first - 1) * 100.
struct ChangeInterval {
  double percent = 0;
  double low = 0;
  double high = 0;
  double coverage = 0;  // of [low, high], 0..1: that the true change lies within
};

// Values of one run each, all above 0 (asserted, as that both sides have some): the median of all ratios second[j] /
// first[i] (Hodges and Lehmann 1963) with the interval that the rank sum test of Mann and Whitney (1947) gives. Exact for
// independent values of any distribution, one the other times a factor; a larger sample uses the normal approximation.
// The narrowest interval of ranks whose coverage is at least `wanted`; the widest there is, with its smaller coverage,
// where so few values reach no more.
ChangeInterval change_of_values(std::span<const double> first, std::span<const double> second, double wanted);

// One value per run, at least 2 a side (asserted), all above 0: the ratio of the geometric means with Welch's t interval
// (1947) of the difference of their logarithms. It counts whatever moves whole runs; it supposes that this moves them
// about normally, and is wider than it says where some runs lie far out.
ChangeInterval change_between_runs(std::span<const double> first, std::span<const double> second, double wanted);

// P(|T| <= t) of Student's distribution; its inverse is found by bisection above.
double student_within(double t, double degrees);

}  // namespace assay::measure
