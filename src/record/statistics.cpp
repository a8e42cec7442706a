#include "record/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace assay::measure {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr Estimate nothing{nan, nan, nan, 0, 0};
constexpr std::size_t rank_sum_values_max = 40;  // of both samples together: beyond, the normal distribution is as good
constexpr double normal_975 = 1.959963984540054;

double sorted_quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return nan;
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// A pair of order statistics, `below` of n values left out on each side.
struct Ranks {
  std::size_t below = 0;
  double coverage = 0;
};

// The most values that may be left out on each side of n: coverage 1 - 2 P(Binomial(n, 1/2) <= below).
Ranks median_ranks(std::size_t n) {
  const auto count = static_cast<double>(n);
  const auto chance = [&](std::size_t k) {  // of exactly k of n
    const auto x = static_cast<double>(k);
    return std::exp(std::lgamma(count + 1) - std::lgamma(x + 1) - std::lgamma(count - x + 1) - count * std::log(2.0));
  };
  double tail = chance(0);
  Ranks out{0, std::max(0.0, 1 - 2 * tail)};
  for (std::size_t below = 1; 2 * below + 1 < n; ++below) {
    tail += chance(below);
    if (1 - 2 * tail < interval_coverage) break;
    out = {below, 1 - 2 * tail};
  }
  return out;
}

// Of the m * n differences of two samples, the most that may be left out on each side: 1 - 2 P(U <= below), where U counts
// the pairs in which the first is greater.
Ranks rank_sum_ranks(std::size_t m, std::size_t n) {
  const std::size_t pairs = m * n;
  if (m + n > rank_sum_values_max) {
    const double mean = static_cast<double>(pairs) / 2;
    const double spread = std::sqrt(static_cast<double>(pairs) * static_cast<double>(m + n + 1) / 12);
    const double below = std::floor(mean - normal_975 * spread - 0.5);
    const double z = (mean - below - 0.5) / spread;
    return {static_cast<std::size_t>(std::max(below, 0.0)), std::erf(z / std::sqrt(2.0))};
  }
  // ways[u]: orders of i firsts and j seconds with U = u, built up one value at a time. The last value is a first, above
  // all j seconds, or a second.
  std::vector<std::vector<std::vector<double>>> ways(m + 1, std::vector<std::vector<double>>(n + 1));
  for (std::size_t i = 0; i <= m; ++i) {
    for (std::size_t j = 0; j <= n; ++j) {
      ways[i][j].assign(i * j + 1, 0);
      if (i == 0 || j == 0) {
        ways[i][j][0] = 1;
        continue;
      }
      for (std::size_t u = 0; u < ways[i - 1][j].size(); ++u) ways[i][j][u + j] += ways[i - 1][j][u];
      for (std::size_t u = 0; u < ways[i][j - 1].size(); ++u) ways[i][j][u] += ways[i][j - 1][u];
    }
  }
  double all = 0;
  for (const double count : ways[m][n]) all += count;
  double tail = ways[m][n][0] / all;
  Ranks out{0, std::max(0.0, 1 - 2 * tail)};
  for (std::size_t below = 1; 2 * below + 1 < pairs; ++below) {
    tail += ways[m][n][below] / all;
    if (1 - 2 * tail < interval_coverage) break;
    out = {below, 1 - 2 * tail};
  }
  return out;
}

// `values` ordered, and the pair of them that `ranks` says.
Estimate between(std::vector<double>& values, std::size_t n, const Ranks& ranks) {
  std::ranges::sort(values);
  return {sorted_quantile(values, 0.5), values[ranks.below], values[values.size() - 1 - ranks.below], n,
          ranks.coverage};
}

template <class Combine>
std::vector<double> of_pairs(std::span<const double> a, std::span<const double> b, Combine combine) {
  ASSAY_ASSERT(a.size() == b.size());
  std::vector<double> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = combine(a[i], b[i]);
  return out;
}

template <class Combine>
Estimate of_all(std::span<const double> a, std::span<const double> b, Combine combine) {
  if (a.empty() || b.empty()) return nothing;
  std::vector<double> values;
  values.reserve(a.size() * b.size());
  for (const double x : a) {
    for (const double y : b) values.push_back(combine(x, y));
  }
  if (std::ranges::any_of(values, [](double v) { return std::isnan(v); })) return nothing;
  return between(values, std::min(a.size(), b.size()), rank_sum_ranks(a.size(), b.size()));
}

}  // namespace

double quantile(std::span<const double> values, double q) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return sorted_quantile(sorted, q);
}

double percentile99(std::span<const double> values) {
  return values.size() < percentile_values_min ? nan : quantile(values, 0.99);
}

Estimate estimate(std::span<const double> values) {
  std::vector<double> numbers;
  numbers.reserve(values.size());
  std::ranges::copy_if(values, std::back_inserter(numbers), [](double v) { return !std::isnan(v); });
  if (numbers.empty()) return nothing;
  return between(numbers, numbers.size(), median_ranks(numbers.size()));
}

Estimate paired_difference(std::span<const double> a, std::span<const double> b) {
  return estimate(of_pairs(a, b, [](double x, double y) { return x - y; }));
}

Estimate paired_ratio(std::span<const double> a, std::span<const double> b) {
  return estimate(of_pairs(a, b, [](double x, double y) { return x > 0 && y > 0 ? x / y : nan; }));
}

Estimate difference(std::span<const double> a, std::span<const double> b) {
  return of_all(a, b, [](double x, double y) { return x - y; });
}

Estimate ratio(std::span<const double> a, std::span<const double> b) {
  return of_all(a, b, [](double x, double y) { return x > 0 && y > 0 ? x / y : nan; });
}

Estimate slope(std::span<const double> x, std::span<const double> y) {
  ASSAY_ASSERT(x.size() == y.size());
  const std::size_t half = x.size() / 2;
  const std::size_t second = x.size() - half;  // the middle one of an odd count has no counterpart
  std::vector<double> slopes;
  for (std::size_t i = 0; i < half; ++i) {
    const double run = x[second + i] - x[i];
    slopes.push_back(run > 0 ? (y[second + i] - y[i]) / run : nan);
  }
  return estimate(slopes);
}

}  // namespace assay::measure
