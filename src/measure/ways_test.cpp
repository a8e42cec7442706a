#include "measure/ways.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "measure/scripted.h"
#include "record/record_json.h"

namespace assay::measure {
namespace {

using testing::HasSubstr;

// Three rounds with these times, in milliseconds.
Row row(const char* way, double ttft_ms, double step_ms, std::uint32_t output = 11) {
  Row out;
  out.subject.engine = "llama.cpp";
  out.subject.way = way;
  out.subject.settings = {std::string("way=") + way};
  out.prompt_tokens = 100;
  out.output_tokens = output;
  out.memory.peak_bytes = 1000 + static_cast<std::uint64_t>(step_ms);
  for (int i = 0; i < 3; ++i) {
    const std::int64_t sent = i * 1'000'000'000LL;
    const std::int64_t first = sent + static_cast<std::int64_t>(ttft_ms * 1e6) + i;
    out.rounds.push_back({.sent_ns = sent,
                          .first_ns = first,
                          .last_ns = first + static_cast<std::int64_t>(step_ms * 1e6) * (output - 1),
                          .prompt_tokens = 100,
                          .output_tokens = output,
                          .first_tokens = 1});
  }
  return out;
}

TEST(Ways, each_phase_is_of_the_way_that_is_quickest_at_it) {
  const std::vector<Row> rows{row("on", 50, 10), row("off", 80, 8)};
  const Row joined = join_ways(rows);
  ASSERT_EQ(joined.rounds.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(joined.rounds[i].ttft_ms(), rows[0].rounds[i].ttft_ms());
    EXPECT_EQ(joined.rounds[i].decode_tok_s(), rows[1].rounds[i].decode_tok_s());
    EXPECT_EQ(joined.rounds[i].last_ns, rows[1].rounds[i].last_ns) << "at the moment when it decoded";
  }
  EXPECT_EQ(joined.memory.peak_bytes, 1008U) << "of one way, not of both";
  EXPECT_EQ(joined.subject.settings, rows[1].subject.settings);
  ASSERT_EQ(joined.ways.size(), 2U);
  EXPECT_TRUE(joined.ways[0].gives_prefill && !joined.ways[0].gives_decode);
  EXPECT_TRUE(!joined.ways[1].gives_prefill && joined.ways[1].gives_decode);
  EXPECT_EQ(joined.ways[0].rounds.size(), 3U);
  EXPECT_EQ(joined.ways[0].rounds[1].sent_ns, rows[0].rounds[1].sent_ns) << "its own requests, as they were";
  EXPECT_THAT(joined.subject.notes.back(), HasSubstr("prefill by on, decode by off; on: prefill 2"));
}

TEST(Ways, one_that_is_best_at_both_gives_its_requests_as_they_were) {
  const std::vector<Row> rows{row("on", 80, 10), row("off", 50, 8)};
  const Row joined = join_ways(rows);
  EXPECT_EQ(joined.rounds[2].sent_ns, rows[1].rounds[2].sent_ns);
  EXPECT_TRUE(joined.ways[1].gives_prefill && joined.ways[1].gives_decode);
}

TEST(Ways, one_that_fails_or_computes_wrong_gives_nothing) {
  std::vector<Row> rows{row("on", 80, 10), row("off", 50, 8)};
  rows[1].status = Row::Status::failed;
  rows[1].reason = "in round 2: it died";
  Row joined = join_ways(rows);
  EXPECT_EQ(joined.status, Row::Status::ok);
  EXPECT_EQ(joined.rounds[0].ttft_ms(), rows[0].rounds[0].ttft_ms());
  EXPECT_EQ(joined.ways[1].reason, "in round 2: it died");
  EXPECT_THAT(joined.subject.notes.back(), HasSubstr("off: in round 2: it died"));

  rows[1] = row("off", 50, 8);
  Parity beyond;
  beyond.positions = 1;
  beyond.max_abs = 2;
  beyond.bound = 1;
  rows[1].subject.parity = beyond;
  joined = join_ways(rows);
  EXPECT_TRUE(joined.ways[0].gives_decode && joined.ways[0].gives_prefill);

  for (Row& each : rows) each.status = Row::Status::failed;
  rows[0].reason = "dead";
  EXPECT_EQ(join_ways(rows).status, Row::Status::failed);
}

TEST(Ways, of_other_lengths_nothing_is_mixed) {
  const std::vector<Row> rows{row("on", 50, 10), row("off", 80, 8, 6)};
  const Row joined = join_ways(rows);
  EXPECT_EQ(joined.output_tokens, 6U);
  EXPECT_EQ(joined.rounds[0].ttft_ms(), rows[1].rounds[0].ttft_ms());
}

TEST_F(Matrices, an_engine_in_two_ways_is_one_row_at_its_best) {
  std::vector<std::size_t> order;
  ScriptedEngine direct(clock, 300, 30);
  ScriptedEngine on(clock, 1000, 50);
  ScriptedEngine off(clock, 500, 60);
  direct.order = on.order = off.order = &order;
  on.id = 1;
  off.id = 2;
  Contestant with = contestant("llama.cpp", &on);
  Contestant without = contestant("llama.cpp", &off);
  with.subject.way = "flash attention on";
  without.subject.way = "flash attention off";
  for (const bool cached : {false, true}) {
    order.clear();
    const MatrixSettings settings{.prompt_tokens = 100,
                                  .output_tokens = 11,
                                  .rounds = 6,
                                  .cached_rows = cached,
                                  .sweep_context = {8},
                                  .soak_s = 1};
    const auto measured = measure({with, without, contestant("direct", &direct)}, settings);
    ASSERT_TRUE(measured) << to_string(measured.error());
    EXPECT_EQ(measured->size(), cached ? 6U : 3U);
    join_ways(matrix);
    derive(matrix);
    const std::vector<Row>* rows = &matrix.rows;
    ASSERT_EQ(rows->size(), cached ? 4U : 2U);
    const Row& row = rows->front();
    EXPECT_EQ(row.subject.engine, "llama.cpp");
    EXPECT_NEAR(row.ttft_ms.median, 100, 1e-3);
    EXPECT_NEAR(row.prefill_tok_s.median, 1000, 1e-1);
    EXPECT_NEAR(row.decode_tok_s.median, 60, 1e-3);
    ASSERT_EQ(row.ways.size(), 2U);
    EXPECT_NEAR(row.ways[0].decode_tok_s.median, 50, 1e-3);
    EXPECT_NEAR(row.ways[1].prefill_tok_s.median, 500, 1e-1);
    EXPECT_EQ(row.ways[1].rounds.size(), 6U);
    EXPECT_EQ(rows->back().subject.engine, "direct");
    EXPECT_TRUE(rows->back().ways.empty());
    EXPECT_TRUE(rows->back().prompts == (cached ? Prompts::cached : Prompts::fresh));
    ASSERT_EQ(row.context_sweep.size(), 1U);
    EXPECT_EQ(row.context_sweep[0].rounds.size(), settings.sweep_rounds);
    for (const SoakTurn& turn : matrix.soak_turns) EXPECT_LT(turn.row, rows->size());
    EXPECT_TRUE(row.drift && rows->at(cached ? 2 : 1).drift);
    // The way that decodes slower is done when the rounds are.
    const auto last = std::ranges::find(order.rbegin(), order.rend(), 1U);
    EXPECT_GT(last - order.rbegin(), settings.sweep_rounds);
    const auto read = matrix_from_json(to_json(matrix));
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(to_json(*read), to_json(matrix));
  }
}

}  // namespace
}  // namespace assay::measure
