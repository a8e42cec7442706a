#include "record/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"

namespace assay::measure {
namespace {

// Noise around 0, its median: like a quiet machine, like one that is sometimes late, like one with wild values.
struct Kind {
  const char* name;
  std::function<double(Random&)> draw;
};
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"normal", [](Random& random) { return random.normal(); }},
      {"skewed", [](Random& random) { return -std::log(1 - random.uniform()) - std::log(2.0); }},
      {"heavy-tailed", [](Random& random) { return std::tan(3.141592653589793 * (random.uniform() - 0.5)); }}};
  return all;
}

std::vector<double> sample(const Kind& kind, std::size_t n, Random& random, double middle = 0) {
  std::vector<double> out(n);
  for (double& value : out) value = middle + kind.draw(random);
  return out;
}

TEST(Statistics, the_median_interpolates_and_no_value_gives_none) {
  EXPECT_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{4, 1, 2, 3}), 2.5);
  EXPECT_EQ(quantile(std::vector<double>{0, 10}, 0.95), 9.5);
  EXPECT_TRUE(std::isnan(median(std::vector<double>{})));
  EXPECT_EQ(estimate({}).n, 0U);
  EXPECT_TRUE(std::isnan(estimate({}).median));
}

TEST(Statistics, intervals_are_the_order_statistics_of_the_tables) {
  std::vector<double> values;
  for (int i = 1; i <= 30; ++i) values.push_back(i);
  const auto of = [&](std::size_t n) { return estimate(std::span(values).first(n)); };
  // Ranks and coverage of the binomial: n = 6, 9, 10, 15, 20, 30.
  EXPECT_EQ(of(6).low, 1);
  EXPECT_EQ(of(6).high, 6);
  EXPECT_NEAR(of(6).coverage, 0.96875, 1e-12);
  EXPECT_EQ(of(9).low, 2);
  EXPECT_NEAR(of(9).coverage, 1 - 2 * 10 / 512.0, 1e-12);
  EXPECT_EQ(of(10).low, 2);
  EXPECT_EQ(of(10).high, 9);
  EXPECT_NEAR(of(10).coverage, 1 - 2 * 11 / 1024.0, 1e-12);
  EXPECT_EQ(of(15).low, 4);
  EXPECT_NEAR(of(15).coverage, 0.96484375, 1e-9);
  EXPECT_EQ(of(20).low, 6);
  EXPECT_NEAR(of(20).coverage, 0.95861053, 1e-6);
  EXPECT_EQ(of(30).low, 10);
  EXPECT_EQ(of(30).high, 21);
  EXPECT_NEAR(of(30).coverage, 0.95722628, 1e-6);
}

TEST(Statistics, fewer_than_six_values_are_a_range_and_say_nothing) {
  const std::vector<double> values{7, 9, 8, 6, 10};
  for (std::size_t n = 1; n <= 5; ++n) {
    const Estimate e = estimate(std::span(values).first(n));
    EXPECT_EQ(e.low, std::ranges::min(std::span(values).first(n)));
    EXPECT_EQ(e.high, std::ranges::max(std::span(values).first(n)));
    EXPECT_NEAR(e.coverage, 1 - std::pow(2.0, 1 - static_cast<double>(n)), 1e-12) << n;
    EXPECT_FALSE(is_interval(e)) << n;
    EXPECT_FALSE(excludes_zero(e)) << n;
  }
  EXPECT_TRUE(excludes_zero(estimate(std::vector<double>{7, 9, 8, 6, 10, 7.5})));
}

TEST(Statistics, values_that_are_no_numbers_are_not_counted) {
  const Estimate e = estimate(std::vector<double>{1, std::nan(""), 3});
  EXPECT_EQ(e.n, 2U);
  EXPECT_EQ(e.median, 2);
}

TEST(Statistics, a_99th_percentile_needs_a_hundred_values) {
  EXPECT_TRUE(std::isnan(percentile99(std::vector<double>(99, 1))));
  EXPECT_EQ(percentile99(std::vector<double>(100, 1)), 1);
}

// What is printed as coverage is what a simulation finds, whatever the noise.
TEST(Statistics, printed_coverage_is_what_a_simulation_finds) {
  Random random(2);
  constexpr int trials = 8000;
  for (const Kind& kind : kinds()) {
    for (std::size_t n = 2; n <= 30; ++n) {
      int covered = 0;
      double printed = 0;
      for (int trial = 0; trial < trials; ++trial) {
        const Estimate e = estimate(sample(kind, n, random, 10));
        covered += e.low <= 10 && 10 <= e.high ? 1 : 0;
        printed = e.coverage;
      }
      EXPECT_NEAR(static_cast<double>(covered) / trials, printed, 0.01) << kind.name << ", n = " << n;
    }
  }
}

// Two samples of one distribution: the ratio's interval holds 1, the difference's holds 0, as often as printed.
TEST(Statistics, ratios_and_differences_of_equal_engines_cover_as_printed) {
  Random random(3);
  constexpr int trials = 4000;
  for (const Kind& kind : kinds()) {
    for (const auto& [m, n] :
         std::vector<std::pair<std::size_t, std::size_t>>{{4, 4}, {6, 6}, {6, 9}, {12, 7}, {30, 30}}) {
      int ratios = 0;
      int differences = 0;
      int pairs = 0;
      Estimate r;
      Estimate p;
      for (int trial = 0; trial < trials; ++trial) {
        std::vector<double> a = sample(kind, m, random);
        std::vector<double> b = sample(kind, n, random);
        const Estimate d = difference(a, b);
        differences += d.low <= 0 && 0 <= d.high ? 1 : 0;
        for (double& value : a) value = std::exp(0.1 * value);
        for (double& value : b) value = std::exp(0.1 * value);
        r = ratio(a, b);
        ratios += r.low <= 1 && 1 <= r.high ? 1 : 0;
        a.resize(std::min(m, n));
        b.resize(std::min(m, n));
        p = paired_ratio(a, b);
        pairs += p.low <= 1 && 1 <= p.high ? 1 : 0;
      }
      const std::string what = std::string(kind.name) + ", " + std::to_string(m) + " and " + std::to_string(n);
      EXPECT_NEAR(static_cast<double>(ratios) / trials, r.coverage, 0.015) << what;
      EXPECT_NEAR(static_cast<double>(differences) / trials, r.coverage, 0.015) << what;
      EXPECT_NEAR(static_cast<double>(pairs) / trials, p.coverage, 0.015) << what;
    }
  }
}

TEST(Statistics, three_values_a_side_are_too_few_for_an_interval_of_their_ratio_and_four_are_enough) {
  const std::vector<double> a{11, 12, 13, 14};
  const std::vector<double> b{1, 2, 3, 4};
  const Estimate three = ratio(std::span(a).first(3), std::span(b).first(3));
  EXPECT_NEAR(three.coverage, 0.9, 1e-12);  // 2 of the 20 orders are extreme
  EXPECT_FALSE(is_interval(three));
  const Estimate four = ratio(a, b);
  EXPECT_NEAR(four.coverage, 1 - 2 / 70.0, 1e-12);
  EXPECT_GT(four.low, 1);
  EXPECT_TRUE(std::isnan(ratio(a, std::vector<double>{0, 1}).median)) << "no ratio to nothing";
}

// The exact ranks of the rank-sum test (tables of Mann and Whitney 1947) and the normal ones that take over from them.
TEST(Statistics, the_rank_sum_interval_has_the_ranks_of_the_tables) {
  std::vector<double> a;
  std::vector<double> b;
  a.reserve(10);
  b.reserve(10);
  for (int i = 0; i < 10; ++i) a.push_back(100.0 * i);
  for (int i = 0; i < 10; ++i) b.push_back(i);
  const Estimate e = difference(a, b);  // critical value 23 at 5 %, two-sided: 24th from below and from above
  std::vector<double> all;
  for (const double x : a) {
    for (const double y : b) all.push_back(x - y);
  }
  std::ranges::sort(all);
  EXPECT_EQ(e.low, all[23]);
  EXPECT_EQ(e.high, all[76]);
  EXPECT_NEAR(e.coverage, 0.9567, 5e-4);
}

TEST(Statistics, a_paired_difference_sees_what_common_noise_hides) {
  Random random(3);
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 20; ++i) {
    const double machine = 100 + 20 * random.normal();
    a.push_back(machine + 2 + 0.3 * random.normal());
    b.push_back(machine);
  }
  EXPECT_TRUE(excludes_zero(paired_difference(a, b)));
  EXPECT_FALSE(excludes_zero(difference(a, b)));
  EXPECT_GT(paired_ratio(a, b).low, 1);
}

TEST(Statistics, a_slope_is_found_and_a_flat_line_has_none) {
  Random random(4);
  std::vector<double> x;
  std::vector<double> falling;
  std::vector<double> flat;
  for (int i = 0; i < 50; ++i) {
    x.push_back(i);
    falling.push_back(5 - 0.1 * i + 0.2 * random.normal());
    flat.push_back(5 + 0.2 * random.normal());
  }
  const Estimate down = slope(x, falling);
  EXPECT_NEAR(down.median, -0.1, 0.02);
  EXPECT_EQ(down.n, 25U);
  EXPECT_TRUE(excludes_zero(down));
  EXPECT_FALSE(excludes_zero(slope(x, flat)));
  EXPECT_TRUE(std::isnan(slope(std::vector<double>{1, 1}, std::vector<double>{2, 3}).median));
  EXPECT_EQ(slope(std::vector<double>{1}, std::vector<double>{2}).n, 0U);
}

TEST(Statistics, a_slope_of_skewed_noise_covers_as_printed) {
  Random random(5);
  constexpr int trials = 4000;
  for (const Kind& kind : kinds()) {
    int covered = 0;
    double printed = 0;
    for (int trial = 0; trial < trials; ++trial) {
      std::vector<double> x(18);
      std::vector<double> y = sample(kind, 18, random);
      for (std::size_t i = 0; i < 18; ++i) {
        x[i] = static_cast<double>(i);
        y[i] += 0.3 * x[i];
      }
      const Estimate e = slope(x, y);
      covered += e.low <= 0.3 && 0.3 <= e.high ? 1 : 0;
      printed = e.coverage;
    }
    EXPECT_NEAR(static_cast<double>(covered) / trials, printed, 0.015) << kind.name;
  }
}

}  // namespace
}  // namespace assay::measure
