#include "measure/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "measure/record_json.h"

namespace assay::measure {
namespace {

using testing::HasSubstr;
using Verdict = Change::Verdict;

// Rounds of 64 prompt and 9 output tokens whose decode step takes step_ms, give or take `noise` of it.
Row row_of(const char* engine, double step_ms, double noise, std::size_t rounds, Random& random) {
  Row row;
  row.subject.engine = engine;
  row.subject.device = "cpu";
  row.prompt_tokens = 64;
  row.output_tokens = 9;
  for (std::size_t i = 0; i < rounds; ++i) {
    const double step = step_ms * (1 + noise * random.normal());
    const double first = 100 * (1 + noise * random.normal());
    row.rounds.push_back({.sent_ns = 0,
                          .first_ns = static_cast<std::int64_t>(first * 1e6),
                          .last_ns = static_cast<std::int64_t>((first + 8 * step) * 1e6),
                          .prompt_tokens = 64,
                          .output_tokens = 9});
  }
  row.memory.peak_bytes = 100 << 20;
  row.subject.parity = Parity{{.positions = 4, .top1_equal = 4, .max_abs = 0.1, .bound = 1}};
  return row;
}

Matrix matrix_of(std::vector<Row> rows) {
  Matrix out;
  out.machine.chip = "a chip";
  out.artifact.sha256 = "00";
  out.rows = std::move(rows);
  return out;
}

Change change_of(const RecordComparison& comparison, const char* metric) {
  return *std::ranges::find(comparison.changes, metric, &Change::metric);
}

TEST(Compare, a_slower_engine_is_worse_and_a_faster_one_better) {
  Random random(1);
  const Matrix before = matrix_of({row_of("direct", 10, 0.01, 7, random)});
  const Matrix slower = matrix_of({row_of("direct", 11, 0.01, 7, random)});
  const RecordComparison worse = compare_records(before, slower, 0, random);
  EXPECT_EQ(change_of(worse, "decode_tok_s").verdict, Verdict::worse);
  EXPECT_NEAR(change_of(worse, "decode_tok_s").percent.median, -9.1, 1.5);
  EXPECT_EQ(change_of(worse, "parity").verdict, Verdict::same);
  EXPECT_TRUE(any_worse(worse, {"decode_tok_s"}));
  EXPECT_FALSE(any_worse(worse, {"memory_peak_bytes", "parity"}));
  const RecordComparison better = compare_records(slower, before, 0, random);
  EXPECT_EQ(change_of(better, "decode_tok_s").verdict, Verdict::better);
  EXPECT_FALSE(any_worse(better, compared_metrics()));
  EXPECT_EQ(change_of(compare_records(before, slower, 20, random), "decode_tok_s").verdict, Verdict::same)
      << "within the tolerance";
  EXPECT_THAT(to_table(worse), HasSubstr("WORSE"));
  EXPECT_EQ(to_json(worse)["changes"][0]["verdict"], "worse");
}

// Equal runs, compared again and again. The interval claims 5 %; the medians of few rounds keep it below.
TEST(Compare, equal_runs_are_called_different_in_less_than_five_of_a_hundred) {
  Random random(2);
  for (const std::size_t rounds : {5U, 10U}) {
    int alarms = 0;
    constexpr int trials = 300;
    for (int trial = 0; trial < trials; ++trial) {
      const Matrix a = matrix_of({row_of("direct", 10, 0.05, rounds, random)});
      const Matrix b = matrix_of({row_of("direct", 10, 0.05, rounds, random)});
      alarms += change_of(compare_records(a, b, 0, random), "decode_tok_s").verdict != Verdict::same ? 1 : 0;
    }
    RecordProperty("alarms_of_300_at_" + std::to_string(rounds), alarms);
    EXPECT_LE(alarms, trials * 6 / 100) << rounds << " rounds";
  }
}

TEST(Compare, too_few_rounds_say_nothing) {
  Random random(3);
  const Matrix a = matrix_of({row_of("direct", 10, 0.01, 3, random)});
  const Matrix b = matrix_of({row_of("direct", 20, 0.01, 7, random)});
  const Change change = change_of(compare_records(a, b, 0, random), "decode_tok_s");
  EXPECT_EQ(change.verdict, Verdict::unknown);
  EXPECT_EQ(change.reason, "3 rounds, 5 are needed");
}

TEST(Compare, lost_parity_more_memory_and_a_row_that_is_gone_are_seen) {
  Random random(4);
  Matrix a = matrix_of({row_of("direct", 10, 0.01, 5, random), row_of("mlx", 10, 0.01, 5, random)});
  Matrix b = matrix_of({row_of("direct", 10, 0.01, 5, random), row_of("llama.cpp", 10, 0.01, 5, random)});
  b.rows[0].subject.parity->max_abs = 2;
  b.rows[0].memory.peak_bytes = 120 << 20;
  const RecordComparison comparison = compare_records(a, b, 0, random);
  EXPECT_EQ(change_of(comparison, "parity").verdict, Verdict::worse);
  EXPECT_EQ(change_of(comparison, "memory_peak_bytes").verdict, Verdict::worse);
  EXPECT_THAT(comparison.unmatched, testing::ElementsAre("mlx: only in the first", "llama.cpp: only in the second"));
  b.rows[0].rounds.clear();
  const RecordComparison gone = compare_records(a, b, 0, random);
  EXPECT_EQ(change_of(gone, "decode_tok_s").reason, "no longer measured");
  EXPECT_TRUE(any_worse(gone, {"decode_tok_s"}));
}

TEST(Compare, other_machines_settings_and_versions_are_named) {
  Random random(5);
  Matrix a = matrix_of({row_of("direct", 10, 0.01, 5, random)});
  Matrix b = a;
  EXPECT_TRUE(differences(a, b).empty());
  b.machine.chip = "another";
  b.settings.rounds = 9;
  b.artifact.sha256 = "ff";
  b.rows[0].subject.version = "2";
  b.rows[0].output_tokens = 8;
  b.seconds = 5;  // no condition
  EXPECT_THAT(differences(a, b),
              testing::ElementsAre("machine.chip: a chip, another", "artifact.sha256: 00, ff", "workload.rounds: 6, 9",
                                   "direct.version: , 2", "direct.output_tokens: 9, 8"));
  EXPECT_EQ(change_of(compare_records(a, b, 0, random), "decode_tok_s").reason, "requests of other lengths");
}

TEST(Compare, metrics_that_are_none_are_refused) {
  EXPECT_TRUE(check_metrics(compared_metrics()));
  const auto refused = check_metrics({"decode_tok_s", "speed"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("\"speed\", expected some of decode_tok_s"));
}

}  // namespace
}  // namespace assay::measure
