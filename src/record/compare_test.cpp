#include "record/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "record/record_json.h"

namespace assay::measure {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
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

RecordComparison compared(const Matrix& before, const Matrix& after, double tolerance = 0) {
  return compare_records({&before, 1}, {&after, 1}, tolerance).value();
}

Change change_of(const RecordComparison& comparison, const char* metric) {
  return *std::ranges::find(comparison.changes, metric, &Change::metric);
}

bool differs(const RecordComparison& comparison) {
  return std::ranges::any_of(comparison.changes, [](const Change& change) {
    return change.verdict == Verdict::differs || change.verdict == Verdict::better || change.verdict == Verdict::worse;
  });
}

// Runs whose speed as a whole is off by `between` of it, as real machines make them.
std::vector<Matrix> runs(std::size_t count, double step_ms, double within, double between, Random& random) {
  std::vector<Matrix> out;
  for (std::size_t i = 0; i < count; ++i) {
    const double whole = std::exp(between * random.normal());
    Row row = row_of("direct", step_ms * whole, within, 8, random);
    out.push_back(matrix_of({row}));
  }
  return out;
}

TEST(Compare, two_runs_differ_and_are_not_called_better_or_worse) {
  Random random(1);
  const Matrix before = matrix_of({row_of("direct", 10, 0.01, 7, random)});
  const Matrix slower = matrix_of({row_of("direct", 11, 0.01, 7, random)});
  const RecordComparison down = compared(before, slower);
  EXPECT_EQ(change_of(down, "decode_tok_s").verdict, Verdict::differs);
  EXPECT_TRUE(change_of(down, "decode_tok_s").to_worse);
  EXPECT_NEAR(change_of(down, "decode_tok_s").interval->percent, -9.1, 1.5);
  EXPECT_EQ(change_of(down, "parity").verdict, Verdict::same);
  EXPECT_THAT(gate_failures(down, {"decode_tok_s"}), ElementsAre(HasSubstr("lower between these two runs")));
  EXPECT_TRUE(gate_failures(down, {"memory_peak_bytes", "parity"}).empty());
  const RecordComparison up = compared(slower, before);
  EXPECT_EQ(change_of(up, "decode_tok_s").verdict, Verdict::differs);
  EXPECT_FALSE(change_of(up, "decode_tok_s").to_worse);
  EXPECT_TRUE(gate_failures(up, compared_metrics()).empty());
  EXPECT_EQ(change_of(compared(before, slower, 20), "decode_tok_s").verdict, Verdict::same) << "within the tolerance";
  EXPECT_THAT(to_table(down, 0), AllOf(HasSubstr("differs between these two runs"), HasSubstr("A1,A2,A3 B1,B2,B3"),
                                       Not(HasSubstr("WORSE")), Not(HasSubstr("better"))));
  EXPECT_EQ(to_json(down)["changes"][0]["verdict"], "differs");
  EXPECT_EQ(to_json(down)["changes"][0]["to_worse"], true);
}

TEST(Compare, several_runs_a_side_allow_better_and_worse) {
  Random random(2);
  const auto before = runs(3, 10, 0.02, 0.01, random);
  const auto slower = runs(3, 12, 0.02, 0.01, random);
  const auto down = compare_records(before, slower, 0).value();
  EXPECT_EQ(change_of(down, "decode_tok_s").verdict, Verdict::worse);
  EXPECT_THAT(to_table(down, 0), HasSubstr("WORSE"));
  EXPECT_EQ(change_of(compare_records(slower, before, 0).value(), "decode_tok_s").verdict, Verdict::better);
  EXPECT_THAT(gate_failures(down, {"decode_tok_s"}), ElementsAre(HasSubstr("% lower")));
  const auto wrong = compare_records(std::span(before).first(2), slower, 0);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().detail, "2 and 3 records, expected one each, or at least 3 a side");
}

TEST(Compare, same_is_said_only_where_the_whole_interval_lies_within_the_tolerance) {
  Random random(3);
  const Matrix a = matrix_of({row_of("direct", 10, 0.3, 6, random)});
  const Matrix b = matrix_of({row_of("direct", 10, 0.3, 6, random)});
  const RecordComparison comparison = compared(a, b, 5);
  const Change change = change_of(comparison, "decode_tok_s");
  EXPECT_EQ(change.verdict, Verdict::not_shown);
  EXPECT_GT(change.visible, 5);
  EXPECT_DOUBLE_EQ(change.visible, std::max(-change.interval->low, change.interval->high));
  EXPECT_THAT(to_table(comparison, 5), HasSubstr("no difference beyond 5.0 % shown; nothing below"));
  EXPECT_THAT(to_table(compared(a, b), 0), HasSubstr("no difference shown; nothing below"));
  EXPECT_TRUE(gate_failures(comparison, {"decode_tok_s"}).empty());
  EXPECT_THAT(gate_failures(comparison, {"decode_tok_s"}, 5), ElementsAre(HasSubstr("cannot be seen")))
      << "a gate that asks to see 5 %";
  EXPECT_EQ(change_of(compared(a, b, 400), "decode_tok_s").verdict, Verdict::same);
}

// Equal pairs, one record a side: any figure called different counts. Bounded above by what is claimed, and below where the
// interval would be wider than it need be.
TEST(Compare, equal_runs_are_called_different_in_at_most_five_of_a_hundred_and_not_much_less) {
  Random random(4);
  for (const std::size_t rounds : {6U, 10U, 20U}) {
    for (const double noise : {0.02, 0.3}) {  // 0.3: with values near zero, far from a normal ratio
      int alarms = 0;
      constexpr int trials = 1000;
      for (int trial = 0; trial < trials; ++trial) {
        const Matrix a = matrix_of({row_of("direct", 10, noise / 3, rounds, random)});
        const Matrix b = matrix_of({row_of("direct", 10, noise / 3, rounds, random)});
        alarms += differs(compared(a, b)) ? 1 : 0;
      }
      RecordProperty("alarms_of_1000_at_" + std::to_string(rounds), alarms);
      EXPECT_LE(alarms, trials * 65 / 1000) << rounds << " rounds, noise " << noise;
      EXPECT_GE(alarms, trials * 2 / 100) << rounds << " rounds, noise " << noise << ": wider than claimed";
    }
  }
}

TEST(Compare, several_engines_do_not_multiply_false_alarms) {
  Random random(5);
  int alarms = 0;
  constexpr int trials = 500;
  for (int trial = 0; trial < trials; ++trial) {
    const auto one = [&] {
      return matrix_of({row_of("direct", 10, 0.03, 10, random), row_of("mlx", 30, 0.03, 10, random),
                        row_of("llama.cpp", 12, 0.03, 10, random)});
    };
    alarms += differs(compared(one(), one())) ? 1 : 0;
  }
  EXPECT_LE(alarms, trials * 7 / 100);
}

// What moves whole runs is in no interval of two runs, and in that of several a side.
TEST(Compare, noise_between_runs_alarms_two_records_and_not_three_a_side) {
  Random random(6);
  int two = 0;
  int three = 0;
  int five = 0;
  constexpr int trials = 1000;
  for (int trial = 0; trial < trials; ++trial) {
    const auto a = runs(5, 10, 0.01, 0.05, random);
    const auto b = runs(5, 10, 0.01, 0.05, random);
    two += differs(compared(a[0], b[0])) ? 1 : 0;
    three += differs(compare_records(std::span(a).first(3), std::span(b).first(3), 0).value()) ? 1 : 0;
    five += differs(compare_records(a, b, 0).value()) ? 1 : 0;
  }
  EXPECT_GT(two, trials / 2) << "within-run spread alone sees every run as another";
  EXPECT_LE(three, trials * 6 / 100);  // 5, and what a thousand trials may be off
  EXPECT_LE(five, trials * 6 / 100);
  EXPECT_GE(five, trials / 100) << "wider than it need be";
}

// A machine that now and then runs a third faster for a whole run.
TEST(Compare, runs_that_lie_far_out_raise_no_alarm) {
  Random random(7);
  int alarms = 0;
  constexpr int trials = 1000;
  const auto side = [&] {
    std::vector<Matrix> out;
    out.reserve(4);
    for (int i = 0; i < 4; ++i) out.push_back(runs(1, random.uniform() < 0.25 ? 7.5 : 10, 0.02, 0.01, random)[0]);
    return out;
  };
  for (int trial = 0; trial < trials; ++trial) alarms += differs(compare_records(side(), side(), 0).value()) ? 1 : 0;
  EXPECT_LE(alarms, trials * 6 / 100);
}

TEST(Compare, real_changes_are_found_in_both_directions) {
  Random random(8);
  constexpr int trials = 200;
  for (const double change : {0.9, 1.1}) {
    int two = 0;
    int three = 0;
    int right = 0;
    for (int trial = 0; trial < trials; ++trial) {
      const Matrix a = matrix_of({row_of("direct", 10, 0.02, 10, random)});
      const Matrix b = matrix_of({row_of("direct", 10 * change, 0.02, 10, random)});
      const Change found = change_of(compared(a, b), "decode_tok_s");
      two += found.verdict == Verdict::differs && found.to_worse == (change > 1) ? 1 : 0;
      right += found.interval->low < 100 * (1 / change - 1) && found.interval->high > 100 * (1 / change - 1) ? 1 : 0;
      EXPECT_LT(found.interval->high - found.interval->low, 8) << "2 % of noise over 10 rounds";
      const auto several =
          compare_records(runs(3, 10, 0.02, 0.01, random), runs(3, 10 * change, 0.02, 0.01, random), 0);
      const Verdict wanted = change > 1 ? Verdict::worse : Verdict::better;
      three += change_of(*several, "decode_tok_s").verdict == wanted ? 1 : 0;
    }
    EXPECT_GE(two, trials * 98 / 100) << change;
    EXPECT_GE(right, trials * 95 / 100) << "the interval holds the true change";
    EXPECT_GE(three, trials * 85 / 100) << change;
  }
}

TEST(Compare, too_few_rounds_say_nothing_and_fail_a_gate) {
  Random random(9);
  const Matrix a = matrix_of({row_of("direct", 10, 0.01, 5, random)});
  const Matrix b = matrix_of({row_of("direct", 20, 0.01, 7, random)});
  const RecordComparison comparison = compared(a, b);
  const Change change = change_of(comparison, "decode_tok_s");
  EXPECT_EQ(change.verdict, Verdict::unknown);
  EXPECT_EQ(change.reason, "5 rounds, 6 are needed");
  EXPECT_THAT(gate_failures(comparison, {"decode_tok_s"}), ElementsAre(HasSubstr("unknown: 5 rounds")));
}

TEST(Compare, requests_of_other_lengths_are_not_judged_memory_included) {
  Random random(10);
  Matrix a = matrix_of({row_of("direct", 10, 0.01, 8, random)});
  Matrix b = matrix_of({row_of("direct", 10, 0.01, 8, random)});
  b.rows[0].output_tokens = 8;
  b.rows[0].memory.peak_bytes = 50 << 20;
  const RecordComparison comparison = compared(a, b);
  for (const Change& change : comparison.changes) {
    EXPECT_EQ(change.verdict, Verdict::unknown) << change.metric;
    EXPECT_EQ(change.reason, "requests of other lengths");
  }
  EXPECT_EQ(gate_failures(comparison, {"memory_peak_bytes"}).size(), 1U);
  b.rows[0].subject.parity->max_abs = 2;
  EXPECT_EQ(change_of(compared(a, b), "parity").verdict, Verdict::worse) << "lost parity is a fact at any length";
}

TEST(Compare, lost_parity_more_memory_and_a_row_that_is_gone_are_seen) {
  Random random(11);
  Matrix a = matrix_of({row_of("direct", 10, 0.01, 6, random), row_of("mlx", 10, 0.01, 6, random)});
  Matrix b = matrix_of({row_of("direct", 10, 0.01, 6, random), row_of("llama.cpp", 10, 0.01, 6, random)});
  b.rows[0].subject.parity->max_abs = 2;
  b.rows[0].memory.peak_bytes = 120 << 20;
  const RecordComparison comparison = compared(a, b);
  EXPECT_EQ(change_of(comparison, "parity").verdict, Verdict::worse);
  EXPECT_EQ(change_of(comparison, "memory_peak_bytes").verdict, Verdict::differs);
  EXPECT_THAT(comparison.missing, ElementsAre("mlx: only in the first"));
  EXPECT_THAT(comparison.added, ElementsAre("llama.cpp: only in the second"));
  EXPECT_THAT(gate_failures(comparison, {"ttft_ms"}), ElementsAre("row mlx: only in the first"));
  EXPECT_TRUE(gate_failures(comparison, {}).empty()) << "no gate";
  b.rows[0].rounds.clear();
  const RecordComparison gone = compared(a, b);
  EXPECT_EQ(change_of(gone, "decode_tok_s").reason, "no longer measured");
  EXPECT_THAT(gate_failures(gone, {"decode_tok_s"}), testing::Contains(HasSubstr("no longer measured")));
}

// An engine that is not installed on this machine is refused in each record, and no gate is about it.
TEST(Compare, an_engine_that_was_refused_before_is_no_part_of_a_gate) {
  Random random(12);
  Matrix a = matrix_of({row_of("direct", 10, 0.01, 6, random), row_of("mlx", 10, 0.01, 6, random)});
  a.rows[1].rounds.clear();
  a.rows[1].status = Row::Status::refused;
  EXPECT_TRUE(gate_failures(compared(a, a), {"decode_tok_s"}).empty());
  a.rows[1].status = Row::Status::failed;
  EXPECT_THAT(gate_failures(compared(a, a), {"decode_tok_s"}), ElementsAre(HasSubstr("mlx decode_tok_s: unknown")));
  a.rows.erase(a.rows.begin());
  a.rows[0].status = Row::Status::refused;
  EXPECT_THAT(gate_failures(compared(a, a), {"decode_tok_s"}), ElementsAre(HasSubstr("no row")))
      << "a gate over nothing does not hold";
}

TEST(Compare, other_machines_settings_and_versions_are_named) {
  Random random(13);
  Matrix a = matrix_of({row_of("direct", 10, 0.01, 6, random)});
  Matrix b = a;
  EXPECT_TRUE(differences(a, b).empty());
  b.machine.chip = "another";
  b.settings.rounds = 9;
  b.artifact.sha256 = "ff";
  b.environment.governor = "powersave";
  b.environment.idle_watts = 5;  // what was measured is no condition
  b.rows[0].subject.version = "2";
  b.rows[0].output_tokens = 8;
  b.seconds = 5;
  EXPECT_THAT(differences(a, b),
              ElementsAre("machine.chip: a chip, another", "artifact.sha256: 00, ff",
                          "workload.rounds: " + std::to_string(a.settings.rounds) + ", 9",
                          "environment.governor: , powersave", "direct.version: , 2", "direct.output_tokens: 9, 8"));
  const std::vector<Matrix> before{a, a, b};
  const std::vector<Matrix> after{a, a, a};
  EXPECT_THAT(compare_records(before, after, 0).value().differences,
              testing::Contains("machine.chip: a chip, another  (first side, record 3)"));
}

TEST(Compare, sides_that_were_not_taken_in_turn_are_told) {
  Random random(14);
  auto before = runs(3, 10, 0.01, 0.01, random);
  auto after = runs(3, 10, 0.01, 0.01, random);
  for (std::size_t i = 0; i < 3; ++i) {
    before[i].started_unix_s = static_cast<std::int64_t>(i);
    after[i].started_unix_s = static_cast<std::int64_t>(10 + i);
  }
  EXPECT_THAT(compare_records(before, after, 0).value().differences, ElementsAre(HasSubstr("take the sides in turn")));
  before[2].started_unix_s = 20;
  EXPECT_TRUE(compare_records(before, after, 0).value().differences.empty());
}

TEST(Compare, metrics_that_are_none_are_refused) {
  EXPECT_TRUE(check_metrics(compared_metrics()));
  const auto refused = check_metrics({"decode_tok_s", "speed"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("\"speed\", expected some of decode_tok_s"));
}

// From tables of the rank sum test (Mann and Whitney 1947) and of Student's distribution.
TEST(CompareInterval, covers_what_the_tables_say) {
  const std::vector<double> a{1, 1, 1, 1, 1, 1};
  const std::vector<double> b{2, 3, 4, 5, 6, 7};
  const ChangeInterval six = change_of_values(a, b, 0.95);  // P(U <= 5) = 19/924 for 6 and 6
  EXPECT_NEAR(six.coverage, 1 - 2 * 19.0 / 924, 1e-12);
  EXPECT_DOUBLE_EQ(six.percent, 350);
  EXPECT_DOUBLE_EQ(six.low, 100);
  EXPECT_DOUBLE_EQ(six.high, 600);
  const std::vector<double> three{1, 2, 3};
  EXPECT_NEAR(change_of_values(three, three, 0.95).coverage, 0.9, 1e-12) << "three a side reach no more";
  EXPECT_NEAR(student_within(2.776, 4), 0.95, 1e-4);
  EXPECT_NEAR(student_within(12.706, 1), 0.95, 1e-4);
  EXPECT_NEAR(student_within(1.984, 100), 0.95, 1e-4);
  EXPECT_NEAR(student_within(3.182, 3), 0.95, 1e-4);
}

TEST(CompareInterval, exact_ranks_and_the_approximation_for_many_values_meet) {
  std::vector<double> a;
  std::vector<double> b;
  Random random(15);
  for (int i = 0; i < 41; ++i) {  // 41 * 41 pairs: just approximated
    a.push_back(std::exp(0.1 * random.normal()));
    b.push_back(std::exp(0.1 * random.normal()));
  }
  const ChangeInterval many = change_of_values(a, b, 0.95);
  const ChangeInterval exact = change_of_values(std::span(a).first(39), b, 0.95);
  EXPECT_NEAR(many.high - many.low, exact.high - exact.low, 1.5);
  EXPECT_NEAR(many.coverage, 0.95, 0.002);
  const std::vector<double> thousands(5000, 2.0);
  EXPECT_DOUBLE_EQ(change_of_values(thousands, thousands, 0.95).percent, 0);
}

}  // namespace
}  // namespace assay::measure
