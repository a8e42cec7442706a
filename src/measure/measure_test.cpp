#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "measure/parity.h"
#include "measure/statistics.h"

namespace assay::measure {
namespace {

TEST(Statistics, the_median_interpolates_and_one_value_is_its_own_interval) {
  EXPECT_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{4, 1, 2, 3}), 2.5);
  EXPECT_EQ(quantile(std::vector<double>{0, 10}, 0.95), 9.5);
  EXPECT_TRUE(std::isnan(median(std::vector<double>{})));
  Random random(1);
  const Estimate one = estimate(std::vector<double>{7}, random);
  EXPECT_EQ(one.low, 7);
  EXPECT_EQ(one.high, 7);
  EXPECT_FALSE(excludes_zero(one));
}

// A 95 % interval must hold the true median about 95 times of 100; the bootstrap of a median of 15 is a little narrow.
TEST(Statistics, the_interval_covers_the_true_median) {
  Random random(2);
  int covered = 0;
  constexpr int trials = 400;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> values(15);
    for (double& value : values) value = 10 + random.normal();
    const Estimate e = estimate(values, random);
    covered += e.low <= 10 && 10 <= e.high ? 1 : 0;
  }
  EXPECT_GT(covered, trials * 88 / 100);
  EXPECT_LT(covered, trials);
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
  EXPECT_TRUE(excludes_zero(paired_difference(a, b, random)));
  EXPECT_FALSE(excludes_zero(difference(a, b, random)));
}

TEST(Statistics, a_slope_is_found_and_a_flat_line_has_none) {
  Random random(4);
  std::vector<double> x;
  std::vector<double> rising;
  std::vector<double> flat;
  for (int i = 0; i < 50; ++i) {
    x.push_back(i);
    rising.push_back(5 - 0.1 * i + 0.2 * random.normal());
    flat.push_back(5 + 0.2 * random.normal());
  }
  const Estimate down = slope(x, rising, random);
  EXPECT_NEAR(down.median, -0.1, 0.02);
  EXPECT_TRUE(excludes_zero(down));
  EXPECT_FALSE(excludes_zero(slope(x, flat, random)));
  EXPECT_TRUE(std::isnan(slope(std::vector<double>{1, 1}, std::vector<double>{2, 3}, random).median));
}

TEST(Parity, equal_logits_have_no_difference) {
  const std::vector<double> reference{1, 2, 3, 0.5, 0.25, -1};
  const std::vector<float> same(reference.begin(), reference.end());
  const Parity parity = compare(reference, same, 3, 0.1).value();
  EXPECT_EQ(parity.positions, 2U);
  EXPECT_EQ(parity.top1_equal, 2U);
  EXPECT_EQ(parity.max_abs, 0);
  EXPECT_NEAR(parity.kl_mean, 0, 1e-15);
  EXPECT_TRUE(parity.holds());
}

TEST(Parity, a_swap_within_the_bound_is_explained_and_one_beyond_it_is_not) {
  const std::vector<double> reference{1.0, 1.05, 0};
  EXPECT_EQ(compare(reference, std::vector<float>{1.05F, 1.0F, 0}, 3, 0.06).value().unexplained, 0U);
  EXPECT_TRUE(compare(reference, std::vector<float>{1.05F, 1.0F, 0}, 3, 0.06).value().holds());
  const Parity wrong = compare(reference, std::vector<float>{3, 1, 0}, 3, 0.01).value();
  EXPECT_EQ(wrong.unexplained, 1U);
  EXPECT_FALSE(wrong.holds());
  EXPECT_GT(wrong.kl_mean, 0.1);
}

TEST(Parity, refuses_other_sizes_and_names_a_logit_that_is_no_number) {
  const std::vector<double> reference{1, 2, 3, 4};
  EXPECT_FALSE(compare(reference, std::vector<float>{1, 2}, 2, 1));
  const auto bad = compare(reference, std::vector<float>{1, 2, std::numeric_limits<float>::quiet_NaN(), 4}, 2, 1);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, testing::HasSubstr("token 0 at position 1"));
}

}  // namespace
}  // namespace assay::measure
