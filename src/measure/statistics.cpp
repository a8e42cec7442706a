#include "measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace assay::measure {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double sorted_quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return nan;
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double median_of(std::vector<double>& values) {
  std::ranges::sort(values);
  return sorted_quantile(values, 0.5);
}

// The interval of `statistic` over bootstrap_resamples resamples that `draw` makes.
template <class Draw>
Estimate interval(double point, std::size_t n, Draw draw) {
  std::vector<double> replicas;
  replicas.reserve(bootstrap_resamples);
  for (std::size_t i = 0; i < bootstrap_resamples; ++i) {
    if (const double value = draw(); !std::isnan(value)) replicas.push_back(value);
  }
  std::ranges::sort(replicas);
  return {point, sorted_quantile(replicas, 0.025), sorted_quantile(replicas, 0.975), n};
}

void resample(std::span<const double> from, std::vector<double>& to, Random& random) {
  to.clear();
  for (std::size_t i = 0; i < from.size(); ++i) to.push_back(from[random.below(from.size())]);
}

double least_squares(std::span<const double> x, std::span<const double> y, std::span<const std::size_t> points) {
  const auto n = static_cast<double>(points.size());
  double mx = 0;
  double my = 0;
  for (const std::size_t i : points) {
    mx += x[i] / n;
    my += y[i] / n;
  }
  double xx = 0;
  double xy = 0;
  for (const std::size_t i : points) {
    xx += (x[i] - mx) * (x[i] - mx);
    xy += (x[i] - mx) * (y[i] - my);
  }
  return xx > 0 ? xy / xx : nan;
}

}  // namespace

double quantile(std::span<const double> values, double q) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return sorted_quantile(sorted, q);
}

Estimate estimate(std::span<const double> values, Random& random) {
  if (values.empty()) return {nan, nan, nan, 0};
  const double point = median(values);
  if (values.size() == 1) return {point, point, point, 1};
  std::vector<double> sample;
  return interval(point, values.size(), [&] {
    resample(values, sample, random);
    return median_of(sample);
  });
}

Estimate paired_difference(std::span<const double> a, std::span<const double> b, Random& random) {
  ASSAY_ASSERT(a.size() == b.size());
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return estimate(differences, random);
}

namespace {

// `combine` of the medians of two independent samples.
template <class Combine>
Estimate of_medians(std::span<const double> a, std::span<const double> b, Random& random, Combine combine) {
  if (a.empty() || b.empty()) return {nan, nan, nan, 0};
  std::vector<double> sample_a;
  std::vector<double> sample_b;
  return interval(combine(median(a), median(b)), std::min(a.size(), b.size()), [&] {
    resample(a, sample_a, random);
    resample(b, sample_b, random);
    return combine(median_of(sample_a), median_of(sample_b));
  });
}

}  // namespace

Estimate difference(std::span<const double> a, std::span<const double> b, Random& random) {
  return of_medians(a, b, random, [](double x, double y) { return x - y; });
}

Estimate ratio(std::span<const double> a, std::span<const double> b, Random& random) {
  return of_medians(a, b, random, [](double x, double y) { return y != 0 ? x / y : nan; });
}

Estimate slope(std::span<const double> x, std::span<const double> y, Random& random) {
  ASSAY_ASSERT(x.size() == y.size());
  std::vector<std::size_t> points(x.size());
  for (std::size_t i = 0; i < points.size(); ++i) points[i] = i;
  const double point = x.size() < 2 ? nan : least_squares(x, y, points);
  if (std::isnan(point)) return {nan, nan, nan, x.size()};
  return interval(point, x.size(), [&] {
    for (std::size_t& i : points) i = random.below(x.size());
    return least_squares(x, y, points);
  });
}

}  // namespace assay::measure
