#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "measure/parity.h"

namespace assay::measure {
namespace {

TEST(Parity, equal_logits_have_no_difference) {
  const std::vector<double> reference{1, 2, 3, 0.5, 0.25, -1};
  const std::vector<float> same(reference.begin(), reference.end());
  const Parity parity = compare(reference, same, 3, {.max_abs = 0.1}).value();
  EXPECT_EQ(parity.positions, 2U);
  EXPECT_EQ(parity.top1_equal, 2U);
  EXPECT_EQ(parity.max_abs, 0);
  EXPECT_NEAR(parity.kl_mean, 0, 1e-15);
  EXPECT_TRUE(parity.holds());
}

TEST(Parity, a_swap_within_the_bound_is_explained_and_one_beyond_it_is_not) {
  const std::vector<double> reference{1.0, 1.05, 0};
  EXPECT_EQ(compare(reference, std::vector<float>{1.05F, 1.0F, 0}, 3, {.max_abs = 0.06}).value().unexplained, 0U);
  EXPECT_TRUE(compare(reference, std::vector<float>{1.05F, 1.0F, 0}, 3, {.max_abs = 0.06}).value().holds());
  const Parity wrong = compare(reference, std::vector<float>{3, 1, 0}, 3, {.max_abs = 0.01}).value();
  EXPECT_EQ(wrong.unexplained, 1U);
  EXPECT_FALSE(wrong.holds());
  EXPECT_GT(wrong.kl_mean, 0.1);
}

TEST(Parity, refuses_other_sizes_and_names_a_logit_that_is_no_number) {
  const std::vector<double> reference{1, 2, 3, 4};
  EXPECT_FALSE(compare(reference, std::vector<float>{1, 2}, 2, {.max_abs = 1}));
  const auto bad =
      compare(reference, std::vector<float>{1, 2, std::numeric_limits<float>::quiet_NaN(), 4}, 2, {.max_abs = 1});
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, testing::HasSubstr("token 0 at position 1"));
}

}  // namespace
}  // namespace assay::measure
