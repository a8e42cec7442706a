#include "schedule/allowed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/random.h"
#include "schedule/sampler.h"

namespace assay::schedule {
namespace {

std::vector<std::uint32_t> mask_of(Random& random, std::size_t vocab, double share) {
  std::vector<std::uint32_t> mask((vocab + 31) / 32);
  for (auto& word : mask) {
    const double kind = random.uniform();
    if (kind < 0.2) continue;  // words of 0 and of all ones are ways of their own
    if (kind < 0.4) word = ~std::uint32_t{0};
    for (std::uint32_t bit = 0; bit < 32; ++bit) word |= random.uniform() < share ? std::uint32_t{1} << bit : 0U;
  }
  return mask;
}

bool set(const std::vector<std::uint32_t>& mask, std::size_t token) {
  return (mask[token / 32] >> token % 32 & 1U) != 0;
}

TEST(AllowedLogits, holds_what_the_mask_allows_in_order_of_id) {
  Random random(1);
  AllowedLogits met;  // one for all, so that what is left of another use would show
  for (int round = 0; round < 2000; ++round) {
    const std::size_t vocab = 1 + random.below(300);
    std::vector<float> logits(vocab);
    for (auto& x : logits) x = static_cast<float>(random.normal());
    const auto mask = mask_of(random, vocab, random.uniform());  // also bits past the vocabulary
    met.gather(logits, mask);
    ASSERT_EQ(met.vocab(), vocab);
    std::size_t n = 0;
    for (std::size_t i = 0; i < vocab; ++i) {
      float* const found = met.find(static_cast<Token>(i));
      ASSERT_EQ(found != nullptr, set(mask, i)) << "round " << round << " token " << i;
      if (found == nullptr) continue;
      ASSERT_EQ(found, &met.values()[n]);
      ASSERT_EQ(met.id(n), static_cast<Token>(i));
      ASSERT_EQ(met.values()[n++], logits[i]);
    }
    ASSERT_EQ(n, met.values().size());
  }
}

TEST(AllowedLogits, without_a_mask_all_are_allowed) {
  AllowedLogits met;
  const std::vector<float> logits = {3, 1, 2};
  met.gather(logits, std::vector<std::uint32_t>{0});
  EXPECT_TRUE(met.values().empty());
  met.gather(logits, {});
  EXPECT_EQ(met.values().size(), 3U);
  EXPECT_EQ(*met.find(2), 2);
  EXPECT_EQ(met.id(1), 1);
}

// A mask is the same as a bias of minus infinity for all others, in every filter: the same choice for the same numbers,
// but for sums over a large vocabulary, whose rounding may differ where nearly nothing separates two tokens.
TEST(AllowedLogits, a_mask_chooses_what_a_ban_of_all_others_chooses) {
  Random random(2);
  SampleScratch scratch;
  int drawn = 0;
  for (int round = 0; round < 1500; ++round) {
    const std::size_t vocab = 1 + random.below(200);
    std::vector<float> logits(vocab);
    for (auto& x : logits) x = static_cast<float>(random.normal() * 2);
    const auto mask = mask_of(random, vocab, 0.3);
    std::vector<Token> history(20);
    for (auto& t : history) t = static_cast<Token>(random.below(vocab));
    std::vector<Token> banned;
    if (random.below(2) == 0) banned.push_back(static_cast<Token>(random.below(vocab)));
    Sampling s;
    s.seed = random.bits();
    if (random.below(4) != 0) s.temperature = 0.8F;
    if (random.below(3) == 0) s.top_k = 5;
    if (random.below(3) == 0) s.top_p = 0.9F;
    if (random.below(4) == 0) s.typical_p = 0.9F;
    if (random.below(4) == 0) s.xtc_probability = 0.5F;
    if (random.below(3) == 0) s.repetition_penalty = 1.3F;
    if (random.below(3) == 0) s.dry_multiplier = 0.8F;
    if (random.below(3) == 0) s.logit_bias = {{static_cast<Token>(random.below(vocab)), 2.0F}};
    Sampling biased = s;
    bool any = false;
    for (std::size_t i = 0; i < vocab; ++i) {
      any = any || (set(mask, i) && std::ranges::count(banned, static_cast<Token>(i)) == 0);
      if (!set(mask, i)) biased.logit_bias.emplace_back(static_cast<Token>(i), -std::numeric_limits<float>::infinity());
    }
    SamplerState state(s);
    const auto met = sample(s, state, {logits, history, 20, banned, mask, ""}, scratch);
    ASSERT_EQ(met.has_value(), any) << "round " << round;
    if (!any) {
      EXPECT_EQ(met.error().code, Errc::bad_value);
      continue;
    }
    ASSERT_EQ(*met, sample(biased, state, {logits, history, 20, banned, {}, ""}, scratch).value()) << "round " << round;
    const auto left = distribution(s, state, {logits, history, 20, banned, mask, ""}, scratch).value();
    ASSERT_EQ(std::ranges::count(left, *met, &Candidate::id), 1);
    ++drawn;
  }
  EXPECT_GT(drawn, 1000);
}

TEST(AllowedLogits, a_logit_that_is_no_number_is_found_behind_a_mask_too) {
  std::vector<float> logits(40, 1);
  logits[35] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::uint32_t> mask = {1, 0};
  Sampling s;
  SamplerState state(s);
  SampleScratch scratch;
  const auto met = sample(s, state, {logits, {}, 0, {}, mask, "test"}, scratch);
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().code, Errc::engine_lost);
}

}  // namespace
}  // namespace assay::schedule
