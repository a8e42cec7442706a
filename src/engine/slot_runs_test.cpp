#include "engine/slot_runs.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

constexpr Position end = ~Position{0};

BackendFacts facts() {
  BackendFacts out;
  out.context = 8;
  out.sequences = 3;
  out.batch = 5;
  out.vocab = 100;
  return out;
}

std::string refusal(std::vector<Slot> slots, std::vector<Position> lengths = {0, 0, 0}) {
  std::vector<SlotRun> runs;
  const auto result = plan_runs(slots, facts(), lengths, runs);
  EXPECT_FALSE(result);
  return result ? "" : to_string(result.error());
}

TEST(SlotRuns, slots_of_each_sequence_become_one_run) {
  std::vector<SlotRun> runs;
  const std::vector<Slot> slots{{2, 4, 7}, {2, 5, 8, Want::logits}, {0, 0, 9, Want::logits}};
  ASSERT_TRUE(plan_runs(slots, facts(), std::vector<Position>{0, 0, 4}, runs));
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].seq, 2U);
  EXPECT_EQ(runs[0].position, 4U);
  EXPECT_EQ(runs[0].count, 2U);
  EXPECT_EQ(runs[1].first, 2U);
  EXPECT_EQ(runs[1].count, 1U);
}

TEST(SlotRuns, what_breaks_the_order_is_refused_by_name) {
  EXPECT_NE(refusal({}).find("batch of 0 slots, expected 1..5"), std::string::npos);
  EXPECT_NE(refusal(std::vector<Slot>(6, Slot{0, 0, 1})).find("batch of 6"), std::string::npos);
  EXPECT_NE(refusal({{3, 0, 1}}).find("sequence 3: expected 0..2"), std::string::npos);
  EXPECT_NE(refusal({{0, 1, 1}}).find("position 1, expected 0"), std::string::npos);
  EXPECT_NE(refusal({{0, 0, 1}, {0, 2, 1}}).find("position 2, expected 1"), std::string::npos);
  EXPECT_NE(refusal({{0, 0, 1}, {1, 0, 1}, {0, 1, 1}}).find("together"), std::string::npos);
  EXPECT_NE(refusal({{0, 8, 1}}, {8, 0, 0}).find("context holds 8"), std::string::npos);
  EXPECT_NE(refusal({{0, 0, 100}}).find("token 100, expected 0..99"), std::string::npos);
  EXPECT_NE(refusal({{0, 0, -1}}).find("token -1"), std::string::npos);
}

TEST(SlotRuns, only_a_tail_can_be_forgotten) {
  const std::vector<Position> lengths{5, 0, 0};
  EXPECT_TRUE(check_forget(facts(), lengths, 0, 2, end).value());
  EXPECT_TRUE(check_forget(facts(), lengths, 0, 0, 5).value());
  EXPECT_FALSE(check_forget(facts(), lengths, 0, 5, end).value());
  EXPECT_FALSE(check_forget(facts(), lengths, 0, 3, 3).value());
  EXPECT_EQ(check_forget(facts(), lengths, 0, 1, 4).error().code, Errc::unsupported);
  EXPECT_EQ(check_forget(facts(), lengths, 3, 0, end).error().code, Errc::bad_value);
}

TEST(SlotRuns, sharing_wants_an_empty_target_and_no_more_than_there_is) {
  const std::vector<Position> lengths{4, 0, 1};
  EXPECT_TRUE(check_share(facts(), lengths, 0, 1, 4));
  EXPECT_TRUE(check_share(facts(), lengths, 0, 1, 0));
  EXPECT_EQ(check_share(facts(), lengths, 0, 1, 5).error().code, Errc::bad_value);
  EXPECT_EQ(check_share(facts(), lengths, 0, 2, 1).error().code, Errc::bad_value);
  EXPECT_EQ(check_share(facts(), lengths, 1, 1, 0).error().code, Errc::bad_value);
  EXPECT_EQ(check_share(facts(), lengths, 0, 3, 1).error().code, Errc::bad_value);
}

}  // namespace
}  // namespace assay
