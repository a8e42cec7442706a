// A matrix that is stopped keeps what it has, and goes on with what it lacks.
#include <gmock/gmock.h>

#include <cmath>

#include "measure/scripted.h"
#include "record/record_json.h"

namespace assay::measure {
namespace {

using testing::HasSubstr;

class Resumes : public Matrices {
 protected:
  ScriptedEngine a{clock, 1000, 50};
  ScriptedEngine b{clock, 500, 20};
  std::vector<Contestant> both{contestant("a", &a), contestant("b", &b)};

  // Stops where `where` is said for the n-th time; empty: never.
  Result<void> run(const MatrixSettings& settings, Matrix& out, const std::string& where, int nth = 1,
                   Begin begin = Begin::anew) {
    return measure_rows(both, settings,
                        {.clock = clock,
                         .watch = watch,
                         .make_prompt = prompts(),
                         .progress =
                             [&, nth](std::uint64_t, std::uint64_t, const std::string& what) mutable {
                               asked.push_back(what);
                               return where.empty() || what.find(where) == std::string::npos || --nth > 0;
                             }},
                        out, begin);
  }
  std::vector<std::string> asked;
};

TEST_F(Resumes, a_stopped_matrix_has_what_was_measured) {
  Matrix out;
  const auto stopped = run({.rounds = 6}, out, "a, round 3");
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  EXPECT_THAT(stopped.error().detail, HasSubstr("stopped before a, round 3"));
  EXPECT_EQ(out.rows[0].rounds.size(), 2U);
  EXPECT_GE(out.rows[1].rounds.size(), 2U);
  EXPECT_EQ(out.rows[0].decode_tok_s.n, 2U) << "and its figures";
}

TEST_F(Resumes, what_is_missing_is_measured_and_nothing_twice) {
  const MatrixSettings settings{.prompt_tokens = 64,
                                .output_tokens = 8,
                                .rounds = 6,
                                .sweep_context = {32, 128},
                                .sweep_streams = {1, 2},
                                .sweep_rounds = 2};
  Matrix whole;
  ASSERT_TRUE(run(settings, whole, ""));
  const std::vector<std::string> order = asked;
  for (const auto& [where, nth] : std::vector<std::pair<std::string, int>>{{"a, round 0", 1},
                                                                           {"b, round 1", 1},
                                                                           {"a, round 6", 1},
                                                                           {"b, context 32", 1},
                                                                           {"a, context 128", 2},
                                                                           {"b, 2 streams", 3}}) {
    SCOPED_TRACE(where);
    Matrix out;
    asked.clear();
    ASSERT_FALSE(run(settings, out, where, nth));
    if (!out.rows[0].cold && !out.rows[1].cold) continue;  // nothing to go on with
    std::vector<std::string> both_parts = asked;
    both_parts.pop_back();  // asked, and not done
    out.seconds = 100;
    const std::size_t before = out.rows[0].rounds.size();
    asked.clear();
    ASSERT_TRUE(run(settings, out, "", 1, Begin::where_it_ended));
    for (const Row& row : out.rows) {
      EXPECT_EQ(row.status, Row::Status::ok);
      EXPECT_EQ(row.rounds.size(), 6U);
      EXPECT_EQ(row.decode_tok_s.n, 6U);
      EXPECT_NEAR(row.decode_tok_s.median, row.subject.engine == "a" ? 50 : 20, 0.1);
      ASSERT_EQ(row.context_sweep.size(), 2U);
      ASSERT_EQ(row.stream_sweep.size(), 2U);
      for (const ContextPoint& point : row.context_sweep) EXPECT_EQ(point.rounds.size(), 2U) << point.reason;
      for (const StreamPoint& point : row.stream_sweep) EXPECT_EQ(point.rounds.size(), 2 * point.streams);
      EXPECT_TRUE(row.first && row.cold);
    }
    if (before < 6 && before > 0) {
      EXPECT_GT(out.rows[0].rounds[before].sent_ns, 99'000'000'000) << "timings go on behind those of the first run";
    }
    // Each round that counts is asked for once over both runs, in the order that a whole run has.
    const auto counted = [](const std::vector<std::string>& list) {
      std::vector<std::string> rounds;
      for (const std::string& what : list) {
        if (what.find("pilot") == std::string::npos && what.find("round 0") == std::string::npos &&
            what.find("round") != std::string::npos) {
          rounds.push_back(what);
        }
      }
      return rounds;
    };
    both_parts.insert(both_parts.end(), asked.begin(), asked.end());
    EXPECT_EQ(counted(both_parts), counted(order));
  }
}

TEST_F(Resumes, lengths_failures_and_first_requests_stay_what_they_were) {
  const MatrixSettings settings{.prompt_tokens = 4000, .output_tokens = 200, .rounds = 6, .budget_s = 5};
  Matrix out;
  ASSERT_FALSE(run(settings, out, "a, round 4"));
  out.rows[1].status = Row::Status::failed;
  out.rows[1].reason = "in round 3: crashed";
  const Row before = out.rows[0];
  EXPECT_FALSE(before.adapted.empty());
  out.seconds = 60;
  ASSERT_TRUE(run(settings, out, "", 1, Begin::where_it_ended));
  EXPECT_EQ(out.rows[0].prompt_tokens, before.prompt_tokens);
  EXPECT_EQ(out.rows[0].adapted, before.adapted);
  EXPECT_EQ(out.rows[0].first->sent_ns, before.first->sent_ns);
  EXPECT_EQ(out.rows[0].cold->sent_ns, before.cold->sent_ns);
  EXPECT_EQ(out.rows[0].rounds.size(), 6U);
  EXPECT_EQ(out.rows[1].status, Row::Status::failed);
  EXPECT_EQ(out.rows[1].reason, "in round 3: crashed");
}

TEST_F(Resumes, the_worse_of_both_runs_is_what_disturbed_a_row) {
  Matrix out;
  watch.each.others_cpu_s = 0.5;
  ASSERT_FALSE(run({.rounds = 6}, out, "a, round 4"));
  out.seconds = 60;
  watch.each.others_cpu_s = 0;
  ASSERT_TRUE(run({.rounds = 6}, out, "", 1, Begin::where_it_ended));
  EXPECT_NEAR(out.rows[0].noise.others_cpu_cores, 0.5, 1e-9);
}

TEST_F(Resumes, a_soak_that_was_stopped_begins_anew) {
  const MatrixSettings settings{.prompt_tokens = 16, .output_tokens = 4, .rounds = 6, .soak_s = 60};
  Matrix out;
  ASSERT_FALSE(run(settings, out, "soak", 20));
  ASSERT_TRUE(out.rows[0].drift || out.rows[1].drift);
  for (const Row& row : out.rows) {
    if (!row.drift) continue;
    EXPECT_THAT(row.drift->reason, HasSubstr("stopped on request"));
  }
  out.seconds = 60;
  ASSERT_TRUE(run(settings, out, "", 1, Begin::where_it_ended));
  for (const Row& row : out.rows) {
    EXPECT_EQ(row.rounds.size(), 6U);
    EXPECT_GE(row.drift->seconds, 60);
    EXPECT_THAT(row.drift->reason, testing::Not(HasSubstr("stopped")));
  }
}

TEST_F(Resumes, an_open_loop_that_was_stopped_keeps_what_it_has_and_begins_anew) {
  MatrixSettings settings{.prompt_tokens = 16, .output_tokens = 4, .rounds = 6};
  settings.arrivals_per_s = 2;
  settings.arrivals_s = 60;
  Stop stop;
  class Stopping final : public ScriptedWatch {
   public:
    Stopping(FakeClock& clock, Stop& stop) : ScriptedWatch(clock), stop_(stop) {}
    std::int64_t left_ns = 0;
    void rest(std::int64_t ns) override {
      ScriptedWatch::rest(ns);
      left_ns -= ns;
      if (left_ns < 0) stop_.ask();
    }

   private:
    Stop& stop_;
  } stopping(clock, stop);
  const MatrixTools tools{.clock = clock, .watch = stopping, .make_prompt = prompts(), .stop = &stop};
  Matrix out;
  stopping.left_ns = 20'000'000'000;  // of the time between requests
  const auto stopped = measure_rows(both, settings, tools, out, Begin::anew);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  EXPECT_THAT(stopped.error().detail, HasSubstr("stopped in a, open loop"));
  ASSERT_TRUE(out.rows[0].open_loop);
  EXPECT_THAT(out.rows[0].open_loop->reason, testing::StartsWith("stopped on request after 2"));
  EXPECT_GT(out.rows[0].open_loop->requests.size(), 10U);
  EXPECT_LT(out.rows[0].open_loop->sent, 60U);
  EXPECT_EQ(out.rows[0].open_loop->failed, 0U) << "what was cut off did not fail";
  EXPECT_GT(out.rows[0].open_loop->ttft_ms.median, 0) << "and its figures";
  EXPECT_FALSE(out.rows[1].open_loop);
  stop.forget();
  stopping.left_ns = std::int64_t{1} << 60;
  out.seconds = 60;
  ASSERT_TRUE(measure_rows(both, settings, tools, out, Begin::where_it_ended));
  for (const Row& row : out.rows) {
    ASSERT_TRUE(row.open_loop);
    EXPECT_EQ(row.open_loop->reason, "");
    EXPECT_EQ(row.open_loop->sent, out.rows[0].open_loop->sent);
    EXPECT_GT(row.open_loop->sent, 80U);
  }
}

// What is said to take so long does, so that a share of it is a share of the time.
TEST_F(Resumes, progress_counts_seconds_of_all_parts) {
  const MatrixSettings settings{
      .prompt_tokens = 64, .output_tokens = 8, .rounds = 6, .sweep_context = {128}, .soak_s = 30};
  Matrix out;
  std::int64_t begin = -1;
  double furthest = 0;
  std::uint64_t total = 0;
  ASSERT_TRUE(measure_rows(both, settings,
                           {.clock = clock,
                            .watch = watch,
                            .make_prompt = prompts(),
                            .progress =
                                [&](std::uint64_t done, std::uint64_t all, const std::string&) {
                                  if (all == 0) return true;
                                  if (begin < 0) begin = clock.now_ns();
                                  total = all;
                                  const double elapsed_ms = static_cast<double>(clock.now_ns() - begin) * 1e-6;
                                  furthest = std::max(furthest, std::abs(elapsed_ms - static_cast<double>(done)));
                                  return true;
                                }},
                           out));
  const double took_ms = static_cast<double>(clock.now_ns() - begin) * 1e-6;
  EXPECT_NEAR(static_cast<double>(total), took_ms, took_ms * 0.1);
  EXPECT_LT(furthest, took_ms * 0.1);
}

TEST_F(Resumes, an_unfinished_record_says_so_and_reads_back) {
  Matrix out;
  ASSERT_FALSE(run({.rounds = 6}, out, "a, round 3"));
  out.unfinished = "matrix stopped before a, round 3";
  out.resumed = Resumed{.times = 1, .unix_s = 5, .after_s = 2.5};
  const Json json = to_json(out);
  EXPECT_EQ(json["unfinished"], "matrix stopped before a, round 3");
  const auto back = matrix_from_json(json);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->unfinished, out.unfinished);
  EXPECT_EQ(back->resumed->times, 1U);
  EXPECT_EQ(back->rows[0].rounds.size(), 2U);
}

}  // namespace
}  // namespace assay::measure
