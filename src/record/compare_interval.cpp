#include "record/compare_interval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace assay::measure {
namespace {

constexpr std::size_t exact_pairs_max = 1600;  // 40 values a side; the approximation is good to 1e-4 from there on
constexpr std::size_t values_max = 1500;       // a side; more are thinned evenly: their ratios must fit into memory

double percent_of(double ratio) { return 100 * (ratio - 1); }

// P(U <= k) for k = 0.. of the rank sum statistic of n and m values that come from one distribution: counts of
// partitions into at most n parts of at most m, by the recursion of Mann and Whitney.
std::vector<double> rank_sum_tail(std::size_t n, std::size_t m) {
  const std::size_t last = n * m;
  std::vector<double> count(last + 1, 0.0);
  count[0] = 1;
  // Gaussian binomial coefficient: product over i = 1..n of (1 - q^(m+i)) / (1 - q^i).
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t k = last; k + 1 > m + i; --k) count[k] -= count[k - (m + i)];
    for (std::size_t k = i; k <= last; ++k) count[k] += count[k - i];
  }
  const double all = std::accumulate(count.begin(), count.end(), 0.0);
  double sum = 0;
  for (double& c : count) c = (sum += c) / all;
  return count;
}

double normal_tail(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

struct Rank {
  std::size_t from_end = 0;  // 1: the smallest and the largest ratio
  double coverage = 0;
};

// The interval from the k-th smallest to the k-th largest ratio covers 1 - 2 P(U <= k - 1).
Rank rank_for(std::size_t n, std::size_t m, double wanted) {
  const std::size_t pairs = n * m;
  const auto tail = [&]() -> std::vector<double> {
    return pairs <= exact_pairs_max ? rank_sum_tail(n, m) : std::vector<double>();
  }();
  const auto coverage = [&](std::size_t k) {
    if (!tail.empty()) return 1 - 2 * tail[k - 1];
    const double mean = static_cast<double>(pairs) / 2;
    const double deviation = std::sqrt(static_cast<double>(pairs) * static_cast<double>(n + m + 1) / 12);
    return 1 - 2 * normal_tail((mean - (static_cast<double>(k) - 0.5)) / deviation);
  };
  Rank out{.from_end = 1, .coverage = std::max(0.0, coverage(1))};
  std::size_t low = 1;
  std::size_t high = (pairs + 1) / 2;
  while (low < high) {  // the largest k that still covers enough
    const std::size_t middle = low + (high - low + 1) / 2;
    if (coverage(middle) >= wanted) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  if (coverage(low) >= wanted) out = {.from_end = low, .coverage = coverage(low)};
  return out;
}

std::vector<double> thinned(std::span<const double> values) {
  std::vector<double> out;
  const std::size_t count = std::min(values.size(), values_max);
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(values[i * values.size() / count]);
  for (const double x : out) ASSAY_ASSERT(x > 0);
  return out;
}

// Continued fraction of the regularized incomplete beta function (Lentz's way of computing it).
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < tiny ? tiny : d);
  double out = d;
  for (int i = 1; i < 500; ++i) {
    for (const double step : {i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i)),
                              -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1))}) {
      d = 1 + step * d;
      d = 1 / (std::abs(d) < tiny ? tiny : d);
      c = 1 + step / c;
      c = std::abs(c) < tiny ? tiny : c;
      out *= c * d;
    }
    if (std::abs(c * d - 1) < 1e-14) break;
  }
  return out;
}

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_quantile(double within, double degrees) {
  double low = 0;
  double high = 1;
  while (student_within(high, degrees) < within && high < 1e12) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_within(middle, degrees) < within ? low : high) = middle;
  }
  return high;
}

struct Logs {
  double mean = 0;
  double variance_of_mean = 0;
  double degrees = 0;
};

Logs logs_of(std::span<const double> values) {
  ASSAY_ASSERT(values.size() >= 2);
  const auto n = static_cast<double>(values.size());
  Logs out{.degrees = n - 1};
  for (const double x : values) {
    ASSAY_ASSERT(x > 0);
    out.mean += std::log(x) / n;
  }
  double squares = 0;
  for (const double x : values) squares += (std::log(x) - out.mean) * (std::log(x) - out.mean);
  out.variance_of_mean = squares / (n - 1) / n;
  return out;
}

}  // namespace

double student_within(double t, double degrees) {
  return 1 - incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
}

ChangeInterval change_of_values(std::span<const double> first, std::span<const double> second, double wanted) {
  const std::vector<double> a = thinned(first);
  const std::vector<double> b = thinned(second);
  ASSAY_ASSERT(!a.empty() && !b.empty());
  std::vector<double> ratios;
  ratios.reserve(a.size() * b.size());
  for (const double x : a) {
    for (const double y : b) ratios.push_back(y / x);
  }
  std::ranges::sort(ratios);
  const std::size_t size = ratios.size();
  const Rank rank = rank_for(a.size(), b.size(), wanted);
  const double median = (ratios[(size - 1) / 2] + ratios[size / 2]) / 2;
  return {.percent = percent_of(median),
          .low = percent_of(ratios[rank.from_end - 1]),
          .high = percent_of(ratios[size - rank.from_end]),
          .coverage = rank.coverage};
}

ChangeInterval change_between_runs(std::span<const double> first, std::span<const double> second, double wanted) {
  const Logs a = logs_of(first);
  const Logs b = logs_of(second);
  const double change = b.mean - a.mean;
  const double variance = a.variance_of_mean + b.variance_of_mean;
  double half = 0;
  if (variance > 0) {
    const double degrees =
        variance * variance /
        (a.variance_of_mean * a.variance_of_mean / a.degrees + b.variance_of_mean * b.variance_of_mean / b.degrees);
    half = student_quantile(wanted, degrees) * std::sqrt(variance);
  }
  return {.percent = percent_of(std::exp(change)),
          .low = percent_of(std::exp(change - half)),
          .high = percent_of(std::exp(change + half)),
          .coverage = wanted};
}

}  // namespace assay::measure
