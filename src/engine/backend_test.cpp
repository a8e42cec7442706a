#include "engine/backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/pass.h"

namespace assay {
namespace {

using testing::HasSubstr;

// Counts; computes nothing.
class PlainBackend final : public Backend {
 public:
  PlainBackend() {
    facts_.name = "plain";
    facts_.context = 8;
    facts_.sequences = 2;
    facts_.batch = 4;
    facts_.vocab = 3;
    facts_.hidden = 2;
  }
  std::vector<std::string> calls;

  const BackendFacts& facts() const override { return facts_; }
  Result<void> start(const Batch& batch) override {
    ASSAY_TRY(pass_.plan(batch, facts_, lengths_));
    pass_.begun();
    calls.push_back("start of " + std::to_string(batch.slots.size()));
    return {};
  }
  Result<void> finish(const Rows& rows) override {
    ASSAY_TRY(pass_.end());
    ASSAY_TRY(pass_.check(rows, facts_));
    calls.push_back("finish of " + std::to_string(rows.logits.size()) + " and " + std::to_string(rows.hidden.size()));
    for (const SlotRun& run : pass_.runs()) lengths_[run.seq] += run.count;
    return {};
  }
  Result<void> forget(SeqId, Position, Position) override { return pass_.idle("forget"); }
  Result<void> share(SeqId, SeqId, Position) override { return pass_.idle("share"); }
  MemoryUse memory() const override { return {}; }

 private:
  BackendFacts facts_;
  std::vector<Position> lengths_ = {0, 0};
  Pass pass_;
};

std::string words(const Result<void>& result) { return result ? "done" : to_string(result.error()); }

TEST(Backend, forward_is_start_and_finish_with_rows_of_the_right_size) {
  PlainBackend backend;
  Logits logits;
  ASSERT_TRUE(backend.forward(std::vector<Slot>{{0, 0, 1}, {0, 1, 1, Want::logits}, {1, 0, 2, Want::logits}}, logits));
  EXPECT_EQ(logits.rows(), 2U);
  EXPECT_EQ(logits.vocab, 3U);
  EXPECT_EQ(backend.calls, (std::vector<std::string>{"start of 3", "finish of 6 and 0"}));
  std::vector<float> hidden(2);
  const std::vector<Slot> asks{{0, 2, 1, Want::hidden}};
  EXPECT_TRUE(backend.forward(asks, Rows{.logits = {}, .hidden = hidden}));
}

TEST(Backend, rows_of_another_size_are_refused_and_nothing_is_under_way_then) {
  PlainBackend backend;
  Logits logits;
  const std::vector<Slot> hidden{{0, 0, 1, Want::hidden}};
  EXPECT_THAT(words(backend.forward(hidden, logits)),
              HasSubstr("rows of hidden states: memory for 0 numbers, expected 1 rows of 2"));
  std::vector<float> memory(5);
  const std::vector<Slot> asks{{0, 0, 1, Want::logits}};
  EXPECT_THAT(words(backend.forward(asks, Rows{.logits = memory, .hidden = {}})),
              HasSubstr("rows of logits: memory for 5 numbers, expected 1 rows of 3"));
  EXPECT_TRUE(backend.forward(asks, logits)) << "the position is still free";
}

TEST(Backend, nothing_but_finish_comes_behind_a_start) {
  PlainBackend backend;
  const std::vector<Slot> slot{{0, 0, 1}};
  EXPECT_THAT(words(backend.finish({})), HasSubstr("bad value: finish: no pass is under way"));
  ASSERT_TRUE(backend.start(slot));
  EXPECT_THAT(words(backend.start(slot)), HasSubstr("bad value: start: a pass is under way"));
  EXPECT_THAT(words(backend.forget(0, 0, 1)), HasSubstr("forget: a pass is under way"));
  EXPECT_THAT(words(backend.share(0, 1, 1)), HasSubstr("share: a pass is under way"));
  EXPECT_TRUE(backend.finish({})) << "what was refused left it as it was";
  EXPECT_TRUE(backend.forget(0, 0, 1));
}

TEST(Backend, one_that_draws_no_tokens_says_so) {
  PlainBackend backend;
  std::vector<Drawn> drawn(2);
  const auto result = backend.decode(std::vector<Draw>{{0, 0, 1}}, 2, drawn);
  ASSERT_FALSE(result);
  EXPECT_EQ(to_string(result.error()), "unsupported: decode: plain draws no tokens by itself");
}

TEST(Backend, what_facts_lack_is_refused_by_name) {
  BackendFacts facts = PlainBackend().facts();
  const std::vector<Position> lengths{0, 0};
  std::vector<SlotRun> runs;
  const std::vector<float> rows(4);
  const std::vector<Turn3> turns{{0, 1, 2}};
  const std::vector<Slot> token{{0, 0, 1}};
  const std::vector<Slot> row{{0, 0, 1, Want::nothing, Source::embedding}};
  const std::vector<Slot> hidden{{0, 0, 1, Want::hidden}};
  const auto said = [&](const Batch& batch) { return words(plan_runs(batch, facts, lengths, runs)); };
  EXPECT_THAT(said({token, {}, turns}), HasSubstr("unsupported: positions of three numbers: plain has none"));
  EXPECT_THAT(said({token, rows}), HasSubstr("unsupported: rows of embeddings: plain has none"));
  EXPECT_THAT(said(row), HasSubstr("unsupported: slot 0 of sequence 0: rows of embeddings: plain has none"));
  facts.hidden = 0;
  EXPECT_THAT(said(hidden), HasSubstr("unsupported: slot 0 of sequence 0: rows of hidden states: plain has none"));
  facts.embedding = 2;
  facts.turns = true;
  EXPECT_EQ(said({row, rows, turns}), "done");
  EXPECT_THAT(said({row, std::span(rows).first(2)}), HasSubstr("embedding 1, expected 0..0"));
  EXPECT_THAT(said(row), HasSubstr("embedding 1 of none"));
  EXPECT_THAT(said({row, std::span(rows).first(3)}), HasSubstr("embeddings of 3 numbers, expected rows of 2"));
  EXPECT_THAT(said({std::vector<Slot>{{0, 0, 1}, {0, 1, 1}}, {}, turns}),
              HasSubstr("1 positions of three numbers, expected one for each of 2 slots"));
}

}  // namespace
}  // namespace assay
