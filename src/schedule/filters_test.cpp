// Every filter against the plain reference, over random logits and odd sizes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "base/random.h"
#include "schedule/candidates.h"
#include "schedule/penalties.h"
#include "schedule/portable_math.h"
#include "schedule/reference_sampler.h"

namespace assay::schedule {
namespace {

using reference::Item;

std::vector<float> random_logits(Random& random, std::size_t n, double spread) {
  std::vector<float> logits(n);
  for (auto& x : logits) x = static_cast<float>(random.normal() * spread);
  return logits;
}

const std::vector<std::size_t> sizes = {1, 2, 3, 31, 32, 33, 63, 64, 65, 255, 257, 1023, 1025, 5003, 40961};

// Equal sets and probabilities. At a cut, a candidate whose running sum or probability is within rounding of the
// setting may fall on either side: then one may be missing at the end of one list.
void expect_same(std::span<const Candidate> met, const std::vector<Item>& expected, const std::string& what) {
  ASSERT_FALSE(met.empty()) << what;
  ASSERT_EQ(met.size(), expected.size()) << what;
  double sum = 0;
  for (std::size_t i = 0; i < met.size(); ++i) {
    ASSERT_EQ(met[i].id, expected[i].id) << what << " at " << i;
    ASSERT_NEAR(met[i].p, expected[i].p, 2e-6 * expected[i].p + 1e-12) << what << " at " << i;
    sum += met[i].p;
  }
  EXPECT_NEAR(sum, 1, 1e-5) << what;
}

using PoolStep = std::function<void(Pool&)>;
using PlainStep = std::function<void(std::vector<Item>&)>;

// Runs `step` on a dense pool and on one that a wide top_k made sparse.
void compare(const char* name, const std::function<std::pair<PoolStep, PlainStep>(double)>& make,
             const std::vector<double>& values) {
  Random random(7);
  Pool pool;
  for (const std::size_t n : sizes) {
    for (const double spread : {0.0, 0.5, 3.0, 12.0}) {
      const auto logits = random_logits(random, n, spread);
      for (const double value : values) {
        const auto [fast, plain] = make(value);
        const std::string what = std::string(name) + "=" + std::to_string(value) + " n=" + std::to_string(n) +
                                 " spread=" + std::to_string(spread);
        auto expected = reference::all(logits);
        plain(expected);
        pool.reset(logits);
        fast(pool);
        expect_same(pool.candidates(), expected, what + " dense");

        const std::size_t k = n / 2 + 1;
        expected = reference::all(logits);
        reference::top_k(expected, k);
        plain(expected);
        pool.reset(logits);
        pool.top_k(k);
        fast(pool);
        expect_same(pool.candidates(), expected, what + " after top_k");
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

TEST(Filters, top_k_keeps_what_the_reference_keeps) {
  compare("top_k",
          [](double v) {
            return std::pair<PoolStep, PlainStep>{[v](Pool& p) { p.top_k(static_cast<std::size_t>(v)); },
                                                  [v](auto& i) { reference::top_k(i, static_cast<std::size_t>(v)); }};
          },
          {1, 2, 40, 1000, 50000});
}

// Values off the multiples of 1/n, where equal logits would put a sum exactly on the cut.
TEST(Filters, top_p_keeps_what_the_reference_keeps) {
  compare("top_p",
          [](double v) {
            return std::pair<PoolStep, PlainStep>{
                [v](Pool& p) { p.top_p(static_cast<float>(v)); },
                [v](auto& i) { reference::top_p(i, static_cast<double>(static_cast<float>(v))); }};
          },
          {0, 0.1234567, 0.7654321, 0.9512347, 0.9987653, 1});
}

TEST(Filters, min_p_keeps_what_the_reference_keeps) {
  compare("min_p",
          [](double v) {
            return std::pair<PoolStep, PlainStep>{
                [v](Pool& p) { p.min_p(static_cast<float>(v)); },
                [v](auto& i) { reference::min_p(i, static_cast<double>(static_cast<float>(v))); }};
          },
          {0, 0.001, 0.05, 0.3, 1});
}

TEST(Filters, typical_keeps_what_the_reference_keeps) {
  Random random(8);
  Pool pool;
  for (const std::size_t n : sizes) {
    for (const double spread : {0.5, 3.0}) {  // equal logits: every order is as typical, tested below
      const auto logits = random_logits(random, n, spread);
      for (const float mass : {0.2134567F, 0.7512345F, 0.9512345F, 1.0F}) {
        auto expected = reference::all(logits);
        reference::typical(expected, static_cast<double>(mass));
        pool.reset(logits);
        pool.typical(mass);
        auto met = pool.candidates();
        // Two tokens about equally far from the entropy, at the cut: f32 keys may swap them.
        ASSERT_NEAR(static_cast<double>(met.size()), static_cast<double>(expected.size()), 1) << n << " " << mass;
        std::size_t common = 0;
        for (const auto& c : met) {
          common += std::count_if(expected.begin(), expected.end(), [&](const Item& e) { return e.id == c.id; });
        }
        EXPECT_GE(common + 1, expected.size()) << n << " " << mass;
        if (n > 6000) break;
      }
    }
  }
}

TEST(Filters, typical_takes_the_lowest_ids_of_equally_likely_tokens) {
  const std::vector<float> logits(100, 1.5F);
  Pool pool;
  pool.reset(logits);
  pool.typical(0.095F);
  ASSERT_EQ(pool.candidates().size(), 10U);
  EXPECT_EQ(pool.candidates().back().id, 9);
}

TEST(Filters, xtc_removes_all_but_the_least_likely_of_the_likely) {
  compare("xtc",
          [](double v) {
            return std::pair<PoolStep, PlainStep>{
                [v](Pool& p) { p.xtc(static_cast<float>(v)); },
                [v](auto& i) { reference::xtc(i, static_cast<double>(static_cast<float>(v))); }};
          },
          {0.01234, 0.1, 0.5});
}

TEST(Filters, surprise_cuts_where_the_reference_cuts) {
  compare("surprise",
          [](double v) {
            return std::pair<PoolStep, PlainStep>{[v](Pool& p) { p.surprise(v); },
                                                  [v](auto& i) { reference::surprise(i, v); }};
          },
          {0.001, 3.3, 9.7, 40.1});
}

TEST(Filters, temperature_flattens_and_sharpens) {
  compare("temperature",
          [](double v) {
            return std::pair<PoolStep, PlainStep>{[v](Pool& p) { p.temperature(static_cast<float>(v)); },
                                                  [v](auto& i) { reference::temperature(i, v); }};
          },
          {0.5, 1, 2});
}

TEST(Filters, a_chain_of_all_of_them_is_the_references_chain) {
  Random random(9);
  Pool pool;
  for (int round = 0; round < 300; ++round) {
    const auto logits = random_logits(random, 1 + random.below(3000), 2.5);
    auto expected = reference::all(logits);
    pool.reset(logits);
    if (random.below(2) == 0) {
      pool.top_k(200);
      reference::top_k(expected, 200);
    }
    if (random.below(2) == 0) {
      pool.top_p(0.9512347F);
      reference::top_p(expected, static_cast<double>(0.9512347F));
    }
    if (random.below(2) == 0) {
      pool.min_p(0.0312345F);
      reference::min_p(expected, static_cast<double>(0.0312345F));
    }
    if (random.below(2) == 0) {
      pool.xtc(0.1F);
      reference::xtc(expected, static_cast<double>(0.1F));
    }
    pool.temperature(0.7F);
    reference::temperature(expected, static_cast<double>(0.7F));
    expect_same(pool.candidates(), expected, "round " + std::to_string(round));
  }
}

TEST(Filters, never_offer_a_token_at_minus_infinity) {
  const float none = -std::numeric_limits<float>::infinity();
  std::vector<float> logits(200, none);
  logits[77] = -3;
  logits[150] = -3;
  Pool pool;
  for (int which = 0; which < 6; ++which) {
    pool.reset(logits);
    if (which == 0) pool.top_k(40);
    if (which == 1) pool.top_p(0.99F);
    if (which == 2) pool.min_p(0.01F);
    if (which == 3) pool.typical(0.99F);
    if (which == 4) pool.surprise(30);
    Random random(static_cast<std::uint64_t>(which));
    for (int i = 0; i < 50; ++i) EXPECT_THAT(pool.draw(random.uniform()).id, testing::AnyOf(77, 150));
    EXPECT_EQ(pool.candidates().size(), 2U) << which;
    EXPECT_EQ(pool.candidates()[0].id, 77) << which;
  }
}

TEST(SelectTop, is_right_in_every_order_and_takes_the_lowest_id_among_equals) {
  Random random(3);
  std::vector<Candidate> out;
  for (int order = 0; order < 4; ++order) {
    std::vector<float> values(4097);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (order == 0) values[i] = static_cast<float>(i);
      if (order == 1) values[i] = -static_cast<float>(i);
      if (order == 2) values[i] = static_cast<float>(random.below(9));
      if (order == 3) values[i] = 0;
    }
    std::vector<Token> ids(values.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::sort(ids.begin(), ids.end(), [&](Token a, Token b) {
      const float x = values[static_cast<std::size_t>(a)];
      const float y = values[static_cast<std::size_t>(b)];
      return x != y ? x > y : a < b;
    });
    for (const std::size_t k : {1U, 5U, 64U, 1025U, 4096U, 4097U, 9000U}) {
      select_top(values, k, out);
      ASSERT_EQ(out.size(), std::min<std::size_t>(k, values.size()));
      for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i].id, ids[i]) << "order " << order << " k " << k;
    }
  }
}

TEST(Penalties, are_the_references_for_any_window) {
  Random random(4);
  PenaltyScratch scratch;
  for (int round = 0; round < 500; ++round) {
    const auto logits = random_logits(random, 50, 3);
    std::vector<Token> history(random.below(200));
    for (auto& t : history) t = static_cast<Token>(random.below(50));
    Sampling s;
    s.repetition_penalty = static_cast<float>(0.5 + random.uniform());
    s.presence_penalty = static_cast<float>(random.uniform() - 0.5);
    s.frequency_penalty = static_cast<float>(random.uniform() - 0.5);
    s.penalty_window = static_cast<std::uint32_t>(random.below(100));
    auto expected = logits;
    reference::penalties(s, history, expected);
    AllowedLogits met;
    met.gather(logits, {});
    apply_penalties(s, history, met, scratch);
    for (std::size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(met.values()[i], expected[i], 1e-5) << round;
  }
}

TEST(Dry, is_the_references_for_any_window_length_and_breakers) {
  Random random(5);
  PenaltyScratch scratch;
  int changed = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto logits = random_logits(random, 6, 3);
    std::vector<Token> history(random.below(60));
    for (auto& t : history) t = static_cast<Token>(random.below(2 + random.below(5)));
    Sampling s;
    s.dry_multiplier = 0.8F;
    s.dry_base = static_cast<float>(1 + random.uniform());
    s.dry_allowed_length = static_cast<std::uint32_t>(1 + random.below(4));
    s.dry_window = static_cast<std::uint32_t>(random.below(80));
    if (random.below(2) == 0) s.dry_breakers = {static_cast<Token>(random.below(6))};
    auto expected = logits;
    reference::dry(s, history, expected);
    AllowedLogits met;
    met.gather(logits, {});
    apply_dry(s, history, met, scratch);
    changed += std::ranges::equal(met.values(), logits) ? 0 : 1;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(met.values()[i], expected[i], 1e-5 * (1 + std::fabs(expected[i]))) << "round " << round;
    }
  }
  EXPECT_GT(changed, 500);
}

TEST(Dry, of_a_very_long_repeat_stays_finite_and_quick) {
  AllowedLogits logits;
  logits.gather(std::vector<float>(4, 1), {});
  const std::vector<Token> history(100'000, 2);
  Sampling s;
  s.dry_multiplier = 1000;
  s.dry_base = 100;
  PenaltyScratch scratch;
  apply_dry(s, history, logits, scratch);
  EXPECT_TRUE(std::isfinite(logits.values()[2]));
  EXPECT_LT(logits.values()[2], -1e30F);
  EXPECT_EQ(logits.values()[1], 1);
}

TEST(PortableMath, exp_and_log_agree_with_the_library) {
  Random random(6);
  for (int i = 0; i < 200'000; ++i) {
    const auto x = static_cast<float>(-87 * random.uniform());
    const double expected = std::exp(static_cast<double>(x));
    ASSERT_NEAR(exp_shifted(x, 0, 1), expected, 3e-7 * expected) << x;
    const double y = std::exp(static_cast<double>(x) * random.uniform() * 4 + 100);
    ASSERT_NEAR(natural_log(y), std::log(y), 1e-15 * std::fabs(std::log(y)) + 3e-16) << y;
  }
  EXPECT_EQ(exp_shifted(0, 0, 1), 1);
  EXPECT_EQ(exp_shifted(-std::numeric_limits<float>::infinity(), 0, 1), 0);
}

// The same bits are expected of every compiler and processor: these were computed by this code on x86-64.
TEST(PortableMath, has_the_recorded_bits) {
  EXPECT_EQ(std::bit_cast<std::uint32_t>(exp_shifted(-1.25F, 0, 1)), 0x3e92b0c2U);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(natural_log(10.0)), 0x40026bb1bbb55515U);
}

TEST(PortableMath, finds_the_first_bad_number_and_the_first_largest) {
  for (const std::size_t n : sizes) {
    std::vector<float> x(n, 1.0F);
    EXPECT_EQ(first_not_finite(x), n);
    EXPECT_EQ(first_max(x), 0U);
    x[n - 1] = 2;
    EXPECT_EQ(first_max(x), n - 1);
    x[n / 2] = 2;
    EXPECT_EQ(first_max(x), n / 2);
    x[n / 2] = -std::numeric_limits<float>::infinity();
    EXPECT_EQ(first_not_finite(x), n / 2);
    x[n / 2] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(first_not_finite(x), n / 2);
  }
}

}  // namespace
}  // namespace assay::schedule
