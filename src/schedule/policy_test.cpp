#include "schedule/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "base/random.h"

namespace assay::schedule {
namespace {

using testing::ElementsAre;

TEST(Policy, writers_get_a_token_each_and_a_prompt_the_bounded_rest) {
  const std::vector<Work> work = {{0, 1, true, 0}, {1, 1, true, 0}, {2, 1000, false, 0}};
  EXPECT_THAT(choose_step(work, {512, 100}), ElementsAre(1, 1, 100));
  EXPECT_THAT(choose_step(work, {50, 100}), ElementsAre(1, 1, 48));
}

TEST(Policy, a_prompt_alone_fills_the_step) {
  const std::vector<Work> work = {{0, 1000, false, 0}};
  EXPECT_THAT(choose_step(work, {512, 100}), ElementsAre(512));
}

TEST(Policy, a_short_prompt_does_not_wait_for_a_long_one_and_the_oldest_gets_most) {
  const std::vector<Work> work = {{5, 8000, false, 0}, {6, 20, false, 0}, {7, 8000, false, 0}};
  EXPECT_THAT(choose_step(work, {300, 100}), ElementsAre(230, 20, 50));
}

TEST(Policy, more_writers_than_slots_take_turns) {
  const std::vector<Work> work = {{0, 1, true, 9}, {1, 1, true, 7}, {2, 1, true, 8}};
  EXPECT_THAT(choose_step(work, {2, 100}), ElementsAre(0, 1, 1));
}

TEST(Policy, writers_leave_a_part_of_a_crowded_step_to_prompts) {
  const std::vector<Work> work = {{0, 1, true, 0}, {1, 1, true, 0}, {2, 1, true, 0}, {3, 1, true, 0}, {4, 9, false, 0}};
  EXPECT_THAT(choose_step(work, {4, 100}), ElementsAre(1, 1, 1, 0, 1));
}

TEST(Policy, a_step_of_one_token_goes_to_the_one_that_waited_longest) {
  const std::vector<Work> work = {{0, 1, true, 5}, {1, 9, false, 4}};
  EXPECT_THAT(choose_step(work, {1, 100}), ElementsAre(0, 1));
}

TEST(Policy, an_owner_with_many_prompts_gets_no_more_than_one_with_few) {
  std::vector<Work> work;
  work.reserve(11);
  for (std::uint64_t i = 0; i < 10; ++i) work.push_back({i, 5000, false, 0, 1, 0, 50'000});
  work.push_back({10, 5000, false, 0, 2, 0, 5000});
  const auto tokens = choose_step(work, {400, 100});
  EXPECT_EQ(tokens[10], 100U + 200U) << "its even half of one half, and the other half as the least served";
  EXPECT_EQ(std::accumulate(tokens.begin(), tokens.begin() + 10, 0U), 100U);
  work[10].owner_served = 60'000;
  EXPECT_EQ(choose_step(work, {400, 100})[10], 100U);
}

TEST(Policy, a_higher_priority_has_the_first_place_among_prompts) {
  const std::vector<Work> work = {{0, 5000, false, 0, 1, 0, 0}, {1, 5000, false, 0, 2, 1, 900}};
  EXPECT_THAT(choose_step(work, {400, 100}), ElementsAre(100, 300));
}

TEST(Policy, owners_take_turns_where_more_write_than_a_step_holds) {
  std::vector<Work> work;
  work.reserve(10);
  for (std::uint64_t i = 0; i < 9; ++i) work.push_back({i, 1, true, 0, 1});
  work.push_back({9, 1, true, 0, 2});
  std::vector<int> got(10);
  for (std::uint64_t step = 1; step <= 45; ++step) {
    const auto tokens = choose_step(work, {2, 100});
    for (std::size_t i = 0; i < work.size(); ++i) {
      got[i] += static_cast<int>(tokens[i]);
      if (tokens[i] != 0) work[i].last_served = step;
    }
  }
  EXPECT_EQ(got[9], 45);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], 5);
}

TEST(Policy, keeps_its_bounds_and_lets_nobody_wait_longer_than_promised) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    std::vector<Work> work(1 + random.below(12));
    const StepLimits limits{static_cast<std::uint32_t>(1 + random.below(20)),
                            static_cast<std::uint32_t>(1 + random.below(10)),
                            static_cast<std::uint32_t>(random.below(2) == 0 ? 1000 : 1 + random.below(10))};
    const std::uint64_t owners = 1 + random.below(4);
    std::map<OwnerId, std::uint64_t> requests;
    for (std::size_t i = 0; i < work.size(); ++i) {
      work[i] = {i, static_cast<std::uint32_t>(random.below(2) == 0 ? 1 : 1 + random.below(100)), false, 0};
      work[i].writes = work[i].remaining == 1 && random.below(2) == 0;
      work[i].owner = random.below(owners);
      work[i].priority = static_cast<std::int32_t>(random.below(3)) - 1;
      ++requests[work[i].owner];
    }
    const std::uint64_t part =
        std::max(std::min({limits.slots / 4, limits.prefill_beside_decode, limits.prompt_tokens}), 1U);
    const std::uint64_t turn = (requests.size() + part - 1) / part;  // steps in which each owner is served
    std::uint64_t most = 0;
    for (const auto& [owner, count] : requests) most = std::max(most, count);
    for (std::uint64_t step = 1; step < 60; ++step) {
      for (Work& w : work) w.owner_served = random.below(100);
      const auto tokens = choose_step(work, limits);
      ASSERT_EQ(tokens.size(), work.size());
      const auto sum = std::accumulate(tokens.begin(), tokens.end(), 0U);
      ASSERT_GE(sum, 1U) << "seed " << seed;
      ASSERT_LE(sum, limits.slots) << "seed " << seed;
      for (std::size_t i = 0; i < work.size(); ++i) {
        ASSERT_LE(tokens[i], work[i].remaining) << "seed " << seed;
        if (tokens[i] != 0) {
          work[i].last_served = step;
          work[i].remaining -= tokens[i];
          if (work[i].remaining == 0) work[i].remaining = 1;  // writes on for ever
          if (work[i].remaining == 1 && random.below(2) == 0) work[i].writes = true;
        }
        ASSERT_LE(step - work[i].last_served, turn * (most + 1)) << "seed " << seed << " request " << i;
      }
    }
  }
}

TEST(Policy, a_step_has_no_more_prompt_tokens_than_its_time_allows) {
  const std::vector<Work> work = {{0, 1, true, 0}, {1, 1, true, 0}, {2, 1000, false, 0}};
  EXPECT_THAT(choose_step(work, {512, 100, 30}), ElementsAre(1, 1, 30));
  EXPECT_THAT(choose_step(std::span(work).last(1), {512, 100, 30}), ElementsAre(30));
}

TEST(Policy, a_pace_is_learned_from_steps_with_prompts_alone) {
  Pace pace;
  EXPECT_EQ(prompt_tokens_within(0, pace, 0), ~0U) << "no bound";
  EXPECT_EQ(prompt_tokens_within(1000, pace, 0), prompt_tokens_first) << "nothing seen";
  pace = learn(pace, 1, 0, 1'000'000);
  EXPECT_EQ(pace.ns_per_token, 0);
  pace = learn(pace, 100, 99, 5000);
  EXPECT_EQ(pace.ns_per_token, 50);
  EXPECT_EQ(prompt_tokens_within(10'000, pace, 3), 197U);
  EXPECT_EQ(prompt_tokens_within(10, pace, 3), prompt_tokens_least) << "shorter would hardly be quicker";
  pace = learn(pace, 100, 100, 9000);
  EXPECT_EQ(pace.ns_per_token, 60);
}

// A device that costs so much per step and so much per token, which grows as the prompt does: after a few steps each is
// as long as was asked for, neither shorter nor longer.
TEST(Policy, steps_come_to_the_time_that_they_may_take) {
  int bounded = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed);
    const double fixed = 1e3 * static_cast<double>(1 + random.below(20'000));
    const double slope = 1e2 * static_cast<double>(1 + random.below(20'000));
    const auto step_ns = static_cast<std::int64_t>(1'000'000 * (1 + random.below(200)));
    Pace pace;
    double depth = 0;
    for (int step = 0; step < 60; ++step) {
      const std::uint32_t tokens = std::min(prompt_tokens_within(step_ns, pace, 0), 4096U);
      ASSERT_GE(tokens, prompt_tokens_least);
      const double ns = fixed + tokens * slope * (1 + depth / 1e6);
      pace = learn(pace, tokens, tokens, static_cast<std::int64_t>(ns));
      depth += tokens;
      if (step < 30) continue;
      if (tokens > prompt_tokens_least) {
        ASSERT_LT(ns, 1.1 * static_cast<double>(step_ns)) << "seed " << seed << " step " << step;
      }
      if (tokens < 4096 && fixed + prompt_tokens_least * slope < 0.5 * static_cast<double>(step_ns)) {
        ASSERT_GT(ns, 0.8 * static_cast<double>(step_ns)) << "seed " << seed << " step " << step;
        ++bounded;
      }
    }
  }
  EXPECT_GT(bounded, 5000);
}

TEST(Policy, admits_in_room_and_nobody_while_pages_are_short) {
  EXPECT_EQ(choose_admissions({5, 2, 4, false}), 2U);
  EXPECT_EQ(choose_admissions({1, 2, 4, false}), 1U);
  EXPECT_EQ(choose_admissions({5, 4, 4, false}), 0U);
  EXPECT_EQ(choose_admissions({5, 4, 2, false}), 0U);
  EXPECT_EQ(choose_admissions({5, 2, 4, true}), 0U);
  EXPECT_EQ(choose_admissions({5, 0, 4, true}), 4U);
}

TEST(Policy, waits_for_a_prefix_that_is_worth_it) {
  EXPECT_TRUE(waits_for_prefix({0, 64, 64}));
  EXPECT_TRUE(waits_for_prefix({63, 64, 64}));
  EXPECT_FALSE(waits_for_prefix({64, 64, 64}));
  EXPECT_FALSE(waits_for_prefix({0, 63, 64}));
  EXPECT_FALSE(waits_for_prefix({90, 64, 64}));
  EXPECT_FALSE(waits_for_prefix({0, 64, 0}));
}

TEST(Policy, guesses_get_what_is_left_of_a_step_evenly) {
  std::vector<Work> work = {{0, 1, true, 0}, {1, 1, true, 0}, {2, 1, true, 0}, {3, 50, false, 0}};
  work[0].wish = 8;
  work[1].wish = 2;
  work[2].wish = 8;
  work[3].wish = 8;
  const std::vector<std::uint32_t> tokens = {1, 1, 1, 5};
  EXPECT_THAT(choose_guesses(work, tokens, {100, 5}), ElementsAre(8, 2, 8, 0));
  EXPECT_THAT(choose_guesses(work, tokens, {18, 5}), ElementsAre(4, 2, 4, 0));
  EXPECT_THAT(choose_guesses(work, tokens, {8, 5}), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(choose_guesses(work, tokens, {100, 5, 11}), ElementsAre(2, 2, 2, 0)) << "6 beside 5 of a prompt";
  const std::vector<std::uint32_t> turn = {1, 0, 0, 0};
  EXPECT_THAT(choose_guesses(work, turn, {4, 5}), ElementsAre(3, 0, 0, 0)) << "only who is served in the step";
}

TEST(Policy, starts_the_highest_priority_then_the_taken_back_then_the_owner_served_least_then_the_oldest) {
  std::vector<Waiting> waiting = {
      {0, false, 0, 50}, {1, false, 0, 20}, {2, true, 0, 90}, {3, false, 1, 99}, {4, false, 0, 20}};
  std::vector<bool> may(5, true);
  std::vector<std::size_t> order;
  while (const auto next = choose_next(waiting, may)) {
    order.push_back(*next);
    may[*next] = false;
  }
  EXPECT_THAT(order, ElementsAre(3, 2, 1, 4, 0));
}

TEST(Policy, takes_from_the_youngest_and_never_from_the_last) {
  const std::vector<Work> work = {{4, 1, true, 0}, {9, 1, true, 0}, {7, 1, true, 0}};
  EXPECT_EQ(choose_victim(work), 1U);
  EXPECT_FALSE(choose_victim(std::span(work).first(1)));
  const std::vector<Work> ranked = {{4, 1, true, 0, 0, 1}, {9, 1, true, 0, 0, 1}, {7, 1, true, 0, 0, 0}};
  EXPECT_EQ(choose_victim(ranked), 2U) << "a lower priority before a younger one";
}

}  // namespace
}  // namespace assay::schedule
